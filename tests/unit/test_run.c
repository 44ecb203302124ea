/* SPDX-License-Identifier: MIT */
/* What every part of a run shares: connections that are lost and made again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

static const struct scenario nobody = {.name = "nobody"};

static struct {
	struct dir_ops ops; /* of the source, with an open() that is counted */
	const struct dir_ops *real;
	unsigned opens, lost;
	struct dir *cancel; /* in the first pause, if it is not NULL */
	struct fakedir *up; /* is up again from the first pause on, if it is not NULL */
} seen;

static int
count_open(struct dir *d, struct err *err)
{
	seen.opens++;
	return seen.real->open(d, err);
}

static void
take_event(const struct run_event *e, void *arg)
{
	(void)arg;
	if (e->kind != RUN_LOST)
		return;
	assert_non_null(strstr(e->text, "tried again in 250 ms"));
	seen.lost++;
	if (seen.cancel)
		seen.cancel->ops->cancel(seen.cancel);
	if (seen.up)
		fakedir_set_down(seen.up, false);
}

static int
reopen(struct lab *l, enum side cancel, bool recovers, struct err *err)
{
	struct dir *dir[SIDES] = {fakedir_connect(l->fd[SOURCE]), fakedir_connect(l->fd[TARGET])};
	const struct run_observer o = {.event = take_event};
	struct run run = lab_run_of(l, dir[SOURCE], dir[TARGET]);
	int rc;

	run.observer = &o;
	memset(&seen, 0, sizeof seen);
	seen.real = dir[SOURCE]->ops;
	seen.ops = *dir[SOURCE]->ops;
	seen.ops.open = count_open;
	dir[SOURCE]->ops = &seen.ops;
	seen.cancel = recovers ? NULL : dir[cancel];
	seen.up = recovers ? l->fd[SOURCE] : NULL;
	fakedir_set_down(l->fd[SOURCE], true);
	rc = run_reopen(&run, err);
	dir_free(dir[SOURCE]);
	dir_free(dir[TARGET]);
	fakedir_set_down(l->fd[SOURCE], false);
	return rc;
}

/* It does not wait for the end of the pause, and does not try again. */
static void
cancelled_in_a_pause(void **state)
{
	struct lab l;
	struct err err;

	(void)state;
	lab_open(&l, &nobody);
	for (enum side side = SOURCE; side < SIDES; side++) {
		assert_int_equal(reopen(&l, side, false, &err), -1);
		assert_int_equal(err.src, ERR_SYS);
		assert_int_equal(err.code, ECANCELED);
		assert_int_equal(seen.lost, 1);
		assert_int_equal(seen.opens, 1);
	}
	lab_close(&l);
}

static void
comes_back(void **state)
{
	struct lab l;
	struct err err;

	(void)state;
	lab_open(&l, &nobody);
	assert_int_equal(reopen(&l, SOURCE, true, &err), 0);
	assert_int_equal(seen.lost, 1);
	assert_int_equal(seen.opens, 2);
	lab_close(&l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cancelled_in_a_pause), cmocka_unit_test(comes_back)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
