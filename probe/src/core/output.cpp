// SPDX-License-Identifier: GPL-2.0
#include "core/output.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace exitstat
{

namespace fs = std::filesystem;

namespace
{

[[noreturn]] void fail(int error, const std::string &what)
{
	throw std::system_error(error, std::generic_category(), what);
}

sigset_t only_sigpipe()
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	return set;
}

/// What a path leads to, over symbolic links.
struct Target {
	fs::path path; ///< it need not exist
	int fd = -1;   ///< or a descriptor of ours
};

Target target_of(fs::path path)
{
	const fs::path given = path, descriptors = "/proc/self/fd";
	std::error_code error;
	for (int links = 0; fs::is_symlink(fs::symlink_status(path, error)); links++) {
		if (links == 40)
			fail(ELOOP, "cannot open " + given.string());
		const fs::path parent = path.has_parent_path() ? path.parent_path() : ".";
		// Such a link is no path: to open it again, or to replace what has its name, would
		// lose what is written before and after.
		if (fs::equivalent(parent, descriptors, error))
			return {path, std::stoi(path.filename().string())};
		path = parent / fs::read_symlink(path);
	}
	return {path};
}

} // namespace

void block_sigpipe()
{
	const sigset_t set = only_sigpipe();
	sigprocmask(SIG_BLOCK, &set, nullptr);
}

void unblock_sigpipe()
{
	const sigset_t set = only_sigpipe();
	sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

void complain(std::string_view what)
{
	std::fprintf(stderr, "exitstat: %.*s\n", int(what.size()), what.data());
}

void write_all(int fd, std::string_view text, std::string_view name)
{
	while (!text.empty()) {
		const ssize_t n = write(fd, text.data(), text.size());
		if (n >= 0)
			text.remove_prefix(std::size_t(n));
		else if (errno == EPIPE)
			throw ClosedPipe(errno, std::generic_category(),
					 "cannot write to " + std::string(name));
		else if (errno != EINTR)
			fail(errno, "cannot write to " + std::string(name));
	}
}

void replace_file(const std::string &given, std::string_view text)
{
	const Target target = target_of(given);
	const std::string path = target.path.string();
	if (target.fd >= 0) {
		write_all(target.fd, text, given);
		return;
	}
	// A device or a pipe cannot be replaced, nor need it be.
	struct stat old;
	if (!stat(path.c_str(), &old) && !S_ISREG(old.st_mode)) {
		const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			fail(errno, "cannot open " + path);
		try {
			write_all(fd, text, path);
		} catch (...) {
			close(fd);
			throw;
		}
		close(fd);
		return;
	}

	// Not "*.prom", so that a collector does not see it.
	std::string name = path + ".XXXXXX";
	const int fd = mkostemp(name.data(), O_CLOEXEC);
	if (fd < 0)
		fail(errno, "cannot create a file next to " + path);
	try {
		write_all(fd, text, name);
		const mode_t mask = umask(0);
		umask(mask);
		if (fchmod(fd, 0666 & ~mask) || fsync(fd))
			fail(errno, "cannot write " + name);
		if (rename(name.c_str(), path.c_str()))
			fail(errno, "cannot put " + name + " in place of " + path);
	} catch (...) {
		unlink(name.c_str());
		close(fd);
		throw;
	}
	close(fd);
}

} // namespace exitstat
