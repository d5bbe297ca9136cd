// SPDX-License-Identifier: GPL-2.0
#include "formats/report.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace exitstat
{

std::string bound(const Histogram &histogram, unsigned percent)
{
	const auto bucket = percentile(histogram, percent);
	if (!bucket)
		return "-";
	if (*bucket == 0)
		return "0";
	const bool last = *bucket + 1 == histogram.size();
	const std::size_t power = last ? *bucket - 1 : *bucket;
	static constexpr const char *units[] = {"", "K", "M", "G", "T", "P", "E"};
	return fmt::format("{}{}{}", last ? ">=" : "<", 1U << power % 10, units[power / 10]);
}

std::string news(const Snapshot &now, const Snapshot &before)
{
	std::string s;
	if (now.generation != before.generation)
		s = std::string(OtherGeneration().what()) + ": what follows is from then on";
	if (now.counting != before.counting)
		s += (s.empty() ? "" : "; ") +
		     std::string(now.counting ? "the host counts VM-Exits again"
					      : "the host has switched the counting off: no "
						"VM-Exits means nothing");
	return s;
}

std::uint64_t cost(const Count &count)
{
	if (!count.exits)
		return 0;
	const std::uint64_t rest = count.cycles % count.exits;
	return count.cycles / count.exits + (rest >= count.exits - rest);
}

void sort(std::vector<ReasonCount> &reasons, Isa isa, Sort by)
{
	std::ranges::sort(reasons, [&](const ReasonCount &a, const ReasonCount &b) {
		const auto ordered = [&](const auto &x, const auto &y) {
			return x == y ? a.code < b.code : x < y;
		};
		switch (by) {
		case Sort::exits:
			return ordered(b.exits, a.exits);
		case Sort::cycles:
			return ordered(b.cycles, a.cycles);
		case Sort::cost:
			return ordered(cost(b), cost(a));
		case Sort::name:
			return ordered(reason_name(isa, a.code), reason_name(isa, b.code));
		case Sort::code:
			break;
		}
		return a.code < b.code;
	});
}

std::string shell_words(const std::vector<std::string> &command)
{
	std::string s;
	for (const std::string &word : command) {
		const bool plain = !word.empty() &&
				   word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn"
							  "opqrstuvwxyz0123456789%+,-./:=@_") ==
					   std::string::npos;
		s += s.empty() ? "" : " ";
		if (plain) {
			s += word;
			continue;
		}
		s += '\'';
		for (const char c : word)
			s += c == '\'' ? "'\\''" : (c < ' ' && c >= 0) ? "?" : std::string(1, c);
		s += '\'';
	}
	return s;
}

} // namespace exitstat
