// SPDX-License-Identifier: GPL-2.0
/// \file
/// The live view that fills the screen.
#pragma once

#include "formats/report.hpp"

#include <vector>

namespace exitstat
{

struct TopOptions {
	double seconds = 1; ///< between readings
	Sort sort = Sort::exits;
	std::vector<int> cpus{}; ///< rows for each of these instead of the whole VM
	bool cycles = false;	 ///< where these are time, too
	bool emulated = false;	 ///< cycles are not time
	std::string vm{};	 ///< Report::vm
};

/// Show the VM-Exits until the user quits; returns the exit status. A signal that ends the view
/// ends the program as it would any other, with the terminal restored.
/// Throws std::runtime_error where there is no terminal that can be used, and BadAnswer.
int top(Reader &reader, const TopOptions &options);

} // namespace exitstat
