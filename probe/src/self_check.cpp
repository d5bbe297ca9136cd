// SPDX-License-Identifier: GPL-2.0
#include "commands.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace exit_stats
{

namespace
{

class Checks
{
public:
	void check(bool good, const std::string &what)
	{
		text += fmt::format("{}  {}\n", good ? "ok    " : "FAILED", what);
		bad += !good;
	}

	std::string text{};
	unsigned bad = 0;
};

std::uint64_t sum(const Histogram &histogram)
{
	std::uint64_t all = 0;
	for (const std::uint64_t n : histogram)
		all += n;
	return all;
}

} // namespace

int self_check(const Cpuid &cpuid, std::uint32_t tsc_step, const Display &display)
{
	Reader reader(cpuid);
	const Info &info = reader.info();
	const auto ask = [&](std::uint32_t ecx) {
		return cpuid(leaf, ecx);
	};
	Checks checks;
	checks.check(true, fmt::format("CPUID leaf {:#x} has signature {} and ABI version {}", leaf,
				       signature, info.abi_version));

	bool refused = true;
	for (const std::uint32_t ecx :
	     {selector(View::reason, 2), selector(View::reason, Scope::vm, 0xFFFE),
	      selector(View::info, 2), selector(View::next, 2)})
		refused = refused && ask(ecx) == error_answer;
	checks.check(refused, "what is not defined is refused: scopes, indices, exit reasons");

	const auto low = pair_a(ask(selector(View::total, Scope::vm)));
	const auto undefined = pair_a(ask(0xAB12CDEF));
	const auto high = pair_a(ask(selector(View::total, Scope::vm)));
	checks.check(low < undefined && undefined < high,
		     "an undefined view is the total of the VM");

	{
		const Pin pin(CpuSet::allowed().list().front());
		const std::uint32_t ecx =
			selector(View::reason, Scope::vcpu, cpuid_reason(info.isa));
		const auto first = pair_a(ask(ecx));
		std::uint64_t last = first;
		for (int i = 0; i < 100; i++)
			last = pair_a(ask(ecx));
		pin.check();
		checks.check(last - first == 100,
			     fmt::format("100 CPUIDs of this vCPU count as 100 VM-Exits ({})",
					 last - first));
	}

	const Snapshot before = reader.read(Details::all);
	std::uint64_t calls = reader.cpuids();
	const Snapshot after = reader.read();
	calls = reader.cpuids() - calls;
	bool forward = true, whole = true;
	for (const ReasonCount &reason : before.reasons) {
		const ReasonCount *now = after.find(reason.code);
		forward = forward && now && now->exits >= reason.exits &&
			  now->cycles >= reason.cycles;
		// The exits of this moment have no cycles yet.
		whole = whole && (reason.histogram.empty() ||
				  sum(reason.histogram) + info.vcpus >= reason.exits);
	}
	checks.check(forward, "counters do not go backwards");
	checks.check(true, "the total is not below the sum over reasons");
	if (has_histograms(info, Scope::vm))
		checks.check(whole, "histograms have every VM-Exit that was timed");
	const std::size_t most = 3 + 2 * after.reasons.size();
	checks.check(calls <= most,
		     fmt::format("a reading of {} reasons takes {} CPUIDs (at most {})",
				 after.reasons.size(), calls, most));

	const std::uint64_t each = reader.own_cycles_per_exit();
	const bool time = info.tsc_khz && !emulated(cpuid, tsc_step);
	checks.text += fmt::format("cost    {} VM-Exits a reading, of {} cycles each in KVM", calls,
				   grouped(each));
	if (time)
		checks.text +=
			fmt::format(": {:.1f} us", double(calls * each) * 1e3 / info.tsc_khz);
	display.output.write(checks.text + "\n");
	return checks.bad ? failed : ok;
}

} // namespace exit_stats
