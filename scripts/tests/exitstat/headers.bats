# SPDX-License-Identifier: GPL-2.0
# The library's headers for whoever includes them: compilers, languages, and the kernel's headers that they rest on.

load helpers

# Every function of leaf.h, each with an answer that the assertions expect.
leaf_user() {
    cat <<'C'
#include <exit_stats/leaf.h>

int answers_are_right(void);
int answers_are_right(void)
{
	struct exit_stats_regs info = {0, 0, 0, 0}, error = {0, 0, 0, EXIT_STATS_ERROR}, big = {1, 2, 3, 4};
	info.eax = 0x3F0000U | EXIT_STATS_ABI_VERSION;
	info.ebx = EXIT_STATS_SIGNATURE_EBX;
	info.ecx = EXIT_STATS_SIGNATURE_ECX;
	info.edx = EXIT_STATS_SIGNATURE_EDX;
	return EXIT_STATS_LEAF == 0x4FFFFFFFU && sizeof(EXIT_STATS_SIGNATURE) == 13 &&
	       exit_stats_selector(EXIT_STATS_TOTAL, EXIT_STATS_SCOPE_VM, 0) == 0xE5700000U &&
	       exit_stats_selector(EXIT_STATS_HIST, 15, EXIT_STATS_REASON_OTHER) == 0xE5747FFFU &&
	       exit_stats_pair_a(big) >> 32 == 4 && (exit_stats_pair_a(big) & 0xFFFFFFFFU) == 1 &&
	       exit_stats_pair_b(big) >> 32 == 2 && (exit_stats_pair_b(big) & 0xFFFFFFFFU) == 3 &&
	       exit_stats_is_error(error) && !exit_stats_is_error(big) && exit_stats_is_present(info) &&
	       !exit_stats_is_present(big) && exit_stats_is_counted(EXIT_STATS_ISA_VMX, 0x7F) &&
	       !exit_stats_is_counted(EXIT_STATS_ISA_VMX, 0x400) && exit_stats_is_counted(EXIT_STATS_ISA_SVM, 0x400) &&
	       exit_stats_bucket_min(0) == 0 && exit_stats_bucket_max(0) == 0 && exit_stats_bucket_min(40) >> 39 == 1 &&
	       exit_stats_bucket_max(40) >> 39 == 1;
}
C
}

@test "leaf.h is C89, C99, C++98 and C++20, to gcc and clang, of 64 and 32 bits, without a warning" {
    leaf_user >user.c
    cp user.c user.cpp
    printf '#include <stdio.h>\nint answers_are_right(void);\nint main(void) { return answers_are_right() ? 0 : 1; }\n' >main.c
    ran=0
    compiles() { # COMPILER FILE STANDARD
        local options=("-std=$3" -pedantic -Wall -Wextra -Werror -I"$root/probe/include")
        "$1" "${options[@]}" -c "$2" -o "user-$1-$3.o"
        # There is no libc for it here.
        "$1" "${options[@]}" -m32 -ffreestanding -c "$2" -o user-32.o
        [[ "$(readelf -h user-32.o)" == *ELF32* ]]
    }
    for compiler in $(compilers gcc clang); do
        for standard in c89 c99 c17; do
            compiles "$compiler" user.c "$standard"
            gcc main.c "user-$compiler-$standard.o" -o user
            ./user
            ran=$((ran + 1))
        done
    done
    # C++ has names of its own for functions.
    sed -i 's/^int answers_are_right(void);$/extern "C" &/' user.cpp
    for compiler in $(compilers g++ clang++); do
        for standard in c++98 c++11 c++14 c++20; do
            compiles "$compiler" user.cpp "$standard"
            gcc main.c "user-$compiler-$standard.o" -o user
            ./user
            ran=$((ran + 1))
        done
    done
    [ "$ran" -ge 7 ]
}

@test "a program in C, with leaf.h alone, makes of the answers what exitstat does" {
    cat >decode.c <<'C'
#include <exit_stats/leaf.h>
#include <stdio.h>

int main(void)
{
	unsigned in, present = 0;
	struct exit_stats_regs r;

	while (scanf("%x %x %x %x %x", &in, &r.eax, &r.ebx, &r.ecx, &r.edx) == 5) {
		if (in == exit_stats_selector(EXIT_STATS_INFO, 0, 0))
			present = (unsigned)exit_stats_is_present(r);
		if (in == exit_stats_selector(EXIT_STATS_TOTAL, EXIT_STATS_SCOPE_VM, 0) && present)
			printf("%lu %lu\n", (unsigned long)exit_stats_pair_a(r), (unsigned long)exit_stats_pair_b(r));
	}
	return 0;
}
C
    gcc -std=c89 -pedantic -Wall -Wextra -Werror -I"$root/probe/include" decode.c -o decode
    echo 48 5000000000 70000000000000 >>"$MODEL_COUNTS"
    # Nothing of exitstat's own is to come in between.
    echo off >>"$MODEL_COUNTS"
    exitstat_model --raw --no-header >raw
    awk '$2 == "->" { print $1, $3, $4, $5, $6 }' raw >registers
    [ "$(./decode <registers)" = "$(exitstat_model --json | jq -r '"\(.total.exits) \(.total.cycles)"')" ]
}

# The headers of Linux 5.10, as Debian 11 has them: older than any that is in use, as of RHEL 9 (5.14), which no archive of
# Debian has.
old_headers() {
    (
        # shellcheck source=scripts/lib.sh
        source "$root/scripts/lib.sh"
        file=$build/source/linux-libc-dev-5.10.deb
        read -r release _ < <(debian_release "$(os_release VERSION_ID)")
        [[ -f $file ]] || why=$(fetch_package linux-libc-dev bullseye "$release" "$file") || { echo "$why" && exit 1; }
        dpkg-deb -x "$file" "$BATS_TEST_TMPDIR/old"
    ) 2>/dev/null
}

@test "reader.hpp takes the kernel's headers of today, and those of Linux 5.10, to gcc and clang" {
    cat >user.cpp <<'CPP'
#include <exit_stats/reader.hpp>
#include <iostream>

int main()
{
	using namespace exit_stats;
	const Probe found = probe(native_cpuid);
	std::cout << (found.info ? "" : found.why_not.substr(0, 0));
	for (const Isa isa : {Isa::vmx, Isa::svm})
		std::cout << reason_name(isa, cpuid_reason(isa)) << ", " << reason_name(isa, isa == Isa::vmx ? 75 : 0x8F) << "\n";
	return is_idle(Isa::vmx, cpuid_reason(Isa::vmx));
}
CPP
    names() { # FOLDER
        for compiler in $(compilers g++ clang++); do
            "$compiler" -std=c++20 -Wall -Wextra -Werror -I"$root/probe/include" -isystem "$1" user.cpp -o user
            ./user
        done | sort -u | tr '\n' ' '
    }
    [ "$(names /nowhere)" = "CPUID, NOTIFY cpuid, write_efer_trap " ]
    why=$(old_headers) || skip "no headers of Linux 5.10: $why"
    # Of them only what names reasons, as the C library is of today.
    mkdir -p 5.10/asm
    cp old/usr/include/x86_64-linux-gnu/asm/{vmx,svm,kvm}.h 5.10/asm/
    [ "$(names 5.10)" = "CPUID, reason 0x4b cpuid, reason 0x8f " ]
}
