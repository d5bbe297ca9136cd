// SPDX-License-Identifier: GPL-2.0
/// \file
/// The command line: what was asked for, and whether it makes sense.
#pragma once

#include "commands/commands.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace exitstat
{

enum class Task {
	show,
	watch,
	run,
	raw,
	self_check,
	top,
	record,
	report,
	plot,
	hist,
	explain,
	diff,
};

class Options
{
public:
	Options();
	Options(const Options &) = delete;
	Options &operator=(const Options &) = delete;

	/// Throws CLI::ParseError, also where there is nothing more to do than to print help.
	void parse(int argc, char **argv);

	/// Of what was asked for.
	std::string help() const;

	/// To a file if one was named, and else to this descriptor.
	Display display(int fd) const;

	Task task = Task::show;
	std::vector<std::string> command{}; ///< to run
	std::vector<int> cpus{};	    ///< empty: the whole VM
	bool of_host = false;		    ///< those of this host's VMs
	std::string vm{};		    ///< which of these; empty: all
	Interval interval{std::chrono::seconds(1)};
	unsigned runs = 1;
	Sort sort = Sort::exits;
	bool cycles = false;
	std::string output{};
	std::optional<std::uint32_t> raw_ecx{};
	std::string file{}, other_file{}, reason{};

private:
	CLI::App app;
	CLI::App *top = nullptr, *record = nullptr, *report = nullptr, *plot = nullptr,
		 *hist = nullptr, *explain = nullptr, *diff = nullptr;
	CLI::Option *raw = nullptr, *vcpu = nullptr, *host = nullptr, *top_host = nullptr;
	bool json = false, csv = false, prometheus = false, openmetrics = false, buckets = false;
	bool no_header = false, no_first = false, check_leaf = false;
	bool all_columns = false, all_rows = false, clock = false;
	Choice choice{};
	std::string sort_key = "exits", cpu_list{}, seconds{}, count{};
	std::uint32_t raw_input = 0;
	std::vector<std::string> words{};

	bool metrics() const
	{
		return prometheus || openmetrics;
	}

	void add_formats(CLI::App &to);
	void add_output(CLI::App &to, const char *help);
	void add_sort(CLI::App &to);
	void add_table(CLI::App &to);
	void add_vcpu(CLI::App &to);
	void add_cycles(CLI::App &to);
	CLI::Option *add_host(CLI::App &to);
	void define_main();
	void define_subcommands();

	/// An option that would change nothing is a mistake.
	void allow(const std::string &doing, std::initializer_list<const char *> options) const;
	Task task_of(bool has_command) const;
	void validate(bool has_command);
};

} // namespace exitstat
