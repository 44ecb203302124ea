/* SPDX-License-Identifier: MIT */
/* Retention: what of the journal is removed, and what never is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mapping/journal.h"
#include "mapping/store_db.h"
#include "tests/support/store_fixture.h"

#define KIB 1024
#define NEVER INT64_MAX
#define EVER UINT64_MAX

/* About source WHO (0: nobody), with SIZE octets of values. */
static struct journal_entry *
some_entry(uint32_t link, uint8_t who, int64_t at, size_t size)
{
	struct journal_entry *e = journal_entry_new();
	struct guid g = fixture_guid(who, 2);
	_cleanup_(free) char *value = calloc(1, size + 1);

	assert_true(e && value);
	memset(value, 'x', size);
	*e = (struct journal_entry){.link = link,
	    .cycle = 1,
	    .side = TARGET,
	    .at = at,
	    .source = who ? fixture_guid(who, 1) : (struct guid){{0}},
	    .reason = strdup("project"),
	    .change = change_new(CHANGE_MODIFY, "CN=x,DC=y", &g)};
	assert_true(e->reason && e->change);
	assert_int_equal(change_mod_str(e->change, MOD_ADD, "info", value), 0);
	return e;
}

/* OUTCOME JOURNAL_OPEN: it has none. */
static uint64_t
add(struct store_txn *t, uint32_t link, uint8_t who, int64_t at, size_t size,
    enum journal_outcome outcome)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = some_entry(link, who, at, size);
	struct err err = {0};

	if (journal_intend(t, e, &err) < 0)
		fail_msg("%s", err.text);
	if (outcome != JOURNAL_OPEN)
		assert_int_equal(journal_finish(t, e->number, outcome, "x", &err), 0);
	return e->number;
}

static void
operation(struct store_txn *t, uint32_t link, uint8_t who, bool under_way)
{
	struct store_operation o = {
	    .source = fixture_guid(who, 1), .kind = OPERATION_SWITCH, .since = 1};
	struct err err = {0};

	if (under_way)
		assert_int_equal(store_put_operation(t, link, &o, &err), 0);
	else
		assert_int_equal(store_clear_operation(t, link, &o.source, &err), 0);
}

static struct journal_size
measure(struct store_txn *t)
{
	struct journal_size n = {0};
	struct err err = {0};

	assert_int_equal(journal_measure(t, &n, &err), 0);
	return n;
}

