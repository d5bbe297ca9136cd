// SPDX-License-Identifier: GPL-2.0
#include "recording/frames.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <string_view>
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

enum Kind : std::uint8_t { session_frame = 1, sample_frame = 2 };

enum SessionFlags { session_emulated = 1 };

enum SampleFlags {
	sample_from_zero = 1,
	sample_away = 2,
	sample_histograms = 4,
	sample_not_counting = 8
};

// ---- Payloads ----------------------------------------------------------------------------------

/// What is wrong with a payload.
struct Damage {
	std::string what;
};

/// A payload that is being read.
class Payload
{
public:
	explicit Payload(std::string_view bytes) : rest(bytes)
	{
	}

	bool empty() const
	{
		return rest.empty();
	}

	std::string_view bytes(std::uint64_t n)
	{
		if (n > rest.size())
			throw Damage{"something in it is longer than all of it"};
		const std::string_view taken = rest.substr(0, n);
		rest.remove_prefix(n);
		return taken;
	}

	std::uint64_t number(std::uint64_t most = UINT64_MAX)
	{
		std::uint64_t n = 0;
		for (unsigned shift = 0;; shift += 7) {
			const auto byte = std::uint8_t(bytes(1)[0]);
			// The tenth byte has the 64th bit.
			if ((shift == 63 && byte > 1) || (shift && !byte))
				throw Damage{"a number in it is too long"};
			n |= std::uint64_t(byte & 0x7F) << shift;
			if (!(byte & 0x80))
				break;
		}
		if (n > most)
			throw Damage{fmt::format("it has {} where {} is the most", n, most)};
		return n;
	}

	std::uint32_t number32()
	{
		return std::uint32_t(number(UINT32_MAX));
	}

private:
	std::string_view rest;
};

// ---- Sessions ----------------------------------------------------------------------------------

std::string encode(const Session &session)
{
	using namespace std::chrono;
	const Info &info = session.info;
	std::string out;
	put(out, session_frame);
	put(out,
	    std::uint64_t(duration_cast<nanoseconds>(session.start.time_since_epoch()).count()));
	put(out, session.emulated ? session_emulated : 0);
	put(out, info.abi_version);
	put(out, info.views);
	put(out, std::uint32_t(info.isa));
	put(out, info.vcpus);
	put(out, info.tsc_khz);
	put(out, info.buckets);
	put(out, info.generation);
	put(out, session.own_cycles_per_exit);
	put(out, session.command.size());
	for (const std::string &argument : session.command) {
		put(out, argument.size());
		out += argument;
	}
	return out;
}

/// After the kind.
Session decode_session(Payload in)
{
	using namespace std::chrono;
	Session session{};
	session.start = system_clock::time_point(
		duration_cast<system_clock::duration>(nanoseconds(in.number(INT64_MAX))));
	session.emulated = in.number(session_emulated);
	session.info.abi_version = in.number32();
	session.info.views = in.number32();
	session.info.isa = Isa(in.number32());
	session.info.vcpus = in.number32();
	session.info.tsc_khz = in.number32();
	session.info.buckets = in.number32();
	session.info.generation = in.number();
	session.own_cycles_per_exit = in.number();
	for (std::uint64_t left = in.number(); left; left--)
		session.command.emplace_back(in.bytes(in.number()));
	if (!in.empty())
		throw Damage{"a session has a rest"};
	if (session.info.abi_version != abi_version)
		throw Damage{fmt::format("its counters have ABI version {}; this program reads {}",
					 session.info.abi_version, abi_version)};
	if (session.info.isa != Isa::vmx && session.info.isa != Isa::svm)
		throw Damage{fmt::format("its instruction set {} is unknown to this program",
					 std::uint32_t(session.info.isa))};
	return session;
}

// ---- Samples -----------------------------------------------------------------------------------

/// The counters of a reason, as of the last time that they were read.
struct Known : Count {
	std::uint64_t user_exits = 0;
	std::uint64_t elsewhere_cycles = 0; ///< away cycles less cycles
	Histogram histogram{};
};

/// The sum over reasons: too many of them for 64 bits are a mistake that must not go unseen.
struct Sum {
	unsigned __int128 exits = 0, cycles = 0;

	void add(const Count &count)
	{
		exits += count.exits;
		cycles += count.cycles;
	}

	void remove(const Count &count)
	{
		exits -= count.exits;
		cycles -= count.cycles;
	}
};

/// A session up to a sample.
struct State {
	explicit State(std::uint64_t generation)
	{
		last.generation = generation;
	}

	std::map<std::uint16_t, Known> reasons{};
	Sum sum{};
	Snapshot last{}; ///< without the reasons
	bool away = false, histograms = false;
};

