// SPDX-License-Identifier: GPL-2.0
#include "cli/program.hpp"

#include "cli/options.hpp"
#include "core/child.hpp"
#include "host/table.hpp"
#include "top/top.hpp"

#include <deque>
#include <exception>

#include <unistd.h>

namespace exitstat
{

namespace
{

/// What is read with a Reader.
int perform_on(const Machine &machine, const Options &options, const Display &display)
{
	switch (options.task) {
	case Task::top:
		return top(
			machine.reader,
			{.seconds = std::chrono::duration<double>(options.interval.length).count(),
			 .sort = options.sort,
			 .cpus = options.cpus,
			 .cycles = options.cycles,
			 .emulated = machine.emulated,
			 .vm = machine.vm});
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

int perform_on_host(const Options &options, bool emulated, const Display &display)
{
	const std::vector<HostVm> vms = host_vms(options.vm);
	if (vms.size() > 1 && options.task != Task::show) {
		std::string all;
		for (const HostVm &vm : vms)
			all += (all.empty() ? "" : ", ") + vm.title();
		throw Unavailable("several virtual machines run on this host, of which --host must "
				  "name one: " +
				  all);
	}
	const std::uint32_t tsc_khz = measured_tsc_khz();
	std::deque<Reader> readers; // which stay where they are
	std::vector<Machine> machines;
	for (const HostVm &vm : vms) {
		readers.emplace_back(table_cpuid(vm, tsc_khz), age_of(vm), Whose::another);
		machines.push_back({readers.back(), emulated, vm.title()});
	}
	return options.task == Task::show ? show_each(machines, display)
					  : perform_on(machines.front(), options, display);
}

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

	if (options.of_host)
		return perform_on_host(options, emulated(cpuid, tsc_step), display);
	Reader reader(cpuid);
	return perform_on({reader, emulated(cpuid, tsc_step)}, options, display);
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
