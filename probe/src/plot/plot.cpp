// SPDX-License-Identifier: GPL-2.0
#include "plot/plot.hpp"

#include "core/output.hpp"
#include "formats/layout.hpp"
#include "formats/report.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace exitstat
{

namespace
{

// ---- What to show ------------------------------------------------------------------------------

/// More of them would be narrower than a pixel.
constexpr double most_intervals = 600;

/// Paul Tol's "muted" scheme, in an order in which colour-blind people tell neighbours apart best.
constexpr std::string_view colours[] = {"#332288", "#88ccee", "#cc6677", "#882255",
					"#ddcc77", "#44aa99", "#aa4499", "#117733"};
constexpr std::string_view colour_of_others = "#cccccc";

/// A reason, or all those together that have no colour of their own.
struct Row {
	std::string name;
	std::string_view colour;
	std::uint64_t exits = 0, cycles = 0;
	Histogram histogram{}; ///< empty if there is none
};

struct Interval {
	double begin, end;	   ///< in seconds since the first sample
	std::vector<double> rates; ///< VM-Exits a second, by row
};

struct Drawing {
	std::vector<Row> rows; ///< the most frequent first
	std::vector<Interval> intervals;
	Count total{};

	double seconds() const
	{
		return intervals.back().end;
	}
};

double seconds(std::chrono::nanoseconds time)
{
	return std::chrono::duration<double>(time).count();
}

Delta between(const Session &session, const Snapshot &later, const Snapshot &earlier)
{
	return without_own(difference(later, earlier), session.info.isa,
			   session.own_cycles_per_exit);
}

/// The samples at the ends of the intervals to draw.
std::vector<const Snapshot *> ends(const std::vector<Snapshot> &samples)
{
	std::vector<const Snapshot *> all;
	if (samples.empty())
		return all;
	const auto begin = samples.front().time;
	const double length = seconds(samples.back().time - begin);
	double last = -1;
	for (const Snapshot &sample : samples) {
		const double place =
			std::floor(seconds(sample.time - begin) / length * most_intervals);
		if (place > last || all.empty())
			all.push_back(&sample);
		last = place;
	}
	return all;
}

/// By reason, what the histograms have gained from the first sample that has any to the last one.
std::map<std::uint16_t, Histogram> histograms(const Session &session)
{
	const auto has_any = [](const Snapshot &s) {
		return std::ranges::any_of(
			s.reasons, [](const ReasonCount &r) { return !r.histogram.empty(); });
	};
	std::map<std::uint16_t, Histogram> all;
	const auto &samples = session.samples;
	const auto first = std::ranges::find_if(samples, has_any);
	const auto last = std::find_if(samples.rbegin(), samples.rend(), has_any);
	if (first == samples.end() || &*first == &*last)
		return all;
	for (ReasonCount &reason : between(session, *last, *first).reasons)
		all[reason.code] = std::move(reason.histogram);
	return all;
}

void add(Histogram &sum, const Histogram &more)
{
	sum.resize(std::max(sum.size(), more.size()));
	for (std::size_t i = 0; i < more.size(); i++)
		sum[i] += more[i];
}

Drawing prepare(const Session &session)
{
	std::vector<Delta> deltas;
	std::map<std::uint16_t, Count> counts;
	Drawing drawing;
	const auto samples = ends(session.samples);
	for (std::size_t i = 1; i < samples.size(); i++) {
		const auto since = [&](const Snapshot *s) {
			return seconds(s->time - samples[0]->time);
		};
		drawing.intervals.push_back({since(samples[i - 1]), since(samples[i]), {}});
		deltas.push_back(between(session, *samples[i], *samples[i - 1]));
		for (const ReasonCount &reason : deltas.back().reasons) {
			counts[reason.code].exits += reason.exits;
			counts[reason.code].cycles += reason.cycles;
		}
		drawing.total.exits += deltas.back().total.exits;
		drawing.total.cycles += deltas.back().total.cycles;
	}
	if (!drawing.total.exits && !was_counting(session))
		throw std::runtime_error("nothing to plot: VM-Exits were not being counted");
	if (!drawing.total.exits)
		throw std::runtime_error("nothing to plot: there are no VM-Exits from the first "
					 "sample to the last");

	std::vector<std::uint16_t> codes;
	for (const auto &[code, count] : counts)
		if (count.exits)
			codes.push_back(code);
	std::ranges::stable_sort(codes, std::greater(),
				 [&](auto code) { return counts[code].exits; });

	const auto details = histograms(session);
	std::map<std::uint16_t, std::size_t> row_of;
	for (const std::uint16_t code : codes) {
		auto &rows = drawing.rows;
		if (rows.size() < std::size(colours))
			rows.push_back({reason_name(session.info.isa, code), colours[rows.size()]});
		else if (rows.size() == std::size(colours))
			rows.push_back({code == codes.back() ? reason_name(session.info.isa, code)
							     : "all others",
					colour_of_others});
		row_of[code] = rows.size() - 1;
		rows.back().exits += counts[code].exits;
		rows.back().cycles += counts[code].cycles;
		if (const auto found = details.find(code); found != details.end())
			add(rows.back().histogram, found->second);
	}
	for (std::size_t i = 0; i < deltas.size(); i++) {
		auto &[begin, end, rates] = drawing.intervals[i];
		rates.resize(drawing.rows.size());
		for (const ReasonCount &reason : deltas[i].reasons)
			if (reason.exits)
				rates[row_of[reason.code]] += double(reason.exits) / (end - begin);
	}
	return drawing;
}

// ---- How to show it ----------------------------------------------------------------------------

/// A string that gnuplot takes as it is. All that might mean something to it is in octal, as what a
/// command was comes from a file, and gnuplot can run commands. It takes as many octal digits as
/// come, so a digit after them is in octal as well.
std::string in_quotes(std::string_view text)
{
	static constexpr std::string_view plain = " %'()+,-./:;<=>[]_";
	std::string s = "\"";
	bool octal = false;
	for (const char c : text) {
		const bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
				    (c >= 'a' && c <= 'z') || c & 0x80;
		octal = !(letter || plain.find(c) != std::string_view::npos) ||
			(octal && c >= '0' && c <= '7');
		if (octal)
			s += fmt::format("\\{:03o}", c);
		else
			s += c;
	}
	return s + "\"";
}

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
	std::string_view name, title;
};

const Unit &unit_of(double seconds)
{
	static constexpr Unit units[] = {
		{1, "s", "Seconds"}, {60, "min", "Minutes"}, {3600, "h", "Hours"}};
	return units[seconds < 600 ? 0 : seconds < 36'000 ? 1 : 2];
}

/// A time with its unit, to three digits: "1.32 s".
std::string period(double seconds)
{
	const Unit &unit = unit_of(seconds);
	const double n = seconds / unit.seconds;
	return fmt::format("{} {}", n < 99.95 ? fmt::format("{:.3g}", n) : fmt::format("{:.0f}", n),
			   unit.name);
}

/// Nanoseconds with their unit, to two digits: "1.7 ms".
std::string duration(double ns)
{
	static constexpr const char *units[] = {"ns", "\u00b5s", "ms", "s"};
	std::size_t unit = 0;
	for (; ns >= 999.5 && unit + 1 < std::size(units); unit++)
		ns /= 1000;
	return fmt::format("{} {}",
			   ns < 9.95 ? fmt::format("{:.2g}", ns) : fmt::format("{:.0f}", ns),
			   units[unit]);
}

/// The axis of the histograms: x is the logarithm of cycles to base 2, so that bucket i is from i-1
/// to i. It shows time where cycles are time.
class CycleAxis
{
public:
	CycleAxis(const Session &session, const std::vector<Row> &rows)
		: ns_per_cycle(session.emulated || !session.info.tsc_khz
				       ? 0
				       : 1e6 / session.info.tsc_khz)
	{
		Histogram all;
		for (const Row &row : rows)
			add(all, row.histogram);
		const auto is_used = [](std::uint64_t n) {
			return n != 0;
		};
		const auto first = std::ranges::find_if(all, is_used);
		if (first == all.end())
			return;
		const auto last = std::find_if(all.rbegin(), all.rend(), is_used).base();
		begin = int(first - all.begin()) - 1;
		end = int(last - all.begin()) - 1;
		open = last == all.end();
	}

	bool empty() const
	{
		return begin == end;
	}

	/// 2^\p power cycles.
	std::string value(int power) const
	{
		if (power < 0)
			return "0";
		if (ns_per_cycle > 0)
			return duration(std::ldexp(ns_per_cycle, power));
		static constexpr const char *units[] = {"", "K", "M", "G", "T", "P", "E"};
		return fmt::format("{}{}", 1U << power % 10, units[power / 10]);
	}

	/// Where a percentile is, in the manner of the tables.
	std::string bound(const Histogram &histogram, unsigned percent) const
	{
		const auto bucket = percentile(histogram, percent);
		if (!bucket)
			return "-";
		if (*bucket + 1 == histogram.size())
			return ">=" + value(int(*bucket) - 1);
		return "<" + value(int(*bucket));
	}

	/// Value and place of each, for gnuplot.
	std::string ticks() const
	{
		std::string s;
		const auto tick = [&](const std::string &text, double x) {
			s += fmt::format("{}{} {:.6g}", s.empty() ? "" : ", ", in_quotes(text), x);
		};
		if (ns_per_cycle <= 0) {
			const int every = (end - begin) / 12 + 1;
			for (int power = begin; power <= end; power++)
				if (power % every == 0)
					tick(value(power), power);
			return s;
		}
		for (int decade = -3; decade < 12; decade++)
			for (const double factor : {1.0, 2.0, 5.0}) {
				const double ns = factor * std::pow(10, decade);
				const double x = std::log2(ns / ns_per_cycle);
				if (x >= begin && x <= end && (factor == 1 || end - begin <= 9))
					tick(duration(ns), x);
			}
		return s;
	}

	std::string label() const
	{
		std::string s = ns_per_cycle > 0
					? "Time to handle a VM-Exit"
					: "Cycles to handle a VM-Exit (ticks of the host's TSC)";
		if (open)
			s += "; the last bar has all above";
		return s;
	}

	int begin = 0, end = 0;

private:
	double ns_per_cycle; ///< 0: cycles are not time
	bool open = false;   ///< the last bucket is used, that has all above as well
};

/// Places from left to right, in parts of the picture's width: where the axes begin and end, and of
/// the text at their right a spot of colour, a name and the right ends of columns.
constexpr double left_axis = 0.08, right_axis = 0.58;
constexpr double spot_at = 0.61, name_at = 0.624, column_at[] = {0.86, 0.92, 0.98};

constexpr std::string_view grey = "tc rgb '#666666'";
constexpr int width = 1100, line_height = 20; ///< in pixels

/// The script, for a picture of so many lines. Places in it are lines from the top.
class Script
{
public:
	explicit Script(double lines) : lines(lines)
	{
	}

	template <class... Args>
	void add(fmt::format_string<Args...> format, Args &&...args)
	{
		fmt::format_to(std::back_inserter(script), format, std::forward<Args>(args)...);
		script += '\n';
	}

	void label(double x, double line, std::string_view align, std::string_view text,
		   std::string_view more)
	{
		add("set label {} at screen {:.4f}, screen {:.4f} {} front {}", in_quotes(text), x,
		    y(line), align, more);
	}

	/// One of a table, with \p colour if that is not empty.
	void row(double line, std::string_view colour, std::string_view title,
		 std::initializer_list<std::string> cells)
	{
		const bool heads = colour.empty();
		const std::string_view more = heads ? grey : "";
		if (!heads)
			add("set object rectangle center screen {}, screen {:.4f} size screen "
			    "0.012, "
			    "screen {:.4f} fs solid noborder fc rgb '{}'",
			    spot_at, y(line), 0.6 / lines, colour);
		label(name_at, line, "left", title, more);
		for (std::size_t i = 0; const std::string &cell : cells)
			label(column_at[i++], line, "right", cell, more);
	}

	/// What follows is a plot of its own, with axes at these lines.
	void axes(double top, double bottom)
	{
		add("unset label\nunset object\nunset arrow\n"
		    "set lmargin at screen {}\nset rmargin at screen {}\n"
		    "set tmargin at screen {:.4f}\nset bmargin at screen {:.4f}",
		    left_axis, right_axis, y(top), y(bottom));
	}

	/// A step of a plot command with many.
	void plot(bool first, bool last, std::string_view what)
	{
		add("{}{}{}", first ? "plot " : "     ", what, last ? "" : ", \\");
	}

	std::string text() &&
	{
		return std::move(script);
	}

private:
	double lines;
	std::string script{};

	double y(double line) const
	{
		return 1 - line / lines;
	}
};

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
			   grouped(drawing.total.exits), period(drawing.seconds()));
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

	script.add(
		"set xrange [0:{:.9g}]\nset xtics autofreq\nset xlabel {}",
		drawing.seconds() / unit.seconds,
		in_quotes(fmt::format("{} since the recording began, {} after the guest's boot",
				      unit.title, period(seconds(session.samples.front().time)))));
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
			   {axis.bound(histogram, 50), axis.bound(histogram, 99),
			    axis.bound(histogram, 100)});
	}
	script.add("set xrange [{}:{}]\nset xtics ({})\nset xlabel {}", axis.begin, axis.end,
		   axis.ticks(), in_quotes(axis.label()));
	script.add("set yrange [0:{}]\nunset ytics", rows.size());
	for (std::size_t r = 0; r < rows.size(); r++)
		script.plot(
			r == 0, r + 1 == rows.size(),
			fmt::format("$row{} using 1:3:1:2:3:4 with boxxyerror fs solid noborder "
				    "lc rgb '{}' notitle",
				    r, rows[r].colour));
}

