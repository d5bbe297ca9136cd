// SPDX-License-Identifier: GPL-2.0
#include "top.hpp"

#include "layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <clocale>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <string_view>

#include <langinfo.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define NCURSES_NOMACROS // clear(), move() and others are names for C++ as well
#include <curses.h>
#include <term.h>
#undef columns // macros all the same
#undef lines

namespace exit_stats
{

namespace
{

using namespace std::chrono_literals;

// ---- Text --------------------------------------------------------------------------------------

/// Columns of UTF-8 whose characters take one each, as all here do.
std::size_t columns_of(std::string_view text)
{
	return std::size_t(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::size_t columns_of(const TopLine &line)
{
	std::size_t columns = 0;
	for (const TopPiece &piece : line)
		columns += columns_of(piece.text);
	return columns;
}

/// The first \p width columns.
std::string cut(std::string text, std::size_t width)
{
	std::size_t at = 0;
	for (; at < text.size(); at++)
		if ((text[at] & 0xC0) != 0x80 && !width--)
			break;
	text.resize(at);
	return text;
}

void cut(TopLine &line, std::size_t width)
{
	for (TopPiece &piece : line) {
		piece.text = cut(std::move(piece.text), width);
		width -= columns_of(piece.text);
	}
	std::erase_if(line, [](const TopPiece &piece) { return piece.text.empty(); });
}

/// Left and right end of a line. The right one is left out where there is no room for both.
TopLine spread(TopLine left, TopPiece right, std::size_t width)
{
	const std::size_t used = columns_of(left), wanted = columns_of(right.text);
	if (wanted && used + 2 + wanted <= width) {
		left.push_back({std::string(width - used - wanted, ' ')});
		left.push_back(std::move(right));
	}
	return left;
}

/// The items that fit, from the first one on.
std::string joined(const std::vector<std::string> &items, std::string_view between,
		   std::size_t width)
{
	std::string s;
	for (const std::string &item : items) {
		if (!s.empty() && s.size() + between.size() + item.size() > width)
			break;
		s += (s.empty() ? "" : std::string(between)) + item;
	}
	return s;
}

std::uint64_t whole(double value)
{
	return std::uint64_t(std::clamp(value + 0.5, 0.0, 1.8e19));
}

/// Of something that is per second already.
std::string rate_text(double per_second)
{
	return rate(whole(per_second * 1024), 1024);
}

/// "3:04:12", "12d 3:04"
std::string uptime_text(std::chrono::nanoseconds time)
{
	const auto s = std::chrono::floor<std::chrono::seconds>(time).count();
	constexpr std::int64_t day = 86'400;
	if (s >= day)
		return fmt::format("{}d {}:{:02}", s / day, s / 3600 % 24, s / 60 % 60);
	return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

} // namespace

// ---- What happened -----------------------------------------------------------------------------

void TopModel::clear()
{
	base.clear();
	seen.clear();
	sorted.clear();
	sum = {.name = "TOTAL"};
	own = 0;
}

void TopModel::add(std::vector<TopReading> readings)
{
	struct Delta {
		std::optional<int> cpu;
		double seconds;
		Snapshot snapshot;
	};
	std::vector<Delta> deltas;
	for (TopReading &reading : readings) {
		last_vcpus = reading.snapshot.vcpus;
		last_counting = reading.snapshot.counting;
		last_time = std::max(last_time, reading.snapshot.time);
		most.cpu = std::max(most.cpu, reading.cpu.value_or(0));
		for (const ReasonCount &reason : reading.snapshot.reasons)
			most.name = std::max(most.name, reason_name(isa, reason.code).size());
		const auto [at, first] =
			base.try_emplace(reading.cpu.value_or(-1), reading.snapshot);
		const auto time = reading.snapshot.time - at->second.time;
		if (first || !time.count())
			continue;
		if (time.count() > 0 && reading.snapshot.generation == at->second.generation)
			deltas.push_back({reading.cpu, std::chrono::duration<double>(time).count(),
					  difference(reading.snapshot, at->second)});
		at->second = std::move(reading.snapshot);
	}
	if (deltas.empty())
		return;

	for (auto &[key, row] : seen) {
		row.exits = row.cycles = 0;
		row.histogram.clear();
		row.idle++;
	}
	own = 0;
	for (const auto &[cpu, seconds, delta] : deltas) {
		own += delta.own_exits;
		for (const ReasonCount &reason :
		     without_own(delta, isa, own_cycles_per_exit).reasons) {
			TopRow &row = seen[{cpu.value_or(-1), reason.code}];
			row.cpu = cpu;
			row.code = reason.code;
			row.name = reason_name(isa, reason.code);
			row.exits = double(reason.exits) / seconds;
			row.cycles = double(reason.cycles) / seconds;
			row.histogram = reason.histogram;
			row.idle = 0;
		}
	}
	std::erase_if(seen, [](const auto &entry) { return entry.second.idle > idle_limit; });

	const auto remember = [](TopRow &row) {
		row.history.push_back(row.exits);
		if (row.history.size() > history_limit)
			row.history.pop_front();
	};
	sum.exits = sum.cycles = 0;
	sum.histogram.clear();
	sorted.clear();
	for (auto &[key, row] : seen) {
		remember(row);
		sum.exits += row.exits;
		sum.cycles += row.cycles;
		sum.histogram.resize(std::max(sum.histogram.size(), row.histogram.size()));
		for (std::size_t i = 0; i < row.histogram.size(); i++)
			sum.histogram[i] += row.histogram[i];
		most.cost = std::max(most.cost, row.cost());
		sorted.push_back(row);
	}
	remember(sum);
	most.exits = std::max(most.exits, sum.exits);
	most.cycles = std::max(most.cycles, sum.cycles);
	sort(order);
}

void TopModel::sort(Sort by)
{
	order = by;
	std::ranges::sort(sorted, [&](const TopRow &a, const TopRow &b) {
		const auto place = [](const TopRow &row) {
			return std::pair(row.code, row.cpu);
		};
		const auto down = [&](double x, double y) {
			return x == y ? place(a) < place(b) : x > y;
		};
		switch (by) {
		case Sort::exits:
			return down(a.exits, b.exits);
		case Sort::cycles:
			return down(a.cycles, b.cycles);
		case Sort::cost:
			return down(a.cost(), b.cost());
		case Sort::name:
			return std::pair(std::cref(a.name).get(), a.cpu) <
			       std::pair(std::cref(b.name).get(), b.cpu);
		case Sort::code:
			break;
		}
		return std::pair(a.cpu, a.code) < std::pair(b.cpu, b.code);
	});
}

// ---- What the user wants to see ----------------------------------------------------------------

double TopState::limited(double seconds)
{
	return seconds > 0.1 ? std::min(seconds, 3600.0) : 0.1;
}

TopAction TopState::press(int key)
{
	static constexpr double steps[] = {0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300, 3600};
	static constexpr Sort columns[] = {Sort::name, Sort::exits, Sort::cycles, Sort::cost};

	message.clear();
	news.clear();
	if (key == TopKey::redraw)
		return TopAction::repaint;
	if (prompt) {
		type(key);
		return TopAction::none;
	}
	const std::size_t before = scroll;
	switch (key) {
	case TopKey::up:
		scroll -= scroll > 0;
		return TopAction::none;
	case TopKey::down:
		scroll++;
		return TopAction::none;
	case TopKey::page_up:
		scroll -= std::min(scroll, page);
		return TopAction::none;
	case TopKey::page_down:
		scroll += page;
		return TopAction::none;
	case TopKey::home:
		scroll = 0;
		return TopAction::none;
	case TopKey::end:
		scroll = SIZE_MAX / 2;
		return TopAction::none;
	default:
		scroll = 0;
	}
	if (help) {
		help = false;
		return TopAction::none;
	}

	const auto *column = std::ranges::find(columns, sort);
	switch (key) {
	case 'q':
	case 'Q':
		return TopAction::quit;
	case 'e':
		sort = Sort::exits;
		return TopAction::none;
	case 'c':
		sort = Sort::cycles;
		return TopAction::none;
	case 'x':
		sort = Sort::cost;
		return TopAction::none;
	case 'n':
		sort = Sort::name;
		return TopAction::none;
	case '#':
		sort = Sort::code;
		return TopAction::none;
	case '<':
	case TopKey::left:
		sort = column == std::end(columns) || column == columns ? columns[0] : column[-1];
		return TopAction::none;
	case '>':
	case TopKey::right:
		if (column == std::end(columns))
			sort = columns[0];
		else if (column + 1 != std::end(columns))
			sort = column[1];
		return TopAction::none;
	case 'v':
		per_vcpu = !per_vcpu;
		paused = false;
		return TopAction::restart;
	case 'r':
		paused = false;
		return TopAction::restart;
	case 'h':
	case '?':
		help = true;
		return TopAction::none;
	}
	// All that follows leaves the rows in place.
	scroll = before;
	switch (key) {
	case 'p':
	case ' ':
		paused = !paused;
		return paused ? TopAction::none : TopAction::resume;
	case '+':
	case '=': {
		const auto *step = std::ranges::upper_bound(steps, seconds);
		seconds = step == std::end(steps) ? seconds : *step;
		return TopAction::none;
	}
	case '-':
	case '_': {
		const auto *step = std::ranges::lower_bound(steps, seconds);
		seconds = step == steps ? seconds : step[-1];
		return TopAction::none;
	}
	case 'd':
	case 's':
		prompt.emplace();
		return TopAction::none;
	}
	return TopAction::none;
}

/// A key for the prompt.
void TopState::type(int key)
{
	switch (key) {
	case TopKey::escape:
		prompt.reset();
		return;
	case TopKey::backspace:
		if (!prompt->empty())
			prompt->pop_back();
		return;
	case TopKey::enter: {
		double value = 0;
		const char *end = prompt->data() + prompt->size();
		const auto [at, error] = std::from_chars(prompt->data(), end, value);
		if (error == std::errc() && at == end && value >= 0.1 && value <= 3600)
			seconds = value;
		else if (!prompt->empty())
			message = "An interval is from 0.1 to 3600 seconds, not " + *prompt;
		prompt.reset();
		return;
	}
	}
	if (((key >= '0' && key <= '9') || key == '.') && prompt->size() < 8)
		*prompt += char(key);
}

// ---- Frames ------------------------------------------------------------------------------------

std::string sparkline(const std::deque<double> &values, std::size_t width, bool utf8)
{
	// Not the full block: rows would grow together.
	static constexpr std::array<const char *, 8> blocks{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇"};
	static constexpr std::array<const char *, 8> ramp{" ", ".", ":", "-", "=", "+", "*", "#"};
	constexpr double highest = blocks.size() - 1;
	const auto &levels = utf8 ? blocks : ramp;

	const auto shown = std::min(width, values.size());
	const auto first = values.end() - std::ptrdiff_t(shown);
	double largest = 0, sum = 0;
	for (auto at = first; at != values.end(); at++) {
		largest = std::max(largest, *at);
		sum += *at;
	}
	// What is as it always was does not fill the screen with blocks.
	const double top = shown ? std::max(largest, 2 * sum / double(shown)) : 0;
	std::string s(width - shown, ' ');
	for (auto at = first; at != values.end(); at++) {
		// Whatever happened at all is seen.
		const double level = *at > 0 ? std::ceil(highest * (*at / top)) : 0;
		s += levels[std::size_t(std::clamp(level, 0.0, highest))];
	}
	return s;
}

namespace
{

constexpr std::size_t trend_min = 8;

/// Help for those who see it for the first time: 80 columns, and no more lines than a screen has.
constexpr std::string_view help_text[] = {
	"VM-Exits of this virtual machine, counted by its hypervisor, live",
	"",
	"e c x n         order by exits, cycles, cycles per exit, name of the reason",
	"<  >            order by the column to the left or right, as do the arrow keys",
	"#               order by code of the reason; in the view of vCPUs, by vCPU first",
	"v               each vCPU by itself, or the whole VM",
	"+  -  d         longer interval, shorter interval, type in the seconds",
	"p  space        pause",
	"r               forget what was seen and begin anew",
	"up down         scroll, as do PgUp, PgDn, Home and End",
	"Ctrl-L  q       repaint, quit",
	"",
	"EXITS/S         VM-Exits a second in the last interval; then per cent of all",
	"CYCLES/S        ticks of the host's TSC in which KVM handled them, a second;",
	"                then per cent of all (%CYC)",
	"%CPU            the same as per cent of one CPU's time",
	"CYC/EXIT        cycles per exit",
	"P50 P99         cycles that half of the exits, and 99% of them, did not exceed,",
	"                by powers of two: <4K is from 2,048 to 4,095",
	"TREND           exits a second until now, newest at the right, each reason to a",
	"                scale of its own; half of the height is the mean, or less",
	"",
	"VM-Exits that exitstat itself causes by reading the counters are left out.",
};

struct TopColumn {
	std::string head;
	std::size_t gap;
	std::size_t width;
	/// What does not fit goes away, the highest first; 0 stays.
	int expendable;
	std::optional<Sort> key;
	std::function<std::string(const TopRow &)> cell;
	bool left = false;
	bool shown = false;
	TopInk ink = TopInk::plain;
};

/// Makes frames; lives as long as one of them takes.
class Painter
{
public:
	Painter(const TopModel &model, const TopState &state, const Info &info, bool emulated,
		const TopScreen &screen)
		: model(model), state(state), info(info), screen(screen),
		  scope(state.per_vcpu ? Scope::vcpu : Scope::vm),
		  cycles_per_second(emulated ? 0 : 1000.0 * info.tsc_khz), emulated(emulated)
	{
	}

	TopFrame paint()
	{
		if (state.help)
			help();
		else
			view();
		for (TopLine &line : frame.lines)
			cut(line, screen.width);
		return std::move(frame);
	}

private:
	const TopModel &model;
	const TopState &state;
	const Info &info;
	const TopScreen &screen;
	const Scope scope;
	const double cycles_per_second; ///< 0: cycles are not time
	const bool emulated;
	TopFrame frame{};

	void add(TopLine line)
	{
		frame.lines.push_back(std::move(line));
	}

	/// The first of \p all items that is shown if there is room for \p room, and how many are.
	void scroll_to(std::size_t all, std::size_t room)
	{
		frame.page = std::max<std::size_t>(room, 1);
		frame.scroll = std::min(state.scroll, all - std::min(all, room));
	}

	std::string place(std::size_t all, std::size_t room) const
	{
		return all > room ? fmt::format("{}-{} of {}", frame.scroll + 1,
						std::min(all, frame.scroll + room), all)
				  : "";
	}

	void help()
	{
		const std::size_t all = std::size(help_text);
		const std::size_t room = screen.height - (screen.height > 2);
		scroll_to(all, room);
		for (std::size_t i = 0; i < room; i++) {
			const std::size_t at = frame.scroll + i;
			if (at >= all)
				add({});
			else if (at == 0)
				add({{"exitstat top: "}, {std::string(help_text[0])}});
			else
				add(help_line(help_text[at]));
		}
		if (screen.height > 2)
			add(spread({{"Any other key goes back.", TopInk::faint}},
				   {place(all, room), TopInk::faint}, screen.width));
	}

	/// Keys and headings stand out.
	static TopLine help_line(std::string_view text)
	{
		const std::size_t keys = std::min<std::size_t>(16, text.size());
		if (text.starts_with("VM-Exits"))
			return {{std::string(text)}};
		return {{std::string(text.substr(0, keys)), TopInk::strong},
			{std::string(text.substr(keys))}};
	}

	void view()
	{
		const std::size_t height = screen.height;
		// What a small window has no room for, the least important first.
		const bool has_heading = height >= 3, has_title = height >= 4;
		const bool has_total = height >= 8, has_footer = height >= 10;
		const bool has_note = height >= 12 && cycles_per_second <= 0;

		if (has_title)
			title();
		summary();
		if (has_note)
			add({{emulated ? "Note: this VM runs in an emulator: cycles are ticks of "
					 "its clock, not time."
				       : "Note: the frequency of the TSC is not known: cycles "
					 "cannot be told as time.",
			      TopInk::note}});

		std::vector<TopColumn> columns = choose_columns();
		if (has_heading)
			heading(columns);
		if (has_total && model.has_rates())
			row(columns, model.total(), TopInk::strong);

		const auto &rows = model.rows();
		const std::size_t room =
			height - std::min(height, frame.lines.size() + (has_footer ? 1 : 0));
		scroll_to(rows.size(), room);
		for (std::size_t i = frame.scroll; i < rows.size() && i < frame.scroll + room; i++)
			row(columns, rows[i], rows[i].idle ? TopInk::faint : TopInk::plain);
		if (rows.empty() && room)
			add({{!model.counting()	  ? ""
			      : model.has_rates() ? "No VM-Exits."
						  : "The first figures come after an interval.",
			      TopInk::faint}});
		if (has_footer) {
			frame.lines.resize(height - 1);
			footer(place(rows.size(), room));
		}
		// The only line left over is where a question is asked, or something is said.
		else if (state.prompt || !said().empty()) {
			frame.lines.resize(height - 1);
			footer("");
		}
	}

	void title()
	{
		TopLine line{{"exitstat", TopInk::strong}};
		const TopPiece right{state.paused
					     ? std::string("PAUSED")
					     : fmt::format("every {:g} s, up {}", state.seconds,
							   uptime_text(model.uptime())),
				     state.paused ? TopInk::note : TopInk::plain};
		const std::size_t used = columns_of(line) + 2 + columns_of(right.text) + 2;
		const std::uint32_t vcpus = model.vcpus() ? model.vcpus() : info.vcpus;
		const std::string count = fmt::format("{} vCPU{}", vcpus, vcpus == 1 ? "" : "s");
		std::vector<std::string> items{state.per_vcpu ? "each vCPU" : "whole VM", count,
					       info.isa == Isa::vmx ? "VMX" : "SVM"};
		if (info.tsc_khz)
			items.push_back(fmt::format("TSC {}.{:03} MHz", info.tsc_khz / 1000,
						    info.tsc_khz % 1000));
		line.push_back(
			{": " + joined(items, ", ", screen.width - std::min(screen.width, used))});
		add(spread(std::move(line), right, screen.width));
	}

	void summary()
	{
		const TopRow &total = model.total();
		if (!model.counting()) {
			add({{"The host has switched the counting off: no VM-Exits means nothing.",
			      TopInk::note}});
			return;
		}
		if (!model.has_rates()) {
			add({{screen.height >= 3 ? "" : "No figures yet."}});
			return;
		}
		std::vector<std::string> items{
			rate_text(total.exits) + " VM-Exits/s",
			cycles_per_second > 0 ? fmt::format("{:.2f}% of one CPU",
							    100 * total.cycles / cycles_per_second)
					      : grouped(whole(total.cycles)) + " cycles/s"};
		items.push_back("exitstat's own " + grouped(model.own_exits()) + " left out");
		const std::string line = joined(items, ", ", screen.width);
		const std::size_t number = items[0].size();
		add({{line.substr(0, number), TopInk::strong},
		     {line.substr(std::min(number, line.size()))}});
	}

	/// All columns there can be; those that fit are marked.
	std::vector<TopColumn> choose_columns() const
	{
		const TopModel::Widest &widest = model.widest();
		const TopRow &total = model.total();
		const bool timed = cycles_per_second > 0;
		const auto wide = [](std::string_view head, const std::string &largest) {
			return std::max(head.size(), largest.size());
		};

		std::vector<TopColumn> columns;
		if (state.per_vcpu)
			columns.push_back({"CPU",
					   0,
					   wide("CPU", std::to_string(widest.cpu)),
					   0,
					   {},
					   [](const TopRow &row) {
						   return row.cpu ? std::to_string(*row.cpu) : "";
					   }});
		columns.push_back({"REASON", std::size_t(state.per_vcpu ? 2 : 0),
				   std::max<std::size_t>(6, widest.name), 0, Sort::name,
				   [](const TopRow &row) { return row.name; }, true});
		columns.push_back({"EXITS/S", 2, wide("999,999", rate_text(widest.exits)), 0,
				   Sort::exits, [](const TopRow &row) {
					   return rate_text(row.exits);
				   }});
		columns.push_back({"%", 1, 5, 7, Sort::exits, [&](const TopRow &row) {
					   return percent(row.exits, total.exits);
				   }});
		columns.push_back({"CYCLES/S", 2, wide("CYCLES/S", grouped(whole(widest.cycles))),
				   timed ? 9 : 4, Sort::cycles, [](const TopRow &row) {
					   return grouped(whole(row.cycles));
				   }});
		columns.push_back({"%", 1, 5, 6, Sort::cycles, [&](const TopRow &row) {
					   return percent(row.cycles, total.cycles);
				   }});
		if (timed)
			columns.push_back(
				{"%CPU", 2, 6, 4, Sort::cycles, [this](const TopRow &row) {
					 return fmt::format("{:.2f}",
							    100 * row.cycles / cycles_per_second);
				 }});
		columns.push_back({"CYC/EXIT", 2, wide("CYC/EXIT", grouped(whole(widest.cost))), 2,
				   Sort::cost, [](const TopRow &row) {
					   return row.exits > 0 ? grouped(whole(row.cost())) : "-";
				   }});
		if (has_histograms(info, scope)) {
			columns.push_back({"P50", 2, 5, 8, {}, [](const TopRow &row) {
						   return bound(row.histogram, 50);
					   }});
			columns.push_back({"P99", 1, 5, 5, {}, [](const TopRow &row) {
						   return bound(row.histogram, 99);
					   }});
		}
		columns.push_back({"TREND", 2, trend_min, 3, {}, {}, true});
		columns.back().ink = TopInk::trend;

		// The order's own column comes before any other that can go.
		const auto first = std::ranges::min(columns, {}, [&](const TopColumn &column) {
			return column.key == state.sort ? column.expendable : 10;
		});
		for (TopColumn &column : columns)
			if (column.key == state.sort && column.expendable == first.expendable)
				column.expendable = std::min(column.expendable, 1);

		std::size_t used = 0;
		for (int rank = 0; rank < 10; rank++)
			for (TopColumn &column : columns) {
				const std::size_t more = column.gap + column.width;
				if (column.expendable != rank ||
				    (rank && used + more > screen.width))
					continue;
				column.shown = true;
				used += more;
			}
		// A name is cut before the number next to it.
		for (TopColumn &column : columns)
			if (column.key == Sort::name && used > screen.width)
				column.width = std::max<std::size_t>(
					3,
					column.width - std::min(column.width, used - screen.width));
		if (columns.back().shown)
			columns.back().width +=
				std::min(screen.width - used, TopModel::history_limit - trend_min);
		// A share without its number needs a name.
		for (std::size_t i = 1; i < columns.size(); i++)
			if (columns[i].head == "%" && !columns[i - 1].shown) {
				columns[i].head = "%CYC";
				columns[i].gap = 1;
			}
		return columns;
	}

	static std::string aligned(const TopColumn &column, const std::string &text)
	{
		const std::string s = cut(text, column.width);
		const std::string blanks(column.width - columns_of(s), ' ');
		return column.left ? s + blanks : blanks + s;
	}

	void heading(const std::vector<TopColumn> &columns)
	{
		TopLine line;
		bool was_sorted = false;
		for (const TopColumn &column : columns) {
			if (!column.shown)
				continue;
			const bool sorted = column.key && column.key == state.sort;
			const TopInk ink = sorted ? TopInk::sorted : TopInk::heading;
			line.push_back(
				{std::string(column.gap, ' '), was_sorted ? ink : TopInk::heading});
			was_sorted = sorted;
			// The newest sample, hence the name, is at the right.
			const std::string text =
				column.ink == TopInk::trend
					? std::string(column.width - column.head.size(), ' ') +
						  column.head
					: aligned(column, column.head);
			line.push_back({text, ink});
		}
		const std::size_t used = columns_of(line);
		line.push_back({std::string(screen.width - std::min(screen.width, used), ' '),
				TopInk::heading});
		add(std::move(line));
	}

	void row(const std::vector<TopColumn> &columns, const TopRow &row, TopInk ink)
	{
		TopLine line;
		for (const TopColumn &column : columns) {
			if (!column.shown)
				continue;
			line.push_back({std::string(column.gap, ' '), ink});
			if (column.ink == TopInk::trend)
				line.push_back({sparkline(row.history, column.width, screen.utf8),
						column.ink});
			else
				line.push_back({aligned(column, column.cell(row)), ink});
		}
		add(std::move(line));
	}

	const std::string &said() const
	{
		return state.message.empty() ? state.news : state.message;
	}

	void footer(const std::string &place)
	{
		if (state.prompt) {
			add({{fmt::format("Seconds between readings [{:g}]: ", state.seconds),
			      TopInk::note},
			     {*state.prompt + "_"}});
			return;
		}
		if (!said().empty()) {
			add({{said(), TopInk::note}});
			return;
		}
		static constexpr const char *orders[] = {"exits", "cycles", "cycles/exit", "name",
							 "code"};
		const std::string right = "by " + std::string(orders[std::size_t(state.sort)]) +
					  (place.empty() ? "" : ", " + place);
		const std::size_t used = right.size() + 2;
		const std::string hints = joined(
			{"h help", "q quit", "v vCPUs", "p pause", "e c x n order", "+ - interval"},
			"  ", screen.width - std::min(screen.width, used));
		add(spread({{hints, TopInk::faint}}, {right, TopInk::faint}, screen.width));
	}
};

} // namespace

TopFrame top_frame(const TopModel &model, const TopState &state, const Info &info, bool emulated,
		   const TopScreen &screen)
{
	if (!screen.width || !screen.height)
		return {};
	return Painter(model, state, info, emulated, screen).paint();
}

// ---- The terminal ------------------------------------------------------------------------------

namespace
{

volatile std::sig_atomic_t ending;    ///< the signal that asks to end
volatile std::sig_atomic_t stopping;  ///< Ctrl-Z
volatile std::sig_atomic_t continued; ///< after it
volatile std::sig_atomic_t resized;

/// Signals are noted, and arrive nowhere but in wait().
class Signals
{
public:
	Signals()
	{
		sigset_t set;
		sigemptyset(&set);
		for (std::size_t i = 0; i < std::size(handled); i++) {
			sigaction(handled[i].number, nullptr, &before[i]);
			sigaddset(&set, handled[i].number);
		}
		for (volatile std::sig_atomic_t *flag : {&ending, &stopping, &continued, &resized})
			*flag = 0;
		sigprocmask(SIG_BLOCK, &set, &mask);
	}

	~Signals()
	{
		for (std::size_t i = 0; i < std::size(handled); i++)
			sigaction(handled[i].number, &before[i], nullptr);
		sigprocmask(SIG_SETMASK, &mask, nullptr);
	}

	Signals(const Signals &) = delete;
	Signals &operator=(const Signals &) = delete;

	/// To be called after ncurses has installed its own.
	void install() const
	{
		struct sigaction action = {};
		for (std::size_t i = 0; i < std::size(handled); i++) {
			// A program under nohup, or without job control, is to be left alone.
			if (before[i].sa_handler == SIG_IGN && handled[i].number != SIGWINCH)
				continue;
			action.sa_handler = handled[i].handler;
			sigaction(handled[i].number, &action, nullptr);
		}
	}

	/// Wait for input, for room for output if \p to_write, or a signal. Whether there is room.
	/// Throws if the terminal is gone.
	bool wait(std::optional<std::chrono::nanoseconds> timeout, bool to_write) const
	{
		std::array<pollfd, 2> files{{{STDIN_FILENO, POLLIN, 0},
					     {STDOUT_FILENO, short(to_write ? POLLOUT : 0), 0}}};
		timespec time{};
		if (timeout && timeout->count() > 0)
			time = {timeout->count() / 1'000'000'000, timeout->count() % 1'000'000'000};
		if (ppoll(files.data(), files.size(), timeout ? &time : nullptr, &mask) < 0)
			return false; // a signal
		for (const pollfd &file : files)
			if (file.revents & (POLLHUP | POLLERR | POLLNVAL) && !ending)
				throw std::runtime_error("the terminal is gone");
		return files[1].revents & POLLOUT;
	}

	/// Stop as if nobody had handled the signal. Returns when the program goes on.
	void stop() const
	{
		struct sigaction action = {};
		action.sa_handler = SIG_DFL;
		sigaction(SIGTSTP, &action, nullptr);
		std::raise(SIGTSTP);
		sigset_t set, now;
		sigemptyset(&set);
		sigaddset(&set, SIGTSTP);
		sigprocmask(SIG_UNBLOCK, &set, &now);
		sigprocmask(SIG_SETMASK, &now, nullptr);
		install();
	}

private:
	struct Handled {
		int number;
		void (*handler)(int);
	};

	static constexpr auto end = [](int number) {
		ending = number;
	};
	static constexpr Handled handled[] = {
		{SIGINT, end},
		{SIGTERM, end},
		{SIGHUP, end},
		{SIGQUIT, end},
		{SIGTSTP,
		 [](int) {
			 stopping = 1;
		 }},
		{SIGCONT,
		 [](int) {
			 continued = 1;
		 }},
		{SIGWINCH,
		 [](int) {
			 resized = 1;
		 }},
	};

	struct sigaction before[std::size(handled)]{};
	sigset_t mask{};
};

/// An entry of the terminfo database, for guests that have none, as text for the environment's
/// TERMINFO (see terminfo(5), and term(5) for the format). It has what terminals and consoles that
/// follow ECMA-48 and xterm have in common.
std::string common_terminfo()
{
	using Number = std::pair<std::string_view, std::int16_t>;
	using String = std::pair<std::string_view, std::string_view>;
	static constexpr std::string_view flags[] = {"am", "xenl"};
	static constexpr Number numbers[] = {
		{"cols", 80}, {"lines", 24}, {"colors", 8}, {"pairs", 64}};
	static constexpr String strings[] = {
		{"clear", "\033[H\033[J"},
		{"cup", "\033[%i%p1%d;%p2%dH"},
		{"home", "\033[H"},
		{"ed", "\033[J"},
		{"el", "\033[K"},
		{"cr", "\r"},
		{"cuu1", "\033[A"},
		{"cud1", "\n"},
		{"cuf1", "\033[C"},
		{"cub1", "\b"},
		{"bold", "\033[1m"},
		{"dim", "\033[2m"},
		{"rev", "\033[7m"},
		{"sgr0", "\033[m"},
		{"setaf", "\033[3%p1%dm"},
		{"setab", "\033[4%p1%dm"},
		{"op", "\033[39;49m"},
		{"civis", "\033[?25l"},
		{"cnorm", "\033[?25h"},
		{"smcup", "\033[?1049h"},
		{"rmcup", "\033[?1049l"},
		// Without them the last character of the last line cannot be written.
		{"smam", "\033[?7h"},
		{"rmam", "\033[?7l"},
	};

	const auto find = [](const auto &table, const char *name) {
		const auto *at = std::ranges::find_if(
			table, [&](const auto &entry) { return entry.first == name; });
		return at == std::end(table) ? nullptr : at;
	};
	const auto number = [](std::size_t value) {
		return std::string{char(value & 0xFF), char(value >> 8 & 0xFF)};
	};
	constexpr std::size_t absent = 0xFFFF;

	// ncurses has the names in the order of the format.
	std::string bools, nums, offsets, table;
	for (const char *const *name = boolnames; *name; name++)
		bools += char(std::ranges::count(flags, std::string_view(*name)));
	for (const char *const *name = numnames; *name; name++) {
		const Number *at = find(numbers, *name);
		nums += number(at ? std::size_t(at->second) : absent);
	}
	for (const char *const *name = strnames; *name; name++) {
		const String *at = find(strings, *name);
		offsets += number(at ? table.size() : absent);
		if (at)
			table += std::string(at->second) + '\0';
	}

	const std::string title("exitstat\0", 9);
	std::string entry;
	for (const std::size_t value : {std::size_t(0432), title.size(), bools.size(),
					nums.size() / 2, offsets.size() / 2, table.size()})
		entry += number(value);
	entry += title + bools;
	if (entry.size() % 2)
		entry += '\0';
	entry += nums + offsets + table;

	std::string text = "hex:";
	for (const char byte : entry)
		text += fmt::format("{:02X}", static_cast<unsigned char>(byte));
	return text;
}

/// Makes the terminal's description known to ncurses, and returns its name. Throws if there is
/// none.
std::string require_terminal()
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		throw std::runtime_error("exitstat top needs a terminal; for output to a file or "
					 "pipe use exitstat 1");
	const char *variable = std::getenv("TERM");
	std::string name = variable ? variable : "";
	if (name.empty())
		throw std::runtime_error("exitstat top must know the terminal's type: set TERM, as "
					 "in TERM=xterm exitstat top; or use exitstat 1");

	int found;
	if (setupterm(name.c_str(), STDOUT_FILENO, &found) == OK) {
		const char *move = tigetstr("cup");
		del_curterm(cur_term);
		// NOLINTNEXTLINE(performance-no-int-to-ptr): terminfo's way to say so
		if (move && move != reinterpret_cast<const char *>(-1))
			return name;
		throw std::runtime_error("exitstat top cannot draw on a terminal of type " + name +
					 ": set TERM to what it is, or use exitstat 1");
	}
	// A tiny guest has no database, and no database has all.
	static constexpr std::string_view known[] = {"alacritty", "foot", "konsole", "linux",
						     "putty",	  "rxvt", "screen",  "tmux",
						     "vt",	  "xterm"};
	if (std::ranges::any_of(known, [&](auto start) { return name.starts_with(start); })) {
		setenv("TERMINFO", common_terminfo().c_str(), 1);
		if (setupterm("exitstat", STDOUT_FILENO, &found) == OK) {
			del_curterm(cur_term);
			return "exitstat";
		}
	}
	throw std::runtime_error("exitstat top does not know terminals of type " + name +
				 ": set TERM, as in TERM=xterm exitstat top; or use exitstat 1");
}

/// The terminal as a screen to draw on; as before when the object is gone.
class Terminal
{
public:
	Terminal(const Signals &signals, const std::string &type) : signals(signals)
	{
		std::setlocale(LC_CTYPE, "");
		// The console's font has not all of the blocks.
		const char *name = std::getenv("TERM");
		utf8 = std::string_view(nl_langinfo(CODESET)) == "UTF-8" && name &&
		       !std::string_view(name).starts_with("linux");

		handle = newterm(type.c_str(), stdout, stdin);
		if (!handle)
			throw std::runtime_error("exitstat top cannot use this terminal; use "
						 "exitstat 1");
		signals.install();
		cbreak();
		noecho();
		nonl();
		nodelay(stdscr, TRUE);
		keypad(stdscr, TRUE);
		set_escdelay(25);
		leaveok(stdscr, TRUE);
		curs_set(0);
		define_keys();
		const char *no_color = std::getenv("NO_COLOR");
		if (!(no_color && *no_color) && has_colors() && start_color() == OK &&
		    use_default_colors() == OK) {
			colour = true;
			init_pair(pair_trend, COLOR_CYAN, -1);
			init_pair(pair_note, COLOR_YELLOW, -1);
			init_pair(pair_sorted, COLOR_BLACK, COLOR_CYAN);
		}
		resize();
	}

	~Terminal()
	{
		// Ctrl-S must not keep the program from ending. Only what was stopped this way can
		// be started this way.
		tcflow(STDOUT_FILENO, TCOOFF);
		tcflow(STDOUT_FILENO, TCOON);
		endwin();
		delscreen(handle);
	}

	Terminal(const Terminal &) = delete;
	Terminal &operator=(const Terminal &) = delete;

	TopScreen screen() const
	{
		return {std::size_t(getmaxx(stdscr)), std::size_t(getmaxy(stdscr)), utf8};
	}

	/// Take the size that the terminal has now. A serial line does not know it, and says 0.
	void resize()
	{
		winsize size{};
		if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col)
			resizeterm(size.ws_row, size.ws_col);
	}

	/// Ctrl-Z: give the terminal back until the program goes on.
	void stop()
	{
		endwin();
		signals.stop();
	}

	/// Somebody else may have used the terminal: take it again, and draw everything.
	void reclaim()
	{
		if (!isendwin())
			endwin();
		resize();
		clearok(curscr, TRUE);
	}

	void repaint()
	{
		clearok(curscr, TRUE);
	}

	/// What does not change is not sent, so there is nothing to flicker.
	void draw(const TopFrame &frame)
	{
		werase(stdscr);
		for (std::size_t y = 0; y < frame.lines.size(); y++) {
			wmove(stdscr, int(y), 0);
			for (const TopPiece &piece : frame.lines[y]) {
				wattrset(stdscr, int(attributes(piece.ink)));
				waddstr(stdscr, piece.text.c_str());
			}
		}
		wrefresh(stdscr);
	}

	/// A key that was pressed, -1 if none was.
	int key()
	{
		const int c = wgetch(stdscr);
		switch (c) {
		case ERR:
			return -1;
		case KEY_UP:
			return TopKey::up;
		case KEY_DOWN:
			return TopKey::down;
		case KEY_LEFT:
			return TopKey::left;
		case KEY_RIGHT:
			return TopKey::right;
		case KEY_PPAGE:
			return TopKey::page_up;
		case KEY_NPAGE:
			return TopKey::page_down;
		case KEY_HOME:
			return TopKey::home;
		case KEY_END:
			return TopKey::end;
		case KEY_BACKSPACE:
		case 127:
			return TopKey::backspace;
		case KEY_ENTER:
		case '\r':
			return TopKey::enter;
		case KEY_RESIZE: // by resize(), and no key
			return key();
		case KEY_F(1):
			return '?';
		default:
			return c;
		}
	}

private:
	enum : short { pair_trend = 1, pair_note, pair_sorted };

	const Signals &signals;
	SCREEN *handle = nullptr;
	bool colour = false;
	bool utf8 = false;

	/// Terminals send these whatever their description says.
	static void define_keys()
	{
		static constexpr std::pair<const char *, int> keys[] = {
			{"\033[A", KEY_UP},	{"\033OA", KEY_UP},    {"\033[B", KEY_DOWN},
			{"\033OB", KEY_DOWN},	{"\033[C", KEY_RIGHT}, {"\033OC", KEY_RIGHT},
			{"\033[D", KEY_LEFT},	{"\033OD", KEY_LEFT},  {"\033[5~", KEY_PPAGE},
			{"\033[6~", KEY_NPAGE}, {"\033[H", KEY_HOME},  {"\033OH", KEY_HOME},
			{"\033[1~", KEY_HOME},	{"\033[F", KEY_END},   {"\033OF", KEY_END},
			{"\033[4~", KEY_END}};
		for (const auto &[text, code] : keys)
			define_key(text, code);
	}

	chtype attributes(TopInk ink) const
	{
		switch (ink) {
		case TopInk::strong:
			return A_BOLD;
		case TopInk::faint:
			return A_DIM;
		case TopInk::heading:
			return A_REVERSE;
		case TopInk::sorted:
			// A hole in the bar where there is no colour.
			return colour ? chtype(COLOR_PAIR(pair_sorted)) : A_BOLD;
		case TopInk::trend:
			return colour ? chtype(COLOR_PAIR(pair_trend)) : A_NORMAL;
		case TopInk::note:
			return colour ? chtype(COLOR_PAIR(pair_note)) : A_BOLD;
		case TopInk::plain:
			break;
		}
		return A_NORMAL;
	}
};

/// Reads when it is time, draws when something changed.
class Live
{
public:
	Live(Reader &reader, const TopOptions &options, Terminal &terminal, const Signals &signals,
	     std::uint64_t own_cycles)
		: reader(reader), emulated(options.emulated), terminal(terminal), signals(signals),
		  model(reader.info().isa, own_cycles)
	{
		state.sort = options.sort;
		state.seconds = TopState::limited(options.seconds);
		state.per_vcpu = options.per_vcpu;
		generation = reader.info().generation;
	}

	/// The signal that ended it, 0 if the user did.
	int run()
	{
		begin();
		for (bool dirty = true;;) {
			std::optional<std::chrono::nanoseconds> timeout;
			if (!state.paused)
				timeout = next - Clock::now();
			// A terminal that takes no output is not waited for.
			if (signals.wait(timeout, dirty) && dirty) {
				const auto &[lines, scroll, page] = draw();
				state.scroll = scroll;
				state.page = page;
				dirty = false;
			}
			if (ending)
				return ending;
			if (stopping) {
				terminal.stop();
				stopping = 0;
				continued = 1;
			}
			if (continued) {
				continued = 0;
				terminal.reclaim();
				// Nobody wants to know the rates of the time in between.
				if (!state.paused)
					begin();
				dirty = true;
			}
			if (resized) {
				resized = 0;
				terminal.resize();
				dirty = true;
			}
			for (int key; (key = terminal.key()) >= 0;) {
				if (!press(key))
					return 0;
				dirty = true;
			}
			if (!state.paused && Clock::now() >= next) {
				read();
				dirty = true;
			}
		}
	}

private:
	using Clock = std::chrono::steady_clock;

	Reader &reader;
	const bool emulated;
	Terminal &terminal;
	const Signals &signals;
	TopModel model;
	TopState state{};
	std::uint64_t generation{};
	Clock::time_point last{}; ///< of the readings
	Clock::time_point next{};
	const CpuSet cpus = CpuSet::allowed();

	TopFrame draw()
	{
		model.sort(state.sort);
		TopFrame frame =
			top_frame(model, state, reader.info(), emulated, terminal.screen());
		terminal.draw(frame);
		return frame;
	}

	/// A new base. The first interval is short: who has asked wants to see something.
	void begin()
	{
		model.rebase();
		read();
		next = last + std::min(interval(), Clock::duration(500ms));
	}

	Clock::duration interval() const
	{
		return std::chrono::duration_cast<Clock::duration>(
			std::chrono::duration<double>(state.seconds));
	}

	void read()
	{
		last = Clock::now();
		next = last + interval();
		state.message.clear();
		if (!state.per_vcpu) {
			add({{std::nullopt, reader.read(Details::all)}});
			return;
		}
		std::vector<TopReading> readings;
		// Moving to and from each CPU leaves out those that were offline meanwhile.
		cpus.apply();
		for (const int cpu : CpuSet::allowed().list())
			try {
				readings.push_back({cpu, reader.read_cpu(cpu)});
			} catch (const BadAnswer &) {
				throw;
			} catch (const Unavailable &) {
				throw;
			} catch (const std::runtime_error &e) {
				state.message = e.what();
			}
		add(std::move(readings));
	}

	void add(std::vector<TopReading> readings)
	{
		for (const TopReading &reading : readings) {
			const Snapshot &now = reading.snapshot;
			if (now.generation != generation) {
				// Another host has another price.
				model.set_own_cycles(reader.own_cycles_per_exit());
				state.news = std::string("Note: ") + OtherGeneration().what() + ".";
			}
			generation = now.generation;
		}
		model.add(std::move(readings));
	}

	/// Whether to go on.
	bool press(int key)
	{
		const double seconds = state.seconds;
		switch (state.press(key)) {
		case TopAction::quit:
			return false;
		case TopAction::restart:
			model.clear();
			begin();
			break;
		case TopAction::resume:
			begin();
			break;
		case TopAction::repaint:
			terminal.repaint();
			break;
		case TopAction::none:
			break;
		}
		if (state.seconds != seconds)
			next = last + interval();
		return true;
	}
};

} // namespace

int top(Reader &reader, const TopOptions &options)
{
	const std::string type = require_terminal();
	const std::uint64_t own_cycles = reader.own_cycles_per_exit();
	int signal;
	{
		const Signals signals;
		Terminal terminal(signals, type);
		signal = Live(reader, options, terminal, signals, own_cycles).run();
	}
	if (!signal)
		return 0;
	// The shell is to see which signal it was.
	std::raise(signal);
	return 128 + signal;
}

} // namespace exit_stats
