// SPDX-License-Identifier: GPL-2.0
/// \file
/// Reports one after the other, in the form that was asked for.
#pragma once

#include "commands/commands.hpp"
#include "text/lines.hpp"

#include <span>

namespace exitstat
{

class Printer
{
public:
	/// \p show_cpu: lines say which CPU they are of.
	Printer(const Display &display, bool show_cpu)
		: display(display), options{show_cpu, display.clock, display.detail.cycles},
		  lines(display.style, options)
	{
	}

	/// All of a report.
	void page(const Report &report);

	/// One of many: a line, unless all columns are wanted.
	void line(const Report &report);

	/// That lines of these reasons are to come.
	void expect(Delta delta, Isa isa)
	{
		choose(delta, isa, display.choice);
		lines.expect(delta.reasons, isa);
	}

	/// Runs of a command: what they have in common where it is for reading, and else each.
	void runs(std::span<const Report> reports);

	/// A text before what follows, which has new headers then. Tables only.
	void heading(const std::string &heading);

	/// Write what has come so far, all at once: a file must be whole.
	void flush();

private:
	const Display &display;
	LineOptions options;
	Lines lines;
	std::string text{};
	std::vector<Report> of_metrics{}; ///< what they are made of
	bool begun = false;

	void add(Report report, bool as_line);
};

} // namespace exitstat
