// SPDX-License-Identifier: GPL-2.0
#include "top/top.hpp"

#include "terminal/signals.hpp"
#include "terminal/terminal.hpp"
#include "terminal/terminfo.hpp"
#include "top/frame.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <stdexcept>

namespace exitstat
{

namespace
{

using namespace std::chrono_literals;

/// Reads when it is time, draws when something changed.
class Live
{
public:
	Live(Reader &reader, const TopOptions &options, Terminal &terminal,
	     const TopSignals &signals)
		: reader(reader), emulated(options.emulated), terminal(terminal), signals(signals),
		  model(reader.info().isa, 0), wanted(options.cpus)
	{
		state.sort = options.sort;
		state.seconds = TopState::limited(options.seconds);
		state.per_vcpu = !options.cpus.empty();
		state.cycles = options.cycles;
		state.vm = options.vm;
		generation = reader.info().generation;
	}

	/// The signal that ended it, 0 if the user did.
	int run()
	{
		begin();
		for (bool dirty = true;;) {
			std::optional<std::chrono::nanoseconds> timeout;
			if (!state.paused)
				timeout = next - Clock::now();
			// A terminal that takes no output is not waited for.
			if (signals.wait(timeout, dirty) && dirty) {
				const auto &[lines, scroll, page] = draw();
				state.scroll = scroll;
				state.page = page;
				dirty = false;
			}
			if (TopSignals::ending)
				return TopSignals::ending;
			if (TopSignals::stopping) {
				terminal.stop();
				TopSignals::stopping = 0;
				TopSignals::continued = 1;
			}
			if (TopSignals::continued) {
				TopSignals::continued = 0;
				terminal.reclaim();
				// Nobody wants to know the rates of the time in between.
				if (!state.paused)
					begin();
				dirty = true;
			}
			if (TopSignals::resized) {
				TopSignals::resized = 0;
				terminal.resize();
				dirty = true;
			}
			for (int key; (key = terminal.key()) >= 0;) {
				if (!press(key))
					return 0;
				dirty = true;
			}
			if (!state.paused && Clock::now() >= next) {
				read();
				dirty = true;
			}
		}
	}

private:
	using Clock = std::chrono::steady_clock;

	Reader &reader;
	const bool emulated;
	Terminal &terminal;
	const TopSignals &signals;
	TopModel model;
	TopState state{};
	std::uint64_t generation{};
	Clock::time_point last{}; ///< of the readings
	Clock::time_point next{};
	const std::vector<int> wanted; ///< CPUs; none: all that there are when they are read
	const CpuSet allowed = CpuSet::allowed();

	Details details() const
	{
		return state.per_vcpu ? Details::none : Details::all;
	}

	TopFrame draw()
	{
		model.sort(state.sort);
		TopFrame frame =
			top_frame(model, state, reader.info(), emulated, terminal.screen());
		terminal.draw(frame);
		return frame;
	}

	/// A new base. The first interval is short: who has asked wants to see something.
	void begin()
	{
		model.rebase();
		model.set_own_cycles(reader.own_cycles_per_exit(details()));
		read();
		next = last + std::min(interval(), Clock::duration(500ms));
	}

	Clock::duration interval() const
	{
		return std::chrono::duration_cast<Clock::duration>(
			std::chrono::duration<double>(state.seconds));
	}

	void read()
	{
		last = Clock::now();
		next = last + interval();
		state.message.clear();
		if (!state.per_vcpu) {
			add({{std::nullopt, reader.read(details())}});
			return;
		}
		std::vector<TopReading> readings;
		// Moving to and from each CPU leaves out those that were offline meanwhile.
		allowed.apply();
		for (const int cpu : wanted.empty() ? CpuSet::allowed().list() : wanted)
			try {
				readings.push_back({cpu, reader.read_cpu(cpu, details())});
			} catch (const BadAnswer &) {
				throw;
			} catch (const Unavailable &) {
				throw;
			} catch (const std::runtime_error &e) {
				state.message = e.what();
			}
		add(std::move(readings));
	}

	void add(std::vector<TopReading> readings)
	{
		for (const TopReading &reading : readings) {
			const Snapshot &now = reading.snapshot;
			if (now.generation != generation) {
				// Another host has another price.
				model.set_own_cycles(reader.own_cycles_per_exit(details()));
				state.news = std::string("Note: ") + OtherGeneration().what() + ".";
			}
			generation = now.generation;
		}
		model.add(std::move(readings));
	}

	/// Whether to go on.
	bool press(int key)
	{
		const double seconds = state.seconds;
		switch (state.press(key)) {
		case TopAction::quit:
			return false;
		case TopAction::restart:
			model.clear();
			begin();
			break;
		case TopAction::resume:
			begin();
			break;
		case TopAction::repaint:
			terminal.repaint();
			break;
		case TopAction::none:
			break;
		}
		if (state.seconds != seconds)
			next = last + interval();
		return true;
	}
};

} // namespace

int top(Reader &reader, const TopOptions &options)
{
	const std::string type = require_terminal();
	int signal;
	{
		const TopSignals signals;
		Terminal terminal(signals, type);
		signal = Live(reader, options, terminal, signals).run();
	}
	if (!signal)
		return 0;
	// The shell is to see which signal it was.
	std::raise(signal);
	return 128 + signal;
}

} // namespace exitstat
