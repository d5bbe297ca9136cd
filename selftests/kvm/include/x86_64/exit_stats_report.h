/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Host code of the exit_stats tests: one TAP line a case, and the parameters of
 * the module.
 */
#ifndef SELFTEST_KVM_EXIT_STATS_REPORT_H
#define SELFTEST_KVM_EXIT_STATS_REPORT_H

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test_util.h"
#include "exit_stats_leaf.h"

static bool es_failed;
static int es_complaints;
static char es_skip_reason[256];

#define ES_MAX_COMPLAINTS	8

static inline __printf(3, 4) void es_fail(const char *file, int line,
					  const char *fmt, ...)
{
	va_list ap;

	es_failed = true;
	if (++es_complaints > ES_MAX_COMPLAINTS)
		return;

	printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

/* Complain and go on.  @fmt says what was expected and what came instead. */
#define ES_EXPECT(cond, fmt, ...)					\
do {									\
	if (!(cond))							\
		es_fail(__FILE__, __LINE__, fmt, ##__VA_ARGS__);	\
} while (0)

/* Leave a case that cannot be tried here. */
#define ES_SKIP(fmt, ...)						\
do {									\
	snprintf(es_skip_reason, sizeof(es_skip_reason), fmt,		\
		 ##__VA_ARGS__);					\
	return;								\
} while (0)

/* What a user typed for an option; ends the program when it is no number of min to max. */
static inline u64 es_number(const char *text, u64 min, u64 max)
{
	char *end;
	u64 n;

	errno = 0;
	n = strtoull(text, &end, 0);
	TEST_ASSERT(isdigit(text[0]) && !*end && !errno && n >= min && n <= max,
		    "expected a number of %lu to %lu, got \"%s\"", min, max, text);
	return n;
}

static inline void es_begin(void)
{
	es_failed = false;
	es_complaints = 0;
	es_skip_reason[0] = '\0';
}

static inline void es_end(const char *name)
{
	if (es_complaints > ES_MAX_COMPLAINTS)
		ksft_print_msg("%d more like these\n",
			       es_complaints - ES_MAX_COMPLAINTS);
	if (es_failed)
		ksft_test_result_fail("%s\n", name);
	else if (es_skip_reason[0])
		ksft_test_result_skip("%s: %s\n", name, es_skip_reason);
	else
		ksft_test_result_pass("%s\n", name);
}

struct es_case {
	const char *name;
	void (*test)(void);
};

static inline void es_run_cases(const struct es_case *cases, int nr)
{
	int i;

	for (i = 0; i < nr; i++) {
		es_begin();
		cases[i].test();
		es_end(cases[i].name);
	}
}

/* The module parameters, put back however the test ends. */

#define ES_PARAM_DIR	"/sys/module/kvm/parameters/"

struct es_param {
	const char *path;
	char value[32];
	int len;
};

static struct es_param es_changed[4];
static int es_nr_changed;

/* Async-signal-safe. */
static inline void es_restore_params(void)
{
	int i, fd;

	for (i = es_nr_changed - 1; i >= 0; i--) {
		fd = open(es_changed[i].path, O_WRONLY);
		if (fd < 0)
			continue;
		if (write(fd, es_changed[i].value, es_changed[i].len) < 0)
			_exit(KSFT_FAIL);
		close(fd);
	}
}

static inline void es_restore_and_die(int sig)
{
	es_restore_params();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Length of the value, or -1 if KVM has no such parameter. */
static inline int es_get_param(const char *path, char *value, int size)
{
	int fd = open(path, O_RDONLY);
	int len;

	if (fd < 0)
		return -1;
	len = read(fd, value, size - 1);
	close(fd);
	TEST_ASSERT(len > 0, "Cannot read %s: %s", path, strerror(errno));
	value[len] = '\0';
	return len;
}

static inline bool es_param_is_on(const char *path)
{
	char value[32];

	return es_get_param(path, value, sizeof(value)) > 0 && value[0] == 'Y';
}

static inline bool es_try_set_param(const char *path, const char *value)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGTERM, SIGALRM, SIGSEGV, SIGABRT };
	struct es_param *p;
	int i, fd, len;

	for (i = 0; i < es_nr_changed; i++)
		if (!strcmp(es_changed[i].path, path))
			break;

	if (i == es_nr_changed) {
		TEST_ASSERT(i < ARRAY_SIZE(es_changed), "Too many parameters changed");
		p = &es_changed[i];
		p->path = path;
		p->len = es_get_param(path, p->value, sizeof(p->value));
		if (p->len < 0)
			return false;
		if (!es_nr_changed++) {
			atexit(es_restore_params);
			for (i = 0; i < ARRAY_SIZE(signals); i++)
				signal(signals[i], es_restore_and_die);
		}
	}

	fd = open(path, O_WRONLY);
	if (fd < 0)
		return false;
	len = write(fd, value, strlen(value));
	close(fd);
	return len == strlen(value);
}

static inline void es_set_param(const char *path, const char *value)
{
	TEST_ASSERT(es_try_set_param(path, value), "Cannot write '%s' to %s: %s",
		    value, path, strerror(errno));
}

#define ES_PARAM_ACCOUNT	ES_PARAM_DIR "exit_stats"
#define ES_PARAM_LEAF		ES_PARAM_DIR "exit_stats_leaf"
#define ES_PARAM_LOG		ES_PARAM_DIR "exit_stats_log"
#define ES_PARAM_FEP		ES_PARAM_DIR "force_emulation_prefix"

/* A file in the folder of debugfs that is of the VM with @vm_fd in process @pid. */
static inline int es_open_debugfs(pid_t pid, int vm_fd, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/%s", pid, vm_fd, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Begin the report, on any KVM. */
static inline void es_init(void)
{
	es_detect();
	ksft_print_header();
}

/* Begin the report.  Skip the whole test on a KVM without the feature. */
static inline void es_start(void)
{
	static const char *const needed[] = { ES_PARAM_ACCOUNT, ES_PARAM_LEAF };
	int i;

	es_init();

	if (access(ES_PARAM_ACCOUNT, F_OK))
		ksft_exit_skip("KVM has no parameter exit_stats, hence no CONFIG_KVM_EXIT_STATS\n");

	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		TEST_ASSERT(!access(needed[i], F_OK), "%s is missing", needed[i]);
		if (!es_param_is_on(needed[i]) && !es_try_set_param(needed[i], "Y"))
			ksft_exit_skip("%s is off and cannot be changed: %s\n",
				       needed[i], strerror(errno));
	}

	/* What many VMs log would use up what the rate limit allows one test to see. */
	es_try_set_param(ES_PARAM_LOG, "N");
}

#endif /* SELFTEST_KVM_EXIT_STATS_REPORT_H */
