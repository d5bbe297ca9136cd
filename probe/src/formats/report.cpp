// SPDX-License-Identifier: GPL-2.0
#include "formats/report.hpp"
#include "reasons/names.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace exitstat
{

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

std::string when(const Report &report)
{
	switch (report.period) {
	case Period::since_start:
		if (report.seconds() > 0)
			return " since the counters began, " + clock_text(report.delta.time) +
			       " ago";
		return " since the counters began";
	case Period::command:
		return fmt::format(" during {}, {:.2f} s", shell_words(report.command),
				   report.seconds());
	case Period::interval:
	case Period::recording:
		break;
	}
	return fmt::format(" in {:.2f} s", report.seconds());
}

void add(Histogram &sum, const Histogram &more)
{
	sum.resize(std::max(sum.size(), more.size()));
	for (std::size_t i = 0; i < more.size(); i++)
		sum[i] += more[i];
}

void add(ReasonCount &sum, const ReasonCount &more)
{
	sum.exits += more.exits;
	sum.cycles += more.cycles;
	sum.user_exits += more.user_exits;
	sum.away_cycles += more.away_cycles;
	add(sum.histogram, more.histogram);
}

Busy without_idle(Delta delta, Isa isa)
{
	Busy busy{std::move(delta), {}};
	auto &reasons = busy.delta.reasons;
	for (const ReasonCount &reason : reasons)
		if (is_idle(isa, reason.code))
			add(busy.idle, reason);
	std::erase_if(reasons, [&](const ReasonCount &r) { return is_idle(isa, r.code); });
	busy.delta.total.exits -= std::min(busy.idle.exits, busy.delta.total.exits);
	busy.delta.total.cycles -= std::min(busy.idle.cycles, busy.delta.total.cycles);
	return busy;
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
		case Sort::away:
			return ordered(b.away_cycles, a.away_cycles);
		case Sort::cost:
			return ordered(cost(b), cost(a));
		case Sort::name:
			return ordered(name_of(isa, a.code), name_of(isa, b.code));
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
