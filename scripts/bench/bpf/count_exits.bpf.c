// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts VM-Exits by exit reason at the tracepoint kvm:kvm_exit, in a map for
 * each CPU.  With the program at kvm:kvm_entry, adds up the time from VM-Exit to
 * VM-Entry as well.
 *
 * What costs least is a raw tracepoint.  It has the vCPU and no exit reason, which
 * is to be read where KVM keeps it, so those are for VMX only.  bcc's kvmexit and
 * bpftrace take the tracepoint's record, which the kernel has to make: "record".
 */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "count_exits.h"

/* What is needed of KVM's own structures.  libbpf finds out where it lies. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

union vmx_exit_reason {
	__u32 full;
};

struct vcpu_vmx {
	union vmx_exit_reason exit_reason;
};

/* Newer kernels have it here. */
struct vcpu_vt {
	union vmx_exit_reason exit_reason;
};

struct vcpu_vmx___vt {
	struct vcpu_vt vt;
};

#pragma clang attribute pop

/* And of the record, which the kernel describes in events/kvm/kvm_exit/format. */
struct exit_record {
	__u64 common;
	__u32 exit_reason;
};

/* The VM-Exit that a CPU handles, and whose it is: threads are preempted, and move. */
struct pending {
	__u64 owner;
	__u64 ns;
	__u32 reason;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NR_REASONS);
	__type(key, __u32);
	__type(value, struct sample);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pending);
} pendings SEC(".maps");

static __always_inline int count(__u32 reason)
{
	struct sample *sample = bpf_map_lookup_elem(&samples, &reason);

	if (sample)
		sample->exits++;
	return 0;
}

static __always_inline int begin(__u32 reason, __u64 owner)
{
	__u32 zero = 0;
	struct pending *pending = bpf_map_lookup_elem(&pendings, &zero);

	if (pending) {
		pending->owner = owner;
		pending->reason = reason;
		pending->ns = bpf_ktime_get_ns();
	}
	return count(reason);
}

static __always_inline int end(__u64 owner)
{
	__u32 zero = 0, reason;
	struct pending *pending = bpf_map_lookup_elem(&pendings, &zero);
	struct sample *sample;

	if (!pending || pending->owner != owner)
		return 0;
	pending->owner = 0;
	reason = pending->reason;
	sample = bpf_map_lookup_elem(&samples, &reason);
	if (sample)
		sample->ns += bpf_ktime_get_ns() - pending->ns;
	return 0;
}

static __always_inline __u32 raw_reason(const struct bpf_raw_tracepoint_args *ctx)
{
	const struct vcpu_vmx *vmx = (const void *)ctx->args[0];
	const struct vcpu_vmx___vt *vt = (const void *)vmx;
	__u32 reason;

	if (bpf_core_field_exists(vmx->exit_reason))
		reason = BPF_CORE_READ(vmx, exit_reason.full);
	else
		reason = BPF_CORE_READ(vt, vt.exit_reason.full);
	return reason & 0xffff;
}

SEC("raw_tp/kvm_exit")
int counts_exit(const struct bpf_raw_tracepoint_args *ctx)
{
	return count(raw_reason(ctx));
}

SEC("raw_tp/kvm_exit")
int time_exit(const struct bpf_raw_tracepoint_args *ctx)
{
	return begin(raw_reason(ctx), ctx->args[0]);
}

SEC("raw_tp/kvm_entry")
int time_entry(const struct bpf_raw_tracepoint_args *ctx)
{
	return end(ctx->args[0]);
}

SEC("tp/kvm/kvm_exit")
int record_counts_exit(const struct exit_record *record)
{
	return count(record->exit_reason & 0xffff);
}

SEC("tp/kvm/kvm_exit")
int record_time_exit(const struct exit_record *record)
{
	return begin(record->exit_reason & 0xffff, bpf_get_current_pid_tgid());
}

SEC("tp/kvm/kvm_entry")
int record_time_entry(const void *record)
{
	return end(bpf_get_current_pid_tgid());
}

char LICENSE[] SEC("license") = "GPL";
