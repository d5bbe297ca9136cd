// SPDX-License-Identifier: GPL-2.0
/// \file
/// leaf.h in C++: the same constants with types of their own.
#pragma once

#include "leaf.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

inline constexpr bool operator==(const exit_stats_regs &a, const exit_stats_regs &b)
{
	return a.eax == b.eax && a.ebx == b.ebx && a.ecx == b.ecx && a.edx == b.edx;
}

namespace exit_stats
{

/// What CPUID returns, in the order of the instruction's operands.
using Regs = ::exit_stats_regs;

inline constexpr std::uint32_t leaf = EXIT_STATS_LEAF;
inline constexpr std::uint32_t abi_version = EXIT_STATS_ABI_VERSION;
inline constexpr std::uint32_t magic_number = EXIT_STATS_MAGIC;
inline constexpr std::string_view signature = EXIT_STATS_SIGNATURE;
inline constexpr std::uint32_t counting_bit = EXIT_STATS_COUNTING;
inline constexpr std::uint16_t other_reason = EXIT_STATS_REASON_OTHER;
inline constexpr Regs error_answer{0, 0, 0, EXIT_STATS_ERROR};

enum class View : std::uint8_t {
	total = EXIT_STATS_TOTAL,
	info = EXIT_STATS_INFO,
	reason = EXIT_STATS_REASON,
	away = EXIT_STATS_AWAY,
	hist = EXIT_STATS_HIST,
	next = EXIT_STATS_NEXT,
};

enum class Scope : std::uint8_t { vm = EXIT_STATS_SCOPE_VM, vcpu = EXIT_STATS_SCOPE_VCPU };

enum class Isa : std::uint32_t { vmx = EXIT_STATS_ISA_VMX, svm = EXIT_STATS_ISA_SVM };

/// Whether exits with this code are counted under it, be it one with a name or not.
constexpr bool is_counted(Isa isa, std::uint16_t code)
{
	return exit_stats_is_counted(exit_stats_isa(isa), code) != 0;
}

/// The input ECX.
constexpr std::uint32_t selector(View view, std::uint8_t index, std::uint16_t reason = 0)
{
	return exit_stats_selector(exit_stats_view(view), index, reason);
}

constexpr std::uint32_t selector(View view, Scope scope, std::uint16_t reason = 0)
{
	return selector(view, std::uint8_t(scope), reason);
}

/// A count.
constexpr std::uint64_t pair_a(const Regs &r)
{
	return exit_stats_pair_a(r);
}

/// Host TSC ticks.
constexpr std::uint64_t pair_b(const Regs &r)
{
	return exit_stats_pair_b(r);
}

constexpr std::uint64_t bucket_min(std::size_t i)
{
	return exit_stats_bucket_min(unsigned(i));
}

constexpr std::uint64_t bucket_max(std::size_t i)
{
	return exit_stats_bucket_max(unsigned(i));
}

} // namespace exit_stats
