// SPDX-License-Identifier: GPL-2.0
/// \file
/// Names of exit reasons, those of the kernel's uapi headers <asm/vmx.h> and <asm/svm.h> (Debian:
/// linux-libc-dev) that a program is built with: none is typed here.
#pragma once

#include "leaf.hpp"

#include <asm/kvm.h> // the exception vectors in SVM_EXIT_REASONS
#include <asm/svm.h>
#include <asm/vmx.h>

#include <concepts>
#include <span>
#include <string>

namespace exit_stats
{

/// One line of VMX_EXIT_REASONS or SVM_EXIT_REASONS. Codes over 0x7FF and below 0 are KVM's own
/// (VMGEXIT events, invalid state) and never a reason of the leaf.
struct ReasonName {
	std::int64_t code;
	std::string_view name;

	/// The headers' types differ; -1 is a long without a sign in newer ones.
	constexpr ReasonName(std::integral auto value, std::string_view text)
		: code(static_cast<std::int64_t>(value)), name(text)
	{
	}
};

inline constexpr ReasonName vmx_reason_names[] = {VMX_EXIT_REASONS};
inline constexpr ReasonName svm_reason_names[] = {SVM_EXIT_REASONS};

constexpr std::span<const ReasonName> reason_names(Isa isa)
{
	if (isa == Isa::vmx)
		return vmx_reason_names;
	return svm_reason_names;
}

/// The kernel's name, "other" for 0x7FF, empty if there is none.
constexpr std::string_view known_name(Isa isa, std::uint16_t code)
{
	if (code == other_reason)
		return "other";
	for (const ReasonName &reason : reason_names(isa))
		if (reason.code == code)
			return reason.name;
	return {};
}

/// The kernel's name, or "reason 0x47" for a code that the headers of this build do not name.
inline std::string reason_name(Isa isa, std::uint16_t code)
{
	if (const std::string_view name = known_name(isa, code); !name.empty())
		return std::string(name);
	static constexpr char digits[] = "0123456789abcdef";
	std::string hex;
	for (unsigned rest = code; rest || hex.empty(); rest >>= 4)
		hex.insert(hex.begin(), digits[rest & 0xF]);
	return "reason 0x" + hex;
}

/// The exit reason of CPUID, which is what reading the leaf causes.
constexpr std::uint16_t cpuid_reason(Isa isa)
{
	return isa == Isa::vmx ? EXIT_REASON_CPUID : SVM_EXIT_CPUID;
}

/// Whether the vCPU that exits for this reason has nothing to do: what comes until it goes on is no
/// time that the guest has lost.
constexpr bool is_idle(Isa isa, std::uint16_t code)
{
	constexpr std::uint16_t idle_hlt = 0xA6; // since Linux 6.15
	if (isa == Isa::vmx)
		return code == EXIT_REASON_HLT || code == EXIT_REASON_MWAIT_INSTRUCTION;
	return code == SVM_EXIT_HLT || code == SVM_EXIT_MWAIT || code == SVM_EXIT_MWAIT_COND ||
	       code == idle_hlt;
}

} // namespace exit_stats
