// SPDX-License-Identifier: GPL-2.0
/// \file
/// Names of exit reasons, from the kernel's own tables. None is typed here: a comma forgotten in a
/// list of strings makes every later name wrong by one.
#pragma once

#include "leaf.hpp"

#include <asm/kvm.h> // the exception vectors in SVM_EXIT_REASONS
#include <asm/svm.h>
#include <asm/vmx.h>

#include <cstdint>
#include <span>
#include <string_view>

namespace exit_stats
{

/// One line of VMX_EXIT_REASONS or SVM_EXIT_REASONS. Codes over 0xFFFF and below 0 are KVM's own
/// (VMGEXIT events, invalid state) and never a reason of the leaf.
struct ReasonName {
	std::int64_t code;
	std::string_view name;
};

inline constexpr ReasonName vmx_reason_names[] = {VMX_EXIT_REASONS};
inline constexpr ReasonName svm_reason_names[] = {SVM_EXIT_REASONS};

constexpr std::span<const ReasonName> reason_names(Isa isa)
{
	if (isa == Isa::vmx)
		return vmx_reason_names;
	return svm_reason_names;
}

/// The kernel's name, "other" for 0xFFFF, empty if there is none.
constexpr std::string_view known_name(Isa isa, std::uint16_t code)
{
	if (code == other_reason)
		return "other";
	for (const ReasonName &reason : reason_names(isa))
		if (reason.code == code)
			return reason.name;
	return {};
}

// Tables only grow. Sizes of Linux 6.1, and one value of each region of the codes.
static_assert(std::size(vmx_reason_names) >= 62 && std::size(svm_reason_names) >= 108);
static_assert(known_name(Isa::vmx, 0) == "EXCEPTION_NMI");
static_assert(known_name(Isa::vmx, 10) == "CPUID");
static_assert(known_name(Isa::vmx, 48) == "EPT_VIOLATION");
static_assert(known_name(Isa::vmx, 75) == "NOTIFY");
static_assert(known_name(Isa::svm, 0x4E) == "PF excp");
static_assert(known_name(Isa::svm, 0x72) == "cpuid");
static_assert(known_name(Isa::svm, 0x400) == "npf");
static_assert(known_name(Isa::svm, 0x49) == "");

} // namespace exit_stats
