/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/clock.h"
#include "mapping/proven_time.h"
#include "mapping/store_db.h"
#include "tests/support/store_fixture.h"

#define DAY_S 86400
#define YEAR_S (365 * DAY_S)

static int64_t
proven(struct fixture *f)
{
	struct err err;
	int64_t s;

	assert_int_equal(store_proven_s(f->t, &s, &err), 0);
	return s;
}

static bool
settled(struct fixture *f)
{
	struct err err;
	bool yes;

	assert_int_equal(store_clock_is_settled(f->t, &yes, &err), 0);
	return yes;
}

static void
pass(struct fixture *f, int64_t s, int64_t wall_s)
{
	struct err err;

	assert_int_equal(store_pass_time(f->t, s, wall_s, &err), 0);
}

/* The test itself takes a second or two. */
static void
about(int64_t got, int64_t want)
{
	assert_in_range(got - want + 1, 0, 11);
}

/* The map as another start of the machine, or another machine, left it WALL_AGO_S ago. */
static void
put_moment(struct fixture *f, int64_t s, int64_t wall_ago_s, const char *boot_id)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct err err;

	buf_add_u64(&b, (uint64_t)s);
	buf_add_u64(&b, 77);
	buf_add_u64(&b, (uint64_t)(clock_realtime_s() - wall_ago_s));
	buf_add_u64(&b, 0);
	buf_add_bytes(&b, bytes_of(boot_id));
	assert_int_equal(store_db_put(f->t, DB_META, bytes_of("time"), buf_bytes(&b), &err), 0);
}

static void
grows_with_the_machine(void **state)
{
	struct fixture *f = *state;
	struct err err;

	assert_int_equal(proven(f), 0);
	assert_int_equal(store_keep_time(f->t, &err), 0);
	about(proven(f), 0);
	pass(f, 1000, 0);
	about(proven(f), 1000);
	/* Whatever the wall clock says. */
	pass(f, 0, YEAR_S);
	about(proven(f), 1000);
	pass(f, 0, -2 * YEAR_S);
	about(proven(f), 1000);
	pass(f, DAY_S, 0);
	assert_int_equal(store_keep_time(f->t, &err), 0);
	about(proven(f), 1000 + DAY_S);
}

static void
another_start(void **state)
{
	static const char *const ids[] = {"another", ""};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		put_moment(f, 1000, 50, ids[i]);
		about(proven(f), 1050);
		put_moment(f, 1000, 10 * YEAR_S, ids[i]);
		about(proven(f), 1000 + clock_boot_s() + 600);
		put_moment(f, 1000, -YEAR_S, ids[i]);
		about(proven(f), 1000);
	}
}

static void
damaged(void **state)
{
	struct fixture *f = *state;
	struct err err;

	for (size_t len = 0; len < 40; len++) {
		static const uint8_t octets[40] = {255, 255, 255, 255, 255, 255, 255, 255};

		assert_int_equal(store_db_put(f->t, DB_META, bytes_of("time"),
				     (struct bytes){octets, len}, &err),
		    0);
		about(proven(f), 0);
		assert_true(settled(f));
		assert_int_equal(store_keep_time(f->t, &err), 0);
		about(proven(f), 0);
	}
}

static void
parts_and_settles(void **state)
{
	static const int64_t sets[] = {25 * 3600, -25 * 3600, 10 * (int64_t)YEAR_S};
	struct fixture *f = *state;
	struct err err;

	assert_true(settled(f));
	pass(f, 30 * DAY_S, 0);
	pass(f, 0, 1800);
	assert_true(settled(f));
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		pass(f, 0, sets[i]);
		assert_false(settled(f));
		assert_int_equal(store_keep_time(f->t, &err), 0);
		assert_false(settled(f));
		pass(f, 2 * DAY_S - 100, 0);
		assert_false(settled(f));
		pass(f, 200, 0);
		assert_true(settled(f));
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup_txn, fixture_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {TEST(grows_with_the_machine), TEST(another_start),
	    TEST(damaged), TEST(parts_and_settles)};

	return cmocka_run_group_tests_name("proven_time", tests, NULL, NULL);
}
