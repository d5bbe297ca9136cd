// SPDX-License-Identifier: GPL-2.0
#include "plot/axis.hpp"
#include "formats/report.hpp"
#include "plot/script.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace exitstat
{

CycleAxis::CycleAxis(const Session &session, const std::vector<Row> &rows)
	: ticks(session.info, session.emulated)
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

std::string CycleAxis::tics() const
{
	std::string s;
	const auto tic = [&](const std::string &text, double x) {
		s += fmt::format("{}{} {:.6g}", s.empty() ? "" : ", ", in_quotes(text), x);
	};
	if (const auto ns_each = ticks.ns(1)) {
		for (int decade = -1; decade < 12; decade++)
			for (const double factor : {1.0, 2.0, 5.0}) {
				const double ns = factor * std::pow(10, decade);
				const double x = std::log2(ns / *ns_each);
				if (x >= begin && x <= end && (factor == 1 || end - begin <= 9))
					tic(duration_text(ns), x);
			}
		return s;
	}
	const int every = (end - begin) / 12 + 1;
	for (int power = begin; power <= end; power++)
		if (power % every == 0)
			tic(power < 0 ? "0" : ticks.power_of_two(unsigned(power)), power);
	return s;
}

std::string CycleAxis::label() const
{
	std::string s = ticks.are_time() ? "Time to handle a VM-Exit"
					 : "Cycles to handle a VM-Exit (ticks of the host's TSC)";
	if (open)
		s += "; the last bar has all above";
	return s;
}

} // namespace exitstat
