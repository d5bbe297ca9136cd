// SPDX-License-Identifier: GPL-2.0
/// \file
/// What the exit reasons mean, what causes them in a guest, and what can be done about it.
#pragma once

#include "core/library.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace exitstat
{

/// What there is to say about an exit reason. A line feed in causes or advice begins a new line.
struct Explanation {
	std::string_view summary; ///< for lists: at most 60 characters, no full stop
	std::string_view meaning; ///< what happened
	std::string_view causes;  ///< what usually makes it happen, with KVM as the hypervisor
	std::string_view advice;  ///< what to try in the guest, and on the host
	std::string_view source;  ///< where the manuals have it: titles, as numbers move
};

/// Of every reason that there can be, named by the ISA's table or not, and of other_reason; nullptr
/// if there is no such reason, or if the uapi headers name one that is not explained yet.
const Explanation *explanation(Isa isa, std::uint16_t code);

/// The page about a reason, in lines of at most \p width columns (40 if that is less); empty if
/// there is no such reason.
std::string explain(Isa isa, std::uint16_t code, std::size_t width);

/// Name and summary, aligned with those of the ISA's other reasons; no line feed. Empty if there is
/// no such reason.
std::string explain_line(Isa isa, std::uint16_t code);

} // namespace exitstat