// ---- gnuplot -----------------------------------------------------------------------------------

[[noreturn]] void fail(int error, const char *what)
{
	throw std::system_error(error, std::generic_category(), what);
}

/// A file in memory. Other than with pipes, nobody waits for another who reads or writes.
class Memory
{
public:
	Memory() : fd(memfd_create("exitstat", MFD_CLOEXEC))
	{
		if (fd < 0)
			fail(errno, "cannot have a file in memory");
	}

	~Memory()
	{
		close(fd);
	}

	Memory(const Memory &) = delete;
	Memory &operator=(const Memory &) = delete;

	void write(std::string_view text) const
	{
		write_all(fd, text, "memory");
		lseek(fd, 0, SEEK_SET);
	}

	std::string read() const
	{
		std::string text(std::size_t(lseek(fd, 0, SEEK_END)), '\0');
		const ssize_t n = pread(fd, text.data(), text.size(), 0);
		if (n < 0)
			fail(errno, "cannot read a file in memory");
		text.resize(std::size_t(n));
		return text;
	}

	const int fd;
};

/// The last line that has something in it, which is where gnuplot says what is wrong.
std::string last_line(std::string text)
{
	text.erase(text.find_last_not_of(" \n") + 1);
	return text.substr(text.rfind('\n') + 1);
}

