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
	choose(report.delta, report.info.isa, display.choice);
	if (as_line && display.format == Format::table && !display.detail.columns) {
		text += lines.line(report);
		begun = true;
		return;
	}

	sort(report.delta.reasons, report.info.isa, display.sort);
	switch (display.format) {
	case Format::table:
		text += begun ? "\n" : "";
		if (as_line && display.clock)
			text += clock_of_day() + "\n";
		text += table(report, display.style, display.detail);
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

void Printer::runs(std::span<const Report> reports)
{
	if (display.format != Format::table) {
		for (const Report &report : reports)
			page(report);
		return;
	}
	std::vector<Report> chosen(reports.begin(), reports.end());
	for (Report &report : chosen)
		choose(report.delta, report.info.isa, display.choice);
	if (!chosen.empty())
		text += repeated_table(chosen, display.style, display.detail, display.sort);
}

void Printer::heading(const std::string &heading)
{
	if (display.format != Format::table || !display.style.header)
		return;
	text += (begun ? "\n" : "") + heading;
	lines = Lines(display.style, options);
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
