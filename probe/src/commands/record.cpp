// SPDX-License-Identifier: GPL-2.0
#include "commands/commands.hpp"
#include "core/child.hpp"
#include "formats/printer.hpp"
#include "recording/recording.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace exitstat
{

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
		complain(describe(*recorder.torn(), path, "cut off"));
	Snapshot told;
	told.generation = reader.info().generation;
	std::uint32_t khz = reader.info().tsc_khz;
	const auto add = [&](Details details) {
		Snapshot now = reader.read(details);
		if (const std::string s = news(now, told); !s.empty())
			complain(s);
		// A session is of one generation, and has one length of a tick.
		while (now.generation != told.generation || reader.info().tsc_khz != khz) {
			recorder.begin(session());
			told.generation = reader.info().generation;
			khz = reader.info().tsc_khz;
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

} // namespace exitstat
