// SPDX-License-Identifier: GPL-2.0
/// \file
/// How text is laid out: numbers for reading, and tables as wide as the terminal.
#pragma once

#include "core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace exitstat
{

/// What the output goes to.
struct Style {
	std::size_t width = 80;	 ///< columns
	std::size_t height = 24; ///< lines
	bool colour = false;
	bool header = true; ///< headings and notes as well, not just rows
};

/// The style of a file descriptor: a terminal has its own size, and colours unless NO_COLOR is set
/// or TERM is dumb. Anything else has the width that the environment's COLUMNS says, 80 without.
Style style_of(int fd);

/// "12.3", "-" of nothing.
std::string percent(double part, double whole);

/// A rate a second: "0", "0.3", "9.9", "1,234".
std::string rate(double per_second);
/// "-" without a time.
std::string rate(std::uint64_t count, double seconds);

/// As the terminal shows it, if there are colours.
std::string bold(const std::string &text, const Style &style);
std::string dim(const std::string &text, const Style &style);

/// What wants room on a line.
struct Slot {
	std::size_t width; ///< with the blanks before it
	/// What does not fit goes away, the highest first; 0 stays.
	int expendable;
};

/// Which of these are shown in \p width columns.
std::vector<bool> fit(const std::vector<Slot> &slots, std::size_t width);

struct Column {
	std::string head;
	/// Blanks before it: a share stands next to its number.
	std::size_t gap = 2;
	/// What does not fit goes away, the highest first; 0 stays.
	int expendable = 0;
};

/// The first column is set to the left, all others to the right.
class Table
{
public:
	explicit Table(std::vector<Column> columns) : columns(std::move(columns))
	{
	}

	/// \p loud rows stand out where there are colours.
	void add(std::vector<std::string> cells, bool loud = false)
	{
		rows.push_back({std::move(cells), loud});
	}

	/// Columns that a terminal needs to show all of it.
	std::size_t width() const;

	/// This table and another one with the same first column, side by side.
	Table beside(const Table &other) const;

	std::string text(const Style &style) const;

private:
	struct Row {
		std::vector<std::string> cells;
		bool loud;
	};

	std::vector<Column> columns;
	std::vector<Row> rows{};

	std::vector<std::size_t> widths() const;
};

} // namespace exitstat
