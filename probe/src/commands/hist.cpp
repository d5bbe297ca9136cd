// SPDX-License-Identifier: GPL-2.0
#include "commands/commands.hpp"
#include "reasons/find.hpp"
#include "reasons/names.hpp"

#include <fmt/format.h>

namespace exitstat
{

int show_histogram(const Machine &machine, const std::string &what,
		   const std::vector<std::string> &command, const Display &display)
{
	const Isa isa = machine.reader.info().isa;
	if (!has_histograms(machine.reader.info(), Scope::vm))
		throw std::runtime_error("the hypervisor's exit statistics have no histograms");
	check({.only = {what}});
	const auto codes = find_reasons(what, isa);
	if (codes.empty())
		throw UnknownReason("there is no exit reason \"" + what + "\" of " +
				    (isa == Isa::vmx ? "VMX" : "SVM"));

	const Ran ran =
		command.empty()
			? Ran{machine.report(read(machine.reader, std::nullopt, Details::all),
					     std::nullopt)}
			: run_once(machine, command);
	if (!ran.report)
		return ran.status();
	const Report &report = *ran.report;
	std::string s;
	for (const FoundReason &reason : codes) {
		const ReasonCount *found = report.delta.find(reason.code);
		const ReasonCount count = found ? *found : ReasonCount{{}, reason.code};
		if (display.style.header)
			s += fmt::format("{}: {} VM-Exits{}\n", name_of(isa, reason.code),
					 grouped(count.exits), when(report));
		s += histogram(report, count, display.style, display.detail.cycles);
	}
	display.output.write(s);
	return ran.status();
}

} // namespace exitstat
