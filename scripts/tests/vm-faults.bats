# SPDX-License-Identifier: GPL-2.0
# Virtual machines that fail: run-vm must notice, fail, and show why. K is the kernel series. Under TCG, which is quick.

setup() {
    run_vm=("$BATS_TEST_DIRNAME/../vm/run-vm" -v amd)
}

@test "a panic of the outer VM is noticed in Bochs as well" {
    run "$BATS_TEST_DIRNAME/../vm/run-vm" -v intel "$K" outer-panic
    [ "$status" -eq 1 ]
    says "the outer VM's kernel panicked"
}

says() {
    [[ $output == *"$1"* ]] || {
        printf 'expected: %s\ngot: %s\n' "$1" "$output"
        return 1
    }
}

@test "a panic of the outer VM ends the run and is shown" {
    run "${run_vm[@]}" "$K" outer-panic
    [ "$status" -eq 1 ]
    says "the outer VM's kernel panicked"
    says "Attempted to kill init"
}

@test "a hang of the outer VM ends the run after the timeout, with the last console lines" {
    run "${run_vm[@]}" -t 30 "$K" outer-hang
    [ "$status" -eq 1 ]
    says "not done after 30 s"
    says "hanging, as asked"
}

@test "a panic and a hang of the inner VM are noticed in the outer VM, with the last console lines" {
    run "${run_vm[@]}" "$K" inner-faults
    printf '%s\n' "$output"
    [ "$status" -eq 0 ]
}

@test "no KVM in the outer VM is a clear error" {
    run "${run_vm[@]}" "$K" no-kvm
    [ "$status" -eq 1 ]
    says "the outer VM has no KVM for vendor nobody"
}
