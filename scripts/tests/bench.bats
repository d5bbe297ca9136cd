# SPDX-License-Identifier: GPL-2.0
# run-bench compares figures with their targets: what misses one must fail, and be named.

setup() {
    file=$BATS_TEST_TMPDIR/bench.json
    # Every figure just within its target.
    cat >"$file" <<'JSON'
{
    "parts": ["vmx", "bpf", "svm", "native", "throughput"],
    "instructions": {
        "unpatched": {"cpuid": 815.09},
        "built-without": {"cpuid": 815.09},
        "off": {"cpuid": 818.09},
        "on": {"cpuid": 851.09, "total_1": 1351.09}
    },
    "bpf": {
        "counts": {"bpf": {"10": 3100, "30": 62}, "kvm": {"10": 3100, "30": 62}},
        "time": {"bpf": {"10": 3100, "30": 63}, "kvm": {"10": 3100, "30": 63}},
        "record_counts": {"bpf": {"10": 3100, "30": 64}, "kvm": {"10": 3100, "30": 64}},
        "record_time": {"bpf": {"10": 3100, "30": 65}, "kvm": {"10": 3100, "30": 65}}
    },
    "memory": {"vmx": {"unpatched": 50000, "on": 82768}, "svm": {"unpatched": 50000, "on": 82768}},
    "throughput": {"on": {"median": 0.98, "pairs": [0.98, 0.99, 0.97, 1, 0.98]}}
}
JSON
}

