// SPDX-License-Identifier: GPL-2.0
/// \file
/// What the program prints for programs: JSON, registers, and of single vCPUs.
#include "formats/shown.hpp"

#include <nlohmann/json.hpp>

#include <limits>

using namespace exitstat;

namespace
{

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
		at = out.find("% of the time of CPU " + std::to_string(cpu) + " since ", at);
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
