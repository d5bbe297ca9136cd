// SPDX-License-Identifier: GPL-2.0
/// \file
/// Reports one after the other, in the form that was asked for.
#pragma once

#include "commands/commands.hpp"
#include "formats/lines.hpp"

namespace exitstat
{

class Printer
{
public:
	/// \p show_cpu: lines say which CPU they are of.
	Printer(const Display &display, bool show_cpu)
		: display(display), lines(display.style, show_cpu)
	{
	}

	/// All of a report.
	void page(const Report &report);

	/// One of many: a line where pages would be too long.
	void line(const Report &report);

	/// That lines of these reasons are to come.
	void expect(std::span<const ReasonCount> reasons)
	{
		lines.expect(reasons);
	}

	/// A text before what follows, which has new headers then. Tables only.
	void heading(const std::string &heading);

	/// Write what has come so far, all at once: a file must be whole.
	void flush();

private:
	const Display &display;
	Lines lines;
	std::string text{};
	std::vector<Report> of_metrics{}; ///< what they are made of
	bool begun = false;

	void add(Report report, bool as_line);
};

} // namespace exitstat
