/* SPDX-License-Identifier: MIT */

/* The order of an answer says nothing: every scenario of full cycles and deltas ends the same while
 * both servers give entries and values in any order, another one each time (GALSYNC_SHUFFLE,
 * scenario.h). The scenarios are those of the unit tests: their programs are run. With
 * GALSYNC_CRASH_ALL=1 there are more orders. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "tests/support/scenario.h"

#define SOME_ORDERS 2
#define ALL_ORDERS 8

static const char *const programs[] = {"test_cycle", "test_cycle_active", "test_cycle_flow",
    "test_cycle_holders", "test_cycle_leave", "test_cycle_links", "test_cycle_mangled",
    "test_cycle_match", "test_delta", "test_foreign_stamp", "test_takeover"};

/* DIR of this program is beside that of the unit tests. */
static char *
path_of(const char *program)
{
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

	assert_true(len > 0);
	self[len] = '\0';
	for (int i = 0; i < 2; i++) {
		assert_non_null(strrchr(self, '/'));
		*strrchr(self, '/') = '\0';
	}
	return str_printf("%s/unit/%s", self, program);
}

/* Becomes PROGRAM, which speaks to FD. */
static _Noreturn void
become(const char *path, unsigned order, int fd)
{
	char number[16];

	(void)snprintf(number, sizeof number, "%u", order);
	if (setenv("GALSYNC_SHUFFLE", number, 1) == 0 && dup2(fd, STDOUT_FILENO) >= 0 &&
	    dup2(fd, STDERR_FILENO) >= 0)
		(void)execl(path, path, (char *)NULL);
	_exit(127);
}

/* What PROGRAM says, or NULL if it ends well. */
static char *
run(const char *program, unsigned order)
{
	_cleanup_(free) char *path = path_of(program);
	_cleanup_(buf_done) struct buf said = {0};
	int pipes[2], status = 0;
	char part[4096];
	ssize_t n;
	pid_t pid;

	assert_non_null(path);
	assert_int_equal(access(path, X_OK), 0);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		become(path, order, pipes[1]);
	(void)close(pipes[1]);
	buf_add_str(&said, "");
	while ((n = read(pipes[0], part, sizeof part)) > 0)
		buf_add(&said, part, (size_t)n);
	(void)close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? NULL : buf_take_str(&said);
}

static void
any_order(void **state)
{
	const char *program = *state;
	unsigned orders = getenv("GALSYNC_CRASH_ALL") ? ALL_ORDERS : SOME_ORDERS;

	for (unsigned order = 1; order <= orders; order++) {
		_cleanup_(free) char *said = run(program, order);

		if (said)
			fail_msg("GALSYNC_SHUFFLE=%u %s:\n%s", order, program, said);
	}
}

int
main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(programs)];

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		tests[i] = (struct CMUnitTest){.name = programs[i],
		    .test_func = any_order,
		    .initial_state = (void *)(uintptr_t)programs[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
