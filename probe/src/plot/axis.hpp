// SPDX-License-Identifier: GPL-2.0
/// \file
/// The axis of the histograms.
#pragma once

#include "core/time.hpp"
#include "plot/drawing.hpp"

#include <string>
#include <vector>

namespace exitstat
{

/// x is the logarithm of cycles to base 2, so that bucket i is from i-1 to i. It shows time where
/// cycles are time.
class CycleAxis
{
public:
	CycleAxis(const Session &session, const std::vector<Row> &rows);

	bool empty() const
	{
		return begin == end;
	}

	/// Value and place of each, for gnuplot.
	std::string tics() const;

	std::string label() const;

	Ticks ticks;
	int begin = 0, end = 0;

private:
	bool open = false; ///< the last bucket is used, that has all above as well
};

} // namespace exitstat
