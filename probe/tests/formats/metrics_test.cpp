// SPDX-License-Identifier: GPL-2.0
/// \file
/// What Prometheus is given, to the letter. That it takes it is tested in scripts/tests.
#include "commands/commands.hpp"
#include "formats/metrics.hpp"
#include "model/fake_kvm.hpp"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

using namespace exitstat;

namespace
{

Report report(FakeKvm kvm, bool emulated = false)
{
	Reader reader(kvm.cpuid(), thousand_seconds);
	return Machine{reader, emulated}.report(reader.read(Details::all), std::nullopt);
}

/// A VM with a reason that went to userspace, and an idle one.
FakeKvm small_vmx()
{
	FakeKvm kvm = detailed_vmx();
	kvm.tsc_khz = 2'000'000;
	kvm.ticks = 3'000'000'000'000;
	kvm.vcpus = {{{30, {12'345, 123'456'789}}}, {{12, {50, 1'000'000'000}}}};
	return kvm;
}

std::string of_one(const Report &report, Exposition form, bool buckets = false)
{
	return metrics({&report, 1}, form, buckets);
}

TEST(Metrics, ForTheTextfileCollector)
{
	EXPECT_EQ("\n" + of_one(report(small_vmx()), Exposition::text), R"(
# HELP exitstat_info What the counters are; of another generation, they have begun anew.
# TYPE exitstat_info gauge
exitstat_info{abi="1",emulated="false",generation="9e3779b97f4a7c15",isa="vmx",version=")" EXITSTAT_VERSION
									R"("} 1
# HELP exitstat_counting 1 while the host counts VM-Exits; 0: no VM-Exits means nothing.
# TYPE exitstat_counting gauge
exitstat_counting 1
# HELP exitstat_age_seconds Age of the counters.
# TYPE exitstat_age_seconds gauge
exitstat_age_seconds 1500.000000000
# HELP exitstat_vcpus vCPUs of the VM.
# TYPE exitstat_vcpus gauge
exitstat_vcpus 2
# HELP exitstat_tsc_hertz Frequency of the host's TSC.
# TYPE exitstat_tsc_hertz gauge
exitstat_tsc_hertz 2000000000
# HELP exitstat_vm_exits_total VM-Exits by exit reason.
# TYPE exitstat_vm_exits_total counter
exitstat_vm_exits_total{code="12",reason="HLT",idle="true"} 50
exitstat_vm_exits_total{code="30",reason="IO_INSTRUCTION",idle="false"} 12345
# HELP exitstat_handling_seconds_total Time in which KVM handled VM-Exits.
# TYPE exitstat_handling_seconds_total counter
exitstat_handling_seconds_total{code="12",reason="HLT",idle="true"} 0.500000000
exitstat_handling_seconds_total{code="30",reason="IO_INSTRUCTION",idle="false"} 0.061728394
# HELP exitstat_away_seconds_total Time from VM-Exit to VM-Entry, also in userspace, blocked or scheduled out.
# TYPE exitstat_away_seconds_total counter
exitstat_away_seconds_total{code="12",reason="HLT",idle="true"} 45.000000000
exitstat_away_seconds_total{code="30",reason="IO_INSTRUCTION",idle="false"} 0.111728394
# HELP exitstat_user_exits_total VM-Exits that went to userspace.
# TYPE exitstat_user_exits_total counter
exitstat_user_exits_total{code="12",reason="HLT",idle="true"} 0
exitstat_user_exits_total{code="30",reason="IO_INSTRUCTION",idle="false"} 2345
)");
}

/// The samples and the help of a form, without what only one of them has.
std::multiset<std::string> common_to_both(const std::string &text)
{
	std::multiset<std::string> all;
	std::istringstream in(text);
	for (std::string line; std::getline(in, line);) {
		if (line.starts_with("# HELP "))
			all.insert(line.substr(line.find(' ', 7)));
		else if (!line.starts_with('#'))
			all.insert(line);
	}
	return all;
}

TEST(Metrics, AreTheSameInOpenMetricsByItsOwnRules)
{
	const Report r = report(small_vmx());
	const std::string text = of_one(r, Exposition::openmetrics, true);
	EXPECT_EQ(common_to_both(text), common_to_both(of_one(r, Exposition::text, true)));
	for (const char *line : {"# TYPE exitstat info\n", "# TYPE exitstat_vm_exits counter\n",
				 "# UNIT exitstat_handling_seconds seconds\n",
				 "# TYPE exitstat_handling_seconds counter\n",
				 "# TYPE exitstat_vm_exit_handling_seconds histogram\n",
				 "# UNIT exitstat_age_seconds seconds\n"})
		EXPECT_NE(text.find(line), std::string::npos) << line << text;
	EXPECT_TRUE(text.ends_with("\n# EOF\n"));
}

TEST(Metrics, BucketsAreInSeconds)
{
	const Report r = report(small_vmx());
	EXPECT_EQ(of_one(r, Exposition::text).find("_bucket"), std::string::npos);
	const std::string text = of_one(r, Exposition::text, true);
	const std::string io = R"({code="30",reason="IO_INSTRUCTION",idle="false")";
	const std::string hlt = R"({code="12",reason="HLT",idle="true")";
	const std::string name = "exitstat_vm_exit_handling_seconds";
	for (const std::string &line :
	     {"# TYPE " + name + " histogram", name + "_bucket" + io + ",le=\"0.0\"} 0",
	      name + "_bucket" + io + ",le=\"2.0475e-06\"} 6000",
	      name + "_bucket" + io + ",le=\"0.000524287\"} 12345",
	      name + "_bucket" + io + ",le=\"+Inf\"} 12345", name + "_count" + io + "} 12345",
	      name + "_sum" + io + "} 0.061728394", name + "_bucket" + hlt + ",le=\"0.0\"} 1",
	      name + "_bucket" + hlt + ",le=\"+Inf\"} 50"})
		EXPECT_NE(text.find("\n" + line + "\n"), std::string::npos) << line << text;
}

TEST(Metrics, AreCyclesOnlyWhereTheseAreNotTime)
{
	FakeKvm unknown = small_vmx();
	unknown.tsc_khz = 0;
	for (const Report &r : {report(small_vmx(), true), report(unknown)}) {
		const std::string text = of_one(r, Exposition::text, true);
		EXPECT_EQ(text.find("_seconds"), std::string::npos);
		for (const char *line :
		     {"exitstat_age_cycles 3000000000000\n",
		      "# HELP exitstat_handling_cycles_total Time in which KVM handled VM-Exits, "
		      "in ticks of the host's TSC.\n",
		      R"(exitstat_handling_cycles_total{code="12",reason="HLT",idle="true"} 1000000000)",
		      R"(exitstat_away_cycles_total{code="30",reason="IO_INSTRUCTION",idle="false"} 223456789)",
		      R"(exitstat_vm_exit_handling_cycles_bucket{code="30",reason="IO_INSTRUCTION",)"
		      R"(idle="false",le="4095.0"} 6000)"})
			EXPECT_NE(text.find(line), std::string::npos) << line << text;
	}
}

TEST(Metrics, LeaveOutWhatIsNotKnown)
{
	FakeKvm kvm = booted_svm();
	kvm.tsc_khz = 0;
	kvm.has_age = false;
	kvm.counting = false;
	const std::string text = of_one(report(kvm), Exposition::text, true);
	for (const char *name : {"_away", "_user", "_bucket", "_age", "_hertz"})
		EXPECT_EQ(text.find(name), std::string::npos) << name << text;
	EXPECT_NE(text.find(R"(generation="",isa="svm")"), std::string::npos) << text;
	EXPECT_NE(text.find("\nexitstat_counting 0\n"), std::string::npos) << text;
	EXPECT_EQ(metrics({}, Exposition::text, true), "");
	EXPECT_EQ(metrics({}, Exposition::openmetrics, true), "# EOF\n");
}

TEST(Metrics, OfSeveralCpusShareTheirNames)
{
	Report all[] = {report(booted_vmx()), report(booted_vmx())};
	all[0].cpu = 0;
	all[1].cpu = 1;
	std::multiset<std::string> names;
	std::istringstream in(metrics(all, Exposition::text, true));
	bool found = false;
	for (std::string line; std::getline(in, line);) {
		if (line.starts_with("# TYPE"))
			names.insert(line);
		found |=
			line ==
			R"(exitstat_vm_exits_total{code="12",reason="HLT",idle="true",cpu="1"} 50)";
	}
	EXPECT_TRUE(found);
	EXPECT_EQ(names.size(), std::set(names.begin(), names.end()).size());
}

} // namespace
