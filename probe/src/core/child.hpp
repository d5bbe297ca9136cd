// SPDX-License-Identifier: GPL-2.0
/// \file
/// Run a command, and wait for it, for signals and for the time.
#pragma once

#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/types.h>

namespace exitstat
{

/// The exit statuses that shells give a command that cannot be run.
struct CannotRun : std::runtime_error {
	int status; ///< 127: not found; 126: not executable

	CannotRun(const std::string &what, int status) : std::runtime_error(what), status(status)
	{
	}
};

/// As long as it lives, a child's end can be waited for, also where SIGCHLD is ignored: nobody
/// would learn how it has ended.
class Children
{
public:
	Children();
	~Children();
	Children(const Children &) = delete;
	Children &operator=(const Children &) = delete;

	/// In a child: what it would have of SIGCHLD without us.
	void give_back() const;

private:
	struct sigaction before;
};

/// As long as it lives, the signals that end a program wait until they are asked for. A child's end
/// is none of them: see Child::wait().
class Signals
{
public:
	Signals();
	~Signals();
	Signals(const Signals &) = delete;
	Signals &operator=(const Signals &) = delete;

	/// The next signal; none when it is \p until, or when \p fd can be read.
	std::optional<int> wait(std::optional<std::chrono::steady_clock::time_point> until,
				int fd = -1) const;

	/// In a child: what it would have of signals without us.
	void give_back() const;

private:
	sigset_t mask;
	int waiting; ///< signalfd
	Children children{};
};

/// A process that is there, and executes the command when it is told to.
class Child
{
public:
	Child(const std::vector<std::string> &command, const Signals &signals);
	~Child();
	Child(const Child &) = delete;
	Child &operator=(const Child &) = delete;

	/// Throws CannotRun.
	void start();

	/// What wait(2) says of its end; none if it has not ended.
	std::optional<int> ended();

	/// Wait for the end. It is given SIGTERM and SIGHUP if we are, while SIGINT and SIGQUIT,
	/// that come from the terminal, reach it anyway. \p tick is called each \p every.
	int wait(const Signals &signals, std::optional<std::chrono::nanoseconds> every,
		 const std::function<void()> &tick);

private:
	pid_t pid;
	int process = -1; ///< pidfd: can be read when it has ended
	int go = -1;	  ///< closed: execute
	int refused = -1; ///< read: why it could not be executed
	std::string name;
	std::optional<int> status{};
};

/// What to end with after a command that ended so: its exit status, or as it did, by SIGINT, so
/// that a shell stops its loop, or 128 and the signal's number.
int exit_as(int wait_status);

} // namespace exitstat
