# SPDX-License-Identifier: GPL-2.0
# exitstat as its users have it, with a model of KVM beneath it where there is no leaf. BUILD is the folder it was built
# in.

bats_require_minimum_version 1.5.0

setup() {
    root=$BATS_TEST_DIRNAME/../..
    export PATH=$BUILD:$BUILD/tests:$PATH MODEL_COUNTS=$BATS_TEST_TMPDIR/counts LC_ALL=C.UTF-8
    unset COLUMNS NO_COLOR
    : >"$MODEL_COUNTS"
    cd "$BATS_TEST_TMPDIR" || return
}

# Prints what happened in a recording or a report, as "REASON EXITS CYCLES" lines.
counts() { # JSON...
    jq -r '.reasons[] | "\(.name) \(.exits) \(.cycles)"' "$@"
}

check_schema() { # JSON-LINES
    /usr/bin/python3 - "$root/probe/doc/exitstat.schema.json" "$1" <<'PYTHON'
import json, jsonschema, sys
schema = json.load(open(sys.argv[1]))
jsonschema.Draft7Validator.check_schema(schema)
lines = open(sys.argv[2]).readlines()
assert lines
for line in lines:
    jsonschema.Draft7Validator(schema).validate(json.loads(line))
PYTHON
}

@test "JSON of every kind is of the form that the schema describes" {
    exitstat_model --json >since-start
    exitstat_model --json --vcpu 0 >vcpu
    MODEL_EMULATED=1 exitstat_model --json >emulated
    MODEL_VIEWS=0x27 exitstat_model --json >no-details
    exitstat_model --json 0.01 3 >intervals
    exitstat_model --json -o command -- sh -c "echo 48 1000 5000000 >>$MODEL_COUNTS"
    MODEL_RATE=1000 exitstat_model record -i 0.01 -o recording -- sleep 0.1
    exitstat_model report --json recording >report
    echo off >>"$MODEL_COUNTS"
    exitstat_model --json >off
    for file in since-start vcpu emulated no-details intervals command report off; do
        check_schema "$file"
    done
    [ "$(wc -l <intervals)" = 3 ]
    [ "$(jq -r .period <intervals | tr '\n' ' ')" = "since_start interval interval " ]
    [ "$(jq -r .emulated <emulated)" = true ]
    [ "$(jq -r '.reasons[0].ns' <emulated)" = null ]
    # The schema does refuse what is not of its form.
    jq -c 'del(.schema)' <since-start >broken
    ! check_schema broken 2>/dev/null || false
    jq -c '.reasons[0].exits = -1' <since-start >broken
    ! check_schema broken 2>/dev/null || false
}

@test "Prometheus reads --openmetrics, by the rules of both of its formats, and finds what JSON has" {
    exitstat_model --openmetrics -o metrics.prom
    exitstat_model --json >json
    /usr/bin/python3 - <<'PYTHON'
import json
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
text = open("metrics.prom").read()
report = json.load(open("json"))
for parse in openmetrics, prometheus:
    exits, buckets = {}, {}
    for family in parse(text):
        for sample in family.samples:
            if sample.name == "exitstat_vm_exits_total":
                exits[sample.labels["reason"]] = sample.value
            if sample.name == "exitstat_handling_cycles_per_exit_bucket":
                buckets.setdefault(sample.labels["reason"], []).append(sample.value)
    assert exits == {reason["name"]: reason["exits"] for reason in report["reasons"]}, exits
    for reason in report["reasons"]:
        if reason["name"] != "CPUID": # it grows with each reading
            assert buckets[reason["name"]][-1] == reason["exits"]
            assert buckets[reason["name"]] == sorted(buckets[reason["name"]])
PYTHON
}

@test "--openmetrics -o FILE with an interval replaces the file each time, and nothing is left beside it" {
    exitstat_model --openmetrics -o metrics.prom 0.01 3
    [ "$(tail -n 1 metrics.prom)" = "# EOF" ]
    [ "$(grep -c '^# EOF' metrics.prom)" = 1 ]
    [ "$(find . -name 'metrics*' | wc -l)" = 1 ]
}

