// SPDX-License-Identifier: GPL-2.0
/// \file
/// One reading, and the forms in which it is shown. Every function returns complete lines and
/// writes nothing.
#pragma once

#include "core/time.hpp"
#include "text/layout.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace exitstat
{

enum class Sort { exits, cycles, away, cost, name, code };

/// What the counters of a report are.
enum class Period {
	since_start, ///< of the VM
	interval,    ///< a difference
	command,     ///< the difference over a command
	recording,   ///< the difference over a recording
};

/// One reading, with all that is needed to understand it alone.
struct Report {
	Info info;
	Delta delta;
	std::optional<int> cpu; ///< the vCPU that was read; none: the whole VM
	bool emulated = false;	///< cycles are not time
	Period period = Period::since_start;
	std::vector<std::string> command{};
	/// When it was read, since the guest's boot. It is not the length of any period: the guest
	/// may boot again while the VM, and its counters, go on.
	std::chrono::nanoseconds uptime{};
	/// Time in which the host ran others while the guest wanted to run (proc(5), "steal"): in
	/// the period, and since the guest's boot where that is since the start. None if unknown.
	std::optional<std::chrono::nanoseconds> steal{};
	std::string vm{}; ///< which one, as its host sees it; empty in the VM itself

	Scope scope() const
	{
		return cpu ? Scope::vcpu : Scope::vm;
	}

	/// Length of the period; 0 if that is not known.
	double seconds() const
	{
		return std::chrono::duration<double>(delta.time).count();
	}

	/// What cycles are here, and \p as_cycles even where they are time.
	Ticks ticks(bool as_cycles = false) const
	{
		return {info, emulated || as_cycles};
	}

	/// Nanoseconds of \p cycles; none where cycles are not time.
	std::optional<double> ns(std::uint64_t cycles) const
	{
		return ticks().ns(double(cycles));
	}

	/// Per cent of one CPU's time in this period.
	std::optional<double> cpu_percent(std::uint64_t cycles) const
	{
		const auto time = ns(cycles);
		if (!time || delta.time.count() <= 0)
			return std::nullopt;
		return 100 * *time / double(delta.time.count());
	}
};

/// What has changed from one reading to the next so that figures say less than they seem to; empty
/// if nothing has.
std::string news(const Snapshot &now, const Snapshot &before);

/// Cycles per exit, to the nearest; 0 without exits.
std::uint64_t cost(const Count &count);

/// Numbers go down, names and codes go up; equal rows are ordered by code.
void sort(std::vector<ReasonCount> &reasons, Isa isa, Sort by);

/// The command as a shell would take it.
std::string shell_words(const std::vector<std::string> &command);

void add(Histogram &sum, const Histogram &more);

/// All but the code.
void add(ReasonCount &sum, const ReasonCount &more);

/// What happened, in two: what interrupted the guest, and what it did when it had nothing to do,
/// all reasons that is_idle() together.
struct Busy {
	Delta delta;
	ReasonCount idle;
};

Busy without_idle(Delta delta, Isa isa);

/// How much of it a table shows.
struct Detail {
	bool columns = false; ///< all of them, in two tables where the terminal is too narrow
	bool rows = false;    ///< all of them, also those below 0.1% of all
	bool cycles = false;  ///< no time, even where the frequency is known
};

/// " since the counters began, 3:04:12 ago", " during make, 2.50 s", " in 1.00 s".
std::string when(const Report &report);

/// A table for reading.
std::string table(const Report &report, const Style &style, const Detail &detail = {});

/// Each bucket on a line, as BPF's tools print them. One of the whole VM.
std::string histogram(const Report &report, const ReasonCount &reason, const Style &style,
		      bool cycles);

/// What several runs of a command had in common: means, and standard deviations.
std::string repeated_table(std::span<const Report> runs, const Style &style, const Detail &detail,
			   Sort by);

/// One object on one line each, of the form that exitstat.schema.json describes. Keys are only ever
/// added.
std::string json(const Report &report);

/// RFC 4180, with one line a reason and, if \p header, the names of the columns first. Where there
/// is no reason, a line without one.
std::string csv(const Report &report, bool header);

/// A CPUID as the instruction saw it.
struct Call {
	std::uint32_t ecx;
	Regs regs;
};

/// The registers of each CPUID of the leaf.
std::string raw(std::span<const Call> calls, Isa isa, const Style &style);

} // namespace exitstat
