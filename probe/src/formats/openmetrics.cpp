// SPDX-License-Identifier: GPL-2.0
#include "formats/report.hpp"

#include <fmt/format.h>

#include <functional>
#include <string_view>

namespace exitstat
{

namespace
{

std::string labels(const Report &report, const ReasonCount &reason)
{
	std::string s = fmt::format(R"(isa="{}",code="{}",reason="{}")",
				    report.info.isa == Isa::vmx ? "vmx" : "svm", reason.code,
				    reason_name(report.info.isa, reason.code));
	if (report.cpu)
		s += fmt::format(",cpu=\"{}\"", *report.cpu);
	return s;
}

/// A bucket's upper bound as OpenMetrics writes floating-point numbers.
std::string bucket_label(std::uint64_t value)
{
	if (value < 1'000'000)
		return fmt::format("{}.0", value);
	std::string digits = std::to_string(value);
	const std::size_t exponent = digits.size() - 1;
	digits.insert(1, ".");
	digits.erase(digits.find_last_not_of('0') + 1);
	return fmt::format("{}e+{:02}", digits, exponent);
}

using Value = std::function<std::string(const Report &, const ReasonCount &)>;

/// One counter for each reason of each report; empty values are left out.
std::string counter(std::span<const Report> reports, std::string_view name, std::string_view help,
		    const Value &value)
{
	std::string samples;
	for (const Report &report : reports)
		for (const ReasonCount &reason : report.delta.reasons)
			if (const std::string v = value(report, reason); !v.empty())
				samples += fmt::format("{}_total{{{}}} {}\n", name,
						       labels(report, reason), v);
	if (samples.empty())
		return {};
	return fmt::format("# TYPE {0} counter\n# HELP {0} {1}\n{2}", name, help, samples);
}

std::string gauge(std::string_view name, std::string_view help, std::uint64_t value,
		  const std::string &labels = "")
{
	return fmt::format("# TYPE {0} gauge\n# HELP {0} {1}\n{0}{3} {2}\n", name, help, value,
			   labels);
}

std::string histograms(std::span<const Report> reports)
{
	static constexpr std::string_view name = "exitstat_handling_cycles_per_exit";
	std::string s;
	for (const Report &report : reports)
		for (const ReasonCount &reason : report.delta.reasons) {
			if (reason.histogram.empty())
				continue;
			const std::string who = labels(report, reason);
			std::uint64_t seen = 0;
			for (std::size_t i = 0; i < reason.histogram.size(); i++) {
				seen += reason.histogram[i];
				const bool last = i + 1 == reason.histogram.size();
				s += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, who,
						 last ? "+Inf" : bucket_label(bucket_max(i)), seen);
			}
			s += fmt::format("{0}_count{{{1}}} {2}\n{0}_sum{{{1}}} {3}\n", name, who,
					 seen, reason.cycles);
		}
	if (s.empty())
		return {};
	return fmt::format("# TYPE {0} histogram\n# HELP {0} Handling cycles of a VM-Exit, in "
			   "ticks of the host's TSC.\n{1}",
			   name, s);
}

} // namespace

std::string openmetrics(std::span<const Report> reports)
{
	std::string s = counter(reports, "exitstat_vm_exits", "VM-Exits since the VM started.",
				[](const Report &, const ReasonCount &reason) {
					return std::to_string(reason.exits);
				});
	s += counter(reports, "exitstat_handling_cycles",
		     "Ticks of the host's TSC in which KVM handled VM-Exits.",
		     [](const Report &, const ReasonCount &reason) {
			     return std::to_string(reason.cycles);
		     });
	s += counter(reports, "exitstat_handling_seconds", "Time in which KVM handled VM-Exits.",
		     [](const Report &report, const ReasonCount &reason) {
			     const auto ns = report.ns(reason.cycles);
			     return ns ? fmt::format("{:.9f}", *ns / 1e9) : std::string();
		     });
	const auto has_away = [](const Report &report, const ReasonCount &reason) {
		return report.info.has(View::away) && reason.away_cycles;
	};
	s += counter(reports, "exitstat_away_cycles",
		     "Ticks of the host's TSC from VM-Exit to VM-Entry.",
		     [&](const Report &report, const ReasonCount &reason) {
			     return has_away(report, reason) ? std::to_string(reason.away_cycles)
							     : std::string();
		     });
	s += counter(reports, "exitstat_user_exits", "VM-Exits that went to userspace.",
		     [&](const Report &report, const ReasonCount &reason) {
			     return has_away(report, reason) ? std::to_string(reason.user_exits)
							     : std::string();
		     });
	s += histograms(reports);
	if (!reports.empty()) {
		const Info &info = reports.front().info;
		const Delta &delta = reports.front().delta;
		s += gauge("exitstat_counting",
			   "1 while the host counts VM-Exits; 0: no VM-Exits means nothing.",
			   delta.counting);
		if (delta.generation)
			s += gauge("exitstat_generation",
				   "Another one where the counters have begun anew: the VM was "
				   "restored or migrated.",
				   1, fmt::format("{{generation=\"{:016x}\"}}", delta.generation));
		if (delta.ticks)
			s += gauge("exitstat_ticks",
				   "Ticks of the host's TSC since the counters began.",
				   delta.ticks);
		s += gauge("exitstat_vcpus", "vCPUs of the VM.", info.vcpus);
		if (info.tsc_khz)
			s += gauge("exitstat_tsc_hertz", "Frequency of the host's TSC.",
				   std::uint64_t(info.tsc_khz) * 1000);
	}
	return s + "# EOF\n";
}

} // namespace exitstat
