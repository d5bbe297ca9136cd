// SPDX-License-Identifier: GPL-2.0
/// \file
/// One line an interval, as vmstat prints them.
#pragma once

#include "formats/report.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace exitstat
{

/// What comes before the figures, and what they are.
struct LineOptions {
	bool cpu = false;   ///< which CPU they are of
	bool clock = false; ///< the time of day
	bool cycles = false;
};

/// Rates per second: of all VM-Exits but those of an idle vCPU, of these, and of the most frequent
/// other reasons so far, as many as fit the width. Which these are is decided anew with each
/// header, which comes once a screen.
class Lines
{
public:
	explicit Lines(const Style &style, const LineOptions &options)
		: style(style), options(options)
	{
	}

	/// That these reasons are to come, so that they have columns.
	void expect(std::span<const ReasonCount> reasons, Isa isa);

	/// The line of a report, after a header where one is due.
	std::string line(const Report &report);

private:
	struct Seen {
		std::uint16_t code;
		std::uint64_t exits;
	};

	Style style;
	LineOptions options;
	std::size_t until_header = 0;
	std::vector<Seen> seen{};	    ///< by code
	std::vector<std::uint16_t> shown{}; ///< reasons that have a column

	/// What comes before the reasons.
	std::vector<std::pair<std::string, std::string>> fixed(const Report &report,
							       const Busy &busy) const;

	std::string header(const Report &report, const Busy &busy);
};

} // namespace exitstat
