// SPDX-License-Identifier: GPL-2.0
#include "commands/commands.hpp"
#include "core/child.hpp"
#include "formats/printer.hpp"

#include <sys/wait.h>

namespace exitstat
{

int Ran::status() const
{
	const int as_it_did = exit_as(wait_status);
	return as_it_did == ok && !report ? failed : as_it_did;
}

Ran run_once(const Machine &machine, const std::vector<std::string> &command)
{
	Reader &reader = machine.reader;
	const std::uint64_t own_cycles = reader.own_cycles_per_exit(Details::all);
	const Signals signals;
	Child child(command, signals);

	// The process is there and waits, so that its creation is not counted.
	const Reading before = read(reader, std::nullopt, Details::all);
	child.start();
	Ran ran{.wait_status = child.wait(signals, std::nullopt, [] {})};
	try {
		ran.report = machine.delta(read(reader, std::nullopt, Details::all), before,
					   Period::command, own_cycles);
		ran.report->command = command;
	} catch (const OtherGeneration &e) {
		complain("cannot tell what happened during " + shell_words(command) + ": " +
			 e.what());
	}
	return ran;
}

int run_command(const Machine &machine, const std::vector<std::string> &command, unsigned runs,
		const Display &display)
{
	std::vector<Report> reports;
	Ran last;
	for (unsigned i = 0; i < runs; i++) {
		Ran ran = run_once(machine, command);
		if (ran.report)
			reports.push_back(*ran.report);
		if (i == 0 || ran.wait_status || !ran.report)
			last = std::move(ran);
		// Who interrupts a command does not want to have it again.
		if (WIFSIGNALED(last.wait_status))
			break;
	}
	if (reports.empty())
		return last.status();
	Printer printer(display, false);
	if (runs > 1)
		printer.runs(reports);
	else
		for (const Report &report : reports)
			printer.page(report);
	printer.flush();
	return last.status();
}

} // namespace exitstat
