// SPDX-License-Identifier: GPL-2.0
/// \file
/// Is there a leaf to read, and what does the program say if there is none.
#include "fake_kvm.hpp"

#include <gtest/gtest.h>

using namespace exit_stats;

namespace
{

std::string why_unavailable(FakeKvm &kvm)
{
	try {
		detect(kvm.cpuid());
	} catch (const Unavailable &e) {
		return e.what();
	}
	return "it is available";
}

TEST(Leaf, PacksTheInputEcx)
{
	EXPECT_EQ(selector(View::total, Scope::vm), 0U);
	EXPECT_EQ(selector(View::info, 1), 0x01010000U);
	EXPECT_EQ(selector(View::reason, Scope::vcpu, 0x400), 0x02010400U);
	EXPECT_EQ(selector(View::hist, 15, 0xFFFF), 0x040FFFFFU);
}

TEST(Leaf, UnpacksBothPairs)
{
	const Regs r{.eax = 1, .ebx = 2, .ecx = 3, .edx = 4};
	EXPECT_EQ(pair_a(r), 0x4'0000'0001U);
	EXPECT_EQ(pair_b(r), 0x2'0000'0003U);
}

TEST(Leaf, SignatureIsSpelledByEbxEcxEdx)
{
	EXPECT_EQ(text({0x454D564B, 0x53746978, 0x73746174}), "KVMExitStats");
}

TEST(Detect, ReadsInfo)
{
	for (FakeKvm kvm : {booted_vmx(), booted_svm()}) {
		const Info info = detect(kvm.cpuid());
		EXPECT_EQ(info.abi_version, 1U);
		EXPECT_EQ(std::uint32_t(info.isa), kvm.isa);
		EXPECT_EQ(info.vcpus, kvm.vcpus.size());
		EXPECT_EQ(info.tsc_khz, 2445407U);
		EXPECT_EQ(info.buckets, 32U);
		EXPECT_TRUE(info.has(View::next));
		EXPECT_FALSE(info.has(View::hist));
	}
}

TEST(Detect, BareMetal)
{
	FakeKvm kvm{.patched = false, .hypervisor_bit = false};
	EXPECT_EQ(why_unavailable(kvm), "no VM-Exits to count: CPUID shows no hypervisor, so this "
					"is not a virtual machine");
}

// "-cpu host,-hypervisor" hides the bit and not the leaf.
TEST(Detect, HiddenHypervisorIsFound)
{
	FakeKvm kvm = booted_vmx();
	kvm.hypervisor_bit = false;
	EXPECT_NO_THROW(detect(kvm.cpuid()));
}

TEST(Detect, UnpatchedAmdAnswersZeros)
{
	FakeKvm kvm{.patched = false};
	EXPECT_EQ(why_unavailable(kvm), "no exit statistics here: the hypervisor (KVMKVMKVM) does "
					"not offer them in CPUID leaf 0x4fffffff");
}

// Looks like 7 exits and many cycles.
TEST(Detect, UnpatchedIntelAnswersItsHighestBasicLeaf)
{
	FakeKvm kvm{.patched = false, .out_of_range = {7, 0x340, 0x340, 0x100}};
	EXPECT_EQ(why_unavailable(kvm), "no exit statistics here: the hypervisor (KVMKVMKVM) does "
					"not offer them in CPUID leaf 0x4fffffff");
}

TEST(Detect, HypervisorNameIsMadeSafeToPrint)
{
	FakeKvm kvm{.patched = false, .hypervisor = "a\x1b[2J\xff"};
	EXPECT_NE(why_unavailable(kvm).find("(a?[2J?)"), std::string::npos);
	kvm.hypervisor = "";
	EXPECT_NE(why_unavailable(kvm).find("(without a name)"), std::string::npos);
}

TEST(Detect, SignatureMustMatchWhole)
{
	FakeKvm kvm = booted_vmx();
	kvm.tamper = [](std::uint32_t, Regs &r) {
		r.edx ^= 1U << 31;
	};
	EXPECT_THROW(detect(kvm.cpuid()), Unavailable);
}

TEST(Detect, RefusesAnotherAbiVersion)
{
	for (std::uint32_t abi : {0, 2, 0xFFFF}) {
		FakeKvm kvm = booted_vmx();
		kvm.abi = abi;
		EXPECT_EQ(why_unavailable(kvm),
			  "the hypervisor's exit statistics have ABI version " +
				  std::to_string(abi) + "; this program reads 1");
	}
}

TEST(Detect, RefusesAMissingView)
{
	const std::pair<View, std::string> required[] = {{View::total, "TOTAL"},
							 {View::info, "INFO"},
							 {View::reason, "REASON"},
							 {View::next, "NEXT"}};
	for (const auto &[view, name] : required) {
		FakeKvm kvm = booted_vmx();
		const std::uint32_t bit = 0x10000U << int(view);
		kvm.tamper = [&](std::uint32_t, Regs &r) {
			r.eax &= ~bit;
		};
		EXPECT_EQ(why_unavailable(kvm),
			  "the hypervisor's exit statistics lack view " + name);
	}
}

TEST(Detect, MissingOptionalViewsAreNoReason)
{
	FakeKvm kvm = booted_vmx();
	kvm.views = 0b100111;
	EXPECT_FALSE(detect(kvm.cpuid()).has(View::away));
}

// An entry that userspace made without a significant index: every ECX answers INFO 0.
TEST(Detect, RefusesAnUnknownIsa)
{
	FakeKvm kvm = booted_vmx();
	const Regs info = kvm.cpuid()(leaf, selector(View::info, 0));
	kvm.tamper = [&](std::uint32_t, Regs &r) {
		r = info;
	};
	EXPECT_NE(why_unavailable(kvm).find("unknown to this program"), std::string::npos);
}

TEST(Emulated, HardwareIsNot)
{
	FakeKvm kvm;
	EXPECT_FALSE(emulated(kvm.cpuid(), 18));
	// The brand that QEMU gives a CPU with KVM as well.
	kvm.brand = "QEMU Virtual CPU version 2.5+";
	EXPECT_FALSE(emulated(kvm.cpuid(), 18));
}

TEST(Emulated, TcgByItsBrand)
{
	FakeKvm kvm{.brand = "QEMU TCG CPU version 2.5+"};
	EXPECT_TRUE(emulated(kvm.cpuid(), 49));
}

// Measured in Bochs: always 2 with one CPU, mostly 0 with two.
TEST(Emulated, BochsByItsTsc)
{
	FakeKvm kvm{.brand = "Intel(R) Core(TM) i7-7800X CPU @ 3.50GHz"};
	EXPECT_TRUE(emulated(kvm.cpuid(), 2));
	EXPECT_TRUE(emulated(kvm.cpuid(), 0));
}

} // namespace
