# SPDX-License-Identifier: GPL-2.0
# What exitstat and its library take from the uapi headers of a kernel, those in the folder KERNEL_UAPI.

load helpers

@test "exitstat names and explains every exit reason as its headers do, and the leaf's numbers are its" {
    kernel_names
}

@test "reader.hpp takes its headers, to gcc and clang" {
    # Of them only what names reasons: the rest has not been made fit for programs.
    mkdir asm
    cp "$KERNEL_UAPI"/asm/{vmx,svm}.h asm/
    for compiler in $(compilers g++ clang++); do
        "$compiler" -std=c++20 -Wall -Wextra -Werror -fsyntax-only -I"$root/probe/include" -isystem . \
            -x c++ - <<<'#include <exit_stats/reader.hpp>'
    done
}
