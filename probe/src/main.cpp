// SPDX-License-Identifier: GPL-2.0
/// \file
/// exitstat: show the VM-Exits of the virtual machine it runs in.
#include "cpu.hpp"
#include "report.hpp"

#include <CLI/CLI.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <string_view>
#include <system_error>

#include <unistd.h>

namespace
{

using namespace exit_stats;

enum Status { ok = 0, failed = 1, usage = 2, unavailable = 3 };

constexpr const char *description =
	"Show how often the hypervisor interrupted this virtual machine (VM-Exits), why,\n"
	"and how many cycles of the host's TSC it took to handle that.\n";

constexpr const char *notes =
	"The hypervisor must be a KVM with exit_stats. Its counts begin with the VM and\n"
	"are never reset. The reasons are read before the total, which therefore holds\n"
	"some exits more than their sum: those that happened meanwhile, and the reading\n"
	"itself causes some.\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage, 3 no exit statistics here.";

const std::map<std::string, Sort> sort_keys{{"exits", Sort::exits},
					    {"cycles", Sort::cycles},
					    {"cost", Sort::cost},
					    {"name", Sort::name},
					    {"code", Sort::code}};

void complain(std::string_view what)
{
	std::fprintf(stderr, "exitstat: %.*s\n", int(what.size()), what.data());
}

/// All output in one place, so that none is lost unnoticed.
void write_out(std::string_view text)
{
	while (!text.empty()) {
		const ssize_t n = write(STDOUT_FILENO, text.data(), text.size());
		if (n >= 0)
			text.remove_prefix(std::size_t(n));
		else if (errno != EINTR)
			throw std::system_error(errno, std::generic_category(),
						"cannot write output");
	}
}

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

int exitstat(int argc, char **argv)
{
	Options options;
	bool as_json = false;
	std::string sort_key = "exits";
	std::string vcpu;
	std::uint32_t raw_ecx = 0;

	CLI::App app(description, "exitstat");
	app.footer(notes);
	app.set_version_flag("--version", "exitstat " EXITSTAT_VERSION);
	app.get_formatter()->column_width(18);
	auto *json = app.add_flag("--json", as_json, "One JSON object a line")->option_text(" ");
	auto *sort = app.add_option("--sort", sort_key,
				    "Order of the rows: exits (the default), cycles,\n"
				    "cost (cycles per exit), name or code")
			     ->option_text("KEY")
			     ->check(CLI::IsMember(sort_keys));
	auto *one_cpu = app.add_option("--vcpu", vcpu,
				       "Only the vCPU that is guest CPU N (by default the\n"
				       "current one), or all of them one by one")
				->option_text("[N|all]")
				->expected(0, 1);
	auto *raw = app.add_option("--raw", raw_ecx,
				   "The registers that CPUID answered to the reading, or\n"
				   "answers to this input ECX")
			    ->option_text("[ECX]")
			    ->expected(0, 1)
			    ->excludes(json)
			    ->excludes(sort);

	try {
		app.parse(argc, argv);
		if (*one_cpu)
			options.cpus = parse_cpus(vcpu);
	} catch (const CLI::CallForHelp &) {
		write_out(app.help());
		return ok;
	} catch (const CLI::CallForVersion &e) {
		write_out(std::string(e.what()) + "\n");
		return ok;
	} catch (const CLI::ParseError &e) {
		complain(e.what());
		complain("try --help");
		return usage;
	}

	options.sort = sort_keys.at(sort_key);
	if (as_json)
		options.format = Format::json;
	if (*raw) {
		options.format = Format::raw;
		if (!raw->results().empty() && !raw->results().front().empty())
			options.raw_ecx = raw_ecx;
	}
	write_out(run(options, native_cpuid, smallest_tsc_step()));
	return ok;
}

} // namespace

int main(int argc, char **argv)
{
	// A closed pipe is an error to report, not a silent death.
	std::signal(SIGPIPE, SIG_IGN);
	try {
		return exitstat(argc, argv);
	} catch (const Unavailable &e) {
		complain(e.what());
		return unavailable;
	} catch (const std::exception &e) {
		complain(e.what());
		return failed;
	}
}
