// SPDX-License-Identifier: GPL-2.0
#include "formats/printer.hpp"

#include "formats/metrics.hpp"

namespace exitstat
{

void Printer::page(const Report &report)
{
	add(report, false);
}

void Printer::line(const Report &report)
{
	add(report, true);
}

void Printer::add(Report report, bool as_line)
{
	if (as_line && display.format == Format::table) {
		text += lines.line(report);
		begun = true;
		return;
	}

	sort(report.delta.reasons, report.info.isa, display.sort);
	switch (display.format) {
	case Format::table:
		text += (begun ? "\n" : "") + table(report, display.style);
		break;
	case Format::json:
		text += json(report);
		break;
	case Format::csv:
		text += csv(report, display.style.header && !begun);
		break;
	case Format::prometheus:
	case Format::openmetrics:
		of_metrics.push_back(std::move(report));
		break;
	}
	begun = true;
}

void Printer::heading(const std::string &heading)
{
	if (display.format != Format::table || !display.style.header)
		return;
	text += (begun ? "\n" : "") + heading;
	lines = Lines(display.style, false);
	begun = false;
}

void Printer::flush()
{
	if (is_metrics(display.format))
		text = metrics(of_metrics,
			       display.format == Format::openmetrics ? Exposition::openmetrics
								     : Exposition::text,
			       display.buckets);
	of_metrics.clear();
	display.output.write(text);
	text.clear();
}

} // namespace exitstat
