# SPDX-License-Identifier: GPL-2.0
# The comparison of verdicts, without a virtual machine.

load helpers

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    compare=$BATS_TEST_DIRNAME/../regression/compare-verdicts
    add unpatched.tsv cpuid_test pass ''
    add unpatched.tsv amx_test skip '1..0 # SKIP - no AMX'
    add unpatched.tsv smm_test fail 'smm_test.c:7: x'
    cp unpatched.tsv on.tsv
}

# A run of a test.
add() { # FILE TEST VERDICT REASON
    printf '%s\t%s\t0\t1\t%s\n' "$2" "$3" "$4" >>"$1"
}

@test "equal verdicts pass, and nothing is said" {
    run "$compare" unpatched.tsv on.tsv on.tsv
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}

@test "a verdict that differs fails, and is named with what both said" {
    sed -i 's/^cpuid_test.*/cpuid_test\tfail\t254\t1\tcpuid_test.c:31: eax/' on.tsv
    run "$compare" unpatched.tsv on.tsv
    [ "$status" -eq 1 ]
    says "differs   cpuid_test: unpatched pass, on fail"
    says "    unpatched, pass: (says nothing)"
    says "    on, fail: cpuid_test.c:31: eax"
    [ "$(grep -c '^differs' <<<"$output")" -eq 1 ]
}

@test "a failure that became a pass differs as well" {
    sed -i 's/^smm_test.*/smm_test\tpass\t0\t1\t/' on.tsv
    run "$compare" unpatched.tsv on.tsv
    [ "$status" -eq 1 ]
    says "differs   smm_test: unpatched fail, on pass"
}

@test "only the last of three differs: found" {
    sed 's/^cpuid_test\tpass/cpuid_test\ttimeout/' on.tsv >off.tsv
    run "$compare" unpatched.tsv on.tsv off.tsv
    [ "$status" -eq 1 ]
    says "differs   cpuid_test: unpatched pass, off timeout"
    [ "$(grep -c '^differs' <<<"$output")" -eq 1 ]
}

@test "a test that is missing on either side fails" {
    sed -i '/^amx_test/d' on.tsv
    run "$compare" unpatched.tsv on.tsv
    [ "$status" -eq 1 ]
    says "missing   amx_test: unpatched skip, on missing"
    run "$compare" on.tsv unpatched.tsv
    [ "$status" -eq 1 ]
    says "missing   amx_test: on missing, unpatched skip"
}

@test "a pass with a complaint of the kernel is not a pass" {
    sed -i 's/^cpuid_test\tpass/cpuid_test\tpass, kernel complaint/' on.tsv
    run "$compare" unpatched.tsv on.tsv
    [ "$status" -eq 1 ]
    says "differs   cpuid_test: unpatched pass, on pass, kernel complaint"
}

@test "unsteady is only what the reference itself shows both ways" {
    add on.tsv cpuid_test timeout ''
    run "$compare" unpatched.tsv on.tsv
    [ "$status" -eq 1 ]
    says "differs   cpuid_test: unpatched pass, on pass/timeout"

    add unpatched.tsv cpuid_test timeout ''
    run "$compare" unpatched.tsv on.tsv
    [ "$status" -eq 0 ]
    says "unsteady  cpuid_test: unpatched pass/timeout, on pass/timeout"

    add on.tsv cpuid_test fail 'something else'
    run "$compare" unpatched.tsv on.tsv
    [ "$status" -eq 1 ]
    says "differs   cpuid_test: unpatched pass/timeout, on pass/timeout/fail"
}

@test "a file without verdicts is an error, not a pass" {
    : >on.tsv
    run "$compare" unpatched.tsv on.tsv
    [ "$status" -eq 1 ]
    says "there are no verdicts in on.tsv"
    run "$compare" unpatched.tsv
    [ "$status" -eq 2 ]
}

# A copy of the scripts where run-vm is told by "behaviour" what becomes of a test: a line KVM TEST VERDICT for what it
# reports, as often as there are lines, the last one for good; "dies" for an outer VM that ends in it.
fake() {
    copy=$BATS_TEST_TMPDIR/repo
    mkdir -p "$copy/scripts/vm" "$copy/build/kvm-selftests/6.12" "$copy/patches/faults"
    cp -r "$BATS_TEST_DIRNAME"/../{regression,faults,lib.sh,packages.sh,tap.sh} "$copy/scripts/"
    touch "$copy/patches/series-6.12"
    : >"$copy/scripts/regression/regression.conf"
    printf '%s\n' 'Forwarded: not-needed (scripts/regression/run-regression --tests one|two)' \
        'Found-as: -on, fail: because' >"$copy/patches/faults/mistake.patch"
    echo 'mistake one fail' >"$copy/behaviour"
    printf '#!/bin/sh\n' | tee "$copy/scripts/build-image" >"$copy/scripts/install-packages"
    printf '%s\n' one two three >"$copy/build/kvm-selftests/6.12/tests"
    : >"$copy/build/kvm-selftests/6.12/broken"
    cat >"$copy/scripts/vm/run-vm" <<'SCRIPT'
#!/bin/bash
[[ $* != *--print-engine* ]] || { echo tcg; exit; }
root=$(dirname "$0")/../..
while [[ $1 ]]; do
    case $1 in
        -o) out=$root/build/results/$2 ;;
        --initrd) initrd=$2 ;;
        kvm=*) kvm=${1#kvm=} ;;
        exit_stats=Y) [[ $kvm != patched ]] || kvm=on ;;
        exit_stats=N) [[ $kvm != patched ]] || kvm=off ;;
    esac
    shift
