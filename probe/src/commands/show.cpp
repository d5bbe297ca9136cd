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

int show_each(std::span<const Machine> machines, const Display &display)
{
	Printer printer(display, false);
	for (const Machine &machine : machines)
		printer.page(machine.report(read(machine.reader, {}, Details::all), {}));
	printer.flush();
	return ok;
}

} // namespace exitstat
