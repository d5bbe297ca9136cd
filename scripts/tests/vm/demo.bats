# SPDX-License-Identifier: GPL-2.0
# What make demo printed, which is in the file OUTPUT.

@test "make demo shows the table and the milestones" {
    grep -q '^TOTAL' "$OUTPUT"
    grep -q ': 1 vCPU, 1024 exits' "$OUTPUT"
}
