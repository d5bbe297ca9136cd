# SPDX-License-Identifier: GPL-2.0
# The mails of scripts/series/make-outgoing are what "git am" and checkpatch take, and say the truth.

load helpers

setup_file() {
    export top
    "$top/scripts/series/make-outgoing" "$K" >"$BATS_FILE_TMPDIR/printed"
    export mails=$BATS_FILE_TMPDIR/mails applied=$BATS_FILE_TMPDIR/applied
    cp -r "$top/build/outgoing/$K" "$mails"
    git clone -q --shared "$top/build/linux-$K" "$applied"
    git -C "$applied" checkout -q base
}

patches() {
    find "$mails" -name '*.patch' -not -name '0000-*' | sort
}

am() {
    git -C "$applied" -c user.name=exitstat -c user.email=exitstat@localhost am -q "$@"
}

@test "git am applies them to the base, and comes to the series and its selftests" {
    patches | xargs cat >"$BATS_TEST_TMPDIR/mbox"
    am "$BATS_TEST_TMPDIR/mbox"
    git -C "$applied" diff --exit-code "$(git -C "$top/build/linux-$K" rev-parse HEAD)" -- . ':!tools'
    # shellcheck source=scripts/lib.sh
    source "$top/scripts/lib.sh"
    # The selftests besides, and glue is no mail of its own, as long as another one follows.
    mapfile -t series < <(series_patches "$K")
    wanted=2
    for patch in "${series[@]:0:${#series[@]}-1}"; do
        grep -q '^Patch-mainline: Never' "$patch" || wanted=$((wanted + 1))
    done
    [ "$(git -C "$applied" rev-list --count base..HEAD)" = "$wanted" ]
    arch=$(selftests_arch "$applied")
    (cd "$top/selftests/kvm" && find . -type f) | while read -r file; do
        cmp "$top/selftests/kvm/$file" "$applied/tools/testing/selftests/kvm/${file/x86_64/"$arch"}"
    done
    # Nothing else in the tools but that a Makefile and, on 6.1, .gitignore know them.
    git -C "$applied" diff --name-only base -- tools | grep -v exit_ |
        diff - <(git -C "$applied" diff --name-only base -- tools/testing/selftests/kvm/{.gitignore,Makefile,Makefile.kvm})
}

@test "checkpatch --strict has nothing to say about any of them" {
    # shellcheck source=scripts/lib.sh
    source "$top/scripts/lib.sh"
    for mail in $(patches); do
        part=kernel
        [[ $mail != *selftests* ]] || part=selftests
        checkpatch "$top/build/linux-$K" "$part" "$mail"
    done
}

@test "the cover letter is complete, and no mail has anything for this repo alone" {
    letter=$(echo "$mails"/0000-*)
    grep -q '^Subject: \[RFC PATCH 00*/[0-9]*\] KVM: ' "$letter"
    # shellcheck source=scripts/lib.sh
    source "$top/scripts/lib.sh"
    grep -q "version $(source_version "$K")\.$" "$letter"
    grep -q 'KVM: x86: Count and time VM-Exits' "$letter"
    grep -q 'files changed' "$letter"
    ! grep -E '\*\*\*|^Patch-mainline|XXX|TODO' "$mails"/*.patch || false
    ! grep '^Signed-off-by' "$mails"/*.patch || false
    # Lines that mail programs do not break; what follows is git's.
    sed '1,/^$/d;/^Base$/,$d' "$letter" | awk 'length > 75 { print; bad = 1 } END { exit bad }'
}

@test "the command to send them has the maintainers, and the list of KVM" {
    grep -q "^ *--to=.*pbonzini@" "$BATS_FILE_TMPDIR/printed"
    grep -q "^ *--to=.*seanjc@" "$BATS_FILE_TMPDIR/printed"
    grep -q "^ *--cc='kvm@vger.kernel.org'" "$BATS_FILE_TMPDIR/printed"
    bash -n "$top/build/outgoing/$K/send"
}

@test "--signoff is that of whom git says, and refused where it does not know" {
    run env HOME="$BATS_TEST_TMPDIR" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_COUNT=2 \
        GIT_CONFIG_KEY_0=user.name GIT_CONFIG_VALUE_0='A. N. Author' \
        GIT_CONFIG_KEY_1=user.email GIT_CONFIG_VALUE_1=author@localhost "$top/scripts/series/make-outgoing" --signoff "$K"
    [ "$status" -eq 0 ]
    for mail in "$top/build/outgoing/$K"/*.patch; do
        [[ $mail == */0000-* ]] || grep -q '^Signed-off-by: A. N. Author <author@localhost>$' "$mail"
    done
    # A place where no configuration is found.
    copy=$BATS_TEST_TMPDIR/repo
    mkdir -p "$copy/build"
    cp -r "$top"/{patches,scripts,selftests,README.md} "$copy/"
    run env HOME="$BATS_TEST_TMPDIR" GIT_CONFIG_NOSYSTEM=1 "$copy/scripts/series/make-outgoing" --signoff "$K"
    [ "$status" -eq 1 ]
    [[ $output == *"git does not know who signs off"* ]]
    [ ! -e "$copy/build/outgoing" ]
}

@test "a figure that is not README's is refused" {
    copy=$BATS_TEST_TMPDIR/repo
    mkdir -p "$copy/build"
    cp -r "$top"/{patches,scripts,selftests,README.md} "$copy/"
    sed -i 's/^  [0-9]*  patched, everything/  853  patched, everything/' "$copy/patches/cover-letter.txt"
    run "$copy/scripts/series/make-outgoing" "$K"
    [ "$status" -eq 1 ]
    [[ $output == *"does not have: 853" ]]
    [ ! -e "$copy/build/outgoing" ]
}
