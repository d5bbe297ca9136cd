// SPDX-License-Identifier: GPL-2.0
#include "top/columns.hpp"

#include "text/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace exitstat
{

namespace
{

constexpr std::size_t trend_min = 8;

/// A column of a bound of \p percent of a row's VM-Exits.
TopColumn percentile_column(const TopModel &model, const Ticks &ticks, std::string head,
			    int expendable, unsigned percent)
{
	const auto cell = [&ticks, percent](const TopRow &row) {
		return ticks.bound(row.histogram, percent);
	};
	std::size_t width = ticks.are_time() ? 7 : 5;
	for (const TopRow &row : model.rows())
		width = std::max(width, cell(row).size());
	return {std::move(head), 2, width, expendable, {}, cell};
}

/// All that there can be, from left to right.
std::vector<TopColumn> all_columns(const TopModel &model, const TopState &state, const Info &info,
				   const Ticks &ticks)
{
	const TopModel::Widest &widest = model.widest();
	const bool timed = ticks.are_time();
	const auto wide = [](std::string_view head, const std::string &largest) {
		return std::max(head.size(), largest.size());
	};
	const auto share = [&model](double TopRow::*of) {
		return [&model, of](const TopRow &row) {
			return row.idle ? "-" : percent(row.*of, model.total().*of);
		};
	};

	std::vector<TopColumn> columns;
	if (state.per_vcpu)
		columns.push_back({"CPU",
				   0,
				   wide("CPU", std::to_string(widest.cpu)),
				   0,
				   {},
				   [](const TopRow &row) {
					   return row.cpu ? std::to_string(*row.cpu) : "";
				   }});
	columns.push_back({"REASON", std::size_t(state.per_vcpu ? 2 : 0),
			   std::max<std::size_t>(6, widest.name), 0, Sort::name,
			   [](const TopRow &row) { return row.name; }, true});
	columns.push_back({"EXITS/S", 2, wide("999,999", rate(widest.exits)), 0, Sort::exits,
			   [](const TopRow &row) {
				   return rate(row.exits);
			   }});
	columns.push_back({"%", 1, 5, 6, Sort::exits, share(&TopRow::exits)});
	if (timed)
		columns.push_back({"%CPU", 2,
				   std::max<std::size_t>(6, cpu_text(ticks, widest.cycles).size()),
				   4, Sort::cycles, [&ticks](const TopRow &row) {
					   return cpu_text(ticks, row.cycles);
				   }});
	else
		columns.push_back({"CYCLES/S", 2, wide("CYCLES/S", ticks.text(widest.cycles)), 4,
				   Sort::cycles, [&ticks](const TopRow &row) {
					   return ticks.text(row.cycles);
				   }});
	columns.push_back({"%", 1, 5, 12, Sort::cycles, share(&TopRow::cycles)});
	const char *cost = timed ? "TIME/EXIT" : "CYC/EXIT";
	columns.push_back({cost, 2, wide(cost, ticks.text(widest.cost)), 2, Sort::cost,
			   [&ticks](const TopRow &row) {
				   return row.exits > 0 ? ticks.text(row.cost()) : "-";
			   }});
	if (has_histograms(info, state.per_vcpu ? Scope::vcpu : Scope::vm)) {
		columns.push_back(percentile_column(model, ticks, "P50", 8, 50));
		columns.push_back(percentile_column(model, ticks, "P90", 10, 90));
		columns.push_back(percentile_column(model, ticks, "P99", 5, 99));
		columns.push_back(percentile_column(model, ticks, "MAX", 11, 100));
	}
	// Reading it of each vCPU as well would take twice as many CPUIDs.
	if (!state.per_vcpu && info.has(View::away)) {
		columns.push_back({"TO USER", 2, 7, 9, {}, [](const TopRow &row) {
					   return rate(row.user_exits);
				   }});
		columns.push_back({"AWAY", 2,
				   timed ? 6 : wide("AWAY", ticks.text(widest.away_cycles)),
				   timed ? 7 : 9, Sort::away, [&ticks](const TopRow &row) {
					   return ticks.text(row.away_cycles);
				   }});
	}
	columns.push_back({"TREND", 2, trend_min, 3, {}, {}, true});
	return columns;
}

} // namespace

std::string cpu_text(const Ticks &ticks, double cycles)
{
	return fmt::format("{:.2f}", ticks.ns(cycles).value_or(0) / 1e7);
}

std::vector<TopColumn> top_columns(const TopModel &model, const TopState &state, const Info &info,
				   const Ticks &ticks, std::size_t width)
{
	std::vector<TopColumn> columns = all_columns(model, state, info, ticks);

	// The order's own column comes before any other that can go.
	const auto own = std::ranges::min_element(columns, {}, [&](const TopColumn &column) {
		return column.key == state.sort ? column.expendable : 99;
	});
	if (own->key == state.sort)
		own->expendable = std::min(own->expendable, 1);

	std::vector<Slot> slots;
	slots.reserve(columns.size());
	for (const TopColumn &column : columns)
		slots.push_back({column.gap + column.width, column.expendable});
	const std::vector<bool> shown = fit(slots, width);
	std::vector<TopColumn> those;
	std::size_t used = 0;
	for (std::size_t i = 0; i < columns.size(); i++) {
		if (!shown[i])
			continue;
		used += slots[i].width;
		those.push_back(std::move(columns[i]));
	}
	// A name is cut before the number next to it.
	for (TopColumn &column : those)
		if (column.key == Sort::name && used > width)
			column.width = std::max<std::size_t>(
				3, column.width - std::min(column.width, used - width));
	if (!those.back().cell)
		those.back().width += std::min(width - used, TopModel::history_limit - trend_min);
	return those;
}

} // namespace exitstat
