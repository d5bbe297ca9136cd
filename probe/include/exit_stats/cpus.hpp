// SPDX-License-Identifier: GPL-2.0
/// \file
/// The guest's CPUs, each of which is a vCPU, and how a thread gets to one.
#pragma once

#include <sched.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace exit_stats
{

/// A set of CPUs as the scheduler's system calls take it. 8192 is the most Linux can have on x86.
class CpuSet
{
public:
	static constexpr int limit = 8192;

	/// The CPUs that are online and that this thread may run on. Throws std::system_error.
	static CpuSet allowed()
	{
		CpuSet set;
		if (sched_getaffinity(0, sizeof(set.words), set.words.data()))
			throw std::system_error(errno, std::generic_category(),
						"cannot read the CPU affinity");
		return set;
	}

	static CpuSet only(int cpu)
	{
		CpuSet set;
		if (cpu >= 0 && cpu < limit)
			CPU_SET_S(cpu, sizeof(set.words), set.words.data());
		return set;
	}

	/// Move this thread to these CPUs; returns after the move.
	bool apply() const
	{
		return sched_setaffinity(0, sizeof(words), words.data()) == 0;
	}

	std::vector<int> list() const
	{
		std::vector<int> cpus;
		for (int cpu = 0; cpu < limit; cpu++)
			if (CPU_ISSET_S(cpu, sizeof(words), words.data()))
				cpus.push_back(cpu);
		return cpus;
	}

private:
	std::array<cpu_set_t, limit / CPU_SETSIZE> words{};
};

/// A CPU of the guest cannot be read: it does not exist, went offline, or is not allowed to us.
struct CpuGone : std::runtime_error {
	int cpu;

	CpuGone(int cpu, const std::string &how)
		: std::runtime_error("CPU " + std::to_string(cpu) + " " + how), cpu(cpu)
	{
	}
};

/// Keeps this thread on one CPU as long as the object lives. Throws CpuGone if it cannot.
class Pin
{
public:
	explicit Pin(int cpu) : cpu(cpu)
	{
		if (!CpuSet::only(cpu).apply())
			throw CpuGone(cpu, "does not exist, is offline or is not allowed to this "
					   "process");
	}

	~Pin()
	{
		before.apply();
	}

	Pin(const Pin &) = delete;
	Pin &operator=(const Pin &) = delete;

	/// Throws if the thread was moved all the same: the CPU went offline, or somebody else
	/// changed the affinity.
	void check() const
	{
		if (sched_getcpu() != cpu)
			throw CpuGone(cpu, "went away during the reading");
	}

private:
	const CpuSet before = CpuSet::allowed();
	const int cpu;
};

} // namespace exit_stats
