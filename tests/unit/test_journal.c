/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/directory/digest.h"
#include "mapping/journal.h"
#include "tests/support/store_fixture.h"

static struct journal_entry *
some_entry(uint32_t link, uint64_t cycle, uint8_t who, int64_t at)
{
	struct journal_entry *e = journal_entry_new();
	struct guid g = fixture_guid(who, 2);

	assert_non_null(e);
	e->link = link;
	e->cycle = cycle;
	e->side = TARGET;
	e->at = at;
	e->source = who ? fixture_guid(who, 1) : (struct guid){{0}};
	e->reason = strdup("project");
	e->change = change_new(CHANGE_MODIFY, "CN=x,DC=y", &g);
	e->before = entry_new("CN=x,DC=y");
	assert_true(e->reason && e->change && e->before);
	assert_int_equal(change_mod_str(e->change, MOD_ADD, "mail", "a@x"), 0);
	assert_int_equal(entry_touch(e->before, "mail"), 0);
	return e;
}

static uint64_t
intend(struct store_txn *t, uint32_t link, uint64_t cycle, uint8_t who, int64_t at)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = some_entry(link, cycle, who, at);
	struct err err = {0};

	if (journal_intend(t, e, &err) < 0)
		fail_msg("%s", err.text);
	return e->number;
}

static void
finish(struct store_txn *t, uint64_t number, enum journal_outcome outcome, const char *error)
{
	struct err err = {0};

	assert_int_equal(journal_finish(t, number, outcome, error, &err), 0);
}

/* Appends "<number>:<outcome>[:<error>];", and stops behind number STOP. */
struct notes {
	struct buf text;
	uint64_t stop;
};

static int
note(const struct journal_entry *e, void *arg, struct err *err)
{
	struct notes *n = arg;

	(void)err;
	buf_printf(&n->text, "%llu:%d%s%s;", (unsigned long long)e->number, (int)e->outcome,
	    e->error ? ":" : "", e->error ? e->error : "");
	return e->number == n->stop;
}

enum walk { WALK_ALL, WALK_OPEN, WALK_OF };

static void
assert_walk(struct store_txn *t, enum walk walk, uint64_t of, uint64_t stop, const char *expected)
{
	struct notes n = {.stop = stop};
	struct guid g = fixture_guid((uint8_t)of, 1);
	struct err err = {0};
	int rc = 0;

	buf_add_str(&n.text, "");
	switch (walk) {
	case WALK_ALL: rc = journal_each(t, of, note, &n, &err); break;
	case WALK_OPEN: rc = journal_each_open(t, (uint32_t)of, note, &n, &err); break;
	case WALK_OF: rc = journal_each_of(t, &g, note, &n, &err); break;
	}
	assert_int_equal(rc, 0);
	assert_string_equal((char *)n.text.data, expected);
	buf_done(&n.text);
}

static struct journal_size
measure(struct store_txn *t)
{
	struct journal_size n = {0};
	struct err err = {0};

	assert_int_equal(journal_measure(t, &n, &err), 0);
	return n;
}

static void
intents_and_outcomes(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = fixture_begin(f, STORE_WRITE);

	for (uint8_t i = 1; i <= 5; i++)
		assert_int_equal(intend(t, 1 + i % 2, 10, i, 1000), i);
	assert_walk(t, WALK_OPEN, 0, 0, "1:0;2:0;3:0;4:0;5:0;");
	assert_walk(t, WALK_OPEN, 2, 0, "1:0;3:0;5:0;");
	assert_walk(t, WALK_OPEN, 0, 2, "1:0;2:0;");
	finish(t, 1, JOURNAL_DONE, NULL);
	finish(t, 2, JOURNAL_FAILED, "no such object");
	finish(t, 4, JOURNAL_STALE, "");
	assert_walk(t, WALK_OPEN, 0, 0, "3:0;5:0;");
	assert_walk(t, WALK_OPEN, 1, 0, "");
	assert_walk(t, WALK_ALL, 0, 0, "1:1;2:2:no such object;3:0;4:3;5:0;");
	fixture_commit(t);

	/* What a crash leaves is what was committed. */
	t = fixture_begin(f, STORE_WRITE);
	finish(t, 3, JOURNAL_DONE, NULL);
	store_abort(t);
	store_close(TAKE(f->s));
	fixture_open_store(f, 16);
	t = fixture_begin(f, STORE_WRITE);
	assert_walk(t, WALK_OPEN, 0, 0, "3:0;5:0;");
	finish(t, 3, JOURNAL_DONE, NULL);
	finish(t, 3, JOURNAL_DONE, NULL); /* again does no harm */
	finish(t, 5, JOURNAL_DONE, NULL);
	assert_walk(t, WALK_OPEN, 0, 0, "");
	assert_int_equal(intend(t, 1, 10, 6, 1000), 6);
	assert_int_equal(measure(t).entries, 6);
	store_abort(t);
}

