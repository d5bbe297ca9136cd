// SPDX-License-Identifier: GPL-2.0
/// \file
/// What the screen shows, without a terminal.
#pragma once

#include "top/keys.hpp"
#include "top/model.hpp"
#include "top/text.hpp"

#include <cstddef>
#include <vector>

namespace exitstat
{

struct TopFrame {
	std::vector<TopLine> lines{};
	std::size_t scroll = 0; ///< as far as there was something to scroll
	std::size_t page = 1;
};

struct TopScreen {
	std::size_t width, height;
	bool utf8 = false;
};

/// What the screen shows: at most \p screen.height lines of at most \p screen.width columns.
TopFrame top_frame(const TopModel &model, const TopState &state, const Info &info, bool emulated,
		   const TopScreen &screen);

} // namespace exitstat
