/* SPDX-License-Identifier: GPL-2.0-only */
/* What the BPF programs of count_exits.bpf.c have counted, on one CPU, for one exit reason. */
#ifndef COUNT_EXITS_H
#define COUNT_EXITS_H

#include <linux/types.h>

#define NR_REASONS	128

struct sample {
	__u64 exits;
	__u64 ns;
};

#endif
