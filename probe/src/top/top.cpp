// SPDX-License-Identifier: GPL-2.0
#include "top/top.hpp"

#include "top/frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include <langinfo.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define NCURSES_NOMACROS // clear(), move() and others are names for C++ as well
#include <curses.h>
#include <term.h>
#undef columns // macros all the same
#undef lines

namespace exitstat
{

namespace
{

using namespace std::chrono_literals;

volatile std::sig_atomic_t ending;    ///< the signal that asks to end
volatile std::sig_atomic_t stopping;  ///< Ctrl-Z
volatile std::sig_atomic_t continued; ///< after it
volatile std::sig_atomic_t resized;

/// Signals are noted, and arrive nowhere but in wait().
class Signals
{
public:
	Signals()
	{
		sigset_t set;
		sigemptyset(&set);
		for (std::size_t i = 0; i < std::size(handled); i++) {
			sigaction(handled[i].number, nullptr, &before[i]);
			sigaddset(&set, handled[i].number);
		}
		for (volatile std::sig_atomic_t *flag : {&ending, &stopping, &continued, &resized})
			*flag = 0;
		sigprocmask(SIG_BLOCK, &set, &mask);
	}

	~Signals()
	{
		for (std::size_t i = 0; i < std::size(handled); i++)
			sigaction(handled[i].number, &before[i], nullptr);
		sigprocmask(SIG_SETMASK, &mask, nullptr);
	}

	Signals(const Signals &) = delete;
	Signals &operator=(const Signals &) = delete;

	/// To be called after ncurses has installed its own.
	void install() const
	{
		struct sigaction action = {};
		for (std::size_t i = 0; i < std::size(handled); i++) {
			// A program under nohup, or without job control, is to be left alone.
			if (before[i].sa_handler == SIG_IGN && handled[i].number != SIGWINCH)
				continue;
			action.sa_handler = handled[i].handler;
			sigaction(handled[i].number, &action, nullptr);
		}
	}

	/// Wait for input, for room for output if \p to_write, or a signal. Whether there is room.
	/// Throws if the terminal is gone.
	bool wait(std::optional<std::chrono::nanoseconds> timeout, bool to_write) const
	{
		std::array<pollfd, 2> files{{{STDIN_FILENO, POLLIN, 0},
					     {STDOUT_FILENO, short(to_write ? POLLOUT : 0), 0}}};
		timespec time{};
		if (timeout && timeout->count() > 0)
			time = {timeout->count() / 1'000'000'000, timeout->count() % 1'000'000'000};
		if (ppoll(files.data(), files.size(), timeout ? &time : nullptr, &mask) < 0)
			return false; // a signal
		for (const pollfd &file : files)
			if (file.revents & (POLLHUP | POLLERR | POLLNVAL) && !ending)
				throw std::runtime_error("the terminal is gone");
		return files[1].revents & POLLOUT;
	}

	/// Stop as if nobody had handled the signal. Returns when the program goes on.
	void stop() const
	{
		struct sigaction action = {};
		action.sa_handler = SIG_DFL;
		sigaction(SIGTSTP, &action, nullptr);
		std::raise(SIGTSTP);
		sigset_t set, now;
		sigemptyset(&set);
		sigaddset(&set, SIGTSTP);
		sigprocmask(SIG_UNBLOCK, &set, &now);
		sigprocmask(SIG_SETMASK, &now, nullptr);
		install();
	}

private:
	struct Handled {
		int number;
		void (*handler)(int);
	};

	static constexpr auto end = [](int number) {
		ending = number;
	};
	static constexpr Handled handled[] = {
		{SIGINT, end},
		{SIGTERM, end},
		{SIGHUP, end},
		{SIGQUIT, end},
		{SIGTSTP,
		 [](int) {
			 stopping = 1;
		 }},
		{SIGCONT,
		 [](int) {
			 continued = 1;
		 }},
		{SIGWINCH,
		 [](int) {
			 resized = 1;
		 }},
	};

	struct sigaction before[std::size(handled)]{};
	sigset_t mask{};
};

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

/// Makes the terminal's description known to ncurses, and returns its name. Throws if there is
/// none.
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

/// The terminal as a screen to draw on; as before when the object is gone.
class Terminal
{
public:
	Terminal(const Signals &signals, const std::string &type) : signals(signals)
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
		const char *no_color = std::getenv("NO_COLOR");
		if (!(no_color && *no_color) && has_colors() && start_color() == OK &&
		    use_default_colors() == OK) {
			colour = true;
			init_pair(pair_trend, COLOR_CYAN, -1);
			init_pair(pair_note, COLOR_YELLOW, -1);
			init_pair(pair_sorted, COLOR_BLACK, COLOR_CYAN);
		}
		resize();
	}

	~Terminal()
	{
		// Ctrl-S must not keep the program from ending. Only what was stopped this way can
		// be started this way.
		tcflow(STDOUT_FILENO, TCOOFF);
		tcflow(STDOUT_FILENO, TCOON);
		endwin();
		delscreen(handle);
	}

	Terminal(const Terminal &) = delete;
	Terminal &operator=(const Terminal &) = delete;

	TopScreen screen() const
	{
		return {std::size_t(getmaxx(stdscr)), std::size_t(getmaxy(stdscr)), utf8};
	}

	/// Take the size that the terminal has now. A serial line does not know it, and says 0.
	void resize()
	{
		winsize size{};
		if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col)
			resizeterm(size.ws_row, size.ws_col);
	}

	/// Ctrl-Z: give the terminal back until the program goes on.
	void stop()
	{
		endwin();
		signals.stop();
	}

