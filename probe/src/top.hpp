// SPDX-License-Identifier: GPL-2.0
/// \file
/// The live view that fills the screen, in three parts: a model of what happened, frames that show
/// it, both without a terminal, and top(), which has one.
#pragma once

#include "exit_stats.hpp"
#include "report.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace exit_stats
{

struct TopOptions {
	double seconds = 1; ///< between readings
	Sort sort = Sort::exits;
	bool per_vcpu = false; ///< rows for each vCPU instead of the whole VM
	bool emulated = false; ///< cycles are not time
};

/// Show the VM-Exits until the user quits; returns the exit status. A signal that ends the view
/// ends the program as it would any other, with the terminal restored.
/// Throws std::runtime_error where there is no terminal that can be used, and BadAnswer.
int top(Reader &reader, const TopOptions &options);

// ---- What happened -----------------------------------------------------------------------------

/// A reading of the whole VM, or of one CPU of the guest.
struct TopReading {
	std::optional<int> cpu;
	Snapshot snapshot;
};

/// A reason, on the whole VM or on one CPU, in the last interval.
struct TopRow {
	std::optional<int> cpu{};
	std::uint16_t code = 0;
	std::string name{};
	double exits = 0;  ///< a second
	double cycles = 0; ///< a second
	Histogram histogram{};
	std::size_t idle = 0;	      ///< intervals since it was last seen
	std::deque<double> history{}; ///< exits a second, newest last

	/// Cycles per exit.
	double cost() const
	{
		return exits > 0 ? cycles / exits : 0;
	}
};

/// Makes rows of readings. Without the VM-Exits of the readings themselves.
class TopModel
{
public:
	/// Samples of a history.
	static constexpr std::size_t history_limit = 240;
	/// A reason that was silent for so many intervals has no row any more.
	static constexpr std::size_t idle_limit = 60;

	/// The largest numbers and names so far: columns grow, and do not shrink again.
	struct Widest {
		double exits = 0, cycles = 0, cost = 0;
		std::size_t name = 0;
		int cpu = 0;
	};

	TopModel(Isa isa, std::uint64_t own_cycles_per_exit)
		: isa(isa), own_cycles_per_exit(own_cycles_per_exit)
	{
		clear();
	}

	/// What was read at one time. The first reading of a CPU, and of a generation, is the base
	/// of its first interval, and one without time since the last is passed over.
	void add(std::vector<TopReading> readings);

	/// The next reading is a base: the time until then is no interval.
	void rebase()
	{
		base.clear();
	}

	/// Forget everything.
	void clear();

	/// The price of a VM-Exit of the reader is now another one.
	void set_own_cycles(std::uint64_t per_exit)
	{
		own_cycles_per_exit = per_exit;
	}

	void sort(Sort by);

	/// Rows of reasons that were seen lately.
	const std::vector<TopRow> &rows() const
	{
		return sorted;
	}

	/// The sum of all rows.
	const TopRow &total() const
	{
		return sum;
	}

	/// VM-Exits that the reader itself caused in the last interval; they are in no row.
	std::uint64_t own_exits() const
	{
		return own;
	}

	/// Whether there was an interval yet.
	bool has_rates() const
	{
		return !sum.history.empty();
	}

	/// At the last reading.
	std::uint32_t vcpus() const
	{
		return last_vcpus;
	}

	/// Whether VM-Exits were being counted then.
	bool counting() const
	{
		return last_counting;
	}

	std::chrono::nanoseconds uptime() const
	{
		return last_time;
	}

	const Widest &widest() const
	{
		return most;
	}

private:
	using Key = std::pair<int, std::uint16_t>; ///< CPU, -1 for the whole VM, and reason

	Isa isa;
	std::uint64_t own_cycles_per_exit;
	Sort order = Sort::exits;
	std::map<int, Snapshot> base{};
	std::map<Key, TopRow> seen{};
	std::vector<TopRow> sorted{};
	TopRow sum{};
	std::uint64_t own = 0;
	std::uint32_t last_vcpus = 0;
	bool last_counting = true;
	std::chrono::nanoseconds last_time{};
	Widest most{};
};

// ---- What the user wants to see ----------------------------------------------------------------

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

// ---- Frames ------------------------------------------------------------------------------------

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

} // namespace exit_stats
