// SPDX-License-Identifier: GPL-2.0
/// \file
/// What is in a recording, from its beginning to its end.
#pragma once

#include "recording/format.hpp"
#include "recording/frames.hpp"

#include <optional>
#include <utility>

namespace exitstat
{

/// Reads all of it, and shows what it reads: on_session(session), on_sample(snapshot). Returns
/// whether there was anything.
template <class OnSession, class OnSample>
bool scan(FrameReader &in, const OnSession &on_session, const OnSample &on_sample)
{
	std::optional<State> state;
	while (const auto payload = in.next()) {
		try {
			Content content = content_of(*payload);
			if (is_session(content)) {
				Session session = decode_session(std::move(content));
				state.emplace(session.info);
				on_session(std::move(session));
			} else if (is_sample(content) && state) {
				on_sample(state->decode(std::move(content)));
			} else {
				throw Damage{"neither a session nor a sample of one"};
			}
		} catch (const Damage &damage) {
			in.refuse("damaged", damage.what);
		}
	}
	return state.has_value();
}

} // namespace exitstat