/// What turns \p state into \p snapshot.
std::string encode(const State &state, const Snapshot &snapshot)
{
	const auto &reasons = snapshot.reasons;
	const bool from_zero = !std::ranges::all_of(
		state.reasons, [&](const auto &known) { return snapshot.find(known.first); });
	const bool away = std::ranges::any_of(
		reasons, [](const ReasonCount &r) { return r.user_exits || r.away_cycles; });
	const bool histograms = std::ranges::any_of(
		reasons, [](const ReasonCount &r) { return !r.histogram.empty(); });
	const State zero(0);
	const State &base = from_zero ? zero : state;

	Count more = snapshot.total;
	std::uint64_t count = 0;
	std::uint32_t smallest = 0;
	std::string listed;
	for (const ReasonCount &r : reasons) {
		more.exits -= r.exits;
		more.cycles -= r.cycles;

		const auto at = base.reasons.find(r.code);
		const bool is_new = at == base.reasons.end();
		const Known &known = is_new ? Known{} : at->second;
		std::string deltas;
		put(deltas, r.exits - known.exits);
		put(deltas, r.cycles - known.cycles);
		if (away) {
			put(deltas, r.user_exits - known.user_exits);
			put(deltas, r.away_cycles - r.cycles - known.elsewhere_cycles);
		}
		std::uint64_t changed = 0;
		std::string buckets;
		for (std::size_t i = 0; i < r.histogram.size() && i < 64; i++) {
			const std::uint64_t old =
				i < known.histogram.size() ? known.histogram[i] : 0;
			if (r.histogram[i] == old)
				continue;
			changed |= std::uint64_t(1) << i;
			put(buckets, r.histogram[i] - old);
		}
		if (histograms)
			put(deltas, changed);
		deltas += buckets;
		// Zeros all: as it was.
		if (!is_new && deltas.find_first_not_of('\0') == std::string::npos)
			continue;
		put(listed, r.code - smallest);
		listed += deltas;
		smallest = r.code + 1U;
		count++;
	}

	std::string out;
	put(out, sample_frame);
	put(out, (from_zero ? sample_from_zero : 0) | (away ? sample_away : 0) |
			 (histograms ? sample_histograms : 0) |
			 (snapshot.counting ? 0 : sample_not_counting));
	put(out, std::uint64_t(snapshot.time.count()) - std::uint64_t(state.last.time.count()));
	put(out, snapshot.ticks - state.last.ticks);
	put(out, snapshot.vcpus);
	put(out, more.exits);
	put(out, more.cycles);
	put(out, snapshot.own_exits - (from_zero ? 0 : state.last.own_exits));
	put(out, count);
	return out + listed;
}

void apply_reason(Payload &in, std::uint32_t buckets, State &state, std::uint16_t code)
{
	Known &known = state.reasons[code];
	state.sum.remove(known);
	known.exits += in.number();
	known.cycles += in.number();
	state.sum.add(known);
	if (state.away) {
		known.user_exits += in.number();
		known.elsewhere_cycles += in.number();
		if (known.elsewhere_cycles > UINT64_MAX - known.cycles)
			throw Damage{"time away does not fit 64 bits"};
	}
	if (!state.histograms)
		return;
	const std::uint64_t changed = in.number(UINT64_MAX >> (64 - buckets));
	known.histogram.resize(buckets);
	for (std::uint32_t i = 0; i < buckets; i++)
		if (changed >> i & 1)
			known.histogram[i] += in.number();
}

/// Turns the state before a sample into the one after it. The kind has been read.
void apply(Payload in, const Info &info, State &state)
{
	const std::uint64_t flags =
		in.number(sample_from_zero | sample_away | sample_histograms | sample_not_counting);
	Snapshot &last = state.last;
	if (flags & sample_from_zero) {
		state.reasons.clear();
		state.sum = {};
		last.own_exits = 0;
	}
	state.away = flags & sample_away;
	state.histograms = flags & sample_histograms;
	last.counting = !(flags & sample_not_counting);
	if (state.histograms && !has_histograms(info, Scope::vm))
		throw Damage{"a sample has histograms where there are none"};

	const auto most = std::uint64_t(INT64_MAX - last.time.count());
	last.time += std::chrono::nanoseconds(in.number(most));
	last.ticks += in.number();
	last.vcpus = in.number32();
	last.total.exits = in.number();
	last.total.cycles = in.number();
	last.own_exits += in.number();
	std::uint32_t smallest = 0;
	for (std::uint64_t left = in.number(); left; left--) {
		if (smallest > other_reason)
			throw Damage{"a sample has too many reasons"};
		const auto code = std::uint16_t(smallest + in.number(other_reason - smallest));
		apply_reason(in, info.buckets, state, code);
		smallest = code + 1U;
	}
	if (!in.empty())
		throw Damage{"a sample has a rest"};
	if (state.sum.exits > UINT64_MAX - last.total.exits ||
	    state.sum.cycles > UINT64_MAX - last.total.cycles)
		throw Damage{"a total does not fit 64 bits"};
	last.total.exits += std::uint64_t(state.sum.exits);
	last.total.cycles += std::uint64_t(state.sum.cycles);
}

