# SPDX-License-Identifier: GPL-2.0
# The README's pictures, as they are drawn. K is the kernel series. In TCG, which is quick.

load ../helpers

@test "make pictures draws what exitstat saw in an inner VM, and small" {
    "$top/scripts/make-pictures" -e tcg -v amd -o "$BATS_TEST_TMPDIR" "$K" 2>&1
    for name in boot top; do
        /usr/bin/python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$BATS_TEST_TMPDIR/$name.svg"
        [ "$(stat -c %s "$BATS_TEST_TMPDIR/$name.svg")" -le 100000 ]
        # It is shown by others' sites as it is: nothing is fetched.
        ! grep -E '(url\(|href=)"?https?:' "$BATS_TEST_TMPDIR/$name.svg" || false
    done
    # The heading, and rows of both.
    grep -q 'EXITS/S' "$BATS_TEST_TMPDIR/top.svg"
    grep -Eq '>npf' "$BATS_TEST_TMPDIR/top.svg"
    grep -q 'npf' "$BATS_TEST_TMPDIR/boot.svg"
}
