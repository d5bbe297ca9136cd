// SPDX-License-Identifier: GPL-2.0
/// \file
/// What the user of the live view wants to see.
#pragma once

#include "formats/report.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace exitstat
{

/// Keys that are no character.
struct TopKey {
	enum : int {
		backspace = 8,
		enter = 10,
		redraw = 12, ///< Ctrl-L
		escape = 27,
		up = 0x1000,
		down,
		left,
		right,
		page_up,
		page_down,
		home,
		end,
	};
};

/// What a key asks for beyond a new frame.
enum class TopAction {
	none,
	quit,
	restart, ///< forget everything and begin anew
	resume,	 ///< read on after a pause
	repaint, ///< the terminal shows something else than was drawn
};

/// All that the keys change.
struct TopState {
	Sort sort = Sort::exits;
	double seconds = 1;
	bool per_vcpu = false;
	bool cycles = false; ///< where these are time, too
	std::string vm{};    ///< which one, as its host sees it; empty in the VM itself
	bool paused = false;
	bool help = false;
	std::size_t scroll = 0;		     ///< rows, or lines of help, above the first one shown
	std::size_t page = 1;		     ///< how many were shown
	std::optional<std::string> prompt{}; ///< a number of seconds that is being typed
	std::string message{};		     ///< until the next key or reading
	std::string news{};		     ///< until the next key

	/// \p seconds as an interval that makes sense.
	static double limited(double seconds);

	TopAction press(int key);

private:
	void type(int key);
};

} // namespace exitstat
