// SPDX-License-Identifier: GPL-2.0
/// \file
/// Find the leaf, and read all its counters once.
#pragma once

#include "cpu.hpp"
#include "leaf.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace exit_stats
{

/// There are no exit statistics here that this program can read.
struct Unavailable : std::runtime_error {
	using std::runtime_error::runtime_error;
};

/// The leaf is there and breaks its own rules.
struct BadAnswer : std::runtime_error {
	explicit BadAnswer(const std::string &what)
		: std::runtime_error("CPUID leaf 0x4fffffff contradicts itself: " + what)
	{
	}
};

/// View INFO.
struct Info {
	std::uint32_t abi_version;
	std::uint32_t views; ///< bit n: view n exists
	Isa isa;
	std::uint32_t vcpus;
	std::uint32_t tsc_khz; ///< the host's; 0 if unknown

	bool has(View view) const
	{
		return views >> std::uint32_t(view) & 1;
	}
};

/// Since the VM started.
struct Count {
	std::uint64_t exits;
	std::uint64_t cycles; ///< handling cycles, in host TSC ticks

	bool operator==(const Count &) const = default;
};

struct ReasonCount : Count {
	std::uint16_t code;

	bool operator==(const ReasonCount &) const = default;
};

struct Snapshot {
	Count total;			  ///< never below the sum over reasons
	std::vector<ReasonCount> reasons; ///< those that were seen, by code
};

/// Read view INFO, two CPUIDs. Throws Unavailable.
inline Info detect(const Cpuid &cpuid)
{
	const Regs id = cpuid(leaf, selector(View::info, 0));
	if (text({id.ebx, id.ecx, id.edx}) != signature) {
		if (!has_hypervisor_bit(cpuid))
			throw Unavailable("no VM-Exits to count: CPUID shows no hypervisor, so "
					  "this is not a virtual machine");
		const std::string name = hypervisor_name(cpuid);
		throw Unavailable("no exit statistics here: the hypervisor (" +
				  (name.empty() ? "without a name" : name) +
				  ") does not offer them in CPUID leaf 0x4fffffff");
	}

	Info info{};
	info.abi_version = id.eax & 0xFFFF;
	info.views = id.eax >> 16;
	if (info.abi_version != abi_version)
		throw Unavailable("the hypervisor's exit statistics have ABI version " +
				  std::to_string(info.abi_version) + "; this program reads " +
				  std::to_string(abi_version));
	for (auto [view, name] : {std::pair(View::total, "TOTAL"),
				  {View::info, "INFO"},
				  {View::reason, "REASON"},
				  {View::next, "NEXT"}})
		if (!info.has(view))
			throw Unavailable(std::string("the hypervisor's exit statistics lack "
						      "view ") +
					  name);

	const Regs vm = cpuid(leaf, selector(View::info, 1));
	info.isa = Isa(vm.eax);
	info.vcpus = vm.ebx;
	info.tsc_khz = vm.ecx;
	if (info.isa != Isa::vmx && info.isa != Isa::svm)
		throw Unavailable("the hypervisor counts the exits of an instruction set "
				  "unknown to this program (" +
				  std::to_string(vm.eax) + ")");
	return info;
}

/// Read all counters of a scope: 2 + 2 x reasons CPUIDs. Throws BadAnswer.
///
/// The counters move meanwhile, not least by the exits of the reading itself. Reasons come first
/// and the total last: what is counted in between shows up in the total only, so that it is never
/// below the sum.
inline Snapshot read(const Cpuid &cpuid, Scope scope)
{
	const auto ask = [&](View view, std::uint16_t reason) {
		return cpuid(leaf, selector(view, scope, reason));
	};
	const auto count = [](const Regs &r) {
		if (r == error_answer)
			throw BadAnswer("no count for something it has");
		return Count{pair_a(r), pair_b(r)};
	};

	Snapshot snapshot{};
	Count sum{};
	for (std::uint32_t from = 0; from <= UINT16_MAX;) {
		const Regs next = ask(View::next, std::uint16_t(from));
		if (next == error_answer)
			break;
		// Also what ends the loop: every answer is beyond the last one.
		if (next.eax < from || next.eax > UINT16_MAX)
			throw BadAnswer("reason " + std::to_string(next.eax) + " follows reason " +
					std::to_string(from));
		const auto code = std::uint16_t(next.eax);
		const Count c = count(ask(View::reason, code));
		snapshot.reasons.push_back({c, code});
		if (__builtin_add_overflow(sum.exits, c.exits, &sum.exits) ||
		    __builtin_add_overflow(sum.cycles, c.cycles, &sum.cycles))
			throw BadAnswer("the sum of its reasons does not fit 64 bits");
		from = next.eax + 1;
	}
	snapshot.total = count(ask(View::total, 0));
	if (snapshot.total.exits < sum.exits || snapshot.total.cycles < sum.cycles)
		throw BadAnswer("the total is below the sum of its reasons");
	return snapshot;
}

} // namespace exit_stats
