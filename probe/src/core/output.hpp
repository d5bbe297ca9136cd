// SPDX-License-Identifier: GPL-2.0
/// \file
/// Where output goes: standard output, or a file that is there whole or not at all.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

namespace exitstat
{

/// Whoever read what is written has gone.
struct ClosedPipe : std::system_error {
	using std::system_error::system_error;
};

/// From here on a write to a closed pipe fails, and SIGPIPE waits.
void block_sigpipe();

/// Ends the program by a SIGPIPE that waits, unless that is ignored.
void unblock_sigpipe();

/// A line on standard error.
void complain(std::string_view what);

/// Write all of \p text. Throws ClosedPipe, or another std::system_error, so that nothing is lost
/// unnoticed.
void write_all(int fd, std::string_view text, std::string_view name);

/// Make \p path, or what it is a symbolic link to, a file with this text. Whoever reads it
/// meanwhile sees the old file or the new one. Devices and pipes, and what is open already, such as
/// /dev/stdout, are written to. Throws as write_all() does, and leaves the old file then.
void replace_file(const std::string &path, std::string_view text);

/// Standard output or another descriptor, or a file. Each write() is flushed when it returns; a
/// file is replaced by it.
class Output
{
public:
	explicit Output(int fd) : fd(fd)
	{
	}

	explicit Output(std::string path) : path(std::move(path))
	{
	}

	void write(std::string_view text) const
	{
		if (path.empty())
			write_all(fd, text, fd == 2 ? "standard error" : "standard output");
		else
			replace_file(path, text);
	}

	/// None if it is a file.
	int descriptor() const
	{
		return fd;
	}

private:
	int fd = -1;
	std::string path{};
};

} // namespace exitstat
