// SPDX-License-Identifier: GPL-2.0
#include "formats/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace exitstat
{

namespace
{

/// Whether a row is what to look at first.
bool is_loud(const ReasonCount &reason, const Count &total)
{
	return total.cycles && double(reason.cycles) >= 0.25 * double(total.cycles);
}

/// How often, and how long: what a reading without details has.
Table counts(const Report &report)
{
	const Count &total = report.delta.total;
	const auto &reasons = report.delta.reasons;
	const bool rates = report.period != Period::since_start;
	const bool times = report.ns(0).has_value();

	std::vector<Column> columns{{"REASON"}, {"EXITS"}, {"%", 1, 7}};
	if (rates)
		columns.push_back({"EXITS/S", 2, 3});
	columns.insert(columns.end(), {{"CYCLES", 2, 2}, {"%", 1, 5}, {"CYCLES/EXIT", 2, 1}});
	if (times)
		columns.insert(columns.end(), {{"NS/EXIT", 2, 6}, {"%CPU", 2, 4}});

	Table table(columns);
	const auto add = [&](std::string name, const Count &count, bool loud) {
		std::vector<std::string> cells{
			std::move(name), grouped(count.exits),
			percent(double(count.exits), double(report.delta.total.exits))};
		if (rates)
			cells.push_back(rate(count.exits, report.seconds()));
		cells.push_back(grouped(count.cycles));
		cells.push_back(percent(double(count.cycles), double(report.delta.total.cycles)));
		cells.push_back(count.exits ? grouped(cost(count)) : "-");
		if (times) {
			const auto share = report.cpu_percent(count.cycles);
			cells.push_back(count.exits ? grouped(std::uint64_t(
							      std::round(*report.ns(count.cycles) /
									 double(count.exits))))
						    : "-");
			cells.push_back(share ? fmt::format("{:.2f}", *share) : "-");
		}
		table.add(std::move(cells), loud);
	};
	for (const ReasonCount &reason : reasons)
		add(reason_name(report.info.isa, reason.code), reason, is_loud(reason, total));
	add("TOTAL", total, false);
	return table;
}

/// Time away and histograms, as far as they were read.
std::optional<Table> details(const Report &report, bool away, bool histograms)
{
	if (!away && !histograms)
		return std::nullopt;

	ReasonCount total{};
	total.histogram.resize(histograms ? report.info.buckets : 0);
	for (const ReasonCount &reason : report.delta.reasons) {
		total.user_exits += reason.user_exits;
		total.away_cycles += reason.away_cycles;
		for (std::size_t i = 0; i < reason.histogram.size(); i++)
			total.histogram[i] += reason.histogram[i];
	}

	std::vector<Column> columns{{"REASON"}};
	if (away)
		columns.insert(columns.end(), {{"TO USER", 2, 3}, {"AWAY CYCLES"}, {"%", 1, 4}});
	if (histograms)
		columns.insert(columns.end(),
			       {{"P50", 2, 5}, {"P90", 2, 2}, {"P99", 2, 1}, {"MAX", 2, 6}});
	Table table(columns);
	const auto add = [&](std::string name, const ReasonCount &reason, bool loud) {
		std::vector<std::string> cells{std::move(name)};
		if (away) {
			cells.push_back(grouped(reason.user_exits));
			cells.push_back(grouped(reason.away_cycles));
			cells.push_back(
				percent(double(reason.away_cycles), double(total.away_cycles)));
		}
		if (histograms)
			for (const unsigned p : {50U, 90U, 99U, 100U})
				cells.push_back(bound(reason.histogram, p));
		table.add(std::move(cells), loud);
	};
	for (const ReasonCount &reason : report.delta.reasons)
		add(reason_name(report.info.isa, reason.code), reason,
		    is_loud(reason, report.delta.total));
	add("TOTAL", total, false);
	return table;
}

std::string heading(const Report &report)
{
	const Info &info = report.info;
	std::string s = "VM-Exits since the VM started: ";
	if (report.period != Period::since_start) {
		s = report.period == Period::command
			    ? "VM-Exits during " + shell_words(report.command) + ", "
			    : std::string("VM-Exits in ");
		s += fmt::format("{:.2f} s: ", report.seconds());
	}
	s += report.cpu ? fmt::format("CPU {} of ", *report.cpu) : "whole VM, ";
	s += fmt::format("{} vCPU{}", info.vcpus, info.vcpus == 1 ? "" : "s");
	s += info.isa == Isa::vmx ? ", VMX" : ", SVM";
	if (info.tsc_khz)
		s += fmt::format(", TSC {}.{:03} MHz", info.tsc_khz / 1000, info.tsc_khz % 1000);
	return s + "\n";
}

} // namespace

std::string table(const Report &report, const Style &style)
{
	const auto &reasons = report.delta.reasons;
	// What one reason has, all have: they were read the same way.
	const bool away = report.info.has(View::away) &&
			  std::ranges::any_of(reasons, &ReasonCount::away_cycles);
	const bool histograms = std::ranges::any_of(
		reasons, [](const ReasonCount &reason) { return !reason.histogram.empty(); });

	std::string s = style.header ? heading(report) : "";
	const Table first = counts(report);
	if (const auto second = details(report, away, histograms)) {
		const Table both = first.beside(*second);
		if (both.width() <= style.width)
			s += both.text(style);
		else
			s += first.text(style) + "\n" + second->text(style);
	} else {
		s += first.text(style);
	}
	if (!style.header)
		return s;

	std::string notes;
	if (away)
		notes += "TO USER: VM-Exits that went to userspace. AWAY: cycles from VM-Exit to "
			 "VM-Entry,\nthose in userspace, blocked or scheduled out included.\n";
	if (histograms)
		notes += "P50 to MAX: handling cycles of one VM-Exit, known by powers of two: "
			 "<4K is from\n2,048 to 4,095.\n";
	if (report.delta.own_exits && report.period != Period::since_start)
		notes += fmt::format("{} VM-Exit{} that exitstat caused itself {} left out.\n",
				     grouped(report.delta.own_exits),
				     report.delta.own_exits == 1 ? "" : "s",
				     report.delta.own_exits == 1 ? "is" : "are");
	if (!report.delta.counting)
		notes += report.period == Period::since_start
				 ? "Note: the host has switched the counting off: VM-Exits since "
				   "then are missing.\n"
				 : "Note: the host had switched the counting off: VM-Exits of that "
				   "time are missing.\n";
	if (report.emulated)
		notes += "Note: this VM runs in an emulator: cycles are ticks of its clock, not "
			 "time.\n";
	return s + (notes.empty() ? "" : dim(notes, style));
}

} // namespace exitstat
