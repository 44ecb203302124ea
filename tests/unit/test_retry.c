/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mapping/proven_time.h"
#include "mapping/store_db.h"
#include "tests/support/store_fixture.h"

static int
see(const struct store_retry *r, void *arg, struct err *err)
{
	struct fixture *f = arg;

	(void)err;
	buf_printf(&f->seen, "%u %u %lld %lld %s %s\n", fixture_number(&r->source), r->attempts,
	    (long long)r->since, (long long)r->next, r->dn, r->why);
	return 0;
}

static int
see_one(const struct store_retry *r, void *arg, struct err *err)
{
	(void)see(r, arg, err);
	return 1;
}

static const char *
due(struct fixture *f, uint32_t link, int64_t now)
{
	struct err err;

	buf_reset(&f->seen);
	assert_int_equal(store_each_retry(f->t, link, now, see, f, &err), 0);
	return fixture_seen(f);
}

static void
put(struct fixture *f, uint32_t link, uint8_t who, const char *why, int64_t now)
{
	struct guid g = fixture_guid(who, 1);
	struct err err;

	assert_int_equal(store_put_retry(f->t, link, &g, "CN=x", why, now, &err), 0);
}

static void
found(void **state)
{
	struct fixture *f = *state;
	struct guid one = fixture_guid(1, 1), two = fixture_guid(2, 1);
	struct store_retry r;
	struct err err;
	bool is_there;

	put(f, 1, 1, "no", 1000);
	put(f, 1, 1, "still no", 2000);
	assert_int_equal(store_find_retry(f->t, 1, &one, &r, &is_there, &err), 0);
	assert_true(is_there);
	assert_int_equal(r.attempts, 2);
	assert_int_equal(r.since, 2000);
	assert_string_equal(r.why, "still no");
	store_retry_done(&r);
	assert_int_equal(store_find_retry(f->t, 1, &two, &r, &is_there, &err), 0);
	assert_false(is_there);
	assert_int_equal(store_find_retry(f->t, 2, &one, &r, &is_there, &err), 0);
	assert_false(is_there);
}

/* The pause doubles up to an hour, and the first failure is remembered. */
static void
backs_off(void **state)
{
	static const int64_t pauses[] = {
	    5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(pauses); i++) {
		int64_t now = 1000 + 5000 * (int64_t)i;
		char line[80];

		put(f, 1, 1, "no", now);
		(void)snprintf(line, sizeof line, "1 %zu 1000 %lld CN=x no\n", i + 1,
		    (long long)(now + pauses[i]));
		assert_string_equal(due(f, 1, 0), line);
		assert_string_equal(due(f, 1, now + pauses[i] - 1), "");
		assert_string_equal(due(f, 1, now + pauses[i]), line);
	}
}

static void
many_attempts(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 200; i++)
		put(f, 1, 1, "no", 1000);
	assert_string_equal(due(f, 1, 0), "1 200 1000 4600 CN=x no\n");
}

static void
kept_by_link_and_source(void **state)
{
	struct fixture *f = *state;
	struct guid g = fixture_guid(1, 1), unknown = fixture_guid(9, 1);
	struct err err;

	assert_string_equal(due(f, 1, 0), "");
	put(f, 1, 1, "a", 1000);
	put(f, 1, 2, "b", 2000);
	put(f, 2, 1, "c", 3000);
	assert_string_equal(due(f, 1, 0), "1 1 1000 1005 CN=x a\n2 1 2000 2005 CN=x b\n");
	assert_string_equal(due(f, 1, 1500), "1 1 1000 1005 CN=x a\n");
	assert_string_equal(due(f, 2, 0), "1 1 3000 3005 CN=x c\n");
	/* The last reason counts, and since when it is that one. */
	put(f, 1, 2, "d", 2100);
	assert_string_equal(due(f, 1, 2110), "1 1 1000 1005 CN=x a\n2 2 2100 2110 CN=x d\n");
	assert_int_equal(store_clear_retry(f->t, 1, &g, &err), 0);
	assert_int_equal(store_clear_retry(f->t, 1, &unknown, &err), 0);
	assert_string_equal(due(f, 1, 0), "2 2 2100 2110 CN=x d\n");
	assert_string_equal(due(f, 2, 0), "1 1 3000 3005 CN=x c\n");
	/* One that failed again later begins anew. */
	put(f, 1, 1, "e", 9000);
	assert_string_equal(due(f, 1, 9005), "1 1 9000 9005 CN=x e\n2 2 2100 2110 CN=x d\n");
}

static void
stops_when_told(void **state)
{
	struct fixture *f = *state;
	struct err err;

	put(f, 1, 1, "a", 1000);
	put(f, 1, 2, "b", 1000);
	assert_int_equal(store_each_retry(f->t, 1, 0, see_one, f, &err), 0);
	assert_string_equal(fixture_seen(f), "1 1 1000 1005 CN=x a\n");
}

/* Set back, and nobody waits for long; set forward, and no later than now. */
static void
a_clock_that_was_set(void **state)
{
	struct fixture *f = *state;
	struct err err;

	put(f, 1, 1, "a", 100000);
	assert_string_equal(due(f, 1, 100000 - 1800), "");
	/* The pause has passed, though the clock says half an hour before it. */
	assert_int_equal(store_pass_time(f->t, 6, 0, &err), 0);
	assert_string_equal(due(f, 1, 100000 - 1800), "1 1 100000 100005 CN=x a\n");
	/* Further ahead than any pause is. */
	put(f, 1, 2, "b", 200000);
	assert_string_equal(due(f, 1, 200000 - 3500), "1 1 100000 100005 CN=x a\n");
	assert_string_equal(
	    due(f, 1, 200000 - 3600), "1 1 100000 100005 CN=x a\n2 1 200000 200005 CN=x b\n");
}

/* Whatever is on the disk: an error, and nothing is made up. */
static void
damaged(void **state)
{
	struct fixture *f = *state;
	struct guid g = fixture_guid(1, 1);
	uint8_t key[LINK_GUID_LEN], whole[64];
	struct bytes raw;
	struct err err;
	size_t n;
	bool found;

	put(f, 1, 1, "why", 1000);
	store_link_guid(1, &g, key);
	assert_int_equal(
	    store_db_get(f->t, DB_RETRY, (struct bytes){key, sizeof key}, &raw, &found, &err), 0);
	assert_true(found && raw.len <= sizeof whole);
	n = raw.len;
	memcpy(whole, raw.data, n);
	for (size_t len = 0; len < n; len++) {
		if (len == n - sizeof(uint64_t))
			continue; /* as older maps have it */
		assert_int_equal(store_db_put(f->t, DB_RETRY, (struct bytes){key, sizeof key},
				     (struct bytes){whole, len}, &err),
		    0);
		assert_int_equal(store_each_retry(f->t, 1, 0, see, f, &err), -1);
		assert_int_equal(err.src, ERR_DATA);
		assert_int_equal(store_put_retry(f->t, 1, &g, "CN=x", "no", 1, &err), -1);
	}
	assert_int_equal(f->seen.len, 0);
	assert_int_equal(store_clear_retry(f->t, 1, &g, &err), 0);
	assert_string_equal(due(f, 1, 0), "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup_txn, fixture_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {TEST(found), TEST(backs_off), TEST(many_attempts),
	    TEST(kept_by_link_and_source), TEST(stops_when_told), TEST(a_clock_that_was_set),
	    TEST(damaged)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
