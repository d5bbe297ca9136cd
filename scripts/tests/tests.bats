# SPDX-License-Identifier: GPL-2.0
# What make test makes of what its suites report: each of them, and the virtual machines, is a stand-in here.

load helpers

bats_require_minimum_version 1.5.0

# A copy of run-tests whose suites print what the file behaviour/NAME says, if there is one, else one test that passes.
setup() {
    copy=$BATS_TEST_TMPDIR/repo
    mkdir -p "$copy"/{scripts/{tests,series,vm,machines},patches,behaviour,bin}
    cp "$BATS_TEST_DIRNAME"/../{run-tests,lib.sh,packages.sh,tap.sh} "$copy/scripts/"
    printf '%s\n' '# SUITE: TEST | engine | vendor | kernel | reason' \
        'some suite: some test | * | * | * | some reason' >"$copy/scripts/tests/skips"
    touch "$copy/patches/series-6.12"
    # Debian has it.
    printf 'source_available() { [[ $1 != 5.* ]] || { no_source="no such source"; return 1; }; }\n' >>"$copy/scripts/lib.sh"
    cat >"$copy/stand-in" <<'SCRIPT'
#!/bin/bash
name=${0##*/} repo=STAND_IN_REPO
# bats' is the first file of tests.
for argument; do [[ $argument != *.bats || $name == *.bats ]] || name=${argument##*/}; done
if [[ -f $repo/behaviour/$name ]]; then source "$repo/behaviour/$name"; fi
case $name in
    build-* | install-packages | run-demo | prepare-tree) ;;
    *) printf 'ok 1 %s is good\n1..1\n' "$name" ;;
esac
SCRIPT
    sed -i "s,STAND_IN_REPO,$copy," "$copy/stand-in"
    chmod +x "$copy/stand-in"
    for program in lint build-probe build-image run-demo install-packages series/check-patches series/prepare-tree machines/test-nested; do
        cp "$copy/stand-in" "$copy/scripts/$program"
    done
    cp "$copy/stand-in" "$copy/bin/bats"
    printf '#!/bin/sh\necho " 1/1 Test #1: Names.AreRight ...... Passed 0.1 sec"\n' >"$copy/bin/ctest"
    cat >"$copy/scripts/vm/run-vm" <<'SCRIPT'
#!/bin/bash
repo=STAND_IN_REPO
while [[ $1 == -* ]]; do
    case $1 in
        -e) engine=$2 && shift ;;
        -v) vendor=$2 && shift ;;
        -o) output=$2 && shift ;;
        --print-engine) print=yes ;;
    esac
    shift
done
[[ $engine != auto ]] || { [[ $vendor == intel ]] && engine=bochs || engine=tcg; }
if [[ $print ]]; then
    [[ $engine != tcg || $vendor == amd ]] || { echo "tcg has no VMX" >&2; exit 2; }
    echo "$engine $vendor"
    exit
fi
out=$repo/build/results/${output:-$engine-$vendor-$1-$2}
mkdir -p "$out/inner"
case $2 in
    selftests)
        printf '1..1\n    1..1\n    ok 1 tables\nok 1 exit_stats\n' >"$out/kunit.tap"
        printf 'ok 1 exits\n1..1\n' >"$out/exit_stats_count_test.tap"
        echo 0 >"$out/exit_stats_count_test.status"
        ;;
    unpatched)
        echo '1..0 # SKIP KVM has no parameter exit_stats, hence no CONFIG_KVM_EXIT_STATS' >"$out/exit_stats_count_test.tap"
        echo 4 >"$out/exit_stats_count_test.status"
        for name in txt json raw cost vcpu; do
            : >"$out/inner/exitstat.$name"
            echo 3 >"$out/inner/exitstat.$name.status"
            echo "there is no leaf" >"$out/inner/exitstat.$name.err"
        done
        ;;
