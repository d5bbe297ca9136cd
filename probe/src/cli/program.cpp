// SPDX-License-Identifier: GPL-2.0
#include "cli/program.hpp"

#include "cli/options.hpp"
#include "core/child.hpp"
#include "top/top.hpp"

#include <exception>

#include <unistd.h>

namespace exitstat
{

namespace
{

int perform(const Options &options, const Cpuid &cpuid, std::uint32_t tsc_step)
{
	const Display display =
		// Standard output is the command's.
		options.display(options.command.empty() ? STDOUT_FILENO : STDERR_FILENO);
	switch (options.task) {
	case Task::report:
		return show_recording(options.file, display);
	case Task::plot:
		return plot_recording(options.file, options.output);
	case Task::explain:
		return explain_reasons(cpuid, options.reason, display);
	case Task::diff:
		return diff(options.file, options.other_file, display);
	case Task::self_check:
		return self_check(cpuid, tsc_step, display);
	case Task::raw:
		return show_raw(cpuid, options.raw_ecx, options.cpus, display);
	default:
		break;
	}

	Reader reader(cpuid);
	const Machine machine{reader, emulated(cpuid, tsc_step)};
	switch (options.task) {
	case Task::top:
		return top(
			reader,
			{.seconds = std::chrono::duration<double>(options.interval.length).count(),
			 .sort = options.sort,
			 .cpus = options.cpus,
			 .cycles = options.cycles,
			 .emulated = machine.emulated});
	case Task::record:
		return record(machine, options.output, options.interval.length, options.command);
	case Task::hist:
		return show_histogram(machine, options.reason, options.command, display);
	case Task::run:
		return run_command(machine, options.command, options.runs, display);
	case Task::watch:
		return watch(machine, options.cpus, options.interval, display);
	default:
		return show(machine, options.cpus, display);
	}
}

} // namespace

int program(int argc, char **argv, const Cpuid &cpuid, std::uint32_t tsc_step)
{
	block_sigpipe();
	try {
		Options options;
		try {
			options.parse(argc, argv);
		} catch (const CLI::CallForHelp &) {
			Output(STDOUT_FILENO).write(options.help());
			return ok;
		} catch (const CLI::CallForVersion &e) {
			Output(STDOUT_FILENO).write(std::string(e.what()) + "\n");
			return ok;
		} catch (const CLI::ParseError &e) {
			complain(e.what());
			complain("try --help");
			return wrong_usage;
		}
		return perform(options, cpuid, tsc_step);
	} catch (const ClosedPipe &e) {
		// By the signal, as any filter ends; only now, as something may have been to be
		// tidied.
		unblock_sigpipe();
		complain(e.what());
		return failed;
	} catch (const Unavailable &e) {
		complain(e.what());
		return unavailable;
	} catch (const CannotRun &e) {
		complain(e.what());
		return e.status;
	} catch (const std::exception &e) {
		complain(e.what());
		return failed;
	}
}

} // namespace exitstat
