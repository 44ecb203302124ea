/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mapping/held.h"
#include "mapping/proven_time.h"
#include "mapping/store_db.h"
#include "tests/support/store_fixture.h"

#define HOUR INT64_C(3600)
#define NOW (1000000 * HOUR)

static void
put(struct fixture *f, uint32_t link, enum held_kind kind, uint8_t who, enum held_verdict v)
{
	struct store_held h = {
	    .source = fixture_guid(who, 1), .kind = kind, .verdict = v, .since = 7 + who};
	struct err err;

	assert_int_equal(store_put_held(f->t, link, &h, &err), 0);
}

static int
see(const struct store_held *h, void *arg, struct err *err)
{
	struct fixture *f = arg;

	(void)err;
	buf_printf(&f->seen, "%s %u %s %lld\n", held_kind_name(h->kind), fixture_number(&h->source),
	    held_verdict_name(h->verdict), (long long)h->since);
	return 0;
}

static void
expect(struct fixture *f, uint32_t link, const char *want)
{
	struct err err;

	buf_reset(&f->seen);
	assert_int_equal(store_each_held(f->t, link, see, f, &err), 0);
	assert_string_equal(fixture_seen(f), want);
}

static void
names(void **state)
{
	(void)state;
	for (int k = HELD_NOTHING + 1; k < HELD_KIND_MAX; k++)
		assert_int_equal(held_kind_of(held_kind_name((enum held_kind)k)), k);
	assert_int_equal(held_kind_of("delete"), HELD_NOTHING);
	assert_int_equal(held_kind_of("nothing"), HELD_NOTHING);
	assert_int_equal(held_kind_of(""), HELD_NOTHING);
}

static void
kept_by_kind(void **state)
{
	struct fixture *f = *state;
	struct guid two = fixture_guid(2, 1), three = fixture_guid(3, 1);
	struct store_held h;
	struct err err;
	bool found;

	expect(f, 1, "");
	put(f, 1, HELD_SWITCHES, 1, HELD_WAITS);
	put(f, 1, HELD_DELETES, 2, HELD_REJECTED);
	put(f, 1, HELD_REDIRECTIONS, 2, HELD_WAITS);
	put(f, 2, HELD_DELETES, 3, HELD_WAITS);
	expect(f, 1, "deletes 2 rejected 9\nredirections 2 held 9\nswitches 1 held 8\n");
	expect(f, 2, "deletes 3 held 10\n");
	assert_int_equal(store_find_held(f->t, 1, HELD_DELETES, &two, &h, &found, &err), 0);
	assert_true(found);
	assert_int_equal(h.verdict, HELD_REJECTED);
	assert_int_equal(h.since, 9);
	assert_true(guid_equal(&h.source, &two));
	assert_int_equal(store_find_held(f->t, 1, HELD_DELETES, &three, &h, &found, &err), 0);
	assert_false(found);
	assert_int_equal(store_clear_held(f->t, 1, HELD_DELETES, &two, &err), 0);
	assert_int_equal(store_clear_held(f->t, 1, HELD_DELETES, &two, &err), 0);
	expect(f, 1, "redirections 2 held 9\nswitches 1 held 8\n");
}