@test "a command's VM-Exits are told to the last one, and none of exitstat's own" {
    run -7 --separate-stderr exitstat_model --sort code -- \
        sh -c "echo 48 1000 5000000 >>$MODEL_COUNTS; echo 10 3 3600 >>$MODEL_COUNTS; cat; exit 7" <<<"from stdin"
    [ "$output" = "from stdin" ]
    [[ $stderr =~ ^"VM-Exits during sh -c " ]]
    grep -Eq '^CPUID +3 .* 3,600 ' <<<"$stderr"
    grep -Eq '^EPT_VIOLATION +1,000 .* 5,000,000 ' <<<"$stderr"
    grep -Eq '^TOTAL +1,003 ' <<<"$stderr"
    grep -Eq '^[0-9]+ VM-Exits that exitstat caused itself are left out\.$' <<<"$stderr"
}

@test "a command is left alone: its exit status, what cannot be run, the signals that end it" {
    run -0 exitstat_model -o report -- true
    run -1 exitstat_model -o report -- false
    run -127 --separate-stderr exitstat_model -- no-such-command
    [ "$stderr" = "exitstat: cannot run no-such-command: command not found" ]
    : >plain && run -126 --separate-stderr exitstat_model -- ./plain
    [ "$stderr" = "exitstat: cannot run ./plain: Permission denied" ]
    run -126 exitstat_model -- "$BATS_TEST_TMPDIR"
    run -137 exitstat_model -o report -- sh -c 'kill -9 $$'
    # Not that of the child, but our own SIGPIPE is ignored.
    run -141 exitstat_model -o report -- sh -c 'kill -PIPE $$'
    run -0 exitstat_model -o report -- sh -c 'grep -q "^SigBlk:.0*$" /proc/self/status'
}

@test "SIGINT ends the command, and exitstat shows the report and ends by SIGINT" {
    # As on a terminal, which sends it to both.
    run -0 setsid --wait bash -c '
        trap "" INT
        env --default-signal=INT exitstat_model -o report -- sh -c "echo 48 5 500 >>$MODEL_COUNTS; : >ready; exec sleep 60" &
        until [ -e ready ]; do sleep 0.05; done
        kill -INT -- -$$
        wait $!
        echo "status $?"'
    [ "$output" = "status 130" ]
    grep -q '^EPT_VIOLATION *5 ' report
}

@test "SIGTERM is passed on to the command, which may take its time" {
    exitstat_model -o report -- sh -c 'trap "echo 48 5 500 >>$MODEL_COUNTS; exit 9" TERM; : >ready
                                        while :; do sleep 0.05; done' &
    until [ -e ready ]; do sleep 0.05; done
    kill "$!"
    status=0
    wait "$!" || status=$?
    [ "$status" = 9 ]
    grep -q '^EPT_VIOLATION *5 ' report
}

@test "intervals: the first since the start, then what happened, as often as asked" {
    MODEL_RATE=100000 exitstat_model 0.02 4 >lines
    [ "$(wc -l <lines)" = 5 ]
    head -n 1 lines | grep -Eq '^ *EXITS/S +%CPU +CYC/EXIT +IO_INSTRUCTION +EPT_VIOLATION '
    exitstat_model --no-first --no-header 0.02 2 >lines
    [ "$(wc -l <lines)" = 2 ]
    awk '$1 != 0 { exit 1 }' lines
    exitstat_model --csv 0.02 2 >csv
    [ "$(grep -c '^uptime,' csv)" = 1 ]
    exitstat_model --vcpu 0 0.02 2 | head -n 1 | grep -q '^ CPU '
}

