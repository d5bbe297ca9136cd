# SPDX-License-Identifier: GPL-2.0
# What the tests share; a file of tests says "load helpers".

# The repo's top folder, with its results.
top=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)

# shellcheck disable=SC2154 # "run" sets output
did_not_say() { # EXPECTED
    printf 'expected: %s\ngot: %s\n' "$1" "$output"
    return 1
}

# Fails, and tells both, if what "run" ran has not said TEXT.
says() { # TEXT
    [[ $output == *"$1"* ]] || did_not_say "$1"
}

# The same, for a whole line that matches an extended regular expression.
says_line() { # EXPRESSION
    grep -Eqx -- "$1" <<<"$output" || did_not_say "$1"
}

# And for a whole line, to the letter.
says_exactly() { # LINE
    grep -qxF -- "$1" <<<"$output" || did_not_say "$1"
}

# What somebody may be about to commit.
copy_repo() { # FOLDER
    # shellcheck source=scripts/lib.sh
    (source "$top/scripts/lib.sh" && copy_checkout "$1")
}