static void
decided(void **state)
{
	struct fixture *f = *state;
	struct guid two = fixture_guid(2, 1), nine = fixture_guid(9, 1);
	size_t n[HELD_KIND_MAX];
	uint64_t decided, carried_out;
	struct err err;

	put(f, 1, HELD_DELETES, 1, HELD_WAITS);
	put(f, 1, HELD_DELETES, 2, HELD_WAITS);
	put(f, 1, HELD_REDIRECTIONS, 2, HELD_WAITS);
	put(f, 2, HELD_DELETES, 3, HELD_WAITS);
	/* One object, of one kind; then what is left. */
	assert_int_equal(store_decide_held(f->t, 1, HELD_DELETES, &two, HELD_REJECTED, n, &err), 0);
	assert_int_equal(n[HELD_DELETES], 1);
	assert_int_equal(n[HELD_REDIRECTIONS], 0);
	assert_int_equal(store_decide_held(f->t, 1, HELD_NOTHING, NULL, HELD_APPROVED, n, &err), 0);
	assert_int_equal(n[HELD_DELETES], 1);
	assert_int_equal(n[HELD_REDIRECTIONS], 1);
	expect(f, 1, "deletes 1 approved 8\ndeletes 2 rejected 9\nredirections 2 approved 9\n");
	expect(f, 2, "deletes 3 held 10\n");
	assert_int_equal(store_get_decided(f->t, 1, &decided, &carried_out, &err), 0);
	assert_int_equal(decided, 2);
	assert_int_equal(carried_out, 0);
	assert_int_equal(store_put_carried_out(f->t, 1, 2, &err), 0);
	/* Nothing waits, and of that object nothing is held: nothing is decided. */
	assert_int_equal(store_decide_held(f->t, 1, HELD_NOTHING, NULL, HELD_APPROVED, n, &err), 0);
	assert_int_equal(
	    store_decide_held(f->t, 1, HELD_NOTHING, &nine, HELD_APPROVED, n, &err), 0);
	assert_int_equal(store_get_decided(f->t, 1, &decided, &carried_out, &err), 0);
	assert_int_equal(decided, 2);
	assert_int_equal(carried_out, 2);
	/* By name it can be decided again. */
	assert_int_equal(store_decide_held(f->t, 1, HELD_NOTHING, &two, HELD_APPROVED, n, &err), 0);
	assert_int_equal(n[HELD_DELETES] + n[HELD_REDIRECTIONS], 2);
	expect(f, 1, "deletes 1 approved 8\ndeletes 2 approved 9\nredirections 2 approved 9\n");
}

static uint64_t
spent(struct fixture *f, uint32_t link, enum held_kind kind, int64_t now)
{
	struct err err;
	uint64_t n;

	assert_int_equal(store_get_spent(f->t, link, kind, now, &n, &err), 0);
	return n;
}

static void
add(struct fixture *f, uint32_t link, enum held_kind kind, int64_t now, uint64_t n)
{
	struct err err;

	assert_int_equal(store_add_spent(f->t, link, kind, now, n, &err), 0);
}

static int
count_pair(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	(void)key, (void)value, (void)err;
	++*(unsigned *)arg;
	return 0;
}

/* Time passes, and the wall clock goes with it. */
static void
pass(struct fixture *f, int64_t s)
{
	struct err err;

	assert_int_equal(store_pass_time(f->t, s, 0, &err), 0);
}

static void
a_rolling_day(void **state)
{
	struct fixture *f = *state;
	unsigned rows = 0;
	struct err err;

	assert_int_equal(spent(f, 1, HELD_DELETES, NOW), 0);
	add(f, 1, HELD_DELETES, NOW, 2);
	add(f, 1, HELD_DELETES, NOW + 1, 3);
	add(f, 1, HELD_REDIRECTIONS, NOW, 100);
	add(f, 2, HELD_DELETES, NOW, 100);
	pass(f, 10 * HOUR);
	add(f, 1, HELD_DELETES, NOW + 10 * HOUR, 7);
	assert_int_equal(spent(f, 1, HELD_DELETES, NOW + 10 * HOUR), 12);
	/* Never less than what was in the last 24 hours, at most an hour more. */
	pass(f, 14 * HOUR);
	assert_int_equal(spent(f, 1, HELD_DELETES, NOW + 24 * HOUR), 12);
	pass(f, HOUR);
	assert_int_equal(spent(f, 1, HELD_DELETES, NOW + 25 * HOUR), 7);
	pass(f, 9 * HOUR);
	assert_int_equal(spent(f, 1, HELD_DELETES, NOW + 34 * HOUR), 7);
	pass(f, HOUR);
	assert_int_equal(spent(f, 1, HELD_DELETES, NOW + 35 * HOUR), 0);
	/* A clock that was set back does not count what is over. */
	assert_int_equal(spent(f, 1, HELD_DELETES, NOW - HOUR), 0);
	assert_int_equal(spent(f, 1, HELD_DELETES, -1), 0);
	/* Old hours do not pile up. */
	for (int i = 11; i < 200; i++) {
		pass(f, HOUR);
		add(f, 1, HELD_DELETES, NOW + i * HOUR, 1);
	}
	assert_int_equal(spent(f, 1, HELD_DELETES, NOW + 199 * HOUR), 25);
	assert_int_equal(
	    store_db_each(f->t, DB_SPENT, (struct bytes){NULL, 0}, count_pair, &rows, &err), 0);
	assert_int_equal(rows, 25 + 2);
}

