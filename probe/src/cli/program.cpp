// SPDX-License-Identifier: GPL-2.0
/// \file
/// The command line: what was asked for, and whether it makes sense.
#include "cli/program.hpp"

#include "commands/commands.hpp"
#include "core/child.hpp"
#include "plot/plot.hpp"
#include "reasons/explain.hpp"
#include "recording/recording.hpp"
#include "top/top.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <map>
#include <string>
#include <string_view>

#include <unistd.h>

namespace exitstat
{

namespace
{

constexpr const char *description =
	"Show how often the hypervisor interrupted this virtual machine (VM-Exits), why,\n"
	"and how many cycles of the host's TSC it took to handle that.\n"
	"\n"
	"  exitstat                      one report, since the VM started\n"
	"  exitstat INTERVAL [COUNT]     a line each INTERVAL seconds\n"
	"  exitstat -- COMMAND ...       what happens while COMMAND runs\n";

constexpr const char *notes =
	"The hypervisor must be a KVM with exit_stats. Its counts begin with the VM, or\n"
	"where it was restored or migrated to, and are never reset. VM-Exits that\n"
	"exitstat causes itself are left out of all but the counts since the VM started.\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage, 3 no exit statistics here; with\n"
	"COMMAND that of COMMAND, 126 if it is not executable, 127 if not found.\n"
	"See exitstat(1) for all of it.";

const std::map<std::string, Sort> sort_keys{{"exits", Sort::exits},
					    {"cycles", Sort::cycles},
					    {"cost", Sort::cost},
					    {"name", Sort::name},
					    {"code", Sort::code}};

/// The CPUs that --vcpu names; empty text is the CPU we are on.
std::vector<int> parse_cpus(const std::string &text)
{
	if (text.empty())
		return {sched_getcpu()};
	if (text == "all")
		return CpuSet::allowed().list();
	int cpu;
	if (!CLI::detail::lexical_cast(text, cpu) || cpu < 0)
		throw CLI::ValidationError("--vcpu", "expected a CPU number or all, not " + text);
	return {cpu};
}

std::chrono::nanoseconds parse_interval(const std::string &text)
{
	double seconds;
	if (!CLI::detail::lexical_cast(text, seconds) || !(seconds >= 0.001 && seconds <= 1e6))
		throw CLI::ValidationError(text + " is neither an interval (0.001 to 1000000 "
						  "seconds) nor something that exitstat can do");
	return std::chrono::nanoseconds(std::llround(seconds * 1e9));
}

std::uint64_t parse_count(const std::string &text)
{
	std::uint64_t count;
	if (text.starts_with('-') || !CLI::detail::lexical_cast(text, count) || !count)
		throw CLI::ValidationError("COUNT must be a number of reports from 1 up, not " +
					   text);
	return count;
}

class Program
{
public:
	Program(const Cpuid &cpuid, std::uint32_t tsc_step) : cpuid(cpuid), tsc_step(tsc_step)
	{
	}

	int run(int argc, char **argv);

private:
	const Cpuid &cpuid;
	const std::uint32_t tsc_step;
	CLI::App app{description, "exitstat"};
	bool json = false, csv = false, prometheus = false, openmetrics = false;
	bool buckets = false;
	bool no_header = false, no_first = false, check = false;
	std::string sort_key = "exits", vcpu, output, interval, count;
	std::uint32_t raw_ecx = 0;
	std::string file, other_file;
	std::vector<std::string> reason_words;
	CLI::Option *one_cpu = nullptr, *raw = nullptr;
	CLI::App *top_cmd = nullptr, *record_cmd = nullptr, *report_cmd = nullptr,
		 *plot_cmd = nullptr, *explain_cmd = nullptr, *diff_cmd = nullptr;

