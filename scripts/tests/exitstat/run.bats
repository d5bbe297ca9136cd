# SPDX-License-Identifier: GPL-2.0
# exitstat while something goes on: a command, an interval, a recording, and what becomes of the VM meanwhile.

load helpers

@test "a command's VM-Exits are told to the last one, and none of exitstat's own" {
    run -7 --separate-stderr exitstat_model --sort code -- \
        sh -c "echo 48 1000 5000000 >>$MODEL_COUNTS; echo 10 3 3600 >>$MODEL_COUNTS; cat; exit 7" <<<"from stdin"
    [ "$output" = "from stdin" ]
    head -n 1 <<<"$stderr" | grep -Eq '^VM-Exits took [0-9.]+% of the time of 2 vCPUs during sh -c .*, [0-9]+\.[0-9]{2} s$'
    grep -Eq '^CPUID +3 .* 1\.5 us ' <<<"$stderr"
    grep -Eq '^EPT_VIOLATION +1,000 .* 2\.0 ms ' <<<"$stderr"
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
    run -141 exitstat_model -o report -- sh -c 'kill -PIPE $$'
    # Whatever it finds of signals is not our doing.
    for signals in --default-signal "--default-signal --ignore-signal=CHLD,PIPE" "--default-signal --block-signal=USR1"; do
        # shellcheck disable=SC2086 # it is several words
        env $signals grep '^Sig[BIC]' /proc/self/status >without
        # shellcheck disable=SC2086
        timeout -k 1 20 env $signals exitstat_model -o report -- grep '^Sig[BIC]' /proc/self/status | diff without -
    done
}

@test "a command ends, and so does a recording, whatever becomes of SIGCHLD" {
    run -3 timeout -k 1 20 env --ignore-signal=CHLD exitstat_model -o report -- sh -c 'exit 3'
    run -127 timeout -k 1 20 env --ignore-signal=CHLD exitstat_model -- no-such-command
    run -3 timeout -k 1 20 env --block-signal=CHLD exitstat_model record -i 0.02 -o file -- sh -c 'exit 3'
    # As process 1 of a container is told of every orphan.
    rm file
    exitstat_model record -i 0.02 -o file &
    until [ -s file ]; do sleep 0.02; done
    kill -CHLD "$!"
    now=$(stat -c %s file)
    until [ "$(stat -c %s file)" -gt $((now + 100)) ]; do sleep 0.02; done
    kill "$!"
    wait "$!"
    MODEL_RATE=1000 exitstat_model record -i 0.02 -o busy -- sleep 0.1
    env --ignore-signal=CHLD exitstat_model plot busy -o out.svg
}

@test "-r runs a command again and again: means and deviations, or each run" {
    run -0 --separate-stderr exitstat_model -r 3 -- sh -c "echo 48 1000 5000000 >>$MODEL_COUNTS; echo run"
    [ "$output" = $'run\nrun\nrun' ]
    head -n 1 <<<"$stderr" | grep -Eq '^VM-Exits during sh -c .*: means of 3 runs of [0-9.]+ s \(\+- [0-9.]+%\)$'
    grep -Eqx 'EPT_VIOLATION +1,000 +0\.0% +2\.0 ms +0\.0%' <<<"$stderr"
    exitstat_model -r 3 --json -o runs -- true
    [ "$(jq -r .period runs | tr '\n' ' ')" = "command command command " ]
    # The status is the last that is not 0, and a signal ends it.
    : >count
    run -5 exitstat_model -r 4 -o report -- sh -c 'echo >>count; [ $(wc -l <count) != 2 ] || exit 5'
    [ "$(wc -l <count)" = 4 ]
    : >count
    run -143 exitstat_model -r 4 -o report -- sh -c 'echo >>count; kill $$'
    [ "$(wc -l <count)" = 1 ]
}

@test "hist draws one reason, since the start or of a command" {
    exitstat_model hist io >hist
    head -n 1 hist | grep -qx 'IO_INSTRUCTION: 12,345 VM-Exits since the counters began, 0:16:40 ago'
    [ "$(sed -n '3,$p' hist | awk -F'[:|]' '{ gsub(",", "", $2); sum += $2 } END { print sum }')" = 12345 ]
    run -3 --separate-stderr exitstat_model hist EPT_VIOLATION --cycles -- \
        sh -c "echo 48 1000 5000000 >>$MODEL_COUNTS; exit 3"
    grep -Eq '^ +4K -> 8K +: +1,000  \|\*+\|$' <<<"$stderr"
    run -1 --separate-stderr exitstat_model hist npf
    [ "$stderr" = 'exitstat: there is no exit reason "npf" of VMX' ]
    run -1 --separate-stderr env MODEL_VIEWS=0x27 exitstat_model hist CPUID
    [ "$stderr" = "exitstat: the hypervisor's exit statistics have no histograms" ]
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
    head -n 1 lines | grep -Eq '^ *EXITS/S +%CPU +TIME/EXIT +IDLE/S +IO_INSTRUCTION +EPT_VIOLATION '
    exitstat_model --no-first --no-header 0.02 2 >lines
    [ "$(wc -l <lines)" = 2 ]
    awk '$1 != 0 { exit 1 }' lines
    exitstat_model --csv 0.02 2 >csv
    [ "$(grep -c '^uptime,' csv)" = 1 ]
    MODEL_RATE=100000 exitstat_model -x -t 0.02 2 >tables
    [ "$(grep -Ec '^[0-9]{2}:[0-9]{2}:[0-9]{2}$' tables)" = 2 ]
    [ "$(grep -c '^TOTAL' tables)" = 4 ] # two tables each
    exitstat_model -t 0.02 2 | grep -Eq '^[0-9]{2}:[0-9]{2}:[0-9]{2} +[0-9]'
    exitstat_model --exclude IO,10 0.02 1 | head -n 1 | grep -Eq ' IDLE/S +EPT_VIOLATION +REST$'
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
    exitstat_model --csv | awk -F, 'NR > 1 && $18 != 0 { exit 1 }'
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

@test "a closed pipe ends it in silence, as any filter, and a full disk does not" {
    run -0 env --default-signal=PIPE bash -c '{ exitstat_model 0.01 2>error; echo $? >status; } | head -n 2'
    [ "$(cat status)" = 141 ]
    [ ! -s error ]
    run -0 env --ignore-signal=PIPE bash -c '{ exitstat_model 0.01 2>error; echo $? >status; } | head -n 2'
    [ "$(cat status)" = 1 ]
    [ "$(cat error)" = "exitstat: cannot write to standard output: Broken pipe" ]
    run -1 --separate-stderr bash -c 'exitstat_model 0.01 >/dev/full'
    [ "$stderr" = "exitstat: cannot write to standard output: No space left on device" ]
}
