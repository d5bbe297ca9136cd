// SPDX-License-Identifier: GPL-2.0
/// \file
/// Pieces of text on a screen, and how much room they take.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace exitstat
{

/// How text looks where the terminal can do it.
enum class TopInk { plain, strong, faint, heading, sorted, trend, note };

struct TopPiece {
	std::string text;
	TopInk ink = TopInk::plain;
};

using TopLine = std::vector<TopPiece>;

/// Columns of UTF-8 whose characters take one each, as all here do.
std::size_t columns_of(std::string_view text);
std::size_t columns_of(const TopLine &line);

/// The first \p width columns.
std::string cut(std::string text, std::size_t width);
void cut(TopLine &line, std::size_t width);

/// Left and right end of a line. The right one is left out where there is no room for both.
TopLine spread(TopLine left, TopPiece right, std::size_t width);

/// The items that fit, from the first one on.
std::string joined(const std::vector<std::string> &items, std::string_view between,
		   std::size_t width);

/// The newest values at the right, nothing for 0. The full height is the largest value that is
/// shown, or twice their mean if that is more.
std::string sparkline(const std::deque<double> &values, std::size_t width, bool utf8);

} // namespace exitstat
