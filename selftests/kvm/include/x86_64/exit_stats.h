/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUID leaf 0x4FFFFFFF: how often, why and for how long KVM interrupted the
 * guest.  Host code of the exit_stats tests: run guests, and compare what they
 * and the binary stats say.
 */
#ifndef SELFTEST_KVM_EXIT_STATS_H
#define SELFTEST_KVM_EXIT_STATS_H

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include "exit_stats_guest.h"
#include "exit_stats_report.h"

/* Run a guest. */

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

/* A guest in a thread of its own came to ES_GUEST_SYNC(). */
static sem_t es_synced;

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
#define es_guest(vm, global)						\
	((typeof(global) *)addr_gva2hva(vm, (uintptr_t)&(global)))

/* Have the host's copy of a global, or of several in a row, say what the guest's says. */
#define ES_FETCH(vm, global)						\
	memcpy(&(global), es_guest(vm, global), sizeof(global))

static inline bool es_has_signature(struct es_regs info)
{
	return info.ebx == KVM_EXIT_STATS_SIGNATURE_EBX &&
	       info.ecx == KVM_EXIT_STATS_SIGNATURE_ECX &&
	       info.edx == KVM_EXIT_STATS_SIGNATURE_EDX;
}

/* Create a VM without vCPUs, on any KVM. */
static inline struct kvm_vm *es_create_empty_vm(void)
{
	/* Leave room for vCPUs that the test adds. */
	struct kvm_vm *vm = vm_create(ES_MAX_VCPUS);

	sem_init(&es_synced, 0, 0);
	es_compat_init_vm(vm);
	sync_global_to_guest(vm, es_amd);
	sync_global_to_guest(vm, es_names);
	return vm;
}

static inline struct kvm_vcpu *es_add_vcpu(struct kvm_vm *vm, u32 id)
{
	struct kvm_vcpu *vcpu = vm_vcpu_add(vm, id, es_guest_info);

	es_compat_init_vcpu(vcpu);
	return vcpu;
}

static inline struct kvm_vm *es_create_any_vm(int nr_vcpus, struct kvm_vcpu *vcpus[])
{
	struct kvm_vm *vm = es_create_empty_vm();
	int i;

	for (i = 0; i < nr_vcpus; i++)
		vcpus[i] = es_add_vcpu(vm, i);
	return vm;
}

/* Have @vcpu read INFO.  Only the signature proves presence. */
static inline bool es_read_info(struct kvm_vcpu *vcpu)
{
	es_run(vcpu, es_guest_info, 0, 0);
	ES_FETCH(vcpu->vm, es_info);
	return es_has_signature(es_info[0]);
}

/*
 * Create a VM with @nr_vcpus, and read INFO on the first of them.  A KVM that has
 * the parameters but does not answer with the signature is broken.
 */
static inline struct kvm_vm *es_create_vm(int nr_vcpus, struct kvm_vcpu *vcpus[])
{
	struct kvm_vm *vm = es_create_any_vm(nr_vcpus, vcpus);

	if (!es_read_info(vcpus[0]))
		ksft_exit_fail_msg("Expected 'KVMExitStats' in EBX:ECX:EDX, got EAX:EBX:ECX:EDX = "
				   ES_FMT "\n", ES_ARGS(es_info[0]));
	return vm;
}

/* What two snapshots must have in common. */

/* TOTAL is always the sum over reasons, in counts and in cycles. */
static inline void es_check_sum(const struct es_snapshot *s)
{
	struct es_sample sum = {};
	int i;

	for (i = 0; i < es_isa()->nr_reasons; i++) {
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
 * about may come on top, and those of @more, if any.
 */
static inline void es_check_growth(const struct es_snapshot *before,
				   const struct es_snapshot *after,
				   const struct es_growth *expected, int nr,
				   const struct es_codes *more)
{
	const struct es_isa *isa = es_isa();
	u64 growth, n, all = 0;
	bool named, slack;
	u32 code;
	int i, j;

	es_check_sum(before);
	es_check_sum(after);

	for (i = 0; i < isa->nr_reasons; i++) {
		code = es_code_of(i);

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
				   (more && es_has_code(more, code)));
		growth = after->reason[i].count - before->reason[i].count;

		ES_EXPECT(growth == n || (slack && (s64)growth > (s64)n),
			  "Expected %s%lu more of %s (%#x), got %ld",
			  slack ? "at least " : "", n, es_name(code), code, growth);
	}

	growth = after->total.count - before->total.count;
	ES_EXPECT(growth >= all, "Expected TOTAL to grow by at least %lu, got %ld", all, growth);
}

/* The binary stats. */

/* Those that a vCPU has on any CPU; an element is a reason's number. */
struct es_binary_stats {
	u64 exit_reasons[ES_MAX_REASONS];
	u64 exit_cycles[ES_MAX_REASONS];
};

static inline void es_read_binary_stats(struct kvm_vcpu *vcpu, struct es_binary_stats *s)
{
	const struct {
		const char *name;
		u32 unit;
		u64 *data;
	} wanted[] = {
		{ "exit_reasons", KVM_STATS_UNIT_NONE, s->exit_reasons },
		{ "exit_cycles", KVM_STATS_UNIT_CYCLES, s->exit_cycles },
	};
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
			TEST_ASSERT(desc->size == ES_MAX_REASONS,
				    "%s: expected %u elements, got %u",
				    desc->name, ES_MAX_REASONS, desc->size);
			read_stat_data(fd, &header, desc, wanted[i].data, desc->size);
		}
		TEST_ASSERT(found == 1, "Expected one %s, got %d", wanted[i].name, found);
	}

	free(descs);
	close(fd);
}

#endif /* SELFTEST_KVM_EXIT_STATS_H */
