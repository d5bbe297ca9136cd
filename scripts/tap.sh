# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154
# Tests speak TAP: how it is written, and how it is read. Sourced after lib.sh, which has exit_skipped.

tap_count=0 tap_failures=0

# tap STATUS WHAT [LOG]: the result of a test. With the status of a skip, its reason is the last line of LOG; with that of
# a failure, the end of LOG follows as comments.
tap() {
    if (($1 == exit_skipped)); then
        tap_skip "$2" "$(tail -n 1 "$3")"
        return
    fi
    tap_count=$((tap_count + 1))
    if (($1 == 0)); then
        printf 'ok %d %s\n' "$tap_count" "$2"
    else
        tap_failures=$((tap_failures + 1))
        printf 'not ok %d %s\n' "$tap_count" "$2"
        [[ ! -f ${3-} ]] || tail -n 40 "$3" | sed 's/^/# /'
    fi
}

tap_skip() { # WHAT REASON
    tap_count=$((tap_count + 1))
    printf 'ok %d %s # SKIP %s\n' "$tap_count" "$1" "$2"
}

# tap_run WHAT LOG COMMAND...: the result of COMMAND, which may be a function, and whose output is in LOG.
tap_run() {
    local what=$1 log=$2 status=0
    shift 2
    start_group "$@" >"$log" 2>&1
    wait_group "$group" || status=$?
    tap "$status" "$what" "$log"
}

# Ends what "tap" has written. Fails if a test has failed, or if there was none.
tap_end() {
    printf '1..%d\n' "$tap_count"
    ((tap_count > 0 && tap_failures == 0))
}

# Prints a line for each test in FILE: "passed", "failed" or "skipped", what it is, and the reason for a skip or the comments
# on a failure, these separated by " | ", with tabs between them. A file of which not every planned test has reported has one more, that has failed. Of KUnit, which nests, the tests
# of its suites count.
tap_read() { # FILE
    awk '
        # Of a failure when what follows it has been read.
        function result(verdict, what, reason) {
            tell()
            told = verdict "\t" what "\t" reason
            comments = verdict == "failed" ? "\t" : ""
        }
        function tell() {
            if (told != "") print told
            told = comments = ""
        }
        { sub(/\r$/, "") }
        comments != "" && /^ *# ./ {
            comment = $0
            sub(/^ *# /, "", comment)
            gsub(/\t/, " ", comment)
            told = told (comments == "\t" ? "" : " | ") comment
            comments = " | "
        }
        /^    1\.\.[0-9]+/ { planned = (nested ? planned : 0) + substr($1, 4); nested = 1; next }
        nested && !/^    / { next }
        { sub(/^    /, "") }
        /^(not )?ok [0-9]+/ {
            verdict = /^ok/ ? "passed" : "failed"
            what = $0
            sub(/^(not )?ok [0-9]+ *-? */, "", what)
            reason = ""
            if (match(what, /# *[Ss][Kk][Ii][Pp]/)) {
                reason = substr(what, RSTART + RLENGTH)
                sub(/^[: ]*/, "", reason)
                what = substr(what, 1, RSTART - 1)
                sub(/ *$/, "", what)
                # Selftests of the kernel put the name behind, before the reason.
                if (what == "" && match(reason, /^.*: /)) {
                    what = substr(reason, 1, RLENGTH - 2)
                    reason = substr(reason, RLENGTH + 1)
                }
                if (verdict == "passed") verdict = "skipped"
            }
            result(verdict, what, reason)
            seen++
        }
        /^1\.\.[0-9]+/ && !nested {
            planned = substr($1, 4) + 0
            has_plan = 1
            if (planned == 0) {
                reason = $0
                sub(/^1\.\.0 *(# *([Ss][Kk][Ii][Pp])?)?[-: ]*/, "", reason)
                result("skipped", "all of it", reason)
            }
        }
        END {
            if (!nested && !has_plan) planned = "an unknown number of"
            if (seen + 0 != planned) result("failed", seen + 0 " of " planned " tests reported", "")
            tell()
        }' "$1"
}
