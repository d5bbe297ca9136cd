// SPDX-License-Identifier: GPL-2.0
#include "reasons/explain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <span>
#include <tuple>
#include <utility>

namespace exitstat
{

namespace
{

// ---- The texts ---------------------------------------------------------------------------------
//
// They say what KVM of Linux 6.1, 6.12 and 7.3 does: which exits it asks for, and when. No word is
// longer than a line of 40 columns has room for. Numbers are those that only newer headers name.
//
// It would break texts in odd places:
// clang-format off

/// What exit reasons share, most often one of VMX with its counterpart of SVM.
struct Topic {
	std::string_view causes;
	std::string_view advice;
};

/// Texts one after the other.
template <const std::string_view &...Parts>
class Joined
{
	static constexpr auto chars = [] {
		std::array<char, (Parts.size() + ...)> all{};
		std::size_t n = 0;
		const auto add = [&](std::string_view part) {
			for (const char c : part)
				all[n++] = c;
		};
		(add(Parts), ...);
		return all;
	}();

public:
	static constexpr std::string_view value{chars.data(), chars.size()};
};

constexpr std::string_view eol = "\n";
constexpr std::string_view in_guest = "In the guest: ";
constexpr std::string_view on_host = "On the host: ";

constexpr Topic nested_only{
	"KVM does not ask for this exit for itself. It is seen where this guest runs a "
	"hypervisor that asked for it: the VM-Exits of that hypervisor's guests are counted here "
	"too.",
	"Nothing here: look at the nested hypervisor and at what its guests do."};

constexpr Topic failed_entry{
	"A hypervisor's mistake or broken hardware; nothing a guest can do by running. Here it "
	"is not counted at all, as a VM-Entry that fails is no VM-Exit.",
	"Nothing to do: it stays 0. A VM that could not be entered is stopped, and the host's "
	"kernel log says why (kvm_intel.dump_invalid_vmcs=1 prints all of its state)."};

constexpr Topic host_interrupt{
	"The host's scheduler tick, as often as its CONFIG_HZ says while the vCPU is busy; "
	"timers of the host, which on SVM include the guest's own APIC timer; interrupts of the "
	"host's devices; IPIs, among them the kick by which KVM brings an interrupt to a running "
	"vCPU where the CPU cannot deliver it without an exit.",
	"Some hundred a second for each busy vCPU are the host's tick, and normal.\n"
	"In the guest: fewer interrupts, if they come by kicks: interrupt coalescing (ethtool "
	"-C), busy polling, wakeups that stay on one CPU.\n"
	"On the host: pin vCPUs to isolated CPUs (isolcpus=, nohz_full=, irqaffinity=) and keep "
	"device interrupts off them; enable APICv (kvm_intel.enable_apicv) or AVIC "
	"(kvm_amd.avic), for assigned devices also the posted interrupts of the IOMMU."};

constexpr Topic host_nmi{
	"The host's NMIs: sampling by perf, its NMI watchdog, backtraces of all CPUs, and "
	"hardware errors.",
	"Rarely a problem; nothing to do in the guest.\n"
	"On the host: end perf sessions, or let them count instead of sample; "
	"kernel.nmi_watchdog=0."};

constexpr Topic interrupt_window{
	"Interrupts that come while the guest has them disabled, or right behind STI, on a host "
	"that injects them by software: without APICv or AVIC, or with it inhibited, or with the "
	"APIC emulated in userspace. A few at boot, from the PIC, are seen even with APICv.",
	"In the guest: fewer interrupts, and shorter stretches of code with them disabled.\n"
	"On the host: APICv (kvm_intel.enable_apicv, on by default) or AVIC (kvm_amd.avic, off "
	"by default). If it is enabled, the tracepoint kvm:kvm_apicv_inhibit_changed says what "
	"inhibits it: Hyper-V's AutoEOI, for AVIC also the PIT's reinjection (QEMU: -global "
	"kvm-pit.lost_tick_policy=discard) or a nested guest."};

constexpr Topic nmi_return{
	"NMIs for the guest, which are overflows of its virtual counters, by perf or the NMI "
	"watchdog in it: one exit for each that it takes, on CPUs without virtual NMIs.",
	"In the guest: a lower sampling rate (perf record -F), nmi_watchdog=0.\n"
	"On the host: CPUs with virtual NMIs (kvm_amd.vnmi, since Linux 6.4)."};

constexpr Topic nmi_window{
	"A guest that gets NMIs faster than it handles them, which takes perf or the NMI "
	"watchdog in the guest: overflows of its virtual counters are NMIs.",
	"In the guest: a lower sampling rate (perf record -F), nmi_watchdog=0.\n"
	"On the host: nothing to do."};

constexpr Topic hlt{
	"An idle CPU: the kernel's idle loop ends in HLT. Loads that wait for somebody else "
	"again and again, such as request and response over a network, halt most. Handling "
	"cycles include the host's halt polling, in which KVM spins for up to kvm.halt_poll_ns "
	"before it puts the vCPU's thread to sleep; away cycles include all of the sleep.",
	"In an idle guest it is as it should be. What hurts is the latency of each wakeup.\n"
	"In the guest: the haltpoll governor polls a while before it halts (module "
	"cpuidle-haltpoll; force=1 where the host does not announce dedicated CPUs). idle=poll "
	"never halts, and burns the CPU.\n"
	"On the host: kvm.halt_poll_ns trades its CPU time for the guest's latency. On dedicated "
	"CPUs QEMU's -overcommit cpu-pm=on lets the guest halt without an exit, and -cpu "
	"host,kvm-hint-dedicated=on announces them."};

constexpr Topic pause_loop{
	"Spinning for a lock whose holder does not run: more vCPUs than CPUs on the host. KVM "
	"asks for PAUSE in loops only (on VMX with gaps below kvm_intel.ple_gap, for longer than "
	"kvm_intel.ple_window; on SVM kvm_amd.pause_filter_count of them), and then tries to run "
	"the vCPU that is waited for.",
	"In the guest: fewer vCPUs or fewer spinning threads; paravirtual spinlocks, which halt "
	"instead of spinning (no nopvspin on the command line).\n"
	"On the host: less overcommitment. On dedicated CPUs these exits have no use: "
	"-overcommit cpu-pm=on switches them off for a VM, ple_gap=0 or pause_filter_count=0 for "
	"all."};

constexpr Topic mwait{
	"A guest that uses MONITOR and MWAIT although its CPUID does not offer them, as old "
	"versions of macOS do. KVM makes them do nothing, so an idle loop built upon them spins "
	"at full speed, exit after exit.",
	"In the guest: idle=halt, or an idle driver that asks CPUID first.\n"
	"On the host: -overcommit cpu-pm=on gives the guest the real instructions, without "
	"exits, on CPUs that nobody else needs."};

constexpr Topic cpuid{
	"Starting programs: loader and C library ask for features and caches, dozens of times "
	"for each exec. Also run-time compilers and crypto libraries when they start, code that "
	"uses CPUID to serialize around RDTSC, and exitstat, which reads its counts this way.",
	"In the guest: start fewer processes, as one worker that stays instead of one for each "
	"request; keep what CPUID said; serialize with LFENCE (or RDTSCP) instead.\n"
	"On the host: nothing. The exit cannot be avoided, and is among the cheapest."};

constexpr Topic io{
	"Emulated devices of the PC: the 8250 serial port with several accesses for each "
	"character, RTC, PIC and PIT, PS/2, IDE, VGA, PCI configuration through 0xCF8 and 0xCFC, "
	"QEMU's firmware configuration at boot, the ACPI PM timer as clocksource, and doorbells "
	"of legacy virtio.",
	"A burst while the guest boots is normal.\n"
	"In the guest: the virtio console (hvc0) instead of ttyS0, or at least \"quiet\"; "
	"clocksource kvm-clock or tsc instead of acpi_pm; virtio instead of IDE disks.\n"
	"On the host: virtio 1 devices (disable-legacy=on), whose doorbells are memory; q35, "
	"where one access to memory configures PCI instead of two to ports; machine type microvm "
	"leaves most old devices out."};

constexpr std::string_view msr_write_causes =
	"Mostly the local APIC: arming the timer (IA32_TSC_DEADLINE, or the initial count with "
	"x2APIC), IPIs (ICR), and the EOI where the CPU does not virtualize it. Then the PMU, "
	"when perf or the NMI watchdog runs in the guest, and with Windows the synthetic timers "
	"of Hyper-V. The bases of FS and GS are the guest's own and do not exit.";
constexpr std::string_view msr_write_guest =
	"fewer timers and IPIs: nohz_full= for CPUs that compute, a larger timer slack for "
	"sleeps that need not be exact, threads that share memory kept together, so that TLB "
	"flushes and wakeups stay local; nmi_watchdog=0. perf record -e msr:write_msr -ag shows "
	"who writes what.";
constexpr std::string_view msr_write_host =
	"APICv and AVIC make EOIs free, and IPIs too with IPI virtualization "
	"(kvm_intel.enable_ipiv) or AVIC; offer tsc-deadline, one cheap write for each timer.";
constexpr std::string_view msr_read_causes =
	"Probing at boot; counters of the PMU and their controls, by perf; energy, temperature "
	"and frequency, by monitoring (turbostat, rdmsr, an agent); the timer's current count "
	"with x2APIC.";
constexpr std::string_view msr_read_guest =
	"rarely a problem after boot. perf record -e msr:read_msr -ag shows who reads; "
	"monitoring that polls MSRs is of little use in a VM.";

constexpr std::string_view writes = "Writes: ";
constexpr std::string_view writes_in_guest = "Writes, in the guest: ";
constexpr std::string_view writes_on_host = "Writes, on the host: ";
constexpr std::string_view reads = "Reads: ";
constexpr std::string_view reads_in_guest = "Reads, in the guest: ";

constexpr Topic msr_write{
	msr_write_causes, Joined<in_guest, msr_write_guest, eol, on_host, msr_write_host>::value};
constexpr Topic msr_read{msr_read_causes, Joined<in_guest, msr_read_guest>::value};
constexpr Topic msr{Joined<writes, msr_write_causes, eol, reads, msr_read_causes>::value,
		    Joined<writes_in_guest, msr_write_guest, eol, writes_on_host, msr_write_host,
			   eol, reads_in_guest, msr_read_guest>::value};

constexpr std::string_view memory_causes =
	"The first touch of each page, since a VM's memory is usually allocated on demand; "
	"touching it again after the balloon, free page reporting, swapping, KSM or NUMA "
	"balancing took it away; the first write to a page in each round of live migration or of "
	"a snapshot, where the CPU does not log it (PML); running code in huge pages, which KVM "
	"splits on Intel CPUs with the iTLB multihit bug; the first access to each page of a "
	"device's registers; writes to ROM and flash.";
constexpr std::string_view memory_guest =
	"touch memory early, before it matters; do not give memory back (balloon, page "
	"reporting) that is needed again soon.";
constexpr std::string_view memory_host =
	"huge pages, transparent or hugetlbfs, map 512 pages with one exit, and are worth most; "
	"prealloc=on makes first touches cheaper, not fewer; -overcommit mem-lock=on against "
	"swapping; no KSM and NUMA balancing for VMs that are placed well; kvm.nx_huge_pages=off "
	"where guests are trusted.";
constexpr std::string_view mmio_causes =
	"The doorbells of virtio 1 devices, which are cheap if the host takes them as an "
	"ioeventfd and never get to userspace; all registers of emulated devices (e1000, AHCI, "
	"NVMe, VGA, HPET), most of which do; MSI-X tables; PCI configuration of q35; the I/O "
	"APIC.";
constexpr std::string_view mmio_guest =
	"virtio instead of emulated devices; MSI-X instead of INTx, where each interrupt reads a "
	"status register; larger batches, for fewer doorbells; clocksource kvm-clock or tsc "
	"instead of hpet.";
constexpr std::string_view mmio_host =
	"vhost or vDPA for virtio, so that a doorbell wakes a thread and nothing more; an "
	"assigned device (VFIO), whose registers are mapped and do not exit, where even that is "
	"too much.";

constexpr std::string_view of_memory = "Memory: ";
constexpr std::string_view memory_in_guest = "Memory, in the guest: ";
constexpr std::string_view memory_on_host = "Memory, on the host: ";
constexpr std::string_view registers = "Registers: ";
constexpr std::string_view registers_in_guest = "Registers, in the guest: ";
constexpr std::string_view registers_on_host = "Registers, on the host: ";

constexpr Topic memory{memory_causes,
		       Joined<in_guest, memory_guest, eol, on_host, memory_host>::value};
constexpr Topic mmio{mmio_causes, Joined<in_guest, mmio_guest, eol, on_host, mmio_host>::value};
constexpr Topic npf{Joined<of_memory, memory_causes, eol, registers, mmio_causes>::value,
		    Joined<memory_in_guest, memory_guest, eol, memory_on_host, memory_host, eol,
			   registers_in_guest, mmio_guest, eol, registers_on_host,
			   mmio_host>::value};

constexpr Topic dirty_log{
	"Live migration, or a snapshot of a running VM: KVM logs which pages the guest writes, "
	"the CPU puts their addresses into a buffer of 512 entries, and exits when it is full.",
	"It ends with the migration.\n"
	"In the guest: writing less memory makes it end sooner.\n"
	"On the host: nothing; without the buffer (kvm_intel.pml=0) there is an EPT_VIOLATION "
	"for each page instead of one exit for 512."};

constexpr Topic shadow_paging{
	"KVM runs without nested paging (kvm_intel.ept=0, kvm_amd.npt=0, or a CPU that has none) "
	"and keeps shadow page tables: all page faults, context switches and TLB flushes of the "
	"guest come here. With nested paging they do not exit.",
	"In the guest: huge pages help a little; nothing helps much.\n"
	"On the host: enable EPT or NPT. A host that is a virtual machine itself needs it from "
	"its own hypervisor."};

constexpr Topic cr_setup{
	"Boot and the start of each CPU, where paging, SSE and protections are switched on; "
	"kexec; changes of MTRRs, which switch the caches off for a moment.",
	"Rarely a problem, as almost all of it is over after boot. Nothing to do."};

constexpr Topic cr_access{
	"Boot and the start of each CPU: KVM keeps most bits of CR0 and CR4 to itself, and only "
	"writes that change one of these exit. CR3 exits where KVM runs without EPT, at each "
	"context switch; CR8 where there is no TPR shadow.",
	"Rarely a problem, as almost all of it is over after boot. If it goes on, it is CR3.\n"
	"On the host: enable EPT (kvm_intel.ept), and unrestricted guests."};

constexpr Topic cr4_writes{
	"Boot and the start of each CPU. On SVM KVM takes all writes of CR4: also the pair that "
	"flushes global TLB entries by toggling PGE, in guests that have no INVPCID or do not "
	"use it.",
	"Rarely a problem after boot.\n"
	"On the host: a CPU model that offers INVPCID to the guest, so that Linux flushes with "
	"it."};

constexpr Topic task_priority{
	"Guests that hold interrupts off by the task priority: Windows, at each change of its "
	"IRQL. Linux does not use it. KVM asks for the exit only while an interrupt waits for "
	"the priority to fall.",
	"In the guest: fewer interrupts; nothing else.\n"
	"On the host: APICv or AVIC, where the CPU delivers the waiting interrupt itself."};

constexpr Topic debug_registers{
	"Debuggers that set hardware breakpoints (watchpoints of gdb, perf's mem: events), and "
	"each switch to and from a program that has some; each #DB that the guest handles. KVM "
	"lends the guest its debug registers at the first access, and takes them back at the "
	"next VM-Exit of any kind.",
	"Rarely a problem.\n"
	"In the guest: fewer hardware breakpoints.\n"
	"On the host: do not debug the guest (QEMU's gdb stub), for then every access exits."};

constexpr Topic apic_access{
	"EOIs, IPIs and timers of a guest in xAPIC mode, where APICv is missing or off: one exit "
	"each. With APICv, what is left are registers it does not know, such as the timer's "
	"current count.",
	"In the guest: x2APIC (do not boot with nox2apic): its registers are MSRs, which need no "
	"decoding of instructions.\n"
	"On the host: APICv (kvm_intel.enable_apicv); offer x2apic in the CPU model."};

constexpr Topic apic_write{
	"What APICv and AVIC leave to software: arming the timer by its initial count, changes "
	"of the LVT (perf unmasks its interrupt after each one), IPIs without IPI virtualization "
	"on VMX; with AVIC also the EOI of level-triggered interrupts, and reads of the timer's "
	"current count.",
	"In the guest: fewer timers and IPIs. The TSC-deadline timer costs an exit too, but a "
	"cheaper one.\n"
	"On the host: CPUs with IPI virtualization (kvm_intel.enable_ipiv) or x2AVIC; offer "
	"tsc-deadline and x2apic."};

constexpr Topic eoi{
	"Level-triggered interrupts through the I/O APIC: PCI devices on INTx pins, ACPI's SCI; "
	"also the RTC's. KVM has to know their end to raise them again.",
	"In the guest: MSI or MSI-X (lspci -v shows which is enabled; no pci=nomsi).\n"
	"On the host: devices that have MSI-X, as all virtio-pci devices do."};

constexpr Topic incomplete_ipi{
	"Wakeups and TLB flushes sent to a vCPU that halts or is scheduled out; NMI, INIT and "
	"SIPI; logical destinations with a vCPU in them that does not exist.",
	"In the guest: the haltpoll governor, as a polling vCPU is woken without an IPI; threads "
	"that share memory kept together.\n"
	"On the host: no more vCPUs than CPUs, pinned; -overcommit cpu-pm=on keeps halted vCPUs "
	"in the guest, where an IPI reaches them."};

constexpr Topic apic_timer{
	"The guest's APIC timer: ticks, sleeps, timeouts. One exit for each that fires while the "
	"vCPU runs, after the MSR_WRITE that armed it. It replaces an interrupt of the host, and "
	"is cheaper.",
	"In the guest: fewer timers: nohz_full= for CPUs that compute, a lower CONFIG_HZ, a "
	"larger timer slack.\n"
	"On the host: with -overcommit cpu-pm=on, APICv and nohz_full= (or "
	"kvm.pi_inject_timer=1) another CPU runs the timer and posts its interrupt, without an "
	"exit."};

constexpr Topic hypercall{
	"Linux: waking a vCPU that halted for a spinlock, IPIs to many vCPUs in one call, "
	"yielding to a preempted target of an IPI, the clock of ptp_kvm. Windows: Hyper-V's "
	"calls for TLB flushes and IPIs. Each replaces exits that would cost more.",
	"Rarely a problem.\n"
	"In the guest: what reduces lock contention and IPIs.\n"
	"On the host: no overcommitment, which is what makes locks and yields expensive. With "
	"dedicated CPUs, kvm-hint-dedicated=on makes Linux spin and flush as on hardware."};

constexpr Topic wbinvd{
	"Firmware, changes of MTRRs and the start or stop of CPUs; a driver that flushes caches, "
	"as some graphics drivers do. KVM skips it, unless a device whose DMA is not coherent is "
	"assigned: then it flushes the caches of all CPUs that the vCPU has run on.",
	"Rarely a problem without assigned devices.\n"
	"In the guest: drivers that flush by CLFLUSH instead.\n"
	"On the host: pin the vCPUs; do not assign such a device where latency matters."};

constexpr Topic invd{
	"Firmware that switches from cache-as-RAM to memory. KVM skips the instruction, as "
	"throwing away the host's caches would be fatal.",
	"Nothing to do: it is seen at most a few times at boot."};

constexpr Topic xsetbv{
	"The start of each CPU, at boot and after suspend: the kernel sets there which FPU state "
	"XSAVE saves, and does not change it again.",
	"Nothing to do: one or two for each vCPU are normal."};

constexpr Topic rdpmc{
	"perf in the guest, which reads counters with RDPMC, and programs that read them from "
	"user mode (PAPI, likwid). The virtual PMU is emulated with events of the host's perf.",
	"In the guest: a lower sampling rate (perf record -F); measure larger pieces of code, so "
	"that counters are read less often.\n"
	"On the host: without a virtual PMU (-cpu ...,pmu=off) there is nothing to read."};

constexpr Topic hidden_instruction{
	"The CPU has the instruction, the guest's CPUID does not offer it, and the guest "
	"executes it all the same. KVM answers with #UD.",
	"In the guest: ask CPUID first; a SIGILL shows which program does not.\n"
	"On the host: offer the feature in the CPU model."};

constexpr Topic bus_lock{
	"An atomic operation on data that crosses a cache line (a split lock) or lies in "
	"uncached memory. It holds up the memory of the whole machine. Seen only if userspace "
	"asked for it (KVM_CAP_X86_BUS_LOCK_EXIT), and not for bus locks that another exit "
	"reports.",
	"In the guest: align what is locked; perf's event sq_misc.split_lock finds it, if there "
	"is a virtual PMU.\n"
	"On the host: QEMU's -machine bus-lock-ratelimit= slows such a guest down, to protect "
	"the others."};

constexpr Topic notify{
	"Endless delivery of exceptions in microcode (as in CVE-2015-5307 and CVE-2015-8104), "
	"which otherwise would take the CPU from the host for good. Hardly ever anything but an "
	"attack or a test.",
	"In the guest: find what loops; an ordinary load does not get there.\n"
	"On the host: -accel kvm,notify-vmexit=internal-error stops such a guest; if harmless "
	"guests are hit, a larger notify-window=."};

constexpr Topic guest_crash{
	"Page tables, stacks or an IDT that are broken; or a reset on purpose: firmware, and "
	"Linux with reboot=triple or when its other ways to reboot fail.",
	"In the guest: look for a crash right before it (serial console, kdump). The VM and its "
	"counts outlive the reset, so it can be seen afterwards.\n"
	"On the host: QEMU's -action reboot=shutdown,shutdown=pause keeps the state for a look."};

constexpr Topic task_switch{
	"32-bit systems that switch tasks by hardware: DOS extenders, OS/2, the double-fault "
	"task gate of 32-bit Linux. 64-bit mode has no such thing. KVM emulates all of it.",
	"Nothing to do: not seen in 64-bit guests."};

constexpr Topic umip{
	"The CPU has no UMIP, and KVM offers it to the guest all the same: while CR4.UMIP is "
	"set, all of these instructions come here and are emulated. Usually it is the boot, "
	"programs with an LDT of their own (Wine), or ones that look whether they are in a VM.",
	"Rarely a problem. If it is one:\n"
	"On the host: a CPU model with umip=off."};

constexpr Topic sgx{
	"Creation of an SGX enclave in the guest. KVM checks the attributes of a new enclave "
	"(ECREATE) and brings in the guest's launch keys (EINIT); the other functions run "
	"without an exit.",
	"In the guest: keep enclaves instead of creating one for each request.\n"
	"On the host: nothing to do."};

constexpr Topic vmx_in_guest{
	"A hypervisor runs in this guest, and each exit of its own guests makes it execute a few "
	"of these. The heaviest are VMLAUNCH and VMRESUME, in which KVM makes one VMCS of two.",
	"In the guest: fewer exits of the nested guests; what this program advises holds for "
	"them.\n"
	"On the host: VMCS shadowing (kvm_intel.enable_shadow_vmcs, on by default) spares most "
	"VMREAD and VMWRITE; for Hyper-V in the guest, hv-evmcs. Where nesting is off "
	"(kvm_intel.nested=0), the instructions get #UD."};

constexpr Topic svm_in_guest{
	"A hypervisor runs in this guest, and each exit of its own guests makes it execute some "
	"of these. The heaviest is VMRUN, in which KVM makes one VMCB of two.",
	"In the guest: fewer exits of the nested guests; what this program advises holds for "
	"them.\n"
	"On the host: CPUs with virtual VMLOAD and VMSAVE (kvm_amd.vls) and a virtual GIF "
	"(kvm_amd.vgif), both on by default, leave little but VMRUN. Where nesting is off "
	"(kvm_amd.nested=0), the instructions get #UD."};

constexpr Topic debug_exception{
	"A debugger in the guest that steps or has hit a breakpoint register: KVM sees every "
	"#DB, and gives it back to the guest unless the host is the debugger.",
	"In the guest: single steps are expensive; use breakpoints.\n"
	"On the host: nothing, but to end a debugging session with the gdb stub."};

constexpr Topic breakpoint_exception{
	"Software breakpoints that a debugger on the host has set (QEMU's gdb stub). The guest's "
	"own do not exit.",
	"On the host: end the debugging session. Otherwise it is seen in nested guests only."};

constexpr Topic undefined_opcode{
	"KVM sees every #UD: it emulates the few instructions that it must (SYSENTER on a CPU of "
	"another vendor, the other vendor's hypercall), and gives all others back to the guest. "
	"Linux's WARN and BUG are UD2, too.",
	"In the guest: look for SIGILL and for warnings in dmesg; have programs ask CPUID, "
	"instead of trying an instruction and catching the signal.\n"
	"On the host: offer the guest the CPU's own vendor and features."};

constexpr Topic alignment_check{
	"A program that sets EFLAGS.AC, which hardly any does. KVM gives the exception back to "
	"the guest; it asks for it because a guest that faults endlessly while it delivers #AC "
	"would otherwise hang the CPU (CVE-2015-5307).",
	"In the guest: align the data, or do not set EFLAGS.AC."};

constexpr Topic machine_check{
	"Hardware errors, most often of memory.",
	"On the host: its kernel log and rasdaemon. Replace the part."};

constexpr Topic protection_fault{
	"KVM asks for it with enable_vmware_backdoor=Y of kvm, and for guests that enable SVM on "
	"CPUs whose VMRUN, VMLOAD and VMSAVE fault wrongly. It gives all other #GP back to the "
	"guest.",
	"Rarely a problem.\n"
	"On the host: leave enable_vmware_backdoor off."};

constexpr Topic exception_or_nmi{
	"NMIs of the host (perf, its NMI watchdog). Of exceptions, KVM asks for #UD, which is "
	"also what Linux's WARN is; #DB, of each single step under a debugger; #AC, of split "
	"locks; #MC; #NM of guests that use XFD, to enable AMX at its first use; and #PF where "
	"there is no EPT. Most go back to the guest at once.",
	"In the guest: look for programs that are single-stepped, get SIGILL, or lock data "
	"across cache lines.\n"
	"On the host: end perf sessions, kernel.nmi_watchdog=0; enable EPT. The tracepoint "
	"kvm:kvm_exit has the vector in intr_info."};

constexpr Topic smm{
	"Firmware in system management mode, as OVMF with Secure Boot: each write of a UEFI "
	"variable is an SMI.",
	"Rarely a problem: it ends with the boot, or with what writes UEFI variables."};

constexpr Topic host_smi{
	"The host's firmware: USB keyboards and disks of old, corrected memory errors, power "
	"management.",
	"Nothing to do in the guest.\n"
	"On the host: firmware settings; perf stat -e ls_smi_rx shows how many there are."};

constexpr Topic encrypted_guest{
	"An SEV-ES or SEV-SNP guest: its registers are encrypted, so it passes what KVM has to "
	"know itself, from its #VC handler: CPUID, MSRs, I/O ports, registers of devices. Each "
	"counts here, not under its own reason.",
	"In the guest: what reduces those: no serial console, MSI-X, fewer timers and "
	"processes.\n"
	"On the host: nothing; it is the price of the encryption."};

constexpr Topic encrypted_guest_cr{
	"Boot and the start of each CPU of an SEV-ES guest: KVM cannot take the write from it, "
	"as its registers are encrypted, and is told the new value after it.",
	"Rarely a problem. Nothing to do; not seen in guests without SEV-ES."};

constexpr Topic init_signal{
	"The host's hardware, when a CPU is reset. An INIT that one vCPU sends to another is "
	"emulated by KVM and is not this exit, but a write of the sender's APIC.",
	"Nothing to do: it stays 0."};

constexpr Topic sipi_signal{
	"Only a vCPU that the hypervisor entered in the state \"wait for SIPI\" can have it. KVM "
	"starts CPUs by software and does not use that state.",
	"Nothing to do: it stays 0, but for nested hypervisors that use the state."};

constexpr Topic without_a_name{
	"A CPU newer than the kernel whose headers name the exits; on SVM also RDPRU, which KVM "
	"answers with #UD.",
	"Look the code up in the manual; an exitstat built with the headers of a newer kernel may "
	"know its name."};

constexpr Topic without_a_counter{
	"A CPU newer than the host's kernel, or a code that no CPU has.",
	"If there are many: the tracepoint kvm:kvm_exit on the host shows the code."};

// ---- Where the manuals have it -----------------------------------------------------------------

constexpr std::string_view sdm_instructions =
	"Intel SDM volume 3, chapter \"VMX Non-Root Operation\", section \"Instructions That "
	"Cause VM Exits\"";
constexpr std::string_view sdm_other =
	"Intel SDM volume 3, chapter \"VMX Non-Root Operation\", section \"Other Causes of VM "
	"Exits\"";
constexpr std::string_view sdm_features =
	"Intel SDM volume 3, chapter \"VMX Non-Root Operation\", section \"Features Specific to "
	"VMX Non-Root Operation\"";
constexpr std::string_view sdm_apic =
	"Intel SDM volume 3, chapter \"APIC Virtualization and Virtual Interrupts\"";
constexpr std::string_view sdm_ept =
	"Intel SDM volume 3, chapter \"VMX Support for Address Translation\", section \"The "
	"Extended Page Table Mechanism (EPT)\"";
constexpr std::string_view sdm_entries = "Intel SDM volume 3, chapter \"VM Entries\"";
constexpr std::string_view sdm_appendix = "Intel SDM volume 3, appendix \"VMX Basic Exit Reasons\"";

constexpr std::string_view apm_instructions =
	"AMD APM volume 2, chapter \"Secure Virtual Machine\", section \"Instruction "
	"Intercepts\"";
constexpr std::string_view apm_io =
	R"(AMD APM volume 2, chapter "Secure Virtual Machine", section "IOIO Intercepts")";
constexpr std::string_view apm_msr =
	R"(AMD APM volume 2, chapter "Secure Virtual Machine", section "MSR Intercepts")";
constexpr std::string_view apm_exceptions =
	R"(AMD APM volume 2, chapter "Secure Virtual Machine", section "Exception Intercepts")";
constexpr std::string_view apm_interrupts =
	R"(AMD APM volume 2, chapter "Secure Virtual Machine", section "Interrupt Intercepts")";
constexpr std::string_view apm_miscellaneous =
	"AMD APM volume 2, chapter \"Secure Virtual Machine\", section \"Miscellaneous "
	"Intercepts\"";
constexpr std::string_view apm_paging =
	R"(AMD APM volume 2, chapter "Secure Virtual Machine", section "Nested Paging")";
constexpr std::string_view apm_avic =
	"AMD APM volume 2, chapter \"Secure Virtual Machine\", section \"Advanced Virtual "
	"Interrupt Controller\"";
constexpr std::string_view apm_sev_es =
	"AMD APM volume 2, chapter \"Secure Virtual Machine\", section \"Encrypted State "
	"(SEV-ES)\"";
constexpr std::string_view apm_appendix = "AMD APM volume 2, appendix \"SVM Intercept Exit Codes\"";

// ---- Which reason has which --------------------------------------------------------------------

/// An explanation, and the codes it is for: first to last, of which those count that have a name.
struct Entry {
	std::int64_t first, last;
	Explanation text;
};

constexpr Entry entry(std::int64_t first, std::int64_t last, std::string_view summary,
		      std::string_view meaning, const Topic &topic, std::string_view source)
{
	return {first, last, {summary, meaning, topic.causes, topic.advice, source}};
}

constexpr Entry entry(std::int64_t code, std::string_view summary, std::string_view meaning,
		      const Topic &topic, std::string_view source)
{
	return entry(code, code, summary, meaning, topic, source);
}

// The first entry that has the code is taken: what is special comes before what is general.

constexpr Entry vmx_entries[] = {
	entry(EXIT_REASON_EXCEPTION_NMI, "an exception that KVM asked for, or an NMI of the host",
	      "An exception was raised in the guest that KVM wants to see first, or a "
	      "non-maskable interrupt of the host came while the guest ran.",
	      exception_or_nmi, sdm_other),
	entry(EXIT_REASON_EXTERNAL_INTERRUPT, "an interrupt of the host came while the guest ran",
	      "A hardware interrupt came to the CPU while the guest ran on it. It is the host's, "
	      "which handles it before the guest goes on.",
	      host_interrupt, sdm_other),
	entry(EXIT_REASON_TRIPLE_FAULT, "the guest crashed, or reset itself by crashing",
	      "The guest could not even deliver a double fault: on hardware the machine would "
	      "reset, and so does the VM.",
	      guest_crash, sdm_other),
	entry(EXIT_REASON_INIT_SIGNAL, "an INIT signal reached the physical CPU",
	      "An INIT came to the physical CPU while the guest ran on it.",
	      init_signal, sdm_other),
	entry(EXIT_REASON_SIPI_SIGNAL, "a start-up IPI reached a CPU that waits for one",
	      "A start-up IPI (SIPI) came to a vCPU that waits for it in hardware.",
	      sipi_signal, sdm_other),
	entry(EXIT_REASON_INTERRUPT_WINDOW, "the guest can take the interrupt that KVM has for it",
	      "KVM had an interrupt for the guest while the guest could take none, and asked to "
	      "be told when it can. Now it can.",
	      interrupt_window, sdm_other),
	entry(EXIT_REASON_NMI_WINDOW, "the guest can take the NMI that KVM has for it",
	      "KVM had an NMI for the guest while the guest still handled one, and asked to be "
	      "told when it is through.",
	      nmi_window, sdm_other),
	entry(EXIT_REASON_TASK_SWITCH, "a task switch by hardware (TSS)",
	      "The guest switched tasks by a TSS or a task gate, which VMX cannot do in a guest.",
	      task_switch, sdm_other),
	entry(EXIT_REASON_CPUID, "CPUID was executed",
	      "The guest executed CPUID. It exits always; KVM answers from the table that "
	      "userspace gave it.",
	      cpuid, sdm_instructions),
	entry(EXIT_REASON_HLT, "HLT was executed: the vCPU is idle",
	      "The guest executed HLT: this vCPU has nothing to do until the next interrupt. Its "
	      "away cycles are time the guest was idle, not time it lost.",
	      hlt, sdm_instructions),
	entry(EXIT_REASON_INVD, "INVD was executed",
	      "The guest executed INVD, which drops the caches without writing them back. It "
	      "exits always.",
	      invd, sdm_instructions),
	entry(EXIT_REASON_INVLPG, "INVLPG was executed, without EPT",
	      "The guest dropped the translation of one page from its TLB, and KVM has to drop "
	      "it from its shadow page tables.",
	      shadow_paging, sdm_instructions),
	entry(EXIT_REASON_RDPMC, "a performance counter was read with RDPMC",
	      "The guest read a performance counter. KVM emulates it: it always asks for this "
	      "exit.",
	      rdpmc, sdm_instructions),
	entry(EXIT_REASON_RDTSC, "RDTSC was executed, and somebody asked to see it",
	      "The guest read the TSC. KVM does not ask for this exit: the CPU adds an offset "
	      "and scales by itself, and time is read at full speed.",
	      nested_only, sdm_instructions),
	entry(EXIT_REASON_VMCALL, "a hypercall",
	      "The guest called its hypervisor with VMCALL, which exits always.",
	      hypercall, sdm_instructions),
	entry(EXIT_REASON_VMCLEAR, "VMCLEAR: a nested hypervisor puts a VMCS away",
	      "A hypervisor in the guest wrote a VMCS back to memory, to begin or end its use.",
	      vmx_in_guest, sdm_instructions),
	entry(EXIT_REASON_VMLAUNCH, "VMLAUNCH: a nested hypervisor starts its guest",
	      "A hypervisor in the guest entered a guest of its own, for the first time.",
	      vmx_in_guest, sdm_instructions),
	entry(EXIT_REASON_VMPTRLD, "VMPTRLD: a nested hypervisor selects a VMCS",
	      "A hypervisor in the guest selected the VMCS that it works on.",
	      vmx_in_guest, sdm_instructions),
	entry(EXIT_REASON_VMPTRST, "VMPTRST: a nested hypervisor asks for its VMCS",
	      "A hypervisor in the guest asked which VMCS it works on.",
	      vmx_in_guest, sdm_instructions),
	entry(EXIT_REASON_VMREAD, "VMREAD: a nested hypervisor reads from its VMCS",
	      "A hypervisor in the guest read a field of its VMCS.",
	      vmx_in_guest, sdm_instructions),
	entry(EXIT_REASON_VMRESUME, "VMRESUME: a nested hypervisor enters its guest",
	      "A hypervisor in the guest entered a guest of its own again.",
	      vmx_in_guest, sdm_instructions),
	entry(EXIT_REASON_VMWRITE, "VMWRITE: a nested hypervisor writes to its VMCS",
	      "A hypervisor in the guest wrote a field of its VMCS.",
	      vmx_in_guest, sdm_instructions),
	entry(EXIT_REASON_VMOFF, "VMXOFF: a nested hypervisor leaves VMX",
	      "A hypervisor in the guest ended its use of VMX.", vmx_in_guest, sdm_instructions),
	entry(EXIT_REASON_VMON, "VMXON: a nested hypervisor enters VMX",
	      "A hypervisor in the guest began to use VMX.", vmx_in_guest, sdm_instructions),
	entry(EXIT_REASON_CR_ACCESS, "a control register was written (CR0, CR3, CR4, CR8)",
	      "The guest wrote a control register in a way that KVM watches, or read CR3 or CR8. "
	      "The exit qualification says which one.",
	      cr_access, sdm_instructions),
	entry(EXIT_REASON_DR_ACCESS, "a debug register was accessed (DR0 to DR7)",
	      "The guest moved to or from a debug register.", debug_registers, sdm_instructions),
	entry(EXIT_REASON_IO_INSTRUCTION, "an I/O port was accessed (IN, OUT, INS, OUTS)",
	      "The guest accessed an I/O port. KVM lets the guest have none, so each access "
	      "exits; most are handled in userspace (see TO USER).",
	      io, sdm_instructions),
	entry(EXIT_REASON_MSR_READ, "an MSR was read that KVM emulates",
	      "The guest executed RDMSR for an MSR that KVM does not pass through.",
	      msr_read, sdm_instructions),
	entry(EXIT_REASON_MSR_WRITE, "an MSR was written that KVM emulates: timers, IPIs",
	      "The guest executed WRMSR for an MSR that KVM does not pass through.",
	      msr_write, sdm_instructions),
	entry(EXIT_REASON_INVALID_STATE, "VM-Entry failed: invalid guest state",
	      "The CPU refused to enter the guest, as its state in the VMCS breaks a rule.",
	      failed_entry, sdm_entries),
	entry(EXIT_REASON_MSR_LOAD_FAIL, "VM-Entry failed: an MSR could not be loaded",
	      "The CPU refused to enter the guest, as an MSR of the VM-entry MSR-load area "
	      "cannot have its value.",
	      failed_entry, sdm_entries),
	entry(EXIT_REASON_MWAIT_INSTRUCTION, "MWAIT was executed",
	      "The guest wanted to wait with MWAIT for a write to memory.",
	      mwait, sdm_instructions),
	entry(EXIT_REASON_MONITOR_TRAP_FLAG,
	      "one instruction was executed under the trap flag of VMX",
	      "The guest ran for one instruction, and exited as the monitor trap flag told it "
	      "to.",
	      nested_only, sdm_features),
	entry(EXIT_REASON_MONITOR_INSTRUCTION, "MONITOR was executed",
	      "The guest set up an address for MWAIT to watch.", mwait, sdm_instructions),
	entry(EXIT_REASON_PAUSE_INSTRUCTION, "PAUSE was executed in a loop: spinning for a lock",
	      "A vCPU has spun with PAUSE, in kernel mode, for longer than locks should be held.",
	      pause_loop, sdm_instructions),
	entry(EXIT_REASON_MCE_DURING_VMENTRY, "VM-Entry failed: a machine check came",
	      "A machine check (MCE) came while the CPU entered the guest.",
	      failed_entry, sdm_entries),
	entry(EXIT_REASON_TPR_BELOW_THRESHOLD, "the task priority fell, and an interrupt waits",
	      "The guest lowered its task priority (TPR) below that of an interrupt KVM has for "
	      "it.",
	      task_priority, sdm_apic),
	entry(EXIT_REASON_APIC_ACCESS, "the local APIC's memory was accessed (xAPIC)",
	      "The guest accessed the page of its local APIC in a way that the CPU does not "
	      "virtualize; KVM decodes and emulates the instruction, but for a plain EOI.",
	      apic_access, sdm_apic),
	entry(EXIT_REASON_EOI_INDUCED, "the end of an interrupt that KVM has to know about",
	      "The guest ended an interrupt (EOI). The CPU did that by itself (APICv), and tells "
	      "KVM for vectors that KVM has marked.",
	      eoi, sdm_apic),
	entry(EXIT_REASON_GDTR_IDTR, "GDTR or IDTR was loaded or stored",
	      "The guest executed LGDT, LIDT, SGDT or SIDT.", umip, sdm_instructions),
	entry(EXIT_REASON_LDTR_TR, "LDTR or TR was loaded or stored",
	      "The guest executed LLDT, LTR, SLDT or STR.", umip, sdm_instructions),
	entry(EXIT_REASON_EPT_VIOLATION, "memory was accessed that EPT does not map or allow",
	      "The guest accessed memory that the extended page tables (EPT) do not map, or not "
	      "for such an access: a page fault of the VM. KVM finds or allocates a page and "
	      "maps it.",
	      memory, sdm_ept),
	entry(EXIT_REASON_EPT_MISCONFIG, "a device's register was accessed (MMIO)",
	      "The guest accessed an address whose EPT entry is invalid on purpose: that is how "
	      "KVM marks memory-mapped registers of devices after the first access to them, and "
	      "is not an error.",
	      mmio, sdm_ept),
	entry(EXIT_REASON_INVEPT, "INVEPT: a nested hypervisor drops translations",
	      "A hypervisor in the guest dropped translations that come from its own EPT.",
	      vmx_in_guest, sdm_instructions),
	entry(EXIT_REASON_RDTSCP, "RDTSCP was executed, and somebody asked to see it",
	      "The guest read the TSC with RDTSCP. KVM does not ask for this exit.",
	      nested_only, sdm_instructions),
	entry(EXIT_REASON_PREEMPTION_TIMER, "the VMX-preemption timer fired: the guest's timer",
	      "The VMX-preemption timer ran down. KVM sets it to the deadline of the guest's "
	      "APIC timer, and to 0 when it wants the CPU back at once.",
	      apic_timer, sdm_features),
	entry(EXIT_REASON_INVVPID, "INVVPID: a nested hypervisor drops translations",
	      "A hypervisor in the guest dropped translations of a guest of its own, by its "
	      "VPID.",
	      vmx_in_guest, sdm_instructions),
	entry(EXIT_REASON_WBINVD, "WBINVD was executed: write back and drop all caches",
	      "The guest executed WBINVD, or WBNOINVD, to write all caches back to memory.",
	      wbinvd, sdm_instructions),
	entry(EXIT_REASON_XSETBV, "XSETBV was executed: FPU state was enabled",
	      "The guest wrote XCR0, which says what XSAVE saves. It exits always.",
	      xsetbv, sdm_instructions),
	entry(EXIT_REASON_APIC_WRITE, "a register of the local APIC was written (APICv)",
	      "The guest wrote a register of its local APIC. The CPU has stored the value, and "
	      "leaves what it is to do to KVM.",
	      apic_write, sdm_apic),
	entry(EXIT_REASON_RDRAND, "RDRAND was executed, which CPUID does not offer",
	      "The guest executed RDRAND, which is hidden from it.",
	      hidden_instruction, sdm_instructions),
	entry(EXIT_REASON_INVPCID, "INVPCID was executed, without EPT",
	      "The guest dropped translations from its TLB, and KVM has to drop them from its "
	      "shadow page tables.",
	      shadow_paging, sdm_instructions),
	entry(EXIT_REASON_VMFUNC, "VMFUNC was executed",
	      "The guest, or a guest of it, called a VM function (switching the EPT). KVM offers "
	      "none to its own guests.",
	      nested_only, sdm_features),
	entry(EXIT_REASON_ENCLS, "an SGX enclave was created (ENCLS)",
	      "The guest's kernel executed ENCLS with a function that KVM has to check.",
	      sgx, sdm_instructions),
	entry(EXIT_REASON_RDSEED, "RDSEED was executed, which CPUID does not offer",
	      "The guest executed RDSEED, which is hidden from it.",
	      hidden_instruction, sdm_instructions),
	entry(EXIT_REASON_PML_FULL, "the log of written pages is full: live migration",
	      "The CPU logged the addresses of pages that the guest wrote (page-modification "
	      "logging), and the log is full.",
	      dirty_log, sdm_ept),
	entry(EXIT_REASON_XSAVES, EXIT_REASON_XRSTORS, "supervisor FPU state was saved or restored",
	      "The guest executed XSAVES or XRSTORS with a component of state that the "
	      "hypervisor marked. KVM marks none.",
	      nested_only, sdm_instructions),
	entry(EXIT_REASON_UMWAIT, EXIT_REASON_TPAUSE, "UMWAIT or TPAUSE was executed",
	      "The guest wanted to wait until the TSC has a value. The two exit where RDTSC "
	      "does, which KVM does not ask for.",
	      nested_only, sdm_instructions),
	entry(EXIT_REASON_BUS_LOCK, "a bus lock: an atomic operation across cache lines",
	      "The guest locked the bus. The exit comes after the instruction.",
	      bus_lock, sdm_other),
	entry(EXIT_REASON_NOTIFY, "the guest took no event for too long",
	      "For longer than the notify window the CPU found no moment to take an interrupt in "
	      "the guest. The SDM calls this an instruction timeout.",
	      notify, sdm_other),
	entry(77, "TDCALL was executed outside of a trust domain",
	      "The guest executed TDCALL, which only guests of the TDX module can use.",
	      hidden_instruction, sdm_instructions),
	entry(84, "an MSR was read that KVM emulates (immediate RDMSR)",
	      "The guest executed RDMSR with the MSR's number in the instruction, for an MSR that "
	      "KVM does not pass through.",
	      msr_read, sdm_instructions),
	entry(85, "an MSR was written that KVM emulates (immediate WRMSR)",
	      "The guest executed WRMSRNS with the MSR's number in the instruction, for an MSR that "
	      "KVM does not pass through.",
	      msr_write, sdm_instructions),
	entry(other_reason, "all exits whose reason is not counted by itself",
	      "VM-Exits with a basic exit reason above 127, all together.", without_a_counter,
	      sdm_appendix),
};

constexpr Entry svm_entries[] = {
	entry(SVM_EXIT_READ_CR0, "CR0 was read, with the caches disabled in it",
	      "The guest read CR0 while KVM holds another one in hardware: with the caches "
	      "disabled (CD, NW), or with shadow paging.",
	      cr_setup, apm_instructions),
	entry(SVM_EXIT_READ_CR3, "CR3 was read, without nested paging",
	      "The guest read the address of its page tables, while the hardware has that of "
	      "KVM's.",
	      shadow_paging, apm_instructions),
	entry(SVM_EXIT_READ_CR4, "CR4 was read",
	      "The guest read CR4. KVM always asks for this exit; Linux keeps the value and "
	      "rarely reads it.",
	      cr_setup, apm_instructions),
	entry(SVM_EXIT_WRITE_CR0, "CR0 was written, with the caches disabled in it",
	      "The guest wrote CR0 while KVM holds another one in hardware: with the caches "
	      "disabled (CD, NW), or with shadow paging.",
	      cr_setup, apm_instructions),
	entry(SVM_EXIT_WRITE_CR3, "CR3 was written, without nested paging",
	      "The guest switched its page tables, and KVM has to switch the shadow ones.",
	      shadow_paging, apm_instructions),
	entry(SVM_EXIT_WRITE_CR4, "CR4 was written",
	      "The guest wrote CR4.", cr4_writes, apm_instructions),
	entry(SVM_EXIT_WRITE_CR8, "the task priority changed, and an interrupt waits",
	      "The guest wrote CR8, its task priority, while KVM has an interrupt for it that "
	      "the priority holds off.",
	      task_priority, apm_instructions),
	entry(SVM_EXIT_READ_CR0, SVM_EXIT_WRITE_CR8, "CR2 was accessed, or CR8 read",
	      "The guest moved to or from CR2, or from CR8.", nested_only, apm_instructions),
	entry(SVM_EXIT_READ_DR0, SVM_EXIT_READ_DR7, "a debug register was read (DR0 to DR7)",
	      "The guest read a debug register.", debug_registers, apm_instructions),
	entry(SVM_EXIT_WRITE_DR0, SVM_EXIT_WRITE_DR7, "a debug register was written (DR0 to DR7)",
	      "The guest wrote a debug register.", debug_registers, apm_instructions),

	entry(SVM_EXIT_EXCP_BASE + DB_VECTOR, "debug exception (#DB)",
	      "A debug exception was raised in the guest: a single step, or a breakpoint "
	      "register.",
	      debug_exception, apm_exceptions),
	entry(SVM_EXIT_EXCP_BASE + BP_VECTOR, "software breakpoint (#BP)",
	      "The guest executed INT3 while a debugger on the host waits for it.",
	      breakpoint_exception, apm_exceptions),
	entry(SVM_EXIT_EXCP_BASE + UD_VECTOR, "undefined instruction (#UD)",
	      "The guest executed an instruction that is not defined, or not enabled.",
	      undefined_opcode, apm_exceptions),
	entry(SVM_EXIT_EXCP_BASE + GP_VECTOR, "general-protection fault (#GP)",
	      "The guest caused a general-protection fault.", protection_fault, apm_exceptions),
	entry(SVM_EXIT_EXCP_BASE + PF_VECTOR, "page fault of the guest, without nested paging",
	      "The guest caused a page fault, and KVM has to see whether it is one of the "
	      "guest's or of its shadow page tables.",
	      shadow_paging, apm_exceptions),
	entry(SVM_EXIT_EXCP_BASE + AC_VECTOR, "alignment check (#AC)",
	      "The guest accessed data that are not aligned, where that is forbidden.",
	      alignment_check, apm_exceptions),
	entry(SVM_EXIT_EXCP_BASE + MC_VECTOR, "machine check (#MC)",
	      "The hardware reported an error while the guest ran.", machine_check, apm_exceptions),
	entry(SVM_EXIT_EXCP_BASE + DE_VECTOR, "divide error (#DE)",
	      "The guest divided by 0, or the quotient was too large.",
	      nested_only, apm_exceptions),
	entry(SVM_EXIT_EXCP_BASE + OF_VECTOR, "overflow (#OF)",
	      "The guest executed INTO with the overflow flag set.", nested_only, apm_exceptions),
	entry(SVM_EXIT_EXCP_BASE + BR_VECTOR, "bound range exceeded (#BR)",
	      "The guest executed BOUND with an index out of bounds.", nested_only, apm_exceptions),
	entry(SVM_EXIT_EXCP_BASE + NM_VECTOR, "x87 or SSE not available (#NM)",
	      "The guest used the FPU while CR0.TS or CR0.EM forbade it.",
	      nested_only, apm_exceptions),
	entry(SVM_EXIT_EXCP_BASE + DF_VECTOR, "double fault (#DF)",
	      "An exception came while the guest delivered another one.",
	      nested_only, apm_exceptions),
	entry(SVM_EXIT_EXCP_BASE + TS_VECTOR, "invalid TSS (#TS)",
	      "The guest used a task-state segment that is not valid.",
	      nested_only, apm_exceptions),
	entry(SVM_EXIT_EXCP_BASE + NP_VECTOR, "segment not present (#NP)",
	      "The guest loaded a segment that is marked as not present.",
	      nested_only, apm_exceptions),
	entry(SVM_EXIT_EXCP_BASE + SS_VECTOR, "stack fault (#SS)",
	      "The guest used its stack outside of the segment, or by an address that is not "
	      "canonical.",
	      nested_only, apm_exceptions),
	entry(SVM_EXIT_EXCP_BASE + MF_VECTOR, "x87 floating-point error (#MF)",
	      "An unmasked error of the x87 FPU was raised in the guest.",
	      nested_only, apm_exceptions),
	entry(SVM_EXIT_EXCP_BASE + XM_VECTOR, "SIMD floating-point error (#XF)",
	      "An unmasked error of SSE or AVX arithmetic was raised in the guest.",
	      nested_only, apm_exceptions),
	entry(SVM_EXIT_EXCP_BASE, SVM_EXIT_LAST_EXCP, "another exception",
	      "The guest caused an exception.", nested_only, apm_exceptions),

	entry(SVM_EXIT_INTR, "an interrupt of the host came while the guest ran",
	      "A hardware interrupt came to the CPU while the guest ran on it. It is the host's, "
	      "which handles it before the guest goes on.",
	      host_interrupt, apm_interrupts),
	entry(SVM_EXIT_NMI, "an NMI of the host came while the guest ran",
	      "A non-maskable interrupt came to the CPU while the guest ran on it, for the host.",
	      host_nmi, apm_interrupts),
	entry(SVM_EXIT_SMI, "an SMI of the host's firmware came",
	      "A system management interrupt came to the CPU while the guest ran on it. KVM asks "
	      "for the exit unless kvm_amd.intercept_smi is off.",
	      host_smi, apm_interrupts),
	entry(SVM_EXIT_INIT, "an INIT signal reached the physical CPU",
	      "An INIT came to the physical CPU while the guest ran on it. KVM does not ask for "
	      "this exit.",
	      init_signal, apm_interrupts),
	entry(SVM_EXIT_VINTR, "the guest can take the interrupt that KVM has for it",
	      "KVM had an interrupt for the guest while the guest could take none, and set a "
	      "virtual one to be told when it can. Now it can.",
	      interrupt_window, apm_interrupts),
	entry(SVM_EXIT_CR0_SEL_WRITE, "CR0 was written, not only TS and MP",
	      "The guest wrote CR0 and changed more than its bits TS and MP; LMSW counts always.",
	      cr_setup, apm_instructions),
	entry(SVM_EXIT_IDTR_READ, SVM_EXIT_TR_READ, "SIDT, SGDT, SLDT or STR was executed",
	      "The guest stored IDTR, GDTR, LDTR or TR (which the kernel's table calls \"rt\").",
	      nested_only, apm_instructions),
	entry(SVM_EXIT_IDTR_WRITE, SVM_EXIT_TR_WRITE, "LIDT, LGDT, LLDT or LTR was executed",
	      "The guest loaded IDTR, GDTR, LDTR or TR (which the kernel's table calls \"rt\").",
	      nested_only, apm_instructions),
	entry(SVM_EXIT_RDTSC, "RDTSC was executed, and somebody asked to see it",
	      "The guest read the TSC. KVM does not ask for this exit: the CPU adds an offset "
	      "and scales by itself, and time is read at full speed.",
	      nested_only, apm_instructions),
	entry(SVM_EXIT_RDPMC, "a performance counter was read with RDPMC",
	      "The guest read a performance counter. KVM emulates it: it always asks for this "
	      "exit.",
	      rdpmc, apm_instructions),
	entry(SVM_EXIT_PUSHF, SVM_EXIT_POPF, "PUSHF or POPF was executed",
	      "The guest saved or loaded its flags.", nested_only, apm_instructions),
	entry(SVM_EXIT_CPUID, "CPUID was executed",
	      "The guest executed CPUID. KVM always asks for this exit, and answers from the "
	      "table that userspace gave it.",
	      cpuid, apm_instructions),
	entry(SVM_EXIT_RSM, "RSM was executed: an SMI handler ends",
	      "The guest left system management mode, all of which KVM emulates.",
	      smm, apm_instructions),
	entry(SVM_EXIT_IRET, "IRET was executed: an NMI handler may end",
	      "KVM has injected an NMI into the guest, and watches for the IRET that ends its "
	      "handler: only then may the next one come.",
	      nmi_return, apm_instructions),
	entry(SVM_EXIT_SWINT, "INT n was executed",
	      "The guest executed a software interrupt.", nested_only, apm_instructions),
	entry(SVM_EXIT_INVD, "INVD was executed",
	      "The guest executed INVD, which drops the caches without writing them back.",
	      invd, apm_instructions),
	entry(SVM_EXIT_PAUSE, "PAUSE was executed in a loop: spinning for a lock",
	      "A vCPU has executed PAUSE so often in a short time that it seems to wait for a "
	      "lock.",
	      pause_loop, apm_miscellaneous),
	entry(SVM_EXIT_HLT, "HLT was executed: the vCPU is idle",
	      "The guest executed HLT: this vCPU has nothing to do until the next interrupt. Its "
	      "away cycles are time the guest was idle, not time it lost.",
	      hlt, apm_instructions),
	entry(SVM_EXIT_INVLPG, "INVLPG was executed, without nested paging",
	      "The guest dropped the translation of one page from its TLB, and KVM has to drop "
	      "it from its shadow page tables.",
	      shadow_paging, apm_instructions),
	entry(SVM_EXIT_INVLPGA, "INVLPGA: a nested hypervisor drops a translation",
	      "A hypervisor in the guest dropped a translation of a guest of its own, by its "
	      "ASID.",
	      svm_in_guest, apm_instructions),
	entry(SVM_EXIT_IOIO, "an I/O port was accessed (IN, OUT, INS, OUTS)",
	      "The guest accessed an I/O port. KVM lets the guest have none, so each access "
	      "exits; most are handled in userspace (see TO USER).",
	      io, apm_io),
	entry(SVM_EXIT_MSR, "an MSR was accessed that KVM emulates: timers, IPIs",
	      "The guest executed RDMSR or WRMSR for an MSR that KVM does not pass through.",
	      msr, apm_msr),
	entry(SVM_EXIT_TASK_SWITCH, "a task switch by hardware (TSS)",
	      "The guest switched tasks by a TSS or a task gate.", task_switch, apm_miscellaneous),
	entry(SVM_EXIT_FERR_FREEZE, "an x87 error, to be reported by FERR",
	      "An unmasked x87 exception froze the FPU, to be reported by an interrupt as on the "
	      "first PCs (CR0.NE is 0).",
	      nested_only, apm_miscellaneous),
	entry(SVM_EXIT_SHUTDOWN, "the guest crashed, or reset itself by crashing",
	      "The guest could not even deliver a double fault: on hardware the machine would "
	      "reset, and so does the VM.",
	      guest_crash, apm_miscellaneous),
	entry(SVM_EXIT_VMMCALL, "a hypercall",
	      "The guest called its hypervisor with VMMCALL.", hypercall, apm_instructions),
	entry(SVM_EXIT_VMRUN, "VMRUN: a nested hypervisor enters its guest",
	      "A hypervisor in the guest entered a guest of its own.",
	      svm_in_guest, apm_instructions),
	entry(SVM_EXIT_VMLOAD, "VMLOAD: a nested hypervisor loads guest state",
	      "A hypervisor in the guest loaded the state that VMRUN does not (FS, GS, TR, LDTR, "
	      "MSRs of system calls).",
	      svm_in_guest, apm_instructions),
	entry(SVM_EXIT_VMSAVE, "VMSAVE: a nested hypervisor saves guest state",
	      "A hypervisor in the guest saved the state that VMRUN does not (FS, GS, TR, LDTR, "
	      "MSRs of system calls).",
	      svm_in_guest, apm_instructions),
	entry(SVM_EXIT_STGI, "STGI: a nested hypervisor admits interrupts",
	      "A hypervisor in the guest set the global interrupt flag: all interrupts may come.",
	      svm_in_guest, apm_instructions),
	entry(SVM_EXIT_CLGI, "CLGI: a nested hypervisor blocks interrupts",
	      "A hypervisor in the guest cleared the global interrupt flag: not even NMIs may "
	      "come.",
	      svm_in_guest, apm_instructions),
	entry(SVM_EXIT_SKINIT, "SKINIT: a secure start, which KVM does not offer",
	      "The guest wanted to start a measured program.",
	      hidden_instruction, apm_instructions),
	entry(SVM_EXIT_RDTSCP, "RDTSCP was executed, which CPUID does not offer",
	      "The guest executed RDTSCP, which is hidden from it.",
	      hidden_instruction, apm_instructions),
	entry(SVM_EXIT_ICEBP, "ICEBP (INT1) was executed",
	      "The guest executed the instruction that raises #DB.", nested_only, apm_instructions),
	entry(SVM_EXIT_WBINVD, "WBINVD was executed: write back and drop all caches",
	      "The guest executed WBINVD, or WBNOINVD, to write all caches back to memory.",
	      wbinvd, apm_instructions),
	entry(SVM_EXIT_MONITOR, "MONITOR was executed",
	      "The guest set up an address for MWAIT to watch.", mwait, apm_instructions),
	entry(SVM_EXIT_MWAIT, "MWAIT was executed",
	      "The guest wanted to wait with MWAIT for a write to memory.",
	      mwait, apm_instructions),
	entry(SVM_EXIT_XSETBV, "XSETBV was executed: FPU state was enabled",
	      "The guest wrote XCR0, which says what XSAVE saves. KVM always asks for this exit.",
	      xsetbv, apm_instructions),
	entry(SVM_EXIT_EFER_WRITE_TRAP, SVM_EXIT_CR15_WRITE_TRAP,
	      "EFER or a CR was written by an SEV-ES guest",
	      "A guest with encrypted registers wrote EFER or a control register. The exit comes "
	      "after the write.",
	      encrypted_guest_cr, apm_sev_es),
	entry(SVM_EXIT_INVPCID, "INVPCID was executed, without nested paging",
	      "The guest dropped translations from its TLB, and KVM has to drop them from its "
	      "shadow page tables.",
	      shadow_paging, apm_instructions),
	entry(0xA5, "a buslock: an atomic operation across cache lines",
	      "The guest locked the bus as often as the bus lock threshold lets it. The exit comes "
	      "before the instruction.",
	      bus_lock, apm_instructions),
	entry(0xA6, "HLT was executed: the vCPU is idle (idle-halt)",
	      "The guest executed HLT with nothing pending: this vCPU has nothing to do "
	      "until the next interrupt. Its away cycles are time the guest was idle, not time it "
	      "lost.",
	      hlt, apm_instructions),

	entry(SVM_EXIT_NPF, "memory not mapped, or a device's register (MMIO)",
	      "Nested page fault: the guest accessed an address that the nested page tables do "
	      "not map, or not for such an access. Two things come here that VMX tells apart: "
	      "memory that KVM then maps (EPT_VIOLATION), and registers of devices, which KVM "
	      "never maps (EPT_MISCONFIG). Those that go to userspace are registers, or writes "
	      "to flash.",
	      npf, apm_paging),
	entry(SVM_EXIT_AVIC_INCOMPLETE_IPI, "an IPI that AVIC could not deliver to all targets",
	      "The guest sent an IPI, and the CPU could not deliver it everywhere by itself.",
	      incomplete_ipi, apm_avic),
	entry(SVM_EXIT_AVIC_UNACCELERATED_ACCESS, "the local APIC was accessed (AVIC)",
	      "The guest accessed a register of its local APIC that AVIC leaves to KVM.",
	      apic_write, apm_avic),
	entry(SVM_EXIT_VMGEXIT, "a request of an SEV-ES guest",
	      "A guest with encrypted registers asked for something, with the request in a page "
	      "that it shares with KVM (GHCB).",
	      encrypted_guest, apm_sev_es),
	entry(other_reason, "all exits whose code is not counted by itself",
	      "VM-Exits with an exit code that is neither below 0xb0 nor from 0x400 to 0x40f, all "
	      "together.",
	      without_a_counter, apm_appendix),
};

constexpr Entry unnamed_entries[] = {
	entry(0, "an exit that has no name here",
	      "A VM-Exit with a basic exit reason that the headers of this exitstat do not name.",
	      without_a_name, sdm_appendix),
	entry(0, "an exit that has no name here",
	      "A VM-Exit with an exit code that the headers of this exitstat do not name.",
	      without_a_name, apm_appendix),
};

// clang-format on

// ---- Names -------------------------------------------------------------------------------------

/// Other names than the kernel's table has: those of the manuals, and of the kernel's own macros.
struct Alias {
	Isa isa;
	std::int64_t code;
	std::string_view name;
};

constexpr Alias aliases[] = {
	{Isa::vmx, EXIT_REASON_VMON, "VMXON"},
	{Isa::vmx, EXIT_REASON_VMOFF, "VMXOFF"},
	{Isa::svm, SVM_EXIT_INTR, "INTR"},
	{Isa::svm, SVM_EXIT_VMMCALL, "VMMCALL"},
	{Isa::svm, SVM_EXIT_IOIO, "IOIO"},
	{Isa::svm, SVM_EXIT_AVIC_UNACCELERATED_ACCESS, "AVIC_NOACCEL"},
};

/// Upper case, and one '_' for all that is between two words; none at the ends. "#PF" is "PF".
std::string normalized(std::string_view text)
{
	std::string s;
	for (const char c : text) {
		if (c >= 'a' && c <= 'z')
			s += char(c - 'a' + 'A');
		else if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
			s += c;
		else if (!s.empty() && s.back() != '_')
			s += '_';
	}
	if (s.ends_with('_'))
		s.pop_back();
	return s;
}

/// What is typed, less what only says that it is an exit reason: "SVM_EXIT_NPF" is "NPF".
std::string wanted(std::string_view text)
{
	std::string s = normalized(text);
	for (const std::string_view prefix : {"EXIT_REASON_", "SVM_EXIT_", "VMEXIT_"})
		if (s.starts_with(prefix))
			return s.substr(prefix.size());
	return s;
}

/// Whether \p wanted is the normalized \p name, or that without the word that names its kind.
bool is_name(std::string_view wanted, std::string_view name)
{
	if (wanted == name)
		return true;
	for (const std::string_view suffix : {"_INSTRUCTION", "_EXCP"})
		if (name.ends_with(suffix) && wanted == name.substr(0, name.size() - suffix.size()))
			return true;
	return false;
}

std::optional<std::uint16_t> parsed_code(std::string_view text)
{
	const auto from = text.find_first_not_of(" \t");
	if (from == std::string_view::npos)
		return std::nullopt;
	text = text.substr(from, text.find_last_not_of(" \t") + 1 - from);
	// As reason_name() has it where there is no name.
	if (text.starts_with("reason "))
		text.remove_prefix(7);
	int base = 10;
	if (text.starts_with("0x") || text.starts_with("0X")) {
		base = 16;
		text.remove_prefix(2);
	}
	std::uint16_t code = 0;
	const auto *const end = text.data() + text.size();
	const auto [stop, error] = std::from_chars(text.data(), end, code, base);
	if (error != std::errc() || stop != end)
		return std::nullopt;
	return code;
}

std::vector<Isa> isas(std::optional<Isa> only)
{
	if (only)
		return {*only};
	return {Isa::vmx, Isa::svm};
}

/// The reasons of an ISA: its table without what is KVM's own, and "other".
std::vector<ReasonName> reasons(Isa isa)
{
	std::vector<ReasonName> all;
	for (const ReasonName &reason : reason_names(isa))
		if (reason.code >= 0 && reason.code < other_reason)
			all.push_back(reason);
	all.push_back({other_reason, known_name(isa, other_reason)});
	return all;
}

/// Letters to insert, delete or replace, and neighbours to swap, to make \p b of \p a.
std::size_t distance(std::string_view a, std::string_view b)
{
	std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
	for (std::size_t j = 0; j <= b.size(); j++)
		row[j] = j;
	for (std::size_t i = 1; i <= a.size(); i++) {
		before = std::move(last);
		last = row;
		row[0] = i;
		for (std::size_t j = 1; j <= b.size(); j++) {
			row[j] = std::min({last[j] + 1, row[j - 1] + 1,
					   last[j - 1] + (a[i - 1] != b[j - 1])});
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = std::min(row[j], before[j - 2] + 1);
		}
	}
	return row[b.size()];
}

/// The words of a normalized text.
std::vector<std::string_view> words(std::string_view text)
{
	std::vector<std::string_view> all;
	while (!text.empty()) {
		const auto end = std::min(text.find('_'), text.size());
		all.push_back(text.substr(0, end));
		text.remove_prefix(std::min(end + 1, text.size()));
	}
	return all;
}

/// How far a reason is from what was typed, less being nearer; none if it is not near. All texts
/// are normalized.
std::optional<std::size_t> farness(std::string_view wanted, std::string_view name,
				   std::string_view summary)
{
	// First what has all of the words: as words of the name, as parts of it, or in the summary
	// ("MMIO", "timer").
	const auto typed = words(wanted), in_name = words(name), in_summary = words(summary);
	const auto each = [&](const auto &condition) {
		return std::ranges::all_of(typed, condition);
	};
	const auto in = [](const auto &all) {
		return [&](std::string_view word) {
			return std::ranges::find(all, word) != all.end();
		};
	};
	if (each(in(in_name)))
		return 0;
	if (each([&](std::string_view word) { return name.find(word) != std::string_view::npos; }))
		return 1;
	if (each(in(in_summary)))
		return 2;

	// Then what differs by few letters. With more than a third of them wrong it is another
	// word, so what is more than twice as long needs no closer look.
	if (wanted.size() > 2 * name.size())
		return std::nullopt;
	std::size_t least = distance(wanted, name);
	for (const std::string_view word : in_name)
		least = std::min(least, distance(wanted, word));
	if (3 * least > wanted.size())
		return std::nullopt;
	return 2 + least;
}

// ---- Pages -------------------------------------------------------------------------------------

constexpr std::size_t min_width = 40;

/// A paragraph in lines of at most \p width columns, all but the first one indented.
std::string wrapped(std::string_view text, std::size_t width, std::size_t first_indent,
		    std::size_t indent)
{
	std::string s(first_indent, ' ');
	std::size_t column = first_indent;
	bool at_start = true;
	while (!text.empty()) {
		const auto end = std::min(text.find(' '), text.size());
		const std::string_view word = text.substr(0, end);
		if (!at_start && column + 1 + word.size() > width) {
			s += "\n" + std::string(indent, ' ');
			column = indent;
			at_start = true;
		}
		if (!at_start) {
			s += ' ';
			column++;
		}
		s += word;
		column += word.size();
		at_start = false;
		text.remove_prefix(std::min(end + 1, text.size()));
	}
	return s + "\n";
}

/// A heading and its text: behind it, or below it if it has several lines.
std::string section(std::string_view heading, std::string_view text, std::size_t width)
{
	if (text.find('\n') == std::string_view::npos)
		return "\n" + wrapped(fmt::format("{} {}", heading, text), width, 0, 4);
	std::string s = fmt::format("\n{}\n", heading);
	while (!text.empty()) {
		const auto end = std::min(text.find('\n'), text.size());
		s += wrapped(text.substr(0, end), width, 4, 6);
		text.remove_prefix(std::min(end + 1, text.size()));
	}
	return s;
}

std::string title(Isa isa, std::uint16_t code)
{
	const char *kind = isa == Isa::vmx ? "VMX basic exit reason" : "SVM exit code";
	if (code == other_reason)
		return fmt::format("other (every other {})", kind);
	const std::string number =
		isa == Isa::vmx ? fmt::format("{}", code) : fmt::format("{:#x}", code);
	return fmt::format("{} ({} {})", reason_name(isa, code), kind, number);
}

} // namespace

const Explanation *explanation(Isa isa, std::uint16_t code)
{
	if (known_name(isa, code).empty())
		return is_counted(isa, code) ? &unnamed_entries[isa == Isa::svm].text : nullptr;
	const auto entries = isa == Isa::vmx ? std::span<const Entry>(vmx_entries)
					     : std::span<const Entry>(svm_entries);
	for (const Entry &e : entries)
		if (e.first <= code && code <= e.last)
			return &e.text;
	return nullptr;
}

std::vector<FoundReason> find_reasons(std::string_view text, std::optional<Isa> only)
{
	std::vector<FoundReason> found;
	if (const auto code = parsed_code(text)) {
		for (const Isa isa : isas(only))
			if (is_counted(isa, *code) || *code == other_reason)
				found.push_back({isa, *code});
		return found;
	}

	const std::string want = wanted(text);
	for (const Isa isa : isas(only)) {
		for (const auto &[code, name] : reasons(isa))
			if (is_name(want, normalized(name)))
				found.push_back({isa, std::uint16_t(code)});
		for (const Alias &alias : aliases)
			if (alias.isa == isa && alias.name == want)
				found.push_back({isa, std::uint16_t(alias.code)});
	}
	return found;
}

std::vector<std::string> nearest_reasons(std::string_view text, std::optional<Isa> only,
					 std::size_t limit)
{
	const std::string want = wanted(text);
	if (want.empty())
		return {};

	std::vector<std::tuple<std::size_t, std::size_t, std::string>> near;
	std::set<std::string> seen;
	for (const Isa isa : isas(only))
		for (const auto &[code, name] : reasons(isa)) {
			const std::string normal = normalized(name);
			const Explanation *e = explanation(isa, std::uint16_t(code));
			const auto far = farness(want, normal, e ? normalized(e->summary) : "");
			if (far && seen.insert(normal).second)
				near.emplace_back(*far, name.size(), name);
		}
	// Of names that are as near, the shorter one has less that was not asked for.
	std::ranges::stable_sort(
		near, {}, [](const auto &n) { return std::pair(std::get<0>(n), std::get<1>(n)); });

	std::vector<std::string> names;
	for (const auto &n : near)
		if (names.size() < limit)
			names.push_back(std::get<2>(n));
	return names;
}

std::string explain(Isa isa, std::uint16_t code, std::size_t width)
{
	const Explanation *e = explanation(isa, code);
	if (!e)
		return {};
	width = std::max(width, min_width);
	return wrapped(title(isa, code), width, 0, 4) + section("What:", e->meaning, width) +
	       section("Usually caused by:", e->causes, width) +
	       section("What to try:", e->advice, width) + section("Source:", e->source, width);
}

std::string explain_line(Isa isa, std::uint16_t code)
{
	const Explanation *e = explanation(isa, code);
	if (!e)
		return {};
	std::size_t width = 0;
	for (const ReasonName &reason : reasons(isa))
		width = std::max(width, reason.name.size());
	return fmt::format("{:{}}  {}", reason_name(isa, code), width, e->summary);
}

} // namespace exitstat
