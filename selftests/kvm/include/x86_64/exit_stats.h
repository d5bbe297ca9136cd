/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUID leaf 0x4FFFFFFF: how often, why and for how long KVM interrupted the
 * guest.  What the exit_stats tests share: the leaf's constants, guest code
 * that reads it, host code that runs guests and reports one TAP line a case.
 */
#ifndef SELFTEST_KVM_EXIT_STATS_H
#define SELFTEST_KVM_EXIT_STATS_H

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test_util.h"
#include "kvm_util.h"
#include "processor.h"
#include "exit_stats_compat.h"

#include <asm/svm.h>
#include <asm/vmx.h>
#include <linux/kvm_para.h>

/* The leaf. */

#define EXIT_STATS_LEAF		0x4fffffffu
/* Same class, same end: what an unpatched KVM says here, it says for the leaf. */
#define EXIT_STATS_NEIGHBOUR	0x4ffffffeu

#define EXIT_STATS_VERSION	1
#define EXIT_STATS_BUCKETS	32
#define EXIT_STATS_OTHER	0xffff

enum es_view {
	ES_TOTAL,
	ES_INFO,
	ES_REASON,
	ES_AWAY,
	ES_HIST,
	ES_NEXT,
	ES_NR_VIEWS,
};

enum es_scope {
	ES_VM,
	ES_VCPU,
	ES_NR_SCOPES,
};

struct es_regs {
	u32 eax, ebx, ecx, edx;
};

static const struct es_regs es_zeros;
static const struct es_regs es_error = { .edx = 0xffffffff };

/* A count and its cycles, i.e. pair A and pair B. */
struct es_sample {
	u64 count;
	u64 cycles;
};

static inline u64 es_pair_a(struct es_regs r)
{
	return (u64)r.edx << 32 | r.eax;
}

static inline u64 es_pair_b(struct es_regs r)
{
	return (u64)r.ebx << 32 | r.ecx;
}

static inline u32 es_input(u8 view, u8 index, u16 reason)
{
	return (u32)view << 24 | (u32)index << 16 | reason;
}

static inline bool es_same(struct es_regs a, struct es_regs b)
{
	return a.eax == b.eax && a.ebx == b.ebx &&
	       a.ecx == b.ecx && a.edx == b.edx;
}

#define ES_FMT		"%08x:%08x:%08x:%08x"
#define ES_ARGS(r)	(r).eax, (r).ebx, (r).ecx, (r).edx

/* The instruction sets, and their code for what the tests make a guest do. */

enum es_op {
	ES_CPUID,
	ES_IO,
	ES_HLT,
	ES_HYPERCALL,
	ES_RDMSR,
	ES_WRMSR,
	ES_XSETBV,
	ES_PAGE,	/* EPT violation, nested page fault */
	ES_UD,
	ES_NR_OPS,
};

#define ES_MAX_REASONS	160
#define ES_MAX_CODES	6

struct es_codes {
	int nr;
	u32 code[ES_MAX_CODES];
};

struct es_reason {
	u32 code;
	const char *name;
};

struct es_isa {
	u32 id;
	const char *name;
	const struct es_reason *reasons;
	int nr_reasons;
	u16 op[ES_NR_OPS];
	/* Exits that the host brings about, at any time. */
	struct es_codes async;
	/* Exits that sending and taking an interrupt may cost. */
	struct es_codes irq;
};

static const struct es_reason es_vmx_reasons[] = {
	VMX_EXIT_REASONS,
	{ EXIT_STATS_OTHER, "other" },
};

/* Codes that do not fit the reason field are no reasons of the leaf. */
static const struct es_reason es_svm_reasons[] = {
	SVM_EXIT_REASONS,
	{ EXIT_STATS_OTHER, "other" },
};

static_assert(ARRAY_SIZE(es_vmx_reasons) <= ES_MAX_REASONS, "ES_MAX_REASONS");
static_assert(ARRAY_SIZE(es_svm_reasons) <= ES_MAX_REASONS, "ES_MAX_REASONS");

