// SPDX-License-Identifier: GPL-2.0
#include "commands.hpp"
#include "printer.hpp"

#include <cerrno>

#include <time.h>

namespace exit_stats
{

namespace
{

/// The whole VM, or these vCPUs one by one.
std::vector<std::optional<int>> scopes_of(const std::vector<int> &cpus)
{
	if (cpus.empty())
		return {std::nullopt};
	return {cpus.begin(), cpus.end()};
}

Snapshot read(Reader &reader, std::optional<int> cpu, Details details)
{
	return cpu ? reader.read_cpu(*cpu, details) : reader.read(details);
}

void sleep_until(std::chrono::steady_clock::time_point when)
{
	const auto ns = std::chrono::nanoseconds(when.time_since_epoch()).count();
	const timespec time{ns / 1'000'000'000, ns % 1'000'000'000};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR)
		;
}

} // namespace

Report Machine::report(const Snapshot &snapshot, std::optional<int> cpu) const
{
	Report report{reader.info(), snapshot, cpu, emulated};
	report.info.vcpus = snapshot.vcpus;
	report.uptime = snapshot.time;
	report.snapshot.time = time_since_start(reader.info(), snapshot);
	return report;
}

Report Machine::delta(const Snapshot &later, const Snapshot &earlier, Period period,
		      std::uint64_t own_cycles, std::optional<int> cpu) const
{
	Report delta = report(later, cpu);
	delta.period = period;
	delta.snapshot = without_own(difference(later, earlier), reader.info().isa, own_cycles);
	return delta;
}

int show(const Machine &machine, const std::vector<int> &cpus, const Display &display)
{
	Printer printer(display, !cpus.empty());
	for (const auto cpu : scopes_of(cpus))
		printer.page(machine.report(read(machine.reader, cpu, Details::all), cpu));
	printer.flush();
	return ok;
}

int show_raw(const Cpuid &cpuid, std::optional<std::uint32_t> ecx, const std::vector<int> &cpus,
	     const Display &display)
{
	std::string s;
	for (const auto cpu : scopes_of(cpus)) {
		// These are the very answers that a table is made of.
		std::vector<Call> calls;
		Reader reader([&](std::uint32_t eax, std::uint32_t in) {
			const Regs r = cpuid(eax, in);
			if (eax == leaf)
				calls.push_back({in, r});
			return r;
		});
		if (ecx) {
			std::optional<Pin> pin;
			if (cpu)
				pin.emplace(*cpu);
			calls = {{*ecx, cpuid(leaf, *ecx)}};
		} else {
			read(reader, cpu, Details::all);
		}
		s += (s.empty() ? "" : "\n") + raw(calls, reader.info().isa, display.style);
	}
	display.output.write(s);
	return ok;
}

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
		printer.expect(last.back());
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

} // namespace exit_stats
