// SPDX-License-Identifier: GPL-2.0
/// \file
/// What the program prints for reading, to the letter.
#include "formats/shown.hpp"

#include <limits>

using namespace exitstat;

namespace
{

TEST(Table, Vmx)
{
	FakeKvm kvm = booted_vmx();
	EXPECT_EQ("\n" + run(kvm, {}), R"(
VM-Exits took 0.0027% of the time of 2 vCPUs since the counters began, 0:16:40 ago
whole VM, VMX, TSC 2445.407 MHz
REASON           EXITS     %  EXITS/S    TIME     %  TIME/EXIT
IO_INSTRUCTION  12,345  83.7       12   50 ms  92.9     4.1 us
EPT_VIOLATION    2,000  13.6      2.0  3.7 ms   6.8     1.8 us
CPUID              400   2.7      0.4  196 us   0.4     491 ns
TOTAL           14,745 100.0       15   54 ms 100.0     3.7 us
IDLE                50            0.1  409 ms           8.2 ms
IDLE: HLT: a vCPU has nothing to do until it is woken; in no sum.
)");
}

TEST(Table, SvmWithReasonsThatHaveNoName)
{
	FakeKvm kvm = booted_svm();
	kvm.tsc_khz = 0;
	EXPECT_EQ("\n" + run(kvm, {}), R"(
948 VM-Exits of 1 vCPU since the counters began
whole VM, SVM
REASON       EXITS     %     CYCLES     %  CYC/EXIT
npf            900  94.9  4,500,000  98.9     5,000
cpuid           40   4.2     48,000   1.1     1,200
PF excp          5   0.5        500   0.0       100
other            2   0.2         20   0.0        10
reason 0x49      1   0.1          7   0.0         7
TOTAL          948 100.0  4,548,527 100.0     4,798
)");
}

TEST(Table, NothingHappenedYet)
{
	FakeKvm kvm;
	kvm.vcpus = {};
	EXPECT_EQ("\n" + run(kvm, {}), R"(
VM-Exits took 0% of the time of 0 vCPUs since the counters began, 0:16:40 ago
whole VM, VMX, TSC 2445.407 MHz
REASON  EXITS %  EXITS/S  TIME %  TIME/EXIT
TOTAL       0 -        0  0 ns -          -
)");
}

TEST(Table, TellsTimeAsCyclesIfItIsTo)
{
	FakeKvm kvm = booted_vmx();
	EXPECT_EQ("\n" + run(kvm, {.detail = {.cycles = true}}), R"(
14,745 VM-Exits of 2 vCPUs since the counters began, 0:16:40 ago
whole VM, VMX, TSC 2445.407 MHz
REASON           EXITS     %  EXITS/S         CYCLES     %    CYC/EXIT
IO_INSTRUCTION  12,345  83.7       12    123,456,789  92.9      10,001
EPT_VIOLATION    2,000  13.6      2.0      9,000,001   6.8       4,500
CPUID              400   2.7      0.4        480,000   0.4       1,200
TOTAL           14,745 100.0       15    132,936,790 100.0       9,016
IDLE                50            0.1  1,000,000,000        20,000,000
IDLE: HLT: a vCPU has nothing to do until it is woken; in no sum.
)");
}

// What is below a thousandth both by number and by time is one row, unless it is one row anyway.
TEST(Table, PutsTogetherWhatIsSmall)
{
	FakeKvm kvm = booted_vmx();
	kvm.vcpus[0][31] = {2, 100};
	EXPECT_NE(run(kvm, {}).find("\nMSR_READ "), std::string::npos);
	kvm.vcpus[0][32] = {3, 100};
	kvm.vcpus[0][28] = {1, 1'000'000'000}; // rare, and long
	const std::string out = run(kvm, {}), all = run(kvm, {.detail = {.rows = true}});
	EXPECT_NE(out.find("\n2 others             5   0.0 "), std::string::npos) << out;
	EXPECT_NE(out.find("\nCR_ACCESS "), std::string::npos) << out;
	EXPECT_EQ(out.find("\nMSR_READ "), std::string::npos) << out;
	EXPECT_NE(all.find("\nMSR_READ "), std::string::npos) << all;
	EXPECT_EQ(all.find("others"), std::string::npos) << all;
}

TEST(Table, OfSomeReasons)
{
	FakeKvm kvm = booted_vmx();
	const std::string only = run(kvm, {.choice = {.only = {"cpuid", "io"}}});
	EXPECT_NE(only.find("\nIO_INSTRUCTION "), std::string::npos) << only;
	EXPECT_NE(only.find("\nTOTAL           12,745 100.0"), std::string::npos) << only;
	EXPECT_EQ(only.find("IDLE"), std::string::npos) << only;
	const std::string others = run(kvm, {.choice = {.except = {"IO_INSTRUCTION", "12"}}});
	EXPECT_NE(others.find("\nTOTAL          2,400 100.0"), std::string::npos) << others;
	EXPECT_THROW(run(kvm, {.choice = {.only = {"npf"}}}), UnknownReason);
}

TEST(Table, LargestNumbers)
{
	constexpr auto max = std::numeric_limits<std::uint64_t>::max();
	FakeKvm kvm;
	kvm.vcpus = {{{48, {1, max}}, {30, {max - 1, 0}}}};
	kvm.tsc_khz = 0;
	const std::string out = run(kvm, {.style = {.width = 200}});
	EXPECT_NE(out.find("EPT_VIOLATION                            1   0.0  "
			   "18,000,000,000,000,000,000 100.0  18,000,000,000,000,000,000\n"),
		  std::string::npos)
		<< out;
}

// A busy VM: a billion exits, a vCPU's eight hours.
TEST(Table, FitsATerminal)
{
	FakeKvm kvm;
	kvm.vcpus = std::vector(64, FakeKvm::Counts{{43, {7'812'500, 549'755'813'888}},
						    {48, {7'812'500, 549'755'813'888}}});
	kvm.views = 0b111111;
	kvm.away = {{43, {999'999'999, 64 * 549'755'813'888}}, {48, {0, 64 * 549'755'813'888}}};
	kvm.hist = {{43, {{30, 500'000'000}}}, {48, {{20, 500'000'000}}}};
	for (const Detail detail : {Detail{}, Detail{.columns = true, .rows = true}})
		for (const std::string &line : lines(run(kvm, {.detail = detail})))
			EXPECT_LE(line.size(), 82U) << line;
}

TEST(Table, OneCpu)
{
	FakeKvm kvm = booted_vmx();
	const int cpu = sched_getcpu();
	const std::string out = run(kvm, {.cpus = {cpu}});
	EXPECT_NE(out.find("% of the time of CPU " + std::to_string(cpu) + " since "),
		  std::string::npos)
		<< out;
	EXPECT_NE(out.find("\none of 2 vCPUs, VMX, "), std::string::npos) << out;
}

TEST(Table, SaysThatCyclesAreNotTime)
{
	const std::string note = "\nNote: this VM runs in an emulator: cycles are ticks of its "
				 "clock, not time.\n";
	FakeKvm kvm = booted_vmx();
	EXPECT_EQ(run(kvm, {}).find(note), std::string::npos);
	EXPECT_TRUE(run(kvm, {}, 2).ends_with(note));
	kvm.brand = "QEMU TCG CPU version 2.5+";
	EXPECT_TRUE(run(kvm, {}).ends_with(note));
}

TEST(Table, TimeAwayAndHistograms)
{
	FakeKvm kvm = detailed_vmx();
	EXPECT_EQ("\n" + run(kvm, {}), R"(
VM-Exits took 0.0048% of the time of 2 vCPUs since the counters began, 0:16:40 ago
whole VM, VMX, TSC 2445.407 MHz
REASON           EXITS     %  EXITS/S    AWAY     %       P99  TO USER
IO_INSTRUCTION  12,345  83.7       12   91 ms  95.9    <54 us    2,345
EPT_VIOLATION    2,000  13.6      2.0  3.7 ms   3.9   <3.3 us        0
CPUID              400   2.7      0.4  196 us   0.2   <419 ns        0
TOTAL           14,745 100.0       15   95 ms 100.0   <6.7 us    2,345
IDLE                50            0.1    37 s        >=439 ms        0
AWAY: time from VM-Exit to VM-Entry, lost for the guest. TO USER: VM-Exits
that went to userspace.
P99: time to handle one VM-Exit in KVM, known by powers of two.
IDLE: HLT: a vCPU has nothing to do until it is woken; in no sum.
)");
	const std::string out = run(kvm, {.detail = {.columns = true}});
	EXPECT_EQ("\n" + out.substr(out.find("REASON")), R"(
REASON           EXITS     %  EXITS/S    TIME     %  TIME/EXIT  %CPU
IO_INSTRUCTION  12,345  83.7       12   50 ms  92.9     4.1 us  0.01
EPT_VIOLATION    2,000  13.6      2.0  3.7 ms   6.8     1.8 us  0.00
CPUID              400   2.7      0.4  196 us   0.4     491 ns  0.00
TOTAL           14,745 100.0       15   54 ms 100.0     3.7 us  0.01
IDLE                50            0.1  409 ms           8.2 ms  0.04

REASON            AWAY     %  TO USER       P50       P90       P99       MAX
IO_INSTRUCTION   91 ms  95.9    2,345   <6.7 us   <6.7 us    <54 us    <54 us
EPT_VIOLATION   3.7 ms   3.9        0   <3.3 us   <3.3 us   <3.3 us   <3.3 us
CPUID           196 us   0.2        0   <419 ns   <419 ns   <419 ns   <3.3 us
TOTAL            95 ms 100.0    2,345   <3.3 us   <6.7 us   <6.7 us    <54 us
IDLE              37 s              0  >=439 ms  >=439 ms  >=439 ms  >=439 ms
AWAY: time from VM-Exit to VM-Entry, lost for the guest. TO USER: VM-Exits
that went to userspace.
P50 to MAX: time to handle one VM-Exit in KVM, known by powers of two.
IDLE: HLT: a vCPU has nothing to do until it is woken; in no sum.
)");
}

// Histograms are of the whole VM only, and either may be missing.
TEST(Table, SomeDetailsOnly)
{
	FakeKvm kvm = detailed_vmx();
	const std::string one = run(kvm, {.cpus = {sched_getcpu()}});
	EXPECT_NE(one.find("AWAY"), std::string::npos);
	EXPECT_EQ(one.find("P99"), std::string::npos);

	kvm.views = 0b110111;
	const std::string histograms = run(kvm, {});
	EXPECT_EQ(histograms.find("AWAY"), std::string::npos);
	EXPECT_NE(histograms.find("P99"), std::string::npos);

	// Of a shape that nobody knows.
	for (const std::uint32_t buckets : {0U, 1U, 33U, 66U, 0xFFFFFFFFU}) {
		kvm.buckets = buckets;
		EXPECT_EQ(run(kvm, {}).find("P99"), std::string::npos) << buckets;
	}
}

// A guest that has booted again 10 s ago.
TEST(Table, SharesAreOfTheTimeSinceTheCountersBegan)
{
	FakeKvm kvm = booted_vmx();
	kvm.ticks /= 10; // 100 s
	const auto out = [&] {
		return written([&](const Output &output) {
			Reader reader(kvm.cpuid(), [] { return std::chrono::seconds(10); });
			show({reader, false}, {}, {.output = output});
		});
	};
	EXPECT_TRUE(out().starts_with("VM-Exits took 0.027% of the time of 2 vCPUs since the "
				      "counters began, 0:01:40 ago\n"))
		<< out();
	// Nor is there another denominator to fall back on.
	kvm.has_age = false;
	EXPECT_TRUE(out().starts_with("14,745 VM-Exits of 2 vCPUs since the counters began\n"))
		<< out();
}

TEST(Table, SaysWhereNothingIsCounted)
{
	FakeKvm kvm = booted_vmx();
	kvm.counting = false;
	const std::string note =
		"\nNote: the host has switched the counting off: VM-Exits since then "
		"are missing.\n";
	EXPECT_TRUE(run(kvm, {}).ends_with(note)) << run(kvm, {});
	EXPECT_EQ(run(kvm, {.style = {.header = false}}).find("Note"), std::string::npos);
}

TEST(Table, SortKeys)
{
	// Two reasons with the same numbers are ordered by code.
	FakeKvm kvm = booted_vmx();
	kvm.vcpus[0][31] = kvm.vcpus[0][32] = {2'000, 9'000'001};

	using Names = std::vector<std::string>;
	const std::pair<Sort, Names> cases[] = {
		{Sort::exits,
		 {"IO_INSTRUCTION", "MSR_READ", "MSR_WRITE", "EPT_VIOLATION", "CPUID"}},
		{Sort::cycles,
		 {"IO_INSTRUCTION", "MSR_READ", "MSR_WRITE", "EPT_VIOLATION", "CPUID"}},
		{Sort::cost, {"IO_INSTRUCTION", "MSR_READ", "MSR_WRITE", "EPT_VIOLATION", "CPUID"}},
		{Sort::name, {"CPUID", "EPT_VIOLATION", "IO_INSTRUCTION", "MSR_READ", "MSR_WRITE"}},
		{Sort::code, {"CPUID", "IO_INSTRUCTION", "MSR_READ", "MSR_WRITE", "EPT_VIOLATION"}},
	};
	for (const auto &[key, expected] : cases) {
		Names names;
		const std::string out = run(kvm, {.sort = key, .style = {.header = false}});
		for (const std::string &line : lines(out))
			names.push_back(line.substr(0, line.find(' ')));
		EXPECT_EQ(Names(names.begin(), names.end() - 2), expected) << int(key);
	}
}

TEST(Table, OfAnInterval)
{
	EXPECT_EQ("\n" + table(interval(booted_vmx(), 10), {}), R"(
VM-Exits took 0.27% of the time of 2 vCPUs in 10.00 s
whole VM, VMX, TSC 2445.407 MHz
REASON           EXITS     %  EXITS/S    TIME     %  TIME/EXIT
IO_INSTRUCTION  12,345  83.7    1,235   50 ms  92.9     4.1 us
EPT_VIOLATION    2,000  13.6      200  3.7 ms   6.8     1.8 us
CPUID              400   2.7       40  196 us   0.4     491 ns
TOTAL           14,745 100.0    1,475   54 ms 100.0     3.7 us
IDLE                50            5.0  409 ms           8.2 ms
IDLE: HLT: a vCPU has nothing to do until it is woken; in no sum.
11 VM-Exits that exitstat caused itself are left out.
)");
}

TEST(Table, OfAnIntervalThatWasNotCounted)
{
	Report r = interval(booted_vmx(), 10);
	r.delta.counting = false;
	EXPECT_TRUE(table(r, {}).ends_with("\nNote: the host had switched the counting off: "
					   "VM-Exits of that time are missing.\n"));
}

TEST(Table, OfACommand)
{
	Report r = interval(booted_vmx(), 2.5);
	r.period = Period::command;
	r.command = {"sh", "-c", "it's; \033[31mred"};
	EXPECT_TRUE(table(r, {}).starts_with("VM-Exits took 1.09% of the time of 2 vCPUs during "
					     "sh -c 'it'\\''s; ?[31mred', 2.50 s\n"))
		<< table(r, {});
}

TEST(Table, HasTheWidthOfTheTerminal)
{
	const Report r = report(detailed_vmx(), Details::all);
	for (const bool columns : {false, true})
		for (std::size_t width = 1; width < 160; width++) {
			std::istringstream in(table(r, {.width = width}, {.columns = columns}));
			std::string line;
			std::getline(in, line); // the headlines
			std::getline(in, line);
			while (std::getline(in, line) && !line.starts_with("AWAY:"))
				// What must be there: name, exits, time.
				EXPECT_LE(line.size(), std::max<std::size_t>(width, 24)) << line;
		}
	// One table where there is room, two where there is not.
	EXPECT_EQ(table(r, {.width = 150}, {.columns = true}).find("\n\n"), std::string::npos);
	EXPECT_NE(table(r, {.width = 80}, {.columns = true}).find("\n\n"), std::string::npos);
}

TEST(Table, ColoursAndHeadersAreOptional)
{
	const Report r = report(booted_vmx(), Details::none);
	EXPECT_EQ(table(r, {}).find('\033'), std::string::npos);
	EXPECT_NE(table(r, {.colour = true}).find("\033[1mIO_INSTRUCTION"), std::string::npos);
	const std::string bare = table(r, {.header = false});
	EXPECT_TRUE(bare.starts_with("IO_INSTRUCTION "));
	EXPECT_EQ(std::ranges::count(bare, '\n'), 5);
}

TEST(Table, TellsStealTime)
{
	Report r = report(booted_vmx(), Details::none);
	r.steal = std::chrono::milliseconds(1'230);
	EXPECT_NE(table(r, {}).find(", steal time 1.2 s since the guest's boot\n"),
		  std::string::npos);
	r.period = Period::interval;
	EXPECT_NE(table(r, {}).find(", steal time 1.2 s\n"), std::string::npos);
}

TEST(Table, OfSeveralRuns)
{
	std::vector<Report> runs(3, interval(detailed_vmx(), 2));
	for (Report &run : runs)
		run.command = {"true"};
	runs[1].delta.reasons[0].exits += 90; // of IO_INSTRUCTION
	runs[2].delta.reasons[0].exits += 180;
	EXPECT_EQ("\n" + repeated_table(runs, {}, {}, Sort::exits), R"(
VM-Exits during true: means of 3 runs of 2.000 s (+- 0.0%)
REASON           EXITS   +-    TIME   +-
IO_INSTRUCTION  12,435 0.7%   50 ms 0.0%
EPT_VIOLATION    2,000 0.0%  3.7 ms 0.0%
CPUID              400 0.0%  196 us 0.0%
TOTAL           14,835 0.6%   54 ms 0.0%
IDLE                50 0.0%  409 ms 0.0%
+-: standard deviation of the runs, in per cent of the mean. exitstat's own VM-Exits
are left out.
)");
}

} // namespace
