# SPDX-License-Identifier: GPL-2.0
# What exitstat does in the inner VM besides showing a table, and what others do there that read the leaf. TOOL is the
# folder of results, BUILD where exitstat was built.

load ../helpers

inner() { # NAME
    printf '%s/inner/exitstat.%s' "$TOOL" "$1"
}

cpuids() { # JSON
    jq '[.reasons[] | select(.name == "CPUID" or .name == "cpuid") | .exits] | add // 0' "$1"
}

@test "all of it ends as it should, and says nothing on standard error" {
    for name in check lines intervals csv prom explain hist runs version leaf record report before assignment cpuid after gtest; do
        [ "$(cat "$(inner "$name.status")")" = 0 ] || { echo "$name: $(cat "$(inner "$name.err")")" && false; }
        [ "$name" = runs ] || [ ! -s "$(inner "$name.err")" ]
    done
}

@test "cycles are time where the CPU is not known to be emulated" {
    if [ "$(jq .emulated "$(inner json)")" = false ]; then
        head -n 1 "$(inner txt)" | grep -Eq '^VM-Exits took [0-9.]+% of the time of 1 vCPU since '
        grep -Eq '^TOTAL .* [0-9.]+ (us|ms|s) 100\.0 ' "$(inner txt)"
    else
        head -n 1 "$(inner txt)" | grep -Eq '^[0-9,]+ VM-Exits of 1 vCPU since '
        grep -q '^Note: this VM runs in an emulator' "$(inner txt)"
    fi
}

@test "--self-check finds nothing wrong with the leaf, and a reading within its budget" {
    ! grep -v -e '^ok' -e '^cost' "$(inner check)" || false
    [ "$(grep -c '^ok' "$(inner check)")" = 9 ]
    grep -Eq '^ok +a reading of [0-9]+ reasons takes [0-9]+ CPUIDs' "$(inner check)"
    grep -Eq '^cost +[0-9]+ VM-Exits a reading, of [0-9,]+ cycles each in KVM(: [0-9.]+ us)?$' "$(inner check)"
}

@test "the library keeps its promises where the leaf is" {
    [ "$(grep -c '^\[       OK \] OnThisMachine\.' "$(inner gtest)")" = 6 ]
    grep -Eq '^\[  PASSED  \] 6 tests\.$' "$(inner gtest)"
    ! grep SKIPPED "$(inner gtest)" || false
}

@test "the assignment's own program, cpuid and exitstat agree, but for the VM-Exits of their own" {
    total() { # NAME
        jq -r '"\(.total.exits) \(.total.cycles)"' "$(inner "$1")"
    }
    eax=$(grep -Eo 'eax=0x[0-9a-f]{8} ebx=0x[0-9a-f]{8} ecx=0x[0-9a-f]{8} edx=0x00000000$' "$(inner cpuid)")
    read -r eax ebx ecx _ <<<"${eax//e?x=/}"
    {
        total before
        cat "$(inner assignment)"
        echo $((eax)) $((ebx << 32 | ecx))
        total after
    } >"$BATS_TEST_TMPDIR/totals"
    cat "$BATS_TEST_TMPDIR/totals"
    # One after the other, and what came in between is the start of three programs.
    awk 'NR > 1 && ($1 <= exits || $2 <= cycles) { exit 1 }
         NR == 1 { first = $1 }
         { exits = $1; cycles = $2 }
         END { exit !(NR == 4 && exits - first < 2000) }' "$BATS_TEST_TMPDIR/totals"
}

@test "a command's VM-Exits are exact: four CPUIDs more are four VM-Exits more" {
    # INFO thrice and the one that was asked for.
    [ "$(cpuids "$(inner leaf.json)")" = $(($(cpuids "$(inner version.json)") + 4)) ]
    jq -e '.own_exits_left_out > 50 and .period == "command" and .command == ["exitstat", "--raw", "0"]' "$(inner leaf.json)"
}

