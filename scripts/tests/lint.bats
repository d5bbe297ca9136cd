# SPDX-License-Identifier: GPL-2.0
# scripts/lint finds what it is for, and names the file.

load helpers

setup() {
    copy=$BATS_TEST_TMPDIR/repo
    copy_repo "$copy"
    git -C "$copy" init -q
    # Of the scripts, what lint itself is and the tests look at: all of them take shellcheck half a minute each time.
    rm -r "$copy/scripts"
    mkdir "$copy/scripts"
    (cd "$top/scripts" && cp -r --parents -t "$copy/scripts" lint lib.sh packages.sh tap.sh install-packages faults build-probe vm/outer-* \
        tests/vm/cost.bats tests/exitstat/command-line.bats tests/helpers.bash)
    mkdir "$copy/scripts/vm/jobs"
}

@test "an unquoted variable in a script" {
    # shellcheck disable=SC2016 # it is what goes into the file
    printf '#!/bin/sh\ncat $1\n' >"$copy/scripts/unquoted"
    # Nor is a test without a file.
    sed -i 's/ || false$//' "$copy/scripts/tests/exitstat/command-line.bats"
    run "$copy/scripts/lint" -c shellcheck
    [ "$status" -eq 1 ]
    says_line 'not ok [0-9]+ shellcheck scripts/unquoted'
    says_line 'not ok [0-9]+ shellcheck scripts/tests/exitstat/command-line.bats'
    [ "$(grep -c '^not ok' <<<"$output")" = 2 ]
    says_line 'ok [0-9]+ shellcheck scripts/lib.sh'
    says_line '#.*SC2086.*'
    says_line '#.*SC2314.*'
}

@test "a script and a test in another format" {
    sed -i 's/^    /  /' "$copy/scripts/build-probe" "$copy/scripts/tests/vm/cost.bats"
    run "$copy/scripts/lint" -c shfmt
    [ "$status" -eq 1 ]
    says_line 'not ok [0-9]+ shfmt scripts/build-probe'
    says_line 'not ok [0-9]+ shfmt scripts/tests/vm/cost.bats'
    [ "$(grep -c '^not ok' <<<"$output")" = 2 ]
    says_line 'ok [0-9]+ shfmt scripts/vm/outer-init'
}

@test "C++ in another format" {
    sed -i 's/^\t/        /' "$copy/probe/src/cli/main.cpp"
    run "$copy/scripts/lint" -c clang-format
    [ "$status" -eq 1 ]
    says_line 'not ok [0-9]+ clang-format probe/src/cli/main.cpp'
    [ "$(grep -c '^not ok' <<<"$output")" = 1 ]
    says_line 'ok [0-9]+ clang-format probe/include/exit_stats/reader.hpp'
}

@test "all of it is planned, and is in the result" {
    printf '#!/bin/sh\n' >"$copy/scripts/good"
    run "$copy/scripts/lint" --quick
    [ "$status" -eq 0 ]
    says_line "1\.\.$(grep -c '^ok' <<<"$output")"
    says_line 'ok [0-9]+ shellcheck scripts/good'
    says_line 'ok [0-9]+ shfmt scripts/good'
}

@test "a script with blanks in its name, wherever it is, and none that only looks like one" {
    mkdir "$copy/some folder"
    # shellcheck disable=SC2016 # it is what goes into the file
    printf '#!/usr/bin/env bash\ncat $1\n' | tee "$copy/some folder/a script" >"$copy/scripts/vm/jobs/a job"
    # shellcheck disable=SC2016
    printf '# A text about\n# bash\n\n#!/bin/sh\ncat $1\n' >"$copy/some folder/a text"
    run "$copy/scripts/lint" -c shellcheck
    [ "$status" -eq 1 ]
    says_line 'not ok [0-9]+ shellcheck some folder/a script'
    says_line 'not ok [0-9]+ shellcheck scripts/vm/jobs/a job'
    [ "$(grep -c '^not ok' <<<"$output")" = 2 ]
    says_line 'ok [0-9]+ shellcheck scripts/tap.sh'
}

# One sentence that says what to do, and no plan of nothing.
refuses() { # WORDS
    printf '%s\n' "$output"
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "lint: "*"$1"* ]]
}

@test "no git checkout is refused in one sentence" {
    rm -rf "$copy/.git"
    run "$copy/scripts/lint" --quick
    refuses "is no git checkout"
    [[ $output == *"clone the repo"* ]]
    git -C "$BATS_TEST_TMPDIR" init -q
    run "$copy/scripts/lint" --quick
    refuses "is in a git checkout of something else"
}

@test "no git is refused in one sentence" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    find /usr/local/bin /usr/bin /bin -maxdepth 1 -not -type d -not -name 'git*' \
        -exec ln -sf -t "$BATS_TEST_TMPDIR/bin" {} +
    PATH=$BATS_TEST_TMPDIR/bin run "$copy/scripts/lint" --quick
    refuses "needs git"
}

@test "a checkout that somebody else owns is refused in one sentence" {
    [ "$EUID" -eq 0 ] || skip "needs root to give it to somebody else"
    chown 65534 "$copy" "$copy/.git"
    HOME=$BATS_TEST_TMPDIR GIT_CONFIG_NOSYSTEM=1 run env -u SUDO_UID "$copy/scripts/lint" --quick
    refuses "as somebody else owns it"
    [[ $output == *"git config --global --add safe.directory '$copy'"* ]]
}
