// SPDX-License-Identifier: GPL-2.0
/// \file
/// Where output goes: standard output, or a file that is there whole or not at all.
#pragma once

#include <string>
#include <string_view>

namespace exitstat
{

/// A line on standard error.
void complain(std::string_view what);

/// Write all of \p text. Throws std::system_error, so that nothing is lost unnoticed.
void write_all(int fd, std::string_view text, std::string_view name);

/// Make \p path a file with this text. Whoever reads it meanwhile sees the old file or the new one.
/// Throws std::system_error, and leaves the old file then.
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