static size_t
piece(struct store_txn *t, const struct journal_limits *l, size_t max, uint64_t *from)
{
	struct err err = {0};
	size_t n = 99;

	if (journal_trim(t, l, max, from, &n, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(n <= max);
	return n;
}

/* All pieces, in one transaction. */
static size_t
trim(struct store_txn *t, const struct journal_limits *l, size_t max)
{
	uint64_t from = 0;
	size_t n = 0;

	do
		n += piece(t, l, max, &from);
	while (from);
	return n;
}

static int
write_number(const struct journal_entry *e, void *arg, struct err *err)
{
	(void)err;
	buf_printf(arg, "%llu;", (unsigned long long)e->number);
	return 0;
}

static void
assert_left(struct store_txn *t, const char *expected)
{
	_cleanup_(buf_done) struct buf all = {0};
	struct err err = {0};

	buf_add_str(&all, "");
	assert_int_equal(journal_each(t, 0, write_number, &all, &err), 0);
	assert_string_equal((char *)all.data, expected);
}

struct check {
	struct store_txn *t;
	size_t n;
};

static int
has_entry(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct check *c = arg;
	uint8_t number[8];
	struct bytes raw;
	bool found = false;

	/* `about` has the number as its value, and the other way round. */
	memcpy(number, key.len == 8 ? key.data : value.data, 8);
	for (size_t i = 0; key.len != 8 && i < 8; i++)
		number[i] = ((const uint8_t *)value.data)[7 - i];
	assert_int_equal(
	    store_db_get(c->t, DB_JOURNAL, (struct bytes){number, 8}, &raw, &found, err), 0);
	assert_true(found);
	c->n++;
	return 0;
}

/* Nothing is left of an entry that is gone. */
static void
assert_whole(struct store_txn *t)
{
	static const enum store_db others[] = {DB_OUTCOME, DB_OPEN, DB_ABOUT};
	struct check c = {.t = t};
	struct err err = {0};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_int_equal(
		    store_db_each(t, others[i], (struct bytes){NULL, 0}, has_entry, &c, &err), 0);
	assert_true(c.n >= measure(t).entries);
}

static void
by_age(void **state)
{
	struct fixture *f = *state;
	struct journal_limits l = {.now = 10000, .max_age_s = 5000, .max_octets = EVER};

	assert_int_equal(trim(f->t, &l, 10), 0);
	assert_int_equal(measure(f->t).entries, 0);
	assert_int_equal(measure(f->t).oldest, 0);
	for (uint8_t i = 1; i <= 8; i++)
		(void)add(f->t, 1, i, 1000 * i, 100, JOURNAL_DONE);
	assert_int_equal(measure(f->t).oldest, 1000);
	assert_int_equal(trim(f->t, &l, 10), 4); /* older than, not as old as */
	assert_left(f->t, "5;6;7;8;");
	assert_int_equal(measure(f->t).oldest, 5000);
	assert_int_equal(trim(f->t, &l, 10), 0);
	l.now = 100000;
	assert_int_equal(trim(f->t, &l, 1), 4); /* a piece for each */
	assert_left(f->t, "");
	assert_whole(f->t);
	assert_int_equal(add(f->t, 1, 7, 100000, 100, JOURNAL_OPEN), 9); /* numbers go on */
}

/* Whatever the outcome was. */
static void
what_is_under_way_stays(void **state)
{
	struct fixture *f = *state;
	const struct journal_limits l = {.now = 100000, .max_octets = 0};

	(void)add(f->t, 1, 1, 1000, 100, JOURNAL_OPEN);
	(void)add(f->t, 1, 2, 1000, 100, JOURNAL_DONE);
	(void)add(f->t, 1, 3, 1000, 100, JOURNAL_DONE);
	(void)add(f->t, 2, 3, 1000, 100, JOURNAL_FAILED); /* of another link */
	(void)add(f->t, 1, 3, 1000, 100, JOURNAL_STALE);
	(void)add(f->t, 1, 0, 1000, 100, JOURNAL_DONE);
	(void)add(f->t, 1, 0, 1000, 100, JOURNAL_OPEN);
	operation(f->t, 1, 3, true);
	assert_int_equal(trim(f->t, &l, 100), 3);
	assert_left(f->t, "1;3;5;7;");
	assert_int_equal(trim(f->t, &l, 1), 0);
	operation(f->t, 1, 3, false);
	assert_int_equal(trim(f->t, &l, 1), 2);
	assert_left(f->t, "1;7;");
	assert_whole(f->t);
}

/* A piece looks at so many entries, also if all of them stay. */
static void
many_that_stay(void **state)
{
	struct fixture *f = *state;
	const struct journal_limits l = {.now = 100000, .max_octets = 0};
	uint64_t from = 0;

	for (int i = 0; i < 100; i++)
		(void)add(f->t, 1, 1, 1000, 10, i == 99 ? JOURNAL_DONE : JOURNAL_OPEN);
	assert_int_equal(piece(f->t, &l, 2, &from), 0);
	assert_in_range(from, 30, 40);
	assert_int_equal(piece(f->t, &l, 2, &from), 0);
	assert_in_range(from, 60, 70);
	assert_int_equal(trim(f->t, &l, 2), 1);
	assert_int_equal(measure(f->t).entries, 99);
}

static void
by_size(void **state)
{
	struct fixture *f = *state;
	struct journal_limits l = {
	    .now = 100000, .max_age_s = NEVER, .max_octets = 512 * KIB, .min_age_s = 1000};
	uint64_t first = 0;

	for (int i = 0; i < 2000; i++)
		(void)add(f->t, 1, (uint8_t)i, 1000 + i, 500, JOURNAL_DONE);
	assert_true(measure(f->t).octets > 1024 * KIB);
	assert_true(trim(f->t, &l, 100) > 500);
	/* Below the limit, and not far. */
	assert_in_range(measure(f->t).octets, 256 * KIB, 512 * KIB);
	first = 2000 - measure(f->t).entries;
	assert_int_equal(measure(f->t).oldest, 1000 + first);
	assert_int_equal(trim(f->t, &l, 100), 0);
	/* What is younger than the least age stays, however large it is. */
	l.max_octets = 0;
	l.now = 3900;
	assert_true(trim(f->t, &l, 100) > 0);
	assert_int_equal(measure(f->t).oldest, 2900);
	assert_int_equal(measure(f->t).entries, 100);
	assert_whole(f->t);
}

/* An entry that was written with a wrong clock does not keep all that follow. */
static void
from_the_future(void **state)
{
	struct fixture *f = *state;
	struct journal_limits l = {
	    .now = 200000, .max_age_s = 100000, .max_octets = EVER, .min_age_s = 1000};

	(void)add(f->t, 1, 1, 5000000, 100, JOURNAL_DONE);
	(void)add(f->t, 1, 1, 50000, 100, JOURNAL_DONE);
	(void)add(f->t, 1, 1, 150000, 100, JOURNAL_DONE);
	(void)add(f->t, 1, 1, 199500, 100, JOURNAL_DONE);
	assert_int_equal(trim(f->t, &l, 10), 1);
	assert_left(f->t, "1;3;4;");
	l.max_octets = 0;
	assert_int_equal(trim(f->t, &l, 10), 2);
	assert_left(f->t, "4;");
}

/* One that cannot be read goes as an old one. */
static void
damaged(void **state)
{
	struct fixture *f = *state;
	const struct journal_limits l = {.now = 100000, .max_age_s = 50000, .max_octets = EVER};
	uint64_t number = add(f->t, 1, 1, 90000, 100, JOURNAL_DONE);
	struct err err = {0};

	assert_int_equal(store_db_put(f->t, DB_JOURNAL, (struct bytes){&number, 8},
			     (struct bytes){"\2", 1}, &err),
	    0);
	assert_int_equal(measure(f->t).oldest, 0);
	assert_int_equal(trim(f->t, &l, 10), 1);
	assert_left(f->t, "");
}

/* A daemon that ends between two pieces, or within one, leaves a whole journal. */
static void
a_crash_between_pieces(void **state)
{
	struct fixture *f = *state;
	const struct journal_limits l = {.now = 100000, .max_octets = 0};
	struct store_txn *t = fixture_begin(f, STORE_WRITE);
	size_t left = 300;

	for (int i = 0; i < 300; i++)
		(void)add(t, 1, (uint8_t)(i % 7), 1000, 200, i % 50 ? JOURNAL_DONE : JOURNAL_OPEN);
	fixture_commit(t);
	while (left > 6) {
		uint64_t from = 0;

		t = fixture_begin(f, STORE_WRITE);
		(void)piece(t, &l, 40, &from);
		store_abort(t);
		store_close(TAKE(f->s));
		fixture_open_store(f, 16);
		t = fixture_begin(f, STORE_WRITE);
		assert_int_equal(measure(t).entries, left);
		from = 0;
		left -= piece(t, &l, 40, &from);
		fixture_commit(t);
		store_close(TAKE(f->s));
		fixture_open_store(f, 16);
		t = fixture_begin(f, STORE_READ);
		assert_int_equal(measure(t).entries, left);
		assert_whole(t);
		store_abort(t);
	}
}

/* The pages that are freed are used again: thirty times the limit is written. */
static void
the_file_does_not_grow(void **state)
{
	struct fixture *f = *state;
	const struct journal_limits l = {
	    .max_age_s = NEVER, .max_octets = 512 * KIB, .now = 1000000};
	uint64_t written = 0;

	for (int round = 0; written < (uint64_t)30 * 512 * KIB; round++) {
		struct store_txn *t = fixture_begin(f, STORE_WRITE);
		uint64_t from = 0;

		for (int i = 0; i < 200; i++) {
			size_t size =
			    i % 4 ? 700 : 5000; /* the large ones take pages of their own */

			(void)add(t, 1, (uint8_t)(i * 7 + round), round, size, JOURNAL_DONE);
			written += size;
		}
		fixture_commit(t);
		do {
			t = fixture_begin(f, STORE_WRITE);
			(void)piece(t, &l, 100, &from);
			fixture_commit(t);
		} while (from);
		t = fixture_begin(f, STORE_READ);
		assert_true(measure(t).octets <= 512 * KIB);
		assert_true(fixture_count(t, 0).bytes_used < (uint64_t)3072 * KIB);
		store_abort(t);
	}
}

/* Until there is no room: then it must be possible to make some. */
static void
a_full_map(void **state)
{
	struct fixture *f = *state;
	const struct journal_limits l = {.now = 1000000, .max_octets = 0};
	uint64_t from = 0;
	size_t removed = 0;

	for (bool full = false; !full;) {
		struct store_txn *t = fixture_begin(f, STORE_WRITE);
		struct err err = {0};

		for (int i = 0; i < 100 && !full; i++) {
			_cleanup_(journal_entry_free) struct journal_entry *e =
			    some_entry(1, (uint8_t)(i + 1), 1000, 3000);

			full = journal_intend(t, e, &err) < 0 ||
			       journal_finish(t, e->number, JOURNAL_DONE, NULL, &err) < 0;
		}
		if (full)
			store_abort(t);
		else
			full = store_commit(t, &err) < 0;
		assert_true(!full || err.src == ERR_LMDB);
	}
	do {
		struct store_txn *t = fixture_begin(f, STORE_WRITE);

		removed += piece(t, &l, 500, &from);
		fixture_commit(t);
	} while (from);
	assert_true(removed > 1000);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
#define TXN(f) cmocka_unit_test_setup_teardown(f, fixture_setup_txn, fixture_teardown)
	static const struct CMUnitTest tests[] = {
	    TXN(by_age),
	    TXN(what_is_under_way_stays),
	    TXN(many_that_stay),
	    TXN(by_size),
	    TXN(from_the_future),
	    TXN(damaged),
	    TEST(a_crash_between_pieces),
	    TEST(the_file_does_not_grow),
	    TEST(a_full_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
