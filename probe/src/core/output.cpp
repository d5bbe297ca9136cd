// SPDX-License-Identifier: GPL-2.0
#include "core/output.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace exitstat
{

namespace
{

[[noreturn]] void fail(int error, const std::string &what)
{
	throw std::system_error(error, std::generic_category(), what);
}

} // namespace

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
		else if (errno != EINTR)
			fail(errno, "cannot write to " + std::string(name));
	}
}

void replace_file(const std::string &path, std::string_view text)
{
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
