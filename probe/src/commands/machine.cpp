// SPDX-License-Identifier: GPL-2.0
#include "commands/commands.hpp"

namespace exitstat
{

std::vector<std::optional<int>> scopes_of(const std::vector<int> &cpus)
{
	if (cpus.empty())
		return {std::nullopt};
	return {cpus.begin(), cpus.end()};
}

Snapshot read(Reader &reader, std::optional<int> cpu, Details details)
{
	return cpu ? reader.read_cpu(*cpu, details) : reader.read(details);
}

Report Machine::report(const Snapshot &snapshot, std::optional<int> cpu) const
{
	Report report{reader.info(), since_start(reader.info(), snapshot), cpu, emulated};
	report.info.vcpus = snapshot.vcpus;
	report.uptime = snapshot.time;
	return report;
}

Report Machine::delta(const Snapshot &later, const Snapshot &earlier, Period period,
		      std::uint64_t own_cycles, std::optional<int> cpu) const
{
	Report delta = report(later, cpu);
	delta.period = period;
	delta.delta = without_own(difference(later, earlier), reader.info().isa, own_cycles);
	return delta;
}

} // namespace exitstat
