// SPDX-License-Identifier: GPL-2.0
/// \file
/// The library, by its own names, within the program.
#pragma once

#include <exit_stats/reader.hpp>

namespace exitstat
{

using namespace exit_stats;

} // namespace exitstat
