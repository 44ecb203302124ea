/* SPDX-License-Identifier: MIT */

/* An automatic switch that is stopped at every step ends as if there had been no stop. */

#include "tests/support/ready_fixture.h"

static void
prepare(struct lab *l)
{
	start(l, &two, true);
	lab_set(l, SOURCE, "CN=Ann", READY, "ready");
	lab_set(l, SOURCE, "CN=Bea", READY, "ready");
	lab_set(l, SOURCE, "CN=Bea", "title", "Boss");
}

/* To the end; without the time in the markers. */
static void
finish(struct lab *l, struct buf *ret)
{
	run(l);
	run(l);
	run(l);
	assert_true(switched(l, "CN=Ann") && switched(l, "CN=Bea"));
	lab_set(l, SOURCE, "CN=Ann", MARKER, NULL);
	lab_set(l, SOURCE, "CN=Bea", MARKER, NULL);
	lab_dump(l, ret, LAB_DUMP_ALL);
}

static void
stop_at(unsigned at, enum tap_stop how, bool dies, const struct buf *end)
{
	struct tap tap = {.stop_at = at, .how = how, .count_reads = true};
	_cleanup_(buf_done) struct buf now = {0};
	char what[96];
	struct lab l;

	(void)snprintf(
	    what, sizeof what, "stopped (%d) at step %u%s", (int)how, at, dies ? ", dead" : "");
	prepare(&l);
	l.dies = dies;
	if (lab_cycle(&l, &tap) == 0)
		fail_msg("%s: nothing failed", what);
	assert_true(atomic_load(&tap.stopped));
	tap_done(&tap);
	if (!lab_check_mail(&l))
		fail_msg("%s: %s", what, l.why);
	l.dies = false;
	finish(&l, &now);
	lab_same_dumps(&l, what, end, &now);
	lab_close(&l);
}

static void
stopped_at_every_step(void **state)
{
	struct tap tap = {.count_reads = true};
	_cleanup_(buf_done) struct buf end = {0};
	struct lab l;
	unsigned n;

	(void)state;
	prepare(&l);
	assert_int_equal(lab_cycle(&l, &tap), 0);
	n = atomic_load(&tap.steps);
	tap_done(&tap);
	assert_int_equal(l.res.switched, 2);
	finish(&l, &end);
	lab_close(&l);
	/* Every step in some form, or in all. */
	for (unsigned i = 0; i < n * 6; i += lab_try_all() ? 1 : 5)
		stop_at(1 + i / 6, (enum tap_stop)(i % 3), i / 3 % 2, &end);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(stopped_at_every_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
