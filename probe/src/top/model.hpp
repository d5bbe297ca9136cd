// SPDX-License-Identifier: GPL-2.0
/// \file
/// What happened: rows for the live view, made of readings.
#pragma once

#include "formats/report.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace exitstat
{

/// A reading of the whole VM, or of one CPU of the guest.
struct TopReading {
	std::optional<int> cpu;
	Snapshot snapshot;
};

/// A reason, on the whole VM or on one CPU, in the last interval.
struct TopRow {
	std::optional<int> cpu{};
	std::uint16_t code = 0;
	std::string name{};
	bool idle = false; ///< the vCPU had nothing to do: see is_idle()
	double exits = 0;  ///< a second, as are the others
	double cycles = 0;
	double user_exits = 0;
	double away_cycles = 0;
	Histogram histogram{};
	std::size_t silent = 0;	      ///< intervals since it was last seen
	std::deque<double> history{}; ///< exits a second, newest last

	/// Cycles per exit.
	double cost() const
	{
		return exits > 0 ? cycles / exits : 0;
	}
};

/// Makes rows of readings. Without the VM-Exits of the readings themselves.
class TopModel
{
public:
	/// Samples of a history.
	static constexpr std::size_t history_limit = 240;
	/// A reason that was silent for so many intervals has no row any more.
	static constexpr std::size_t silent_limit = 60;

	/// The largest numbers and names so far: columns grow, and do not shrink again.
	struct Widest {
		double exits = 0, cycles = 0, cost = 0, away_cycles = 0;
		std::size_t name = 0;
		int cpu = 0;
	};

	TopModel(Isa isa, std::uint64_t own_cycles_per_exit)
		: isa(isa), own_cycles_per_exit(own_cycles_per_exit)
	{
		clear();
	}

	/// What was read at one time. The first reading of a CPU, and of a generation, is the base
	/// of its first interval, and one without time since the last is passed over.
	void add(std::vector<TopReading> readings);

	/// The next reading is a base: the time until then is no interval.
	void rebase()
	{
		base.clear();
	}

	/// Forget everything.
	void clear();

	/// The price of a VM-Exit of the reader is now another one.
	void set_own_cycles(std::uint64_t per_exit)
	{
		own_cycles_per_exit = per_exit;
	}

	void sort(Sort by);

	/// Rows of reasons that were seen lately. Those of an idle vCPU come last, and only where
	/// each has rows of its own: of the whole VM they are all in idle().
	const std::vector<TopRow> &rows() const
	{
		return sorted;
	}

	/// The sum of all but those of idle vCPUs, which cost nobody anything.
	const TopRow &total() const
	{
		return sum;
	}

	/// And of these.
	const TopRow &idle() const
	{
		return idle_sum;
	}

	/// VM-Exits that the reader itself caused in the last interval; they are in no row.
	std::uint64_t own_exits() const
	{
		return own;
	}

	/// Whether there was an interval yet.
	bool has_rates() const
	{
		return !sum.history.empty();
	}

	/// At the last reading.
	std::uint32_t vcpus() const
	{
		return last_vcpus;
	}

	/// How many of them were read, one by one; 0 if it was the whole VM.
	std::size_t cpus() const
	{
		return last_cpus;
	}

	/// Whether VM-Exits were being counted then.
	bool counting() const
	{
		return last_counting;
	}

	/// How old the counters were, in ticks of the host's TSC; 0 if that is not known.
	std::uint64_t age() const
	{
		return last_ticks;
	}

	const Widest &widest() const
	{
		return most;
	}

private:
	using Key = std::pair<int, std::uint16_t>; ///< CPU, -1 for the whole VM, and reason

	Isa isa;
	std::uint64_t own_cycles_per_exit;
	Sort order = Sort::exits;
	std::map<int, Snapshot> base{};
	std::map<Key, TopRow> seen{};
	std::vector<TopRow> sorted{};
	TopRow sum{}, idle_sum{};
	std::uint64_t own = 0;
	std::uint32_t last_vcpus = 0;
	std::size_t last_cpus = 0;
	bool last_counting = true;
	std::uint64_t last_ticks = 0;
	Widest most{};
};

} // namespace exitstat
