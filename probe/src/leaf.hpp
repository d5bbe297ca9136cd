// SPDX-License-Identifier: GPL-2.0
/// \file
/// CPUID leaf 0x4FFFFFFF, ABI version 1: how a patched KVM tells a guest its VM-Exits.
/// Specified in Documentation/virt/kvm/x86/ of the patched kernel. Nothing here touches the CPU.
#pragma once

#include <cstdint>
#include <string_view>

namespace exit_stats
{

/// What CPUID returns, in the order of the instruction's operands.
struct Regs {
	std::uint32_t eax, ebx, ecx, edx;
	bool operator==(const Regs &) const = default;
};

inline constexpr std::uint32_t leaf = 0x4FFFFFFF;
inline constexpr std::uint32_t abi_version = 1;

/// EBX, ECX, EDX of view INFO, index 0. Nothing else proves that the leaf exists: hardware and an
/// unpatched KVM answer it with zeros (AMD) or with the highest basic leaf (Intel).
inline constexpr std::string_view signature = "KVMExitStats";
static_assert(signature.size() == 3 * sizeof(std::uint32_t));

/// Bits 31:24 of the input ECX. Bit 16+n of EAX of INFO 0 says that view n exists.
enum class View : std::uint8_t {
	total = 0,  ///< index: scope. A: exits, all reasons. B: handling cycles, all reasons.
	info = 1,   ///< index 0: ABI version, views, signature. 1: ISA, vCPUs, TSC kHz.
	reason = 2, ///< index: scope. A: exits for the reason. B: handling cycles for it.
	away = 3,   ///< index: scope. A: exits that went to userspace. B: away cycles.
	hist = 4,   ///< index n: A and B: buckets 2n and 2n+1 of the reason's cycles.
	next = 5,   ///< index: scope. EAX: smallest reason >= the given one that was seen.
};

/// Bits 23:16 of the input ECX, for the views that have a scope.
enum class Scope : std::uint8_t {
	vm = 0,	  ///< the sum over all vCPUs
	vcpu = 1, ///< the vCPU that executes CPUID
};

/// EAX of INFO 1: whose exit reasons the reasons are.
enum class Isa : std::uint32_t {
	vmx = 1, ///< basic exit reason; Intel SDM volume 3, appendix "VMX Basic Exit Reasons"
	svm = 2, ///< low 16 bits of EXITCODE; AMD APM volume 2, appendix "SVM Intercept Exit Codes"
};

/// Exits with a code outside the ISA's table are counted under this reason.
inline constexpr std::uint16_t other_reason = 0xFFFF;

/// The answer to an undefined scope, index or reason, and to NEXT with nothing left. (A reason
/// that is defined and never happened answers four zeros.)
inline constexpr Regs error_answer{0, 0, 0, 0xFFFFFFFF};

/// The input ECX.
constexpr std::uint32_t selector(View view, std::uint8_t index, std::uint16_t reason = 0)
{
	return std::uint32_t(view) << 24 | std::uint32_t(index) << 16 | reason;
}

constexpr std::uint32_t selector(View view, Scope scope, std::uint16_t reason = 0)
{
	return selector(view, std::uint8_t(scope), reason);
}

/// A count. EDX was 0 in the leaf's first design, so it is the high half.
constexpr std::uint64_t pair_a(const Regs &r)
{
	return std::uint64_t(r.edx) << 32 | r.eax;
}

/// Host TSC ticks.
constexpr std::uint64_t pair_b(const Regs &r)
{
	return std::uint64_t(r.ebx) << 32 | r.ecx;
}

} // namespace exit_stats
