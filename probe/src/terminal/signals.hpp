// SPDX-License-Identifier: GPL-2.0
/// \file
/// Signals that a program with the whole screen must take care of.
#pragma once

#include <array>
#include <chrono>
#include <csignal>
#include <optional>

namespace exitstat
{

/// As long as it lives, signals are noted, and arrive nowhere but in wait().
class TopSignals
{
public:
	static volatile std::sig_atomic_t ending;    ///< the signal that asks to end
	static volatile std::sig_atomic_t stopping;  ///< Ctrl-Z
	static volatile std::sig_atomic_t continued; ///< after it
	static volatile std::sig_atomic_t resized;

	TopSignals();
	~TopSignals();
	TopSignals(const TopSignals &) = delete;
	TopSignals &operator=(const TopSignals &) = delete;

	/// To be called after ncurses has installed its own.
	void install() const;

	/// Wait for input, for room for output if \p to_write, or a signal. Whether there is room.
	/// Throws if the terminal is gone.
	bool wait(std::optional<std::chrono::nanoseconds> timeout, bool to_write) const;

	/// Stop as if nobody had handled the signal. Returns when the program goes on.
	void stop() const;

private:
	std::array<struct sigaction, 7> before{};
	sigset_t mask{};
};

} // namespace exitstat
