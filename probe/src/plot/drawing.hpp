// SPDX-License-Identifier: GPL-2.0
/// \file
/// What there is to draw of a session.
#pragma once

#include "recording/recording.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace exitstat
{

/// A reason, or all those together that have no colour of their own.
struct Row {
	std::string name;
	std::string_view colour;
	std::uint64_t exits = 0, cycles = 0;
	Histogram histogram{}; ///< empty if there is none
};

struct Interval {
	double begin, end;	   ///< in seconds since the first sample
	std::vector<double> rates; ///< VM-Exits a second, by row
};

struct Drawing {
	std::vector<Row> rows; ///< the most frequent first
	std::vector<Interval> intervals;
	Count total{};
	std::uint64_t idle_exits = 0; ///< of vCPUs with nothing to do, which are in none of these
	std::chrono::nanoseconds length{};

	double seconds() const
	{
		return std::chrono::duration<double>(length).count();
	}
};

/// Without the recorder's own VM-Exits. Throws std::runtime_error if no time has passed or nothing
/// has happened.
Drawing drawing_of(const Session &session);

} // namespace exitstat
