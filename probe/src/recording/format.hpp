// SPDX-License-Identifier: GPL-2.0
/// \file
/// Sessions and samples as payloads of frames, and back. The format is described in recording.hpp.
#pragma once

#include "recording/recording.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace exitstat
{

/// What is wrong with a payload.
struct Damage {
	std::string what;
};

using Row = std::vector<std::uint64_t>;

/// What a payload has.
struct Content {
	std::vector<Row> rows{};
	std::vector<std::string> texts{};
};

/// Throws Damage if the payload has anything else in it.
Content content_of(std::string_view payload);

bool is_session(const Content &content);
bool is_sample(const Content &content);

/// A payload. The samples are not in it.
std::string encode(const Session &session);

/// Throws Damage, as does all that follows.
Session decode_session(Content content);

/// What the deltas of a session's next sample are against.
class State
{
public:
	explicit State(const Info &info) : info(info)
	{
	}

	/// A payload, and the state is that after it.
	std::string encode(const Snapshot &snapshot);

	/// The same for a sample that is read.
	Snapshot decode(Content content);

private:
	Info info;
	Row last_head{};
	std::map<std::uint16_t, Row> last{}; ///< by reason

	void check(const Snapshot &snapshot) const;
};

} // namespace exitstat
