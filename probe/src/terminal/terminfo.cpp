// SPDX-License-Identifier: GPL-2.0
#include "terminal/terminfo.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <unistd.h>

#define NCURSES_NOMACROS // clear(), move() and others are names for C++ as well
#include <curses.h>
#include <term.h>

namespace exitstat
{

namespace
{

/// An entry of the terminfo database, for guests that have none, as text for the environment's
/// TERMINFO (see terminfo(5), and term(5) for the format). It has what terminals and consoles that
/// follow ECMA-48 and xterm have in common.
std::string common_terminfo()
{
	using Number = std::pair<std::string_view, std::int16_t>;
	using String = std::pair<std::string_view, std::string_view>;
	static constexpr std::string_view flags[] = {"am", "xenl"};
	static constexpr Number numbers[] = {
		{"cols", 80}, {"lines", 24}, {"colors", 8}, {"pairs", 64}};
	static constexpr String strings[] = {
		{"clear", "\033[H\033[J"},
		{"cup", "\033[%i%p1%d;%p2%dH"},
		{"home", "\033[H"},
		{"ed", "\033[J"},
		{"el", "\033[K"},
		{"cr", "\r"},
		{"cuu1", "\033[A"},
		{"cud1", "\n"},
		{"cuf1", "\033[C"},
		{"cub1", "\b"},
		{"bold", "\033[1m"},
		{"dim", "\033[2m"},
		{"rev", "\033[7m"},
		{"sgr0", "\033[m"},
		{"setaf", "\033[3%p1%dm"},
		{"setab", "\033[4%p1%dm"},
		{"op", "\033[39;49m"},
		{"civis", "\033[?25l"},
		{"cnorm", "\033[?25h"},
		{"smcup", "\033[?1049h"},
		{"rmcup", "\033[?1049l"},
		// Without them the last character of the last line cannot be written.
		{"smam", "\033[?7h"},
		{"rmam", "\033[?7l"},
	};

	const auto find = [](const auto &table, const char *name) {
		const auto *at = std::ranges::find_if(
			table, [&](const auto &entry) { return entry.first == name; });
		return at == std::end(table) ? nullptr : at;
	};
	const auto number = [](std::size_t value) {
		return std::string{char(value & 0xFF), char(value >> 8 & 0xFF)};
	};
	constexpr std::size_t absent = 0xFFFF;

	// ncurses has the names in the order of the format.
	std::string bools, nums, offsets, table;
	for (const char *const *name = boolnames; *name; name++)
		bools += char(std::ranges::count(flags, std::string_view(*name)));
	for (const char *const *name = numnames; *name; name++) {
		const Number *at = find(numbers, *name);
		nums += number(at ? std::size_t(at->second) : absent);
	}
	for (const char *const *name = strnames; *name; name++) {
		const String *at = find(strings, *name);
		offsets += number(at ? table.size() : absent);
		if (at)
			table += std::string(at->second) + '\0';
	}

	const std::string title("exitstat\0", 9);
	std::string entry;
	for (const std::size_t value : {std::size_t(0432), title.size(), bools.size(),
					nums.size() / 2, offsets.size() / 2, table.size()})
		entry += number(value);
	entry += title + bools;
	if (entry.size() % 2)
		entry += '\0';
	entry += nums + offsets + table;

	std::string text = "hex:";
	for (const char byte : entry)
		text += fmt::format("{:02X}", static_cast<unsigned char>(byte));
	return text;
}

} // namespace

std::string require_terminal()
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		throw std::runtime_error("exitstat top needs a terminal; for output to a file or "
					 "pipe use exitstat 1");
	const char *variable = std::getenv("TERM");
	std::string name = variable ? variable : "";
	if (name.empty())
		throw std::runtime_error("exitstat top must know the terminal's type: set TERM, as "
					 "in TERM=xterm exitstat top; or use exitstat 1");

	int found;
	if (setupterm(name.c_str(), STDOUT_FILENO, &found) == OK) {
		const char *move = tigetstr("cup");
		del_curterm(cur_term);
		// NOLINTNEXTLINE(performance-no-int-to-ptr): terminfo's way to say so
		if (move && move != reinterpret_cast<const char *>(-1))
			return name;
		throw std::runtime_error("exitstat top cannot draw on a terminal of type " + name +
					 ": set TERM to what it is, or use exitstat 1");
	}
	// A tiny guest has no database, and no database has all.
	static constexpr std::string_view known[] = {"alacritty", "foot", "konsole", "linux",
						     "putty",	  "rxvt", "screen",  "tmux",
						     "vt",	  "xterm"};
	if (std::ranges::any_of(known, [&](auto start) { return name.starts_with(start); })) {
		setenv("TERMINFO", common_terminfo().c_str(), 1);
		if (setupterm("exitstat", STDOUT_FILENO, &found) == OK) {
			del_curterm(cur_term);
			return "exitstat";
		}
	}
	throw std::runtime_error("exitstat top does not know terminals of type " + name +
				 ": set TERM, as in TERM=xterm exitstat top; or use exitstat 1");
}

} // namespace exitstat