/* It frees no limit, and what was spent is not erased. */
static void
a_clock_that_was_set(void **state)
{
	struct fixture *f = *state;

	add(f, 1, HELD_DELETES, NOW, 5);
	assert_int_equal(spent(f, 1, HELD_DELETES, NOW + 25 * HOUR), 5);
	assert_int_equal(spent(f, 1, HELD_DELETES, NOW + 9999 * HOUR), 5);
	assert_int_equal(spent(f, 1, HELD_DELETES, NOW - 9999 * HOUR), 5);
	assert_int_equal(spent(f, 1, HELD_DELETES, -1), 5);
	add(f, 1, HELD_DELETES, NOW + 25 * HOUR, 1);
	assert_int_equal(spent(f, 1, HELD_DELETES, NOW + 25 * HOUR), 6);
	assert_int_equal(spent(f, 1, HELD_DELETES, NOW), 6);
	pass(f, 23 * HOUR);
	assert_int_equal(spent(f, 1, HELD_DELETES, NOW + 9999 * HOUR), 6);
	assert_int_equal(spent(f, 1, HELD_DELETES, NOW - 9999 * HOUR), 6);
	/* When both days have passed they are free, whatever the clock says by then. */
	pass(f, 2 * HOUR);
	assert_int_equal(spent(f, 1, HELD_DELETES, NOW + 9999 * HOUR), 0);
	assert_int_equal(spent(f, 1, HELD_DELETES, NOW - 9999 * HOUR), 0);
	assert_int_equal(spent(f, 1, HELD_DELETES, NOW + 26 * HOUR), 1);
}

/* An older map knows the wall clock alone, and so does what was over when it was put back. */
static void
of_an_older_map(void **state)
{
	static const uint8_t key[] = {0, 0, 0, 1, HELD_DELETES, 0, 0, 0, 0, 0, 0, 0, 100};
	static const uint8_t four[8] = {4};
	const struct store_spent past = {HELD_REDIRECTIONS, 100, 9};
	struct fixture *f = *state;
	struct err err;

	assert_int_equal(store_db_put(f->t, DB_SPENT, (struct bytes){key, sizeof key},
			     (struct bytes){four, sizeof four}, &err),
	    0);
	assert_int_equal(spent(f, 1, HELD_DELETES, 124 * HOUR), 4);
	assert_int_equal(spent(f, 1, HELD_DELETES, 125 * HOUR), 0);
	assert_int_equal(store_put_spent(f->t, 1, &past, &err), 0);
	assert_int_equal(spent(f, 1, HELD_REDIRECTIONS, 124 * HOUR), 9);
	assert_int_equal(spent(f, 1, HELD_REDIRECTIONS, 125 * HOUR), 0);
}

/* What no galsync wrote is left out, and can be written again. */
static void
damaged(void **state)
{
	static const uint8_t kinds[] = {0, HELD_KIND_MAX, 255};
	struct fixture *f = *state;
	struct guid one = fixture_guid(1, 1);
	uint8_t key[5 + GUID_LEN] = {0, 0, 0, 1, HELD_DELETES};
	struct bytes k = {key, sizeof key};
	struct store_held h;
	struct err err;
	bool found = true;

	memcpy(key + 5, one.octets, GUID_LEN);
	for (size_t len = 0; len <= 10; len++) {
		uint8_t value[10] = {HELD_WAITS};

		if (len == 9)
			value[0] = HELD_REJECTED + 1;
		assert_int_equal(
		    store_db_put(f->t, DB_HELD, k, (struct bytes){value, len}, &err), 0);
		expect(f, 1, "");
		assert_int_equal(store_find_held(f->t, 1, HELD_DELETES, &one, &h, &found, &err), 0);
		assert_false(found);
	}
	for (size_t i = 0; i < sizeof kinds; i++) {
		uint8_t value[9] = {HELD_WAITS};

		key[4] = kinds[i];
		assert_int_equal(
		    store_db_put(f->t, DB_HELD, k, (struct bytes){value, sizeof value}, &err), 0);
	}
	assert_int_equal(store_db_put(f->t, DB_HELD, (struct bytes){key, 7}, k, &err), 0);
	expect(f, 1, "");
	put(f, 1, HELD_DELETES, 1, HELD_WAITS);
	expect(f, 1, "deletes 1 held 8\n");
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup_txn, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(names), T(kept_by_kind), T(decided),
	    T(a_rolling_day), T(a_clock_that_was_set), T(of_an_older_map), T(damaged)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
