// SPDX-License-Identifier: GPL-2.0
#include "recording/format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

namespace exitstat
{

namespace
{

using nlohmann::json;

enum Kind : std::uint8_t { session_kind = 1, sample_kind = 2 };

constexpr std::uint64_t with_away = 1, with_histograms = 2, not_counting = 4, all_flags = 7;

constexpr std::size_t session_numbers = 11, head_numbers = 8;
constexpr std::size_t head_deltas = 2;	 ///< where they begin: after kind and flags
constexpr std::size_t reason_deltas = 1; ///< after the code
constexpr std::size_t most_rows = 1 + other_reason + 1, most_numbers = 5 + 64;

/// Takes what CBOR has, as the library finds it, and ends that where it is something else. So
/// nothing that somebody nests in arrays without end gets onto the library's stack.
class Collector : public json::json_sax_t
{
public:
	bool number_unsigned(json::number_unsigned_t n) override
	{
		if (depth != 2 || content.rows.back().size() == most_numbers)
			return false;
		content.rows.back().push_back(n);
		return true;
	}

	bool string(std::string &text) override
	{
		content.texts.push_back(std::move(text));
		return depth == 1;
	}

	bool start_array(std::size_t) override
	{
		if (++depth == 2)
			content.rows.emplace_back();
		return depth <= 2 && content.rows.size() <= most_rows;
	}

	bool end_array() override
	{
		depth--;
		return true;
	}

	bool null() override
	{
		return false;
	}

	bool boolean(bool) override
	{
		return false;
	}

	bool number_integer(json::number_integer_t) override
	{
		return false;
	}

	bool number_float(json::number_float_t, const std::string &) override
	{
		return false;
	}

	bool binary(json::binary_t &) override
	{
		return false;
	}

	bool start_object(std::size_t) override
	{
		return false;
	}

	bool key(std::string &) override
	{
		return false;
	}

	bool end_object() override
	{
		return false;
	}

	bool parse_error(std::size_t, const std::string &, const json::exception &) override
	{
		return false;
	}

