# SPDX-License-Identifier: GPL-2.0
# scripts/vm/run-vm on a machine with VMX whose KVM nests, and what it says where it does not. NESTED is the folder of
# results of the job "nested".

# The run of that name ended with STATUS, and printed OUTPUT.
ended() { # NAME STATUS [OUTPUT]
    echo "$1 ended with $(cat "$NESTED/$1.status"), printed \"$(cat "$NESTED/$1.out")\" and \"$(cat "$NESTED/$1.err")\""
    [ "$(cat "$NESTED/$1.status")" = "$2" ] && [ "$(cat "$NESTED/$1.out")" = "${3-}" ]
}

# It said so, in one line.
said() { # NAME TEXT
    grep -qF -- "$2" "$NESTED/$1.err" && [ "$(wc -l <"$NESTED/$1.err")" = 1 ]
}

@test "where KVM nests, it is the engine, with the machine's vendor, and nothing need be said" {
    ended engine 0 "kvm intel"
    [ ! -s "$NESTED/engine.err" ]
}

@test "the demo runs with engine kvm" {
    ended demo 0
    grep -q '^TOTAL ' "$NESTED/demo/inner/exitstat.txt"
}

@test "the selftests that were named pass with engine kvm" {
    ended selftests 0
    [ "$(cat "$NESTED"/selftests/exit_stats_{info,fastpath}_test.status)" = "$(printf '0\n0')" ]
    grep -q '^ok' "$NESTED/selftests/exit_stats_info_test.tap"
    ! grep -h '^not ok' "$NESTED"/selftests/*.tap || false
}

@test "the other vendor is not this machine's: an emulator, and it says so" {
    ended other-vendor 0 "tcg amd"
    said other-vendor "its CPU has no svm; VENDOR=intel is what it has"
}

@test "who may not open /dev/kvm gets an emulator and the remedy, and with engine kvm an error" {
    ended user 0 "bochs intel"
    said user "user may not open /dev/kvm: usermod -aG kvm user"
    ended user-kvm 1
    said user-kvm "user may not open /dev/kvm: usermod -aG kvm user"
}

@test "where KVM is not loaded: an emulator and the remedy" {
    ended no-kvm 0 "bochs intel"
    said no-kvm "it has no /dev/kvm: modprobe kvm_intel"
}

@test "where KVM does not nest: an emulator and the remedy, and with engine kvm an error" {
    ended not-nested 0 "bochs intel"
    said not-nested "modprobe kvm_intel nested=1"
    ended not-nested-kvm 1
    said not-nested-kvm "its KVM does not let guests have vmx"
}