/// What gnuplot writes to standard output.
std::string run_gnuplot(const std::string &script)
{
	const Memory in, out, err;
	in.write(script);

	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in.fd, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out.fd, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, err.fd, STDERR_FILENO);
	// Nobody's ~/.gnuplot.
	char name[] = "gnuplot", default_settings[] = "-d";
	char *argv[] = {name, default_settings, nullptr};
	pid_t pid;
	const int error = posix_spawnp(&pid, name, &actions, nullptr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error == ENOENT)
		throw std::runtime_error("plot needs gnuplot (Debian: gnuplot-nox)");
	if (error)
		fail(error, "cannot run gnuplot");

	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			fail(errno, "cannot wait for gnuplot");
	std::string picture = out.read();
	if (status || picture.empty()) {
		const std::string how = WIFSIGNALED(status)
						? fmt::format("signal {}", WTERMSIG(status))
						: fmt::format("status {}", WEXITSTATUS(status));
		const std::string why = last_line(err.read());
		throw std::runtime_error(fmt::format("gnuplot failed ({}): {}", how,
						     why.empty() ? "without a message" : why));
	}
	return picture;
}

} // namespace

std::string plot_script(const Session &session, Picture picture)
{
	const Drawing drawing = prepare(session);
	const CycleAxis axis(session, drawing.rows);
	const double top = 5.5, bottom = top + 13, second_top = bottom + 5,
		     second_bottom = second_top + 1.8 * double(drawing.rows.size());
	const double lines = (axis.empty() ? bottom : second_bottom) + 3.5;

	Script script(lines);
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