static const struct es_isa es_vmx = {
	.id = 1,
	.name = "VMX",
	.reasons = es_vmx_reasons,
	.nr_reasons = ARRAY_SIZE(es_vmx_reasons),
	.op = {
		[ES_CPUID]	= EXIT_REASON_CPUID,
		[ES_IO]		= EXIT_REASON_IO_INSTRUCTION,
		[ES_HLT]	= EXIT_REASON_HLT,
		[ES_HYPERCALL]	= EXIT_REASON_VMCALL,
		[ES_RDMSR]	= EXIT_REASON_MSR_READ,
		[ES_WRMSR]	= EXIT_REASON_MSR_WRITE,
		[ES_XSETBV]	= EXIT_REASON_XSETBV,
		[ES_PAGE]	= EXIT_REASON_EPT_VIOLATION,
		[ES_UD]		= EXIT_REASON_EXCEPTION_NMI,
	},
	.async = { 3, { EXIT_REASON_EXCEPTION_NMI, EXIT_REASON_EXTERNAL_INTERRUPT,
			EXIT_REASON_PREEMPTION_TIMER } },
	.irq = { 5, { EXIT_REASON_MSR_WRITE, EXIT_REASON_INTERRUPT_WINDOW,
		      EXIT_REASON_EOI_INDUCED, EXIT_REASON_APIC_WRITE,
		      EXIT_REASON_TPR_BELOW_THRESHOLD } },
};

static const struct es_isa es_svm = {
	.id = 2,
	.name = "SVM",
	.reasons = es_svm_reasons,
	.nr_reasons = ARRAY_SIZE(es_svm_reasons),
	.op = {
		[ES_CPUID]	= SVM_EXIT_CPUID,
		[ES_IO]		= SVM_EXIT_IOIO,
		[ES_HLT]	= SVM_EXIT_HLT,
		[ES_HYPERCALL]	= SVM_EXIT_VMMCALL,
		[ES_RDMSR]	= SVM_EXIT_MSR,
		[ES_WRMSR]	= SVM_EXIT_MSR,
		[ES_XSETBV]	= SVM_EXIT_XSETBV,
		[ES_PAGE]	= SVM_EXIT_NPF,
		[ES_UD]		= SVM_EXIT_EXCP_BASE + UD_VECTOR,
	},
	.async = { 3, { SVM_EXIT_INTR, SVM_EXIT_NMI, SVM_EXIT_SMI } },
	.irq = { 4, { SVM_EXIT_MSR, SVM_EXIT_VINTR, SVM_EXIT_AVIC_INCOMPLETE_IPI,
		      SVM_EXIT_AVIC_UNACCELERATED_ACCESS } },
};

/* Set by the host, and copied to every guest. */
static bool es_amd;

/* A guest in a thread of its own came to ES_GUEST_SYNC(). */
static sem_t es_synced;

static inline const struct es_isa *es_isa(void)
{
	return es_amd ? &es_svm : &es_vmx;
}

static inline u16 es_code(enum es_op op)
{
	return es_isa()->op[op];
}

static inline bool es_has_code(const struct es_codes *codes, u32 code)
{
	int i;

	for (i = 0; i < codes->nr; i++)
		if (codes->code[i] == code)
			return true;
	return false;
}

/* Index of @code in the table of reasons, or -1 if the ISA does not define it. */
static inline int es_find_reason(u32 code)
{
	const struct es_isa *isa = es_isa();
	int i;

	for (i = 0; code <= 0xffff && i < isa->nr_reasons; i++)
		if (isa->reasons[i].code == code)
			return i;
	return -1;
}

static inline const char *es_name(u32 code)
{
	int i = es_find_reason(code);

	return i < 0 ? "undefined" : es_isa()->reasons[i].name;
}

/* Guest code.  Each guest has a copy of its own of these. */

#define ES_MAX_VCPUS	8
#define ES_STACK_SIZE	(2 * 4096)

static u8 es_stacks[ES_MAX_VCPUS][ES_STACK_SIZE] __aligned(4096);

/* Leaf reads through es_read() by each vCPU; each is one CPUID exit. */
static u64 es_reads[ES_MAX_VCPUS];

/* At a function's entry RSP is 8 below a multiple of 16. */
static inline u64 es_stack_top(int vcpu_id)
{
	return (uintptr_t)&es_stacks[vcpu_id + 1] - 8;
}

static inline u64 *es_my_reads(void)
{
	uintptr_t offset = (uintptr_t)__builtin_frame_address(0) - (uintptr_t)es_stacks;

	return &es_reads[offset / ES_STACK_SIZE];
}

static inline struct es_regs es_cpuid(u32 leaf, u32 ecx)
{
	struct es_regs r;

	asm volatile("cpuid"
		     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
		     : "a"(leaf), "c"(ecx)
		     : "memory");
	return r;
}

static inline struct es_regs es_read(u8 view, u8 index, u16 reason)
{
	++*es_my_reads();
	return es_cpuid(EXIT_STATS_LEAF, es_input(view, index, reason));
}

