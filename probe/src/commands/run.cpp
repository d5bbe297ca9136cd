// SPDX-License-Identifier: GPL-2.0
#include "commands/commands.hpp"
#include "core/child.hpp"
#include "formats/printer.hpp"

namespace exitstat
{

int run_command(const Machine &machine, const std::vector<std::string> &command,
		const Display &display)
{
	Reader &reader = machine.reader;
	const std::uint64_t own_cycles = reader.own_cycles_per_exit(Details::all);
	const Signals signals;
	Child child(command, signals);

	// The process is there and waits, so that its creation is not counted.
	const Snapshot before = reader.read(Details::all);
	child.start();
	const int status = child.wait(signals, std::nullopt, [] {});
	try {
		Report report = machine.delta(reader.read(Details::all), before, Period::command,
					      own_cycles);
		report.command = command;
		Printer printer(display, false);
		printer.page(report);
		printer.flush();
	} catch (const OtherGeneration &e) {
		complain("cannot tell what happened during " + shell_words(command) + ": " +
			 e.what());
		const int as_it_did = exit_as(status);
		return as_it_did == ok ? failed : as_it_did;
	}
	return exit_as(status);
}

} // namespace exitstat