esac
if [[ -f $repo/behaviour/$2 ]]; then source "$repo/behaviour/$2"; fi
SCRIPT
    sed -i "s,STAND_IN_REPO,$copy," "$copy/scripts/vm/run-vm"
    chmod +x "$copy"/bin/* "$copy/scripts/vm/run-vm"
}

run_tests() {
    run env PATH="$copy/bin:$PATH" "$copy/scripts/run-tests" "$@"
    printf '%s\n' "$output"
}

# behaves NAME TEXT: what a stand-in does, in bash.
behaves() {
    printf '%s\n' "$2" >"$copy/behaviour/$1"
}

@test "all is well: a line for each test, and what passed in the last one" {
    run_tests
    [ "$status" -eq 0 ]
    says_exactly "ok      lint: lint is good"
    says_exactly "ok      exitstat: Names.AreRight"
    says_exactly "ok      selftests (bochs, intel, 6.12): KUnit: tables"
    says_exactly "ok      selftests (tcg, amd, 6.12): exit_stats_count_test: exits"
    says_exactly "ok      unpatched KVM (tcg, amd, 6.12): exit_stats_count_test skips"
    says_exactly "ok      a machine whose KVM nests (bochs, intel, 6.12): test-nested is good"
    [ "${lines[-1]}" = "$(grep -c '^ok ' <<<"$output") passed, 0 failed, 0 skipped" ]
    [ "$(grep -c '^ok ' <<<"$output")" -gt 30 ]
}

@test "a test that fails fails the run, and its own words are shown with it" {
    behaves cost.bats 'printf "ok 1 a\nnot ok 2 too slow\n# (in file x)\n# by far\nok 3 b\nnot ok 4 too big\n# by little\n1..4\n"; exit 1'
    run_tests
    [ "$status" -eq 1 ]
    says "FAILED  cost (bochs, intel, 6.12): too slow
    # (in file x)
    # by far
ok      cost (bochs, intel, 6.12): b
FAILED  cost (bochs, intel, 6.12): too big
    # by little"
    [[ ${lines[-1]} == *" passed, 2 failed, 0 skipped" ]]
}

@test "a skip that the table has is counted as one, and any other fails" {
    echo 'exitstat*: * needs a * | host | * | * | no terminal' >>"$copy/scripts/tests/skips"
    behaves command-line.bats 'printf "ok 1 top needs a terminal # SKIP no terminal\nok 2 plot # SKIP no gnuplot\n1..2\n"; exit'
    # Another engine than the table says, and another reason.
    echo 'cost: * | tcg | * | * | no time' >>"$copy/scripts/tests/skips"
    echo 'cost: c* | * | * | * | some time' >>"$copy/scripts/tests/skips"
    behaves cost.bats 'printf "ok 1 cost # SKIP no time\n1..1\n"; exit'
    run_tests
    [ "$status" -eq 1 ]
    says_exactly "skip    exitstat's command line: top needs a terminal: no terminal"
    says_exactly "FAILED  exitstat's command line: plot: was skipped, and scripts/tests/skips does not let it be: no gnuplot"
    says_exactly "FAILED  cost (bochs, intel, 6.12): cost: was skipped, and scripts/tests/skips does not let it be: no time"
    [[ ${lines[-1]} == *" passed, 2 failed, 1 skipped" ]]
}

@test "a skip of a selftest, whose name is behind the word, is told with both" {
    behaves selftests 'printf "ok 1 # SKIP XSETBV: 100 more: this CPU does not exit\n1..1\n" >"$out/exit_stats_count_test.tap"'
    run_tests -v amd
    [ "$status" -eq 1 ]
    says_exactly "FAILED  selftests (tcg, amd, 6.12): exit_stats_count_test: XSETBV: 100 more: was skipped, and scripts/tests/skips does not let it be: this CPU does not exit"
    echo 'selftests: exit_stats_count_test: XSETBV: * | tcg | amd | * | this CPU does not exit' >>"$copy/scripts/tests/skips"
    run_tests -v amd
    says_exactly "skip    selftests (tcg, amd, 6.12): exit_stats_count_test: XSETBV: 100 more: this CPU does not exit"
}

@test "a suite that skips all of itself, stops half-way, says nothing or ends with a failure has failed" {
    behaves cost.bats 'printf "1..0 # SKIP not today\n"; exit'
    behaves scripts.bats 'printf "1..3\nok 1 a\n"; exit'
    behaves lint 'exit 0'
    behaves faults.bats 'printf "ok 1 a\n1..1\n"; echo "it broke" >&2; exit 3'
    run_tests
    [ "$status" -eq 1 ]
    says_exactly "FAILED  cost (bochs, intel, 6.12): all of it: was skipped, and scripts/tests/skips does not let it be: not today"
    says_exactly "FAILED  scripts: 1 of 3 tests reported"
    says_exactly "FAILED  lint: 0 of an unknown number of tests reported"
    says_exactly "FAILED  virtual machines that fail (tcg, amd, 6.12): ended with status 3"
    says_exactly "    it broke"
    [[ ${lines[-1]} == *" passed, 4 failed, 0 skipped" ]]
}

@test "a selftest that ends badly after its report, or whose outer VM does not, has failed" {
    behaves selftests 'echo 1 >"$out/exit_stats_count_test.status"; [[ $vendor == amd ]] || exit 1'
    run_tests -v amd
    [ "$status" -eq 1 ]
    says_exactly "FAILED  selftests (tcg, amd, 6.12): exit_stats_count_test: ended with status 1"
    run_tests -v intel
    says_exactly "FAILED  selftests (bochs, intel, 6.12): 0 of an unknown number of tests reported"
}

@test "KUnit tests that did not load have failed" {
    behaves selftests ': >"$out/kunit.tap"'
    run_tests -v intel
    [ "$status" -eq 1 ]
    says_exactly "FAILED  selftests (bochs, intel, 6.12): KUnit: 0 of an unknown number of tests reported"
}

@test "a selftest that does not skip on an unpatched KVM, or for another reason, has failed" {
    behaves unpatched 'echo "1..0 # SKIP no /dev/kvm" >"$out/exit_stats_count_test.tap"'
    run_tests -v amd
    [ "$status" -eq 1 ]
    says_exactly "FAILED  unpatched KVM (tcg, amd, 6.12): exit_stats_count_test skips"
    behaves unpatched 'echo 0 >"$out/exit_stats_count_test.status"; printf "ok 1 a\n1..1\n" >"$out/exit_stats_count_test.tap"'
    run_tests -v amd
    says_exactly "FAILED  unpatched KVM (tcg, amd, 6.12): exit_stats_count_test skips"
}

@test "what does not build is told with its log, and the other series is tested" {
    touch "$copy/patches/series-6.1"
    behaves build-image '[[ $1 != 6.12 ]] || { echo "error: no such header"; exit 1; }'
    run_tests
    [ "$status" -eq 1 ]
    says_exactly "FAILED  Linux 6.12: what the virtual machines boot cannot be built"
    says_exactly "    error: no such header"
    says_exactly "ok      selftests (bochs, intel, 6.1): exit_stats_count_test: exits"
    ! grep -q '^ok .*selftests (bochs, intel, 6.12)' <<<"$output" || false
    [[ ${lines[-1]} == *" passed, 1 failed, 0 skipped" ]]
}

@test "a series whose source Debian does not have is skipped with that reason" {
    touch "$copy/patches/series-5.10"
    run_tests -q
    [ "$status" -eq 0 ]
    says_exactly "skip    Linux 5.10: all of it: no such source"
    says_exactly "ok      patches, Linux 6.12: check-patches is good"
    [[ ${lines[-1]} == *" passed, 0 failed, 1 skipped" ]]
}

@test "an engine has the vendors that it has, and one that has none is an error" {
    run_tests -e tcg
    [ "$status" -eq 0 ]
    grep -q '^ok .*selftests (tcg, amd, 6.12)' <<<"$output"
    ! grep -q 'intel\|bochs' <<<"$output" || false
    run_tests -e tcg -v intel
    [ "$status" -eq 1 ]
    [[ $output == *"tcg has no VMX"* ]]
}

@test "SIGTERM ends the run and all that it has started" {
    behaves lint 'echo $$ >"$repo/lint.pid"; sleep 1000 & echo $! >"$repo/sleep.pid"; wait'
    behaves build-image 'echo $$ >"$repo/build.pid"; sleep 1000'
    PATH="$copy/bin:$PATH" "$copy/scripts/run-tests" >"$copy/output" 2>&1 3>&- &
    until [ -s "$copy/sleep.pid" ] && [ -s "$copy/build.pid" ]; do sleep 0.1; done
    kill -TERM $!
    status=0
    wait $! || status=$?
    [ "$status" -eq 143 ]
    for pid in "$copy"/*.pid; do
        # Whom nobody waits for may need a moment to end; what nobody has waited for yet is no longer there.
        for _ in {1..300}; do
            ps -o stat= -p "$(cat "$pid")" | grep -v Z || continue 2
            sleep 0.1
        done
        echo "${pid##*/} is still there"
        return 1
    done
}