static inline struct es_sample es_read_sample(u8 view, u8 index,
					      u16 reason)
{
	struct es_regs r = es_read(view, index, reason);

	return (struct es_sample){ es_pair_a(r), es_pair_b(r) };
}

static inline void es_hypercall(void)
{
	u64 nr = KVM_HC_VAPIC_POLL_IRQ;

	if (es_amd)
		asm volatile("vmmcall" : "+a"(nr) : : "memory");
	else
		asm volatile("vmcall" : "+a"(nr) : : "memory");
}

static inline u8 es_inb(u16 port)
{
	u8 val;

	asm volatile("inb %%dx, %%al" : "=a"(val) : "d"(port) : "memory");
	return val;
}

static inline void es_outb(u16 port, u8 val)
{
	asm volatile("outb %%al, %%dx" : : "a"(val), "d"(port) : "memory");
}

/* KVM's own PIC answers here. */
#define ES_KERNEL_PORT	0x21
/* Nobody does; userspace is asked. */
#define ES_USER_PORT	0x500

/*
 * How a guest talks to es_run().  Not by ucalls: each takes another buffer if
 * the guest does not return from the last, and thereby faults in fresh pages.
 */
#define ES_DONE_PORT	0x501
#define ES_SYNC_PORT	0x502

#define ES_GUEST_DONE()	es_outb(ES_DONE_PORT, 0)
#define ES_GUEST_SYNC()	es_outb(ES_SYNC_PORT, 0)

/*
 * Halt until an interrupt of ES_VECTOR, which may be pending; the vCPU is in
 * x2APIC mode.  STI holds interrupts back up to and including HLT, but not under
 * QEMU's TCG if a VM-Exit comes between the two: its VMRUN forgets the interrupt
 * shadow.  The interrupt is then taken before HLT, which would wait for ever.
 */
#define ES_VECTOR	0x40

void es_halt(void);
extern const char es_halt_hlt[];

asm(".pushsection .text\n"
	"es_halt:	sti\n"
	"es_halt_hlt:	hlt\n"
	"	cli\n"
	"	ret\n"
	".popsection\n");

/* The handler of ES_VECTOR.  What came before HLT is sent again, and STI redone. */
static inline void es_handle_irq(struct ex_regs *regs)
{
	x2apic_write_reg(APIC_EOI, 0);

	if (regs->rip == (uintptr_t)es_halt_hlt) {
		x2apic_write_reg(APIC_ICR, APIC_DEST_SELF | APIC_INT_ASSERT |
				 APIC_DM_FIXED | ES_VECTOR);
		regs->rflags &= ~X86_EFLAGS_IF;
		regs->rip = (uintptr_t)es_halt;
	}
}

/*
 * All counts at one moment, namely that of the read of @total.
 *
 * Reading takes many exits, but known ones: each read is a CPUID exit.  Reasons
 * that may count up meanwhile for another cause are read between two reads of
 * TOTAL, again and again until those differ by nothing but the reads.
 */
struct es_snapshot {
	u64 reads;			/* *es_my_reads() at that moment */
	struct es_sample total;
	struct es_sample total_after;
	struct es_sample reason[ES_MAX_REASONS];
	bool quiet;
};

static inline bool es_is_volatile(u32 code)
{
	return code == es_code(ES_CPUID) || code == es_code(ES_PAGE) ||
	       es_has_code(&es_isa()->async, code);
}

static inline void es_snapshot_reasons(struct es_snapshot *s, u8 scope,
				       bool want_volatile)
{
	const struct es_isa *isa = es_isa();
	u32 code;
	int i;

	for (i = 0; i < isa->nr_reasons; i++) {
		code = isa->reasons[i].code;
		if (code > 0xffff || es_is_volatile(code) != want_volatile)
			continue;

		s->reason[i] = es_read_sample(ES_REASON, scope, code);
		/* Take back the reads since, this one included. */
		if (code == es_code(ES_CPUID))
			s->reason[i].count -= *es_my_reads() - s->reads;
	}
}

static inline void es_take_snapshot(struct es_snapshot *s, u8 scope)
{
	int tries = 100;

	es_snapshot_reasons(s, scope, false);

	do {
		s->total = es_read_sample(ES_TOTAL, scope, 0);
		s->reads = *es_my_reads();
		es_snapshot_reasons(s, scope, true);
		s->total_after = es_read_sample(ES_TOTAL, scope, 0);
		s->quiet = s->total_after.count - s->total.count ==
			   *es_my_reads() - s->reads;
	} while (!s->quiet && --tries);
}

/* Host code: one TAP line a case. */

static bool es_failed;
static int es_complaints;
static char es_skip_reason[256];

