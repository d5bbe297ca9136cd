/* SPDX-License-Identifier: GPL-2.0 */
/**
 * \file
 * CPUID leaf 0x4FFFFFFF: what a guest asks it, and what the answers mean. Plain C (C89 with
 * <stdint.h>) and C++, for any operating system and compiler: it decodes, and how CPUID is executed
 * is left to the caller:
 *
 *     struct exit_stats_regs r;
 *     __cpuid_count(EXIT_STATS_LEAF, exit_stats_selector(EXIT_STATS_INFO, 0, 0),
 *                   r.eax, r.ebx, r.ecx, r.edx);
 *     if (exit_stats_is_present(r)) {
 *         __cpuid_count(EXIT_STATS_LEAF, exit_stats_selector(EXIT_STATS_TOTAL,
 *                       EXIT_STATS_SCOPE_VM, 0), r.eax, r.ebx, r.ecx, r.edx);
 *         printf("%llu VM-Exits\n", (unsigned long long)exit_stats_pair_a(r));
 *     }
 *
 * The leaf is specified in Documentation/virt/kvm/x86/exit-stats.rst of the patched kernel; the
 * values are those of <asm/kvm_exit_stats.h> there. Every CPUID of it is a VM-Exit, which its own
 * answer counts.
 */
#ifndef EXIT_STATS_LEAF_H
#define EXIT_STATS_LEAF_H

#include <stdint.h>

#if !defined(__cplusplus)
#define EXIT_STATS_FUNCTION static __inline
#elif __cplusplus >= 201402L
#define EXIT_STATS_FUNCTION constexpr
#else
#define EXIT_STATS_FUNCTION inline
#endif

/** Input EAX. One of the leaves from 0x40000000 up, which no CPU has: Intel SDM volume 2, "CPUID";
 * AMD APM volume 3, "CPUID". */
#define EXIT_STATS_LEAF 0x4FFFFFFFU

/** In bits 31:20 of the input ECX. Any other value there asks for TOTAL of the VM, whatever the
 * other bits are: programs that leave ECX to chance read that. */
#define EXIT_STATS_MAGIC 0xE57U

/** In bits 15:0 of EAX of INFO 0. */
#define EXIT_STATS_ABI_VERSION 1U

/** The 12 bytes in EBX, ECX, EDX of INFO 0. Nothing else proves that the leaf exists: hardware and
 * an unpatched KVM answer it with zeros (AMD) or with the highest basic leaf (Intel). */
#define EXIT_STATS_SIGNATURE "KVMExitStats"
#define EXIT_STATS_SIGNATURE_EBX 0x454D564BU
#define EXIT_STATS_SIGNATURE_ECX 0x53746978U
#define EXIT_STATS_SIGNATURE_EDX 0x73746174U

/** Bits 19:16 of the input ECX. Bit 16+n of EAX of INFO 0 says that view n exists. */
enum exit_stats_view {
	/** index: scope; A: exits, all reasons; B: handling cycles, all reasons */
	EXIT_STATS_TOTAL = 0,
	/** index 0: ABI version, views, signature; 1: EAX: ISA, and EXIT_STATS_COUNTING; EBX:
	 * vCPUs; ECX: host TSC kHz, 0 if unknown; EDX: buckets; 2: A: ticks of the host's TSC
	 * since the counters began; B: generation, a random number drawn when they began */
	EXIT_STATS_INFO = 1,
	/** index: scope; A: exits for the reason; B: handling cycles for it */
	EXIT_STATS_REASON = 2,
	/** index: scope; A: exits that went to userspace; B: away cycles */
	EXIT_STATS_AWAY = 3,
	/** index n; A and B: buckets 2n and 2n+1 of the reason's cycles, whole VM */
	EXIT_STATS_HIST = 4,
	/** index: scope; EAX: smallest reason >= the given one that was seen */
	EXIT_STATS_NEXT = 5
};