static void
cycles(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	uint64_t one = 0, two = 0;
	struct err err = {0};

	assert_int_equal(journal_begin_cycle(t, 1, &one, &err), 0);
	assert_int_equal(journal_begin_cycle(t, 2, &two, &err), 0);
	assert_true(one > 0 && two > one);
	(void)intend(t, 1, one, 1, 1000);
	(void)intend(t, 2, two, 2, 1000);
	(void)intend(t, 1, one, 3, 1000);
	assert_walk(t, WALK_ALL, one, 0, "1:0;3:0;");
	assert_walk(t, WALK_ALL, two, 0, "2:0;");
	assert_walk(t, WALK_ALL, two + 1, 0, "");
	assert_walk(t, WALK_ALL, 0, 2, "1:0;2:0;");
}

/* By source GUID, oldest first, beyond 256 entries too. */
static void
about(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);

	for (unsigned i = 1; i <= 520; i++)
		(void)intend(t, 1, 1, i % 257 == 2 ? 7 : 0, 1000);
	finish(t, 259, JOURNAL_DONE, NULL);
	assert_walk(t, WALK_OF, 7, 0, "2:0;259:1;516:0;");
	assert_walk(t, WALK_OF, 7, 2, "2:0;");
	assert_walk(t, WALK_OF, 8, 0, "");
}

static int
take(const struct journal_entry *e, void *arg, struct err *err)
{
	struct journal_entry *to = arg;

	(void)err;
	to->number = e->number;
	to->change = change_dup(e->change);
	to->before = e->before ? entry_dup(e->before) : NULL;
	to->reason = strdup(e->reason);
	to->cycle = e->cycle;
	to->link = e->link;
	to->side = e->side;
	to->at = e->at;
	return 1;
}

static void
what_was_written(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	_cleanup_(journal_entry_free) struct journal_entry *e = journal_entry_new();
	struct err err = {0};

	(void)intend(t, 3, 10, 1, 1700000000);
	assert_int_equal(journal_each(t, 0, take, e, &err), 0);
	assert_int_equal(e->number, 1);
	assert_int_equal(e->link, 3);
	assert_int_equal(e->cycle, 10);
	assert_int_equal(e->side, TARGET);
	assert_int_equal(e->at, 1700000000);
	assert_string_equal(e->reason, "project");
	assert_int_equal(e->change->op, CHANGE_MODIFY);
	assert_string_equal(e->change->mods[0].values[0].data, "a@x");
	assert_non_null(entry_find(e->before, "mail"));
}

static struct journal_entry *
decode(const void *data, size_t len)
{
	struct journal_entry *e = NULL;
	struct err err = {0};

	if (journal_decode((struct bytes){data, len}, 3, &e, &err) < 0) {
		assert_int_equal(err.src, ERR_DATA);
		assert_null(e);
	}
	return e;
}

static void
encoding(void **state)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = some_entry(1, 2, 3, 4),
							   *back = NULL;
	_cleanup_(buf_done) struct buf b = {0}, again = {0};

	(void)state;
	journal_encode(e, &b);
	back = decode(b.data, b.len);
	assert_non_null(back);
	assert_int_equal(back->number, 3);
	assert_int_equal(back->outcome, JOURNAL_OPEN);
	journal_encode(back, &again);
	assert_true(bytes_equal(buf_bytes(&b), buf_bytes(&again)));
	for (size_t len = 0; len < b.len; len++) {
		_cleanup_(free) void *cut = bytes_dup((struct bytes){b.data, len});

		assert_null(decode(cut, len));
	}
	buf_add_u8(&b, 0);
	assert_null(decode(b.data, b.len));
}

/* An add has no before-image. */
static void
without_before(void **state)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = some_entry(1, 2, 3, 4),
							   *back = NULL;
	_cleanup_(buf_done) struct buf b = {0};

	(void)state;
	entry_free(TAKE(e->before));
	journal_encode(e, &b);
	back = decode(b.data, b.len);
	assert_non_null(back);
	assert_null(back->before);
	journal_entry_free(NULL);
}

/* ---- large values ---- */

#define PHOTO ((size_t)100 << 10)