#define ES_MAX_COMPLAINTS	8

static inline __printf(3, 4) void es_fail(const char *file, int line,
					  const char *fmt, ...)
{
	va_list ap;

	es_failed = true;
	if (++es_complaints > ES_MAX_COMPLAINTS)
		return;

	printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

/* Complain and go on.  @fmt says what was expected and what came instead. */
#define ES_EXPECT(cond, fmt, ...)					\
do {									\
	if (!(cond))							\
		es_fail(__FILE__, __LINE__, fmt, ##__VA_ARGS__);	\
} while (0)

/* Leave a case that cannot be tried here. */
#define ES_SKIP(fmt, ...)						\
do {									\
	snprintf(es_skip_reason, sizeof(es_skip_reason), fmt,		\
		 ##__VA_ARGS__);					\
	return;								\
} while (0)

/* What a user typed for an option; ends the program when it is no number of min to max. */
static inline u64 es_number(const char *text, u64 min, u64 max)
{
	char *end;
	u64 n;

	errno = 0;
	n = strtoull(text, &end, 0);
	TEST_ASSERT(isdigit(text[0]) && !*end && !errno && n >= min && n <= max,
		    "expected a number of %lu to %lu, got \"%s\"", min, max, text);
	return n;
}

static inline void es_begin(void)
{
	es_failed = false;
	es_complaints = 0;
	es_skip_reason[0] = '\0';
}

static inline void es_end(const char *name)
{
	if (es_complaints > ES_MAX_COMPLAINTS)
		ksft_print_msg("%d more like these\n",
			       es_complaints - ES_MAX_COMPLAINTS);
	if (es_failed)
		ksft_test_result_fail("%s\n", name);
	else if (es_skip_reason[0])
		ksft_test_result_skip("%s: %s\n", name, es_skip_reason);
	else
		ksft_test_result_pass("%s\n", name);
}

struct es_case {
	const char *name;
	void (*test)(void);
};

static inline void es_run_cases(const struct es_case *cases, int nr)
{
	int i;

	for (i = 0; i < nr; i++) {
		es_begin();
		cases[i].test();
		es_end(cases[i].name);
	}
}

/* Host code: the module parameters, put back however the test ends. */

#define ES_PARAM_DIR	"/sys/module/kvm/parameters/"

struct es_param {
	const char *path;
	char value[32];
	int len;
};

static struct es_param es_changed[4];
static int es_nr_changed;

/* Async-signal-safe. */
static inline void es_restore_params(void)
{
	int i, fd;

	for (i = es_nr_changed - 1; i >= 0; i--) {
		fd = open(es_changed[i].path, O_WRONLY);
		if (fd < 0)
			continue;
		if (write(fd, es_changed[i].value, es_changed[i].len) < 0)
			_exit(KSFT_FAIL);
		close(fd);
	}
}

static inline void es_restore_and_die(int sig)
{
	es_restore_params();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Length of the value, or -1 if KVM has no such parameter. */
static inline int es_get_param(const char *path, char *value, int size)
{
	int fd = open(path, O_RDONLY);
	int len;

	if (fd < 0)
		return -1;
	len = read(fd, value, size - 1);
	close(fd);
	TEST_ASSERT(len > 0, "Cannot read %s: %s", path, strerror(errno));
	value[len] = '\0';
	return len;
}

static inline bool es_param_is_on(const char *path)
{
	char value[32];

	return es_get_param(path, value, sizeof(value)) > 0 && value[0] == 'Y';
}

static inline bool es_try_set_param(const char *path, const char *value)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGTERM, SIGALRM, SIGSEGV, SIGABRT };
	struct es_param *p;
	int i, fd, len;

	for (i = 0; i < es_nr_changed; i++)
		if (!strcmp(es_changed[i].path, path))
			break;

	if (i == es_nr_changed) {
		TEST_ASSERT(i < ARRAY_SIZE(es_changed), "Too many parameters changed");
		p = &es_changed[i];
		p->path = path;
		p->len = es_get_param(path, p->value, sizeof(p->value));
		if (p->len < 0)
			return false;
		if (!es_nr_changed++) {
			atexit(es_restore_params);
			for (i = 0; i < ARRAY_SIZE(signals); i++)
				signal(signals[i], es_restore_and_die);
		}
	}

	fd = open(path, O_WRONLY);
	if (fd < 0)
		return false;
	len = write(fd, value, strlen(value));
	close(fd);
	return len == strlen(value);
}

static inline void es_set_param(const char *path, const char *value)
{
	TEST_ASSERT(es_try_set_param(path, value), "Cannot write '%s' to %s: %s",
		    value, path, strerror(errno));
}

#define ES_PARAM_ACCOUNT	ES_PARAM_DIR "exit_stats"
#define ES_PARAM_LEAF		ES_PARAM_DIR "exit_stats_leaf"
#define ES_PARAM_LOG		ES_PARAM_DIR "exit_stats_log"
#define ES_PARAM_FEP		ES_PARAM_DIR "force_emulation_prefix"

static inline bool es_this_cpu_is_amd(void)
{
	struct es_regs r = es_cpuid(0, 0);

	/* "AuthenticAMD" or "HygonGenuine", either runs kvm_amd. */
	return r.ebx == 0x68747541 || r.ebx == 0x6f677948;
}

/* Begin the report, on any KVM. */
static inline void es_init(void)
{
	es_amd = es_this_cpu_is_amd();
	sem_init(&es_synced, 0, 0);

	ksft_print_header();
}

/* Begin the report.  Skip the whole test on a KVM without the feature. */
static inline void es_start(void)
{
	static const char *const needed[] = { ES_PARAM_ACCOUNT, ES_PARAM_LEAF };
	int i;

	es_init();

	if (access(ES_PARAM_ACCOUNT, F_OK))
		ksft_exit_skip("KVM has no parameter exit_stats, hence no CONFIG_KVM_EXIT_STATS\n");

	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		TEST_ASSERT(!access(needed[i], F_OK), "%s is missing", needed[i]);
		if (!es_param_is_on(needed[i]) && !es_try_set_param(needed[i], "Y"))
			ksft_exit_skip("%s is off and cannot be changed: %s\n",
				       needed[i], strerror(errno));
	}
}

/* Host code: run a guest. */

static struct es_regs es_info[2];

/* What guests start with: interrupts are off. */
static u64 es_rflags = X86_EFLAGS_FIXED;

/*
 * Run @guest(@arg0, @arg1) on @vcpu until ES_GUEST_DONE(), with a fresh stack,
 * whatever ran there before.  Call @hook, if any, for every ES_GUEST_SYNC().
 * Return how often userspace was asked for I/O besides.
 */
static inline u64 es_run_hook(struct kvm_vcpu *vcpu, void *guest, u64 arg0, u64 arg1,
			      void (*hook)(struct kvm_vcpu *vcpu))
{
	struct kvm_run *run = vcpu->run;
	struct kvm_regs regs = {};
	u64 nr_io = 0;
	struct ucall uc;

	TEST_ASSERT(vcpu->id < ES_MAX_VCPUS, "vCPU %u has no stack", vcpu->id);

	regs.rip = (uintptr_t)guest;
	regs.rsp = es_stack_top(vcpu->id);
	regs.rdi = arg0;
	regs.rsi = arg1;
	regs.rflags = es_rflags;
	vcpu_regs_set(vcpu, &regs);

	for (;;) {
		vcpu_run(vcpu);
		TEST_ASSERT(run->exit_reason == KVM_EXIT_IO,
			    "Expected KVM_EXIT_IO (%u), got %u (%s)", KVM_EXIT_IO,
			    run->exit_reason, exit_reason_str(run->exit_reason));

		switch (run->io.port) {
		case ES_USER_PORT:
			nr_io++;
			break;
		case ES_SYNC_PORT:
			vcpu_run_complete_io(vcpu);
			if (hook)
				hook(vcpu);
			break;
		case ES_DONE_PORT:
			vcpu_run_complete_io(vcpu);
			return nr_io;
		default:
			TEST_ASSERT(get_ucall(vcpu, &uc) == UCALL_ABORT,
				    "Unexpected I/O at port %#x", run->io.port);
			REPORT_GUEST_ASSERT(uc);
		}
	}
}

static inline u64 es_run(struct kvm_vcpu *vcpu, void *guest, u64 arg0, u64 arg1)
{
	return es_run_hook(vcpu, guest, arg0, arg1, NULL);
}

/* The same in a thread of its own. */
struct es_job {
	struct kvm_vcpu *vcpu;
	void *guest;
	u64 arg0, arg1;
	pthread_t thread;
};

/* Yield, lest a lone CPU runs the guest till its time slice is used up. */
static inline void es_tell_synced(struct kvm_vcpu *vcpu)
{
	sem_post(&es_synced);
	sched_yield();
}

/* Wait until the job's guest did all that it does from one sync to the next. */
static inline void es_wait_synced(void)
{
	while (!sem_trywait(&es_synced))
		;
	sem_wait(&es_synced);
	sem_wait(&es_synced);
}

static inline void *es_run_job(void *data)
{
	struct es_job *job = data;

	es_run_hook(job->vcpu, job->guest, job->arg0, job->arg1, es_tell_synced);
	return NULL;
}

static inline void es_spawn(struct es_job *job)
{
	int r = pthread_create(&job->thread, NULL, es_run_job, job);

	TEST_ASSERT(!r, "pthread_create() failed: %s", strerror(r));
}

static inline void es_join(struct es_job *job)
{
	int r = pthread_join(job->thread, NULL);

	TEST_ASSERT(!r, "pthread_join() failed: %s", strerror(r));
}

/* The guest's copy of a global of the test. */
#define es_guest(vm, global) \
	((typeof(global) *)addr_gva2hva(vm, (vm_vaddr_t)(uintptr_t)&(global)))

static inline void es_guest_info(void)
{
	es_info[0] = es_read(ES_INFO, 0, 0);
	es_info[1] = es_read(ES_INFO, 1, 0);
	ES_GUEST_DONE();
}

static inline bool es_has_signature(struct es_regs info)
{
	char signature[12];

	memcpy(signature, &info.ebx, 4);
	memcpy(signature + 4, &info.ecx, 4);
	memcpy(signature + 8, &info.edx, 4);
	return !memcmp(signature, "KVMExitStats", sizeof(signature));
}

static inline bool es_has_view(int view)
{
	return view < 16 && es_info[0].eax & BIT(16 + view);
}

/* Host code: the rules of the leaf. */

enum es_answer {
	ES_ANSWER_ERROR,
	ES_ANSWER_TOTAL_VM,
	ES_ANSWER_TOTAL_VCPU,
	ES_ANSWER_INFO,
	ES_ANSWER_REASON,
	ES_ANSWER_PART,		/* AWAY or HIST: no more than REASON has */
	ES_ANSWER_NEXT,
};

static inline enum es_answer es_expected_answer(u8 view, u8 index, u16 reason)
{
	bool defined = es_find_reason(reason) >= 0;

	/* An undefined view is answered as TOTAL of the VM, the rest of ECX unread. */
	if (!es_has_view(view))
		return ES_ANSWER_TOTAL_VM;

	switch (view) {
	case ES_TOTAL:
		/* Only TOTAL takes any other scope for the VM. */
		return index == ES_VCPU ? ES_ANSWER_TOTAL_VCPU : ES_ANSWER_TOTAL_VM;
	case ES_INFO:
		return index < 2 ? ES_ANSWER_INFO : ES_ANSWER_ERROR;
	case ES_REASON:
		return index < ES_NR_SCOPES && defined ? ES_ANSWER_REASON : ES_ANSWER_ERROR;
	case ES_AWAY:
		return index < ES_NR_SCOPES && defined ? ES_ANSWER_PART : ES_ANSWER_ERROR;
	case ES_HIST:
		return index < EXIT_STATS_BUCKETS / 2 && defined ? ES_ANSWER_PART : ES_ANSWER_ERROR;
	case ES_NEXT:
		/* Any reason will do to start from. */
		return index < ES_NR_SCOPES ? ES_ANSWER_NEXT : ES_ANSWER_ERROR;
	default:
		TEST_FAIL("View %#x is new to this test", view);
	}
}

static inline struct kvm_vcpu *es_add_vcpu(struct kvm_vm *vm, u32 id)
{
	struct kvm_vcpu *vcpu = vm_vcpu_add(vm, id, es_guest_info);

	es_compat_init_vcpu(vcpu);
	return vcpu;
}

/* Create a VM with @nr_vcpus, on any KVM. */
static inline struct kvm_vm *es_create_any_vm(int nr_vcpus, struct kvm_vcpu *vcpus[])
{
	/* Leave room for vCPUs that the test adds. */
	struct kvm_vm *vm = vm_create(ES_MAX_VCPUS);
	int i;

	es_compat_init_vm(vm);
	sync_global_to_guest(vm, es_amd);

	for (i = 0; i < nr_vcpus; i++)
		vcpus[i] = es_add_vcpu(vm, i);
	return vm;
}

/*
 * Create a VM with @nr_vcpus, and read INFO on the first of them.
 *
 * Only the signature proves presence: a KVM that has the parameters but does
 * not answer with it is broken.
 */
static inline struct kvm_vm *es_create_vm(int nr_vcpus, struct kvm_vcpu *vcpus[])
{
	struct kvm_vm *vm = es_create_any_vm(nr_vcpus, vcpus);

	es_run(vcpus[0], es_guest_info, 0, 0);
	memcpy(es_info, es_guest(vm, es_info), sizeof(es_info));

	if (!es_has_signature(es_info[0]))
		ksft_exit_fail_msg("Expected 'KVMExitStats' in EBX:ECX:EDX, got EAX:EBX:ECX:EDX = "
				   ES_FMT "\n", ES_ARGS(es_info[0]));
	return vm;
}

/* TOTAL is always the sum over reasons, in counts and in cycles. */
static inline void es_check_sum(const struct es_snapshot *s)
{
	const struct es_isa *isa = es_isa();
	struct es_sample sum = {};
	int i;

	for (i = 0; i < isa->nr_reasons; i++) {
		sum.count += s->reason[i].count;
		sum.cycles += s->reason[i].cycles;
	}

	ES_EXPECT(s->quiet, "No two reads of TOTAL in 100 tries without a foreign exit between");
	ES_EXPECT(s->total.count == sum.count,
		  "Expected TOTAL to be the sum over reasons, %lu exits, got %lu",
		  sum.count, s->total.count);
	/* Reading the reasons took cycles; the sum lies between two TOTALs. */
	ES_EXPECT(s->total.cycles <= sum.cycles && sum.cycles <= s->total_after.cycles,
		  "Expected the sum over reasons, %lu cycles, within TOTAL before and after, %lu..%lu",
		  sum.cycles, s->total.cycles, s->total_after.cycles);
}

struct es_growth {
	u32 code;
	u64 n;
};

/*
 * Between two snapshots of a vCPU each reason's count grew by exactly what
 * @expected says and the reads themselves.  Only exits that the host brings
 * about may come on top, and if @irq those of taking interrupts.
 */
static inline void es_check_growth(const struct es_snapshot *before,
				   const struct es_snapshot *after,
				   const struct es_growth *expected, int nr, bool irq)
{
	const struct es_isa *isa = es_isa();
	u64 growth, n, all = 0;
	bool named, slack;
	u32 code;
	int i, j;

	es_check_sum(before);
	es_check_sum(after);

	for (i = 0; i < isa->nr_reasons; i++) {
		code = isa->reasons[i].code;

		/* A read is a CPUID exit, and sees its own exit counted. */
		n = code == es_code(ES_CPUID) ? after->reads - before->reads : 0;
		named = false;
		for (j = 0; j < nr; j++) {
			if (expected[j].code == code) {
				n += expected[j].n;
				named = true;
			}
		}
		all += n;

		slack = !named && (es_has_code(&isa->async, code) ||
				   (irq && es_has_code(&isa->irq, code)));
		growth = after->reason[i].count - before->reason[i].count;

		ES_EXPECT(growth == n || (slack && (s64)growth > (s64)n),
			  "Expected %s%lu more of %s (%#x), got %ld",
			  slack ? "at least " : "", n, isa->reasons[i].name, code, growth);
	}

	growth = after->total.count - before->total.count;
	ES_EXPECT(growth >= all, "Expected TOTAL to grow by at least %lu, got %ld", all, growth);
}

/* Host code: the binary stats. */

/* An element is the code itself, or SVM's 0x400.. from 0xb0 on. */
#define ES_NR_ELEMENTS	193

struct es_binary_stats {
	u64 exit_reasons[ES_NR_ELEMENTS];
	u64 exit_cycles;
};

static inline void es_read_binary_stats(struct kvm_vcpu *vcpu, struct es_binary_stats *s)
{
	static const struct {
		const char *name;
		u32 unit, size;
	} wanted[] = {
		{ "exit_reasons", KVM_STATS_UNIT_NONE, ES_NR_ELEMENTS },
		{ "exit_cycles", KVM_STATS_UNIT_CYCLES, 1 },
	};
	u64 *data[] = { s->exit_reasons, &s->exit_cycles };
	int fd = vcpu_get_stats_fd(vcpu), i, j, found;
	struct kvm_stats_header header;
	struct kvm_stats_desc *descs, *desc;
	u32 type;

	read_stats_header(fd, &header);
	descs = read_stats_descriptors(fd, &header);

	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		for (j = 0, found = 0; j < header.num_desc; j++) {
			desc = get_stats_descriptor(descs, j, &header);
			if (strcmp(desc->name, wanted[i].name))
				continue;

			found++;
			type = desc->flags & KVM_STATS_TYPE_MASK;
			ES_EXPECT(type == KVM_STATS_TYPE_CUMULATIVE && !desc->exponent &&
				  (desc->flags & KVM_STATS_UNIT_MASK) == wanted[i].unit,
				  "%s: expected a cumulative, of unit %#x, got flags %#x, exponent %d",
				  desc->name, wanted[i].unit, desc->flags, desc->exponent);
			TEST_ASSERT(desc->size == wanted[i].size,
				    "%s: expected %u elements, got %u",
				    desc->name, wanted[i].size, desc->size);
			read_stat_data(fd, &header, desc, data[i], desc->size);
		}
		TEST_ASSERT(found == 1, "Expected one %s, got %d", wanted[i].name, found);
	}

	free(descs);
	close(fd);
}

