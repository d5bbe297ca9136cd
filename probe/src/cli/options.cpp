// SPDX-License-Identifier: GPL-2.0
#include "cli/options.hpp"

#include "plot/plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>

namespace exitstat
{

namespace
{

constexpr const char *description =
	"Show how often the hypervisor interrupted this virtual machine (VM-Exits), why,\n"
	"and how much time that took.\n"
	"\n"
	"  exitstat                      one report, since the counters began\n"
	"  exitstat INTERVAL [COUNT]     a line each INTERVAL seconds\n"
	"  exitstat -- COMMAND ...       what happens while COMMAND runs\n";

constexpr const char *notes =
	"The hypervisor must be a KVM with exit_stats. Its counters begin with the VM, or\n"
	"where it was restored or migrated to, and are never reset. VM-Exits that\n"
	"exitstat causes itself are left out of all but the counts since they began.\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage, 3 no exit statistics here; with\n"
	"COMMAND that of COMMAND, 126 if it is not executable, 127 if not found.\n"
	"exitstat SUBCOMMAND --help tells its options, exitstat(1) all of it.";

const std::map<std::string, Sort> sort_keys{{"exits", Sort::exits},   {"time", Sort::cycles},
					    {"cycles", Sort::cycles}, {"away", Sort::away},
					    {"cost", Sort::cost},     {"name", Sort::name},
					    {"code", Sort::code}};

int parse_cpu(const std::string &text, const std::string &list)
{
	int cpu;
	if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos ||
	    !CLI::detail::lexical_cast(text, cpu) || cpu >= CpuSet::limit)
		throw CLI::ValidationError("--vcpu",
					   "expected CPU numbers, as 0-3,8, or all, not " + list);
	return cpu;
}

/// "0-3,8", "all".
std::vector<int> parse_cpus(const std::string &list)
{
	if (list == "all")
		return CpuSet::allowed().list();
	std::vector<int> cpus;
	for (const std::string &part : CLI::detail::split(list, ',')) {
		const std::size_t dash = part.find('-');
		const int first = parse_cpu(part.substr(0, dash), list);
		const int last =
			dash == std::string::npos ? first : parse_cpu(part.substr(dash + 1), list);
		if (last < first)
			parse_cpu("", list);
		for (int cpu = first; cpu <= last; cpu++)
			cpus.push_back(cpu);
	}
	std::ranges::sort(cpus);
	cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
	return cpus;
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

} // namespace

Options::Options() : app(description, "exitstat")
{
	app.footer(notes);
	app.set_version_flag("--version", "exitstat " EXITSTAT_VERSION);
	app.get_formatter()->column_width(18);
	app.require_subcommand(0, 1);
	define_main();
	define_subcommands();
}

void Options::add_formats(CLI::App &to)
{
	to.add_flag("--json", json, "One JSON object a line")->option_text(" ");
	to.add_flag("--csv", csv, "Comma-separated values, one line a reason")->option_text(" ");
}

void Options::add_output(CLI::App &to, const char *help)
{
	to.add_option("-o,--output", output, help)->option_text("FILE");
}

void Options::add_sort(CLI::App &to)
{
	to.add_option("--sort", sort_key,
		      "Order of the rows: exits (the default), time, away,\n"
		      "cost (time per exit), name or code")
		->option_text("KEY")
		->check(CLI::IsMember(sort_keys));
}

void Options::add_table(CLI::App &to)
{
	const auto add_choice = [&](const char *name, std::vector<std::string> &names,
				    const char *help) {
		to.add_option(name, names, help)
			->option_text("REASONS")
			->delimiter(',')
			->allow_extra_args(false);
	};
	to.add_flag("-x,--all-columns", all_columns, "All columns; a table each interval")
		->option_text(" ");
	to.add_flag("-a,--all-rows", all_rows, "Also reasons with less than 0.1% of all")
		->option_text(" ");
	add_choice("--reason", choice.only, "Only these, as HLT,IO_INSTRUCTION");
	add_choice("--exclude", choice.except, "All but these");
	to.add_flag("--no-header", no_header, "Rows only, without headings and notes")
		->option_text(" ");
}

void Options::add_vcpu(CLI::App &to)
{
	vcpu = to.add_option("--vcpu", cpu_list,
			     "Only the vCPUs that are these CPUs of the guest, one\n"
			     "by one: 0-3,8, or all")
		       ->option_text("LIST");
}

void Options::add_cycles(CLI::App &to)
{
	to.add_flag("--cycles", cycles, "Ticks of the host's TSC instead of time")
		->option_text(" ");
}

CLI::Option *Options::add_host(CLI::App &to)
{
	return to
		.add_option("--host", vm,
			    "On the host: its virtual machines, or the one of this\n"
			    "name or pid")
		->option_text("[VM]")
		->expected(0, 1);
}

void Options::define_main()
{
	app.add_option("INTERVAL", seconds, "Seconds from one report to the next")
		->option_text(" ");
	app.add_option("COUNT", count, "Reports to show; for ever by default")->option_text(" ");
	add_table(app);
	add_sort(app);
	add_cycles(app);
	app.add_flag("-t,--timestamp", clock, "With INTERVAL, the time of day")->option_text(" ");
	app.add_flag("--no-first", no_first, "With INTERVAL, without the one since the start")
		->option_text(" ");
	app.add_option("-r,--repeat", runs, "Run COMMAND N times: mean and standard deviation")
		->option_text("N")
		->check(CLI::Range(1U, 1'000'000U));
	add_vcpu(app);
	host = add_host(app);
	add_formats(app);
	app.add_flag("--prometheus", prometheus, "For Prometheus' node exporter")->option_text(" ");
	app.add_flag("--openmetrics", openmetrics, "OpenMetrics 1.0")->option_text(" ");
	app.add_flag("--buckets", buckets, "With metrics, histograms as well")->option_text(" ");
	add_output(app, "Write to this file, which is there whole or not at all");
	raw = app.add_option("--raw", raw_input,
			     "The registers that CPUID answered to the reading, or\n"
			     "answers to this input ECX")
		      ->option_text("[ECX]")
		      ->expected(0, 1);
	app.add_flag("--self-check", check_leaf,
		     "Check what the hypervisor answers, and show the cost\n"
		     "of a reading")
		->option_text(" ");
}

void Options::define_subcommands()
{
	const auto subcommand = [this](const char *name, const char *help) {
		CLI::App *added = app.add_subcommand(name, help);
		added->get_formatter()->column_width(18);
		return added;
	};
	const auto add_file = [](CLI::App &to, const char *name, std::string &path,
				 const char *help) {
		to.add_option(name, path, help)->required()->option_text(" ");
	};
	CLI::Option *const main_vcpu = vcpu;

	top = subcommand("top", "Live view on the whole screen");
	top->add_option("INTERVAL", seconds, "Seconds from one view to the next (default: 1)")
		->option_text(" ");
	add_sort(*top);
	add_cycles(*top);
	add_vcpu(*top);
	top_host = add_host(*top);
	vcpu = main_vcpu;

	record = subcommand("record", "Write a recording to -o FILE, while a -- COMMAND runs");
	record->add_option("-i,--interval", seconds,
			   "Seconds from one sample to the next (default: 1)")
		->option_text("SECONDS");
	add_output(*record, "The recording, to which it is appended");
	report = subcommand("report", "Show a recording");
	add_file(*report, "FILE", file, "A recording");
	add_table(*report);
	add_sort(*report);
	add_cycles(*report);
	add_formats(*report);
	add_output(*report, "Write to this file");
	plot = subcommand("plot", "Plot a recording to -o FILE.svg or FILE.png");
	add_file(*plot, "FILE", file, "A recording");
	add_output(*plot, "The picture");
	hist = subcommand("hist", "How long a reason's VM-Exits took, while a -- COMMAND runs");
	hist->add_option("REASON", words, "A name or a number")->required()->option_text(" ");
	add_cycles(*hist);
	add_output(*hist, "Write to this file");
	explain = subcommand("explain", "What an exit reason means, and what to do");
	explain->add_option("REASON", words, "A name or a number; by default those seen")
		->option_text(" ");
	add_sort(*explain);
	add_output(*explain, "Write to this file");
	diff = subcommand("diff", "How two reports differ: JSON, or recordings");
	add_file(*diff, "A", file, "The one");
	add_file(*diff, "B", other_file, "The other");
	diff->add_flag("--no-header", no_header, "Rows only, without headings and notes")
		->option_text(" ");
	add_output(*diff, "Write to this file");
}

void Options::allow(const std::string &doing, std::initializer_list<const char *> allowed) const
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
	if (buckets && !metrics())
		throw CLI::ValidationError("--buckets is for --prometheus and --openmetrics");
}

