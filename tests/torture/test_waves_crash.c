/* SPDX-License-Identifier: MIT */

/* A wave that is stopped at every step ends as if there had been no stop. */

#include "tests/support/wave_fixture.h"

/* After a cycle that settles the journal; without the time in the markers. */
static void
dump(struct lab *l, bool undo, struct buf *ret)
{
	lab_run_silent(l);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(
		    lab_count(l, SOURCE, names[i], "extensionAttribute14"), undo ? 0 : 1);
		lab_set(l, SOURCE, names[i], "extensionAttribute14", NULL);
	}
	lab_dump(l, ret, LAB_DUMP_ALL);
}

/* Before the stop; then, with a fresh process, to the end. */
static void
stop_at(unsigned at, enum tap_stop how, bool dies, bool undo, const struct buf *end)
{
	struct tap tap = {.stop_at = at, .how = how, .count_reads = true};
	_cleanup_(buf_done) struct buf now = {0};
	struct wave_run r = {.now = DUE};
	char what[96];
	struct lab l;

	(void)snprintf(what, sizeof what, "%s stopped (%d) at step %u%s", undo ? "undo" : "switch",
	    (int)how, at, dies ? ", dead" : "");
	start(&l, &three);
	if (undo) {
		(void)plan(&l, DUE, false);
		assert_int_equal(go(&l, &r, NULL), 0);
		forget(&r);
		r = (struct wave_run){.now = DUE};
	}
	(void)plan(&l, DUE, undo);
	l.dies = dies;
	if (go(&l, &r, &tap) == 0)
		fail_msg("%s: nothing failed", what);
	assert_true(atomic_load(&tap.stopped));
	tap_done(&tap);
	if (!lab_check_mail(&l))
		fail_msg("%s: %s", what, l.why);
	l.dies = false;
	forget(&r);
	r = (struct wave_run){.now = DUE + 5};
	if (go(&l, &r, NULL) < 0)
		fail_msg("%s: %s", what, l.err.text);
	assert_wave(&l, undo ? 2 : 1, "done 3 0");
	assert_int_equal(switched(&l), undo ? 0 : N);
	if (!lab_check_mail(&l))
		fail_msg("%s: %s", what, l.why);
	dump(&l, undo, &now);
	lab_same_dumps(&l, what, end, &now);
	forget(&r);
	lab_close(&l);
}

static void
stopped_at_every_step(void **state)
{
	(void)state;
	for (int undo = 0; undo < 2; undo++) {
		struct tap tap = {.count_reads = true};
		_cleanup_(buf_done) struct buf end = {0};
		struct wave_run r = {.now = DUE};
		struct lab l;
		unsigned n;

		start(&l, &three);
		if (undo) {
			(void)plan(&l, DUE, false);
			assert_int_equal(go(&l, &r, NULL), 0);
		}
		(void)plan(&l, DUE, undo);
		assert_int_equal(go(&l, &r, &tap), 0);
		n = atomic_load(&tap.steps);
		tap_done(&tap);
		dump(&l, undo, &end);
		forget(&r);
		lab_close(&l);
		assert_true(n > 2 * N);
		/* Every step in some form, or in all. */
		for (unsigned i = (unsigned)undo; i < n * 6; i += lab_try_all() ? 1 : 5)
			stop_at(1 + i / 6, (enum tap_stop)(i % 3), i / 3 % 2, undo, &end);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(stopped_at_every_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
