// SPDX-License-Identifier: GPL-2.0
/// \file
/// What a reading of the leaf has, and what happened between two of them. Nothing here touches the
/// machine.
#pragma once

#include "reasons.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

namespace exit_stats
{

/// View INFO, but for what moves.
struct Info {
	std::uint32_t abi_version;
	std::uint32_t views; ///< bit n: view n exists
	Isa isa;
	std::uint32_t vcpus;
	std::uint32_t tsc_khz;	    ///< the host's; 0 if unknown
	std::uint32_t buckets;	    ///< of a histogram
	std::uint64_t generation{}; ///< drawn when the counters began; 0 if the leaf does not tell

	bool has(View view) const
	{
		return views >> std::uint32_t(view) & 1;
	}
};

struct Count {
	std::uint64_t exits = 0;
	std::uint64_t cycles = 0; ///< handling cycles, in host TSC ticks

	bool operator==(const Count &) const = default;
};

/// VM-Exits by handling cycles: bucket 0 has those of 0 cycles, bucket i those from bucket_min(i)
/// to bucket_max(i), the last one also all above. At most 64 buckets.
using Histogram = std::vector<std::uint64_t>;

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
	std::uint16_t code = 0;
	std::uint64_t user_exits = 0;  ///< of the exits, those that went to userspace
	std::uint64_t away_cycles = 0; ///< cycles, and those in userspace, blocked, scheduled out
	Histogram histogram{};	       ///< empty if it was not read

	bool operator==(const ReasonCount &) const = default;
};

/// The count of a reason among these, which are ordered by code; null if it is not there.
inline const ReasonCount *find(std::span<const ReasonCount> reasons, std::uint16_t code)
{
	const auto at = std::ranges::lower_bound(reasons, code, {}, &ReasonCount::code);
	return at != reasons.end() && at->code == code ? &*at : nullptr;
}

/// All counters of a scope at a time: what the leaf has. Counts begin at 0 with the VM, are never
/// reset and do not go backwards.
struct Snapshot {
	/// Since the guest's boot (CLOCK_BOOTTIME).
	std::chrono::nanoseconds time{};
	std::uint32_t vcpus = 0;
	/// Never below the sum over reasons.
	Count total{};
	std::vector<ReasonCount> reasons{}; ///< those that were seen, by code
	/// Of the exits for CPUID, those that the Reader has caused itself.
	std::uint64_t own_exits = 0;
	/// Ticks of the host's TSC since the counters began; 0 if the leaf does not tell.
	std::uint64_t ticks = 0;
	/// Counters of two generations have nothing to do with each other.
	std::uint64_t generation = 0;
	/// Whether VM-Exits are being counted. Where not, no exits means nothing.
	bool counting = true;

	const ReasonCount *find(std::uint16_t code) const
	{
		return exit_stats::find(reasons, code);
	}

	bool operator==(const Snapshot &) const = default;
};

/// What happened in a period: see difference() and since_start().
struct Delta {
	/// Length of the period; 0 if that is not known.
	std::chrono::nanoseconds time{};
	std::uint32_t vcpus = 0; ///< at its end
	/// The sum over reasons; since the start, never below it.
	Count total{};
	std::vector<ReasonCount> reasons{}; ///< those that were seen, by code
	/// VM-Exits of the Reader itself that are among them, or were until without_own().
	std::uint64_t own_exits = 0;
	std::uint64_t ticks = 0; ///< as in the snapshot at its end
	std::uint64_t generation = 0;
	bool counting = true; ///< at both ends

	const ReasonCount *find(std::uint16_t code) const
	{
		return exit_stats::find(reasons, code);
	}
};

/// Whether time away and histograms are read as well, where the leaf has them: 1 and 16 CPUIDs a
/// reason more.
enum class Details { none, all };

/// Whether there are histograms of a shape that this code knows. Only the whole VM has any.
inline bool has_histograms(const Info &info, Scope scope)
{
	return scope == Scope::vm && info.has(View::hist) && info.buckets >= 2 &&
	       info.buckets <= 64 && info.buckets % 2 == 0;
}

/// All that has happened since the counters began, which is neither the guest's boot, as it may
/// have booted since, nor anything that its own TSC tells.
inline Delta since_start(const Info &info, const Snapshot &snapshot)
{
	Delta delta{.vcpus = snapshot.vcpus,
		    .total = snapshot.total,
		    .reasons = snapshot.reasons,
		    .own_exits = snapshot.own_exits,
		    .ticks = snapshot.ticks,
		    .generation = snapshot.generation,
		    .counting = snapshot.counting};
	if (info.tsc_khz)
		delta.time = std::chrono::nanoseconds(std::int64_t(
			std::min(double(snapshot.ticks) * 1e6 / info.tsc_khz, 9.2e18)));
	return delta;
}

