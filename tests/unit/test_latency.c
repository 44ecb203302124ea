/* SPDX-License-Identifier: MIT */

/* How long changes took that a server told of: measured by the deltas that write, and kept by all
 * others. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "dsa/base/clock.h"
#include "dsa/base/json.h"
#include "tests/support/scenario.h"

#define SECONDS 5

static const struct scenario ann = {.name = "ann", .source = {MAILBOX("Ann", "ann", "")}};

/* A delta because of what a server told SECONDS ago. */
static int
told(struct lab *l, struct run *run, void *arg)
{
	const struct cycle_options opt = {
	    .heard_us = clock_monotonic_us() - (int64_t)SECONDS * 1000000};
	bool full;

	(void)arg;
	return sync_delta(run, &opt, &l->res, &full, &l->err);
}

/* What the map says, in milliseconds; 0: nothing. */
static json_int_t
latency(struct lab *l)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(json_release) json_t *o = NULL;
	_cleanup_(free) char *text = NULL;

	if (store_begin(l->store, STORE_READ, &t, &l->err) < 0 ||
	    store_get_summary(t, 1, &text, &l->err) < 0)
		fail_msg("%s", l->err.text);
	assert_non_null(text);
	o = json_loads(text, 0, NULL);
	assert_non_null(o);
	if (!json_object_get(o, "latency"))
		return 0;
	assert_true(json_is_string(json_object_get(json_object_get(o, "latency"), "at")));
	return json_integer_value(json_object_get(json_object_get(o, "latency"), "ms"));
}

static void
measured_and_kept(void **state)
{
	json_int_t ms;
	struct lab l;

	(void)state;
	lab_open(&l, &ann);
	lab_run(&l);
	assert_int_equal(latency(&l), 0);
	/* It hears of what the full one wrote, and has nothing to write. */
	assert_int_equal(lab_act(&l, NULL, told, NULL), 0);
	assert_int_equal(latency(&l), 0);
	lab_set(&l, SOURCE, "CN=Ann", "title", "Boss");
	assert_int_equal(lab_act(&l, NULL, told, NULL), 0);
	ms = latency(&l);
	assert_true(ms >= SECONDS * 1000);
	/* Its own echo, one that nobody told of, and a full one. */
	assert_int_equal(lab_act(&l, NULL, told, NULL), 0);
	assert_int_equal(latency(&l), ms);
	lab_set(&l, SOURCE, "CN=Ann", "title", "Chief");
	l.delta = true;
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(l.res.applied, 1);
	assert_int_equal(latency(&l), ms);
	l.delta = false;
	lab_run(&l);
	assert_int_equal(latency(&l), ms);
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(measured_and_kept)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