@test "a recording goes on where it stopped, survives a kill, and is shown in full" {
    exitstat_model record -i 0.02 -o file -- sh -c "sleep 0.1; echo 48 1000 5000000 >>$MODEL_COUNTS"
    first=$(stat -c %s file)
    exitstat_model record -i 0.02 -o file &
    until [ "$(stat -c %s file)" -gt $((first + 100)) ]; do sleep 0.02; done
    echo 48 500 2500000 >>"$MODEL_COUNTS"
    now=$(stat -c %s file)
    until [ "$(stat -c %s file)" -gt $((now + 40)) ]; do sleep 0.02; done
    kill -9 "$!"
    wait "$!" || true
    exitstat_model report file >report
    [ "$(grep -c '^20.*UTC' report)" = 2 ]
    [ "$(awk '$1 == "EPT_VIOLATION" && $3 == "100.0" { print $2 }' report | tr '\n' ' ')" = "1,000 500 " ]
    [ "$(exitstat_model report --json file | jq -s 'map(.reasons[] | select(.code == 48) | .exits) | add')" = 1500 ]
    exitstat_model report --csv -o csv file
    [ "$(awk -F, '$5 == 48 { sum += $7 } END { print sum }' csv)" = 1500 ]
}

@test "a recording ends with SIGINT or SIGTERM, and with success" {
    for signal in INT TERM; do
        rm -f file
        # A job in the background has SIGINT ignored.
        env --default-signal=INT exitstat_model record -i 0.02 -o file &
        until [ -s file ]; do sleep 0.02; done
        kill -"$signal" "$!"
        wait "$!"
        exitstat_model report file >report
    done
}

@test "a torn recording is shown as far as it is whole, and continued from there, with one line of warning" {
    MODEL_RATE=1000 exitstat_model record -i 0.02 -o whole -- sleep 0.2
    head -c -3 whole >file
    run -0 --separate-stderr exitstat_model report --json file
    [[ $stderr =~ ^"exitstat: file: torn at offset "([0-9]+)", as a kill leaves it: "([0-9]+)" bytes left out"$ ]]
    warning=$stderr offset=${BASH_REMATCH[1]}
    [ $((offset + BASH_REMATCH[2])) = "$(stat -c %s file)" ]
    head -c "$offset" whole >good
    [ "$output" = "$(exitstat_model report --json good 2>&1)" ]
    run -0 --separate-stderr exitstat_model report --csv file
    [ "$stderr" = "$warning" ]
    [ "$output" = "$(exitstat_model report --csv good 2>&1)" ]
    for action in "plot file -o out.svg" "diff good file"; do
        # shellcheck disable=SC2086 # it is several words
        run -0 --separate-stderr exitstat_model $action
        [ "$stderr" = "$warning" ]
    done
    head -c -3 whole | cmp - file
    run -0 --separate-stderr exitstat_model record -o file -- true
    [ "$stderr" = "${warning/left out/cut off}" ]
    head -c "$offset" file | cmp - good
    run -0 --separate-stderr exitstat_model report file
    [ -z "$stderr" ]
    [ "$(grep -c '^20.*UTC' <<<"$output")" = 2 ]
}

@test "a recording that is torn before anything was recorded cannot be shown, and begins anew" {
    exitstat_model record -o whole -- true
    for size in 1 7 9 20; do
        head -c "$size" whole >file
        offset=$((size < 8 ? 0 : 8)) bytes=$((size < 8 ? size : size - 8))
        run -1 --separate-stderr exitstat_model report file
        [ "$stderr" = "exitstat: file: truncated at offset $offset: nothing was recorded" ]
        run -0 --separate-stderr exitstat_model record -o file -- true
        [[ $stderr =~ ^"exitstat: file: torn at offset $offset, as a kill leaves it: $bytes byte"s?" cut off"$ ]]
        run -0 --separate-stderr exitstat_model report file
        [ -z "$stderr" ]
        [ "$(grep -c '^20.*UTC' <<<"$output")" = 1 ]
    done
}

@test "a damaged or foreign recording is refused with the offset, and left as it is" {
    MODEL_RATE=1000 exitstat_model record -i 0.02 -o first -- sleep 0.2
    cp first middle
    printf xxxxxxxx | dd of=first bs=1 seek=20 conv=notrunc status=none
    printf xxxxxxxx | dd of=middle bs=1 seek=$(($(stat -c %s middle) / 2)) conv=notrunc status=none
    echo "something else" >foreign
    for file in first middle foreign; do
        cp "$file" before
        for action in "report $file" "plot $file -o out.svg" "record -o $file -- true" "diff $file $file"; do
            # shellcheck disable=SC2086 # it is several words
            run -1 --separate-stderr exitstat_model $action
            [[ $stderr == *"$file"*offset\ [0-9]* ]]
            [ -z "$output" ]
        done
        cmp "$file" before
    done
    [ ! -e out.svg ]
}

