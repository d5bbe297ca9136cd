# SPDX-License-Identifier: GPL-2.0
# What an array of measurements tells of the median of all that could be made.

def median: sort | length as $n | if $n == 0 then null else (.[($n - 1) / 2 | floor] + .[$n / 2 | floor]) / 2 end;

# Each measurement is as likely to be below the true median as above it, whatever else is known of them. So the k-th
# smallest of n is above it as seldom as a coin that is tossed n times shows heads less than k times. This is the
# largest k for which that is one time out of 20 or less, or 0 if n are too few.
def rank($n):
    {k: 0, sum: 0, term: pow(0.5; $n)}
    | until(.sum + .term > 0.05; .sum += .term | .k += 1 | .term *= ($n - .k + 1) / .k)
    | .k;

# 19 times out of 20, the true median is no less than this, or no more. Not known if not all of them are numbers.
def bound(pick):
    rank(length) as $k
    | if $k == 0 or any(type != "number") then null else sort | pick end;
def at_least: rank(length) as $k | bound(.[$k - 1]);
def at_most: rank(length) as $k | bound(.[-$k]);

# Of .instructions: how many a design takes more for a kind of VM-Exit than an unpatched KVM, that of BPF's kernel for BPF. Not
# known if one of them is not.
def added($design; $kind):
    [.[$design], (if $design | startswith("bpf-") then ."bpf-unpatched" else .unpatched end) | .[$kind]]
    | if all(type == "number") then .[0] - .[1] else null end;

# Of what BPF and KVM have counted in the same runs, by exit reason: how many of the counts are not the same. Nothing counted is
# an error.
def count_differences:
    [.counts, .time, .record_counts, .record_time | .bpf as $bpf | .kvm as $kvm
        | if ($kvm | length) == 0 then error("no counts") else $bpf + $kvm | keys[] end
        | select($bpf[.] != $kvm[.])]
    | length;