	Content content{};

private:
	unsigned depth = 0;
};

std::string payload_of(const Content &content)
{
	json all = content.rows;
	for (const std::string &text : content.texts)
		all.push_back(text);
	std::string payload;
	json::to_cbor(all, payload);
	return payload;
}

bool is(const Content &content, Kind kind)
{
	return !content.rows.empty() && !content.rows[0].empty() && content.rows[0][0] == kind;
}

std::uint32_t number32(std::uint64_t n)
{
	if (n > UINT32_MAX)
		throw Damage{fmt::format("it has {} where 32 bits are the most", n)};
	return std::uint32_t(n);
}

/// Values become deltas against the last ones, which they are for the next.
void subtract(Row &row, Row &last, std::size_t from)
{
	last.resize(std::max(last.size(), row.size()));
	for (std::size_t i = from; i < row.size(); i++)
		row[i] -= std::exchange(last[i], row[i]);
	while (row.size() > from && !row.back())
		row.pop_back();
}

/// And back, of so many numbers.
void add(Row &row, Row &last, std::size_t from, std::size_t size)
{
	if (row.size() < from || row.size() > size)
		throw Damage{fmt::format("a row in it has {} numbers", row.size())};
	row.resize(size);
	last.resize(std::max(last.size(), size));
	for (std::size_t i = from; i < size; i++)
		row[i] = last[i] += row[i];
}

} // namespace

Content content_of(std::string_view payload)
{
	Collector collector;
	if (!json::sax_parse(payload, &collector, json::input_format_t::cbor))
		throw Damage{"it is not the CBOR of a session or a sample"};
	return std::move(collector.content);
}

bool is_session(const Content &content)
{
	return is(content, session_kind);
}

bool is_sample(const Content &content)
{
	return is(content, sample_kind);
}

// ---- Sessions ----------------------------------------------------------------------------------

std::string encode(const Session &session)
{
	using namespace std::chrono;
	const auto start = duration_cast<nanoseconds>(session.start.time_since_epoch()).count();
	const Info &info = session.info;
	return payload_of({{{session_kind, std::uint64_t(start), session.emulated, info.abi_version,
			     info.views, std::uint64_t(info.isa), info.vcpus, info.tsc_khz,
			     info.buckets, info.generation, session.own_cycles_per_exit}},
			   session.command});
}

Session decode_session(Content content)
{
	using namespace std::chrono;
	const Row &row = content.rows[0];
	if (content.rows.size() != 1 || row.size() != session_numbers || row[1] > INT64_MAX ||
	    row[2] > 1)
		throw Damage{"it is not the row of a session"};
	Session session{};
	session.start = system_clock::time_point(
		duration_cast<system_clock::duration>(nanoseconds(row[1])));
	session.emulated = row[2];
	session.info = {number32(row[3]),
			number32(row[4]),
			Isa(number32(row[5])),
			number32(row[6]),
			number32(row[7]),
			number32(row[8]),
			row[9]};
	session.own_cycles_per_exit = row[10];
	session.command = std::move(content.texts);
	if (session.info.abi_version != abi_version)
		throw Damage{fmt::format("its counters have ABI version {}; this program reads {}",
					 session.info.abi_version, abi_version)};
	if (session.info.isa != Isa::vmx && session.info.isa != Isa::svm)
		throw Damage{fmt::format("its instruction set {} is unknown to this program",
					 std::uint32_t(session.info.isa))};
	return session;
}

// ---- Samples -----------------------------------------------------------------------------------

std::string State::encode(const Snapshot &snapshot)
{
	const auto &reasons = snapshot.reasons;
	const bool away = std::ranges::any_of(
		reasons, [](const ReasonCount &r) { return r.user_exits || r.away_cycles; });
	const bool histograms = std::ranges::any_of(
		reasons, [](const ReasonCount &r) { return !r.histogram.empty(); });
	const std::uint64_t flags = (away ? with_away : 0) | (histograms ? with_histograms : 0) |
				    (snapshot.counting ? 0 : not_counting);
	Row head{sample_kind,
		 flags,
		 std::uint64_t(snapshot.time.count()),
		 snapshot.ticks,
		 snapshot.vcpus,
		 snapshot.own_exits,
		 snapshot.total.exits,
		 snapshot.total.cycles};
	subtract(head, last_head, head_deltas);
	Content content{{std::move(head)}};
	for (const ReasonCount &r : reasons) {
		Row row{r.code, r.exits, r.cycles};
		if (away || histograms) {
			row.push_back(r.user_exits);
			row.push_back(away ? r.away_cycles - r.cycles : 0);
			row.insert(row.end(), r.histogram.begin(), r.histogram.end());
		}
		subtract(row, last[r.code], reason_deltas);
		content.rows.push_back(std::move(row));
	}
	return payload_of(content);
}

Snapshot State::decode(Content content)
{
	const std::uint64_t before = last_head.empty() ? 0 : last_head[head_deltas];
	Row &head = content.rows[0];
	add(head, last_head, head_deltas, head_numbers);
	if (!content.texts.empty() || head[1] > all_flags)
		throw Damage{"it is not the row of a sample"};
	if (head[2] < before || head[2] > INT64_MAX)
		throw Damage{"its time is before that of the last sample"};
	const bool away = head[1] & with_away, histograms = head[1] & with_histograms;
	if (histograms && !has_histograms(info, Scope::vm))
		throw Damage{"it has histograms where there are none"};

	Snapshot snapshot{.time = std::chrono::nanoseconds(head[2]),
			  .vcpus = number32(head[4]),
			  .total = {head[6], head[7]},
			  .own_exits = head[5],
			  .ticks = head[3],
			  .generation = info.generation,
			  .counting = !(head[1] & not_counting)};
	const std::size_t size = histograms ? 5 + info.buckets : away ? 5 : 3;
	for (std::size_t i = 1; i < content.rows.size(); i++) {
		Row &row = content.rows[i];
		if (row.empty() || row[0] > other_reason)
			throw Damage{"a reason in it has no code"};
		add(row, last[std::uint16_t(row[0])], reason_deltas, size);
		ReasonCount &r = snapshot.reasons.emplace_back(
			ReasonCount{{row[1], row[2]}, std::uint16_t(row[0])});
		if (size > 3)
			r.user_exits = row[3];
		if (away)
			r.away_cycles = row[2] + row[4];
		if (histograms)
			r.histogram.assign(row.begin() + 5, row.end());
	}
	check(snapshot);
	return snapshot;
}

/// What every Reader makes holds of what a file says as well.
void State::check(const Snapshot &snapshot) const
{
	unsigned __int128 exits = 0, cycles = 0;
	bool away = false;
	for (const ReasonCount &r : snapshot.reasons) {
		exits += r.exits;
		cycles += r.cycles;
		away |= r.away_cycles != 0;
		if (&r != snapshot.reasons.data() && r.code <= (&r)[-1].code)
			throw Damage{"its reasons are out of order"};
	}
	if (exits > snapshot.total.exits || cycles > snapshot.total.cycles)
		throw Damage{"its total is below the sum over reasons"};
	for (const ReasonCount &r : snapshot.reasons)
		if (away && r.away_cycles < r.cycles)
			throw Damage{"it has time away that does not fit 64 bits"};
}

} // namespace exitstat