@test "plots are pictures" {
    MODEL_RATE=1000 exitstat_model record -i 0.02 -o file -- sleep 0.2
    exitstat_model plot file -o out.svg
    /usr/bin/python3 -c 'import xml.dom.minidom; print(xml.dom.minidom.parse("out.svg").documentElement.tagName)' | grep -qx svg
    grep -q IO_INSTRUCTION out.svg
    exitstat_model plot file -o out.png
    [ "$(head -c 8 out.png | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ]
    run -2 --separate-stderr exitstat_model plot file -o out.pdf
    [[ $stderr == *svg*png* ]]
    run -1 --separate-stderr env PATH="$BUILD/tests" "$BUILD/tests/exitstat_model" plot file -o other.svg
    [[ $stderr == *gnuplot* ]]
    [ ! -e other.svg ]
}

@test "diff compares reports and recordings" {
    exitstat_model --json -o a.json -- sh -c "echo 48 1000 5000000 >>$MODEL_COUNTS; echo 12 10 100 >>$MODEL_COUNTS"
    MODEL_RATE=0 exitstat_model record -o b -- sh -c "echo 48 250 500000 >>$MODEL_COUNTS; echo 28 7 70 >>$MODEL_COUNTS"
    exitstat_model diff a.json b >diff
    grep -Eq '^EPT_VIOLATION +1,000 +250 +-750 +-75\.0 +5,000 +2,000 +-60\.0$' diff
    grep -Eq '^HLT +10 +0 +-10 +-100\.0 +10 +- +-$' diff
    grep -Eq '^CR_ACCESS +0 +7 +\+7 +new ' diff
    grep -Eq '^TOTAL +1,010 +257 +-753 ' diff
    run -1 --separate-stderr exitstat_model diff a.json no-such-file
    [ "$stderr" = "exitstat: cannot read no-such-file: No such file or directory" ]
    echo '{}' >empty.json
    run -1 --separate-stderr exitstat_model diff a.json empty.json
    [[ $stderr == "exitstat: empty.json: neither a recording nor JSON of exitstat"* ]]
}

anew="the counters began anew, as the VM was restored or migrated"

@test "intervals go on where the VM is migrated, with one line of warning and no figures across it" {
    exitstat_model --json 0.05 6 >lines 2>error &
    until [ "$(wc -l <lines)" -ge 3 ]; do sleep 0.01; done
    echo anew >>"$MODEL_COUNTS"
    wait "$!"
    [ "$(cat error)" = "exitstat: $anew: what follows is from then on" ]
    [ "$(wc -l <lines)" = 6 ]
    [ "$(jq -r .generation <lines | sort -u | wc -l)" = 2 ]
    # Nothing happens but what exitstat does itself.
    [ "$(jq 'select(.period == "interval") | .total.exits' <lines | sort -u)" = 0 ]
    check_schema lines
}

@test "a command's report is refused where the VM was migrated meanwhile" {
    for end in 0:1 7:7; do
        run "-${end#*:}" --separate-stderr exitstat_model -o report -- sh -c "echo anew >>$MODEL_COUNTS; exit ${end%:*}"
        [[ $stderr == "exitstat: cannot tell what happened during sh -c "*": $anew" ]]
        [ ! -e report ]
    done
}

@test "a recording goes on in another session where the VM is migrated" {
    exitstat_model record -i 0.02 -o file -- sh -c "echo 48 1000 5000000 >>$MODEL_COUNTS; sleep 0.1; echo anew >>$MODEL_COUNTS
                                                    sleep 0.1; echo 48 20 100000 >>$MODEL_COUNTS" 2>error
    [ "$(cat error)" = "exitstat: $anew: what follows is from then on" ]
    exitstat_model report file >report
    [ "$(grep -c '^20.* UTC, sh -c .* samples$' report)" = 1 ]
    [ "$(grep -c '^20.* UTC, sh -c .* samples; the counters had begun anew$' report)" = 1 ]
    [ "$(awk '$1 == "EPT_VIOLATION" && $3 == "100.0" { print $2 }' report | tr '\n' ' ')" = "1,000 20 " ]
    [ "$(exitstat_model report --json file | jq -r '"\(.generation) \(.total.exits)"' | awk '{ exits[$1] += $2 }
        END { for (g in exits) print exits[g] }' | sort -n | tr '\n' ' ')" = "20 1000 " ]
    # What is recorded later of the same counters is of them.
    run -0 --separate-stderr exitstat_model record -o file -- true
    [ -z "$stderr" ]
    [ "$(exitstat_model report file | grep -c 'begun anew$')" = 1 ]
}

@test "diff says that two reports are of different generations" {
    for generation in 1 2; do
        MODEL_GENERATION=$generation exitstat_model --json -o "$generation.json"
        MODEL_GENERATION=$generation exitstat_model record -o "$generation" -- true
    done
    note="Note: A and B are of different generations: the counters began anew between them,"
    for files in "1.json 2.json" "1 2" "1.json 2"; do
        # shellcheck disable=SC2086 # it is several words
        exitstat_model diff $files | grep -qxF "$note"
    done
    for files in "1.json 1.json" "1 1.json"; do
        # shellcheck disable=SC2086 # it is several words
        ! exitstat_model diff $files | grep -q ^Note || false
    done
}

@test "where the host does not count, every kind of output says so" {
    exitstat_model record -i 0.02 -o file -- sh -c "sleep 0.1; echo 48 1000 5000000 >>$MODEL_COUNTS
                                                    sleep 0.1; echo off >>$MODEL_COUNTS; sleep 0.1" 2>error
    off="exitstat: the host has switched the counting off: no VM-Exits means nothing"
    [ "$(cat error)" = "$off" ]
    since="Note: the host has switched the counting off: VM-Exits since then are missing."
    meanwhile="Note: the host had switched the counting off: VM-Exits of that time are missing."
    exitstat_model report file >report
    grep -qxF "$meanwhile" report
    grep -Eq '^ +- +- +-( +-)*$' report
    exitstat_model report --json file | jq -r .counting | sort -u | tr '\n' ' ' | grep -qx 'false true '
    exitstat_model plot file -o out.svg
    grep -q "not counted all the time" out.svg

    exitstat_model | grep -qxF "$since"
    exitstat_model -- true 2>&1 | grep -qxF "$meanwhile"
    # Nothing of our own was counted either.
    ! exitstat_model -- true 2>&1 | grep -q "left out" || false
    exitstat_model record -i 0.02 -o nothing -- sleep 0.1 2>/dev/null
    run -1 --separate-stderr exitstat_model plot nothing -o other.svg
    [ "$stderr" = "exitstat: nothing to plot: VM-Exits were not being counted" ]
    exitstat_model --csv | awk -F, 'NR > 1 && $NF != 0 { exit 1 }'
    exitstat_model --openmetrics | grep -qx 'exitstat_counting 0'
    run -0 --separate-stderr exitstat_model --no-header 0.02 3
    [ "$stderr" = "$off" ]
    [ "$(grep -Ecx ' +- +- +-( +-)*' <<<"$output")" = 3 ]
    exitstat_model --json -o a.json -- true
    exitstat_model diff a.json file >diff
    for name in A B; do
        grep -qxF "Note: the host had switched the counting off: VM-Exits of $name are missing." diff
    done
    echo on >>"$MODEL_COUNTS"
    ! exitstat_model | grep -q "switched" || false
}

@test "an exit reason without a name is listed and explained by its number" {
    echo 5 70 700 >>"$MODEL_COUNTS"
    exitstat_model | grep -Eq '^reason 0x5 +70 '
    exitstat_model --json | jq -e '.reasons[] | select(.code == 5) | .exits == 70 and .name == "reason 0x5"'
    exitstat_model explain | grep -q '^reason 0x5  *an exit that has no name here$'
    exitstat_model explain reason 0x5 | head -n 1 | grep -qx 'reason 0x5 (VMX basic exit reason 5)'
}

@test "a full disk leaves the old file, and says so" {
    mkdir disk
    mount -t tmpfs -o size=8k tmpfs disk 2>/dev/null || skip "cannot mount a file system here"
    echo old >disk/report
    head -c 8192 /dev/zero >disk/filler 2>/dev/null || true
    run -1 --separate-stderr exitstat_model --json -o disk/report
    umount_later=$stderr
    old=$(cat disk/report)
    files=$(find disk -mindepth 1 | wc -l)
    run -1 --separate-stderr exitstat_model record -o disk/recording
    umount disk
    [[ $umount_later == *"No space left on device"* ]]
    [ "$old" = old ]
    [ "$files" = 2 ]
    [[ $stderr == *"No space left on device"* ]]
}

@test "a closed pipe ends what goes on for ever, with a message" {
    run -0 bash -c '{ exitstat_model 0.01 2>error; echo $? >status; } | head -n 2'
    [ "$(cat status)" = 1 ]
    [ "$(cat error)" = "exitstat: cannot write to standard output: Broken pipe" ]
}

@test "colours are for terminals, and not if NO_COLOR is set" {
    on_terminal() {
        env TERM=xterm "$@" script -qec "exitstat_model" /dev/null </dev/null
    }
    on_terminal | grep -q $'\033'
    ! on_terminal NO_COLOR=1 | grep -q $'\033' || false
    ! exitstat_model | grep -q $'\033' || false
}

@test "top needs a terminal" {
    run -1 --separate-stderr exitstat_model top
    [[ $stderr == "exitstat: "*terminal* ]]
}

@test "explain knows names, numbers and nearly names" {
    exitstat_model explain 48 | head -n 1 | grep -qx 'EPT_VIOLATION (VMX basic exit reason 48)'
    exitstat_model explain ept-violation | cmp - <(exitstat_model explain 48)
    exitstat_model explain npf | head -n 1 | grep -qx 'npf (SVM exit code 0x400)'
    run -2 --separate-stderr exitstat_model explain EPT_VIOLATON
    [[ $stderr == *"EPT_VIOLATION"* ]]
    [ "$(exitstat_model explain | wc -l)" = 4 ]
    exitstat_model explain | awk 'length > 80 { exit 1 }'
}

@test "--self-check finds what is good and what is not" {
    exitstat_model --self-check >report
    ! grep -q FAILED report || false
    grep -Eq '^ok +a reading of 4 reasons takes 12 CPUIDs \(at most 12\)$' report
    grep -Eq '^cost +12 VM-Exits a reading, of 1,200 cycles each in KVM: 5\.9 us$' report
    grep -Eq '^ok +the counters are of one generation, and their age grows$' report
    MODEL_LOSES=1 run -1 exitstat_model --self-check
    [[ $output == *"FAILED  100 CPUIDs"* ]]
    # What is off is not wrong, and cannot be told from wrong.
    echo off >>"$MODEL_COUNTS"
    MODEL_LOSES=1 run -0 exitstat_model --self-check
    [[ $output == *"note    VM-Exits are not being counted: "* && $output != *FAILED* && $output != *"100 CPUIDs"* ]]
}

# The options and subcommands that a text names.
words_of_help() {
    { exitstat --help && for sub in top record report plot explain diff; do exitstat "$sub" --help; done; } |
        grep -Eo -e '(^|[ ,])--?[a-z][a-z-]*|^  [a-z]+  ' | tr -d ' ,' | sort -u | grep -vx -e exitstat -e COMMAND
}

@test "the manual and the completion have every option and subcommand that --help has, and no other" {
    MANWIDTH=1000 mandoc -Tascii "$root/probe/doc/exitstat.1" | col -b >manual
    words_of_help >words
    [ "$(wc -l <words)" -gt 20 ]
    while read -r word; do
        grep -Eq -e "(^|[^a-z-])$word([^a-z-]|$)" manual || { echo "the manual lacks $word" && false; }
        grep -Eq -e "(^|[^a-z-])$word([^a-z-]|$)" "$root/probe/doc/exitstat.bash" || { echo "the completion lacks $word" && false; }
    done <words
    while read -r word; do
        grep -qx -e "$word" words || { echo "--help lacks $word" && false; }
    done < <(grep -Eo -e '--[a-z][a-z-]+' manual "$root/probe/doc/exitstat.bash" | cut -d: -f2 | sort -u)
    [ -z "$(mandoc -Tlint -Wwarning "$root/probe/doc/exitstat.1")" ]
}

@test "the completion completes" {
    complete_words() { # WORD...
        bash -c 'source "$1/probe/doc/exitstat.bash"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _exitstat
                 printf "%s\n" "${COMPREPLY[@]}"' - "$root" "$@"
    }
    complete_words exitstat --o | grep -qx -e --openmetrics
    complete_words exitstat --sort c | sort | tr '\n' ' ' | grep -qx 'code cost cycles '
    complete_words exitstat re | sort | tr '\n' ' ' | grep -qx 'record report '
    complete_words exitstat explain EPT_V | grep -qx EPT_VIOLATION
    complete_words exitstat -- tru | grep -qx true
}

@test "a warning of the compiler fails the build of the tests until it is mended, and no other build" {
    mkdir -p patches bin
    cp -r "$root/scripts" .
    : >patches/series-6.12
    ln -sf "$(type -P true)" scripts/series/prepare-tree
    # Compiles what has no object, as the real one.
    cat >bin/cmake <<'SH'
#!/bin/sh
[ "$1" = --build ] || { mkdir -p "$4" && exit; }
echo "make[1]: warning: jobserver unavailable"
[ -e "$2/a.o" ] || cat says 2>/dev/null
: >"$2/a.o"
[ ! -e broken ]
SH
    chmod +x bin/cmake
    builds() { # STATUS [OPTION]
        # A source that has changed.
        echo >>probe
        run "-$1" env PATH="$PWD/bin:$PATH" scripts/build-probe "${@:2}" 6.12
    }
    builds 0 --tests
    echo "a.cpp:1:2: warning: unused" >says
    rm build/probe/6.12/a.o
    builds 0
    builds 1 --tests
    [[ $output == *"a.cpp:1:2: warning: unused"*"compiles with warnings"*"build/results/probe-6.12.log"* ]]
    builds 1 --names-tests
    rm says
    builds 0 --tests
    # The status is cmake's, and what it says is not lost with it.
    touch broken
    echo "a.cpp:3:4: warning: odd" >says
    rm build/probe/6.12/a.o
    builds 1
    [[ $output == *"does not build"* ]]
    rm broken
    builds 1 --tests
    [[ $output == *"a.cpp:3:4: warning: odd"* ]]
}

@test "make install puts everything in its place, and the header works for others" {
    [ "$(stat -c %s "$BUILD/exitstat")" -le $((4 << 20)) ]
    make -s -C "$root" install "K=$K" "DESTDIR=$BATS_TEST_TMPDIR/dest" PREFIX=/usr >/dev/null
    (cd dest && find . -type f) | sort >files
    printf './usr/%s\n' bin/exitstat include/exit_stats/{delta.hpp,leaf.h,leaf.hpp,reader.hpp,reasons.hpp} share/bash-completion/completions/exitstat \
        share/exitstat/exitstat.schema.json share/man/man1/exitstat.1 | sort | diff - files
    # As the manual's example has it.
    cat >user.cpp <<'CPP'
#include <exit_stats/reader.hpp>
#include <iostream>
int main()
try {
	exit_stats::Reader reader;
	const auto before = reader.read();
	const auto delta = exit_stats::difference(reader.read(), before);
	for (const auto &reason : delta.reasons)
		std::cout << exit_stats::reason_name(reader.info().isa, reason.code) << ": " << reason.exits << "\n";
} catch (const exit_stats::Unavailable &e) {
	std::cout << e.what() << "\n";
}
CPP
    g++ -std=c++20 -Wall -Wextra -Werror -Idest/usr/include user.cpp -o user
    [ -n "$(./user)" ]
}
