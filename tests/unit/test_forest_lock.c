/* SPDX-License-Identifier: MIT */

/* The lock of a target forest, among threads. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dsa/base/clock.h"
#include "dsa/run/forest_lock.h"

#define GLOBEX "CN=Configuration,DC=globex,DC=example"
#define GLOBEX_TOO "cn=configuration, dc=GLOBEX,dc=Example"
#define ACME "CN=Configuration,DC=acme,DC=example"
#define DEADLINE_MS 30000

/* Of threads only: cmocka's belong to the main one. */
static atomic_uint broken;

static void
expect(bool ok)
{
	if (!ok)
		atomic_fetch_add(&broken, 1);
}

static void
wait_until(const atomic_bool *flag)
{
	int64_t until = clock_monotonic_ms() + DEADLINE_MS;

	while (!atomic_load(flag) && clock_monotonic_ms() < until)
		(void)poll(NULL, 0, 1);
	expect(atomic_load(flag));
}

/* ---- alone ---- */

static int
never_waits(const char *holder, void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	fail_msg("waits for '%s'", holder);
	return -1;
}

static struct forest_lock *
take(const char *name)
{
	struct forest_lock *l = NULL;
	struct err err = {.text = ""};

	if (forest_lock_take(name, "one", never_waits, NULL, &l, &err) < 0)
		fail_msg("%s", err.text);
	return l;
}

static void
nobody_waits(void **state)
{
	struct forest_lock *globex = take(GLOBEX), *acme;

	(void)state;
	acme = take(ACME);
	forest_lock_release(globex);
	globex = take(GLOBEX_TOO);
	forest_lock_release(acme);
	forest_lock_release(globex);
	forest_lock_release(NULL);
}

static void
no_name(void **state)
{
	struct forest_lock *l = NULL;
	struct err err = {.text = ""};

	(void)state;
	assert_int_equal(forest_lock_take("globex", "one", never_waits, NULL, &l, &err), -1);
	assert_null(l);
	assert_non_null(strstr(err.text, "globex"));
}

/* ---- one at a time ---- */

#define THREADS 8
#define TURNS 200

/* Written by who has the lock and by no other: a race is seen by the thread sanitizer, and a lost
 * increment by the sum. */
static unsigned counts[2];

static int
waits(const char *holder, void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	expect(*holder);
	return 0;
}

static void *
count(void *arg)
{
	size_t number = (size_t)(uintptr_t)arg, forest = number % 2;
	const char *name = forest ? ACME : number % 4 ? GLOBEX : GLOBEX_TOO;

	for (unsigned i = 0; i < TURNS; i++) {
		_cleanup_(forest_lock_release) struct forest_lock *l = NULL;
		struct err err;

		expect(forest_lock_take(name, "some", waits, NULL, &l, &err) == 0);
		counts[forest]++;
	}
	return NULL;
}

static void
one_at_a_time(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count, (void *)(uintptr_t)i), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(counts[0], THREADS / 2 * TURNS);
	assert_int_equal(counts[1], THREADS / 2 * TURNS);
	assert_int_equal(atomic_load(&broken), 0);
}

/* ---- in order ---- */

struct waiter {
	const char *name;
	atomic_bool waits, has_it, gives_up, gave_up;
	char holder[32]; /* what it waited for at first */
	pthread_t thread;
};

static int
note(const char *holder, void *arg, struct err *err)
{
	struct waiter *w = arg;

	if (!atomic_load(&w->waits))
		(void)snprintf(w->holder, sizeof w->holder, "%s", holder);
	atomic_store(&w->waits, true);
	return atomic_load(&w->gives_up)
		   ? err_set(err, ERR_SYS, ERR_LINK, ERR_LATER, ECANCELED, "cancelled")
		   : 0;
}

static char order[16];

static void *
wait_for_it(void *arg)
{
	_cleanup_(forest_lock_release) struct forest_lock *l = NULL;
	struct waiter *w = arg;
	struct err err = {.code = 0};

	if (forest_lock_take(GLOBEX, w->name, note, w, &l, &err) < 0) {
		expect(err.code == ECANCELED && !l);
		atomic_store(&w->gave_up, true);
		return NULL;
	}
	(void)strcat(order, w->name);
	atomic_store(&w->has_it, true);
	return NULL;
}

/* A thread that waits behind all that were started before. */
static void
start(struct waiter *w, const char *name)
{
	memset(w, 0, sizeof *w);
	w->name = name;
	assert_int_equal(pthread_create(&w->thread, NULL, wait_for_it, w), 0);
	wait_until(&w->waits);
}

static void
in_order(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d"};
	struct forest_lock *l = take(GLOBEX);
	struct waiter w[ARRAY_SIZE(names)];

	(void)state;
	order[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(w); i++) {
		start(&w[i], names[i]);
		assert_string_equal(w[i].holder, "one");
		assert_false(atomic_load(&w[i].has_it));
	}
	forest_lock_release(l);
	for (size_t i = 0; i < ARRAY_SIZE(w); i++)
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
	assert_string_equal(order, "abcd");
	assert_int_equal(atomic_load(&broken), 0);
}

/* One that gives up keeps nobody from anything. */
static void
giving_up(void **state)
{
	struct forest_lock *l = take(GLOBEX);
	struct waiter w[3];

	(void)state;
	order[0] = '\0';
	start(&w[0], "a");
	start(&w[1], "b");
	start(&w[2], "c");
	atomic_store(&w[1].gives_up, true);
	wait_until(&w[1].gave_up);
	assert_false(atomic_load(&w[0].has_it));
	atomic_store(&w[0].gives_up, true);
	wait_until(&w[0].gave_up);
	assert_false(atomic_load(&w[2].has_it));
	forest_lock_release(l);
	for (size_t i = 0; i < ARRAY_SIZE(w); i++)
		assert_int_equal(pthread_join(w[i].thread, NULL), 0);
	assert_string_equal(order, "c");
	l = take(GLOBEX);
	forest_lock_release(l);
	assert_int_equal(atomic_load(&broken), 0);
}

static int
gives_up(const char *holder, void *arg, struct err *err)
{
	(void)arg;
	return err_data(err, "'%s' has it", holder);
}

/* A child that is forked meanwhile is another process. */
static void
not_of_a_child(void **state)
{
	struct forest_lock *l = take(GLOBEX);
	int status = 0;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct forest_lock *own = NULL;
		struct err err;

		atomic_store(&broken, 0);
		expect(forest_lock_take(GLOBEX, "child", gives_up, NULL, &own, &err) == 0);
		forest_lock_release(own);
		_exit(atomic_load(&broken) != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	forest_lock_release(l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nobody_waits),
	    cmocka_unit_test(no_name),
	    cmocka_unit_test(one_at_a_time),
	    cmocka_unit_test(in_order),
	    cmocka_unit_test(giving_up),
	    cmocka_unit_test(not_of_a_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
