// SPDX-License-Identifier: GPL-2.0
#include "plot/plot.hpp"

#include "core/output.hpp"
#include "core/time.hpp"
#include "formats/report.hpp"
#include "plot/axis.hpp"
#include "plot/drawing.hpp"
#include "plot/gnuplot.hpp"
#include "plot/script.hpp"
#include "text/layout.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace exitstat
{

namespace
{

/// Only printable ASCII, and not too much of it.
std::string one_line(std::string text, std::size_t most)
{
	const auto unprintable = [](char c) {
		return c < ' ' || c > '~';
	};
	std::ranges::replace_if(text, unprintable, '?');
	if (text.size() > most)
		text.replace(most - 3, std::string::npos, "...");
	return text;
}

/// The smallest of 1, 2, 5, 10, 20, ... times a power of ten that fits \p range at most \p n times.
double step(double range, int n)
{
	const double least = range / n;
	const double power = std::pow(10, std::floor(std::log10(least)));
	for (const double factor : {1.0, 2.0, 5.0})
		if (factor * power >= least * 0.999'999)
			return factor * power;
	return 10 * power;
}

/// A rate at an axis: "0.5", "20,000".
std::string axis_number(double n)
{
	const bool is_count = n == std::round(n) && n < 1e15;
	return is_count ? grouped(std::uint64_t(n)) : fmt::format("{:.3g}", n);
}

/// What the time of a session is told in.
struct Unit {
	double seconds;
	std::string_view title;
};

const Unit &unit_of(double seconds)
{
	static constexpr Unit units[] = {{1, "Seconds"}, {60, "Minutes"}, {3600, "Hours"}};
	return units[seconds < 600 ? 0 : seconds < 36'000 ? 1 : 2];
}

/// "1.3 s", "2:46:40".
std::string period(std::chrono::nanoseconds time)
{
	return time < std::chrono::minutes(10) ? duration_text(double(time.count()))
					       : clock_text(time);
}

std::string share(double part, double whole)
{
	return percent(part, whole) + " %";
}

void heading(Script &script, const Session &session, const Drawing &drawing)
{
	const Info &info = session.info;
	std::string what = "VM-Exits";
	if (!session.command.empty())
		what += " during " + shell_words(session.command);
	std::string how =
		fmt::format("whole VM, {} vCPU{}, {}", info.vcpus, info.vcpus == 1 ? "" : "s",
			    info.isa == Isa::vmx ? "VMX" : "SVM");
	if (info.tsc_khz)
		how += fmt::format(", TSC {}.{:03} MHz", info.tsc_khz / 1000, info.tsc_khz % 1000);
	how += fmt::format("; {:%Y-%m-%d %H:%M:%S} UTC; {} VM-Exits in {}",
			   fmt::gmtime(std::chrono::system_clock::to_time_t(session.start)),
			   grouped(drawing.total.exits), period(drawing.length));
	if (drawing.idle_exits)
		how += fmt::format(", {} of idle vCPUs left out", grouped(drawing.idle_exits));
	if (!was_counting(session))
		how += "; not counted all the time";
	if (session.emulated)
		how += "; in an emulator: cycles are not time";
	else if (info.tsc_khz && info.vcpus)
		how += fmt::format(", which took {} of the vCPUs' time",
				   share(double(drawing.total.cycles),
					 1e3 * info.tsc_khz * drawing.seconds() * info.vcpus));
	script.label(0.02, 1.1, "left", one_line(what, 110), "font 'sans-serif Bold'");
	script.label(0.02, 2.3, "left", how, grey);
}

/// The rates, stacked: what is most frequent is on top, as in the table beside.
void rates(Script &script, const Session &session, const Drawing &drawing, double top)
{
	const auto &rows = drawing.rows;
	const Unit &unit = unit_of(drawing.seconds());
	double highest = 0;
	const auto stack = [&](double time, const std::vector<double> &rates) {
		std::string line = fmt::format("{:.9g}", time / unit.seconds);
		double sum = 0;
		for (auto rate = rates.rbegin(); rate != rates.rend(); ++rate)
			line += fmt::format(" {:.6g}", sum += *rate);
		script.add("{}", line);
		highest = std::max(highest, sum);
	};
	script.add("$rates << EOD");
	for (const Interval &interval : drawing.intervals) {
		stack(interval.begin, interval.rates);
		stack(interval.end, interval.rates);
	}
	script.add("EOD");

	script.label(left_axis, top - 1, "left", "VM-Exits per second", grey);
	script.row(top - 1, "", "REASON", {"VM-EXITS", "SHARE", "CYCLES"});
	for (std::size_t i = 0; i < rows.size(); i++)
		script.row(top + double(i), rows[i].colour, rows[i].name,
			   {grouped(rows[i].exits),
			    share(double(rows[i].exits), double(drawing.total.exits)),
			    share(double(rows[i].cycles), double(drawing.total.cycles))});

	script.add("set xrange [0:{:.9g}]\nset xtics autofreq\nset xlabel {}",
		   drawing.seconds() / unit.seconds,
		   in_quotes(fmt::format("{} since the recording began, {} after the guest's boot",
					 unit.title, period(session.samples.front().time))));
	std::string ticks;
	const double tick = step(highest, 6);
	for (int i = 0; i * tick <= highest * 1.05; i++)
		ticks += fmt::format("{}{} {:.6g}", i ? ", " : "", in_quotes(axis_number(i * tick)),
				     i * tick);
	script.add("set yrange [0:{:.6g}]\nset ytics ({})", highest * 1.05, ticks);
	for (std::size_t i = 0; i < rows.size(); i++)
		script.plot(
			i == 0, i + 1 == rows.size(),
			fmt::format(
				"$rates using 1:{} with filledcurves y=0 fs solid noborder lc rgb "
				"'{}' notitle",
				rows.size() - i + 1, rows[i].colour));
}

/// The histograms, one above the other. Bars are as high as their share of the reason's VM-Exits,
/// and on a line that is there wherever there are any.
void latencies(Script &script, const Drawing &drawing, const CycleAxis &axis, double top,
	       double bottom)
{
	const auto &rows = drawing.rows;
	std::vector<double> sums;
	double highest = 0;
	for (const Row &row : rows) {
		sums.push_back(std::accumulate(row.histogram.begin(), row.histogram.end(), 0.0));
		for (const std::uint64_t n : row.histogram)
			highest = std::max(highest, n ? double(n) / sums.back() : 0);
	}

	script.axes(top, bottom);
	script.label(left_axis, top - 1, "left",
		     fmt::format("Share of the reason's VM-Exits (highest bar: {:.0f} %)",
				 100 * highest),
		     grey);
	script.row(top - 1, "", "REASON", {"P50", "P99", "MAX"});
	for (std::size_t r = 0; r < rows.size(); r++) {
		const Histogram &histogram = rows[r].histogram;
		const auto base = double(rows.size() - 1 - r);
		script.add("$row{} << EOD", r);
		for (std::size_t i = 0; i < histogram.size(); i++)
			if (histogram[i])
				script.add("{} {} {} {:.4f}", int(i) - 1, i, base,
					   base + 0.06 +
						   0.8 * double(histogram[i]) / sums[r] / highest);
		script.add("EOD");
		script.add("set arrow from graph 0, first {} to screen {}, first {} nohead back lc "
			   "rgb '#e4e4e4'",
			   base, column_at[2], base);
		script.row(top + (bottom - top) * (double(r) + 0.65) / double(rows.size()),
			   rows[r].colour, rows[r].name,
			   {axis.ticks.bound(histogram, 50), axis.ticks.bound(histogram, 99),
			    axis.ticks.bound(histogram, 100)});
	}
	script.add("set xrange [{}:{}]\nset xtics ({})\nset xlabel {}", axis.begin, axis.end,
		   axis.tics(), in_quotes(axis.label()));
	script.add("set yrange [0:{}]\nunset ytics", rows.size());
	for (std::size_t r = 0; r < rows.size(); r++)
		script.plot(
			r == 0, r + 1 == rows.size(),
			fmt::format("$row{} using 1:3:1:2:3:4 with boxxyerror fs solid noborder "
				    "lc rgb '{}' notitle",
				    r, rows[r].colour));
}

} // namespace

std::string plot_script(const Session &session, Picture picture)
{
	const Drawing drawing = drawing_of(session);
	const CycleAxis axis(session, drawing.rows);
	const double top = 5.5, bottom = top + 13, second_top = bottom + 5,
		     second_bottom = second_top + 1.8 * double(drawing.rows.size());
	const double lines = (axis.empty() ? bottom : second_bottom) + 3.5;

	Script script(lines);
	constexpr int width = 1100, line_height = 20; // in pixels
	const int height = int(lines * line_height);
	if (picture == Picture::svg)
		script.add("set terminal svg size {},{} noenhanced font 'sans-serif,12' background "
			   "'#ffffff'",
			   width, height);
	else // Twice as fine, for paper.
		script.add("set terminal pngcairo size {},{} noenhanced font 'sans-serif,9' "
			   "fontscale 2 linewidth 2 background '#ffffff'",
			   2 * width, 2 * height);
	script.add("set encoding utf8\nset border 3\nset tics out nomirror\n"
		   "set grid lt 1 lc rgb '#e4e4e4'\nset multiplot");
	script.axes(top, bottom);
	heading(script, session, drawing);
	rates(script, session, drawing, top);
	if (!axis.empty())
		latencies(script, drawing, axis, second_top, second_bottom);
	script.add("unset multiplot");
	return std::move(script).text();
}

Picture picture_named(const std::string &path)
{
	if (path.ends_with(".png"))
		return Picture::png;
	if (path.ends_with(".svg"))
		return Picture::svg;
	throw std::invalid_argument("a plot is FILE.svg or FILE.png, not " + path);
}

void plot(const Session &session, const std::string &path)
{
	replace_file(path, run_gnuplot(plot_script(session, picture_named(path))));
}

} // namespace exitstat
