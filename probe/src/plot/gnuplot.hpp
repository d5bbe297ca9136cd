// SPDX-License-Identifier: GPL-2.0
/// \file
/// gnuplot, as a process.
#pragma once

#include <string>

namespace exitstat
{

/// What it writes to standard output. Throws std::runtime_error if there is no gnuplot, or if
/// anything goes wrong with it.
std::string run_gnuplot(const std::string &script);

} // namespace exitstat
