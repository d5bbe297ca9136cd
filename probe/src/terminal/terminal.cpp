// SPDX-License-Identifier: GPL-2.0
#include "terminal/terminal.hpp"

#include "text/layout.hpp"

#include <clocale>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <langinfo.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define NCURSES_NOMACROS // clear(), move() and others are names for C++ as well
#include <curses.h>

namespace exitstat
{

namespace
{

enum : short { pair_trend = 1, pair_note, pair_sorted };

/// Terminals send these whatever their description says.
void define_keys()
{
	static constexpr std::pair<const char *, int> keys[] = {
		{"\033[A", KEY_UP},	{"\033OA", KEY_UP},    {"\033[B", KEY_DOWN},
		{"\033OB", KEY_DOWN},	{"\033[C", KEY_RIGHT}, {"\033OC", KEY_RIGHT},
		{"\033[D", KEY_LEFT},	{"\033OD", KEY_LEFT},  {"\033[5~", KEY_PPAGE},
		{"\033[6~", KEY_NPAGE}, {"\033[H", KEY_HOME},  {"\033OH", KEY_HOME},
		{"\033[1~", KEY_HOME},	{"\033[F", KEY_END},   {"\033OF", KEY_END},
		{"\033[4~", KEY_END}};
	for (const auto &[text, code] : keys)
		define_key(text, code);
}

chtype attributes(TopInk ink, bool colour)
{
	switch (ink) {
	case TopInk::strong:
		return A_BOLD;
	case TopInk::faint:
		return A_DIM;
	case TopInk::heading:
		return A_REVERSE;
	case TopInk::sorted:
		// A hole in the bar where there is no colour.
		return colour ? chtype(COLOR_PAIR(pair_sorted)) : A_BOLD;
	case TopInk::trend:
		return colour ? chtype(COLOR_PAIR(pair_trend)) : A_NORMAL;
	case TopInk::note:
		return colour ? chtype(COLOR_PAIR(pair_note)) : A_BOLD;
	case TopInk::plain:
		break;
	}
	return A_NORMAL;
}

} // namespace

Terminal::Terminal(const TopSignals &signals, const std::string &type) : signals(signals)
{
	std::setlocale(LC_CTYPE, "");
	// The console's font has not all of the blocks.
	const char *name = std::getenv("TERM");
	utf8 = std::string_view(nl_langinfo(CODESET)) == "UTF-8" && name &&
	       !std::string_view(name).starts_with("linux");

	handle = newterm(type.c_str(), stdout, stdin);
	if (!handle)
		throw std::runtime_error("exitstat top cannot use this terminal; use "
					 "exitstat 1");
	signals.install();
	cbreak();
	noecho();
	nonl();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(25);
	leaveok(stdscr, TRUE);
	curs_set(0);
	define_keys();
	if (style_of(STDOUT_FILENO).colour && has_colors() && start_color() == OK &&
	    use_default_colors() == OK) {
		colour = true;
		init_pair(pair_trend, COLOR_CYAN, -1);
		init_pair(pair_note, COLOR_YELLOW, -1);
		init_pair(pair_sorted, COLOR_BLACK, COLOR_CYAN);
	}
	resize();
}

Terminal::~Terminal()
{
	// Ctrl-S must not keep the program from ending. Only what was stopped this way can
	// be started this way.
	tcflow(STDOUT_FILENO, TCOOFF);
	tcflow(STDOUT_FILENO, TCOON);
	endwin();
	delscreen(handle);
}

TopScreen Terminal::screen() const
{
	return {std::size_t(getmaxx(stdscr)), std::size_t(getmaxy(stdscr)), utf8};
}

void Terminal::resize()
{
	winsize size{};
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col)
		resizeterm(size.ws_row, size.ws_col);
}

void Terminal::stop()
{
	endwin();
	signals.stop();
}

void Terminal::reclaim()
{
	if (!isendwin())
		endwin();
	resize();
	clearok(curscr, TRUE);
}

void Terminal::repaint()
{
	clearok(curscr, TRUE);
}

void Terminal::draw(const TopFrame &frame) const
{
	werase(stdscr);
	for (std::size_t y = 0; y < frame.lines.size(); y++) {
		wmove(stdscr, int(y), 0);
		for (const TopPiece &piece : frame.lines[y]) {
			wattrset(stdscr, int(attributes(piece.ink, colour)));
			waddstr(stdscr, piece.text.c_str());
		}
	}
	wrefresh(stdscr);
}

int Terminal::key()
{
	const int c = wgetch(stdscr);
	switch (c) {
	case ERR:
		return -1;
	case KEY_UP:
		return TopKey::up;
	case KEY_DOWN:
		return TopKey::down;
	case KEY_LEFT:
		return TopKey::left;
	case KEY_RIGHT:
		return TopKey::right;
	case KEY_PPAGE:
		return TopKey::page_up;
	case KEY_NPAGE:
		return TopKey::page_down;
	case KEY_HOME:
		return TopKey::home;
	case KEY_END:
		return TopKey::end;
	case KEY_BACKSPACE:
	case 127:
		return TopKey::backspace;
	case KEY_ENTER:
	case '\r':
		return TopKey::enter;
	case KEY_RESIZE: // by resize(), and no key
		return key();
	case KEY_F(1):
		return '?';
	default:
		return c;
	}
}

} // namespace exitstat