	/// Somebody else may have used the terminal: take it again, and draw everything.
	void reclaim()
	{
		if (!isendwin())
			endwin();
		resize();
		clearok(curscr, TRUE);
	}

	void repaint()
	{
		clearok(curscr, TRUE);
	}

	/// What does not change is not sent, so there is nothing to flicker.
	void draw(const TopFrame &frame)
	{
		werase(stdscr);
		for (std::size_t y = 0; y < frame.lines.size(); y++) {
			wmove(stdscr, int(y), 0);
			for (const TopPiece &piece : frame.lines[y]) {
				wattrset(stdscr, int(attributes(piece.ink)));
				waddstr(stdscr, piece.text.c_str());
			}
		}
		wrefresh(stdscr);
	}

	/// A key that was pressed, -1 if none was.
	int key()
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

private:
	enum : short { pair_trend = 1, pair_note, pair_sorted };

	const Signals &signals;
	SCREEN *handle = nullptr;
	bool colour = false;
	bool utf8 = false;

	/// Terminals send these whatever their description says.
	static void define_keys()
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

	chtype attributes(TopInk ink) const
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
};

/// Reads when it is time, draws when something changed.
class Live
{
public:
	Live(Reader &reader, const TopOptions &options, Terminal &terminal, const Signals &signals,
	     std::uint64_t own_cycles)
		: reader(reader), emulated(options.emulated), terminal(terminal), signals(signals),
		  model(reader.info().isa, own_cycles)
	{
		state.sort = options.sort;
		state.seconds = TopState::limited(options.seconds);
		state.per_vcpu = options.per_vcpu;
		generation = reader.info().generation;
	}

	/// The signal that ended it, 0 if the user did.
	int run()
	{
		begin();
		for (bool dirty = true;;) {
			std::optional<std::chrono::nanoseconds> timeout;
			if (!state.paused)
				timeout = next - Clock::now();
			// A terminal that takes no output is not waited for.
			if (signals.wait(timeout, dirty) && dirty) {
				const auto &[lines, scroll, page] = draw();
				state.scroll = scroll;
				state.page = page;
				dirty = false;
			}
			if (ending)
				return ending;
			if (stopping) {
				terminal.stop();
				stopping = 0;
				continued = 1;
			}
			if (continued) {
				continued = 0;
				terminal.reclaim();
				// Nobody wants to know the rates of the time in between.
				if (!state.paused)
					begin();
				dirty = true;
			}
			if (resized) {
				resized = 0;
				terminal.resize();
				dirty = true;
			}
			for (int key; (key = terminal.key()) >= 0;) {
				if (!press(key))
					return 0;
				dirty = true;
			}
			if (!state.paused && Clock::now() >= next) {
				read();
				dirty = true;
			}
		}
	}

private:
	using Clock = std::chrono::steady_clock;

	Reader &reader;
	const bool emulated;
	Terminal &terminal;
	const Signals &signals;
	TopModel model;
	TopState state{};
	std::uint64_t generation{};
	Clock::time_point last{}; ///< of the readings
	Clock::time_point next{};
	const CpuSet cpus = CpuSet::allowed();

	TopFrame draw()
	{
		model.sort(state.sort);
		TopFrame frame =
			top_frame(model, state, reader.info(), emulated, terminal.screen());
		terminal.draw(frame);
		return frame;
	}

	/// A new base. The first interval is short: who has asked wants to see something.
	void begin()
	{
		model.rebase();
		read();
		next = last + std::min(interval(), Clock::duration(500ms));
	}

	Clock::duration interval() const
	{
		return std::chrono::duration_cast<Clock::duration>(
			std::chrono::duration<double>(state.seconds));
	}

	void read()
	{
		last = Clock::now();
		next = last + interval();
		state.message.clear();
		if (!state.per_vcpu) {
			add({{std::nullopt, reader.read(Details::all)}});
			return;
		}
		std::vector<TopReading> readings;
		// Moving to and from each CPU leaves out those that were offline meanwhile.
		cpus.apply();
		for (const int cpu : CpuSet::allowed().list())
			try {
				readings.push_back({cpu, reader.read_cpu(cpu)});
			} catch (const BadAnswer &) {
				throw;
			} catch (const Unavailable &) {
				throw;
			} catch (const std::runtime_error &e) {
				state.message = e.what();
			}
		add(std::move(readings));
	}

	void add(std::vector<TopReading> readings)
	{
		for (const TopReading &reading : readings) {
			const Snapshot &now = reading.snapshot;
			if (now.generation != generation) {
				// Another host has another price.
				model.set_own_cycles(reader.own_cycles_per_exit());
				state.news = std::string("Note: ") + OtherGeneration().what() + ".";
			}
			generation = now.generation;
		}
		model.add(std::move(readings));
	}

	/// Whether to go on.
	bool press(int key)
	{
		const double seconds = state.seconds;
		switch (state.press(key)) {
		case TopAction::quit:
			return false;
		case TopAction::restart:
			model.clear();
			begin();
			break;
		case TopAction::resume:
			begin();
			break;
		case TopAction::repaint:
			terminal.repaint();
			break;
		case TopAction::none:
			break;
		}
		if (state.seconds != seconds)
			next = last + interval();
		return true;
	}
};

} // namespace

int top(Reader &reader, const TopOptions &options)
{
	const std::string type = require_terminal();
	const std::uint64_t own_cycles = reader.own_cycles_per_exit();
	int signal;
	{
		const Signals signals;
		Terminal terminal(signals, type);
		signal = Live(reader, options, terminal, signals, own_cycles).run();
	}
	if (!signal)
		return 0;
	// The shell is to see which signal it was.
	std::raise(signal);
	return 128 + signal;
}

} // namespace exitstat
