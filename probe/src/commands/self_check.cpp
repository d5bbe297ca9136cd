// SPDX-License-Identifier: GPL-2.0
#include "commands/commands.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace exitstat
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

struct Counted {
	std::uint64_t exits;
	int tries;
};

/// As how many VM-Exits 100 CPUIDs of this vCPU count. Who else runs on it has VM-Exits as well,
/// the start of any program has dozens, so it is tried until nobody did.
Counted count_cpuids(const std::function<Regs(std::uint32_t)> &ask, std::uint32_t ecx)
{
	constexpr int most = 50;
	Counted counted{};
	do {
		const auto from = pair_a(ask(ecx));
		std::uint64_t to = from;
		for (int i = 0; i < 100; i++)
			to = pair_a(ask(ecx));
		counted.exits = to - from;
	} while (++counted.tries < most && counted.exits > 100);
	return counted;
}

void check_all(const Cpuid &cpuid, Reader &reader, std::uint32_t tsc_step, Checks &checks)
{
	const Info &info = reader.info();
	const auto ask = [&](std::uint32_t ecx) {
		return cpuid(leaf, ecx);
	};
	checks.check(exit_stats_is_present(ask(selector(View::info, 0))),
		     fmt::format("CPUID leaf {:#x} has signature {} and ABI version {}", leaf,
				 signature, abi_version));
	const bool counting = ask(selector(View::info, 1)).eax & counting_bit;

	bool refused = true;
	std::vector<std::uint32_t> undefined{selector(View::total, 2), selector(View::reason, 31),
					     selector(View::info, 3), selector(View::next, 2),
					     selector(View::reason, Scope::vm, other_reason - 1)};
	for (std::uint8_t view = 0; view < 16; view++)
		if (!info.has(View(view)))
			undefined.push_back(selector(View(view), Scope::vm));
	for (const std::uint32_t ecx : undefined)
		refused = refused && ask(ecx) == error_answer;
	checks.check(refused, "what is not defined is refused: views, indices, exit reasons");

	// As each CPUID is a VM-Exit, its answer lies between those before and after it.
	bool total = true;
	for (const std::uint32_t ecx : {0U, 1U, 0x7FFD'1234U, 0xE560'0000U, 0xE580'0000U, ~0U}) {
		const auto low = pair_a(ask(selector(View::total, Scope::vm)));
		const auto any = pair_a(ask(ecx));
		const auto high = pair_a(ask(selector(View::total, Scope::vm)));
		total = total && low <= any && any <= high && high - low >= 2 * counting;
	}
	checks.check(total, "without the magic number, ECX asks for the total of the VM");

	const Age first = age_of(ask(selector(View::info, 2)));
	const Age second = age_of(ask(selector(View::info, 2)));
	checks.check(first.generation && second.generation == first.generation &&
			     second.ticks > first.ticks,
		     "the counters are of one generation, and their age grows");

	if (counting) {
		const Pin pin(CpuSet::allowed().list().front());
		const Counted counted = count_cpuids(
			ask, selector(View::reason, Scope::vcpu, cpuid_reason(info.isa)));
		pin.check();
		checks.check(counted.exits == 100,
			     fmt::format("100 CPUIDs of this vCPU count as 100 VM-Exits ({}{})",
					 counted.exits,
					 counted.tries == 1
						 ? ""
						 : fmt::format(", after {} tries", counted.tries)));
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
	// Anything that is counted meanwhile is in the total only, which is read last.
	Count all{};
	for (const ReasonCount &reason : before.reasons) {
		const Regs r = ask(selector(View::reason, Scope::vm, reason.code));
		all.exits += pair_a(r);
		all.cycles += pair_b(r);
	}
	const Regs last = ask(selector(View::total, Scope::vm));
	checks.check(pair_a(last) >= all.exits && pair_b(last) >= all.cycles,
		     "the total is not below the sum over reasons");
	// A vCPU keeps those of the first 76 reasons that it sees.
	if (has_histograms(info, Scope::vm) && before.reasons.size() <= 76)
		checks.check(whole, "histograms have every VM-Exit that was timed");
	const std::size_t most = 4 + 2 * after.reasons.size();
	checks.check(calls <= most,
		     fmt::format("a reading of {} reasons takes {} CPUIDs (at most {})",
				 after.reasons.size(), calls, most));

	// All of it was compared with something of its own time only.
	if (after.generation != first.generation || after.counting != counting)
		throw std::runtime_error(
			"the host has moved the VM, or switched the counting on or "
			"off, during the check: try again");
	if (counting) {
		const std::uint64_t each = reader.own_cycles_per_exit();
		checks.text +=
			fmt::format("cost    {} VM-Exits a reading, of {} cycles each in KVM",
				    calls, grouped(each));
		if (info.tsc_khz && !emulated(cpuid, tsc_step))
			checks.text += fmt::format(": {:.1f} us",
						   double(calls * each) * 1e3 / info.tsc_khz);
		checks.text += "\n";
	} else {
		checks.text += "note    VM-Exits are not being counted: the host has switched that "
			       "off; what a CPUID counts\n        and costs cannot be checked\n";
	}
}

} // namespace

int self_check(const Cpuid &cpuid, std::uint32_t tsc_step, const Display &display)
{
	Reader reader(cpuid);
	Checks checks;
	try {
		check_all(cpuid, reader, tsc_step, checks);
	} catch (const BadAnswer &e) {
		checks.check(false, e.what());
	}
	display.output.write(checks.text);
	return checks.bad ? failed : ok;
}

} // namespace exitstat
