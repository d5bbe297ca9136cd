// SPDX-License-Identifier: GPL-2.0
// Copies standard input to I/O port 0xE9, which Bochs ("port_e9_hack") and QEMU ("isa-debugcon")
// write to a file of the machine outside. There is nothing to set up and nothing to wait for, where
// a UART makes the guest poll for every byte; and the console stays free for the kernel's last
// words.
//
// Through /dev/port rather than with ioperm(): a guest of kvm_amd under QEMU's TCG gets a #GP for
// IN and OUT in ring 3, whatever its I/O permission bitmap says. Debian's kernels for clouds have
// no /dev/port.
#include <fcntl.h>
#include <sys/io.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace
{
constexpr off_t debug_port = 0xe9;

int fail(const char *what)
{
	std::fprintf(stderr, "to-host: %s: %s\n", what, std::strerror(errno));
	return 1;
}
} // namespace

int main()
{
	const int ports = open("/dev/port", O_WRONLY | O_CLOEXEC);
	if (ports < 0 && ioperm(debug_port, 1, 1))
		return fail("cannot open /dev/port, nor use I/O port 0xe9 without");

	static char buffer[1 << 16];
	ssize_t count;
	while ((count = read(STDIN_FILENO, buffer, sizeof buffer)) > 0)
		// A byte at a time: the port number is the file's position, and moves with it.
		for (ssize_t i = 0; i < count; i++)
			if (ports < 0)
				outb(static_cast<unsigned char>(buffer[i]), debug_port);
			else if (pwrite(ports, &buffer[i], 1, debug_port) != 1)
				return fail("cannot write to I/O port 0xe9");
	return count < 0 ? fail("cannot read standard input") : 0;
}
