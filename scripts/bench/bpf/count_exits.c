// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts VM-Exits with BPF while a command runs: loads the programs of
 * count_exits.bpf.o that belong to a variant, those at kvm:kvm_exit and
 * kvm:kvm_entry that have its name, and writes what they have counted into a
 * file, a line for each exit reason: its code, VM-Exits, and nanoseconds from
 * VM-Exit to VM-Entry.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "count_exits.h"

static const char *object_path, *variant, *counts_path;

static int belongs_to_variant(const struct bpf_program *program)
{
	const char *name = bpf_program__name(program);
	size_t len = strlen(variant);

	return !strncmp(name, variant, len) &&
	       (!strcmp(name + len, "_exit") || !strcmp(name + len, "_entry"));
}

/* What the kernel interprets is not what is to be measured. */
static void require_jit(const struct bpf_program *program)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &len))
		err(1, "%s", bpf_program__name(program));
	if (!info.jited_prog_len)
		errx(1, "%s was not compiled: is the JIT on?", bpf_program__name(program));
}

static struct bpf_object *load(void)
{
	struct bpf_object *object = bpf_object__open(object_path);
	struct bpf_program *program;
	int nr = 0;

	if (!object)
		err(1, "%s", object_path);
	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, belongs_to_variant(program));
	if (bpf_object__load(object))
		err(1, "%s cannot be loaded", object_path);
	bpf_object__for_each_program(program, object) {
		if (!bpf_program__autoload(program))
			continue;
		require_jit(program);
		if (!bpf_program__attach(program))
			err(1, "cannot attach %s", bpf_program__name(program));
		nr++;
	}
	if (!nr)
		errx(1, "%s has no variant \"%s\"", object_path, variant);
	return object;
}

static int run(char *command[])
{
	pid_t child = fork();
	int status;

	if (!child) {
		execvp(command[0], command);
		err(1, "%s", command[0]);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		err(1, "%s", command[0]);
	return status;
}

static void write_counts(struct bpf_object *object)
{
	int map = bpf_object__find_map_fd_by_name(object, "samples");
	int cpu, nr_cpus = libbpf_num_possible_cpus();
	struct sample *samples = calloc(nr_cpus, sizeof(*samples));
	FILE *file = fopen(counts_path, "w");
	struct sample sum;
	__u32 reason;

	if (!file || !samples)
		err(1, "%s", counts_path);
	for (reason = 0; reason < NR_REASONS; reason++) {
		if (bpf_map_lookup_elem(map, &reason, samples))
			err(1, "cannot read the map");
		sum = (struct sample){};
		for (cpu = 0; cpu < nr_cpus; cpu++) {
			sum.exits += samples[cpu].exits;
			sum.ns += samples[cpu].ns;
		}
		if (sum.exits)
			fprintf(file, "%u %llu %llu\n", reason, sum.exits, sum.ns);
	}
	if (fclose(file))
		err(1, "%s", counts_path);
}

int main(int argc, char *argv[])
{
	struct bpf_object *object;
	int status;

	if (argc < 5)
		errx(2, "Usage: count_exits OBJECT VARIANT FILE COMMAND [ARGUMENT...]");
	object_path = argv[1];
	variant = argv[2];
	counts_path = argv[3];
	object = load();
	status = run(&argv[4]);
	write_counts(object);
	return status != 0;
}
