# SPDX-License-Identifier: GPL-2.0
# Each harness that seeds mistakes finds one only if it was built in, ran and was found by what its patch names. Without a
# virtual machine and a compiler: in a copy of the repo that has fakes of them.

load helpers

bats_require_minimum_version 1.5.0

setup() {
    copy=$BATS_TEST_TMPDIR/repo
    tree=$copy/build/linux-6.12 outer=$copy/build/kernel/6.12-outer
    mkdir -p "$copy/patches/faults" "$copy/selftests/kvm/x86_64" "$copy/build/kvm-selftests/6.12" "$tree/arch/x86/kvm" \
        "$outer" "$outer-debug" "$BATS_TEST_TMPDIR/bin"
    cp -r "$top/scripts" "$copy/"
    touch "$copy/patches/series-6.12" "$copy/selftests/kvm/x86_64/exit_stats_one_test.c"
    echo one_test >"$copy/build/kvm-selftests/6.12/tests"
    : >"$copy/build/kvm-selftests/6.12/broken"
    for folder in "$outer" "$outer-debug"; do
        touch "$folder"/{.config,Module.symvers,built}
    done
    printf '#!/bin/sh\n' | tee "$copy"/scripts/{install-packages,build-kernel} >/dev/null

    printf 'line %d\n' 1 2 3 4 5 >"$tree/arch/x86/kvm/exit_stats.c"
    git -C "$tree" init -q
    for what in base series; do
        echo "$what" >"$tree/series"
        git -C "$tree" add .
        git -C "$tree" -c user.name=x -c user.email=x commit -q -m "$what"
        git -C "$tree" tag "$what"
    done
    git -C "$copy" init -q

    # What is built: KVM by the real build-baseline.
    cat >"$copy/scripts/build-image" <<'SCRIPT'
#!/bin/bash
set -e
[[ $1 != --kernel ]] || { kernel=(--kernel "$2") && shift 2; }
for name in "${@:2}"; do
    case $name in
        kvm-mistake) "$(dirname "$0")/build-baseline" "${kernel[@]}" "$1" mistake ;;
    esac
done
SCRIPT
    fake make <<'SCRIPT'
[[ $* == *" modules" ]] || exit 0
for word; do
    case $word in
        O=*) out=${word#O=} ;;
        M=*) kvm=${word#M=} ;;
    esac
done
touch "$out"/{kvm,kvm-intel,kvm-amd}.ko
file=$kvm/exit_stats.c
if [[ $* == *C=2* ]]; then
    echo "CHECK $file"
    sed -n "s,^sparse ,$file:1:1: warning: ,p" "$file"
elif [[ $* == *W=1* ]]; then
    sed -n "s,^W=1 ,$file:1:1: warning: ,p" "$file"
fi
! sed -n "s,^breaks ,$file:1:1: error: ,p" "$file" | grep .
SCRIPT
    # strip -o OUT IN
    fake strip <<<'cp "$4" "$3"'
    fake nm <<<'exit 0'
    fake dpkg-query <<<'echo 1.0'
    # shellcheck disable=SC2031
    PATH=$BATS_TEST_TMPDIR/bin:$PATH

    # What is booted: a KVM with the mistake fails everything, for the reason "mistaken".
    cat >"$copy/scripts/vm/run-vm" <<'SCRIPT'
#!/bin/bash
[[ $* != *--print-engine* ]] || { echo tcg; exit; }
root=$(cd "$(dirname "$0")/../.." && pwd)
kvm=patched
while (($#)); do
    case $1 in
        -o) out=$root/build/results/$2 ;;
        --initrd) initrd=$2 ;;
        kvm=*) kvm=${1#kvm=} ;;
        seeded-faults | debug | bench | regression) job=$1 ;;
    esac
    shift
done
# What an earlier run has left there must not count.
[[ $kvm != mistake || ! -e $root/dies-at-boot ]] || exit 1
rm -rf "$out"
mkdir -p "$out"
: >"$out/port-e9"

say() { # NAME STATUS [WORDS]
    printf '%s\n' ${3:+"# $3"} "$( (($2)) && echo 'not ')ok 1 test" 1..1 >"$out/$1.tap"
    echo "$2" >"$out/$1.status"
}

cost() { # NAME MORE
    for kind in cpuid io_kernel io_user msr_read msr_write hlt page fastpath total_1; do
        echo "$kind $((800 + $2)).00 1.00"
    done >"$out/$1.cost"
    echo "vcpu_bytes 1" >"$out/$1.memory"
}

