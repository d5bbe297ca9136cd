# SPDX-License-Identifier: GPL-2.0
# Completion of exitstat(1) for bash.

_exitstat() {
    local word=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD - 1]} i subcommand='' words=()
    COMPREPLY=()

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --)
                # What follows is another command line.
                if declare -F _command_offset >/dev/null; then
                    _command_offset $((i + 1))
                elif ((COMP_CWORD == i + 1)); then
                    mapfile -t COMPREPLY < <(compgen -c -- "$word")
                else
                    mapfile -t COMPREPLY < <(compgen -f -- "$word")
                fi
                return
                ;;
            top | record | report | plot | hist | explain | diff) subcommand=${subcommand:-${COMP_WORDS[i]}} ;;
        esac
    done

    case $last in
        --sort) words=(exits time away cost name code) ;;
        --reason | --exclude) mapfile -t words < <(exitstat explain --sort name 2>/dev/null | awk '{ print $1 }') ;;
        --vcpu) mapfile -t words < <(echo all && compgen -G '/sys/devices/system/cpu/cpu[0-9]*' | sed 's/.*cpu//') ;;
        --host) mapfile -t words < <(compgen -G '/sys/kernel/debug/kvm/*-*' | sed 's,.*/,,; s/-.*//') ;;
        -o | --output)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
        -i | --interval | -r | --repeat) return ;;
    esac
    if ((${#words[@]} == 0)); then
        case $subcommand in
            '')
                words=(top record report plot hist explain diff --all-columns -x --all-rows -a --reason --exclude
                    --cycles --host --json --csv --prometheus --openmetrics --buckets --raw --output -o --sort --vcpu
                    --timestamp -t --repeat -r --no-header --no-first --self-check --help -h --version --)
                ;;
            top) words=(--cycles --host --sort --vcpu --help) ;;
            record) words=(--output -o --interval -i --help --) ;;
            report)
                words=(--all-columns -x --all-rows -a --reason --exclude --cycles --json --csv --output -o --sort
                    --no-header --help)
                ;;
            plot) words=(--output -o --help) ;;
            hist | explain)
                mapfile -t words < <(exitstat explain --sort name 2>/dev/null | awk '{ print $1 }')
                words+=(--output -o --help)
                ;;
            diff) words=(--output -o --no-header --help) ;;
        esac
        case $subcommand in
            report | plot | diff) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        esac
    fi
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "${words[*]}" -- "$word")
}

complete -o filenames -F _exitstat exitstat