	void define();
	void check_options(const std::string &doing, std::initializer_list<const char *> allowed);
	int dispatch(const std::vector<std::string> &command, bool has_command);
	Display display(int fd);
};

void Program::define()
{
	app.footer(notes);
	app.set_version_flag("--version", "exitstat " EXITSTAT_VERSION);
	app.get_formatter()->column_width(18);
	app.add_option("INTERVAL", interval, "Seconds from one report to the next")
		->option_text(" ");
	app.add_option("COUNT", count, "Reports to show; for ever by default")->option_text(" ");
	app.add_flag("--json", json, "One JSON object a line")->option_text(" ");
	app.add_flag("--csv", csv, "Comma-separated values, one line a reason")->option_text(" ");
	app.add_flag("--prometheus", prometheus, "For Prometheus' node exporter")->option_text(" ");
	app.add_flag("--openmetrics", openmetrics, "OpenMetrics 1.0")->option_text(" ");
	app.add_flag("--buckets", buckets, "With metrics, histograms as well")->option_text(" ");
	raw = app.add_option("--raw", raw_ecx,
			     "The registers that CPUID answered to the reading, or\n"
			     "answers to this input ECX")
		      ->option_text("[ECX]")
		      ->expected(0, 1);
	app.add_option("-o,--output", output,
		       "Write to this file, which is there whole or not at all")
		->option_text("FILE");
	app.add_option("--sort", sort_key,
		       "Order of the rows: exits (the default), cycles,\n"
		       "cost (cycles per exit), name or code")
		->option_text("KEY")
		->check(CLI::IsMember(sort_keys));
	one_cpu = app.add_option("--vcpu", vcpu,
				 "Only the vCPU that is guest CPU N (by default the\n"
				 "current one), or all of them one by one")
			  ->option_text("[N|all]")
			  ->expected(0, 1);
	app.add_flag("--no-header", no_header, "Rows only, without headings and notes")
		->option_text(" ");
	app.add_flag("--no-first", no_first, "With INTERVAL, without the one since the VM started")
		->option_text(" ");
	app.add_flag("--self-check", check,
		     "Check what the hypervisor answers, and show the cost\n"
		     "of a reading")
		->option_text(" ");
	app.require_subcommand(0, 1);
	app.fallthrough();

	top_cmd = app.add_subcommand("top", "Live view on the whole screen");
	top_cmd->add_option("INTERVAL", interval, "Seconds from one view to the next (default: 1)")
		->option_text(" ");
	record_cmd = app.add_subcommand("record",
					"Write a recording to -o FILE, while a -- COMMAND runs");
	record_cmd
		->add_option("-i,--interval", interval,
			     "Seconds from one sample to the next (default: 1)")
		->option_text("SECONDS");
	report_cmd = app.add_subcommand("report", "Show a recording");
	report_cmd->add_option("FILE", file, "A recording")->required()->option_text(" ");
	plot_cmd = app.add_subcommand("plot", "Plot a recording to -o FILE.svg or FILE.png");
	plot_cmd->add_option("FILE", file, "A recording")->required()->option_text(" ");
	explain_cmd = app.add_subcommand("explain", "What an exit reason means, and what to do");
	explain_cmd->add_option("REASON", reason_words, "A name or a number; by default those seen")
		->option_text(" ");
	diff_cmd = app.add_subcommand("diff", "How two reports differ: JSON, or recordings");
	diff_cmd->add_option("A", file, "The one")->required()->option_text(" ");
	diff_cmd->add_option("B", other_file, "The other")->required()->option_text(" ");
}

Display Program::display(int fd)
{
	Display display;
	if (json)
		display.format = Format::json;
	if (csv)
		display.format = Format::csv;
	if (prometheus)
		display.format = Format::prometheus;
	if (openmetrics)
		display.format = Format::openmetrics;
	display.buckets = buckets;
	display.sort = sort_keys.at(sort_key);
	display.output = output.empty() ? Output(fd) : Output(output);
	display.style = style_of(output.empty() ? fd : -1);
	display.style.header = !no_header;
	return display;
}

/// An option that would change nothing is a mistake.
void Program::check_options(const std::string &doing, std::initializer_list<const char *> allowed)
{
	for (const CLI::Option *option : app.get_options()) {
		const std::string name = option->get_name();
		if (option->count() && name.starts_with('-') &&
		    std::ranges::find(allowed, name) == allowed.end())
			throw CLI::ValidationError(
				fmt::format("{} does not go with {}", name, doing));
	}
	if (json + csv + prometheus + openmetrics + bool(*raw) > 1)
		throw CLI::ValidationError("only one of --json, --csv, --prometheus, "
					   "--openmetrics and --raw");
	if (buckets && !prometheus && !openmetrics)
		throw CLI::ValidationError("--buckets is for --prometheus and --openmetrics");
}

int Program::dispatch(const std::vector<std::string> &command, bool has_command)
{
	if (has_command && command.empty())
		throw CLI::ValidationError("a command must follow --");
	const auto *subcommand = app.get_subcommands().empty() ? nullptr : app.get_subcommands()[0];
	if (has_command && subcommand && subcommand != record_cmd)
		throw CLI::ValidationError("a command does not go with " + subcommand->get_name());

	if (explain_cmd->parsed()) {
		check_options("explain", {"--output", "--sort"});
		std::string what;
		for (const std::string &word : reason_words)
			what += (what.empty() ? "" : " ") + word;
		return explain_reasons(cpuid, what, display(STDOUT_FILENO));
	}
	if (report_cmd->parsed()) {
		check_options("report", {"--json", "--csv", "--output", "--sort", "--no-header"});
		return show_recording(file, display(STDOUT_FILENO));
	}
	if (plot_cmd->parsed()) {
		check_options("plot", {"--output"});
		if (output.empty())
			throw CLI::RequiredError("-o FILE");
		try {
			picture_named(output);
		} catch (const std::invalid_argument &e) {
			throw CLI::ValidationError(e.what());
		}
		const auto sessions = read_recording(file);
		if (sessions.empty())
			throw std::runtime_error(file + ": has no samples");
		plot(sessions.back(), output);
		return ok;
	}
	if (diff_cmd->parsed()) {
		check_options("diff", {"--output", "--no-header"});
		return diff(file, other_file, display(STDOUT_FILENO));
	}

	if (check) {
		check_options("--self-check", {"--self-check", "--output"});
		return self_check(cpuid, tsc_step, display(STDOUT_FILENO));
	}
	std::vector<int> cpus;
	if (*one_cpu)
		cpus = parse_cpus(vcpu);
	if (*raw) {
		check_options("--raw", {"--raw", "--vcpu", "--output", "--no-header"});
		if (has_command || !interval.empty())
			throw CLI::ValidationError("--raw does not go with INTERVAL or a command");
		std::optional<std::uint32_t> ecx;
		if (!raw->results().empty() && !raw->results().front().empty())
			ecx = raw_ecx;
		return show_raw(cpuid, ecx, cpus, display(STDOUT_FILENO));
	}

	Interval times{std::chrono::seconds(1)};
	if (!interval.empty())
		times.length = parse_interval(interval);
	if (!count.empty())
		times.count = parse_count(count);
	times.first = !no_first;

	if (top_cmd->parsed()) {
		check_options("top", {"--sort", "--vcpu"});
	} else if (record_cmd->parsed()) {
		check_options("record", {"--output"});
		if (output.empty())
			throw CLI::RequiredError("-o FILE");
	} else if (has_command) {
		check_options("a command",
			      {"--json", "--csv", "--output", "--sort", "--no-header"});
		if (!interval.empty())
			throw CLI::ValidationError("an INTERVAL does not go with a command; see "
						   "exitstat record");
	} else if (!interval.empty()) {
		check_options("INTERVAL",
			      {"--json", "--csv", "--prometheus", "--openmetrics", "--buckets",
			       "--output", "--sort", "--vcpu", "--no-header", "--no-first"});
		const bool metrics = prometheus || openmetrics;
		if (metrics && output.empty())
			throw CLI::ValidationError("--prometheus and --openmetrics with INTERVAL "
						   "need -o FILE, which is replaced each time");
		if (!metrics && !output.empty())
			throw CLI::ValidationError("-o with INTERVAL is for --prometheus and "
						   "--openmetrics; to keep all of them, use "
						   "exitstat record");
	} else {
		check_options("a report without INTERVAL",
			      {"--json", "--csv", "--prometheus", "--openmetrics", "--buckets",
			       "--output", "--sort", "--vcpu", "--no-header"});
	}

	Reader reader(cpuid);
	const Machine machine{reader, emulated(cpuid, tsc_step)};
	if (top_cmd->parsed())
		return top(reader, {.seconds = std::chrono::duration<double>(times.length).count(),
				    .sort = sort_keys.at(sort_key),
				    .cpus = cpus,
				    .emulated = machine.emulated});
	if (record_cmd->parsed())
		return record(machine, output, times.length, command);
	if (has_command) // whose is standard output
		return run_command(machine, command, display(STDERR_FILENO));
	if (!interval.empty())
		return watch(machine, cpus, times, display(STDOUT_FILENO));
	return show(machine, cpus, display(STDOUT_FILENO));
}

int Program::run(int argc, char **argv)
{
	// What follows "--" is the command's, whatever it looks like.
	char **const end = argv + argc;
	char **const dashes = std::find(argv, end, std::string_view("--"));
	const bool has_command = dashes != end;
	const std::vector<std::string> command(has_command ? dashes + 1 : end, end);

	define();
	try {
		app.parse(int(dashes - argv), argv);
		return dispatch(command, has_command);
	} catch (const CLI::CallForHelp &) {
		const auto subcommands = app.get_subcommands();
		Output(STDOUT_FILENO)
			.write(subcommands.empty() ? app.help() : subcommands[0]->help("exitstat"));
		return ok;
	} catch (const CLI::CallForVersion &e) {
		Output(STDOUT_FILENO).write(std::string(e.what()) + "\n");
		return ok;
	} catch (const CLI::ParseError &e) {
		complain(e.what());
		complain("try --help");
		return wrong_usage;
	}
}

} // namespace

int program(int argc, char **argv, const Cpuid &cpuid, std::uint32_t tsc_step)
{
	block_sigpipe();
	try {
		return Program(cpuid, tsc_step).run(argc, argv);
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
