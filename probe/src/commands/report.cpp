// SPDX-License-Identifier: GPL-2.0
#include "commands/commands.hpp"
#include "formats/printer.hpp"
#include "recording/recording.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace exitstat
{

std::vector<Session> read_recording(const std::string &path)
{
	LoadedRecording loaded = load_recording(path);
	if (loaded.torn)
		complain(describe(*loaded.torn, path, "left out"));
	return std::move(loaded.sessions);
}

int show_recording(const std::string &path, const Display &display)
{
	const std::vector<Session> sessions = read_recording(path);
	Printer printer(display, false);
	for (const Session &session : sessions) {
		const bool anew = &session != &sessions.front() &&
				  session.info.generation != (&session)[-1].info.generation;
		const auto &samples = session.samples;
		const auto report = [&](const Snapshot &later, const Snapshot &earlier,
					Period period) {
			Report r{session.info, between(session, later, earlier),
				 std::nullopt, session.emulated,
				 period,       session.command};
			r.info.vcpus = later.vcpus;
			r.uptime = later.time;
			return r;
		};
		const auto has_details = [](const Snapshot &s) {
			return std::ranges::any_of(s.reasons, &ReasonCount::away_cycles);
		};

		printer.heading(fmt::format(
			"{:%Y-%m-%d %H:%M:%S} UTC{}{}, {} sample{}{}\n",
			fmt::gmtime(std::chrono::system_clock::to_time_t(session.start)),
			session.command.empty() ? "" : ", ", shell_words(session.command),
			samples.size(), samples.size() == 1 ? "" : "s",
			anew ? "; the counters had begun anew" : ""));
		if (!samples.empty())
			printer.expect(difference(samples.back(), samples.front()),
				       session.info.isa);
		for (std::size_t i = 1; i < samples.size(); i++)
			printer.line(report(samples[i], samples[i - 1], Period::interval));
		if (display.format != Format::table)
			continue;
		// A recorder that was killed has not read the details at the end, but maybe before.
		auto last = std::find_if(samples.rbegin(), samples.rend(), has_details);
		if (last == samples.rend() || &*last == &samples.front())
			last = samples.rbegin();
		if (samples.size() > 1) {
			Report all = report(*last, samples.front(), Period::recording);
			all.delta.counting = was_counting(session);
			printer.page(all);
		}
	}
	printer.flush();
	return ok;
}

} // namespace exitstat
