// SPDX-License-Identifier: GPL-2.0
#include "commands/commands.hpp"
#include "core/steal.hpp"

#include <algorithm>

namespace exitstat
{

Scopes::Scopes(const std::vector<int> &cpus) : scopes(cpus.begin(), cpus.end())
{
	if (cpus.empty())
		scopes.emplace_back();
}

void Scopes::each(const std::function<void(std::optional<int> cpu)> &read)
{
	std::vector<CpuGone> missing;
	for (const auto cpu : scopes)
		try {
			read(cpu);
			if (cpu)
				gone.erase(*cpu);
		} catch (const CpuGone &e) {
			missing.push_back(e);
		}
	if (missing.size() == scopes.size())
		throw missing.back();
	for (const CpuGone &e : missing)
		if (gone.insert(e.cpu).second)
			complain(e.what());
}

Reading read(Reader &reader, std::optional<int> cpu, Details details)
{
	Snapshot snapshot = cpu ? reader.read_cpu(*cpu, details) : reader.read(details);
	return {std::move(snapshot), reader.reads_own_vm() ? steal_time(cpu) : std::nullopt};
}

Report Machine::report(const Reading &reading, std::optional<int> cpu) const
{
	Report report{reader.info(), since_start(reader.info(), reading), cpu, emulated};
	report.info.vcpus = reading.vcpus;
	report.uptime = reading.time;
	report.steal = reading.steal;
	report.vm = vm;
	return report;
}

Report Machine::delta(const Reading &later, const Reading &earlier, Period period,
		      std::uint64_t own_cycles, std::optional<int> cpu) const
{
	Report delta = report(later, cpu);
	delta.period = period;
	delta.delta = without_own(difference(later, earlier), reader.info().isa, own_cycles);
	if (later.steal && earlier.steal)
		delta.steal = std::max(*later.steal - *earlier.steal, std::chrono::nanoseconds(0));
	return delta;
}

} // namespace exitstat
