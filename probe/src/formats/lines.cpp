// SPDX-License-Identifier: GPL-2.0
#include "formats/lines.hpp"

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

void Lines::expect(std::span<const ReasonCount> reasons)
{
	for (const ReasonCount &reason : reasons) {
		const auto at = std::ranges::lower_bound(seen, reason.code, {}, &Seen::code);
		if (at != seen.end() && at->code == reason.code)
			at->exits += reason.exits;
		else
			seen.insert(at, {reason.code, reason.exits});
	}
}

std::string Lines::header(const Report &report)
{
	std::string s = fmt::format("{}{:>9}{}{:>10}", show_cpu ? " CPU" : "", "EXITS/S",
				    report.ns(0) ? "   %CPU" : "", "CYC/EXIT");

	auto by_exits = seen;
	std::ranges::stable_sort(by_exits, std::greater{}, &Seen::exits);
	std::size_t left = style.width - std::min(style.width, s.size());
	shown.clear();
	for (std::size_t i = 0; i < by_exits.size(); i++) {
		const std::string name = reason_name(report.info.isa, by_exits[i].code);
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
	const Delta &delta = report.delta;
	const double seconds = report.seconds();
	// What was not counted is not none.
	const auto figure = [&](const std::string &text) {
		return delta.counting ? text : "-";
	};
	expect(delta.reasons);

	std::string s;
	if (style.header && !until_header) {
		s = header(report);
		until_header = std::max<std::size_t>(2, style.height - 1) - 1;
	} else if (!style.header && shown.empty()) {
		header(report);
	}
	until_header -= until_header > 0;

	if (show_cpu)
		s += fmt::format("{:>4}", report.cpu ? std::to_string(*report.cpu) : "all");
	s += fmt::format("{:>9}", figure(rate(delta.total.exits, seconds)));
	if (const auto share = report.cpu_percent(delta.total.cycles))
		s += fmt::format("{:>7}", figure(fmt::format("{:.2f}", *share)));
	else if (report.ns(0))
		s += fmt::format("{:>7}", "-");
	s += fmt::format("{:>10}", figure(delta.total.exits ? grouped(cost(delta.total)) : "-"));

	std::uint64_t rest = delta.total.exits;
	std::size_t used = (show_cpu ? 4 : 0) + 19 + (report.ns(0) ? 7 : 0);
	for (const std::uint16_t code : shown) {
		const ReasonCount *reason = delta.find(code);
		const std::uint64_t exits = reason ? reason->exits : 0;
		const std::size_t width = width_of(reason_name(report.info.isa, code));
		rest -= std::min(rest, exits);
		used += width;
		s += fmt::format("{:>{}}", figure(rate(exits, seconds)), width);
	}
	if (used + width_of("REST") <= style.width)
		s += fmt::format("{:>{}}", figure(rate(rest, seconds)), width_of("REST"));
	return s + "\n";
}

} // namespace exitstat
