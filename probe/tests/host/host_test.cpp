// SPDX-License-Identifier: GPL-2.0
#include "host/table.hpp"

#include "commands/commands.hpp"
#include "model/files.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace exitstat
{

namespace
{

namespace fs = std::filesystem;

/// A host with virtual machines, as its kernel shows them.
class Host : public testing::Test
{
protected:
	HostPaths paths;

	void SetUp() override
	{
		std::string name = (fs::temp_directory_path() / "exitstat.XXXXXX").string();
		ASSERT_TRUE(mkdtemp(name.data()));
		top = name;
		paths = {top / "kvm", top / "modules", top / "proc"};
		fs::create_directories(paths.kvm);
		fs::create_directories(paths.modules / "kvm_intel");
		write(paths.modules / "kvm/parameters/exit_stats", "Y\n");
		// KVM's own statistics of the host.
		write(paths.kvm / "exits", "12\n");
	}

	void TearDown() override
	{
		fs::remove_all(top);
	}

	static void write(const fs::path &path, const std::string &text)
	{
		fs::create_directories(path.parent_path());
		std::ofstream(path) << text;
	}

	static constexpr const char *head =
		"reason name          exits   cycles  away_cycles   user_exits\n";
	const std::string table =
		std::string(head) +
		"0x000a CPUID           670   812345       812345            0\n"
		"0x001e IO_INSTRUCTION 1618 23238384    333385808         1506\n"
		"0x07ff -                  2       40           50            0\n"
		"-      total           2291 24050780    334198214         1506\n";

	void add_vm(int pid, const std::string &text, const std::string &command_line)
	{
		const std::string id = std::to_string(pid);
		const fs::path folder = paths.kvm / (id + "-12");
		fs::create_directories(folder / "vcpu0");
		fs::create_directories(folder / "vcpu1");
		write(folder / "exit_stats", text);
		write(paths.processes / id / "cmdline", command_line);
		write(paths.processes / id / "comm", "qemu-system-x86\n");
	}

	std::string why_none(const std::string &wanted = {})
	{
		return complaint([&] { host_vms(wanted, paths); });
	}

private:
	fs::path top;
};

using namespace std::string_literals;

const std::string libvirt = "qemu\0-name\0guest=debian12,debug-threads=on\0-m\01024\0"s;

} // namespace

TEST_F(Host, VirtualMachinesHaveThePidAndTheNameOfTheirVmm)
{
	add_vm(4711, table, libvirt);
	add_vm(98, table, "qemu\0-name\0plain\0"s);
	add_vm(300, table, "qemu\0-m\0512\0"s);
	add_vm(301, table, "qemu\0-name\0\x1b[31mred\0"s);
	std::vector<std::string> titles;
	for (const HostVm &vm : host_vms("", paths))
		titles.push_back(vm.title());
	EXPECT_EQ(titles, (std::vector<std::string>{"98 (plain)", "300 (qemu-system-x86)",
						    "301 (?[31mred)", "4711 (debian12)"}));
	for (const char *wanted : {"4711", "debian12"}) {
		const auto vms = host_vms(wanted, paths);
		ASSERT_EQ(vms.size(), 1U);
		EXPECT_EQ(vms[0].pid, 4711);
	}
}

TEST_F(Host, WithoutOneItSaysWhy)
{
	EXPECT_EQ(why_none(), "no virtual machine runs on this host");
	fs::create_directories(paths.kvm / "17-3");
	EXPECT_EQ(why_none(), "no exit statistics here: the KVM of this host does not count");
	add_vm(4711, table, libvirt);
	EXPECT_EQ(why_none("web"), "there is no virtual machine web; there is 4711 (debian12)");
	fs::remove_all(paths.kvm);
	EXPECT_NE(why_none().find("KVM is not loaded, or debugfs is not mounted"),
		  std::string::npos);
}

TEST_F(Host, TheTableIsReadAsTheLeafIs)
{
	add_vm(4711, table, libvirt);
	const HostVm vm = host_vms("", paths).at(0);
	Reader reader(table_cpuid(vm, 2'000'000, paths), age_of(vm), Whose::another);
	EXPECT_EQ(reader.info().isa, Isa::vmx);
	EXPECT_EQ(reader.info().vcpus, 2U);
	EXPECT_EQ(reader.info().tsc_khz, 2'000'000U);

	const Snapshot now = reader.read(Details::all);
	EXPECT_TRUE(now.counting);
	EXPECT_EQ(now.total, (Count{2291, 24050780}));
	ASSERT_EQ(now.reasons.size(), 3U);
	const ReasonCount *io = now.find(30);
	ASSERT_TRUE(io);
	EXPECT_EQ(io->exits, 1618U);
	EXPECT_EQ(io->cycles, 23238384U);
	EXPECT_EQ(io->away_cycles, 333385808U);
	EXPECT_EQ(io->user_exits, 1506U);
	EXPECT_TRUE(io->histogram.empty());
	ASSERT_TRUE(now.find(other_reason));
	// Nothing of it is ours.
	EXPECT_EQ(now.own_exits, 0U);
	EXPECT_EQ(reader.cpuids(), 0U);
	EXPECT_EQ(reader.own_cycles_per_exit(), 0U);
	// It was made just now, and 1 ms has 2,000,000 ticks.
	EXPECT_LT(now.ticks, 2'000'000ULL * 3'600'000);
	EXPECT_EQ(now.ticks % 2'000'000, 0U);
}

TEST_F(Host, WhatIsShownSaysWhichOneItIs)
{
	add_vm(4711, table, libvirt);
	const HostVm vm = host_vms("", paths).at(0);
	Reader reader(table_cpuid(vm, 2'000'000, paths), age_of(vm), Whose::another);
	const Machine machine{reader, false, vm.title()};
	const Report report = machine.report(read(reader, {}, Details::all), {});
	EXPECT_FALSE(report.steal);
	EXPECT_NE(exitstat::table(report, {}).find("VM 4711 (debian12), VMX, TSC 2000.000 MHz\n"),
		  std::string::npos);
	EXPECT_NE(json(report).find(R"json("vm":"4711 (debian12)")json"), std::string::npos);
}

TEST_F(Host, CountsGoOnFromReadingToReading)
{
	add_vm(4711, table, libvirt);
	const HostVm vm = host_vms("", paths).at(0);
	Reader reader(table_cpuid(vm, 2'000'000, paths), age_of(vm), Whose::another);
	const Snapshot before = reader.read();
	std::string later = table;
	later.replace(later.find(" 670"), 4, " 680");
	later.replace(later.find("2291"), 4, "2301");
	write(vm.folder / "exit_stats", later);
	write(paths.modules / "kvm/parameters/exit_stats", "N\n");
	const Snapshot now = reader.read();
	EXPECT_EQ(difference(now, before).total.exits, 10U);
	EXPECT_FALSE(now.counting);
}

TEST_F(Host, AVirtualMachineThatHasEndedIsToldSo)
{
	add_vm(4711, table, libvirt);
	const HostVm vm = host_vms("", paths).at(0);
	Reader reader(table_cpuid(vm, 2'000'000, paths), age_of(vm), Whose::another);
	fs::remove_all(vm.folder);
	EXPECT_THROW(reader.read(), Unavailable);
	EXPECT_EQ(complaint([&] { reader.read(); }),
		  "the virtual machine 4711 (debian12) has ended");
}

TEST_F(Host, ATableThatIsNoneIsRefused)
{
	for (const std::string &bad :
	     {std::string("reason name exits\n"), std::string(head), head + "0x000a CPUID 1\n"s,
	      head + "0x0fff X 1 2 3 4\n- total 1 2 3 4\n"s,
	      head + "zebra X 1 2 3 4\n- total 1 2 3 4\n"s}) {
		add_vm(4711, bad, libvirt);
		const HostVm vm = host_vms("", paths).at(0);
		EXPECT_THROW(table_cpuid(vm, 2'000'000, paths), BadAnswer) << bad;
	}
}

} // namespace exitstat
