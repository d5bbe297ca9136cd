// SPDX-License-Identifier: GPL-2.0
#include "top/frame.hpp"

#include "text/layout.hpp"
#include "top/columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace exitstat
{

namespace
{

/// Help for those who see it for the first time: 80 columns, and no more lines than a screen has.
constexpr std::string_view help_text[] = {
	"VM-Exits of this virtual machine, counted by its hypervisor, live",
	"",
	"e c a x n       order by exits, time, time away, time per exit, name",
	"<  >            order by the column to the left or right, as do the arrow keys",
	"#               order by code of the reason; in the view of vCPUs, by vCPU first",
	"v               each vCPU by itself, or the whole VM",
	"t               time, or cycles: ticks of the host's TSC",
	"+  -  d         longer interval, shorter interval, type in the seconds",
	"p  space        pause",
	"r               forget what was seen and begin anew",
	"up down         scroll, as do PgUp, PgDn, Home and End",
	"Ctrl-L  q       repaint, quit",
	"",
	"EXITS/S         VM-Exits a second in the last interval; then per cent of TOTAL",
	"%CPU            time in which KVM handled them, per cent of one CPU; of TOTAL",
	"TIME/EXIT       that time for one VM-Exit",
	"P50 P90 P99 MAX half, 90%, 99%, all of them took less, known by powers of two",
	"TO USER  AWAY   a second: exits to userspace, time from VM-Exit to VM-Entry",
	"TREND           exits a second until now, newest at the right, each reason to a",
	"                scale of its own; half of the height is the mean, or less",
	"IDLE            vCPUs had nothing to do (HLT, MWAIT): no part of TOTAL",
	"",
	"VM-Exits that exitstat itself causes by reading the counters are left out.",
};

/// Makes frames; lives as long as one of them takes.
class Painter
{
public:
	Painter(const TopModel &model, const TopState &state, const Info &info, bool emulated,
		const TopScreen &screen)
		: model(model), state(state), info(info), screen(screen),
		  ticks(info, emulated || state.cycles), emulated(emulated)
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
	const Ticks ticks; ///< as they are to be shown
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
		const bool has_note = height >= 12 && (emulated || !info.tsc_khz);

		if (has_title)
			title();
		summary();
		if (has_note)
			add({{emulated ? "Note: this VM runs in an emulator: cycles are ticks of "
					 "its clock, not time."
				       : "Note: the frequency of the TSC is not known: cycles "
					 "cannot be told as time.",
			      TopInk::note}});

		const std::vector<TopColumn> columns =
			top_columns(model, state, info, ticks, screen.width);
		if (has_heading)
			heading(columns);
		if (has_total && model.has_rates()) {
			row(columns, model.total(), TopInk::strong);
			if (has_idle())
				row(columns, model.idle(), TopInk::faint);
		}

		const auto &rows = model.rows();
		const std::size_t room =
			height - std::min(height, frame.lines.size() + (has_footer ? 1 : 0));
		scroll_to(rows.size(), room);
		for (std::size_t i = frame.scroll; i < rows.size() && i < frame.scroll + room; i++)
			row(columns, rows[i],
			    rows[i].silent || rows[i].idle ? TopInk::faint : TopInk::plain);
		if (rows.empty() && room)
			add({{!model.counting()	   ? ""
			      : !model.has_rates() ? "The first figures come after an interval."
			      : has_idle()	   ? "No VM-Exits but those of idle vCPUs."
						   : "No VM-Exits.",
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
		TopPiece right{"PAUSED", TopInk::note};
		if (!state.paused) {
			right = {fmt::format("every {:g} s", state.seconds)};
			// The guest's own uptime would say nothing of them: it may boot again.
			if (const auto age = Ticks(info, emulated).ns(double(model.age()));
			    age && *age > 0)
				right.text +=
					fmt::format(", counters {} old",
						    clock_text(std::chrono::nanoseconds(
							    std::int64_t(std::min(*age, 9.2e18)))));
		}
		const std::size_t used = columns_of(line) + 2 + columns_of(right.text) + 2;
		const std::uint32_t vcpus = model.vcpus() ? model.vcpus() : info.vcpus;
		const std::string count = fmt::format("{} vCPU{}", vcpus, vcpus == 1 ? "" : "s");
		const bool some = model.cpus() && model.cpus() < vcpus;
		std::vector<std::string> items{some ? fmt::format("{} of {}", model.cpus(), count)
						    : count,
					       info.isa == Isa::vmx ? "VMX" : "SVM"};
		if (!some)
			items.insert(items.begin(), state.per_vcpu     ? "each vCPU"
						    : state.vm.empty() ? "whole VM"
								       : "VM " + state.vm);
		if (info.tsc_khz && !ticks.are_time())
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
			rate(total.exits) + " VM-Exits/s",
			ticks.are_time() ? cpu_text(ticks, total.cycles) + "% of one CPU"
					 : ticks.text(total.cycles) + " cycles/s"};
		// Who reads on the host causes none.
		if (state.vm.empty())
			items.push_back("exitstat's own " + grouped(model.own_exits()) +
					" left out");
		const std::string line = joined(items, ", ", screen.width);
		const std::size_t number = items[0].size();
		add({{line.substr(0, number), TopInk::strong},
		     {line.substr(std::min(number, line.size()))}});
	}

	/// Whether a vCPU was idle lately.
	bool has_idle() const
	{
		return std::ranges::any_of(model.idle().history,
					   [](double exits) { return exits > 0; });
	}

	static std::string aligned(const TopColumn &column, const std::string &text, bool left)
	{
		const std::string s = cut(text, column.width);
		const std::string blanks(column.width - columns_of(s), ' ');
		return left ? s + blanks : blanks + s;
	}

	void heading(const std::vector<TopColumn> &columns)
	{
		TopLine line;
		bool was_sorted = false;
		for (const TopColumn &column : columns) {
			const bool sorted = column.key && column.key == state.sort;
			const TopInk ink = sorted ? TopInk::sorted : TopInk::heading;
			line.push_back(
				{std::string(column.gap, ' '), was_sorted ? ink : TopInk::heading});
			was_sorted = sorted;
			// The newest sample, hence the name, is at the right.
			line.push_back(
				{aligned(column, column.head, column.left && column.cell), ink});
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
			line.push_back({std::string(column.gap, ' '), ink});
			if (column.cell)
				line.push_back(
					{aligned(column, column.cell(row), column.left), ink});
			else
				line.push_back({sparkline(row.history, column.width, screen.utf8),
						TopInk::trend});
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
		static constexpr const char *orders[][6] = {
			{"exits", "cycles", "cycles away", "cycles/exit", "name", "code"},
			{"exits", "time", "time away", "time/exit", "name", "code"}};
		const std::string right =
			"by " + std::string(orders[ticks.are_time()][std::size_t(state.sort)]) +
			(place.empty() ? "" : ", " + place);
		const std::size_t used = right.size() + 2;
		const std::string hints =
			joined({"h help", "q quit", "v vCPUs", "p pause", "e c x n order",
				!Ticks(info, emulated).are_time() ? "+ - interval"
				: state.cycles			  ? "t time"
								  : "t cycles"},
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
