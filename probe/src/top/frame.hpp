// SPDX-License-Identifier: GPL-2.0
/// \file
/// What the screen shows, without a terminal.
#pragma once

#include "top/keys.hpp"
#include "top/model.hpp"

#include <cstddef>
#include <deque>
#include <string>
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

struct TopFrame {
	std::vector<TopLine> lines{};
	std::size_t scroll = 0; ///< as far as there was something to scroll
	std::size_t page = 1;
};

struct TopScreen {
	std::size_t width, height;
	bool utf8 = false;
};

/// The newest values at the right, nothing for 0. The full height is the largest value that is
/// shown, or twice their mean if that is more.
std::string sparkline(const std::deque<double> &values, std::size_t width, bool utf8);

/// What the screen shows: at most \p screen.height lines of at most \p screen.width columns.
TopFrame top_frame(const TopModel &model, const TopState &state, const Info &info, bool emulated,
		   const TopScreen &screen);

} // namespace exitstat
