/* SPDX-License-Identifier: MIT */
/* Retention by the configuration's limits, piece by piece. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/jobs/retention.h"
#include "mapping/journal.h"
#include "mapping/proven_time.h"
#include "tests/support/store_fixture.h"

#define DAY ((int64_t)86400)
#define NOW (1000 * DAY)
#define STEP 15

static const struct conf conf = {.journal_days = 30, .journal_size_mb = 1};

static uint64_t
intend(struct store_txn *t, int64_t at)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = journal_entry_new();
	struct guid g = fixture_guid(1, 2);
	struct err err = {0};

	assert_non_null(e);
	*e = (struct journal_entry){.link = 1,
	    .source = fixture_guid(1, 1),
	    .at = at,
	    .reason = strdup("project"),
	    .change = change_new(CHANGE_DELETE, "CN=x,DC=y", &g)};
	assert_true(e->reason && e->change);
	assert_int_equal(journal_intend(t, e, &err), 0);
	return e->number;
}

/* N finished entries, STEP seconds apart, the first of them AGE days old. */
static void
add(struct fixture *f, size_t n, int64_t age)
{
	struct store_txn *t = fixture_begin(f, STORE_WRITE);
	struct err err = {0};
	uint64_t first = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t number = intend(t, NOW - age * DAY + (int64_t)i * STEP);

		first = first ? first : number;
	}
	fixture_commit(t);
	t = fixture_begin(f, STORE_WRITE);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(journal_finish(t, first + i, JOURNAL_DONE, NULL, &err), 0);
	fixture_commit(t);
}

static struct journal_size
measure(struct fixture *f)
{
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_READ);
	struct journal_size n = {0};
	struct err err = {0};

	assert_int_equal(journal_measure(t, &n, &err), 0);
	return n;
}

static size_t
run(struct fixture *f, size_t pieces)
{
	struct err err = {0};
	size_t removed = 99;

	if (retention_run(f->s, &conf, NOW, pieces, &removed, &err) < 0)
		fail_msg("%s", err.text);
	return removed;
}

static void
by_age(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, 0), 0);
	add(f, 1200, 40);
	add(f, 100, 29);
	assert_int_equal(run(f, 1), 500);
	assert_int_equal(run(f, 1), 500);
	assert_int_equal(run(f, 0), 200);
	assert_int_equal(run(f, 0), 0);
	assert_int_equal(measure(f).entries, 100);
	assert_int_equal(measure(f).oldest, NOW - 29 * DAY);
}

/* But for the last two days. */
static void
by_size(void **state)
{
	struct fixture *f = *state;

	add(f, 10000, 29);
	assert_true(measure(f).octets > 1 << 20);
	assert_true(run(f, 0) > 1000);
	assert_true(measure(f).octets <= 1 << 20);
	assert_true(measure(f).entries > 1000);
	add(f, 20000, 4);
	(void)run(f, 0);
	assert_true(measure(f).octets > 1 << 20);
	assert_int_equal(measure(f).oldest, NOW - 2 * DAY);
}

/* Nothing goes for its age, and for the size only from twice of it on. */
static void
after_the_clock_was_set(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t;
	struct err err = {0};

	add(f, 1200, 40);
	t = fixture_begin(f, STORE_WRITE);
	assert_int_equal(store_pass_time(t, 0, 40 * DAY, &err), 0);
	fixture_commit(t);
	assert_int_equal(run(f, 0), 0);
	add(f, 20000, 29);
	assert_true(run(f, 0) > 1000);
	assert_true(measure(f).octets > 1 << 20);
	assert_true(measure(f).octets <= 2 << 20);
	/* Two days later it is trusted. */
	t = fixture_begin(f, STORE_WRITE);
	assert_int_equal(store_keep_time(t, &err), 0);
	assert_int_equal(store_pass_time(t, 2 * DAY, 0, &err), 0);
	fixture_commit(t);
	assert_true(run(f, 0) > 1000);
	assert_true(measure(f).octets <= 1 << 20);
}

/* While nothing is too much, nobody who writes is waited for. */
static void
waits_for_nobody(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = NULL;

	add(f, 10, 1);
	t = fixture_begin(f, STORE_WRITE);
	assert_int_equal(run(f, 0), 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(by_age),
	    TEST(by_size),
	    TEST(after_the_clock_was_set),
	    TEST(waits_for_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
