// SPDX-License-Identifier: GPL-2.0
/// \file
/// What gnuplot is told.
#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace exitstat
{

/// A string that gnuplot takes as it is.
std::string in_quotes(std::string_view text);

/// Places from left to right, in parts of the picture's width: where the axes begin and end, and
/// the right ends of the columns of text beside them.
constexpr double left_axis = 0.08, right_axis = 0.58, column_at[] = {0.86, 0.92, 0.98};

constexpr std::string_view grey = "tc rgb '#666666'";

/// The script, for a picture of so many lines. Places in it are lines from the top.
class Script
{
public:
	explicit Script(double lines) : lines(lines)
	{
	}

	template <class... Args>
	void add(fmt::format_string<Args...> format, Args &&...args)
	{
		fmt::format_to(std::back_inserter(script), format, std::forward<Args>(args)...);
		script += '\n';
	}

	void label(double x, double line, std::string_view align, std::string_view text,
		   std::string_view more);

	/// One of a table, with \p colour if that is not empty.
	void row(double line, std::string_view colour, std::string_view title,
		 std::initializer_list<std::string> cells);

	/// What follows is a plot of its own, with axes at these lines.
	void axes(double top, double bottom);

	/// A step of a plot command with many.
	void plot(bool first, bool last, std::string_view what);

	std::string text() &&
	{
		return std::move(script);
	}

private:
	double lines;
	std::string script{};

	double y(double line) const
	{
		return 1 - line / lines;
	}
};

} // namespace exitstat
