// SPDX-License-Identifier: GPL-2.0
#include "formats/report.hpp"
#include "reasons/names.hpp"

#include <fmt/format.h>

#include <iterator>

namespace exitstat
{

namespace
{

/// What the input ECX asks for: "REASON IO_INSTRUCTION". An index is told where it is no scope, and
/// where it is not 0.
std::string describe(std::uint32_t ecx, Isa isa)
{
	static constexpr const char *names[] = {"TOTAL", "INFO", "REASON", "AWAY", "HIST", "NEXT"};
	const auto view = View(ecx >> 16 & 0xF);
	const std::uint32_t index = ecx >> 11 & 0x1F;
	const auto reason = std::uint16_t(ecx & 0x7FF);

	if (ecx >> 20 != magic_number)
		return names[0];
	if (std::size_t(view) >= std::size(names))
		return fmt::format("view {:#x}", std::size_t(view));
	std::string s = names[std::size_t(view)];
	if (index || view == View::info || view == View::hist)
		s += fmt::format(" {}", index);
	if (view == View::next)
		s += fmt::format(" {:#x}", reason);
	else if (view != View::total && view != View::info)
		s += " " + name_of(isa, reason);
	return s;
}

} // namespace

std::string raw(std::span<const Call> calls, Isa isa, const Style &style)
{
	std::string s;
	if (style.header)
		s = fmt::format("{:10}    {:10} {:10} {:10} {:10} {}\n", "INPUT ECX", "EAX", "EBX",
				"ECX", "EDX", "VIEW");
	for (const auto &[ecx, r] : calls)
		s += fmt::format("{:#010x} -> {:#010x} {:#010x} {:#010x} {:#010x} {}\n", ecx, r.eax,
				 r.ebx, r.ecx, r.edx, describe(ecx, isa));
	return s;
}

} // namespace exitstat
