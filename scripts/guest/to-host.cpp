// SPDX-License-Identifier: GPL-2.0
// Copies standard input to I/O port 0xE9, which Bochs ("port_e9_hack") and QEMU ("isa-debugcon") write to a file of
// the machine outside. There is nothing to set up and nothing to wait for, where a UART makes the guest poll for every
// byte; and the console stays free for the kernel's last words.
#include <sys/io.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace {
constexpr unsigned short debug_port = 0xe9;

void output(const char *data, size_t count) {
    asm volatile("rep outsb" : "+S"(data), "+c"(count) : "d"(debug_port) : "memory");
}
}  // namespace

int main() {
    if (ioperm(debug_port, 1, 1) != 0) {
        std::fprintf(stderr, "to-host: cannot use I/O port 0xe9: %s\n", std::strerror(errno));
        return 1;
    }
    static char buffer[1 << 16];
    ssize_t count;
    while ((count = read(STDIN_FILENO, buffer, sizeof buffer)) > 0) output(buffer, static_cast<size_t>(count));
    if (count < 0) {
        std::fprintf(stderr, "to-host: cannot read standard input: %s\n", std::strerror(errno));
        return 1;
    }
    return 0;
}
