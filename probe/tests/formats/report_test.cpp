// SPDX-License-Identifier: GPL-2.0
/// \file
/// What the program prints, to the letter.
#include "commands/commands.hpp"
#include "model/fake_kvm.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <limits>
#include <sstream>

#include <sys/mman.h>
#include <unistd.h>

using namespace exitstat;

namespace
{

constexpr std::uint32_t hardware_tsc_step = 18;

enum class Raw { no, all, one };

struct Options {
	Format format = Format::table;
	Sort sort = Sort::exits;
	Raw raw = Raw::no;
	std::uint32_t raw_ecx = 0;
	std::vector<int> cpus{};
	Style style{};
};

/// What is written to a file descriptor meanwhile.
template <typename Write>
std::string written(const Write &write)
{
	const int fd = memfd_create("output", MFD_CLOEXEC);
	write(Output(fd));
	std::string text(std::size_t(lseek(fd, 0, SEEK_CUR)), '\0');
	EXPECT_EQ(pread(fd, text.data(), text.size(), 0), ssize_t(text.size()));
	close(fd);
	return text;
}

std::string run(FakeKvm &kvm, const Options &options, std::uint32_t tsc_step = hardware_tsc_step)
{
	return written([&](const Output &output) {
		const Display display{options.format, options.sort, output, options.style};
		if (options.raw != Raw::no) {
			show_raw(kvm.cpuid(),
				 options.raw == Raw::one ? std::optional(options.raw_ecx)
							 : std::nullopt,
				 options.cpus, display);
			return;
		}
		Reader reader(kvm.cpuid(), thousand_seconds);
		show({reader, emulated(kvm.cpuid(), tsc_step)}, options.cpus, display);
	});
}

std::vector<std::string> lines(const std::string &text)
{
	std::vector<std::string> all;
	std::istringstream in(text);
	for (std::string line; std::getline(in, line);)
		all.push_back(line);
	return all;
}

TEST(Table, Vmx)
{
	FakeKvm kvm = booted_vmx();
	EXPECT_EQ("\n" + run(kvm, {}), R"(
VM-Exits since the VM started: whole VM, 2 vCPUs, VMX, TSC 2445.407 MHz
REASON           EXITS     %         CYCLES     %  CYCLES/EXIT    NS/EXIT  %CPU
IO_INSTRUCTION  12,345  83.4    123,456,789  10.9       10,001      4,090  0.01
EPT_VIOLATION    2,000  13.5      9,000,001   0.8        4,500      1,840  0.00
CPUID              400   2.7        480,000   0.0        1,200        491  0.00
HLT                 50   0.3  1,000,000,000  88.3   20,000,000  8,178,598  0.04
TOTAL           14,795 100.0  1,132,936,790 100.0       76,576     31,314  0.05
)");
}

TEST(Table, SvmWithReasonsThatHaveNoName)
{
	FakeKvm kvm = booted_svm();
	kvm.tsc_khz = 0;
	EXPECT_EQ("\n" + run(kvm, {}), R"(
VM-Exits since the VM started: whole VM, 1 vCPU, SVM
REASON       EXITS     %     CYCLES     %  CYCLES/EXIT
npf            900  94.9  4,500,000  98.9        5,000
cpuid           40   4.2     48,000   1.1        1,200
PF excp          5   0.5        500   0.0          100
other            2   0.2         20   0.0           10
reason 0x49      1   0.1          7   0.0            7
TOTAL          948 100.0  4,548,527 100.0        4,798
)");
}

TEST(Table, NothingHappenedYet)
{
	FakeKvm kvm;
	kvm.vcpus = {};
	EXPECT_EQ("\n" + run(kvm, {}), R"(
VM-Exits since the VM started: whole VM, 0 vCPUs, VMX, TSC 2445.407 MHz
REASON  EXITS %  CYCLES %  CYCLES/EXIT  NS/EXIT  %CPU
TOTAL       0 -       0 -            -        -  0.00
)");
}

TEST(Table, LargestNumbers)
{
	constexpr auto max = std::numeric_limits<std::uint64_t>::max();
	FakeKvm kvm;
	kvm.vcpus = {{{48, {1, max}}, {30, {max - 1, 0}}}};
	kvm.tsc_khz = 0;
	const std::string out = run(kvm, {.style = {.width = 200}});
	EXPECT_NE(out.find("EPT_VIOLATION                            1   0.0  "
			   "18,446,744,073,709,551,615 100.0  18,446,744,073,709,551,615\n"),
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
	for (const std::string &line : lines(run(kvm, {})))
		EXPECT_LE(line.size(), 80U) << line;
}

TEST(Table, OneCpu)
{
	FakeKvm kvm = booted_vmx();
	const int cpu = sched_getcpu();
	EXPECT_TRUE(run(kvm, {.cpus = {cpu}})
			    .starts_with("VM-Exits since the VM started: CPU " +
					 std::to_string(cpu) + " of 2 vCPUs, VMX, "));
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
	const std::string out = run(kvm, {});
	EXPECT_EQ("\n" + out.substr(out.find("\n\n") + 2), R"(
REASON          TO USER     AWAY CYCLES     %   P50   P90    P99    MAX
IO_INSTRUCTION    2,345     223,456,789   0.2  <16K  <16K  <128K  <128K
EPT_VIOLATION         0       9,000,001   0.0   <8K   <8K    <8K    <8K
CPUID                 0         480,000   0.0   <1K   <1K    <1K    <8K
HLT                   0  90,000,000,000  99.7  >=1G  >=1G   >=1G   >=1G
TOTAL             2,345  90,232,936,790 100.0   <8K  <16K  <128K   >=1G
TO USER: VM-Exits that went to userspace. AWAY: cycles from VM-Exit to VM-Entry,
those in userspace, blocked or scheduled out included.
P50 to MAX: handling cycles of one VM-Exit, known by powers of two: <4K is from
2,048 to 4,095.
)");
}

// Histograms are of the whole VM only, and either may be missing.
TEST(Table, SomeDetailsOnly)
{
	FakeKvm kvm = detailed_vmx();
	const std::string one = run(kvm, {.cpus = {sched_getcpu()}});
	EXPECT_NE(one.find("AWAY CYCLES"), std::string::npos);
	EXPECT_EQ(one.find("P50"), std::string::npos);

	kvm.views = 0b110111;
	const std::string histograms = run(kvm, {});
	EXPECT_EQ(histograms.find("AWAY"), std::string::npos);
	EXPECT_NE(histograms.find("P50"), std::string::npos);

	// Of a shape that nobody knows.
	for (const std::uint32_t buckets : {0U, 1U, 33U, 66U, 0xFFFFFFFFU}) {
		kvm.buckets = buckets;
		EXPECT_EQ(run(kvm, {}).find("P50"), std::string::npos) << buckets;
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
	EXPECT_NE(out().find("20,000,000  8,178,598  0.41\n"), std::string::npos) << out();
	// Nor is there another denominator to fall back on.
	kvm.has_age = false;
	EXPECT_NE(out().find("20,000,000  8,178,598     -\n"), std::string::npos) << out();
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

TEST(News, OfTheHost)
{
	const Snapshot a{.generation = 1}, b{.generation = 2};
	const Snapshot off{.generation = 2, .counting = false};
	EXPECT_EQ(news(a, a), "");
	EXPECT_EQ(news(off, off), "");
	EXPECT_EQ(news(b, a), "the counters began anew, as the VM was restored or migrated: what "
			      "follows is from then on");
	EXPECT_EQ(news(off, b),
		  "the host has switched the counting off: no VM-Exits means nothing");
	EXPECT_EQ(news(b, off), "the host counts VM-Exits again");
	EXPECT_EQ(news(off, a), news(b, a) + "; " + news(off, b));
}

TEST(Table, SortKeys)
{
	// Two reasons with the same numbers are ordered by code.
	FakeKvm kvm = booted_vmx();
	kvm.vcpus[0][31] = kvm.vcpus[0][32] = {2'000, 9'000'001};

	using Names = std::vector<std::string>;
	const std::pair<Sort, Names> cases[] = {
		{Sort::exits,
		 {"IO_INSTRUCTION", "MSR_READ", "MSR_WRITE", "EPT_VIOLATION", "CPUID", "HLT"}},
		{Sort::cycles,
		 {"HLT", "IO_INSTRUCTION", "MSR_READ", "MSR_WRITE", "EPT_VIOLATION", "CPUID"}},
		{Sort::cost,
		 {"HLT", "IO_INSTRUCTION", "MSR_READ", "MSR_WRITE", "EPT_VIOLATION", "CPUID"}},
		{Sort::name,
		 {"CPUID", "EPT_VIOLATION", "HLT", "IO_INSTRUCTION", "MSR_READ", "MSR_WRITE"}},
		{Sort::code,
		 {"CPUID", "HLT", "IO_INSTRUCTION", "MSR_READ", "MSR_WRITE", "EPT_VIOLATION"}},
	};
	for (const auto &[key, expected] : cases) {
		Names names;
		for (const std::string &line : lines(run(kvm, {.sort = key})))
			names.push_back(line.substr(0, line.find(' ')));
		EXPECT_EQ(Names(names.begin() + 2, names.end() - 1), expected) << int(key);
	}
}

TEST(Json, Vm)
{
	FakeKvm kvm = booted_vmx();
	kvm.vcpus.resize(1);
	EXPECT_EQ(
		run(kvm, {.format = Format::json}),
		R"({"schema":2,"abi_version":1,"isa":"VMX","vcpus":1,"tsc_khz":2445407,)"
		R"("emulated":false,"counting":true,"generation":"9e3779b97f4a7c15",)"
		R"("ticks":2445407000000,"scope":"vm","cpu":null,"period":"since_start",)"
		R"("uptime":1000.0,"seconds":1000.0,"total":{"exits":14645,"cycles":132816790,)"
		R"("ns":54312754,"cpu_percent":0.0054},"reasons":[)"
		R"({"code":30,"name":"IO_INSTRUCTION","exits":12345,"cycles":123456789,"idle":false,)"
		R"("ns":50485170,"cpu_percent":0.005},)"
		R"({"code":48,"name":"EPT_VIOLATION","exits":2000,"cycles":9000001,"idle":false,)"
		R"("ns":3680369,"cpu_percent":0.0004},)"
		R"({"code":10,"name":"CPUID","exits":300,"cycles":360000,"idle":false,)"
		R"("ns":147215,"cpu_percent":0.0}]})"
		"\n");
}

TEST(Json, TimeAwayAndHistograms)
{
	FakeKvm kvm = detailed_vmx();
	const auto j =
		nlohmann::json::parse(run(kvm, {.format = Format::json, .sort = Sort::code}));
	const auto &io = j["reasons"][2];
	EXPECT_EQ(io["name"], "IO_INSTRUCTION");
	EXPECT_EQ(io["user_exits"], 2345);
	EXPECT_EQ(io["away_cycles"], 223456789);
	EXPECT_EQ(io["histogram"].size(), 32U);
	EXPECT_EQ(io["histogram"][14], 6200);
	EXPECT_EQ(io["p50"].dump(), "[8192,16383]");
	EXPECT_EQ(io["max"].dump(), "[65536,131071]");
	EXPECT_EQ(j["reasons"][1]["max"].dump(), "[1073741824,null]");

	kvm.views = 0b100111;
	const auto old = nlohmann::json::parse(run(kvm, {.format = Format::json}));
	EXPECT_FALSE(old["reasons"][0].contains("away_cycles"));
	EXPECT_FALSE(old["reasons"][0].contains("histogram"));
}

TEST(Json, NumbersSurviveARoundTrip)
{
	constexpr auto max = std::numeric_limits<std::uint64_t>::max();
	FakeKvm kvm = booted_svm();
	kvm.tsc_khz = 0;
	kvm.vcpus[0] = {{0x400, {max - 1, 1}}, {0x49, {1, max - 1}}};
	const auto j = nlohmann::json::parse(run(kvm, {.format = Format::json}, 2));
	EXPECT_EQ(j["isa"], "SVM");
	EXPECT_TRUE(j["tsc_khz"].is_null());
	EXPECT_EQ(j["emulated"], true);
	EXPECT_TRUE(j["seconds"].is_null());
	EXPECT_EQ(j["ticks"], kvm.ticks);
	EXPECT_TRUE(j["total"]["exits"].is_number_integer());
	EXPECT_EQ(j["total"]["exits"], max);
	EXPECT_EQ(j["total"]["cycles"], max);
	EXPECT_EQ(j["reasons"][0]["exits"], max - 1);
	EXPECT_EQ(j["reasons"][1]["name"], "reason 0x49");
	EXPECT_EQ(j["reasons"][1]["code"], 0x49);
}

TEST(Json, OfAHostThatDoesNotTellOrCount)
{
	FakeKvm kvm = booted_svm();
	kvm.has_age = kvm.counting = false;
	const auto j = nlohmann::json::parse(run(kvm, {.format = Format::json}));
	EXPECT_EQ(j["counting"], false);
	for (const char *key : {"generation", "ticks", "seconds"})
		EXPECT_TRUE(j[key].is_null()) << key;
	EXPECT_TRUE(j["total"]["cpu_percent"].is_null());
	EXPECT_EQ(j["uptime"], 1000.0);
}

TEST(Json, NothingHappenedYet)
{
	FakeKvm kvm;
	const auto j = nlohmann::json::parse(run(kvm, {.format = Format::json}));
	EXPECT_EQ(j["reasons"], nlohmann::json::array());
	EXPECT_EQ(j["total"]["exits"], 0);
}

TEST(Raw, IsWhatATableIsMadeOf)
{
	FakeKvm kvm = booted_vmx();
	kvm.vcpus = {{{48, {0x1'0000'0002, 0x3'0000'0004}}}};
	EXPECT_EQ("\n" + run(kvm, {.raw = Raw::all}), R"(
INPUT ECX     EAX        EBX        ECX        EDX        VIEW
0xe5711000 -> 0x5d9d95c0 0x9e3779b9 0x7f4a7c15 0x00000239 INFO 2
0xe5710000 -> 0x00270001 0x454d564b 0x53746978 0x73746174 INFO 0
0xe5710800 -> 0x00000101 0x00000001 0x0025505f 0x00000020 INFO 1
0xe5710800 -> 0x00000101 0x00000001 0x0025505f 0x00000020 INFO 1
0xe5750000 -> 0x00000030 0x00000000 0x00000000 0x00000000 NEXT 0x0
0xe5720030 -> 0x00000002 0x00000003 0x00000004 0x00000001 REASON EPT_VIOLATION
0xe5750031 -> 0x00000000 0x00000000 0x00000000 0xffffffff NEXT 0x31
0xe5700000 -> 0x00000002 0x00000003 0x00000004 0x00000001 TOTAL
0xe5711000 -> 0x5d9d95c0 0x9e3779b9 0x7f4a7c15 0x00000239 INFO 2
)");
}

TEST(Raw, AsksWhatItIsTold)
{
	const std::pair<std::uint32_t, std::string> cases[] = {
		{0, "0x00000000 -> 0x000003b4 0x00000000 0x004567af 0x00000000 TOTAL"},
		{0x7FFD'0400, "0x7ffd0400 -> 0x000003b4 0x00000000 0x004567af 0x00000000 TOTAL"},
		{0xE570'3800, "0xe5703800 -> 0x00000000 0x00000000 0x00000000 0xffffffff TOTAL 7"},
		{0xE572'0400,
		 "0xe5720400 -> 0x00000384 0x00000000 0x0044aa20 0x00000000 REASON npf"},
		{0xE572'0049, "0xe5720049 -> 0x00000001 0x00000000 0x00000007 0x00000000 REASON "
			      "reason 0x49"},
		{0xE574'1878,
		 "0xe5741878 -> 0x00000000 0x00000000 0x00000000 0xffffffff HIST 3 hlt"},
		{0xE576'0072, "0xe5760072 -> 0x00000000 0x00000000 0x00000000 0xffffffff view 0x6"},
	};
	for (const auto &[ecx, expected] : cases) {
		FakeKvm kvm = booted_svm();
		const auto out = lines(run(kvm, {.raw = Raw::one, .raw_ecx = ecx}));
		ASSERT_EQ(out.size(), 2U);
		EXPECT_EQ(out[1], expected);
	}
}

/// A VM whose vCPU n is CPU n here: what is read proves where it was read.
FakeKvm real_cpus()
{
	FakeKvm kvm;
	kvm.vcpus.assign(std::size_t(CpuSet::allowed().list().back() + 1), {});
	for (std::size_t cpu = 0; cpu < kvm.vcpus.size(); cpu++)
		kvm.vcpus[cpu] = {{10, {cpu + 100, 1}}};
	kvm.current = [] {
		return std::size_t(sched_getcpu());
	};
	return kvm;
}

TEST(Vcpu, ReadsEachOnItsOwnCpu)
{
	FakeKvm kvm = real_cpus();
	const auto cpus = CpuSet::allowed().list();

	std::string out = run(kvm, {.format = Format::json, .cpus = cpus});
	const auto objects = lines(out);
	ASSERT_EQ(objects.size(), cpus.size());
	for (std::size_t i = 0; i < cpus.size(); i++) {
		const auto j = nlohmann::json::parse(objects[i]);
		EXPECT_EQ(j["scope"], "vcpu");
		EXPECT_EQ(j["cpu"], cpus[i]);
		EXPECT_EQ(j["reasons"][0]["exits"], 100 + cpus[i]);
		EXPECT_EQ(j["total"]["exits"], 100 + cpus[i]);
	}

	out = run(kvm, {.cpus = cpus});
	std::size_t at = 0;
	for (int cpu : cpus) {
		at = out.find("VM-Exits since the VM started: CPU " + std::to_string(cpu) + " of " +
				      std::to_string(kvm.vcpus.size()) + " vCPU",
			      at);
		ASSERT_NE(at, std::string::npos) << out;
	}
}

TEST(Vcpu, RawAsksForScopeOne)
{
	FakeKvm kvm = real_cpus();
	run(kvm, {.raw = Raw::all, .cpus = {sched_getcpu()}});
	const std::vector<std::uint32_t> expected{0xE571'1000, 0xE571'0000, 0xE571'0800,
						  0xE571'0800, 0xE575'0800, 0xE572'080A,
						  0xE575'080B, 0xE570'0800, 0xE571'1000};
	EXPECT_EQ(kvm.asked, expected);
}

TEST(Vcpu, GivesNoNumbersOfTwoCpusAsOne)
{
	const auto cpus = CpuSet::allowed().list();
	if (cpus.size() < 2)
		GTEST_SKIP() << "needs two CPUs";
	FakeKvm kvm = real_cpus();
	kvm.before = [&] {
		CpuSet::only(cpus[1]).apply();
	};
	const CpuSet before = CpuSet::allowed();
	EXPECT_THROW(run(kvm, {.cpus = {cpus[0]}}), std::runtime_error);
	before.apply();
}

} // namespace
