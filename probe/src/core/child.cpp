// SPDX-License-Identifier: GPL-2.0
#include "core/child.hpp"

#include "core/output.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace exitstat
{

namespace
{

constexpr int terminating[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};

[[noreturn]] void fail(const char *what)
{
	throw std::system_error(errno, std::generic_category(), what);
}

} // namespace

Children::Children()
{
	struct sigaction action = {};
	action.sa_handler = SIG_DFL;
	sigaction(SIGCHLD, &action, &before);
}

Children::~Children()
{
	give_back();
}

void Children::give_back() const
{
	sigaction(SIGCHLD, &before, nullptr);
}

Signals::Signals()
{
	sigset_t ours;
	sigemptyset(&ours);
	// What whoever started us has switched off stays so: nohup, jobs in the background.
	for (const int signal : terminating) {
		struct sigaction action;
		if (!sigaction(signal, nullptr, &action) && action.sa_handler != SIG_IGN)
			sigaddset(&ours, signal);
	}
	waiting = signalfd(-1, &ours, SFD_CLOEXEC);
	if (waiting < 0 || sigprocmask(SIG_BLOCK, &ours, &mask))
		fail("cannot block signals");
}

Signals::~Signals()
{
	close(waiting);
	sigprocmask(SIG_SETMASK, &mask, nullptr);
}

void Signals::give_back() const
{
	children.give_back();
	sigprocmask(SIG_SETMASK, &mask, nullptr);
}

std::optional<int> Signals::wait(std::optional<std::chrono::steady_clock::time_point> until,
				 int fd) const
{
	for (;;) {
		timespec time{};
		if (until) {
			const auto left =
				std::max(std::chrono::nanoseconds(0),
					 std::chrono::duration_cast<std::chrono::nanoseconds>(
						 *until - std::chrono::steady_clock::now()));
			time = {left.count() / 1'000'000'000, left.count() % 1'000'000'000};
		}
		pollfd fds[] = {{waiting, POLLIN, 0}, {fd, POLLIN, 0}};
		const int ready = ppoll(fds, std::size(fds), until ? &time : nullptr, nullptr);
		if (ready < 0 && errno != EINTR)
			fail("cannot wait for signals");
		if (ready < 0)
			continue;
		if (!fds[0].revents)
			return std::nullopt;
		signalfd_siginfo signal;
		if (read(waiting, &signal, sizeof(signal)) == sizeof(signal))
			return int(signal.ssi_signo);
	}
}

Child::Child(const std::vector<std::string> &command, const Signals &signals)
	: name(command.front())
{
	int start[2], error[2];
	if (pipe2(start, O_CLOEXEC) || pipe2(error, O_CLOEXEC))
		fail("cannot create a pipe");
	std::vector<char *> argv;
	argv.reserve(command.size() + 1);
	for (const std::string &word : command)
		argv.push_back(const_cast<char *>(word.c_str()));
	argv.push_back(nullptr);

	pid = fork();
	if (pid < 0)
		fail("cannot create a process");
	if (!pid) {
		char unused;
		close(start[1]);
		const bool told = ::read(start[0], &unused, 1) == 1;
		signals.give_back();
		unblock_sigpipe();
		if (told) {
			execvp(argv[0], argv.data());
			const int why = errno;
			if (write(error[1], &why, sizeof(why)) < 0)
				_exit(126);
		}
		_exit(127);
	}
	close(start[0]);
	close(error[1]);
	go = start[1];
	refused = error[0];
	process = int(syscall(SYS_pidfd_open, pid, 0));
	if (process < 0) {
		const int why = errno;
		close(go); // so that it ends
		close(refused);
		waitpid(pid, nullptr, 0);
		errno = why;
		fail("cannot watch a process, which takes Linux 5.3");
	}
}

Child::~Child()
{
	close(go);
	close(refused);
	close(process);
	// It never ran, or its end was seen, or we fail: then it must not be left behind.
	if (!ended()) {
		kill(pid, SIGTERM);
		waitpid(pid, nullptr, 0);
	}
}

void Child::start()
{
	int why;
	if (write(go, "", 1) != 1)
		fail("cannot start the command");
	ssize_t n;
	while ((n = ::read(refused, &why, sizeof(why))) < 0 && errno == EINTR)
		;
	if (n != sizeof(why))
		return;
	throw CannotRun("cannot run " + name + ": " +
				(why == ENOENT ? "command not found" : std::strerror(why)),
			why == ENOENT ? 127 : 126);
}

std::optional<int> Child::ended()
{
	int now;
	if (!status && waitpid(pid, &now, WNOHANG) == pid)
		status = now;
	return status;
}

int Child::wait(const Signals &signals, std::optional<std::chrono::nanoseconds> every,
		const std::function<void()> &tick)
{
	using std::chrono::steady_clock;
	std::optional<steady_clock::time_point> next;
	if (every)
		next = steady_clock::now() + *every;
	while (!ended()) {
		const auto signal = signals.wait(next, process);
		if (signal && (*signal == SIGTERM || *signal == SIGHUP)) {
			kill(pid, *signal);
		} else if (!signal && next && steady_clock::now() >= *next) {
			tick();
			next = std::max(*next + *every, steady_clock::now());
		}
	}
	return *status;
}

int exit_as(int wait_status)
{
	if (WIFEXITED(wait_status))
		return WEXITSTATUS(wait_status);
	if (WTERMSIG(wait_status) == SIGINT) {
		sigset_t interrupt;
		sigemptyset(&interrupt);
		sigaddset(&interrupt, SIGINT);
		std::signal(SIGINT, SIG_DFL);
		sigprocmask(SIG_UNBLOCK, &interrupt, nullptr);
		raise(SIGINT);
	}
	return 128 + WTERMSIG(wait_status);
}

} // namespace exitstat