/** Bits 15:11 of the input ECX, for the views that have a scope. */
enum exit_stats_scope {
	EXIT_STATS_SCOPE_VM = 0,  /**< the sum over all vCPUs */
	EXIT_STATS_SCOPE_VCPU = 1 /**< the vCPU that executes CPUID */
};

/** Bits 7:0 of EAX of INFO 1: whose exit reasons the reasons are. */
enum exit_stats_isa {
	/** basic exit reason; Intel SDM volume 3, appendix "VMX Basic Exit Reasons" */
	EXIT_STATS_ISA_VMX = 1,
	/** EXITCODE; AMD APM volume 2, appendix "SVM Intercept Exit Codes" */
	EXIT_STATS_ISA_SVM = 2
};

/** In EAX of INFO 1: VM-Exits are being counted. The host can switch that off and on while the
 * guest runs. */
#define EXIT_STATS_COUNTING 0x100U

/** Bits 10:0 of the input ECX: all exits whose code is not counted under itself. */
#define EXIT_STATS_REASON_OTHER 0x7FFU

/** EDX of the answer to an undefined view, scope or index, to a reason outside the ISA's ranges or
 * one without a name that never happened, and to NEXT with nothing left; all others are 0. */
#define EXIT_STATS_ERROR 0xFFFFFFFFU

/** What CPUID returns, in the order of the instruction's operands. */
struct exit_stats_regs {
	uint32_t eax, ebx, ecx, edx;
};

/** The input ECX; \p index up to 31, \p reason up to 0x7FF. */
EXIT_STATS_FUNCTION uint32_t exit_stats_selector(enum exit_stats_view view, unsigned index,
						 unsigned reason)
{
	return EXIT_STATS_MAGIC << 20 | ((uint32_t)view & 0xFU) << 16 | (index & 0x1FU) << 11 |
	       (reason & 0x7FFU);
}

/** Exits, or what the view has as its first value. */
EXIT_STATS_FUNCTION uint64_t exit_stats_pair_a(struct exit_stats_regs r)
{
	return (uint64_t)r.edx << 32 | r.eax;
}

/** Ticks of the host's TSC, or what the view has as its second value. */
EXIT_STATS_FUNCTION uint64_t exit_stats_pair_b(struct exit_stats_regs r)
{
	return (uint64_t)r.ebx << 32 | r.ecx;
}

EXIT_STATS_FUNCTION int exit_stats_is_error(struct exit_stats_regs r)
{
	return !r.eax && !r.ebx && !r.ecx && r.edx == EXIT_STATS_ERROR;
}

/** Whether this answer to INFO 0 proves the leaf, in a version that is described here. */
EXIT_STATS_FUNCTION int exit_stats_is_present(struct exit_stats_regs r)
{
	return r.ebx == EXIT_STATS_SIGNATURE_EBX && r.ecx == EXIT_STATS_SIGNATURE_ECX &&
	       r.edx == EXIT_STATS_SIGNATURE_EDX && (r.eax & 0xFFFFU) == EXIT_STATS_ABI_VERSION;
}

/** Whether exits with this code are counted under it, be it one with a name or not. */
EXIT_STATS_FUNCTION int exit_stats_is_counted(enum exit_stats_isa isa, unsigned code)
{
	return isa == EXIT_STATS_ISA_VMX ? code <= 0x7F
					 : code <= 0xAF || (code >= 0x400 && code <= 0x40F);
}

/** The smallest value in bucket \p i, 0 to 63. */
EXIT_STATS_FUNCTION uint64_t exit_stats_bucket_min(unsigned i)
{
	return i ? (uint64_t)1 << (i - 1) : 0;
}

/** The largest value in bucket \p i, 0 to 63; the last bucket also has all above. */
EXIT_STATS_FUNCTION uint64_t exit_stats_bucket_max(unsigned i)
{
	return ((uint64_t)1 << i) - 1;
}

#endif
