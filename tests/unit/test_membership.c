/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mapping/store_db.h"
#include "tests/support/store_fixture.h"

static int
see(const struct store_membership *m, void *arg, struct err *err)
{
	struct fixture *f = arg;

	(void)err;
	buf_printf(&f->seen, "%u %s %u %lld\n", fixture_number(&m->source),
	    m->wanted ? "in" : "out", m->attempts, (long long)m->next);
	return 0;
}

static int
see_one(const struct store_membership *m, void *arg, struct err *err)
{
	(void)see(m, arg, err);
	return 1;
}

static const char *
due(struct fixture *f, uint32_t link, int64_t now)
{
	struct err err;

	buf_reset(&f->seen);
	assert_int_equal(store_each_membership(f->t, link, now, see, f, &err), 0);
	return fixture_seen(f);
}

static void
put(struct fixture *f, uint32_t link, uint8_t who, bool wanted, int64_t now)
{
	struct guid g = fixture_guid(who, 1);
	struct err err;

	assert_int_equal(store_put_membership(f->t, link, &g, wanted, now, &err), 0);
}

static void
kept(void **state)
{
	struct fixture *f = *state;
	struct guid one = fixture_guid(1, 1), unknown = fixture_guid(9, 1);
	struct err err;

	assert_string_equal(due(f, 1, 0), "");
	put(f, 1, 2, false, 1000);
	put(f, 1, 1, true, 1000);
	put(f, 2, 1, false, 1000);
	assert_string_equal(due(f, 1, 0), "1 in 1 1005\n2 out 1 1005\n");
	assert_string_equal(due(f, 1, 1004), "");
	/* The pause grows, and begins anew for another wish. */
	put(f, 1, 1, true, 2000);
	put(f, 1, 2, true, 2000);
	assert_string_equal(due(f, 1, 2005), "2 in 1 2005\n");
	assert_string_equal(due(f, 1, 2010), "1 in 2 2010\n2 in 1 2005\n");
	buf_reset(&f->seen);
	assert_int_equal(store_each_membership(f->t, 1, 0, see_one, f, &err), 0);
	assert_string_equal(fixture_seen(f), "1 in 2 2010\n");
	assert_int_equal(store_clear_membership(f->t, 1, &one, &err), 0);
	assert_int_equal(store_clear_membership(f->t, 1, &unknown, &err), 0);
	assert_string_equal(due(f, 1, 0), "2 in 1 2005\n");
	assert_string_equal(due(f, 2, 0), "1 out 1 1005\n");
}

/* Whatever is on the disk: an error, and nothing is made up. */
static void
damaged(void **state)
{
	static const uint8_t whole[14] = {1, 1};
	struct fixture *f = *state;
	struct guid g = fixture_guid(1, 1);
	uint8_t key[LINK_GUID_LEN], bad[sizeof whole] = {2};
	struct err err;

	store_link_guid(1, &g, key);
	for (size_t len = 0; len <= sizeof whole; len++) {
		/* That of 13 octets is well. */
		struct bytes raw = {len == 13 ? bad : whole, len};

		assert_int_equal(
		    store_db_put(f->t, DB_MEMBERSHIP, (struct bytes){key, sizeof key}, raw, &err),
		    0);
		assert_int_equal(store_each_membership(f->t, 1, 0, see, f, &err), -1);
		assert_non_null(strstr(err.text, "damaged membership"));
		assert_int_equal(store_put_membership(f->t, 1, &g, true, 1, &err), -1);
	}
	assert_int_equal(f->seen.len, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup_txn, fixture_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {TEST(kept), TEST(damaged)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
