// SPDX-License-Identifier: GPL-2.0
#include "plot/drawing.hpp"

#include "formats/report.hpp"
#include "reasons/names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <map>
#include <stdexcept>
#include <utility>

namespace exitstat
{

namespace
{

/// More of them would be narrower than a pixel.
constexpr double most_intervals = 600;

/// Paul Tol's "muted" scheme, in an order in which colour-blind people tell neighbours apart best.
constexpr std::string_view colours[] = {"#332288", "#88ccee", "#cc6677", "#882255",
					"#ddcc77", "#44aa99", "#aa4499", "#117733"};
constexpr std::string_view colour_of_others = "#cccccc";

double seconds(std::chrono::nanoseconds time)
{
	return std::chrono::duration<double>(time).count();
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

} // namespace

Drawing drawing_of(const Session &session)
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
		Busy busy = without_idle(between(session, *samples[i], *samples[i - 1]),
					 session.info.isa);
		drawing.idle_exits += busy.idle.exits;
		deltas.push_back(std::move(busy.delta));
		for (const ReasonCount &reason : deltas.back().reasons) {
			counts[reason.code].exits += reason.exits;
			counts[reason.code].cycles += reason.cycles;
		}
		drawing.total.exits += deltas.back().total.exits;
		drawing.total.cycles += deltas.back().total.cycles;
	}
	if (!samples.empty())
		drawing.length = samples.back()->time - samples.front()->time;
	if (!drawing.total.exits && !was_counting(session))
		throw std::runtime_error("nothing to plot: VM-Exits were not being counted");
	if (!drawing.total.exits)
		throw std::runtime_error(fmt::format(
			"nothing to plot: there are no VM-Exits{} from the first sample "
			"to the last",
			drawing.idle_exits ? " but those of idle vCPUs" : ""));

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
			rows.push_back({name_of(session.info.isa, code), colours[rows.size()]});
		else if (rows.size() == std::size(colours))
			rows.push_back({code == codes.back() ? name_of(session.info.isa, code)
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

} // namespace exitstat