@test "a command's exit status is passed on" {
    [ "$(cat "$(inner exit.status)")" = 7 ]
    head -n 1 "$(inner exit.err)" | grep -q " during sh -c 'exit 7', "
}

@test "intervals: the first since the start, then differences that are the sum of their reasons" {
    [ "$(jq -r .period "$(inner intervals)" | tr '\n' ' ')" = "since_start interval interval " ]
    jq -se '.[1:] | map(.total.exits == ([.reasons[].exits] | add // 0) and .total.exits < 5000) | all' "$(inner intervals)"
    jq -se '.[0].total.exits > 5000 and .[2].uptime > .[1].uptime' "$(inner intervals)"
    jq -se 'map(.generation) | unique | length == 1 and .[0] != null' "$(inner intervals)"
    jq -se 'map(.counting) | all' "$(inner intervals)"
    jq -se 'map(.ticks) | . == sort and (unique | length) == 3' "$(inner intervals)"
    [ "$(wc -l <"$(inner lines)")" = 4 ]
    head -n 1 "$(inner lines)" | grep -Eq '^ *EXITS/S( +%CPU)? +(TIME|CYC)/EXIT +IDLE/S '
}

@test "JSON, CSV and OpenMetrics are well-formed" {
    for name in json intervals report leaf.json; do
        /usr/bin/python3 - "$top/probe/doc/exitstat.schema.json" "$(inner "$name")" <<'PYTHON'
import json, jsonschema, sys
for line in open(sys.argv[2]):
    jsonschema.Draft7Validator(json.load(open(sys.argv[1]))).validate(json.loads(line))
PYTHON
    done
    /usr/bin/python3 - "$(inner prom)" "$(jq .emulated "$(inner json)")" <<'PYTHON'
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
names = {family.name for family in text_string_to_metric_families(open(sys.argv[1]).read())}
assert "exitstat_vm_exits" in names and "exitstat_vcpus" in names, names
# In an emulator cycles are not time.
assert ("exitstat_handling_seconds" in names) == (sys.argv[2] == "false"), names
PYTHON
    awk -F, 'NF != 20 { exit 1 }' "$(inner csv)"
}

@test "a recording from the inner VM is read here, with the very same numbers" {
    "$BUILD/exitstat" report --json "$(inner recording)" | cmp - "$(inner report)"
    [ "$(wc -l <"$(inner report)")" -ge 3 ]
}

@test "hist draws the histogram of a reason, with all of its VM-Exits" {
    head -n 1 "$(inner hist)" | grep -qi '^cpuid: .* VM-Exits since the counters began'
    # What it had when its buckets were read: those of the reading that were over.
    awk -F'[:|]' 'NR == 1 { split($2, word, " "); gsub(",", "", word[1]); all = word[1] }
                  NR > 2 { gsub("[ ,]", "", $2); sum += $2 }
                  END { exit !(sum >= all - 1 && all > 100) }' "$(inner hist)"
}

@test "-r runs a command again, and tells means and deviations" {
    head -n 1 "$(inner runs.err)" | grep -q '^VM-Exits during true: means of 3 runs of '
    grep -Eq '^TOTAL +[0-9,]+ +[0-9.]+% ' "$(inner runs.err)"
}

@test "explain knows every reason of this boot" {
    jq -r '.reasons[].name' "$(inner json)" | while read -r name; do
        grep -q "^$name  " "$(inner explain)"
        "$BUILD/exitstat" explain "$name" | grep -q '^What to try:'
    done
}

@test "top draws on the console, and ends by SIGTERM with the terminal restored" {
    # What a shell makes of SIGTERM; busybox's timeout passes it on.
    [ "$(cat "$(inner top.status)")" = 143 ]
    ! grep -vx Terminated "$(inner top.err)" || false
    grep -qa 'REASON' "$TOOL/inner-console.log"
    # Writing to this console is what happens.
    grep -qaE 'IO_INSTRUCTION|IDLE' "$TOOL/inner-console.log"
}
