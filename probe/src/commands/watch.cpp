// SPDX-License-Identifier: GPL-2.0
#include "commands/commands.hpp"
#include "formats/printer.hpp"

#include <cerrno>
#include <map>

#include <time.h>

namespace exitstat
{

namespace
{

void sleep_until(std::chrono::steady_clock::time_point when)
{
	const auto ns = std::chrono::nanoseconds(when.time_since_epoch()).count();
	const timespec time{ns / 1'000'000'000, ns % 1'000'000'000};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR)
		;
}

} // namespace

int watch(const Machine &machine, const std::vector<int> &cpus, const Interval &interval,
	  const Display &display)
{
	Reader &reader = machine.reader;
	Scopes scopes(cpus);
	// A line has no room for details.
	const Details details = display.format == Format::table && !display.detail.columns
					? Details::none
					: Details::all;
	const bool totals = is_metrics(display.format);
	std::uint64_t own_cycles = reader.own_cycles_per_exit(details);
	Snapshot told;
	told.generation = reader.info().generation;
	bool has_news = false;
	const auto tell = [&](const Snapshot &now) {
		const std::string s = news(now, told);
		if (s.empty())
			return;
		complain(s);
		has_news = true;
		told.generation = now.generation;
		told.counting = now.counting;
	};

	Printer printer(display, !cpus.empty());
	std::map<std::optional<int>, Reading> last;
	scopes.each([&](std::optional<int> cpu) {
		const Reading now = read(reader, cpu, details);
		tell(now);
		printer.expect(since_start(reader.info(), now), reader.info().isa);
		if (interval.first || totals)
			printer.line(machine.report(now, cpu));
		last.insert_or_assign(cpu, now);
	});
	std::uint64_t shown = interval.first || totals;
	if (shown)
		printer.flush();

	auto next = std::chrono::steady_clock::now();
	while (!interval.count || shown < *interval.count) {
		// A fixed grid, from which a late reading does not shift the next ones.
		do
			next += interval.length;
		while (next < std::chrono::steady_clock::now());
		sleep_until(next);
		bool anew = false;
		has_news = false;
		scopes.each([&](std::optional<int> cpu) {
			const Reading now = read(reader, cpu, details);
			tell(now);
			const auto [then, is_first] = last.try_emplace(cpu, now);
			if (totals)
				printer.line(machine.report(now, cpu));
			else if (now.generation != then->second.generation)
				anew = true;
			else if (!is_first)
				printer.line(machine.delta(now, then->second, Period::interval,
							   own_cycles, cpu));
			then->second = now;
		});
		printer.flush();
		// Another host has another price, and one that counts has one.
		if (has_news)
			own_cycles = reader.own_cycles_per_exit(details);
		// What ends with other counters was no interval that anybody asked for.
		shown += !anew;
	}
	return ok;
}

} // namespace exitstat
