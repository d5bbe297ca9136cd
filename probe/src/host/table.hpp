// SPDX-License-Identifier: GPL-2.0
/// \file
/// The table of a virtual machine in debugfs, told as the leaf would tell it: what reads a guest's
/// own counters reads those of any guest of this host.
#pragma once

#include "host/vms.hpp"

namespace exitstat
{

/// CPUID as that virtual machine would have it, but without histograms, which debugfs does not
/// have: views TOTAL, INFO, REASON, AWAY and NEXT of the whole VM, as of the last INFO 1. Cycles
/// are those of this host's TSC, of \p tsc_khz. Throws Unavailable when the VM has ended, and
/// BadAnswer.
Cpuid table_cpuid(const HostVm &vm, std::uint32_t tsc_khz, const HostPaths &paths = {});

/// Time since \p vm was created.
Clock age_of(const HostVm &vm);

/// Of this machine's TSC, measured over 20 ms.
std::uint32_t measured_tsc_khz();

} // namespace exitstat
