# SPDX-License-Identifier: GPL-2.0
# What make demo printed, which is in the file OUTPUT, and what exitstat says in the inner VM of an unpatched KVM, whose
# results are in the folder UNPATCHED.

@test "make demo shows the table and the milestones" {
    grep -q '^TOTAL' "$OUTPUT"
    grep -q 'vCPU 0: 1024 exits' "$OUTPUT"
}

@test "an unpatched KVM: exitstat ends with status 3, one sentence and no output" {
    for name in txt json raw cost vcpu; do
        [ "$(cat "$UNPATCHED/inner/exitstat.$name.status")" = 3 ]
        [ "$(wc -l <"$UNPATCHED/inner/exitstat.$name.err")" = 1 ]
        [ ! -s "$UNPATCHED/inner/exitstat.$name" ]
    done
}
