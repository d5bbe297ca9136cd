// SPDX-License-Identifier: GPL-2.0
#include "report.hpp"

#include "reasons.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace exit_stats
{

namespace
{

/// 1234567 as "1,234,567". Not by locale: a tiny guest has no locale files.
std::string grouped(std::uint64_t value)
{
	std::string s = std::to_string(value);
	for (auto at = int(s.size()) - 3; at > 0; at -= 3)
		s.insert(std::size_t(at), ",");
	return s;
}

std::string percent(std::uint64_t part, std::uint64_t whole)
{
	return whole ? fmt::format("{:.1f}", 100.0 * double(part) / double(whole)) : "-";
}

/// Cycles per exit, to the nearest.
std::uint64_t cost(const Count &count)
{
	if (!count.exits)
		return 0;
	const std::uint64_t rest = count.cycles % count.exits;
	return count.cycles / count.exits + (rest >= count.exits - rest);
}

using Row = std::array<std::string, 6>;

Row row(std::string name, const Count &count, const Count &total)
{
	return {std::move(name),
		grouped(count.exits),
		percent(count.exits, total.exits),
		grouped(count.cycles),
		percent(count.cycles, total.cycles),
		count.exits ? grouped(cost(count)) : "-"};
}

std::string heading(const Report &report)
{
	const Info &info = report.info;
	std::string s = "VM-Exits since the VM started: ";
	s += report.cpu ? fmt::format("CPU {} of ", *report.cpu) : "whole VM, ";
	s += fmt::format("{} vCPU{}", info.vcpus, info.vcpus == 1 ? "" : "s");
	s += info.isa == Isa::vmx ? ", VMX" : ", SVM";
	if (info.tsc_khz)
		s += fmt::format(", TSC {}.{:03} MHz", info.tsc_khz / 1000, info.tsc_khz % 1000);
	return s + "\n";
}

/// A CPUID as the instruction saw it, for --raw.
struct Call {
	std::uint32_t ecx;
	Regs regs;
};

/// What the input ECX asks for: "REASON IO_INSTRUCTION". An index is told where it is no scope, and
/// where it is not 0.
std::string describe(std::uint32_t ecx, Isa isa)
{
	static constexpr const char *names[] = {"TOTAL", "INFO", "REASON", "AWAY", "HIST", "NEXT"};
	const auto view = View(ecx >> 24);
	const std::uint32_t index = ecx >> 16 & 0xFF;
	const auto reason = std::uint16_t(ecx);

	if (std::size_t(view) >= std::size(names))
		return "undefined";
	std::string s = names[std::size_t(view)];
	if (index || view == View::info || view == View::hist)
		s += fmt::format(" {}", index);
	if (view == View::next)
		s += fmt::format(" {:#x}", reason);
	else if (view != View::total && view != View::info)
		s += " " + reason_name(isa, reason);
	return s;
}

std::string raw(const std::vector<Call> &calls, Isa isa)
{
	std::string s = fmt::format("{:10}    {:10} {:10} {:10} {:10} {}\n", "INPUT ECX", "EAX",
				    "EBX", "ECX", "EDX", "VIEW");
	for (const auto &[ecx, r] : calls)
		s += fmt::format("{:#010x} -> {:#010x} {:#010x} {:#010x} {:#010x} {}\n", ecx, r.eax,
				 r.ebx, r.ecx, r.edx, describe(ecx, isa));
	return s;
}

/// One reading, of the CPU that is pinned or of the whole VM.
std::string run_once(const Options &options, const Cpuid &cpuid, std::uint32_t tsc_step,
		     std::optional<int> cpu)
{
	// --raw prints the very answers that a table is made of.
	std::vector<Call> calls;
	const Cpuid logged = [&](std::uint32_t eax, std::uint32_t ecx) {
		const Regs r = cpuid(eax, ecx);
		if (eax == leaf)
			calls.push_back({ecx, r});
		return r;
	};

	std::optional<Pin> pin;
	if (cpu)
		pin.emplace(*cpu);
	const Info info = detect(logged);
	Snapshot snapshot;
	if (options.raw_ecx)
		calls = {{*options.raw_ecx, cpuid(leaf, *options.raw_ecx)}};
	else
		snapshot = read(logged, cpu ? Scope::vcpu : Scope::vm);
	if (pin)
		pin->check();

	if (options.format == Format::raw)
		return raw(calls, info.isa);
	sort(snapshot.reasons, info.isa, options.sort);
	const Report report{info, std::move(snapshot), cpu, emulated(cpuid, tsc_step)};
	return options.format == Format::json ? json(report) : table(report);
}

} // namespace

std::string reason_name(Isa isa, std::uint16_t code)
{
	const std::string_view name = known_name(isa, code);
	return name.empty() ? fmt::format("reason {:#x}", code) : std::string(name);
}

void sort(std::vector<ReasonCount> &reasons, Isa isa, Sort by)
{
	std::ranges::sort(reasons, [&](const ReasonCount &a, const ReasonCount &b) {
		const auto ordered = [&](const auto &x, const auto &y) {
			return x == y ? a.code < b.code : x < y;
		};
		switch (by) {
		case Sort::exits:
			return ordered(b.exits, a.exits);
		case Sort::cycles:
			return ordered(b.cycles, a.cycles);
		case Sort::cost:
			return ordered(cost(b), cost(a));
		case Sort::name:
			return ordered(reason_name(isa, a.code), reason_name(isa, b.code));
		case Sort::code:
			break;
		}
		return a.code < b.code;
	});
}

std::string table(const Report &report)
{
	const auto &[total, reasons] = report.snapshot;
	std::vector<Row> rows{{"REASON", "EXITS", "%", "CYCLES", "%", "CYCLES/EXIT"}};
	for (const ReasonCount &reason : reasons)
		rows.push_back(row(reason_name(report.info.isa, reason.code), reason, total));
	rows.push_back(row("TOTAL", total, total));

	std::array<std::size_t, 6> width{};
	for (const Row &r : rows)
		for (std::size_t i = 0; i < r.size(); i++)
			width[i] = std::max(width[i], r[i].size());

	std::string s = heading(report);
	for (const Row &r : rows) {
		s += fmt::format("{:{}}", r[0], width[0]);
		for (std::size_t i = 1; i < r.size(); i++) // a share is next to its number
			s += fmt::format("{:>{}}", r[i], (i % 2 ? 2 : 1) + width[i]);
		s += "\n";
	}
	if (report.emulated)
		s += "Note: this VM runs in an emulator: cycles are ticks of its clock, not "
		     "time.\n";
	return s;
}

std::string run(const Options &options, const Cpuid &cpuid, std::uint32_t tsc_step)
{
	if (options.cpus.empty())
		return run_once(options, cpuid, tsc_step, std::nullopt);
	std::string s;
	for (const int cpu : options.cpus) {
		if (!s.empty() && options.format != Format::json)
			s += "\n";
		s += run_once(options, cpuid, tsc_step, cpu);
	}
	return s;
}

} // namespace exit_stats
