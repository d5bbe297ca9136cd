// SPDX-License-Identifier: GPL-2.0
/// \file
/// What the program does, one function each. They return its exit status.
#pragma once

#include "core/output.hpp"
#include "formats/choice.hpp"
#include "formats/report.hpp"
#include "recording/recording.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace exitstat
{

enum Status { ok = 0, failed = 1, wrong_usage = 2, unavailable = 3 };

enum class Format { table, json, csv, prometheus, openmetrics };

/// Whether it is of counters since they began, whatever the period that one asks for.
constexpr bool is_metrics(Format format)
{
	return format == Format::prometheus || format == Format::openmetrics;
}

/// How to show reports.
struct Display {
	Format format = Format::table;
	Sort sort = Sort::exits;
	Output output{1};
	Style style{};
	bool buckets = false; ///< metrics: histograms as well
	Detail detail{};
	Choice choice{};
	bool clock = false; ///< intervals are told with the time of day
};

/// A reading of the leaf, and what the guest's kernel tells besides.
struct Reading : Snapshot {
	Reading(Snapshot snapshot, std::optional<std::chrono::nanoseconds> steal = {})
		: Snapshot(std::move(snapshot)), steal(steal)
	{
	}

	std::optional<std::chrono::nanoseconds> steal; ///< steal_time()
};

/// What is read, and where it is.
struct Machine {
	Reader &reader;
	bool emulated;
	std::string vm{}; ///< which one, where it is another than the one that this runs in

	Report report(const Reading &reading, std::optional<int> cpu) const;

	/// The difference between two readings, without our own VM-Exits.
	Report delta(const Reading &later, const Reading &earlier, Period period,
		     std::uint64_t own_cycles, std::optional<int> cpu = {}) const;
};

/// The whole VM, or vCPUs one by one.
class Scopes
{
public:
	/// No \p cpus: the whole VM.
	explicit Scopes(const std::vector<int> &cpus);

	/// Call \p read for each. A CPU that is gone is complained of once, and left out until it
	/// is back. Throws CpuGone if none is there.
	void each(const std::function<void(std::optional<int> cpu)> &read);

private:
	std::vector<std::optional<int>> scopes;
	std::set<int> gone{};
};

/// The whole VM, or the vCPU that is this CPU.
Reading read(Reader &reader, std::optional<int> cpu, Details details);

/// One report since the VM started, of the whole VM or of each of \p cpus.
int show(const Machine &machine, const std::vector<int> &cpus, const Display &display);

/// The same of each of these.
int show_each(std::span<const Machine> machines, const Display &display);

/// The registers of each CPUID that a report takes, or of this input ECX.
int show_raw(const Cpuid &cpuid, std::optional<std::uint32_t> ecx, const std::vector<int> &cpus,
	     const Display &display);

/// What there is to know about the reasons that \p what names; about those that were seen where it
/// is empty, and where there are no statistics about all.
int explain_reasons(const Cpuid &cpuid, const std::string &what, const Display &display);

struct Interval {
	std::chrono::nanoseconds length;
	std::optional<std::uint64_t> count{}; ///< of reports; none: for ever
	bool first = true;		      ///< with the one since the VM started
};

/// A report each interval: of the time since the VM started, then of the interval.
int watch(const Machine &machine, const std::vector<int> &cpus, const Interval &interval,
	  const Display &display);

/// What happens while a command runs, so many times. The status is the command's, of several runs
/// the last that is not 0.
int run_command(const Machine &machine, const std::vector<std::string> &command, unsigned runs,
		const Display &display);

/// What happened while a command ran; nothing, if the counters began anew meanwhile, of which it
/// has complained then.
struct Ran {
	std::optional<Report> report{};
	int wait_status = 0; ///< of the command, see exit_as()

	/// The status to end with, as the command did, or a failure if there is nothing to show.
	int status() const;
};

/// Throws CannotRun.
Ran run_once(const Machine &machine, const std::vector<std::string> &command);

/// How long the VM-Exits of a reason took, since the start or while a command runs.
int show_histogram(const Machine &machine, const std::string &what,
		   const std::vector<std::string> &command, const Display &display);

/// Plot the last session of a recording.
int plot_recording(const std::string &file, const std::string &picture);

/// Write a recording, while a command runs or until a signal ends it.
int record(const Machine &machine, const std::string &path, std::chrono::nanoseconds interval,
	   const std::vector<std::string> &command);

/// The sessions of a recording. A torn tail is complained of, and left out.
std::vector<Session> read_recording(const std::string &path);

/// Show a recording: each interval, then all of it.
int show_recording(const std::string &path, const Display &display);

/// Show how two reports, in JSON or as recordings, differ.
int diff(const std::string &before, const std::string &after, const Display &display);

/// Check that the leaf keeps its promises, and show what a reading costs.
int self_check(const Cpuid &cpuid, std::uint32_t tsc_step, const Display &display);

} // namespace exitstat
