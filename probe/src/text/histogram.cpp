// SPDX-License-Identifier: GPL-2.0
#include "formats/report.hpp"
#include "reasons/names.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace exitstat
{

std::string histogram(const Report &report, const ReasonCount &reason, const Style &style,
		      bool cycles)
{
	const Ticks ticks = report.ticks(cycles);
	const Histogram &buckets = reason.histogram;
	const auto is_used = [](std::uint64_t n) {
		return n != 0;
	};
	const auto first = std::ranges::find_if(buckets, is_used);
	if (first == buckets.end())
		return fmt::format("{}: no VM-Exits\n", name_of(report.info.isa, reason.code));
	const auto last = std::find_if(buckets.rbegin(), buckets.rend(), is_used).base();
	const std::uint64_t most = *std::max_element(first, last);

	constexpr std::size_t before = 39, least = 10;
	const std::size_t width =
		std::clamp<std::size_t>(style.width - std::min(style.width, before), least, 60);
	std::string s =
		bold(fmt::format("{:>21} : {:>12}  {}", ticks.are_time() ? "time" : "cycles",
				 "exits", "distribution"),
		     style) +
		"\n";
	for (auto at = first; at != last; at++) {
		const auto i = unsigned(at - buckets.begin());
		const bool open = i + 1 == buckets.size();
		const std::string from = i ? ticks.power_of_two(i - 1) : "0";
		const std::string to = open ? "" : ticks.power_of_two(i);
		const auto stars = std::size_t(double(*at) / double(most) * double(width) + 0.5);
		s += fmt::format("{:>9} -> {:<8} : {:>12}  |{:<{}}|\n", from, to, grouped(*at),
				 std::string(stars, '*'), width);
	}
	return s;
}

} // namespace exitstat
