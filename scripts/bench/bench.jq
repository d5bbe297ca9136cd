# SPDX-License-Identifier: GPL-2.0
# What scripts/bench/run-bench has measured, as Markdown. $designs and $kinds are lists of {name, label}, $least is the
# target for exits per second.
include "statistics";

# 1234567.891 is 1,234,567.89.
def number:
    . * 100 | round / 100 | tostring | capture("^(?<whole>[0-9]+)(?<rest>.*)$")
    | (.whole | [while(. != ""; .[:-3]) | .[-3:]] | reverse | join(",")) + .rest;
def number_or_unknown: if . == null then "?" else number end;
def signed: if . < 0 then "-" + (-. | number) else "+" + number end;
def signed_or_unknown: if . == null then "?" else signed end;
def row: "| " + join(" | ") + " |";
def heading: row, (map("---:") | .[0] = "---" | row);
def plural($what): "\(.) \($what)" + if . == 1 then "" else "s" end;

. as $bench
| .instructions as $cost
| "# What VM-Exits cost",
"",
"Linux \(.linux)" + (if .kvm == "patched" then "." else ", with the KVM \"\(.kvm)\" in place of the patched one." end),
"",
"Executed instructions under Bochs, whose TSC counts them, of guest, KVM and, where it is asked, userspace: one run, the",
"best of 30 rounds for each, less the loop around. In parentheses, what is more than with an unpatched KVM.",
"",
(["", "VM-Exits"] + ($designs | map(.label)) | heading),
($kinds[]
    | .name as $kind
    | [.label, ($bench.exits[$kind] | number_or_unknown)]
        + [$designs[].name as $design
            | $cost[$design][$kind] as $n
            | ($cost | added($design; $kind)) as $added
            | if $added == null then "?"
              elif $design == "unpatched" then $n | number
              else "\($n | number) (\($added | signed))" end]
    | row),
"",
"- VM-Exits: how many each takes, as the leaf tells.",
"- I/O to userspace: the KVM_RUN loop of a small program included.",
"- HLT wake-up: two vCPUs on one CPU that wake each other, without polling. Each wake-up has the HLT, the IPI, its",
"  injection and EOI, and a change of threads.",
"- EPT violation: first touch of a page that the host has in memory.",
"- Fastpath: WRMSR of TSC_DEADLINE. MSR read and write: MISC_FEATURES_ENABLES.",
"",
"- CONFIG off: the patches, and `CONFIG_KVM_EXIT_STATS=n`. Switched off: `exit_stats=N`. On: with all that there is.",
"- Assignment: two atomic counters of the host around the handling of a VM-Exit, which fastpath VM-Exits do not reach.",
"- BPF: unpatched, while programs compiled by the JIT count, by exit reason and in a map for each CPU, at the raw tracepoint",
"  kvm_exit; with time, another one at kvm_entry adds up the nanoseconds since then. They read the exit reason in KVM's",
"  structures. With the tracepoints' records, which bcc's kvmexit and bpftrace take, a CPUID takes",
"  \($cost | added("bpf-record_counts"; "cpuid") | signed_or_unknown), and \($cost | added("bpf-record_time"; "cpuid") | signed_or_unknown) with time. More is more than in the same kernel without programs:",
"  as it has BPF, a CPUID takes \($cost."bpf-unpatched".cpuid | number_or_unknown) there. All of them count what a patched KVM counts, by exit reason.",
"- Histogram trigger: unpatched, with `hist:keys=exit_reason` at kvm:kvm_exit.",
"- Ring buffer: unpatched, with kvm_exit and kvm_entry recorded in the ring buffer of tracefs.",
"- Recorded for perf: unpatched, with kvm_exit and kvm_entry recorded in a buffer of perf's, as `perf kvm stat record`",
"  asks for it, without what perf then does with them.",
"",
(if $bench.reads then
    "What a CPUID takes that reads the leaf, in a VM of so many vCPUs:",
    "",
    (["view", "1 vCPU", "8 vCPUs", "64 vCPUs"] | heading),
    ($bench.reads | to_entries[] | [.key, (.value["1", "8", "64"] | number_or_unknown)] | row),
    ""
else empty end),
($bench.snapshot
    | if .instructions
      then "A snapshot of \(.reasons | plural("reason")): \(.instructions | number) instructions, in \(.cpuids) CPUIDs."
      else empty end),
"",
($bench.memory // {} | to_entries[] | .value
        |= {on, unpatched} | select(.value | .on and .unpatched)
    | "- Memory a vCPU, \(.key | ascii_upcase): \(.value.on - .value.unpatched | number) bytes more than the "
        + "\(.value.unpatched | number) of an unpatched KVM."),
($bench.throughput // {} | to_entries[]
    | (.value.pairs | length) as $n | (.value.pairs | at_least) as $low | (.value.pairs | at_most) as $high
    | "- Exits per second of two vCPUs under TCG, \(.key): \(.value.median) of those with an unpatched KVM, the median",
      "  of \($n) pairs (\(.value.pairs | min) to \(.value.pairs | max)); 19 times out of 20 the true one is at least \($low // "?").",
      if .key == "on" and $low then
        "  A loss of \((1 - $least) * 100 | number)% or more misses the target 19 times out of 20; with as many"
        + " pairs like these, one of \([1 - $least - ($high - $low), 0] | max * 100 | number)% or less meets it as often."
      else empty end),
(if $bench.native then
    "",
    "Ways to count a VM-Exit and add up its cycles, in ns of a thread's CPU time, on the cores of this machine",
    "(\($bench.native_cpu)):",
    "",
    (($bench.native | [.[] | keys[] | tonumber] | unique) as $threads
    | (["", ($threads[] | plural("thread"))] | heading),
      ($bench.native | to_entries[]
        | [(.key | gsub("_"; " ")), (.value["\($threads[])"] | number_or_unknown)]
        | row))
else empty end)