done
rm -rf "$out"
mkdir -p "$out"
lz4 -dc "$initrd" 2>/dev/null | (cd "$out" && cpio -i --quiet)
echo "boot $kvm: $(cut -f 1 "$out/plan" | paste -sd ' ')" >>"$root/boots"
while IFS=$'\t' read -r name _; do
    verdict=$(awk -v kvm="$kvm" -v name="$name" '$1 == kvm && $2 == name { print $3; exit }' "$root/behaviour")
    if (($(grep -c "^$kvm $name " "$root/behaviour") > 1)); then
        sed -i "0,/^$kvm $name /{/^$kvm $name /d}" "$root/behaviour"
    fi
    echo "@ 1.00 $name" >>"$out/port-e9"
    if [[ $verdict == dies ]]; then
        echo "The outer VM ended without a verdict: nothing reported for 1 s. Its last console lines:" >&2
        exit 1
    fi
    printf '=\t%s\t%s\t0\t1\tbecause\n' "$name" "${verdict:-pass}" >>"$out/port-e9"
done <"$out/plan"
SCRIPT
    chmod +x "$copy"/scripts/{build-image,install-packages,vm/run-vm}
    table=$copy/build/results/regression/6.12/verdicts.tsv
}

regression() {
    run "$copy/scripts/regression/run-regression" -j 1 "$@"
    printf '%s\n' "$output"
}

@test "a run whose verdicts are equal passes, with a table and the counts" {
    fake
    printf '%s\n' 'unpatched two skip' 'on two skip' 'off two skip' >>"$copy/behaviour"
    echo 'three tcg leave-out takes too long' >"$copy/scripts/regression/regression.conf"
    regression
    [ "$status" -eq 0 ]
    [ "${lines[-1]}" = "4 tests, 2 passed, 2 skipped, 0 failed or timed out, 0 verdicts differ" ]
    [ "$(cut -f 2-4 "$table" | sed -n 2p)" = "$(printf 'pass\tpass\tpass')" ]
    [ "$(sed -n 4p "$table" | cut -f 2,5)" = "$(printf 'left out\ttakes too long')" ]
    grep -q '^| two | skip | skip | skip | skip | skip | skip |$' "${table%/*}/regression.md"
    [ "$(grep -cE '^boot (on|off): one two$' "$copy/boots")" -eq 4 ]
    grep -qx -- '- with the mistake `mistake`: amd-on, fail: because' "${table%/*}/regression.md"
}

@test "a test that does not build is left out, with what the compiler says" {
    fake
    printf 'two\terror: no such thing\n' >"$copy/build/kvm-selftests/6.12/broken"
    regression
    [ "$status" -eq 0 ]
    [ "$(sed -n 3p "$table" | cut -f 2,5)" = "$(printf 'left out\tdoes not build: error: no such thing')" ]
    run ! grep -q 'boot .*two' "$copy/boots"
}

@test "a test that fails under the patched KVM alone is run again, and fails the run" {
    fake
    echo 'on two fail' >>"$copy/behaviour"
    regression -v amd
    [ "$status" -eq 1 ]
    says "differs   two: amd-unpatched pass, amd-on fail"
    [ "${lines[-1]}" = "3 tests, 3 passed, 0 skipped, 0 failed or timed out, 1 verdicts differ" ]
    grep -qx 'boot unpatched: two two two two two' "$copy/boots"
}

@test "a test that passes and fails under the unpatched KVM itself is unsteady, and forgiven" {
    fake
    printf '%s\n' 'unpatched two pass' 'unpatched two fail' 'unpatched two pass' 'on two fail' >>"$copy/behaviour"
    regression -v amd
    [ "$status" -eq 0 ]
    says "unsteady  two: amd-unpatched pass/fail, amd-on fail"
}

@test "a test that the outer VM does not survive has crashed, and the others run in another" {
    fake
    printf '%s\n' 'unpatched two dies' 'on two dies' >>"$copy/behaviour"
    regression -v amd
    [ "$status" -eq 1 ]
    says "differs   two: amd-unpatched crashed, amd-off pass"
    says "amd-unpatched, crashed: nothing reported for 1 s"
    run ! grep -q 'two: amd-unpatched crashed, amd-on' <<<"$output"
    grep -qx 'boot unpatched: three' "$copy/boots"
}

@test "an outer VM that does not get as far as a test is an error, not a verdict" {
    fake
    sed -i '/^while IFS/,$d' "$copy/scripts/vm/run-vm"
    echo 'touch "$out/port-e9"; exit 1' >>"$copy/scripts/vm/run-vm"
    regression -v amd
    [ "$status" -eq 1 ]
    says "the outer VM did not begin with one"
    says "not all tests could be run"
}

@test "a pattern that no test has, and one that is left out, are refused" {
    fake
    regression --tests 'four'
    [ "$status" -eq 2 ]
    echo 'three * leave-out takes too long' >"$copy/scripts/regression/regression.conf"
    regression --tests 'thr.*'
    [ "$status" -eq 2 ]
    says 'leaves out all of "thr.*"'
}
