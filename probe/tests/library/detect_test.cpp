// SPDX-License-Identifier: GPL-2.0
/// \file
/// Is there a leaf to read, and what does the program say if there is none.
#include "model/fake_kvm.hpp"

#include <gtest/gtest.h>

using namespace exitstat;

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
	EXPECT_EQ(selector(View::total, Scope::vm), 0xE570'0000U);
	EXPECT_EQ(selector(View::info, 1), 0xE571'0800U);
	EXPECT_EQ(selector(View::reason, Scope::vcpu, 0x400), 0xE572'0C00U);
	EXPECT_EQ(selector(View::hist, 15, other_reason), 0xE574'7FFFU);
	EXPECT_EQ(selector(View::next, 31, 0x7FF), 0xE575'FFFFU);
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
		kvm.counting = kvm.isa == std::uint32_t(Isa::vmx);
		const Info info = detect(kvm.cpuid());
		EXPECT_EQ(info.abi_version, 1U);
		EXPECT_EQ(std::uint32_t(info.isa), kvm.isa);
		EXPECT_EQ(info.vcpus, kvm.vcpus.size());
		EXPECT_EQ(info.tsc_khz, 2445407U);
		EXPECT_EQ(info.buckets, 32U);
		EXPECT_EQ(info.generation, kvm.generation);
		EXPECT_TRUE(info.has(View::next));
		EXPECT_FALSE(info.has(View::hist));
	}
}

// What the model answers is what the other tests rest on.
TEST(Model, AnswersTotalToAnyEcxWithoutTheMagicNumber)
{
	FakeKvm kvm = detailed_vmx();
	const Regs total = kvm.cpuid()(leaf, selector(View::total, Scope::vm));
	EXPECT_EQ(pair_a(total), 14'795U);
	for (std::uint32_t top = 0; top < 0x1000; top++)
		for (const std::uint32_t rest : {0U, 0x10800U, 0x2080AU, 0xFFFFFU}) {
			const std::uint32_t ecx = top << 20 | rest;
			const bool magic = top == 0xE57;
			EXPECT_TRUE(magic || kvm.cpuid()(leaf, ecx) == total) << std::hex << ecx;
		}
}

TEST(Model, AnswersErrorsToWhatIsNotDefined)
{
	FakeKvm kvm = detailed_vmx();
	const auto refused = [&](std::uint32_t ecx) {
		return kvm.cpuid()(leaf, ecx) == error_answer;
	};
	for (std::uint8_t view = 6; view < 16; view++)
		EXPECT_TRUE(refused(selector(View(view), 0))) << int(view);
	for (std::uint8_t index = 0; index < 32; index++) {
		for (const View view : {View::total, View::reason, View::away, View::next})
			EXPECT_EQ(refused(selector(view, index, 10)), index > 1) << int(index);
		EXPECT_EQ(refused(selector(View::info, index)), index > 2) << int(index);
		EXPECT_EQ(refused(selector(View::hist, index, 10)), index > 15) << int(index);
	}
	// 5 has no name, 7 has one and never happened, 0x80 is out of range.
	for (const View view : {View::reason, View::away, View::hist}) {
		EXPECT_TRUE(refused(selector(view, 0, 5)));
		EXPECT_TRUE(refused(selector(view, 0, 0x80)));
		EXPECT_TRUE(refused(selector(view, 0, 0x7FE)));
		EXPECT_EQ(kvm.cpuid()(leaf, selector(view, 0, 7)), Regs{});
		EXPECT_EQ(kvm.cpuid()(leaf, selector(view, 0, other_reason)), Regs{});
	}
	EXPECT_TRUE(refused(selector(View::next, 0, 49)));
	kvm.vcpus[0][5] = {3, 30};
	kvm.vcpus[0][0x80] = {1, 10};
	EXPECT_EQ(pair_a(kvm.cpuid()(leaf, selector(View::reason, 0, 5))), 3U);
	EXPECT_EQ(pair_a(kvm.cpuid()(leaf, selector(View::next, 0, 49))), other_reason);
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

TEST(Detect, AViewThatItDoesNotKnowIsNoReason)
{
	FakeKvm kvm = detailed_vmx();
	kvm.views |= 1U << 6 | 1U << 15;
	EXPECT_EQ(read_vm(kvm, Details::all).reasons.size(), 4U);
}

TEST(Detect, AsksWithTheMagicNumberOnly)
{
	FakeKvm kvm = detailed_vmx();
	read_vm(kvm, Details::all);
	for (const std::uint32_t ecx : kvm.asked)
		EXPECT_EQ(ecx >> 20, 0xE57U);
}

TEST(Detect, MissingOptionalViewsAreNoReason)
{
	FakeKvm kvm = booted_vmx();
	kvm.views = 0b100111;
	EXPECT_FALSE(detect(kvm.cpuid()).has(View::away));
}

// An entry that userspace made without a significant index: every ECX answers INFO 0.
TEST(Detect, RefusesOneAnswerToAll)
{
	FakeKvm kvm = booted_vmx();
	const Regs info = kvm.cpuid()(leaf, selector(View::info, 0));
	kvm.tamper = [&](std::uint32_t, Regs &r) {
		r = info;
	};
	EXPECT_NE(why_unavailable(kvm).find("whatever it is asked for"), std::string::npos);
}

TEST(Detect, RefusesAnUnknownIsa)
{
	FakeKvm kvm = booted_vmx();
	kvm.isa = 3;
	EXPECT_EQ(why_unavailable(kvm), "the hypervisor counts the exits of an instruction set "
					"unknown to this program (3)");
}

TEST(Probe, SaysWhyNotWithoutThrowing)
{
	FakeKvm kvm = booted_vmx();
	const Probe found = probe(kvm.cpuid());
	ASSERT_TRUE(found.info);
	EXPECT_EQ(found.info->generation, kvm.generation);
	EXPECT_EQ(found.why_not, "");

	kvm.patched = false;
	const Probe missing = probe(kvm.cpuid());
	EXPECT_FALSE(missing.info);
	EXPECT_EQ(missing.why_not, why_unavailable(kvm));
}

// What of it is of the old host and what of the new one cannot be told: so all of it is read again.
TEST(Detect, AMoveMeanwhileIsNoticedByTheNextReading)
{
	for (int n = 1; n <= 3; n++) {
		FakeKvm kvm = detailed_vmx();
		kvm.before = [&kvm, left = n]() mutable {
			if (--left)
				return;
			kvm.generation++;
			kvm.tsc_khz = 3'000'000;
			kvm.buckets = 16;
			kvm.views = 0b100111;
		};
		Reader reader(kvm.cpuid());
		reader.read();
		EXPECT_EQ(reader.info().generation, kvm.generation) << n;
		EXPECT_EQ(reader.info().tsc_khz, 3'000'000U) << n;
		EXPECT_EQ(reader.info().buckets, 16U) << n;
		EXPECT_EQ(reader.info().views, 0b100111U) << n;
	}
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
