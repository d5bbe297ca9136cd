// SPDX-License-Identifier: GPL-2.0
#include "report.hpp"

#include <nlohmann/json.hpp>

namespace exit_stats
{

std::string json(const Report &report)
{
	using nlohmann::ordered_json;
	const auto &[info, snapshot, cpu, emulated] = report;

	ordered_json reasons = ordered_json::array();
	for (const ReasonCount &reason : snapshot.reasons)
		reasons.push_back({{"code", reason.code},
				   {"name", reason_name(info.isa, reason.code)},
				   {"exits", reason.exits},
				   {"cycles", reason.cycles}});

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
