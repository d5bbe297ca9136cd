// SPDX-License-Identifier: GPL-2.0
/// \file
/// CPUID, what it tells of the machine, and whether it has the leaf.
#pragma once

#include "delta.hpp"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

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

/// There are no exit statistics here that this program can read.
struct Unavailable : std::runtime_error {
	using std::runtime_error::runtime_error;
};

/// View INFO, index 2.
struct Age {
	std::uint64_t ticks, generation;
};

/// What INFO 2 has answered; zeros for the error that a leaf without it answers.
constexpr Age age_of(const Regs &r)
{
	return r == error_answer ? Age{} : Age{pair_a(r), pair_b(r)};
}

/// View INFO, or why there is none that this code can read.
struct Probe {
	std::optional<Info> info;
	std::string why_not; ///< one sentence, without a capital and a full stop
};

/// Take what moves from INFO 1: a VM that moves has another frequency, and vCPUs come and go.
inline void update(Info &info, const Regs &vm)
{
	info.vcpus = vm.ebx;
	info.tsc_khz = vm.ecx;
}

/// Read view INFO, three CPUIDs. The generation comes first: if the VM is moved after that, the
/// next reading finds another one, and knows that none of this holds any more.
inline Probe probe(const Cpuid &cpuid)
{
	const Age age = age_of(cpuid(leaf, selector(View::info, 2)));
	const Regs id = cpuid(leaf, selector(View::info, 0));
	const auto no = [](std::string why) {
		return Probe{std::nullopt, std::move(why)};
	};
	if (text({id.ebx, id.ecx, id.edx}) != signature) {
		if (!has_hypervisor_bit(cpuid))
			return no("no VM-Exits to count: CPUID shows no hypervisor, so this is not "
				  "a virtual machine");
		const std::string name = hypervisor_name(cpuid);
		return no("no exit statistics here: the hypervisor (" +
			  (name.empty() ? "without a name" : name) +
			  ") does not offer them in CPUID leaf 0x4fffffff");
	}

	Info info{};
	info.generation = age.generation;
	info.abi_version = id.eax & 0xFFFF;
	info.views = id.eax >> 16;
	if (info.abi_version != abi_version)
		return no("the hypervisor's exit statistics have ABI version " +
			  std::to_string(info.abi_version) + "; this program reads " +
			  std::to_string(abi_version));
	for (auto [view, name] : {std::pair(View::total, "TOTAL"),
				  {View::info, "INFO"},
				  {View::reason, "REASON"},
				  {View::next, "NEXT"}})
		if (!info.has(view))
			return no(std::string("the hypervisor's exit statistics lack view ") +
				  name);

	const Regs vm = cpuid(leaf, selector(View::info, 1));
	// As userspace can make it, with an entry that is for every ECX.
	if (vm == id)
		return no("no exit statistics here: the hypervisor has one answer in CPUID leaf "
			  "0x4fffffff, whatever it is asked for");
	info.isa = Isa(vm.eax & 0xFF); // KVM_EXIT_STATS_ISA_MASK
	info.buckets = vm.edx;
	update(info, vm);
	if (info.isa != Isa::vmx && info.isa != Isa::svm)
		return no("the hypervisor counts the exits of an instruction set unknown to this "
			  "program (" +
			  std::to_string(vm.eax & 0xFF) + ")");
	return {info, {}};
}

/// The same where it must be there. Throws Unavailable.
inline Info detect(const Cpuid &cpuid)
{
	Probe found = probe(cpuid);
	if (!found.info)
		throw Unavailable(found.why_not);
	return *found.info;
}

} // namespace exit_stats
