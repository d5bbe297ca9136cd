// SPDX-License-Identifier: GPL-2.0
#include "recording/reader.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

#include <fcntl.h>

namespace exitstat
{

namespace
{

/// About what it takes.
std::size_t memory_of(const Snapshot &snapshot)
{
	std::size_t size = sizeof(Snapshot);
	for (const ReasonCount &r : snapshot.reasons)
		size += sizeof(r) + r.histogram.capacity() * sizeof(r.histogram[0]);
	return size;
}

} // namespace

LoadedRecording load_recording(const std::string &path, std::size_t memory)
{
	const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		throw std::system_error(errno, std::generic_category(), "cannot read " + path);
	FrameReader in(path, fd);
	LoadedRecording loaded;
	std::size_t used = 0;
	const auto use = [&](std::size_t more) {
		used += more;
		if (used > memory)
			in.refuse("too long", fmt::format("up to there it takes {} MiB of memory",
							  memory >> 20));
	};
	const bool any = scan(
		in,
		[&](Session &&session) {
			use(sizeof(Session) + session.command.size() * sizeof(std::string));
			loaded.sessions.push_back(std::move(session));
		},
		[&](Snapshot &&snapshot) {
			use(memory_of(snapshot));
			loaded.sessions.back().samples.push_back(std::move(snapshot));
		});
	if (!any)
		in.refuse("truncated", "nothing was recorded");
	loaded.torn = in.torn();
	return loaded;
}

} // namespace exitstat
