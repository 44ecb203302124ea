/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_HOOK_FIXTURE_H
#define GALSYNC_TESTS_HOOK_FIXTURE_H

/* Hook programs that are scripts which a test writes into a directory of its own. Behind cmocka.h.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"

#define DEADLINE_MS 60000

static char dir[64];

static inline const char *
path_of(const char *name)
{
	static char path[4][128];
	static unsigned next;
	char *p = path[next++ % ARRAY_SIZE(path)];

	(void)snprintf(p, sizeof path[0], "%s/%s", dir, name);
	return p;
}

static inline void
put(const char *name, const char *text, mode_t mode)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
}

/* A script named "hook" that does TEXT in the test's directory, $d. */
static inline const char *
script(const char *text)
{
	_cleanup_(free) char *all = str_printf("#!/bin/sh\nd='%s'\n%s\n", dir, text);

	assert_non_null(all);
	put("hook", all, 0755);
	return path_of("hook");
}

/* The whole file, in a static buffer; "" if it is not there. */
static inline const char *
slurp(const char *name)
{
	static char text[16384];
	FILE *f = fopen(path_of(name), "re");
	size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;

	text[n] = '\0';
	if (f)
		(void)fclose(f);
	return text;
}

static inline size_t
lines_of(const char *name)
{
	size_t n = 0;

	for (const char *p = slurp(name); *p; p++)
		n += *p == '\n';
	return n;
}

static inline void
nap(void)
{
	(void)usleep(2000);
}

static inline void
wait_for_lines(const char *name, size_t n)
{
	int64_t until = clock_monotonic_ms() + DEADLINE_MS;

	while (lines_of(name) < n) {
		if (clock_monotonic_ms() > until)
			fail_msg("%s has %zu lines, not %zu", name, lines_of(name), n);
		nap();
	}
}

static inline size_t
open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

/* Gone, or dead and not yet waited for by the process that inherited it. */
static inline bool
is_gone(pid_t pid)
{
	char path[64], text[256] = "";
	FILE *f;
	const char *state;

	(void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return true;
	if (fread(text, 1, sizeof text - 1, f) == 0)
		text[0] = '\0';
	(void)fclose(f);
	state = strrchr(text, ')');
	return !state || state[2] == 'Z' || state[2] == 'X';
}

static inline void
assert_gone(const char *file)
{
	int64_t until = clock_monotonic_ms() + DEADLINE_MS;
	int pid = atoi(slurp(file));

	assert_true(pid > 1);
	while (!is_gone(pid)) {
		assert_true(clock_monotonic_ms() < until);
		nap();
	}
}

static inline int
set_up(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)snprintf(dir, sizeof dir, "/tmp/galsync-hook-XXXXXX");
	assert_non_null(mkdtemp(dir));
	return 0;
}

/* Whatever the test did, no child is left, not even as a zombie. */
static inline int
tear_down(void **state)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	(void)state;
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
	return rmdir(dir);
}

#endif
