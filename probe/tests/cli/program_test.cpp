// SPDX-License-Identifier: GPL-2.0
/// \file
/// The program itself, on this machine: its options, its errors, its exit statuses.
#include "core/library.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>

#include <sys/wait.h>

using namespace exitstat;

namespace
{

struct Result {
	int status;
	std::string output;
};

bool operator==(const Result &a, const Result &b)
{
	return a.status == b.status && a.output == b.output;
}

std::ostream &operator<<(std::ostream &out, const Result &r)
{
	return out << "status " << r.status << ", output \"" << r.output << "\"";
}

/// Run a shell command line; the exit status, as shells show it, and what came on stdout.
Result sh(const std::string &command)
{
	std::FILE *pipe = popen(command.c_str(), "r");
	std::array<char, 4096> buffer;
	Result r{};
	while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
		r.output.append(buffer.data(), n);
	const int status = pclose(pipe);
	r.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return r;
}

class Program : public testing::Test
{
protected:
	static void SetUpTestSuite()
	{
		for (const char *program : {EXITSTAT_PROGRAM, EXITSTAT_MODEL})
			setenv("PATH",
			       (std::filesystem::path(program).parent_path().string() + ":" +
				getenv("PATH"))
				       .c_str(),
			       1);
	}
};

#ifndef EXITSTAT_SANITIZED
TEST_F(Program, IsOneSmallStaticFile)
{
	EXPECT_EQ(sh("readelf -lW '" EXITSTAT_PROGRAM "' | grep -c INTERP").output, "0\n");
#ifdef NDEBUG
	EXPECT_LE(std::filesystem::file_size(EXITSTAT_PROGRAM), 4U << 20);
#endif
}
#endif

TEST_F(Program, Version)
{
	EXPECT_EQ(sh("exitstat --version"), (Result{0, "exitstat " EXITSTAT_VERSION "\n"}));
}

TEST_F(Program, HelpNamesTheOptionsAndFitsATerminal)
{
	const Result r = sh("exitstat --help");
	EXPECT_EQ(r.status, 0);
	for (const char *option : {"--json", "--sort", "--vcpu", "--raw", "--help", "--version"})
		EXPECT_NE(r.output.find(option), std::string::npos) << option;
	std::istringstream in(r.output);
	for (std::string line; std::getline(in, line);)
		EXPECT_LE(line.size(), 80U) << line;
}

TEST_F(Program, RefusesWrongUsage)
{
	for (const char *arguments : {"--jsno",
				      "-y",
				      "0",
				      "-1",
				      "1 0",
				      "1 -1",
				      "1 2 3",
				      "1x",
				      "tops",
				      "--sort",
				      "--sort=size",
				      "--sort=1",
				      "--sort exits --raw",
				      "--json --raw",
				      "--raw=x",
				      "--raw=0x100000000",
				      "--raw=-1",
				      "--vcpu=x",
				      "--vcpu=-1",
				      "--vcpu=0x",
				      "--vcpu=99999999999",
				      "--vcpu=8192",
				      "--vcpu",
				      "--vcpu=3-1",
				      "--vcpu=1,,2",
				      "--vcpu=1-",
				      "--vcpu=all,0",
				      "--vcpu all all",
				      "--sort name 1",
				      "-t",
				      "-t --json 1",
				      "-r 2",
				      "-r 0 -- true",
				      "--no-first --openmetrics -o x 1",
				      "--reason no_such_reason",
				      "--exclude HLT,no_such_reason",
				      "--json top",
				      "top --no-header",
				      "top --vcpu x",
				      "hist",
				      "report --vcpu 0 x",
				      "--json --csv",
				      "--json --openmetrics",
				      "--host --csv",
				      "--host --prometheus",
				      "--host x --vcpu 0",
				      "--host x y",
				      "--host --raw",
				      "--host --self-check",
				      "hist --host x HLT",
				      "top --host x --vcpu 0",
				      "--prometheus --openmetrics",
				      "--buckets",
				      "--csv --buckets",
				      "1 --openmetrics",
				      "1 --prometheus",
				      "1 -o x",
				      "--no-first",
				      "-o x --self-check --json",
				      "--",
				      "1 -- true",
				      "top -- true",
				      "top --json",
				      "record",
				      "record -o x --json",
				      "record -i 0 -o x",
				      "report",
				      "report x --openmetrics",
				      "plot x",
				      "plot -o x.svg",
				      "diff x",
				      "diff x y --sort name",
				      "explain --json",
				      "explain EPT_VIOLATON"}) {
		const std::string command = std::string("exitstat ") + arguments;
		EXPECT_EQ(sh(command + " 2>/dev/null"), (Result{2, ""})) << arguments;
		const std::string complaint = sh(command + " 2>&1").output;
		EXPECT_TRUE(complaint.starts_with("exitstat: ")) << complaint;
		if (complaint.find("no exit reason") != std::string::npos)
			continue; // suggestions follow
		EXPECT_TRUE(complaint.ends_with("\nexitstat: try --help\n")) << complaint;
		EXPECT_EQ(std::ranges::count(complaint, '\n'), 2) << complaint;
	}
}

TEST_F(Program, SaysWhenItCannotWrite)
{
	EXPECT_EQ(sh("exitstat --help 2>&1 >&-"),
		  (Result{1, "exitstat: cannot write to standard output: Bad file descriptor\n"}));
	EXPECT_EQ(sh("exitstat --version 2>&1 >/dev/full"),
		  (Result{1,
			  "exitstat: cannot write to standard output: No space left on device\n"}));
}

TEST_F(Program, EndsAsAnyFilterWhereNobodyReads)
{
	const auto ends = [](const std::string &env) {
		return sh("{ { sleep 0.2; env " + env +
			  "-signal=PIPE exitstat --help 2>&3; echo $? >&3; } | true; } 3>&1");
	};
	EXPECT_EQ(ends("--default"), (Result{0, "141\n"})) << "by SIGPIPE, in silence";
	EXPECT_EQ(ends("--ignore"),
		  (Result{0, "exitstat: cannot write to standard output: Broken pipe\n1\n"}));
}

TEST_F(Program, NeedsNoStderr)
{
	EXPECT_EQ(sh("exitstat --jsno 2>&-"), (Result{2, ""}));
}

TEST_F(Program, RefusesACpuThatIsNotThere)
{
	for (const char *cpu : {"8190", "8191"})
		EXPECT_EQ(sh(std::string("exitstat_model 2>&1 --vcpu=") + cpu),
			  (Result{1, std::string("exitstat: CPU ") + cpu +
					     " does not exist, is offline or is not allowed to "
					     "this process\n"}));
}

// On most machines the tests run without the leaf; the rest of the tests is in the inner VM.
TEST_F(Program, WithoutStatisticsSaysSoAndPrintsNothing)
{
	try {
		detect(native_cpuid);
		GTEST_SKIP() << "this machine has exit statistics";
	} catch (const Unavailable &e) {
		const std::string complaint = std::string("exitstat: ") + e.what() + "\n";
		for (const char *arguments :
		     {"", "--json", "--raw", "--raw 0", "--sort cost", "--vcpu 0", "--vcpu all"}) {
			const std::string command = std::string("exitstat ") + arguments;
			EXPECT_EQ(sh(command + " 2>/dev/null"), (Result{3, ""})) << arguments;
			EXPECT_EQ(sh(command + " 2>&1"), (Result{3, complaint})) << arguments;
		}
	}
}

TEST_F(Program, WithStatisticsPrintsThem)
{
	try {
		detect(native_cpuid);
	} catch (const Unavailable &e) {
		GTEST_SKIP() << e.what();
	}
	EXPECT_TRUE(sh("exitstat").output.find(" since the counters began") != std::string::npos);
	EXPECT_EQ(sh("exitstat --json --vcpu all >/dev/null").status, 0);
	EXPECT_EQ(sh("exitstat 2>&1 >/dev/full").status, 1);
}

} // namespace
