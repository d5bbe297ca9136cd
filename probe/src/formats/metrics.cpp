// SPDX-License-Identifier: GPL-2.0
#include "formats/metrics.hpp"

#include "core/time.hpp"
#include "reasons/names.hpp"

#include <fmt/format.h>

#include <functional>
#include <string_view>
#include <vector>

namespace exitstat
{

namespace
{

enum class Type { counter, gauge, info, histogram };

/// A metric of the VM, or of each reason. What has no value is left out.
struct Metric {
	Type type;
	std::string name; ///< with its unit, without the suffix that its type asks for
	std::string unit;
	std::string help;
	std::function<std::string(const Report &)> of_vm{};
	std::function<std::string(const Report &, const ReasonCount &)> of_reason{};
};

std::string labels(const Report &report, const ReasonCount &reason)
{
	std::string s = fmt::format(R"(code="{}",reason="{}",idle="{}")", reason.code,
				    name_of(report.info.isa, reason.code),
				    is_idle(report.info.isa, reason.code));
	if (report.cpu)
		s += fmt::format(",cpu=\"{}\"", *report.cpu);
	return s;
}

/// A bucket's upper bound, as a floating-point number in OpenMetrics' canonical form.
std::string bucket_label(const Ticks &ticks, std::uint64_t cycles)
{
	std::string s = ticks.are_time() ? fmt::format("{:.6g}", *ticks.ns(double(cycles)) / 1e9)
					 : fmt::format("{}", double(cycles));
	return s.find_first_of(".e") == std::string::npos ? s + ".0" : s;
}

/// All metrics, in the order of the output. Both forms, and with any \p report, have the same.
std::vector<Metric> metrics_of(const Report &report)
{
	const Ticks ticks(report.info, report.emulated);
	const std::string unit = ticks.are_time() ? "seconds" : "cycles";
	const std::string not_time = ticks.are_time() ? "" : ", in ticks of the host's TSC";
	const auto amount = [ticks](std::uint64_t cycles) {
		const auto ns = ticks.ns(double(cycles));
		return ns ? fmt::format("{:.9f}", *ns / 1e9) : std::to_string(cycles);
	};
	const auto if_away = [](const Report &r, const ReasonCount &reason, const auto &value) {
		return r.info.has(View::away) && reason.away_cycles ? value : std::string();
	};

	return {
		{Type::info, "exitstat", "",
		 "What the counters are; of another generation, they have begun anew.",
		 [](const Report &r) {
			 return fmt::format(
				 R"({{abi="{}",emulated="{}",generation="{}",isa="{}",)"
				 R"(version="{}"}} 1)",
				 r.info.abi_version, r.emulated,
				 r.delta.generation ? fmt::format("{:016x}", r.delta.generation)
						    : "",
				 r.info.isa == Isa::vmx ? "vmx" : "svm", EXITSTAT_VERSION);
		 }},
		{Type::gauge, "exitstat_counting", "",
		 "1 while the host counts VM-Exits; 0: no VM-Exits means nothing.",
		 [](const Report &r) {
			 return fmt::format(" {:d}", r.delta.counting);
		 }},
		{Type::gauge, "exitstat_age_" + unit, unit, "Age of the counters" + not_time + ".",
		 [amount](const Report &r) {
			 return r.delta.ticks ? " " + amount(r.delta.ticks) : "";
		 }},
		{Type::gauge, "exitstat_vcpus", "", "vCPUs of the VM.",
		 [](const Report &r) {
			 return fmt::format(" {}", r.info.vcpus);
		 }},
		{Type::gauge, "exitstat_tsc_hertz", "hertz", "Frequency of the host's TSC.",
		 [](const Report &r) {
			 return r.info.tsc_khz ? fmt::format(" {}000", r.info.tsc_khz) : "";
		 }},
		{Type::counter,
		 "exitstat_vm_exits",
		 "",
		 "VM-Exits by exit reason.",
		 {},
		 [](const Report &, const ReasonCount &reason) {
			 return std::to_string(reason.exits);
		 }},
		{Type::counter,
		 "exitstat_handling_" + unit,
		 unit,
		 "Time in which KVM handled VM-Exits" + not_time + ".",
		 {},
		 [amount](const Report &, const ReasonCount &reason) {
			 return amount(reason.cycles);
		 }},
		{Type::counter,
		 "exitstat_away_" + unit,
		 unit,
		 "Time from VM-Exit to VM-Entry, also in userspace, blocked or scheduled out" +
			 not_time + ".",
		 {},
		 [amount, if_away](const Report &r, const ReasonCount &reason) {
			 return if_away(r, reason, amount(reason.away_cycles));
		 }},
		{Type::counter,
		 "exitstat_user_exits",
		 "",
		 "VM-Exits that went to userspace.",
		 {},
		 [if_away](const Report &r, const ReasonCount &reason) {
			 return if_away(r, reason, std::to_string(reason.user_exits));
		 }},
		{Type::histogram,
		 "exitstat_vm_exit_handling_" + unit,
		 unit,
		 "Time in which KVM handled a VM-Exit" + not_time + ".",
		 {},
		 [amount](const Report &, const ReasonCount &reason) {
			 return amount(reason.cycles);
		 }},
	};
}

std::string buckets_of(const std::string &name, const std::string &who, const Ticks &ticks,
		       const ReasonCount &reason, const std::string &sum)
{
	std::string s;
	std::uint64_t seen = 0;
	for (std::size_t i = 0; i < reason.histogram.size(); i++) {
		seen += reason.histogram[i];
		const bool last = i + 1 == reason.histogram.size();
		s += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, who,
				 last ? "+Inf" : bucket_label(ticks, bucket_max(i)), seen);
	}
	return s + fmt::format("{0}_count{{{1}}} {2}\n{0}_sum{{{1}}} {3}\n", name, who, seen, sum);
}

std::string samples(const Metric &metric, const std::string &name, std::span<const Report> reports)
{
	if (metric.of_vm) {
		const std::string value = metric.of_vm(reports.front());
		return value.empty() ? "" : name + value + "\n";
	}
	std::string s;
	for (const Report &report : reports)
		for (const ReasonCount &reason : report.delta.reasons) {
			const std::string value = metric.of_reason(report, reason);
			const std::string who = labels(report, reason);
			if (metric.type != Type::histogram)
				s += value.empty() ? ""
						   : fmt::format("{}{{{}}} {}\n", name, who, value);
			else if (!reason.histogram.empty())
				s += buckets_of(name, who, Ticks(report.info, report.emulated),
						reason, value);
		}
	return s;
}

} // namespace

std::string metrics(std::span<const Report> reports, Exposition form, bool buckets)
{
	const bool open = form == Exposition::openmetrics;
	std::string s;
	if (!reports.empty())
		for (const Metric &metric : metrics_of(reports.front())) {
			if (metric.type == Type::histogram && !buckets)
				continue;
			static constexpr std::string_view types[] = {"counter", "gauge", "info",
								     "histogram"};
			static constexpr std::string_view suffixes[] = {"_total", "", "_info", ""};
			const auto type = std::size_t(metric.type);
			const std::string full = metric.name + std::string(suffixes[type]);
			const std::string those = samples(metric, full, reports);
			if (those.empty())
				continue;
			const std::string &name = open ? metric.name : full;
			s += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, metric.help, name,
					 // Which text format 0.0.4 does not know.
					 !open && metric.type == Type::info ? "gauge"
									    : types[type]);
			if (open && !metric.unit.empty())
				s += fmt::format("# UNIT {} {}\n", name, metric.unit);
			s += those;
		}
	return open ? s + "# EOF\n" : s;
}

} // namespace exitstat
