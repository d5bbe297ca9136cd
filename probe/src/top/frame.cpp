// SPDX-License-Identifier: GPL-2.0
#include "top/frame.hpp"

#include "formats/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string_view>

namespace exitstat
{

namespace
{

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

} // namespace exitstat