static inline unsigned int es_element(u32 code)
{
	return code < 0x400 ? code : code - 0x400 + 0xb0;
}

/* Codes without a name have elements of their own. */
static inline u64 es_stats_count(const struct es_binary_stats *s, u32 code)
{
	const struct es_isa *isa = es_isa();
	u64 sum = 0;
	int i;

	if (code != EXIT_STATS_OTHER)
		return s->exit_reasons[es_element(code)];

	for (i = 0; i < ES_NR_ELEMENTS; i++)
		sum += s->exit_reasons[i];
	for (i = 0; i < isa->nr_reasons; i++)
		if (isa->reasons[i].code < EXIT_STATS_OTHER)
			sum -= s->exit_reasons[es_element(isa->reasons[i].code)];
	return sum;
}

/* Host code: modes of the guest's CPU. */

#define ES_USER_DS		0x33
#define ES_USER_CS		0x3b
#define ES_RFLAGS_IOPL3		(3u << 12)

enum es_mode {
	ES_REAL,
	ES_KERNEL_32,
	ES_USER_32,
	ES_USER_COMPAT,
	ES_KERNEL_LONG,
	ES_USER_LONG,
	ES_NR_MODES,
};

static inline bool es_mode_is_user(enum es_mode mode)
{
	return mode == ES_USER_32 || mode == ES_USER_COMPAT || mode == ES_USER_LONG;
}

