// SPDX-License-Identifier: GPL-2.0
#include "formats/report.hpp"
#include "reasons/names.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cmath>

namespace exitstat
{

namespace
{

using nlohmann::ordered_json;

/// Without digits that mean nothing.
double rounded(double value, double digits)
{
	return std::round(value * digits) / digits;
}

/// The least and the most cycles of a percentile's bucket, null where there is no bound.
ordered_json bounds(const Histogram &histogram, unsigned percent)
{
	const auto bucket = percentile(histogram, percent);
	if (!bucket)
		return nullptr;
	ordered_json most = *bucket + 1 == histogram.size() ? ordered_json()
							    : ordered_json(bucket_max(*bucket));
	return ordered_json::array({bucket_min(*bucket), std::move(most)});
}

/// Null where cycles are not time.
ordered_json whole_ns(const Report &report, std::uint64_t cycles)
{
	const auto ns = report.ns(cycles);
	return ns ? ordered_json(std::uint64_t(std::round(*ns))) : ordered_json();
}

void add_time(ordered_json &object, const Report &report, std::uint64_t cycles)
{
	object["ns"] = whole_ns(report, cycles);
	const auto share = report.cpu_percent(cycles);
	object["cpu_percent"] = share ? ordered_json(rounded(*share, 1e4)) : ordered_json();
}

const char *name(Period period)
{
	switch (period) {
	case Period::since_start:
		return "since_start";
	case Period::interval:
		return "interval";
	case Period::command:
		return "command";
	case Period::recording:
		break;
	}
	return "recording";
}

} // namespace

std::string json(const Report &report)
{
	const Info &info = report.info;
	const Delta &delta = report.delta;

	ordered_json reasons = ordered_json::array();
	for (const ReasonCount &reason : delta.reasons) {
		ordered_json object{{"code", reason.code},
				    {"name", name_of(info.isa, reason.code)},
				    {"exits", reason.exits},
				    {"cycles", reason.cycles},
				    {"idle", is_idle(info.isa, reason.code)}};
		add_time(object, report, reason.cycles);
		if (info.has(View::away) && reason.away_cycles) {
			object["user_exits"] = reason.user_exits;
			object["away_cycles"] = reason.away_cycles;
			object["away_ns"] = whole_ns(report, reason.away_cycles);
		}
		if (!reason.histogram.empty()) {
			object["histogram"] = reason.histogram;
			for (const auto &[key, percent] :
			     {std::pair("p50", 50U), {"p90", 90U}, {"p99", 99U}, {"max", 100U}})
				object[key] = bounds(reason.histogram, percent);
		}
		reasons.push_back(std::move(object));
	}

	ordered_json total{{"exits", delta.total.exits}, {"cycles", delta.total.cycles}};
	add_time(total, report, delta.total.cycles);
	ordered_json object{
		{"schema", 2},
		{"abi_version", info.abi_version},
		{"isa", info.isa == Isa::vmx ? "VMX" : "SVM"},
		{"vcpus", info.vcpus},
		{"tsc_khz", info.tsc_khz ? ordered_json(info.tsc_khz) : ordered_json()},
		{"emulated", report.emulated},
		{"counting", delta.counting},
		// A name, and not a number, which some programs would round.
		{"generation", delta.generation
				       ? ordered_json(fmt::format("{:016x}", delta.generation))
				       : ordered_json()},
		{"ticks", delta.ticks ? ordered_json(delta.ticks) : ordered_json()},
		{"scope", report.cpu ? "vcpu" : "vm"},
		{"cpu", report.cpu ? ordered_json(*report.cpu) : ordered_json()},
		{"period", name(report.period)},
		{"uptime", rounded(std::chrono::duration<double>(report.uptime).count(), 1e6)},
		{"seconds", report.seconds() > 0 ? ordered_json(rounded(report.seconds(), 1e6))
						 : ordered_json()},
	};
	if (!report.vm.empty())
		object["vm"] = report.vm;
	if (report.period != Period::since_start)
		object["own_exits_left_out"] = delta.own_exits;
	if (report.period == Period::command)
		object["command"] = report.command;
	object["total"] = std::move(total);
	object["reasons"] = std::move(reasons);
	// A command's words are any bytes, JSON is UTF-8.
	return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

} // namespace exitstat
