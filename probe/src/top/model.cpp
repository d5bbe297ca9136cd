// SPDX-License-Identifier: GPL-2.0
#include "top/model.hpp"
#include "reasons/names.hpp"

#include <algorithm>
#include <functional>

namespace exitstat
{

void TopModel::clear()
{
	base.clear();
	seen.clear();
	sorted.clear();
	sum = {.name = "TOTAL"};
	idle_sum = {.name = "IDLE", .idle = true};
	own = 0;
}

void TopModel::add(std::vector<TopReading> readings)
{
	struct Interval {
		std::optional<int> cpu;
		double seconds;
		Delta delta;
	};
	std::vector<Interval> intervals;
	last_cpus = 0;
	for (TopReading &reading : readings) {
		last_vcpus = reading.snapshot.vcpus;
		last_cpus += reading.cpu.has_value();
		last_counting = reading.snapshot.counting;
		last_ticks = reading.snapshot.ticks;
		most.cpu = std::max(most.cpu, reading.cpu.value_or(0));
		// Of those that may come as well, so that columns do not move.
		for (const ReasonCount &reason : reading.snapshot.reasons)
			if (reading.cpu || !is_idle(isa, reason.code))
				most.name = std::max(most.name, name_of(isa, reason.code).size());
		const auto [at, first] =
			base.try_emplace(reading.cpu.value_or(-1), reading.snapshot);
		const auto time = reading.snapshot.time - at->second.time;
		if (first || !time.count())
			continue;
		if (time.count() > 0 && reading.snapshot.generation == at->second.generation)
			intervals.push_back({reading.cpu,
					     std::chrono::duration<double>(time).count(),
					     difference(reading.snapshot, at->second)});
		at->second = std::move(reading.snapshot);
	}
	if (intervals.empty())
		return;

	for (auto &[key, row] : seen) {
		row.exits = row.cycles = row.user_exits = row.away_cycles = 0;
		row.histogram.clear();
		row.silent++;
	}
	own = 0;
	for (const auto &[cpu, seconds, delta] : intervals) {
		own += delta.own_exits;
		for (const ReasonCount &reason :
		     without_own(delta, isa, own_cycles_per_exit).reasons) {
			TopRow &row = seen[{cpu.value_or(-1), reason.code}];
			row.cpu = cpu;
			row.code = reason.code;
			row.name = name_of(isa, reason.code);
			row.idle = is_idle(isa, reason.code);
			row.exits = double(reason.exits) / seconds;
			row.cycles = double(reason.cycles) / seconds;
			row.user_exits = double(reason.user_exits) / seconds;
			row.away_cycles = double(reason.away_cycles) / seconds;
			row.histogram = reason.histogram;
			row.silent = 0;
		}
	}
	std::erase_if(seen, [](const auto &entry) { return entry.second.silent > silent_limit; });

	const auto remember = [](TopRow &row) {
		row.history.push_back(row.exits);
		if (row.history.size() > history_limit)
			row.history.pop_front();
	};
	for (TopRow *total : {&sum, &idle_sum}) {
		total->exits = total->cycles = total->user_exits = total->away_cycles = 0;
		total->histogram.clear();
	}
	sorted.clear();
	for (auto &[key, row] : seen) {
		remember(row);
		TopRow &total = row.idle ? idle_sum : sum;
		total.exits += row.exits;
		total.cycles += row.cycles;
		total.user_exits += row.user_exits;
		total.away_cycles += row.away_cycles;
		exitstat::add(total.histogram, row.histogram);
		most.cost = std::max(most.cost, row.cost());
		if (row.idle && !row.cpu)
			continue;
		sorted.push_back(row);
	}
	for (TopRow *total : {&sum, &idle_sum}) {
		remember(*total);
		most.exits = std::max(most.exits, total->exits);
		most.cycles = std::max(most.cycles, total->cycles);
		most.away_cycles = std::max(most.away_cycles, total->away_cycles);
	}
	sort(order);
}

void TopModel::sort(Sort by)
{
	order = by;
	std::ranges::sort(sorted, [&](const TopRow &a, const TopRow &b) {
		if (a.idle != b.idle)
			return b.idle;
		const auto place = [](const TopRow &row) {
			return std::pair(row.code, row.cpu);
		};
		const auto down = [&](double x, double y) {
			return x == y ? place(a) < place(b) : x > y;
		};
		switch (by) {
		case Sort::exits:
			return down(a.exits, b.exits);
		case Sort::cycles:
			return down(a.cycles, b.cycles);
		case Sort::away: // which was not read of a vCPU
			return down(std::max(a.away_cycles, a.cycles),
				    std::max(b.away_cycles, b.cycles));
		case Sort::cost:
			return down(a.cost(), b.cost());
		case Sort::name:
			return std::pair(std::cref(a.name).get(), a.cpu) <
			       std::pair(std::cref(b.name).get(), b.cpu);
		case Sort::code:
			break;
		}
		return std::pair(a.cpu, a.code) < std::pair(b.cpu, b.code);
	});
}

} // namespace exitstat
