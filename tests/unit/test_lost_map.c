/* SPDX-License-Identifier: MIT */
/* The map is lost between two cycles of two fake forests: what the file beside it has goes on, and
 * what nothing has is said. */
#include "mapping/held.h"
#include "mapping/keepsake.h"
#include "tests/support/wave_fixture.h"

struct told_news {
	unsigned n;
	struct keepsake_news last;
};

static void
take_news(const struct keepsake_news *n, void *arg)
{
	struct told_news *t = arg;

	t->n++;
	t->last = *n;
}

static void
attach(struct lab *l, struct told_news *t)
{
	struct err err = {0};

	*t = (struct told_news){0};
	if (keepsake_attach(l->store, take_news, t, &err) < 0)
		fail_msg("%s", err.text);
}

static void
lose(struct lab *l, struct told_news *t)
{
	lab_lose_map(l);
	attach(l, t);
	assert_int_equal(t->n, 1);
	assert_int_equal(t->last.kind, KEEPSAKE_TAKEN_UP);
}

/* One cycle, without the plan before it: what it tells is in l->told. */
static void
cycle(struct lab *l)
{
	struct tap own = {.stop_at = 0};

	assert_int_equal(lab_cycle(l, &own), 0);
	tap_done(&own);
}

static void
a_planned_wave(void **state)
{
	struct wave_run r = {.now = DUE - 1};
	struct told_news news;
	struct lab l;

	(void)state;
	lab_open(&l, &three);
	attach(&l, &news);
	lab_run(&l);
	finish_mailboxes(&l);
	assert_int_equal(plan(&l, DUE, false), 1);
	lose(&l, &news);
	assert_int_equal(news.last.counts.waves, 1);
	/* Its time comes, but no mailbox is known yet. */
	r.now = DUE + 10;
	assert_true(waves_due(l.store, "acme-globex") == WAVES_NEVER);
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_wave(&l, 1, "planned 0 0");
	cycle(&l);
	assert_int_equal(l.told[RUN_MAP_LOST], 0);
	assert_int_equal(waves_due(l.store, "acme-globex"), DUE);
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_wave(&l, 1, "done 3 0");
	assert_int_equal(switched(&l), N);
	forget(&r);
	lab_close(&l);
}

/* A slice was turned and its results were not stored, or were: no difference in the end. */
static void
a_running_wave(void **state)
{
	struct wave_run r = {.now = DUE};
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(wave_done) struct wave w = {0};
	struct told_news news;
	struct lab l;
	struct err err;

	(void)state;
	lab_open(&l, &three);
	attach(&l, &news);
	lab_run(&l);
	finish_mailboxes(&l);
	(void)plan(&l, DUE, false);
	w = get(&l, 1);
	w.state = WAVE_RUNNING;
	w.started_at = DUE;
	assert_int_equal(store_begin(l.store, STORE_WRITE, &t, &err), 0);
	assert_int_equal(wave_put(t, &w, &err), 0);
	assert_int_equal(store_commit(TAKE(t), &err), 0);
	lose(&l, &news);
	assert_wave(&l, 1, "running 0 0");
	cycle(&l);
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_wave(&l, 1, "done 3 0");
	assert_string_equal(said(&r),
	    "1: goes on: 3 of 3 mailboxes are left; 1: done: 3 of 3 mailboxes, 0 failed; ");
	assert_int_equal(switched(&l), N);
	forget(&r);
	lab_close(&l);
}

/* Without the file: said by the full cycle, before it writes, and once. */
static void
nothing_is_left(void **state)
{
	struct told_news news;
	char path[320];
	struct lab l;

	(void)state;
	lab_open(&l, &three);
	attach(&l, &news);
	cycle(&l);
	assert_int_equal(l.told[RUN_MAP_LOST], 0);
	cycle(&l);
	assert_int_equal(l.told[RUN_MAP_LOST], 0);
	(void)snprintf(path, sizeof path, "%s/" KEEPSAKE_FILE, l.dir);
	store_close(TAKE(l.store));
	assert_int_equal(unlink(path), 0);
	lab_lose_map(&l);
	attach(&l, &news);
	assert_int_equal(news.n, 0);
	cycle(&l);
	assert_int_equal(l.told[RUN_MAP_LOST], 1);
	assert_non_null(
	    strstr(lab_notes(&l), "the map was lost, or the link had another name: planned waves"));
	assert_non_null(strstr(lab_notes(&l), "finished for good counts as switched"));
	assert_non_null(strstr(lab_notes(&l), "still owes are not tried again"));
	cycle(&l);
	assert_int_equal(l.told[RUN_MAP_LOST], 0);
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_planned_wave),
	    cmocka_unit_test(a_running_wave), cmocka_unit_test(nothing_is_left)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
