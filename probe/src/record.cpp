// SPDX-License-Identifier: GPL-2.0
#include "child.hpp"
#include "commands.hpp"
#include "printer.hpp"
#include "recording.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace exit_stats
{

namespace
{

void complain_of(const TornTail &torn, const std::string &path, const char *consequence)
{
	complain(fmt::format("{}: torn at offset {}, as a kill leaves it: {} byte{} {}", path,
			     torn.offset, torn.bytes, torn.bytes == 1 ? "" : "s", consequence));
}

} // namespace

int record(const Machine &machine, const std::string &path, std::chrono::nanoseconds interval,
	   const std::vector<std::string> &command)
{
	Reader &reader = machine.reader;
	// Details cost eight times what counts do: once a second is often enough.
	const auto rounds = std::max<std::int64_t>(1, std::chrono::seconds(1) / interval);
	const auto session = [&] {
		const std::uint64_t own_cycles =
			reader.own_cycles_per_exit(rounds == 1 ? Details::all : Details::none);
		return Session{std::chrono::system_clock::now(),
			       reader.info(),
			       machine.emulated,
			       own_cycles,
			       command,
			       {}};
	};
	const Signals signals;
	std::optional<Child> child;
	if (!command.empty())
		child.emplace(command, signals);

	Recorder recorder(path, session());
	if (recorder.torn())
		complain_of(*recorder.torn(), path, "cut off");
	Snapshot told;
	told.generation = reader.info().generation;
	const auto add = [&](Details details) {
		Snapshot now = reader.read(details);
		if (const std::string s = news(now, told); !s.empty())
			complain(s);
		while (now.generation != told.generation) {
			recorder.begin(session());
			told.generation = reader.info().generation;
			now = reader.read(Details::all);
		}
		told.counting = now.counting;
		recorder.add(now);
	};
	std::int64_t round = 0;
	const auto tick = [&] {
		add(++round % rounds ? Details::none : Details::all);
	};

	add(Details::all);
	int status = ok;
	if (child) {
		child->start();
		status = child->wait(signals, interval, tick);
	} else {
		auto next = std::chrono::steady_clock::now() + interval;
		while (!signals.wait(next)) {
			tick();
			next = std::max(next + interval, std::chrono::steady_clock::now());
		}
	}
	add(Details::all);
	return child ? exit_as(status) : status;
}

std::vector<Session> read_recording(const std::string &path)
{
	LoadedRecording loaded = load_recording(path);
	if (loaded.torn)
		complain_of(*loaded.torn, path, "left out");
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
			Report r{session.info,
				 without_own(difference(later, earlier), session.info.isa,
					     session.own_cycles_per_exit),
				 std::nullopt,
				 session.emulated,
				 period,
				 session.command};
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
			printer.expect(difference(samples.back(), samples.front()));
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
			all.snapshot.counting = was_counting(session);
			printer.page(all);
		}
	}
	printer.flush();
	return ok;
}

} // namespace exit_stats
