# SPDX-License-Identifier: GPL-2.0
# exitstat top in a real terminal, with a model of KVM whose counters move: tests/top_demo in BUILD.

setup() {
    command -v tmux >/dev/null || skip "needs tmux"
    TOP_DEMO=$BUILD/tests/top_demo
    export TMUX_TMPDIR=$BATS_TEST_TMPDIR LANG=C.UTF-8
    unset TMUX LC_ALL LC_CTYPE NO_COLOR LINES COLUMNS TERMINFO
    tmux="tmux -u -f /dev/null -L exitstat"
    # One server for all terminals of a test: one that is about to end fails whoever asks it for the next.
    $tmux start-server \; set-option -g exit-empty off
}

teardown() {
    [ -z "$tmux" ] || $tmux kill-server 2>/dev/null || true
}

# Start it in a terminal of 80x24. What it leaves is in the folder: the terminal's settings before and after, its status.
start() { # [VARIABLE=VALUE...] TOP_DEMO [ARGUMENT...]
    cd "$BATS_TEST_TMPDIR" || return
    cat >run <<'TEXT'
trap : INT QUIT
ulimit -c 0
stty -a >before
env "$@" 2>errors
echo $? >status
stty -a >after
cat errors
echo "the shell is back"
exec sleep infinity
TEXT
    $tmux new-session -d -x 80 -y 24 bash run "$@"
}

screen() {
    $tmux capture-pane -p "$@"
}

# Until a command succeeds.
await() { # COMMAND...
    for _ in {1..300}; do
        "$@" && return
        sleep 0.1
    done
    printf 'in vain: %s; the terminal shows:\n' "$*"
    screen
    return 1
}

shows() { # TEXT
    [[ $(screen) == *"$1"* ]]
}

lacks() { # TEXT
    ! shows "$1"
}

# The first row below TOTAL and IDLE.
first_row_is() { # NAME
    [ "$(screen | awk 'above && $1 != "IDLE" { print $1; exit } $1 == "TOTAL" { above = 1 }')" = "$1" ]
}