static inline bool es_mode_is_long(enum es_mode mode)
{
	return mode == ES_KERNEL_LONG || mode == ES_USER_LONG;
}

/* The segments of @mode.  In long mode nobody looks at base and limit. */
static inline void es_set_segments(struct kvm_sregs *sregs, u64 base, u32 limit,
				   enum es_mode mode)
{
	bool user = es_mode_is_user(mode);

	sregs->cs = (struct kvm_segment){
		.base = base, .limit = limit, .selector = user ? ES_USER_CS : 0x8,
		.type = 11, .present = 1, .dpl = user ? 3 : 0, .s = 1, .g = limit > 0xfffff,
		.l = es_mode_is_long(mode), .db = mode != ES_REAL && !es_mode_is_long(mode),
	};
	sregs->ds = (struct kvm_segment){
		.base = base, .limit = limit, .selector = user ? ES_USER_DS : 0x10,
		.type = 3, .present = 1, .dpl = user ? 3 : 0, .s = 1, .g = limit > 0xfffff,
		.db = mode != ES_REAL,
	};
	if (mode == ES_REAL) {
		sregs->cs.type = 3;
		sregs->cs.selector = base >> 4;
		sregs->ds.selector = base >> 4;
	}
	sregs->ss = sregs->ds;
	sregs->es = sregs->ds;
	sregs->fs = sregs->ds;
	sregs->gs = sregs->ds;
}

