# SPDX-License-Identifier: GPL-2.0
# What the host sees of an inner VM that has booted and does next to nothing. K is the kernel series.

load ../helpers

setup_file() {
    "$top/scripts/vm/run-vm" -e tcg -v amd "$K" host-views
}

setup() {
    folder=$top/build/results/tcg-amd-$K-host-views
}

# A column of the last line of a table.
total() { # FILE COLUMN
    awk -v column="$2" '$2 == "total" { print $column }' "$folder/$1"
}

# From the answer to query-stats.
stat() { # NAME
    jq -s --arg name "$1" '[.[] | .return | arrays | .[] | objects | select(."qom-path")][0].stats[] |
        select(.name == $name).value' "$folder/qmp.json"
}

between() { # LOW VALUE HIGH
    echo "$1 <= $2 <= $3"
    [ "$1" -gt 0 ] && [ "$1" -le "$2" ] && [ "$2" -le "$3" ]
}

@test "the table in debugfs has the VM-Exits of a boot, and the vCPU has one as well" {
    head -n 1 "$folder/before" | grep -q '^reason name .*exits .*cycles .*away_cycles .*user_exits$'
    [ "$(total before 3)" -gt 5000 ]
    [ "$(awk '$2 == "cpuid" { print $3 }' "$folder/before")" -gt 100 ]
    # Of one vCPU, and read at other times.
    diff <(awk '{ print $1, $2 }' "$folder/before") <(awk '{ print $1, $2 }' "$folder/vcpu")
    between "$(total before 3)" "$(total vcpu 3)" "$(total after 3)"
}

@test "QEMU's query-stats has the VM-Exits of the vCPU by exit reason, and their cycles" {
    [ "$(stat exit_reasons | jq length)" = 193 ]
    [ "$(stat exit_cycles | jq length)" = 193 ]
    between "$(total before 3)" "$(stat exit_reasons | jq add)" "$(total after 3)"
    between "$(total before 4)" "$(stat exit_cycles | jq add)" "$(total after 4)"
    # CPUID is SVM's exit code 0x72. QEMU 7.2 lists the elements of any array from the last to the first.
    [ "$(stat exit_reasons | jq '[.[114], .[-115]] | max')" -eq "$(awk '$2 == "cpuid" { print $3 }' "$folder/before")" ]
}

@test "QEMU knows that exit_cycles are cycles" {
    jq -se '[.. | objects | select(.name? == "exit_cycles" and .unit? == "cycles" and .type? == "cumulative")] | length > 0' \
        "$folder/qmp.json"
}

@test "exitstat --host shows the VM by its name, with what debugfs has" {
    head -n 2 "$folder/host.txt" | tail -n 1 | grep -Eq '^VM [0-9]+ \(inner\), SVM, TSC [0-9.]+ MHz$'
    grep -q '^REASON .* AWAY .* TO USER$' "$folder/host.txt"
    grep -q '^TOTAL ' "$folder/host.txt"
    between "$(total before 3)" "$(jq .total.exits "$folder/host.json")" "$(total after 3)"
    between "$(total before 4)" "$(jq .total.cycles "$folder/host.json")" "$(total after 4)"
    between "$(total before 6)" "$(jq '[.reasons[].user_exits] | add' "$folder/host.json")" "$(total after 6)"
    jq -e '.vm | test("^[0-9]+ .inner.$")' "$folder/host.json"
    # The first since the counters began, and then what happened, none of which is exitstat's.
    [ "$(jq -s 'map(.period) | join(" ")' "$folder/intervals.json")" = '"since_start interval interval"' ]
    [ "$(jq -s '[.[1:][].own_exits_left_out] | add' "$folder/intervals.json")" = 0 ]
}

@test "exitstat top --host shows it live, without exits of its own" {
    # What the shell says of it.
    ! grep -vx Terminated "$folder/top.err" || false
    grep -aEq 'exitstat.*: VM [0-9]+ \(inner\), 1 vCPU, SVM' "$folder/outer-console.log"
    ! grep -a "exitstat's own" "$folder/outer-console.log" || false
}

@test "exitstat --host says when there is no VM" {
    [ "$(cat "$folder/none.status")" = 3 ]
    [ "$(cat "$folder/none")" = "exitstat: no virtual machine runs on this host" ]
}
