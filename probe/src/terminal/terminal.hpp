// SPDX-License-Identifier: GPL-2.0
/// \file
/// The terminal as a screen to draw on.
#pragma once

#include "terminal/signals.hpp"
#include "top/frame.hpp"

#include <string>

struct screen; // ncurses' SCREEN

namespace exitstat
{

/// The terminal, which is as before when the object is gone.
class Terminal
{
public:
	/// \p type: what require_terminal() said.
	Terminal(const TopSignals &signals, const std::string &type);
	~Terminal();
	Terminal(const Terminal &) = delete;
	Terminal &operator=(const Terminal &) = delete;

	TopScreen screen() const;

	/// Take the size that the terminal has now. A serial line does not know it, and says 0.
	void resize();

	/// Ctrl-Z: give the terminal back until the program goes on.
	void stop();

	/// Somebody else may have used the terminal: take it again, and draw everything.
	void reclaim();

	void repaint();

	/// What does not change is not sent, so there is nothing to flicker.
	void draw(const TopFrame &frame) const;

	/// A key that was pressed, -1 if none was.
	int key();

private:
	const TopSignals &signals;
	struct ::screen *handle = nullptr;
	bool colour = false;
	bool utf8 = false;
};

} // namespace exitstat
