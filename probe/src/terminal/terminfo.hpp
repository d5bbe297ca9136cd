// SPDX-License-Identifier: GPL-2.0
/// \file
/// What there is to know of a terminal.
#pragma once

#include <string>

namespace exitstat
{

/// Makes the terminal's description known to ncurses, and returns its name. Throws if there is
/// none.
std::string require_terminal();

} // namespace exitstat
