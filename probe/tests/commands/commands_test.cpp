// SPDX-License-Identifier: GPL-2.0
/// \file
/// Commands on a machine that changes under them: CPUs that go, a host with another TSC, others who
/// have VM-Exits as well.
#include "commands/commands.hpp"
#include "model/fake_kvm.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

using namespace exitstat;
using namespace std::chrono_literals;

namespace
{

constexpr int no_such_cpu = CpuSet::limit - 1;

/// What a command writes.
class Written
{
public:
	Written() : fd(memfd_create("written", 0))
	{
	}

	~Written()
	{
		close(fd);
	}

	Written(const Written &) = delete;
	Written &operator=(const Written &) = delete;

	Display as(Format format) const
	{
		Display display;
		display.format = format;
		display.output = Output(fd);
		return display;
	}

	std::string text() const
	{
		std::string all(std::size_t(lseek(fd, 0, SEEK_END)), '\0');
		EXPECT_EQ(pread(fd, all.data(), all.size(), 0), ssize_t(all.size()));
		return all;
	}

private:
	int fd;
};

std::size_t count(const std::string &text, const std::string &what)
{
	std::size_t n = 0;
	for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
		n++;
	return n;
}

int first_cpu()
{
	return CpuSet::allowed().list().front();
}

TEST(GoneCpu, IsLeftOutOfAReport)
{
	FakeKvm kvm = detailed_vmx();
	Reader reader(kvm.cpuid());
	for (const Format format :
	     {Format::table, Format::json, Format::csv, Format::openmetrics}) {
		const Written written;
		testing::internal::CaptureStderr();
		EXPECT_EQ(show({reader, false}, {no_such_cpu, first_cpu()}, written.as(format)),
			  ok);
		EXPECT_EQ(testing::internal::GetCapturedStderr(),
			  "exitstat: CPU 8191 does not exist, is offline or is not allowed to this "
			  "process\n");
		EXPECT_NE(written.text(), "");
		EXPECT_EQ(written.text().find("8191"), std::string::npos);
	}
}

TEST(GoneCpu, IsComplainedOfOnceInIntervals)
{
	FakeKvm kvm = detailed_vmx();
	kvm.count_own = 1'200;
	Reader reader(kvm.cpuid());
	const Written written;
	testing::internal::CaptureStderr();
	EXPECT_EQ(watch({reader, false}, {first_cpu(), no_such_cpu}, {.length = 1ms, .count = 4},
			written.as(Format::json)),
		  ok);
	EXPECT_EQ(count(testing::internal::GetCapturedStderr(), "exitstat: CPU 8191 "), 1U);
	EXPECT_EQ(count(written.text(), "\"period\":\"interval\""), 3U);
}

// It goes while it is being read, and comes back.
TEST(GoneCpu, IsReadAgainWhenItIsBack)
{
	const auto cpus = CpuSet::allowed().list();
	if (cpus.size() < 2)
		GTEST_SKIP() << "needs two CPUs";
	FakeKvm kvm = detailed_vmx();
	kvm.count_own = 1'200;
	int totals = 0;
	kvm.before = [&] {
		// As when it goes offline: the thread is elsewhere all of a sudden.
		if (kvm.asked.back() == selector(View::total, Scope::vcpu) &&
		    sched_getcpu() == cpus[1] && ++totals == 3)
			CpuSet::only(cpus[0]).apply();
	};
	Reader reader(kvm.cpuid());
	const Written written;
	testing::internal::CaptureStderr();
	EXPECT_EQ(watch({reader, false}, {cpus[0], cpus[1]}, {.length = 1ms, .count = 5},
			written.as(Format::json)),
		  ok);
	EXPECT_EQ(testing::internal::GetCapturedStderr(),
		  "exitstat: CPU " + std::to_string(cpus[1]) + " went away during the reading\n");
	// One is without it, and the next is longer.
	EXPECT_EQ(count(written.text(), "\"period\":\"interval\""), 4 + 3U);
}

TEST(GoneCpu, IsAFailureWhereNoneIsLeft)
{
	FakeKvm kvm = detailed_vmx();
	kvm.count_own = 1'200;
	Reader reader(kvm.cpuid());
	const Written written;
	testing::internal::CaptureStderr();
	const std::vector<int> cpus{no_such_cpu, CpuSet::limit};
	EXPECT_THROW(show({reader, false}, cpus, written.as(Format::table)), CpuGone);
	EXPECT_THROW(watch({reader, false}, cpus, {.length = 1ms}, written.as(Format::table)),
		     CpuGone);
	EXPECT_THROW(show_raw(kvm.cpuid(), std::nullopt, cpus, written.as(Format::table)), CpuGone);
	testing::internal::GetCapturedStderr();
	EXPECT_EQ(written.text(), "");
}

// What there is to wait for before the first line is CPUIDs: no more than its reading takes.
TEST(FirstLine, ComesAfterOneReading)
{
	FakeKvm kvm = detailed_vmx();
	kvm.count_own = 1'200;
	Reader reader(kvm.cpuid());
	const auto reading = [](std::size_t details) {
		return 4 + (2 + details) * 4;
	};
	for (const Format format :
	     {Format::table, Format::json, Format::csv, Format::openmetrics}) {
		const Written written;
		kvm.asked.clear();
		show({reader, false}, {}, written.as(format));
		EXPECT_EQ(kvm.asked.size(), reading(17));

		// Twice more, for the price of our own.
		kvm.asked.clear();
		watch({reader, false}, {}, {.length = 1h, .count = 1}, written.as(format));
		EXPECT_EQ(kvm.asked.size(), 3 * reading(format == Format::table ? 0 : 17));
		EXPECT_NE(written.text(), "");
	}
}

// A host that calibrates its TSC anew, or one that the VM has come to.
TEST(TscFrequency, IsThatOfTheReading)
{
	FakeKvm kvm = detailed_vmx();
	kvm.count_own = 1'200;
	Reader reader(kvm.cpuid());
	kvm.tsc_khz = 1'000'000;
	const Written written;
	EXPECT_EQ(show({reader, false}, {}, written.as(Format::json)), ok);
	EXPECT_EQ(count(written.text(), "\"tsc_khz\":1000000,"), 1U);

	int readings = 0;
	kvm.before = [&] {
		if (kvm.asked.back() == selector(View::info, 1) && ++readings == 4)
			kvm.tsc_khz = 3'000'000;
	};
	EXPECT_EQ(watch({reader, false}, {}, {.length = 1ms, .count = 4}, written.as(Format::json)),
		  ok);
	EXPECT_EQ(count(written.text(), "\"tsc_khz\":3000000,"), 3U);
}

TEST(TscFrequency, EachSessionOfARecordingHasOne)
{
	FakeKvm kvm = detailed_vmx();
	kvm.count_own = 1'200;
	Reader reader(kvm.cpuid());
	int readings = 0;
	kvm.before = [&] {
		if (kvm.asked.back() == selector(View::info, 1) && ++readings == 5)
			kvm.tsc_khz = 3'000'000;
	};
	std::string path = std::filesystem::temp_directory_path() / "exitstat.XXXXXX";
	close(mkstemp(path.data()));
	std::filesystem::remove(path);
	EXPECT_EQ(record({reader, false}, path, 2ms, {"sleep", "0.1"}), ok);
	const auto sessions = read_recording(path);
	std::filesystem::remove(path);
	ASSERT_EQ(sessions.size(), 2U);
	EXPECT_EQ(sessions[0].info.tsc_khz, 2'445'407U);
	EXPECT_EQ(sessions[1].info.tsc_khz, 3'000'000U);
	EXPECT_EQ(sessions[0].info.generation, sessions[1].info.generation);
}

class SelfCheck : public testing::Test
{
protected:
	FakeKvm kvm = detailed_vmx();
	int status = -1;

