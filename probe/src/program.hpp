// SPDX-License-Identifier: GPL-2.0
#pragma once

#include "exit_stats.hpp"

namespace exit_stats
{

/// exitstat, with a CPUID and the smallest step of the TSC; returns the exit status.
int program(int argc, char **argv, const Cpuid &cpuid, std::uint32_t tsc_step);

} // namespace exit_stats