static inline void es_make_table_user_accessible(struct kvm_vm *vm, u64 table, int level)
{
	u64 *pte = addr_gpa2hva(vm, table);
	int i;

	for (i = 0; i < 512; i++) {
		if (!(pte[i] & BIT(0)))
			continue;
		pte[i] |= BIT(2);
		if (level > 1 && !(pte[i] & BIT(7)))
			es_make_table_user_accessible(vm, pte[i] & PHYSICAL_PAGE_MASK, level - 1);
	}
}

/* Let user mode have all of the guest's memory. */
static inline void es_make_user_accessible(struct kvm_vm *vm)
{
	es_make_table_user_accessible(vm, vm->pgd, 4);
}

/* Have KVM emulate what follows: it is a VM-Exit for an invalid opcode. */
#define ES_FEP	"ud2; .byte 'k', 'v', 'm';"

#define ES_NO_FEP	"kvm.force_emulation_prefix is off, and cannot be changed"

static inline bool es_have_fep(void)
{
	char value[32];

	if (es_get_param(ES_PARAM_FEP, value, sizeof(value)) < 0)
		return false;
	return (value[0] != '0' && value[0] != 'N') || es_try_set_param(ES_PARAM_FEP, "1");
}

#endif /* SELFTEST_KVM_EXIT_STATS_H */
