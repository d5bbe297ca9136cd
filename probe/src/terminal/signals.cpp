// SPDX-License-Identifier: GPL-2.0
#include "terminal/signals.hpp"

#include <array>
#include <stdexcept>

#include <poll.h>
#include <unistd.h>

namespace exitstat
{

volatile std::sig_atomic_t TopSignals::ending;
volatile std::sig_atomic_t TopSignals::stopping;
volatile std::sig_atomic_t TopSignals::continued;
volatile std::sig_atomic_t TopSignals::resized;

namespace
{

struct Handled {
	int number;
	void (*handler)(int);
};

constexpr auto end = [](int number) {
	TopSignals::ending = number;
};

constexpr std::array<Handled, 7> handled{{
	{SIGINT, end},
	{SIGTERM, end},
	{SIGHUP, end},
	{SIGQUIT, end},
	{SIGTSTP,
	 [](int) {
		 TopSignals::stopping = 1;
	 }},
	{SIGCONT,
	 [](int) {
		 TopSignals::continued = 1;
	 }},
	{SIGWINCH,
	 [](int) {
		 TopSignals::resized = 1;
	 }},
}};

} // namespace

TopSignals::TopSignals()
{
	static_assert(handled.size() == std::tuple_size_v<decltype(before)>);
	sigset_t set;
	sigemptyset(&set);
	for (std::size_t i = 0; i < handled.size(); i++) {
		sigaction(handled[i].number, nullptr, &before[i]);
		sigaddset(&set, handled[i].number);
	}
	for (volatile std::sig_atomic_t *flag : {&ending, &stopping, &continued, &resized})
		*flag = 0;
	sigprocmask(SIG_BLOCK, &set, &mask);
}

TopSignals::~TopSignals()
{
	for (std::size_t i = 0; i < handled.size(); i++)
		sigaction(handled[i].number, &before[i], nullptr);
	sigprocmask(SIG_SETMASK, &mask, nullptr);
}

void TopSignals::install() const
{
	struct sigaction action = {};
	for (std::size_t i = 0; i < handled.size(); i++) {
		// A program under nohup, or without job control, is to be left alone.
		if (before[i].sa_handler == SIG_IGN && handled[i].number != SIGWINCH)
			continue;
		action.sa_handler = handled[i].handler;
		sigaction(handled[i].number, &action, nullptr);
	}
}

bool TopSignals::wait(std::optional<std::chrono::nanoseconds> timeout, bool to_write) const
{
	std::array<pollfd, 2> files{
		{{STDIN_FILENO, POLLIN, 0}, {STDOUT_FILENO, short(to_write ? POLLOUT : 0), 0}}};
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

void TopSignals::stop() const
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

} // namespace exitstat
