/* SPDX-License-Identifier: MIT */
/* A process that takes all places among the readers. LMDB must not be opened twice in one process:
 * each of them is a child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>

#include "dsa/base/str.h"
#include "tests/support/store_fixture.h"

/* Takes all that there are, says so, and waits to be killed. */
static int
hog(const char *dir, int ready)
{
	struct store *s = NULL;
	struct store_txn *t = NULL;
	struct err err = {.text = ""};

	if (store_open(dir, STORE_READ, 0, &s, &err) < 0)
		return 1;
	while (store_begin(s, STORE_READ, &t, &err) == 0)
		;
	if (!strstr(err.text, "too many readers") || write(ready, "x", 1) != 1)
		return 2;
	(void)pause();
	return 3;
}

static pid_t
start_hog(struct fixture *f)
{
	int ends[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0)
		_exit(hog(f->dir, ends[1]));
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], &c, 1), 1);
	(void)close(ends[0]);
	return pid;
}

static void
kill_hog(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* 0: it reads; else the number of the step. WHY: what it must be told instead. */
static int
other_reader(const char *dir, const char *why)
{
	struct store *s = NULL;
	struct err err = {.text = ""};

	if (store_open(dir, STORE_READ, 0, &s, &err) < 0)
		return why && strstr(err.text, why) && err.retry == ERR_LATER ? 0 : 1;
	store_close(s);
	return why ? 2 : 0;
}

static void
assert_other_reader(struct fixture *f, const char *why)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(other_reader(f->dir, why));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The daemon has its places, whatever the others do; they are told who it is. */
static void
all_places_taken(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t[16];
	struct err err = {.text = ""};
	char why[80];
	pid_t pid;

	/* Its children must not inherit LMDB's memory: the map is opened between them. */
	fixture_open_store(f, 16);
	t[0] = fixture_begin(f, STORE_WRITE);
	(void)fixture_put(t[0], 1, 1);
	fixture_commit(t[0]);
	pid = start_hog(f);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
			if (store_begin(f->s, STORE_READ, &t[i], &err) < 0)
				fail_msg("%s", err.text);
			record_free(fixture_get(t[i], fixture_id(1, 1)));
		}
		for (size_t i = 0; i < ARRAY_SIZE(t); i++)
			store_abort(t[i]);
	}
	(void)snprintf(why, sizeof why, "too many readers: process %ld alone has ", (long)pid);
	assert_other_reader(f, why);
	/* Nobody clears up behind one that was killed but who needs the place. */
	kill_hog(pid);
	assert_other_reader(f, NULL);
}

/* Who starts behind it is told too, and starts as soon as it is gone. */
static void
daemon_behind_it(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	struct err err = {.text = ""};
	pid_t pid;

	fixture_open_store(f, 16);
	store_close(TAKE(f->s));
	pid = start_hog(f);
	assert_int_equal(store_open(f->dir, STORE_WRITE, 16, &s, &err), -1);
	assert_non_null(strstr(err.text, "too many readers"));
	assert_int_equal(err.retry, ERR_LATER);
	kill_hog(pid);
	fixture_open_store(f, 16);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup_dir, fixture_teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(all_places_taken),
	    TEST(daemon_behind_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
