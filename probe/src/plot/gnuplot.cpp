// SPDX-License-Identifier: GPL-2.0
#include "plot/gnuplot.hpp"
#include "core/child.hpp"
#include "core/output.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace exitstat
{

namespace
{

[[noreturn]] void fail(int error, const char *what)
{
	throw std::system_error(error, std::generic_category(), what);
}

/// A file in memory. Other than with pipes, nobody waits for another who reads or writes.
class Memory
{
public:
	Memory() : fd(memfd_create("exitstat", MFD_CLOEXEC))
	{
		if (fd < 0)
			fail(errno, "cannot have a file in memory");
	}

	~Memory()
	{
		close(fd);
	}

	Memory(const Memory &) = delete;
	Memory &operator=(const Memory &) = delete;

	void write(std::string_view text) const
	{
		write_all(fd, text, "memory");
		lseek(fd, 0, SEEK_SET);
	}

	std::string read() const
	{
		std::string text(std::size_t(lseek(fd, 0, SEEK_END)), '\0');
		const ssize_t n = pread(fd, text.data(), text.size(), 0);
		if (n < 0)
			fail(errno, "cannot read a file in memory");
		text.resize(std::size_t(n));
		return text;
	}

	const int fd;
};

/// The last line that has something in it, which is where gnuplot says what is wrong.
std::string last_line(std::string text)
{
	text.erase(text.find_last_not_of(" \n") + 1);
	return text.substr(text.rfind('\n') + 1);
}

} // namespace

std::string run_gnuplot(const std::string &script)
{
	const Memory in, out, err;
	in.write(script);

	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in.fd, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out.fd, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, err.fd, STDERR_FILENO);
	// Nobody's ~/.gnuplot.
	char name[] = "gnuplot", default_settings[] = "-d";
	char *argv[] = {name, default_settings, nullptr};
	pid_t pid;
	const Children children;
	const int error = posix_spawnp(&pid, name, &actions, nullptr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error == ENOENT)
		throw std::runtime_error("plot needs gnuplot (Debian: gnuplot-nox)");
	if (error)
		fail(error, "cannot run gnuplot");

	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			fail(errno, "cannot wait for gnuplot");
	std::string picture = out.read();
	if (status || picture.empty()) {
		const std::string how = WIFSIGNALED(status)
						? fmt::format("signal {}", WTERMSIG(status))
						: fmt::format("status {}", WEXITSTATUS(status));
		const std::string why = last_line(err.read());
		throw std::runtime_error(fmt::format("gnuplot failed ({}): {}", how,
						     why.empty() ? "without a message" : why));
	}
	return picture;
}

} // namespace exitstat