/* The change of a photo: photo N is there, photo N + 1 is to be. */
static uint64_t
intend_photo(struct store_txn *t, uint8_t who, int n)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = some_entry(1, 1, who, 1000 + n);
	_cleanup_(free) uint8_t *old = calloc(1, PHOTO), *new = calloc(1, PHOTO);
	struct err err = {0};

	assert_true(old && new);
	memset(old, n, PHOTO);
	memset(new, n + 1, PHOTO);
	assert_int_equal(
	    change_mod(e->change, MOD_DELETE, "thumbnailPhoto", (struct bytes){old, PHOTO}), 0);
	assert_int_equal(
	    change_mod(e->change, MOD_ADD, "thumbnailPhoto", (struct bytes){new, PHOTO}), 0);
	assert_int_equal(entry_add(e->before, "thumbnailPhoto", (struct bytes){old, PHOTO}), 0);
	if (journal_intend(t, e, &err) < 0)
		fail_msg("%s", err.text);
	finish(t, e->number, JOURNAL_DONE, NULL);
	return e->number;
}

struct photos {
	size_t whole, digests, n;
	uint64_t last_whole;
};

static int
count_photos(const struct journal_entry *e, void *arg, struct err *err)
{
	const struct attr *a = entry_find(e->before, "thumbnailPhoto");
	struct photos *p = arg;

	(void)err;
	p->n++;
	assert_non_null(entry_find(e->before, "mail"));
	for (size_t i = 0; i < e->change->n_mods; i++)
		if (strcmp(e->change->mods[i].attr, "mail") != 0)
			assert_true(digest_is(e->change->mods[i].values[0]));
	if (a && digest_is(a->values[0])) {
		p->digests++;
	} else if (a) {
		p->whole++;
		p->last_whole = e->number;
		assert_int_equal(a->values[0].len, PHOTO);
	}
	return 0;
}

static void
photos(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = NULL;
	struct journal_size size;
	struct photos p = {0};
	uint64_t last = 0;
	struct err err = {0};

	for (int i = 0; i < 200; i++) {
		t = fixture_begin(f, STORE_WRITE);
		last = intend_photo(t, 1, i);
		fixture_commit(t);
	}
	t = fixture_begin(f, STORE_WRITE);
	(void)intend_photo(t, 2, 0);
	assert_int_equal(journal_measure(t, &size, &err), 0);
	assert_true(size.octets < (uint64_t)2 << 20);
	assert_int_equal(journal_each(t, 0, count_photos, &p, &err), 0);
	assert_int_equal(p.n, 201);
	assert_int_equal(p.whole, 2);
	assert_int_equal(p.last_whole, last + 1);
	assert_int_equal(p.digests, 199);
	fixture_commit(t);
}

static void
digests(void **state)
{
	static const uint8_t large[DIGEST_ABOVE + 1] = {1}, other[DIGEST_ABOVE + 1] = {2};
	static const uint8_t forged[48] = "\0sha256";
	struct bytes v = {large, sizeof large}, w = {other, sizeof other};
	_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, "CN=x", NULL);

	(void)state;
	assert_non_null(c);
	assert_int_equal(change_mod(c, MOD_ADD, "a", (struct bytes){large, DIGEST_ABOVE}), 0);
	assert_false(digest_change_is_due(c));
	assert_int_equal(change_mod(c, MOD_ADD, "a", v), 0);
	assert_int_equal(change_mod(c, MOD_ADD, "a", (struct bytes){forged, sizeof forged}), 0);
	assert_true(digest_change_is_due(c));
	assert_int_equal(digest_change(c), 0);
	assert_int_equal(c->mods[0].values[0].len, DIGEST_ABOVE);
	assert_true(digest_matches(c->mods[0].values[1], v));
	assert_false(digest_matches(c->mods[0].values[1], w));
	assert_false(digest_matches(c->mods[0].values[1], (struct bytes){large, DIGEST_ABOVE}));
	/* What looks like a digest is one of itself. */
	assert_true(digest_is(c->mods[0].values[2]));
	assert_true(digest_matches(c->mods[0].values[2], (struct bytes){forged, sizeof forged}));
	assert_false(digest_matches((struct bytes){forged, sizeof forged}, (struct bytes){"", 0}));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(intents_and_outcomes),
	    TEST(cycles),
	    TEST(about),
	    TEST(what_was_written),
	    TEST(photos),
	    cmocka_unit_test(digests),
	    cmocka_unit_test(encoding),
	    cmocka_unit_test(without_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
