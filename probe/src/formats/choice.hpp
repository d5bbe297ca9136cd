// SPDX-License-Identifier: GPL-2.0
/// \file
/// Which exit reasons are wanted.
#pragma once

#include "core/library.hpp"

#include <string>
#include <vector>

namespace exitstat
{

/// As they were typed. Both empty: all of them.
struct Choice {
	std::vector<std::string> only{};
	std::vector<std::string> except{};
};

/// A reason that does not exist; what() names those that are near. Found when it is typed,
/// whichever the ISA.
struct UnknownReason : std::runtime_error {
	using std::runtime_error::runtime_error;
};

/// Throws UnknownReason.
void check(const Choice &choice);

/// Leaves only what is wanted, and has the total be that of these. Throws UnknownReason if one is
/// none of this ISA.
void choose(Delta &delta, Isa isa, const Choice &choice);

} // namespace exitstat
