// SPDX-License-Identifier: GPL-2.0
#include "commands/commands.hpp"
#include "formats/printer.hpp"

namespace exitstat
{

int show(const Machine &machine, const std::vector<int> &cpus, const Display &display)
{
	Printer printer(display, !cpus.empty());
	Scopes(cpus).each([&](std::optional<int> cpu) {
		printer.page(machine.report(read(machine.reader, cpu, Details::all), cpu));
	});
	printer.flush();
	return ok;
}

} // namespace exitstat