terminal_is() { # FORMAT VALUE
    [ "$($tmux display-message -p "#{$1}")" = "$2" ]
}

process() {
    ps -e -o pid=,comm= | awk -v name="$(basename "$TOP_DEMO")" -v parents=" $(pgrep -P "$($tmux display-message -p '#{pane_pid}')" | tr '\n' ' ')" \
        '$2 == name && index(parents, " " $1 " ") { print $1 }'
}

# It ended with this status, and the terminal is what it was.
ends_with() { # STATUS
    await shows "the shell is back"
    [ "$(cat status)" = "$1" ] || { echo "status $(cat status)" && return 1; }
    diff before after
    terminal_is alternate_on 0
    terminal_is cursor_flag 1
    terminal_is keypad_cursor_flag 0
}

press() {
    $tmux send-keys "$@"
}

@test "the view comes up with headings, rows and figures, and q leaves it" {
    start "$TOP_DEMO"
    await shows MSR_WRITE
    terminal_is alternate_on 1
    terminal_is cursor_flag 0
    screen | grep -Eq "^exitstat: whole VM, 2 vCPUs, VMX +every 1 s, counters 0:16:40 old$"
    screen | grep -Eq "^REASON +EXITS/S +% +%CPU +TIME/EXIT +P99 +AWAY +TREND$"
    screen | grep -Eq '^[0-9,]+ VM-Exits/s, [0-9.]+% of one CPU, exitstat.s own [0-9]+ left out$'
    screen | grep -Eq '^MSR_WRITE +[0-9,]+ +[0-9.]+ +[0-9.]+ +511 ns +<6\.7 us +[0-9.]+ [mu]s +▄$'
    screen | grep -Eq '^IDLE +[0-9,]+ +- +[0-9.]+ +8\.6 us '
    # None of the time that exitstat itself takes.
    screen | grep -Eq '^CPUID +[0-9]+ +[0-9.]+ +0\.00 +4[0-9][0-9] ns '
    screen | grep -Eq '^h help  q quit .* by exits$'
    press q
    ends_with 0
    [ ! -s errors ]
}

@test "a reason that appears later gets a row" {
    start "$TOP_DEMO"
    await shows MSR_WRITE
    await shows PAUSE_INSTRUCTION
    press q
    ends_with 0
}

@test "keys change the order" {
    start "$TOP_DEMO"
    await first_row_is MSR_WRITE
    press x
    await first_row_is IO_INSTRUCTION
    shows "by time/exit"
    press n
    await first_row_is CPUID
    press Right
    await first_row_is MSR_WRITE
    press '>' '>'
    await first_row_is IO_INSTRUCTION
    press c
    await lacks "by time/exit"
    await shows "by time"
    press '#'
    await first_row_is EXTERNAL_INTERRUPT
    press q
    ends_with 0
}

@test "t shows cycles, and time again" {
    start "$TOP_DEMO"
    await shows MSR_WRITE
    press t
    await shows "CYC/EXIT    P50    P99  "
    screen | grep -Eq "^REASON +EXITS/S +% +CYCLES/S +CYC/EXIT +P50 +P99 +TREND$"
    screen | grep -Eq '^MSR_WRITE +[0-9,]+ +[0-9.]+ +[0-9,]+ +1,250 +<2K +<16K '
    press t
    await shows TIME/EXIT
    press q
    ends_with 0
}

@test "v shows each vCPU, and the whole VM again" {
    start "$TOP_DEMO"
    await shows MSR_WRITE
    press v
    await shows "CPU  REASON"
    cpu=$(taskset -cp $$ | sed 's/.*: \([0-9]*\).*/\1/')
    has_row() {
        screen | grep -Eq "^ *$cpu  MSR_WRITE +[0-9,]+ +[0-9.]+ "
    }
    await has_row
    screen | grep -Eq '^exitstat: (each vCPU, 2|1 of 2) vCPUs, '
    screen | grep -Eq "^ *$cpu  HLT +[0-9,]+ +- "
    lacks P99
    press v
    await shows "P99    AWAY"
    await first_row_is MSR_WRITE
    press q
    ends_with 0
}

@test "a vCPU that goes offline is told, and the others go on" {
    cpus=$(taskset -cp $$)
    [[ $cpus == *": 0"[-,]1* ]] || skip "needs CPUs 0 and 1"
    start "$TOP_DEMO" vcpus offline
    await shows "  1  MSR_WRITE"
    touch offline
    await shows "CPU 1 went away during the reading"
    silent() {
        screen | grep -Eq '^ +1  MSR_WRITE +0 +0.0 '
    }
    busy() { # CPU
        screen | grep -Eq "^ +$1  MSR_WRITE +[0-9]+,[0-9]+ "
    }
    await silent
    await busy 0
    rm offline
    await busy 1
    await lacks "went away"
    press q
    ends_with 0
}

@test "it follows the size of the terminal, down to one character and back" {
    start "$TOP_DEMO"
    await shows MSR_WRITE
    $tmux resize-window -x 40 -y 10
    await shows "REASON              EXITS/S  TIME/EXIT"
    await first_row_is MSR_WRITE
    screen | awk 'length > 40 { exit 1 }'
    has_footer() {
        screen | sed -n 10p | grep -Eq '^h help  q quit .* by exits, 1-4 of [0-9]+$'
    }
    await has_footer
    $tmux resize-window -x 1 -y 1
    await terminal_is pane_width 1
    press x
    $tmux resize-window -x 80 -y 24
    await shows "EXITS/S     %    %CPU  TIME/EXIT      P99    AWAY"
    await shows "by time/exit"
    $tmux resize-window -x 200 -y 50
    await shows "P99      MAX  TO USER    AWAY"
    $tmux resize-window -x 80 -y 24
    await shows "EXITS/S     %    %CPU  TIME/EXIT      P99    AWAY"
    press q
    ends_with 0
}

@test "more reasons than lines can be scrolled" {
    start "$TOP_DEMO" many
    await shows "by exits, 1-18 of "
    press Down
    await shows "by exits, 2-19 of "
    press End
    rows=$(screen | sed -n '$s/.* of //p')
    await shows "-$rows of $rows"
    press PageUp PageUp PageUp
    await shows "by exits, 1-18 of "
    press q
    ends_with 0
}

@test "help, pause and the interval" {
    start "$TOP_DEMO"
    await shows MSR_WRITE
    press h
    await shows "Any other key goes back."
    $tmux resize-window -x 100 -y 30
    await terminal_is pane_height 30
    shows "Any other key goes back."
    $tmux resize-window -x 80 -y 24
    await terminal_is pane_height 24
    shows "Any other key goes back."
    press q
    await shows "every 1 s"
    press +
    await shows "every 2 s"
    press d 0.5
    await shows "Seconds between readings [2]: 0.5_"
    press Enter
    await shows "every 0.5 s"
    press p
    await shows PAUSED
    before=$(screen)
    press z # something that changes nothing, and after which the next reading would be seen
    sleep 1
    [ "$(screen)" = "$before" ]
    press Space
    await shows "every 0.5 s"
    press q
    ends_with 0
}

@test "signals end it with the terminal restored" {
    for signal in TERM:143 HUP:129 INT:130 QUIT:131; do
        start "$TOP_DEMO"
        await shows MSR_WRITE
        pid=$(process)
        [ -n "$pid" ]
        kill -s "${signal%:*}" "$pid"
        ends_with "${signal#*:}"
        $tmux kill-session
        rm -f status after
    done
}

@test "Ctrl-C and Ctrl-\\ end it" {
    for key in C-c:130 'C-\:131'; do
        start "$TOP_DEMO"
        await shows MSR_WRITE
        press "${key%:*}"
        ends_with "${key#*:}"
        $tmux kill-session
        rm -f status after
    done
}

@test "Ctrl-Z gives the terminal back, and fg goes on" {
    cd "$BATS_TEST_TMPDIR"
    $tmux new-session -d -x 80 -y 24 env PS1='prompt> ' bash --norc --noprofile -i
    await shows "prompt>"
    press -l "stty -a >before; '$TOP_DEMO'"
    press Enter
    await shows MSR_WRITE
    press C-z
    await shows Stopped
    terminal_is alternate_on 0
    terminal_is cursor_flag 1
    press -l "stty -a >after; echo say something"
    press Enter
    await shows "say something"
    # The shell needs a moment to write it.
    await test -s after
    diff before after
    $tmux resize-window -x 60 -y 20
    press -l fg
    press Enter
    await shows "exitstat: whole VM"
    terminal_is alternate_on 1
    await first_row_is MSR_WRITE
    press x
    await first_row_is IO_INSTRUCTION
    press q
    await terminal_is alternate_on 0
    press -l 'echo "status $?"'
    press Enter
    await shows "status 0"
}

@test "output that is held with Ctrl-S does not keep it from ending" {
    start "$TOP_DEMO"
    await shows MSR_WRITE
    press C-s
    pid=$(process)
    kill -s TERM "$pid"
    ends_with 143
}

@test "a hypervisor that contradicts itself is told after the terminal is restored" {
    start "$TOP_DEMO" bad
    ends_with 1
    [ "$(cat errors)" = "top_demo: CPUID leaf 0x4fffffff contradicts itself: the total is below the sum of its reasons" ]
}

@test "a migration is told until the next key, and the figures go on" {
    start "$TOP_DEMO" anew
    await first_row_is MSR_WRITE
    touch anew
    await shows "Note: the counters began anew, as the VM was restored or migrated."
    sleep 2
    shows "Note: the counters began anew"
    press x
    await lacks "Note:"
    await first_row_is IO_INSTRUCTION
    shows " VM-Exits/s"
    press q
    ends_with 0
}

@test "a host that does not count is told as long as it does not" {
    start "$TOP_DEMO" off
    await first_row_is MSR_WRITE
    touch off
    await shows "The host has switched the counting off: no VM-Exits means nothing."
    rm off
    await shows " VM-Exits/s"
    lacks "switched"
    press q
    ends_with 0
}

@test "without a terminal it says what to do" {
    for direction in "</dev/null" "| cat"; do
        start bash -c "set -o pipefail; '$TOP_DEMO' $direction"
        ends_with 1
        shows "top_demo: exitstat top needs a terminal; for output to a file or pipe use"
        $tmux kill-session
        rm -f status after
    done
}

@test "a terminal that is not known, or cannot move its cursor, is refused" {
    for case in "TERM=no-such-terminal:does not know terminals of type no-such-terminal: set TERM" \
        "TERM=:must know the terminal's type: set TERM" "TERM=dumb:cannot draw on a terminal of type dumb: set TERM"; do
        start "${case%%:*}" "$TOP_DEMO"
        ends_with 1
        [[ $(cat errors) == *"${case#*:}"* ]] || { cat errors && return 1; }
        $tmux kill-session
        rm -f status after
    done
}

@test "a well-known terminal needs no entry in the terminfo database" {
    start TERM=xterm-without-an-entry "$TOP_DEMO"
    await first_row_is MSR_WRITE
    press Right Right
    await shows "by time/exit"
    await first_row_is IO_INSTRUCTION
    press q
    ends_with 0
}

@test "there are no colours with NO_COLOR" {
    start "$TOP_DEMO"
    await shows MSR_WRITE
    screen -e | grep -q $'\e\[36m'
    $tmux kill-session
    start NO_COLOR=1 "$TOP_DEMO"
    await shows MSR_WRITE
    [ "$(screen -e | grep -Ec $'\e\[([0-9;]*;)?[34][0-7]m')" = 0 ]
    press q
    ends_with 0
}

@test "trends are ASCII where the locale, or the console's font, has nothing better" {
    for variable in LC_ALL=C TERM=linux; do
        start "$variable" "$TOP_DEMO"
        await shows MSR_WRITE
        screen | grep -Eq '^TOTAL .* =$'
        [ "$(screen | grep -c '[^ -~]')" = 0 ]
        press q
        ends_with 0
        $tmux kill-session
        rm -f status after
    done
}
