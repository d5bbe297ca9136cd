// SPDX-License-Identifier: GPL-2.0
#include "report.hpp"

#include <nlohmann/json.hpp>

namespace exit_stats
{

namespace
{

/// The least and the most cycles of a percentile's bucket, null where there is no bound.
nlohmann::ordered_json bounds(const Histogram &histogram, unsigned percent)
{
	using nlohmann::ordered_json;
	const auto bucket = percentile(histogram, percent);
	if (!bucket)
		return nullptr;
	ordered_json most = *bucket + 1 == histogram.size() ? ordered_json()
							     : ordered_json(bucket_max(*bucket));
	return ordered_json::array({bucket_min(*bucket), std::move(most)});
}

} // namespace

std::string json(const Report &report)
{
	using nlohmann::ordered_json;
	const auto &[info, snapshot, cpu, emulated] = report;

	ordered_json reasons = ordered_json::array();
	for (const ReasonCount &reason : snapshot.reasons) {
		ordered_json object{{"code", reason.code},
				    {"name", reason_name(info.isa, reason.code)},
				    {"exits", reason.exits},
				    {"cycles", reason.cycles}};
		if (info.has(View::away)) {
			object["user_exits"] = reason.user_exits;
			object["away_cycles"] = reason.away_cycles;
		}
		if (!reason.histogram.empty()) {
			object["histogram"] = reason.histogram;
			for (const auto &[key, percent] : {std::pair("p50", 50U),
							   {"p90", 90U},
							   {"p99", 99U},
							   {"max", 100U}})
				object[key] = bounds(reason.histogram, percent);
		}
		reasons.push_back(std::move(object));
	}

	const ordered_json object{
		{"abi_version", info.abi_version},
		{"isa", info.isa == Isa::vmx ? "VMX" : "SVM"},
		{"vcpus", info.vcpus},
		{"tsc_khz", info.tsc_khz ? ordered_json(info.tsc_khz) : ordered_json()},
		{"emulated", emulated},
		{"scope", cpu ? "vcpu" : "vm"},
		{"cpu", cpu ? ordered_json(*cpu) : ordered_json()},
		{"total", {{"exits", snapshot.total.exits}, {"cycles", snapshot.total.cycles}}},
		{"reasons", std::move(reasons)},
	};
	return object.dump() + "\n";
}

} // namespace exit_stats