status=$([[ $kvm == mistake ]] && echo 1 || echo 0)
case $job in
    seeded-faults)
        say patched "$([[ -e $root/fails-anyway ]] && echo 1 || echo 0)"
        say fault "$status" "${status/1/mistaken}"
        ;;
    debug)
        echo "@ 1.00 exit_stats_one_test" >>"$out/port-e9"
        printf '    %s\n' 1..1 'ok 1 case' >"$out/kunit.tap"
        for name in one_test reload; do say "exit_stats_$name" 0; done
        touch "$out/outer-dmesg.log"
        ((status == 0)) || echo "BUG: KASAN: mistaken in kvm_exit_stats_cpuid+0x1/0x2" >"$out/outer-dmesg.log"
        cp "$out/outer-dmesg.log" "$out/outer-console.log"
        [[ ! -e $root/dies ]] || { rm "$out"/*.tap "$out"/*.status "$out/outer-dmesg.log"; exit 1; }
        ;;
    bench)
        for name in unpatched built-without off assignment histogram ring-buffer perf; do cost "$name" 1; done
        cost on "$((status * 999 + 1))"
        for name in counts time record_counts record_time; do
            echo "10 100" | tee "$out/$name.bpf" >"$out/$name.kvm"
        done
        ;;
    regression)
        lz4 -dc "$initrd" 2>/dev/null | (cd "$out" && cpio -i --quiet)
        while IFS=$'\t' read -r name _; do
            echo "@ 1.00 $name" >>"$out/port-e9"
            printf '=\t%s\t%s\t0\t1\tmistaken\n' "$name" "$( ((status)) && echo fail || echo pass)" >>"$out/port-e9"
        done <"$out/plan"
        ;;
esac
echo passed >"$out/verdict"
[[ ! -e $root/after ]] || . "$root/after"
SCRIPT
    find "$copy/scripts" -maxdepth 2 -type f -name '*-*' -exec chmod +x {} +
}

# A program on the PATH, from standard input.
fake() { # NAME
    { echo '#!/bin/bash' && cat; } >"$BATS_TEST_TMPDIR/bin/$1"
    chmod +x "$BATS_TEST_TMPDIR/bin/$1"
}

# The one mistake that HARNESS has, a line in exit_stats.c.
seed() { # HARNESS FOUND-AS LINE
    cat >"$copy/patches/faults/mistake.patch" <<PATCH
Forwarded: not-needed, a mistake for the tests to find ($1)
Found-as: $2
---
diff --git a/arch/x86/kvm/exit_stats.c b/arch/x86/kvm/exit_stats.c
--- a/arch/x86/kvm/exit_stats.c
+++ b/arch/x86/kvm/exit_stats.c
@@ -1,3 +1,4 @@
 line 1
 line 2
+$3
 line 3
PATCH
}

harness() { # COMMAND...
    run "$copy/$1" "${@:2}"
    printf '%s\n' "$output"
}

finds() { # COMMAND...
    harness "$@"
    [ "$status" -eq 0 ]
    grep -q 'mistake.*: .*mistaken\|mistake.*: .*MISSED' <<<"$output"
}

# Neither passes nor says that it has found it.
misses() { # WHY COMMAND...
    harness "${@:2}"
    [ "$status" -eq 1 ]
    grep -q "not ok .* the mistake mistake $1" <<<"$output"
    run ! grep -q '^ok.* mistake .*is found' <<<"$output"
}

# All that can go wrong with the mistake of a harness that boots a virtual machine.
try() { # HARNESS FOUND-AS COMMAND...
    local harness=$1 as=$2 never='does not apply, does not build, or its run does not come to its end'
    shift 2
    seed "$harness" "$as" '/* mistake */'
    finds "$@"
    seed "$harness" "something else" '/* mistake */'
    misses 'is missed: there is no "something else"' "$@"
    seed "$harness" "$as" 'breaks the build'
    misses "$never" "$@"
    seed "$harness" "$as" '/* mistake */'
    sed -i 's/^ line 1/ line 9/' "$copy/patches/faults/mistake.patch"
    misses "$never" "$@"
    seed "$harness" "$as" '/* mistake */'
    touch "$copy/dies-at-boot"
    misses "$never" "$@"
    rm "$copy/dies-at-boot"
    sed -i '/^Found-as/d' "$copy/patches/faults/mistake.patch"
    misses 'has no Found-as' "$@"
    rm "$copy/patches/faults/mistake.patch"
    harness "$@"
    [ "$status" -eq 1 ]
    grep -q "not ok .*patches/faults has a mistake for ${harness%% *}" <<<"$output"
}

