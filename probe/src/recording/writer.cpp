// SPDX-License-Identifier: GPL-2.0
#include "recording/reader.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace exitstat
{

namespace
{

/// Throws std::invalid_argument if it cannot be read back.
std::string checked(const Session &header)
{
	std::string payload = encode(header);
	try {
		decode_session(content_of(payload));
	} catch (const Damage &damage) {
		throw std::invalid_argument("cannot record such a session: " + damage.what);
	}
	return payload;
}

} // namespace

struct Recorder::File {
	std::string path;
	int fd;
	std::uint64_t end = 0; ///< of what is whole
	std::optional<TornTail> torn{};
	std::optional<State> state{};

	explicit File(const std::string &path)
		: path(path), fd(open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666))
	{
		if (fd < 0)
			throw std::system_error(errno, std::generic_category(),
						"cannot record to " + path);
	}

	~File()
	{
		close(fd);
	}

	File(const File &) = delete;
	File &operator=(const File &) = delete;

	/// Makes sure that it is ours alone, and a recording or empty, and cuts off a torn tail.
	void claim()
	{
		struct stat about;
		if (fstat(fd, &about) || !S_ISREG(about.st_mode))
			throw std::runtime_error("cannot record to " + path +
						 ": not a regular file");
		// A tiny kernel has no locks.
		if (flock(fd, LOCK_EX | LOCK_NB) && errno != ENOSYS) {
			if (errno == EWOULDBLOCK)
				throw std::runtime_error("cannot record to " + path +
							 ": somebody else is recording to it");
			throw std::system_error(errno, std::generic_category(),
						"cannot lock " + path);
		}
		// Before the lock somebody else may have written to it.
		if (fstat(fd, &about))
			throw std::system_error(errno, std::generic_category(),
						"cannot record to " + path);
		if (!about.st_size)
			return;
		FrameReader in(path, dup(fd));
		const auto ignore = [](const auto &...) {
		};
		scan(in, ignore, ignore);
		end = in.size();
		torn = in.torn();
		if (torn && ftruncate(fd, off_t(end)))
			throw std::system_error(errno, std::generic_category(),
						"cannot cut the torn end off " + path);
	}

	/// One write(), so that nothing comes between the first byte and the last. What is written
	/// in part is taken back.
	void append(std::string_view bytes)
	{
		// Writing beyond it would send SIGXFSZ, which kills.
		rlimit limit{};
		if (!getrlimit(RLIMIT_FSIZE, &limit) && end + bytes.size() > limit.rlim_cur)
			cannot_append(EFBIG);
		std::size_t done = 0;
		while (done < bytes.size()) {
			const ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
			if (n > 0)
				done += std::size_t(n);
			else if (n == 0 || errno != EINTR)
				cannot_append(n ? errno : ENOSPC);
		}
		end += done;
	}

	[[noreturn]] void cannot_append(int error)
	{
		std::string what = fmt::format("cannot record more to {}, which is good up to its "
					       "end, offset {}",
					       path, end);
		if (ftruncate(fd, off_t(end)))
			what = fmt::format("cannot record more to {}, which is good up to offset "
					   "{} and damaged there",
					   path, end);
		throw std::system_error(error, std::generic_category(), what);
	}
};

Recorder::Recorder(const std::string &path, const Session &header)
{
	checked(header); // before there is a file
	file = std::make_unique<File>(path);
	file->claim();
	begin(header);
}

Recorder::~Recorder() = default;

void Recorder::begin(const Session &header)
{
	const std::string payload = checked(header);
	file->append((file->end ? "" : std::string(magic)) + frame(payload));
	file->state.emplace(header.info);
}

const std::optional<TornTail> &Recorder::torn() const
{
	return file->torn;
}

void Recorder::add(const Snapshot &snapshot)
{
	State next = *file->state, reader = next;
	const std::string payload = next.encode(snapshot);
	try {
		if (reader.decode(content_of(payload)) != snapshot)
			throw Damage{"it would be another one"};
	} catch (const Damage &damage) {
		throw std::invalid_argument("cannot record such a sample: " + damage.what);
	}
	file->append(frame(payload));
	file->state = std::move(next);
}

} // namespace exitstat
