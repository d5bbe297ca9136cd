# SPDX-License-Identifier: GPL-2.0
# What exitstat said in the inner VM, and the KVM of the outer VM about it. DEMO is the folder of results.

json() {
    jq -e "$1" "$DEMO/inner/exitstat.json"
}

# The lines of the running VM, as "exits cycles".
milestones() {
    sed -n 's/.*exit_stats: VM [0-9]*: 1 vCPU, \([0-9]*\) exits, \([0-9]*\) cycles.*/\1 \2/p' "$DEMO/outer-dmesg.log"
}

@test "exitstat succeeds in all its forms and says nothing on standard error" {
    for name in txt json raw cost vcpu; do
        [ "$(cat "$DEMO/inner/exitstat.$name.status")" = 0 ]
        [ ! -s "$DEMO/inner/exitstat.$name.err" ]
    done
}

@test "a Linux boot took thousands of VM-Exits, and they took cycles" {
    json '.total.exits > 5000 and .total.cycles > 1000 * .total.exits / 10'
}

@test "the total is the sum over reasons, but for the reads in between" {
    # Each read is a VM-Exit itself, and the total is read last.
    json '(.total.exits - ([.reasons[].exits] | add)) as $more | $more >= 0 and $more <= 2 * (.reasons | length) + 2'
}

@test "the boot has the VM-Exits that every boot has" {
    if [ "$(jq -r .isa "$DEMO/inner/exitstat.json")" = VMX ]; then
        json '[.reasons[].name] | contains(["CPUID", "EPT_VIOLATION", "IO_INSTRUCTION", "MSR_WRITE"])'
    else
        json '[.reasons[].name] | contains(["cpuid", "npf", "io", "msr"])'
    fi
}

@test "the counters are older than the guest's boot, and tell of which generation they are" {
    # A VM has its counters before its firmware runs. Where the clock's frequency is not known, there is no time.
    json '(.seconds == null and .tsc_khz == null) or .seconds > .uptime'
    json '.counting and .ticks > .total.cycles and (.generation | test("^[0-9a-f]{16}$"))'
}

@test "exitstat --sort cost begins with the most expensive reason" {
    # In the first of two tables.
    awk '/CYC\/EXIT/ { end = index($0, "CYC/EXIT") + 7; next }
         /^TOTAL/ { exit }
         end { n = split(substr($0, 1, end), word, " "); cost = word[n]; gsub(",", "", cost); cost += 0
               if (seen++ && cost > last) bad = 1
               last = cost }
         END { exit bad || seen < 4 }' "$DEMO/inner/exitstat.cost"
}

@test "exitstat --vcpu all reports the one vCPU there is, with no more than the whole VM had" {
    grep -q 'vCPU' "$DEMO/inner/exitstat.vcpu"
    [ "$(grep -c ' since the counters began' "$DEMO/inner/exitstat.vcpu")" = 1 ]
}

@test "userspace was asked for some of the I/O, and the guest waited for it longer than for the handling" {
    json '[.reasons[] | select(.name == "IO_INSTRUCTION" or .name == "io")] | length == 1 and
          (.[0] | .user_exits > 100 and .user_exits <= .exits and .away_cycles > .cycles)'
    json '[.reasons[] | .away_cycles >= .cycles] | all'
    json '[.reasons[] | select(.name == "CPUID" or .name == "cpuid") | .user_exits == 0] | all'
}

@test "the histogram of each reason has its VM-Exits, and percentiles between which the mean lies" {
    # What is read later has more VM-Exits, those of the reading itself; the last VM-Exit is not yet over.
    json '[.reasons[] | . as $r | .histogram | length == 32 and add >= $r.exits - 1] | all'
    json '[.reasons[] | select(.exits > 1000) | .p50[0] <= .p90[0] and .p90[0] <= .p99[0] and .p99[0] <= .max[0]] | all'
    json '[.reasons[] | select(.max[1]) | .cycles <= .max[1] * .exits] | all'
}

@test "exitstat says how much it is and since when, shows time away apart from idleness, and fits 80 columns" {
    head -n 1 "$DEMO/inner/exitstat.txt" | grep -q ' since the counters began'
    grep -q '^REASON .*AWAY.* P99 .*TO USER$' "$DEMO/inner/exitstat.txt"
    grep -q '^P99: .* powers of two' "$DEMO/inner/exitstat.txt"
    ! grep -Eq '^(HLT|hlt) ' "$DEMO/inner/exitstat.txt" || false
    [ "$(awk '{ print length }' "$DEMO/inner/exitstat.txt" | sort -n | tail -n 1)" -le 80 ]
    grep -q '^REASON .*AWAY.*TO USER.*P50.*P90.*P99.*MAX$' "$DEMO/inner/exitstat.cost"
}

@test "dmesg has every power of two of the boot, each with more cycles than the one before" {
    exits=$(jq .total.exits "$DEMO/inner/exitstat.json")
    expected=1024 last=0
    while read -r count cycles; do
        [ "$count" -eq "$expected" ]
        [ "$cycles" -gt "$last" ]
        expected=$((expected * 2)) last=$cycles
    done < <(milestones)
    [ "$expected" -gt "$exits" ]
}

@test "dmesg has the summary of the VM, with no fewer VM-Exits than exitstat saw" {
    summary=$(sed -n 's/.*VM [0-9]* destroyed: 1 vCPU, \([0-9]*\) exits.*/\1/p' "$DEMO/outer-dmesg.log")
    [ "$summary" -ge "$(jq .total.exits "$DEMO/inner/exitstat.json")" ]
}
