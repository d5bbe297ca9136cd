# SPDX-License-Identifier: GPL-2.0
# run-bench compares figures with their targets: what misses one must fail, and be named.

setup() {
    file=$BATS_TEST_TMPDIR/bench.json
    # Every figure just within its target.
    cat >"$file" <<'JSON'
{
    "parts": ["vmx", "svm", "native", "throughput"],
    "instructions": {
        "unpatched": {"cpuid": 815.09},
        "built-without": {"cpuid": 815.09},
        "off": {"cpuid": 818.09},
        "on": {"cpuid": 855.09, "total_1": 1355.09}
    },
    "memory": {"vmx": {"unpatched": 50000, "on": 115536}, "svm": {"unpatched": 50000, "on": 115536}},
    "throughput": {"on": {"median": 0.97, "pairs": [0.96, 0.98]}}
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
    '.throughput.on.median|exits per second of two vCPUs|- 0.001'
)

check() { # [JQ-EXPRESSION]
    jq "${1-.}" "$file" >"$file.changed"
    run "$BATS_TEST_DIRNAME/../bench/run-bench" --check "$file.changed"
    printf '%s\n' "$output"
}

@test "figures that are just within their targets pass, all of them" {
    check
    [ "$status" -eq 0 ]
    [ "$(grep -c '^ok: ' <<<"$output")" -eq "${#figures[@]}" ]
    [ "${#lines[@]}" -eq "${#figures[@]}" ]
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

@test "what was left out as a whole is said not to have been measured" {
    check '.parts = ["vmx"] | del(.throughput, .memory.svm)'
    [ "$status" -eq 0 ]
    [ "$(grep -c '^not measured: ' <<<"$output")" -eq 2 ]
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

@test "README has the figures that were recorded" {
    cd "$BATS_TEST_TMPDIR" || return 1
    readme=$BATS_TEST_DIRNAME/../../README.md recorded=$BATS_TEST_DIRNAME/../../results/bench-6.12.json
    # A row for each kind of VM-Exit: what it takes unpatched, and how much more with each design.
    jq -r '.instructions as $of
        | ("cpuid io_kernel io_user msr_read msr_write hlt page fastpath" | split(" "))[] as $kind
        | ["built-without", "off", "on", "assignment", "histogram", "ring-buffer", "perf"]
        | [$of.unpatched[$kind]] + map($of[.][$kind] - $of.unpatched[$kind]) | map(round) | @tsv' "$recorded" >recorded.tsv
    sed -n '/^| VM-Exit | unpatched/,/^$/p' "$readme" | sed '1,2d; /^$/d; s/not counted/0/; s/[,+]//g' |
        cut -d '|' -f 3-10 | sed 's/ *| */\t/g; s/^ *//; s/ *$//' >readme.tsv
    [ "$(wc -l <recorded.tsv)" -eq 8 ]
    diff recorded.tsv readme.tsv
    grep -qF "The median of $(jq '.throughput.on.pairs | length' "$recorded") pairs is $(jq '.throughput.on.median' "$recorded") " "$readme"
    run "$BATS_TEST_DIRNAME/../bench/run-bench" --check "$recorded"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^ok: ' <<<"$output")" -eq "${#figures[@]}" ]
}