# The figures that have a target, the text that names it, and how each is made to miss it.
figures=(
    '.instructions.on.cpuid|on, instructions more for a CPUID|+ 0.01'
    '.instructions.off.cpuid|switched off, instructions more for a CPUID|+ 0.01'
    '.instructions["built-without"].cpuid|CONFIG off, instructions more for a CPUID|+ 0.01'
    '.instructions.on.total_1|TOTAL of 1 vCPU|+ 0.01'
    '.memory.vmx.on|bytes of memory a vCPU, VMX|+ 1'
    '.memory.svm.on|bytes of memory a vCPU, SVM|+ 1'
    '.throughput.on.pairs[2]|exits per second of two vCPUs|- 0.001'
)
# And one for counts, which are compared with each other.
nr_targets=$((${#figures[@]} + 1))

check() { # [JQ-EXPRESSION]
    jq "${1-.}" "$file" >"$file.changed"
    run "$BATS_TEST_DIRNAME/../bench/run-bench" --check "$file.changed"
    printf '%s\n' "$output"
}

@test "figures that are just within their targets pass, all of them" {
    check
    [ "$status" -eq 0 ]
    [ "$(grep -c '^ok: ' <<<"$output")" -eq "$nr_targets" ]
    [ "${#lines[@]}" -eq "$nr_targets" ]
}

@test "a figure that misses its target fails, is named alone, and by how much" {
    for entry in "${figures[@]}"; do
        IFS='|' read -r figure what change <<<"$entry"
        check "$figure |= . $change"
        [ "$status" -eq 1 ]
        [ "$(grep -c MISSED <<<"$output")" -eq 1 ]
        grep -q "^MISSED: $what.* missed by ${change#* }\$" <<<"$output"
    done
}

@test "a figure that is missing, or no number, fails and is named" {
    for entry in "${figures[@]}"; do
        IFS='|' read -r figure what _ <<<"$entry"
        for change in "del($figure)" "$figure |= \"some\""; do
            check "$change"
            [ "$status" -eq 1 ]
            grep -q "^MISSED: $what.*no such figure" <<<"$output"
        done
    done
    check 'del(.instructions.unpatched)'
    [ "$status" -eq 1 ]
    [ "$(grep -c MISSED <<<"$output")" -eq 3 ]
}

@test "BPF must have counted each VM-Exit that KVM did, by reason, and no other" {
    while read -r differences change; do
        check "$change"
        [ "$status" -eq 1 ]
        [ "$(grep -c MISSED <<<"$output")" -eq 1 ]
        grep -q "^MISSED: exit reasons that BPF counts otherwise than KVM does: $differences" <<<"$output"
    done <<'TEXT'
1, .bpf.counts.bpf["10"] += 1
1, .bpf.time.bpf["10"] -= 1
2, .bpf.counts.bpf["10"] += 1 | .bpf.time.kvm["10"] += 1
1, .bpf.record_counts.bpf["1"] = 1
1, del(.bpf.counts.bpf["30"])
2, .bpf.time.bpf = {}
there del(.bpf)
there .bpf = {}
there del(.bpf.record_time)
there del(.bpf.counts.kvm)
there .bpf.counts = {"bpf": {}, "kvm": {}}
TEXT
}

@test "what was left out as a whole is said not to have been measured" {
    check '.parts = ["vmx"] | del(.throughput, .memory.svm)'
    [ "$status" -eq 0 ]
    [ "$(grep -c '^not measured: ' <<<"$output")" -eq 3 ]
    check '.parts = ["vmx"] | del(.memory)'
    [ "$status" -eq 1 ]
}

@test "a file that is none of run-bench fails" {
    check '[]'
    [ "$status" -eq 1 ]
    echo no JSON >"$file"
    run "$BATS_TEST_DIRNAME/../bench/run-bench" --check "$file"
    [ "$status" -eq 1 ]
    run "$BATS_TEST_DIRNAME/../bench/run-bench" --check "$file.not-there"
    [ "$status" -eq 2 ]
}

# What statistics.jq has to say.
statistics() { # EXPRESSION
    jq -c -L "$BATS_TEST_DIRNAME/../bench" "include \"statistics\"; $1"
}

@test "the median, and what it is not below and not above 19 times out of 20" {
    # By the table of the binomial distribution: 15 of 40, 33 of 80, 42 of 100; of 4, not even the smallest.
    for n in 40:15 80:33 100:42 5:1 4:0; do
        [ "$(statistics "rank(${n%:*})" <<<null)" = "${n#*:}" ]
    done
    [ "$(statistics 'median, at_least, at_most' <<<'[5, 1, 4, 2, 3, 1000]' | paste -sd ' ')" = "3.5 1 1000" ]
    [ "$(statistics '[range(40)] | at_least, at_most' <<<null | paste -sd ' ')" = "14 25" ]
    [ "$(statistics 'median, at_least' <<<'[1, 2, 3]' | paste -sd ' ')" = "2 null" ]
}

@test "a loss of 3% misses its target 19 times out of 20, and half of it hardly ever, with pairs as they are" {
    # 120 pairs each time, which vary by 4% from boot to boot, as those that were recorded do.
    awk 'BEGIN {
        srand(1)
        for (run = 0; run < 1000; run++)
            for (pair = 0; pair < 120; pair++)
                printf "%s%.6f%s", pair ? "," : "[", 0.04 * sqrt(-2 * log(1 - rand())) * cos(6.28318530718 * rand()),
                    pair < 119 ? "" : "]\n"
    }' >"$BATS_TEST_TMPDIR/runs"
    for loss in 0.03 0.015; do
        statistics "map(. + 1 - $loss) | at_least < 0.97" <"$BATS_TEST_TMPDIR/runs" | grep -c true
    done >"$BATS_TEST_TMPDIR/missed"
    paste -sd ' ' "$BATS_TEST_TMPDIR/missed"
    [ "$(sed -n 1p "$BATS_TEST_TMPDIR/missed")" -ge 930 ]
    [ "$(sed -n 2p "$BATS_TEST_TMPDIR/missed")" -le 100 ]
}

# A copy of the scripts with outer VMs that only tell where they run.
fake_throughput() {
    copy=$BATS_TEST_TMPDIR/repo
    mkdir -p "$copy/scripts/vm" "$copy/patches" "$BATS_TEST_TMPDIR/bin"
    touch "$copy/patches/series-6.12"
    cp -r "$BATS_TEST_DIRNAME"/../{bench,lib.sh,packages.sh} "$copy/scripts/"
    cat >"$copy/scripts/vm/run-vm" <<'SCRIPT'
#!/bin/bash
root=$(dirname "$0")/../..
while [[ $1 != -o ]]; do shift; done
mkdir -p "$root/build/results/$2"
printf '%s %s\n' "$2" "$(taskset -cp $$ | sed 's/.*: //')" >>"$root/vms"
echo 1000 >"$root/build/results/$2/throughput.txt"
[[ ! -e $root/dies ]]
SCRIPT
    printf '#!/bin/sh\necho "Mem: 1 2 3 4 5 $(cat "%s/memory")"\n' "$copy" >"$BATS_TEST_TMPDIR/bin/free"
    chmod +x "$copy/scripts/vm/run-vm" "$BATS_TEST_TMPDIR/bin/free"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
    echo 100000 >"$copy/memory"
}

@test "pairs run on the CPUs that this may use, each on one" {
    fake_throughput
    first=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
    last=$(taskset -cp $$ | sed 's/.*[-, ]//')
    run taskset -c "$last" "$copy/scripts/bench/measure-throughput" 6.12 2
    printf '%s\n' "$output"
    [ "$status" -eq 0 ]
    [ "${lines[2]}" = "all: 1, at least ?" ]
    [ "$(sort -u "$copy/vms")" = "$(printf '%s\n' "throughput/$last-a $last" "throughput/$last-b $last")" ]
    [ "$(wc -l <"$copy/vms")" -eq 4 ]
    [ "$first" != "$last" ] || return 0
    rm "$copy/vms"
    run taskset -c "$first,$last" "$copy/scripts/bench/measure-throughput" 6.12 3
    [ "$(cut -d ' ' -f 2 "$copy/vms" | sort | uniq -c | awk '{ print $1 }' | paste -sd ' ')" = "4 2" ]
}

@test "no more outer VMs at a time than there is memory for" {
    fake_throughput
    # Two VMs: one pair at a time, on the first CPU.
    echo 3000 >"$copy/memory"
    run "$copy/scripts/bench/measure-throughput" 6.12 2
    [ "$status" -eq 0 ]
    [ "$(cut -d ' ' -f 2 "$copy/vms" | sort -u | wc -l)" -eq 1 ]
    echo 2000 >"$copy/memory"
    run "$copy/scripts/bench/measure-throughput" 6.12 2
    [ "$status" -eq 1 ]
    [[ $output == *"two outer VMs need 2048 MiB of memory, 2000 are available" ]]
}

@test "an outer VM that fails, fails the measurement" {
    fake_throughput
    touch "$copy/dies"
    run "$copy/scripts/bench/measure-throughput" 6.12 2
    [ "$status" -eq 1 ]
    [[ $output == *"an outer VM failed"* ]]
}

# Bochs repeats instructions to the digit.
@test "a figure that is not the recorded one fails, and is named" {
    run_bench=$BATS_TEST_DIRNAME/../bench/run-bench
    jq '. + {linux: "6.12.1-1", gcc: "gcc 12", bochs: "2.7"} | .parts = ["cost"]' "$file" >"$file.recorded"
    run "$run_bench" --check "$file.recorded" "$file.recorded"
    [ "$status" -eq 0 ]
    grep -qx 'ok: on, cpuid: 851.09, as recorded' <<<"$output"
    [ "$(grep -c ', as recorded$' <<<"$output")" -eq 5 ]

    # Less is no mistake, but has to be recorded.
    for figure in 855.08 815.1 null; do
        jq ".instructions.on.cpuid = $figure" "$file.recorded" >"$file.changed"
        run "$run_bench" --check "$file.changed" "$file.recorded"
        [ "$status" -eq 1 ]
        grep -qx "DIFFERS: on, cpuid: $figure, recorded were 851.09" <<<"$output"
        [ "$(grep -c '^DIFFERS' <<<"$output")" -eq 1 ]
    done

    jq '.instructions = {}' "$file.recorded" >"$file.empty"
    run "$run_bench" --check "$file.recorded" "$file.empty"
    [ "$status" -eq 1 ]
}

@test "figures of another environment only have to meet their targets" {
    jq '. + {linux: "6.12.1-1", gcc: "gcc 12", bochs: "2.7"} | .parts = ["cost"]' "$file" >"$file.recorded"
    jq '.gcc = "gcc 14" | .bochs = "3.0" | .instructions.on[] -= 1' "$file.recorded" >"$file.changed"
    run "$BATS_TEST_DIRNAME/../bench/run-bench" --check "$file.changed" "$file.recorded"
    [ "$status" -eq 0 ]
    grep -qx 'not compared with the recorded figures: gcc is gcc 14, not gcc 12; bochs is 3.0, not 2.7' <<<"$output"
    jq '.instructions.on.cpuid += 2' "$file.changed" >"$file.worse"
    run "$BATS_TEST_DIRNAME/../bench/run-bench" --check "$file.worse" "$file.recorded"
    [ "$status" -eq 1 ]
}

@test "README has the figures that were recorded" {
    cd "$BATS_TEST_TMPDIR" || return 1
    readme=$BATS_TEST_DIRNAME/../../README.md recorded=$BATS_TEST_DIRNAME/../../results/bench-6.12.json
    # A row for each kind of VM-Exit: what it takes unpatched, and how much more with each design.
    jq -r -L "$BATS_TEST_DIRNAME/../bench" 'include "statistics"; .instructions as $of
        | ("cpuid io_kernel io_user msr_read msr_write hlt page fastpath" | split(" "))[] as $kind
        | ["built-without", "off", "on", "assignment", "bpf-counts", "bpf-time", "histogram", "ring-buffer", "perf"]
        | [$of.unpatched[$kind]] + map(. as $design | $of | added($design; $kind)) | map(round) | @tsv' "$recorded" >recorded.tsv
    sed -n '/^| VM-Exit | unpatched/,/^$/p' "$readme" | sed '1,2d; /^$/d; s/not counted/0/; s/[,+]//g' |
        cut -d '|' -f 3-12 | sed 's/ *| */\t/g; s/^ *//; s/ *$//' >readme.tsv
    [ "$(wc -l <recorded.tsv)" -eq 8 ]
    diff recorded.tsv readme.tsv
    grep -qF "The median of $(jq '.throughput.on.pairs | length' "$recorded") pairs is $(jq '.throughput.on.median' "$recorded") " "$readme"
    run "$BATS_TEST_DIRNAME/../bench/run-bench" --check "$recorded"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^ok: ' <<<"$output")" -eq "$nr_targets" ]
}

@test "the table that was recorded has a column for each design" {
    columns=$(sed -n "/^designs=(/,/^)/s/.*|\(.*\)'/\1 |/p" "$BATS_TEST_DIRNAME/../bench/run-bench" | paste -sd ' ')
    [[ $columns == "unpatched | "*" BPF, counts | BPF, counts and time | "* ]]
    grep -qxF "|  | VM-Exits | $columns" "$BATS_TEST_DIRNAME/../../results/bench-6.12.md"
}

@test "what was recorded of the cost alone is what was recorded with everything else" {
    for cost in "$BATS_TEST_DIRNAME"/../../results/cost-*.json; do
        recorded=${cost/cost-/bench-}
        [ -f "$recorded" ] || continue
        diff <(jq -S .instructions "$cost") <(jq -S --slurpfile cost "$cost" '.instructions as $all | $cost[0].instructions
            | with_entries(.key as $design | .value |= with_entries(.value = $all[$design][.key]))' "$recorded")
    done
}