@test "run-faults" {
    try 'scripts/faults/run-faults one_test' mistaken scripts/faults/run-faults
    # Who fails without the mistake finds nothing.
    seed 'scripts/faults/run-faults one_test' mistaken '/* mistake */'
    touch "$copy/fails-anyway"
    misses 'does not apply' scripts/faults/run-faults
}

@test "run-regression" {
    arguments=('scripts/regression/run-regression --tests one_test' '-on, fail: mistaken')
    try "${arguments[@]}" scripts/regression/run-regression -j 1
    seed "${arguments[@]}" '/* mistake */'
    finds scripts/regression/run-regression --faults
}

@test "run-bench" {
    try scripts/bench/run-bench 'MISSED: on, instructions more for a CPUID: 999' scripts/bench/run-bench --quick 6.12
}

@test "run-debug-tests" {
    try 'scripts/debug/run-debug-tests debug' 'names exit_stats: BUG: KASAN: mistaken' \
        scripts/debug/run-debug-tests --faults --kernel debug
}

@test "run-debug-tests: a mistake that the outer VM does not survive is found in its console" {
    seed 'scripts/debug/run-debug-tests debug' 'names exit_stats: BUG: KASAN: mistaken' '/* mistake */'
    touch "$copy/dies"
    finds scripts/debug/run-debug-tests --faults --kernel debug
}

@test "run-debug-tests: a kernel without a mistake of its own fails, and nothing else is tried in it" {
    seed 'scripts/debug/run-debug-tests debug' 'names exit_stats: BUG: KASAN: mistaken' '/* mistake */'
    harness scripts/debug/run-debug-tests --faults
    [ "$status" -eq 1 ]
    grep -q 'not ok 2 patches/faults has a mistake for scripts/debug/run-debug-tests kcsan' <<<"$output"
    [ "$(grep -c '^ok.*the mistake mistake is found' <<<"$output")" -eq 1 ]
}

@test "run-debug-tests: what has not reported has failed, KUnit and each selftest" {
    debug_test=(scripts/debug/run-debug-tests --no-faults --kernel debug)
    harness "${debug_test[@]}"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^ok' <<<"$output")" -eq 5 ]
    for lost in kunit exit_stats_one_test exit_stats_reload; do
        for how in 'rm -f' 'truncate -s 0' "sed -i '\$d'"; do
            # shellcheck disable=SC2016 # for the fake
            echo "$how \"\$out/$lost.tap\"" >"$copy/after"
            harness "${debug_test[@]}"
            [ "$status" -eq 1 ]
            [ "$(grep -c '^not ok' <<<"$output")" -eq 1 ]
        done
    done
    # shellcheck disable=SC2016
    echo 'rm "$out/exit_stats_one_test.status"' >"$copy/after"
    harness "${debug_test[@]}"
    [ "$status" -eq 1 ]
}

@test "lint: gcc, sparse and bisect" {
    for kind in 'gcc|W=1 mistaken' 'sparse|sparse mistaken' 'bisect|breaks mistaken'; do
        check=${kind%|*}
        lint=(scripts/lint -c "$check" 6.12)
        seed "scripts/lint $check" mistaken "${kind#*|}"
        finds "${lint[@]}"
        # Another message; none at all; one that is not a warning.
        seed "scripts/lint $check" mistaken "${kind#*|} otherwise"
        sed -i 's/^Found-as: .*/Found-as: something else/' "$copy/patches/faults/mistake.patch"
        misses 'is missed' "${lint[@]}"
        seed "scripts/lint $check" mistaken '/* mistake */'
        misses 'is missed' "${lint[@]}"
        seed "scripts/lint $check" mistaken 'breaks the build'
        misses '\(does not apply\|is missed\)' "${lint[@]}"
        seed "scripts/lint $check" mistaken "${kind#*|}"
        sed -i 's/^ line 1/ line 9/' "$copy/patches/faults/mistake.patch"
        misses 'does not apply' "${lint[@]}"
        rm "$copy/patches/faults/mistake.patch"
        harness "${lint[@]}"
        [ "$status" -eq 1 ]
        grep -q "patches/faults has a mistake for scripts/lint $check" <<<"$output"
    done
}

@test "every patch of patches/faults is for a harness that there is, and says what it is found as" {
    for patch in "$top"/patches/faults/*.patch; do
        name=$(sed -nE '/^---/q; s/^Forwarded: .*a mistake for the tests to find \(([^ )]*).*/\1/p' "$patch")
        [ -x "$top/$name" ] || { echo "$patch: $name" && return 1; }
        [ "$(sed '/^---/q' "$patch" | grep -c '^Found-as: .')" -eq 1 ] || { echo "$patch" && return 1; }
    done
}
