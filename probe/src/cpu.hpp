// SPDX-License-Identifier: GPL-2.0
/// \file
/// The CPU under the program: the CPUID instruction, what runs beneath it, and staying on it.
#pragma once

#include "leaf.hpp"

#include <sched.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace exit_stats
{

/// CPUID: input EAX and ECX in, registers out. Everything that reads the leaf takes one, so that
/// tests answer from a model of KVM.
using Cpuid = std::function<Regs(std::uint32_t eax, std::uint32_t ecx)>;

/// The instruction itself. Volatile, because two reads of a counter are two reads.
inline Regs native_cpuid(std::uint32_t eax, std::uint32_t ecx)
{
	Regs r{eax, 0, ecx, 0};
	asm volatile("cpuid" : "+a"(r.eax), "=b"(r.ebx), "+c"(r.ecx), "=d"(r.edx));
	return r;
}

/// The text in CPUID registers, up to its first NUL. It came from outside: only printable ASCII
/// gets through.
inline std::string text(std::initializer_list<std::uint32_t> registers)
{
	std::string s;
	for (std::uint32_t r : registers)
		for (int byte = 0; byte < 4; byte++, r >>= 8) {
			const char c = char(r & 0xFF);
			if (!c)
				return s;
			s += c >= ' ' && c <= '~' ? c : '?';
		}
	return s;
}

/// CPUID.1:ECX[31], which hardware keeps clear.
inline bool has_hypervisor_bit(const Cpuid &cpuid)
{
	return cpuid(1, 0).ecx >> 31;
}

/// "KVMKVMKVM", "Microsoft Hv", "VMwareVMware", ...; empty if it has no name.
inline std::string hypervisor_name(const Cpuid &cpuid)
{
	const Regs r = cpuid(0x40000000, 0);
	return text({r.ebx, r.ecx, r.edx});
}

inline std::string brand_string(const Cpuid &cpuid)
{
	std::string s;
	if (cpuid(0x80000000, 0).eax < 0x80000004)
		return s;
	for (std::uint32_t i = 0x80000002; i <= 0x80000004; i++) {
		const Regs r = cpuid(i, 0);
		s += text({r.eax, r.ebx, r.ecx, r.edx});
	}
	return s;
}

/// Ticks between two RDTSC in a row: the smallest of several tries.
inline std::uint32_t smallest_tsc_step()
{
	std::uint32_t smallest = UINT32_MAX;
	for (int i = 0; i < 16; i++) {
		std::uint32_t first, second;
		asm volatile("rdtsc; mov %%eax, %1; rdtsc" : "=&a"(second), "=&r"(first) : : "edx");
		smallest = std::min(smallest, second - first);
	}
	return smallest;
}

/// Whether the machine under the hypervisor is emulated, so that cycles are not time. A guest is
/// told by nobody, but sees the CPU's brand string, which "-cpu host" passes on, and its TSC:
/// Bochs ticks once an instruction, while on hardware RDTSC alone takes several ticks.
inline bool emulated(const Cpuid &cpuid, std::uint32_t tsc_step)
{
	return tsc_step < 4 || brand_string(cpuid).starts_with("QEMU TCG");
}

/// A set of CPUs as the scheduler's system calls take it. 8192 is the most Linux can have on x86.
class CpuSet
{
public:
	static constexpr int limit = 8192;

	/// The CPUs that are online and that this thread may run on.
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

/// Keeps this thread on one CPU as long as the object lives.
class Pin
{
public:
	explicit Pin(int cpu) : cpu(cpu)
	{
		if (!CpuSet::only(cpu).apply())
			throw std::runtime_error("CPU " + std::to_string(cpu) +
						 " does not exist, is offline or is not allowed "
						 "to this process");
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
			throw std::runtime_error("CPU " + std::to_string(cpu) +
						 " went away during the reading");
	}

private:
	const CpuSet before = CpuSet::allowed();
	const int cpu;
};

} // namespace exit_stats
