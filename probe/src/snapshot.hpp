// SPDX-License-Identifier: GPL-2.0
/// \file
/// Find the leaf, and read all its counters once.
#pragma once

#include "cpu.hpp"
#include "leaf.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
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
	std::uint32_t buckets; ///< of a histogram

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

/// VM-Exits by handling cycles: bucket 0 has those of 0 cycles, bucket i those from bucket_min(i)
/// to bucket_max(i), the last one also all above.
using Histogram = std::vector<std::uint64_t>;

constexpr std::uint64_t bucket_min(std::size_t i)
{
	return i ? std::uint64_t(1) << (i - 1) : 0;
}

constexpr std::uint64_t bucket_max(std::size_t i)
{
	return (std::uint64_t(1) << i) - 1;
}

/// The bucket with the smallest value that is not below a share of \p percent (1..100) of all
/// values; none if there are no values.
inline std::optional<std::size_t> percentile(const Histogram &histogram, unsigned percent)
{
	// 128 bits, as a hypervisor may answer anything.
	unsigned __int128 all = 0, seen = 0;
	for (const std::uint64_t n : histogram)
		all += n;
	for (std::size_t i = 0; i < histogram.size(); i++) {
		seen += histogram[i];
		if (seen && seen * 100 >= all * percent)
			return i;
	}
	return std::nullopt;
}

struct ReasonCount : Count {
	std::uint16_t code;
	std::uint64_t user_exits = 0;  ///< of the exits, those that went to userspace
	std::uint64_t away_cycles = 0; ///< cycles, and those in userspace, blocked, scheduled out
	Histogram histogram{};	       ///< empty if it was not read

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
	info.buckets = vm.edx;
	if (info.isa != Isa::vmx && info.isa != Isa::svm)
		throw Unavailable("the hypervisor counts the exits of an instruction set "
				  "unknown to this program (" +
				  std::to_string(vm.eax) + ")");
	return info;
}

/// Whether there are histograms of a shape that this program knows.
inline bool has_histograms(const Info &info, Scope scope)
{
	return scope == Scope::vm && info.has(View::hist) && info.buckets >= 2 &&
	       info.buckets <= 64 && info.buckets % 2 == 0;
}

/// Read the counts and cycles of a scope: 2 + 2 x reasons CPUIDs. Throws BadAnswer.
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

/// Read what else there is about the reasons of \p snapshot: 1 CPUID a reason for the time away, and
/// 16 for the histogram, which only the whole VM has. Throws BadAnswer.
///
/// Comes after the total, so that all of it holds at least the exits that were counted.
inline void read_details(const Cpuid &cpuid, Scope scope, const Info &info, Snapshot &snapshot)
{
	const auto ask = [&](std::uint32_t ecx) {
		const Regs r = cpuid(leaf, ecx);
		if (r == error_answer)
			throw BadAnswer("no details of a reason it has");
		return r;
	};

	std::uint64_t away = 0;
	for (ReasonCount &reason : snapshot.reasons) {
		if (info.has(View::away)) {
			const Regs r = ask(selector(View::away, scope, reason.code));
			reason.user_exits = pair_a(r);
			reason.away_cycles = pair_b(r);
			if (reason.away_cycles < reason.cycles)
				throw BadAnswer("time away is below the time of handling");
			if (__builtin_add_overflow(away, reason.away_cycles, &away))
				throw BadAnswer("the sum of its reasons does not fit 64 bits");
		}
		if (has_histograms(info, scope))
			for (std::uint32_t n = 0; n < info.buckets / 2; n++) {
				const Regs r =
					ask(selector(View::hist, std::uint8_t(n), reason.code));
				reason.histogram.push_back(pair_a(r));
				reason.histogram.push_back(pair_b(r));
			}
	}
}

} // namespace exit_stats
