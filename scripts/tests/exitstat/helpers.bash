# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the tests of exitstat's command line share. BUILD is the folder it was built in; beneath it is a model of KVM where
# there is no leaf.

bats_require_minimum_version 1.5.0

setup() {
    root=$BATS_TEST_DIRNAME/../../..
    export PATH=$BUILD:$BUILD/tests:$PATH MODEL_COUNTS=$BATS_TEST_TMPDIR/counts LC_ALL=C.UTF-8
    unset COLUMNS NO_COLOR
    : >"$MODEL_COUNTS"
    cd "$BATS_TEST_TMPDIR" || return
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

# Clang is not everywhere.
compilers() { # GCC'S CLANG'S
    echo "$1"
    ! command -v "$2" >/dev/null || echo "$2"
}