/// How far a counter went from \p earlier to \p later, also over 2^64. A counter that went back,
/// for a leaf that tells no generation, has counted from 0.
constexpr std::uint64_t advance(std::uint64_t later, std::uint64_t earlier)
{
	const std::uint64_t steps = later - earlier;
	return steps >> 63 ? later : steps;
}

/// Two readings that have nothing to do with each other.
struct OtherGeneration : std::runtime_error {
	OtherGeneration()
		: std::runtime_error("the counters began anew, as the VM was restored or migrated")
	{
	}
};

/// What happened between two readings of the same scope. Only reasons that had VM-Exits remain. The
/// total is their sum: exits counted while \p later was being read belong to the next difference.
/// Throws OtherGeneration.
inline Delta difference(const Snapshot &later, const Snapshot &earlier)
{
	if (later.generation != earlier.generation)
		throw OtherGeneration();
	static const ReasonCount none{};
	Delta delta{};
	delta.ticks = later.ticks;
	delta.generation = later.generation;
	delta.counting = later.counting && earlier.counting;
	delta.time = later.time - earlier.time;
	delta.vcpus = later.vcpus;
	delta.own_exits = advance(later.own_exits, earlier.own_exits);
	for (const ReasonCount &now : later.reasons) {
		const ReasonCount *found = earlier.find(now.code);
		const ReasonCount &then = found ? *found : none;
		ReasonCount r{{advance(now.exits, then.exits), advance(now.cycles, then.cycles)},
			      now.code,
			      advance(now.user_exits, then.user_exits),
			      advance(now.away_cycles, then.away_cycles),
			      now.histogram};
		for (std::size_t i = 0; i < r.histogram.size() && i < then.histogram.size(); i++)
			r.histogram[i] = advance(r.histogram[i], then.histogram[i]);
		if (!r.exits && !r.cycles)
			continue;
		// Details come of two readings that have them. Time away was read a moment later
		// than the cycles, hence is not of quite the same exits.
		if (found && then.histogram.empty())
			r.histogram.clear();
		if (!now.away_cycles || (found && then.cycles && !then.away_cycles))
			r.away_cycles = r.user_exits = 0;
		else
			r.away_cycles = std::max(r.away_cycles, r.cycles);
		delta.total.exits += r.exits;
		delta.total.cycles += r.cycles;
		delta.reasons.push_back(std::move(r));
	}
	return delta;
}

/// A difference without the VM-Exits of its own reading, at a price each of
/// Reader::own_cycles_per_exit(); if that is not known, 0, at the mean of all for CPUID. Of the
/// histogram go those nearest to that price. What remains in own_exits has been left out.
inline Delta without_own(Delta delta, Isa isa, std::uint64_t cycles_per_exit)
{
	const auto at =
		std::ranges::lower_bound(delta.reasons, cpuid_reason(isa), {}, &ReasonCount::code);
	if (at == delta.reasons.end() || at->code != cpuid_reason(isa)) {
		delta.own_exits = 0;
		return delta;
	}

	const std::uint64_t exits = delta.own_exits = std::min(delta.own_exits, at->exits);
	if (!cycles_per_exit && at->exits)
		cycles_per_exit = at->cycles / at->exits;
	// What is left keeps its cycles, and what is not there has none.
	const std::uint64_t cycles =
		exits == at->exits ? at->cycles : std::min(exits * cycles_per_exit, at->cycles);
	at->exits -= exits;
	at->cycles -= cycles;
	at->away_cycles -= std::min(cycles, at->away_cycles);
	delta.total.exits -= exits;
	delta.total.cycles -= cycles;

	std::uint64_t all = 0;
	for (const std::uint64_t n : at->histogram)
		all += n;
	// Down to as many as were counted: the buckets were read a moment later.
	std::uint64_t surplus = all > at->exits ? all - at->exits : 0;
	std::size_t nearest = 0;
	while (nearest + 1 < at->histogram.size() && bucket_max(nearest) < cycles_per_exit)
		nearest++;
	for (std::size_t step = 0; surplus && step < 2 * at->histogram.size(); step++) {
		// nearest, one below, one above, two below, ...
		const std::size_t distance = (step + 1) / 2;
		const std::size_t i = step % 2 ? nearest - distance : nearest + distance;
		if (i >= at->histogram.size())
			continue;
		const std::uint64_t n = std::min(surplus, at->histogram[i]);
		at->histogram[i] -= n;
		surplus -= n;
	}
	if (!at->exits && !at->cycles)
		delta.reasons.erase(at);
	return delta;
}

} // namespace exit_stats
