// SPDX-License-Identifier: GPL-2.0
#include "text/lines.hpp"
#include "reasons/names.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace exitstat
{

namespace
{

constexpr std::size_t rate_width = 9; ///< "9,999,999"

std::size_t width_of(const std::string &name)
{
	return 2 + std::max(name.size(), rate_width - 2);
}

} // namespace

void Lines::expect(std::span<const ReasonCount> reasons, Isa isa)
{
	for (const ReasonCount &reason : reasons) {
		if (is_idle(isa, reason.code))
			continue;
		const auto at = std::ranges::lower_bound(seen, reason.code, {}, &Seen::code);
		if (at != seen.end() && at->code == reason.code)
			at->exits += reason.exits;
		else
			seen.insert(at, {reason.code, reason.exits});
	}
}

std::vector<std::pair<std::string, std::string>> Lines::fixed(const Report &report,
							      const Busy &busy) const
{
	const Ticks ticks = report.ticks(options.cycles);
	const Count &total = busy.delta.total;
	// What was not counted is not none.
	const auto figure = [&](const std::string &text) {
		return report.delta.counting ? text : "-";
	};
	std::vector<std::pair<std::string, std::string>> all;
	const auto add = [&](const char *head, std::size_t width, const std::string &text) {
		all.emplace_back(fmt::format("{:>{}}", head, width),
				 fmt::format("{:>{}}", text, width));
	};
	if (options.clock)
		add("CLOCK", 8, clock_of_day());
	if (options.cpu)
		add("CPU", 4, report.cpu ? std::to_string(*report.cpu) : "all");
	add("EXITS/S", 9, figure(rate(total.exits, report.seconds())));
	if (ticks.are_time()) {
		const auto share = report.cpu_percent(total.cycles);
		add("%CPU", 7, share ? figure(fmt::format("{:.2f}", *share)) : "-");
	}
	add(ticks.are_time() ? "TIME/EXIT" : "CYC/EXIT", 11,
	    figure(total.exits ? ticks.text(double(total.cycles) / double(total.exits)) : "-"));
	add("IDLE/S", 9, figure(rate(busy.idle.exits, report.seconds())));
	return all;
}

std::string Lines::header(const Report &report, const Busy &busy)
{
	std::string s;
	for (const auto &[head, text] : fixed(report, busy))
		s += head;

	auto by_exits = seen;
	std::ranges::stable_sort(by_exits, std::greater{}, &Seen::exits);
	std::size_t left = style.width - std::min(style.width, s.size());
	shown.clear();
	for (std::size_t i = 0; i < by_exits.size(); i++) {
		const std::string name = name_of(report.info.isa, by_exits[i].code);
		// All that do not fit share the last column.
		const std::size_t rest = i + 1 < by_exits.size() ? width_of("REST") : 0;
		if (width_of(name) + rest > left)
			break;
		left -= width_of(name);
		shown.push_back(by_exits[i].code);
		s += fmt::format("{:>{}}", name, width_of(name));
	}
	if (left >= width_of("REST"))
		s += fmt::format("{:>{}}", "REST", width_of("REST"));
	return bold(s, style) + "\n";
}

std::string Lines::line(const Report &report)
{
	const Busy busy = without_idle(report.delta, report.info.isa);
	expect(busy.delta.reasons, report.info.isa);

	std::string s;
	if (style.header && !until_header) {
		s = header(report, busy);
		until_header = std::max<std::size_t>(2, style.height - 1) - 1;
	} else if (!style.header && shown.empty()) {
		header(report, busy);
	}
	until_header -= until_header > 0;

	std::size_t used = 0;
	for (const auto &[head, text] : fixed(report, busy)) {
		s += text;
		used += text.size();
	}
	std::uint64_t rest = busy.delta.total.exits;
	const auto add = [&](std::uint64_t exits, std::size_t width) {
		const std::string text =
			report.delta.counting ? rate(exits, report.seconds()) : "-";
		s += fmt::format("{:>{}}", text, width);
		used += width;
	};
	for (const std::uint16_t code : shown) {
		const ReasonCount *reason = busy.delta.find(code);
		const std::uint64_t exits = reason ? reason->exits : 0;
		rest -= std::min(rest, exits);
		add(exits, width_of(name_of(report.info.isa, code)));
	}
	if (used + width_of("REST") <= style.width)
		add(rest, width_of("REST"));
	return s + "\n";
}

} // namespace exitstat