Task Options::task_of(bool has_command) const
{
	const std::pair<const CLI::App *, Task> subcommands[] = {
		{top, Task::top},   {record, Task::record}, {report, Task::report},
		{plot, Task::plot}, {hist, Task::hist},	    {explain, Task::explain},
		{diff, Task::diff},
	};
	for (const auto &[subcommand, task] : subcommands)
		if (subcommand->parsed()) {
			if (has_command && task != Task::record && task != Task::hist)
				throw CLI::ValidationError("a command does not go with " +
							   subcommand->get_name());
			return task;
		}
	if (check_leaf)
		return Task::self_check;
	if (*raw)
		return Task::raw;
	if (has_command)
		return Task::run;
	return seconds.empty() ? Task::show : Task::watch;
}

void Options::validate(bool has_command)
{
	if (has_command && command.empty())
		throw CLI::ValidationError("a command must follow --");
	try {
		check(choice);
	} catch (const UnknownReason &e) {
		throw CLI::ValidationError(e.what());
	}
	task = task_of(has_command);
	switch (task) {
	case Task::show:
		allow("a report without INTERVAL",
		      {"--json", "--csv", "--prometheus", "--openmetrics", "--buckets", "--output",
		       "--sort", "--vcpu", "--all-columns", "--all-rows", "--reason", "--exclude",
		       "--no-header", "--cycles", "--host"});
		break;
	case Task::watch:
		allow("INTERVAL",
		      {"--json", "--csv", "--prometheus", "--openmetrics", "--buckets", "--output",
		       "--sort", "--vcpu", "--all-columns", "--all-rows", "--reason", "--exclude",
		       "--no-header", "--no-first", "--timestamp", "--cycles", "--host"});
		if (sort_key != "exits" && !all_columns && !json && !csv && !metrics())
			throw CLI::ValidationError("--sort with INTERVAL needs -x: a line has no "
						   "rows to sort");
		if (metrics() && no_first)
			throw CLI::ValidationError("--no-first does not go with metrics, which "
						   "are of no interval");
		if (clock && (json || csv || metrics()))
			throw CLI::ValidationError("--timestamp is for tables: what programs "
						   "read has the time already");
		if (metrics() && output.empty())
			throw CLI::ValidationError("--prometheus and --openmetrics with INTERVAL "
						   "need -o FILE, which is replaced each time");
		if (!metrics() && !output.empty())
			throw CLI::ValidationError("-o with INTERVAL is for --prometheus and "
						   "--openmetrics; to keep all of them, use "
						   "exitstat record");
		break;
	case Task::run:
		allow("a command",
		      {"--json", "--csv", "--output", "--sort", "--all-columns", "--all-rows",
		       "--reason", "--exclude", "--no-header", "--repeat", "--cycles", "--host"});
		if (!seconds.empty())
			throw CLI::ValidationError("an INTERVAL does not go with a command; see "
						   "exitstat record");
		break;
	case Task::raw:
		allow("--raw", {"--raw", "--vcpu", "--output", "--no-header"});
		if (has_command || !seconds.empty())
			throw CLI::ValidationError("--raw does not go with INTERVAL or a command");
		if (!raw->results().empty() && !raw->results().front().empty())
			raw_ecx = raw_input;
		break;
	case Task::self_check:
		allow("--self-check", {"--self-check", "--output"});
		if (has_command || !seconds.empty())
			throw CLI::ValidationError(
				"--self-check does not go with INTERVAL or a command");
		break;
	case Task::plot:
	case Task::record:
		if (output.empty())
			throw CLI::RequiredError("-o FILE");
		try {
			if (task == Task::plot)
				picture_named(output);
		} catch (const std::invalid_argument &e) {
			throw CLI::ValidationError(e.what());
		}
		[[fallthrough]];
	default:
		allow("what comes after it: a subcommand's options follow it", {});
	}

	of_host = *host || *top_host;
	if (of_host && (csv || metrics() || !cpu_list.empty()))
		throw CLI::ValidationError("--csv, metrics and --vcpu do not go with --host");
	sort = sort_keys.at(sort_key);
	if (!cpu_list.empty())
		cpus = parse_cpus(cpu_list);
	if (!seconds.empty())
		interval.length = parse_interval(seconds);
	if (!count.empty())
		interval.count = parse_count(count);
	interval.first = !no_first;
	for (const std::string &word : words)
		reason += (reason.empty() ? "" : " ") + word;
}

void Options::parse(int argc, char **argv)
{
	// What follows "--" is the command's, whatever it looks like.
	char **const end = argv + argc;
	char **const dashes = std::find(argv, end, std::string_view("--"));
	const bool has_command = dashes != end;
	command.assign(has_command ? dashes + 1 : end, end);
	app.parse(int(dashes - argv), argv);
	validate(has_command);
}

std::string Options::help() const
{
	const auto subcommands = app.get_subcommands();
	return subcommands.empty() ? app.help() : subcommands[0]->help("exitstat");
}

Display Options::display(int fd) const
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
	display.sort = sort;
	display.output = output.empty() ? Output(fd) : Output(output);
	display.style = style_of(output.empty() ? fd : -1);
	display.style.header = !no_header;
	display.detail = {all_columns, all_rows, cycles};
	display.choice = choice;
	display.clock = clock;
	return display;
}

} // namespace exitstat