	SelfCheck()
	{
		kvm.count_own = 1'200;
		kvm.before = [this] {
			kvm.ticks += 1'000;
		};
	}

	std::string check()
	{
		const Written written;
		status = self_check(kvm.cpuid(), 18, written.as(Format::table));
		return written.text();
	}
};

TEST_F(SelfCheck, IsGood)
{
	EXPECT_EQ(count(check(), "ok  "), 9U);
	EXPECT_EQ(status, ok);
}

TEST_F(SelfCheck, WaitsForACpuThatIsItsOwn)
{
	// Other programs start on this CPU, and have CPUIDs of their own.
	int busy = 1'000;
	kvm.before = [&] {
		kvm.ticks += 1'000;
		if (busy && !(--busy % 90)) {
			kvm.vcpus[0][10].exits += 30;
			kvm.hist[10][11] += 30;
		}
	};
	EXPECT_EQ(count(check(), "FAILED"), 0U);
	EXPECT_EQ(status, ok);
}

TEST_F(SelfCheck, EndsWhereTooMuchIsCounted)
{
	kvm.before = [&] {
		kvm.ticks += 1'000;
		kvm.vcpus[0][10].exits++;
		kvm.hist[10][11]++;
	};
	EXPECT_NE(check().find("FAILED  100 CPUIDs of this vCPU count as 100 VM-Exits (200, after"),
		  std::string::npos);
	EXPECT_EQ(status, failed);
}

// No line of it is there to look good.
TEST_F(SelfCheck, EveryLineCanFail)
{
	using Tamper = decltype(FakeKvm::tamper);
	int infos = 0, reads = 0, totals = 0;
	const std::pair<const char *, Tamper> faults[] = {
		{"has signature",
		 [&](std::uint32_t ecx, Regs &r) {
			 if (ecx == selector(View::info, 0) && ++infos > 1)
				 r.ebx++;
		 }},
		{"what is not defined is refused",
		 [](std::uint32_t, Regs &r) {
			 if (r == error_answer)
				 r = {};
		 }},
		{"without the magic number",
		 [](std::uint32_t ecx, Regs &r) {
			 if (ecx >> 20 != magic_number)
				 r = {};
		 }},
		{"and their age grows",
		 [](std::uint32_t ecx, Regs &r) {
			 if (ecx == selector(View::info, 2))
				 r.eax = r.edx = 0;
		 }},
		{"100 CPUIDs of this vCPU",
		 [&](std::uint32_t ecx, Regs &r) {
			 if (ecx == selector(View::reason, Scope::vcpu, 10))
				 r.eax -= std::uint32_t(++reads) / 2;
		 }},
		{"counters do not go backwards",
		 [](std::uint32_t ecx, Regs &r) {
			 static std::uint32_t less = 0;
			 if (ecx == selector(View::reason, Scope::vm, 30))
				 r.eax -= less++;
		 }},
		// After twelve without the magic number, and two readings.
		{"the total is not below",
		 [&](std::uint32_t ecx, Regs &r) {
			 if (ecx == selector(View::total, Scope::vm) && ++totals == 15)
				 r = {};
		 }},
		{"contradicts itself: the total is below the sum",
		 [](std::uint32_t ecx, Regs &r) {
			 if (ecx == selector(View::total, Scope::vm))
				 r.ebx = r.ecx = 0;
		 }},
		{"histograms have every",
		 [](std::uint32_t ecx, Regs &r) {
			 if (view_of(ecx) == View::hist)
				 r = {};
		 }},
	};
	for (const auto &[line, tamper] : faults) {
		kvm.tamper = tamper;
		const std::string text = check();
		EXPECT_EQ(status, failed) << line;
		const auto at = text.find(line);
		ASSERT_NE(at, std::string::npos) << text;
		const auto begin = text.rfind('\n', at) + 1;
		EXPECT_EQ(text.substr(begin, 6), "FAILED") << text;
	}
}

} // namespace
