# SPDX-License-Identifier: GPL-2.0
# exitstat as its users have it: what it shows and says, and how it is installed.

load helpers

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

@test "diff compares reports and recordings by rates, and by counts where a length is not known" {
    exitstat_model --json -o a.json -- sh -c "echo 48 1000 5000000 >>$MODEL_COUNTS; echo 12 10 100 >>$MODEL_COUNTS"
    # What took six times as long, and had six times as many VM-Exits.
    jq -c '.seconds = 10' <a.json >a10.json
    jq -c '.seconds = 60 | .reasons[] |= (.exits *= 6 | .cycles *= 6)' <a.json >a60.json
    exitstat_model diff a10.json a60.json >diff
    head -n 3 diff | tr -s ' ' | diff - <(printf '%s\n' "A: a10.json, 10.00 s" "B: a60.json, 60.00 s" \
        "REASON EXITS/S A B CHANGE % TIME/EXIT A B %")
    grep -Eqx 'EPT_VIOLATION +100 +100 +0 +0\.0 +2\.0 us +2\.0 us +0\.0' diff
    grep -Eqx 'TOTAL +100 +100 +0 +0\.0 +2\.0 us +2\.0 us +0\.0' diff
    # An idle vCPU is no part of the total.
    tail -n 1 diff | grep -Eqx 'HLT \(idle\) +1\.0 +1\.0 +0 +0\.0 +4\.1 ns +4\.1 ns +0\.0'
    jq -c '.emulated = true' <a60.json >emulated.json
    exitstat_model diff a10.json emulated.json | grep -Eq '^EPT_VIOLATION .* 5,000 +5,000 +0\.0$'

    MODEL_RATE=0 exitstat_model record -o b -- sh -c "echo 48 250 500000 >>$MODEL_COUNTS; echo 28 7 70 >>$MODEL_COUNTS"
    exitstat_model diff a.json b | grep -Eq '^REASON +EXITS/S A '
    jq -c 'del(.seconds, .generation, .counting)' <a.json >no-length.json
    exitstat_model diff no-length.json b >diff
    grep -Eqx 'EPT_VIOLATION +1,000 +250 +-750 +-75\.0 +2\.0 us +818 ns +-60\.0' diff
    grep -Eqx 'HLT \(idle\) +10 +0 +-10 +-100\.0 +4\.1 ns +- +-' diff
    grep -Eq '^CR_ACCESS +0 +7 +\+7 +new ' diff
    grep -Eq '^TOTAL +1,000 +257 +-743 ' diff
    grep -qxF "Note: the length of A is not known: counts are compared, not rates." diff
    run -1 --separate-stderr exitstat_model diff a.json no-such-file
    [ "$stderr" = "exitstat: cannot read no-such-file: No such file or directory" ]
    echo '{}' >empty.json
    run -1 --separate-stderr exitstat_model diff a.json empty.json
    [[ $stderr == "exitstat: empty.json: neither a recording nor JSON of exitstat"* ]]
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

@test "it opens no file before its first line" {
    # Where no descriptor is left.
    alone() { # STATUS ARGUMENT...
        run "-$1" --separate-stderr bash -c 'ulimit -n 3 && exec "$@"' - exitstat "${@:2}"
    }
    alone 0 --version
    [[ $output == "exitstat "* ]]
    alone 0 --help
    alone "$(exitstat >/dev/null 2>&1 && echo 0 || echo $?)"
    [ -n "$output$stderr" ]
}

@test "-o follows symbolic links, and writes to what is open already" {
    : >target && ln -s target link
    exitstat_model --json -o link
    [ -L link ]
    jq -e .schema target
    # Not the file behind it, of which somebody else has written a part.
    bash -c 'echo before; exitstat_model --json -o /dev/stdout; echo after' >file
    [ "$(sed -n '1p;3p' file | tr '\n' ' ')" = "before after " ]
    [ -L /dev/stdout ]
    exitstat_model --json -o /dev/stdout | jq -e .schema
    exitstat_model --json -o >(jq .schema >schema)
    until [ -s schema ]; do sleep 0.02; done
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

@test "the manual about exit reasons has all that explain has" {
    page=$BUILD/exitstat-reasons.7
    [ -z "$(mandoc -Tlint -Wwarning "$page")" ]
    mandoc -Tascii -Owidth=1000 "$page" | col -b >manual
    exitstat explain >list
    [ "$(wc -l <list)" -gt 150 ]
    while read -r line; do
        # The summary; and before it, the name.
        grep -qF -e "${line##*  }" manual || { echo "the manual lacks: $line" && false; }
        grep -Eq -e "(^|[ ,])${line%%  *} \((0x[0-9a-f]+|[0-9]+)\)" manual || { echo "the manual lacks: $line" && false; }
    done <list
}

@test "the completion completes" {
    complete_words() { # WORD...
        bash -c 'source "$1/probe/doc/exitstat.bash"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _exitstat
                 printf "%s\n" "${COMPREPLY[@]}"' - "$root" "$@"
    }
    complete_words exitstat --o | grep -qx -e --openmetrics
    complete_words exitstat --sort c | sort | tr '\n' ' ' | grep -qx 'code cost '
    complete_words exitstat re | sort | tr '\n' ' ' | grep -qx 'record report '
    complete_words exitstat explain EPT_V | grep -qx EPT_VIOLATION
    complete_words exitstat -- tru | grep -qx true
}

@test "a warning of the compiler fails the build of the tests until it is mended, and no other build" {
    mkdir -p bin
    cp -r "$root/scripts" .
    ln -sf "$(type -P true)" scripts/install-packages
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
        run "-$1" env PATH="$PWD/bin:$PATH" scripts/build-probe "${@:2}"
    }
    builds 0 --tests
    echo "a.cpp:1:2: warning: unused" >says
    rm build/probe/a.o
    builds 0
    builds 1 --tests
    [[ $output == *"a.cpp:1:2: warning: unused"*"compiles with warnings"*"build/results/probe.log"* ]]
    rm says
    builds 0 --tests
    # The status is cmake's, and what it says is not lost with it.
    touch broken
    echo "a.cpp:3:4: warning: odd" >says
    rm build/probe/a.o
    builds 1
    [[ $output == *"does not build"* ]]
    rm broken
    builds 1 --tests
    [[ $output == *"a.cpp:3:4: warning: odd"* ]]
}

@test "make install puts everything in its place, and others find the library by CMake and pkg-config" {
    [ "$(stat -c %s "$BUILD/exitstat")" -le $((4 << 20)) ]
    make -s -C "$root" install "K=$K" "DESTDIR=$BATS_TEST_TMPDIR/dest" PREFIX=/usr >/dev/null
    (cd dest && find . -type f) | sort >files
    printf './usr/%s\n' bin/exitstat include/exit_stats/{leaf.h,{cpuid,cpus,delta,leaf,reader,reasons}.hpp} \
        share/bash-completion/completions/exitstat share/cmake/exit_stats/exit_stats{Config,ConfigVersion}.cmake \
        share/exitstat/exitstat.schema.json share/man/man{1/exitstat.1,7/exitstat-reasons.7} share/pkgconfig/exit_stats.pc |
        sort | diff - files
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
    version=$(exitstat --version | cut -d ' ' -f 2)
    export PKG_CONFIG_PATH=dest/usr/share/pkgconfig
    [ "$(pkg-config --modversion exit_stats)" = "$version" ]
    # shellcheck disable=SC2046 # they are several words
    g++ -std=c++20 -Wall -Wextra -Werror $(pkg-config --cflags exit_stats) user.cpp -o user
    [ -n "$(./user)" ]
    cat >CMakeLists.txt <<CMAKE
cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES CXX)
find_package(exit_stats $version REQUIRED)
add_executable(user user.cpp)
target_link_libraries(user PRIVATE exit_stats::exit_stats)
CMAKE
    cmake -S . -B by-cmake -DCMAKE_PREFIX_PATH="$PWD/dest/usr" >/dev/null
    cmake --build by-cmake >/dev/null
    [ -n "$(by-cmake/user)" ]
    sed -i "s/exit_stats $version/exit_stats 99/" CMakeLists.txt
    run ! cmake -S . -B too-old -DCMAKE_PREFIX_PATH="$PWD/dest/usr"
    [[ $output == *"compatible with requested version \"99\""* ]]
}
