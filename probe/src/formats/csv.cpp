// SPDX-License-Identifier: GPL-2.0
#include "formats/report.hpp"
#include "reasons/names.hpp"

#include <fmt/format.h>

namespace exitstat
{

namespace
{

/// The value that a percentile is below, empty if there is none.
std::string below(const Histogram &histogram, unsigned percent)
{
	const auto bucket = percentile(histogram, percent);
	if (!bucket || *bucket + 1 == histogram.size())
		return {};
	return std::to_string(bucket_max(*bucket) + 1);
}

} // namespace

std::string csv(const Report &report, bool header)
{
	std::string s;
	if (header)
		s = "uptime,seconds,scope,cpu,code,reason,exits,cycles,ns,cpu_percent,user_exits,"
		    "away_cycles,p50_below,p90_below,p99_below,max_below,generation,counting,"
		    "away_ns,idle\n";
	const std::uint64_t n = report.delta.generation;
	const std::string generation = n ? fmt::format("{:016x}", n) : "";
	const auto time = [&](std::uint64_t cycles) {
		const auto ns = report.ns(cycles);
		return ns ? fmt::format("{:.0f}", *ns) : "";
	};
	const auto line = [&](const ReasonCount &reason, const std::string &code,
			      const std::string &name, const std::string &idle) {
		const auto share = report.cpu_percent(reason.cycles);
		const bool away = report.info.has(View::away) && reason.away_cycles;
		s += fmt::format(
			"{:.6f},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{:d},{},"
			"{}\n",
			std::chrono::duration<double>(report.uptime).count(),
			report.seconds() > 0 ? fmt::format("{:.6f}", report.seconds()) : "",
			report.cpu ? "vcpu" : "vm", report.cpu ? std::to_string(*report.cpu) : "",
			code, name, reason.exits, reason.cycles, time(reason.cycles),
			share ? fmt::format("{:.4f}", *share) : "",
			away ? std::to_string(reason.user_exits) : "",
			away ? std::to_string(reason.away_cycles) : "", below(reason.histogram, 50),
			below(reason.histogram, 90), below(reason.histogram, 99),
			below(reason.histogram, 100), generation, report.delta.counting,
			away ? time(reason.away_cycles) : "", idle);
	};
	for (const ReasonCount &reason : report.delta.reasons)
		line(reason, std::to_string(reason.code), name_of(report.info.isa, reason.code),
		     is_idle(report.info.isa, reason.code) ? "1" : "0");
	// A reading of nothing is there as well: who counts intervals does not miss one.
	if (report.delta.reasons.empty())
		line({}, "", "", "");
	return s;
}

} // namespace exitstat
