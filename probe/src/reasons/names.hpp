// SPDX-License-Identifier: GPL-2.0
/// \file
/// Names of exit reasons, also of those that only newer headers have than this program was built
/// with: the KVM that counts may be newer than both.
#pragma once

#include "core/library.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace exitstat
{

struct NamedReason {
	std::uint16_t code;
	std::string_view name; ///< the kernel's, as in VMX_EXIT_REASONS and SVM_EXIT_REASONS
};

/// The reasons of an ISA that have a name, by code, with "other" as the last one. Names are checked
/// against the uapi headers when the program is built.
const std::vector<NamedReason> &named_reasons(Isa isa);

/// The reason's name, or "reason 0x47" for a code that has none.
std::string name_of(Isa isa, std::uint16_t code);

} // namespace exitstat