Snapshot snapshot_of(const State &state, std::uint32_t buckets)
{
	Snapshot snapshot = state.last;
	for (const auto &[code, known] : state.reasons) {
		ReasonCount r{known, code};
		if (state.away) {
			r.user_exits = known.user_exits;
			r.away_cycles = known.cycles + known.elsewhere_cycles;
		}
		if (state.histograms) {
			r.histogram = known.histogram;
			r.histogram.resize(buckets);
		}
		snapshot.reasons.push_back(std::move(r));
	}
	return snapshot;
}

/// About what a sample with these reasons takes.
std::size_t memory_of(const State &state, std::uint32_t buckets)
{
	const std::size_t histogram = state.histograms ? buckets * sizeof(std::uint64_t) + 16 : 0;
	return sizeof(Snapshot) + state.reasons.size() * (sizeof(ReasonCount) + histogram);
}

// ---- Files -------------------------------------------------------------------------------------

/// Reads all of it, and shows what it reads: on_session(session), on_sample(info, state). Returns
/// whether there was anything.
template <class OnSession, class OnSample>
bool scan(FrameReader &in, const OnSession &on_session, const OnSample &on_sample)
{
	std::optional<Info> info;
	State state(0);
	while (const auto payload = in.next()) {
		const Payload rest(std::string_view(*payload).substr(1));
		try {
			if (payload->front() == session_frame) {
				Session session = decode_session(rest);
				info = session.info;
				state = State(session.info.generation);
				on_session(std::move(session));
			} else if (payload->front() == sample_frame && info) {
				apply(rest, *info, state);
				on_sample(*info, state);
			} else {
				throw Damage{"neither a session nor a sample of one"};
			}
		} catch (const Damage &damage) {
			in.refuse("damaged", damage.what);
		}
	}
	return info.has_value();
}

/// Throws std::invalid_argument if it cannot be read back.
std::string checked(const Session &header)
{
	const std::string payload = encode(header);
	try {
		decode_session(Payload(std::string_view(payload).substr(1)));
	} catch (const Damage &damage) {
		throw std::invalid_argument("cannot record such a session: " + damage.what);
	}
	return payload;
}

} // namespace

// ---- Writing -----------------------------------------------------------------------------------

struct Recorder::File {
	std::string path;
	int fd;
	std::uint64_t end = 0; ///< of what is whole
	std::optional<TornTail> torn{};
	Info info{};
	State state{0};

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
	file->info = header.info;
	file->state = State(header.info.generation);
}

const std::optional<TornTail> &Recorder::torn() const
{
	return file->torn;
}

void Recorder::add(const Snapshot &snapshot)
{
	const std::string payload = encode(file->state, snapshot);
	State next = file->state;
	try {
		apply(Payload(std::string_view(payload).substr(1)), file->info, next);
	} catch (const Damage &damage) {
		throw std::invalid_argument("cannot record such a sample: " + damage.what);
	}
	if (snapshot_of(next, file->info.buckets) != snapshot)
		throw std::invalid_argument("cannot record such a sample: it would be another one");
	file->append(frame(payload));
	file->state = std::move(next);
}

// ---- Reading -----------------------------------------------------------------------------------

std::string describe(const TornTail &torn, const std::string &path, std::string_view consequence)
{
	return fmt::format("{}: torn at offset {}, as a kill leaves it: {} byte{} {}", path,
			   torn.offset, torn.bytes, torn.bytes == 1 ? "" : "s", consequence);
}

Delta between(const Session &session, const Snapshot &later, const Snapshot &earlier)
{
	return without_own(difference(later, earlier), session.info.isa,
			   session.own_cycles_per_exit);
}

bool was_counting(const Session &session)
{
	return std::ranges::all_of(session.samples, &Snapshot::counting);
}

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
		[&](const Info &info, const State &state) {
			use(memory_of(state, info.buckets));
			loaded.sessions.back().samples.push_back(snapshot_of(state, info.buckets));
		});
	if (!any)
		in.refuse("truncated", "nothing was recorded");
	loaded.torn = in.torn();
	return loaded;
}

} // namespace exitstat
