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

/// Rates per second: of all VM-Exits, and of the most frequent reasons so far, as many as fit the
/// width. Which these are is decided anew with each header, which comes once a screen.
class Lines
{
public:
	explicit Lines(const Style &style, bool show_cpu) : style(style), show_cpu(show_cpu)
	{
	}

	/// That these reasons are to come, so that they have columns.
	void expect(std::span<const ReasonCount> reasons);

	/// The line of a report, after a header where one is due.
	std::string line(const Report &report);

private:
	struct Seen {
		std::uint16_t code;
		std::uint64_t exits;
	};

	Style style;
	bool show_cpu;
	std::size_t until_header = 0;
	std::vector<Seen> seen{};	    ///< by code
	std::vector<std::uint16_t> shown{}; ///< reasons that have a column

	std::string header(const Report &report);
};

} // namespace exitstat
