/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mapping/store_db.h"
#include "tests/support/store_fixture.h"

static int
see(const struct store_operation *o, void *arg, struct err *err)
{
	struct fixture *f = arg;

	(void)err;
	buf_printf(&f->seen, "%u %d %lld %s\n", fixture_number(&o->source), (int)o->kind,
	    (long long)o->since, o->detail);
	return 0;
}

static int
see_one(const struct store_operation *o, void *arg, struct err *err)
{
	(void)see(o, arg, err);
	return 1;
}

static const char *
all_of(struct fixture *f, uint32_t link)
{
	struct err err;

	buf_reset(&f->seen);
	assert_int_equal(store_each_operation(f->t, link, see, f, &err), 0);
	return fixture_seen(f);
}

static void
put(struct fixture *f, uint32_t link, uint8_t who, enum operation_kind kind, const char *detail)
{
	struct store_operation o = {.source = fixture_guid(who, 1),
	    .kind = kind,
	    .since = 100 + who,
	    .detail = (char *)(uintptr_t)detail};
	struct err err;

	assert_int_equal(store_put_operation(f->t, link, &o, &err), 0);
}

static void
kept_by_link_and_source(void **state)
{
	struct fixture *f = *state;
	struct guid g = fixture_guid(2, 1), unknown = fixture_guid(9, 1);
	struct err err;

	assert_string_equal(all_of(f, 1), "");
	put(f, 1, 2, OPERATION_SWITCH, NULL);
	put(f, 1, 1, OPERATION_TOGGLE, "smtp:x@toggle.example");
	put(f, 2, 2, OPERATION_UNDO, "");
	assert_string_equal(all_of(f, 1), "1 3 101 smtp:x@toggle.example\n2 1 102 \n");
	assert_string_equal(all_of(f, 2), "2 2 102 \n");
	/* One at a time. */
	put(f, 1, 2, OPERATION_UNDO, NULL);
	assert_string_equal(all_of(f, 1), "1 3 101 smtp:x@toggle.example\n2 2 102 \n");
	assert_int_equal(store_clear_operation(f->t, 1, &g, &err), 0);
	assert_int_equal(store_clear_operation(f->t, 1, &unknown, &err), 0);
	assert_string_equal(all_of(f, 1), "1 3 101 smtp:x@toggle.example\n");
	assert_string_equal(all_of(f, 2), "2 2 102 \n");
}

static void
stops_when_told(void **state)
{
	struct fixture *f = *state;
	struct err err;

	put(f, 1, 1, OPERATION_SWITCH, NULL);
	put(f, 1, 2, OPERATION_SWITCH, NULL);
	assert_int_equal(store_each_operation(f->t, 1, see_one, f, &err), 0);
	assert_string_equal(fixture_seen(f), "1 1 101 \n");
}

/* Whatever is on the disk: an error, and nothing is made up. */
static void
damaged(void **state)
{
	static const uint8_t whole[] = {1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0};
	struct fixture *f = *state;
	struct guid g = fixture_guid(1, 1);
	uint8_t key[LINK_GUID_LEN], kinds[] = {0, 6, 255};
	struct err err;

	store_link_guid(1, &g, key);
	for (size_t len = 0; len < sizeof whole; len++) {
		assert_int_equal(store_db_put(f->t, DB_OPERATION, (struct bytes){key, sizeof key},
				     (struct bytes){whole, len}, &err),
		    0);
		assert_int_equal(store_each_operation(f->t, 1, see, f, &err), -1);
		assert_int_equal(err.src, ERR_DATA);
		assert_non_null(strstr(err.text, "damaged operation"));
	}
	for (size_t i = 0; i < sizeof kinds; i++) {
		uint8_t bad[sizeof whole];

		memcpy(bad, whole, sizeof bad);
		bad[0] = kinds[i];
		assert_int_equal(store_db_put(f->t, DB_OPERATION, (struct bytes){key, sizeof key},
				     (struct bytes){bad, sizeof bad}, &err),
		    0);
		assert_int_equal(store_each_operation(f->t, 1, see, f, &err), -1);
	}
	assert_int_equal(f->seen.len, 0);
	/* It can still be put right. */
	put(f, 1, 1, OPERATION_SWITCH, NULL);
	assert_string_equal(all_of(f, 1), "1 1 101 \n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup_txn, fixture_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(kept_by_link_and_source), TEST(stops_when_told), TEST(damaged)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
