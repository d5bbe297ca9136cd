// SPDX-License-Identifier: GPL-2.0
#include "commands/commands.hpp"
#include "formats/printer.hpp"

#include <cerrno>

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
	const auto scopes = scopes_of(cpus);
	// A line has no room for details.
	const Details details = display.format == Format::table ? Details::none : Details::all;
	const bool totals = display.format == Format::openmetrics;
	std::uint64_t own_cycles = reader.own_cycles_per_exit(details);
	Snapshot told;
	told.generation = reader.info().generation;
	const auto tell = [&](const Snapshot &now) {
		if (const std::string s = news(now, told); !s.empty())
			complain(s);
		told.generation = now.generation;
		told.counting = now.counting;
	};

	Printer printer(display, !cpus.empty());
	std::vector<Snapshot> last;
	for (const auto cpu : scopes) {
		last.push_back(read(reader, cpu, details));
		tell(last.back());
		printer.expect(last.back().reasons);
		if (interval.first || totals)
			printer.line(machine.report(last.back(), cpu));
	}
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
		for (std::size_t i = 0; i < scopes.size(); i++) {
			const Snapshot now = read(reader, scopes[i], details);
			tell(now);
			if (totals)
				printer.line(machine.report(now, scopes[i]));
			else if (now.generation == last[i].generation)
				printer.line(machine.delta(now, last[i], Period::interval,
							   own_cycles, scopes[i]));
			else
				anew = true;
			last[i] = now;
		}
		printer.flush();
		// Another host has another price; and this was no interval that anybody asked for.
		if (anew)
			own_cycles = reader.own_cycles_per_exit(details);
		else
			shown++;
	}
	return ok;
}

} // namespace exitstat
