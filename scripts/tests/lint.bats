# SPDX-License-Identifier: GPL-2.0
# scripts/lint finds what it is for, and names the file.

setup() {
    top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    copy=$BATS_TEST_TMPDIR/repo
    mkdir -p "$copy"
    (cd "$top" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy")
    git -C "$copy" init -q
}

says() { # LINE
    grep -Eqx "$1" <<<"$output" || {
        printf 'expected: %s\ngot: %s\n' "$1" "$output"
        return 1
    }
}

@test "an unquoted variable in a script" {
    # shellcheck disable=SC2016 # it is what goes into the file
    printf '#!/bin/sh\ncat $1\n' >"$copy/scripts/unquoted"
    # Nor is a test without a file.
    sed -i 's/ || false$//' "$copy/scripts/tests/exitstat.bats"
    run "$copy/scripts/lint" -c shellcheck
    [ "$status" -eq 1 ]
    says 'not ok [0-9]+ shellcheck scripts/unquoted'
    says 'not ok [0-9]+ shellcheck scripts/tests/exitstat.bats'
    [ "$(grep -c '^not ok' <<<"$output")" = 2 ]
    says 'ok [0-9]+ shellcheck scripts/lib.sh'
    says '#.*SC2086.*'
    says '#.*SC2314.*'
}

@test "a script and a test in another format" {
    sed -i 's/^    /  /' "$copy/scripts/build-probe" "$copy/scripts/tests/cost.bats"
    run "$copy/scripts/lint" -c shfmt
    [ "$status" -eq 1 ]
    says 'not ok [0-9]+ shfmt scripts/build-probe'
    says 'not ok [0-9]+ shfmt scripts/tests/cost.bats'
    [ "$(grep -c '^not ok' <<<"$output")" = 2 ]
    says 'ok [0-9]+ shfmt scripts/vm/outer-init'
}

@test "C++ in another format" {
    sed -i 's/^\t/        /' "$copy/probe/src/main.cpp"
    run "$copy/scripts/lint" -c clang-format
    [ "$status" -eq 1 ]
    says 'not ok [0-9]+ clang-format probe/src/main.cpp'
    [ "$(grep -c '^not ok' <<<"$output")" = 1 ]
    says 'ok [0-9]+ clang-format probe/include/exit_stats.hpp'
}

@test "all of it is planned, and is in the result" {
    printf '#!/bin/sh\n' >"$copy/scripts/good"
    run "$copy/scripts/lint" --quick
    [ "$status" -eq 0 ]
    says "1\.\.$(grep -c '^ok' <<<"$output")"
    says 'ok [0-9]+ shellcheck scripts/good'
    says 'ok [0-9]+ shfmt scripts/good'
}
