// SPDX-License-Identifier: GPL-2.0
/// \file
/// The texts about exit reasons, which are made of the files in probe/data when the program is
/// built.
#pragma once

#include "reasons/explain.hpp"

#include <span>

namespace exitstat
{

struct ReasonText {
	std::uint16_t code;
	std::string_view name;	///< the kernel's
	std::string_view alias; ///< what the manual calls it, if that is another name
	Explanation text;
};

/// Also of codes that only newer headers than those of this build name.
std::span<const ReasonText> reason_texts(Isa isa);

/// Of a code that no header names.
const Explanation &unnamed_text(Isa isa);

} // namespace exitstat
