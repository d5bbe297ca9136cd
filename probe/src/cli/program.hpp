// SPDX-License-Identifier: GPL-2.0
#pragma once

#include "core/library.hpp"

namespace exitstat
{

/// exitstat, with a CPUID and the smallest step of the TSC; returns the exit status.
int program(int argc, char **argv, const Cpuid &cpuid, std::uint32_t tsc_step);

} // namespace exitstat
