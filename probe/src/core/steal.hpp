// SPDX-License-Identifier: GPL-2.0
/// \file
/// What the guest's kernel knows of the time that it did not get.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace exitstat
{

/// Time since the guest's boot in which the host ran others while this CPU of the guest wanted to
/// run, or the sum over all of them: "steal" in /proc/stat, proc(5), which has it in units of 10
/// ms. None where it is not told.
std::optional<std::chrono::nanoseconds> steal_time(std::optional<int> cpu,
						   const std::string &path = "/proc/stat");

} // namespace exitstat
