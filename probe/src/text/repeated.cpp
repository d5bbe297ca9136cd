// SPDX-License-Identifier: GPL-2.0
#include "formats/report.hpp"
#include "reasons/names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <vector>

namespace exitstat
{

namespace
{

/// What each run has had of something.
struct Sample {
	std::vector<double> values{};

	double mean() const
	{
		return std::accumulate(values.begin(), values.end(), 0.0) / double(values.size());
	}

	/// "2.3%" of the mean: the standard deviation of the runs.
	std::string deviation() const
	{
		const double middle = mean();
		if (values.size() < 2 || middle <= 0)
			return "-";
		double squares = 0;
		for (const double value : values)
			squares += (value - middle) * (value - middle);
		return fmt::format("{:.1f}%",
				   100 * std::sqrt(squares / double(values.size() - 1)) / middle);
	}
};

struct Row {
	Sample exits, lost;
};

} // namespace

std::string repeated_table(std::span<const Report> runs, const Style &style, const Detail &detail,
			   Sort by)
{
	const Report &first = runs.front();
	const Isa isa = first.info.isa;
	const Ticks ticks = first.ticks(detail.cycles);
	const bool away = std::ranges::any_of(runs, [](const Report &run) {
		return std::ranges::any_of(run.delta.reasons, &ReasonCount::away_cycles);
	});
	const std::size_t n = runs.size();
	std::map<std::uint16_t, Row> rows;
	std::vector<ReasonCount> sums; ///< for their order
	Sample seconds{};
	Row total{}, idle{};
	const auto lost = [&](const ReasonCount &r) {
		return double(away ? r.away_cycles : r.cycles);
	};
	for (std::size_t i = 0; i < n; i++) {
		seconds.values.push_back(runs[i].seconds());
		for (Row *row : {&total, &idle}) {
			row->exits.values.push_back(0);
			row->lost.values.push_back(0);
		}
		for (const ReasonCount &reason : runs[i].delta.reasons) {
			Row &row = rows[reason.code];
			row.exits.values.resize(n);
			row.lost.values.resize(n);
			row.exits.values[i] = double(reason.exits);
			row.lost.values[i] = lost(reason);
			Row &sum = is_idle(isa, reason.code) ? idle : total;
			sum.exits.values[i] += double(reason.exits);
			sum.lost.values[i] += lost(reason);
		}
	}
	for (auto &[code, row] : rows) {
		ReasonCount sum{{}, code};
		sum.exits = std::uint64_t(row.exits.mean() * double(n));
		sum.cycles = sum.away_cycles = std::uint64_t(row.lost.mean() * double(n));
		if (!is_idle(isa, code))
			sums.push_back(sum);
	}
	sort(sums, isa, by);

	Table table({{"REASON"},
		     {"EXITS"},
		     {"+-", 1, 1},
		     {away		 ? "AWAY"
		      : ticks.are_time() ? "TIME"
					 : "CYCLES"},
		     {"+-", 1, 2}});
	const auto add = [&](std::string name, const Row &row, bool loud) {
		table.add({std::move(name), grouped(std::uint64_t(row.exits.mean() + 0.5)),
			   row.exits.deviation(), ticks.text(row.lost.mean()),
			   row.lost.deviation()},
			  loud);
	};
	for (const ReasonCount &sum : sums)
		add(name_of(isa, sum.code), rows[sum.code],
		    4 * double(sum.away_cycles) >= total.lost.mean() * double(n));
	add("TOTAL", total, false);
	if (idle.exits.mean() > 0)
		add("IDLE", idle, false);

	std::string s;
	if (style.header)
		s = bold(fmt::format("VM-Exits during {}", shell_words(first.command)), style) +
		    fmt::format(": means of {} runs of {:.3f} s (+- {})\n", n, seconds.mean(),
				seconds.deviation());
	s += table.text(style);
	if (style.header)
		s += dim(fmt::format("+-: standard deviation of the runs, in per cent of the mean. "
				     "{}exitstat's own VM-Exits\nare left out.\n",
				     first.emulated ? "Cycles are no time here. " : ""),
			 style);
	return s;
}

} // namespace exitstat
