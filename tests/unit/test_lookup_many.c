/* SPDX-License-Identifier: MIT */
/* A look-up finds everyone who has the value, however many they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/store_fixture.h"

#define MANY 100
#define X500 "/o=acme/cn=shared"
#define ADDRESS "help@acme.example"
#define TARGET_DN "CN=Shared,DC=globex,DC=example"

/* Number N of link LINK, with a value of its own and one that all have under each key. */
static void
put(struct store_txn *t, uint32_t link, uint8_t n)
{
	_cleanup_(record_free) struct record *r = fixture_record(link, n);
	struct record_side *target = &r->side[TARGET];
	struct err err = {0};

	assert_int_equal(record_add_address(r, ADDRESS), 0);
	assert_int_equal(record_add_legacy_dn(&r->side[SOURCE], X500), 0);
	assert_int_equal(record_set_str(&r->alias, "help"), 0);
	assert_int_equal(record_set_str(&target->dn, TARGET_DN), 0);
	target->guid = fixture_guid(MANY + 1, 2);
	assert_int_equal(record_set_sid(target, (struct bytes){"\1\1\0\0\0\0\0\5\1\0\0\0", 12}), 0);
	if (store_put(t, r, &err) < 0)
		fail_msg("%s", err.text);
}

static int
setup(void **state)
{
	struct fixture *f;

	(void)fixture_setup_txn(state);
	f = *state;
	for (uint8_t n = 1; n <= MANY; n++)
		put(f->t, 1, n);
	return 0;
}

/* How often each was given. */
struct census {
	unsigned seen[MANY + 2], n, stop_at;
	struct store_txn *t;
	enum store_key key;
};

static int
count(const struct record *r, void *arg, struct err *err)
{
	struct census *c = arg;

	(void)err;
	c->seen[fixture_number(&r->side[SOURCE].guid)]++;
	return ++c->n == c->stop_at;
}

static void
assert_everyone(const struct census *c)
{
	assert_int_equal(c->n, MANY);
	for (size_t i = 1; i <= MANY; i++)
		assert_int_equal(c->seen[i], 1);
}

static const struct {
	enum store_key key;
	const char *value;
} shared[] = {
    {KEY_ADDRESS, ADDRESS},
    {KEY_X500, X500},
    {KEY_ALIAS, "Help"},
    {KEY_DN, "cn=shared, dc=globex, dc=example"},
    {KEY_SID, "S-1-5-1"},
    {KEY_TARGET_GUID, "33221165-5544-7766-8802-000000000000"},
};

static void
everyone(void **state)
{
	struct fixture *f = *state;
	struct err err = {0};

	for (size_t i = 0; i < ARRAY_SIZE(shared); i++) {
		struct census one = {.n = 0}, who = {.n = 0}, some = {.stop_at = 70};

		assert_int_equal(
		    store_lookup(f->t, shared[i].key, shared[i].value, count, &one, &err), 0);
		assert_everyone(&one);
		assert_int_equal(store_lookup_who(f->t, shared[i].value, count, &who, &err), 0);
		assert_everyone(&who);
		assert_int_equal(
		    store_lookup(f->t, shared[i].key, shared[i].value, count, &some, &err), 0);
		assert_int_equal(some.n, 70);
	}
}

static int
look_up_all(const struct record *r, void *arg, struct err *err)
{
	struct census *outer = arg, inner = {.n = 0};

	assert_int_equal(store_lookup(outer->t, KEY_ADDRESS, ADDRESS, count, &inner, err), 0);
	assert_everyone(&inner);
	return count(r, outer, err);
}

/* The callback may look up others, and stops nothing by it. */
static void
within_each_other(void **state)
{
	struct fixture *f = *state;
	struct census c = {.t = f->t};
	struct err err = {0};

	assert_int_equal(store_lookup(f->t, KEY_ALIAS, "help", look_up_all, &c, &err), 0);
	assert_everyone(&c);
}

static int
take_it_away(const struct record *r, void *arg, struct err *err)
{
	struct census *c = arg;
	_cleanup_(record_free) struct record *copy = NULL;

	assert_int_equal(record_dup(r, &copy, err), 0);
	record_clear_addresses(copy);
	assert_int_equal(store_put(c->t, copy, err), 0);
	return count(r, c, err);
}

/* Nor does a write of what is looked up. */
static void
written_meanwhile(void **state)
{
	struct fixture *f = *state;
	struct census c = {.t = f->t}, after = {.n = 0};
	struct err err = {0};

	assert_int_equal(store_lookup(f->t, KEY_ADDRESS, ADDRESS, take_it_away, &c, &err), 0);
	assert_everyone(&c);
	assert_int_equal(store_lookup(f->t, KEY_ADDRESS, ADDRESS, count, &after, &err), 0);
	assert_int_equal(after.n, 0);
}

/* One object that is the source, or the target, in many links. */
static void
many_links(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	struct guid source = fixture_guid(1, 1), target = fixture_guid(MANY + 1, 2);
	struct census c = {.n = 0};
	struct err err = {0};
	char name[16];

	for (uint32_t link = 1; link <= MANY; link++) {
		(void)snprintf(name, sizeof name, "link%u", link);
		assert_int_equal(fixture_link(t, name), link);
		put(t, link, 1);
	}
	assert_int_equal(store_lookup_guid(t, SOURCE, &source, count, &c, &err), 0);
	assert_int_equal(c.n, MANY);
	for (uint32_t link = 1; link <= MANY; link++) {
		for (int s = SOURCE; s < SIDES; s++) {
			_cleanup_(record_free) struct record *r = NULL;

			assert_int_equal(store_find_guid(t, link, (enum side)s,
					     s == SOURCE ? &source : &target, &r, &err),
			    0);
			assert_non_null(r);
			assert_int_equal(r->link, link);
		}
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(everyone),
	    TEST(within_each_other),
	    TEST(written_meanwhile),
	    cmocka_unit_test_setup_teardown(many_links, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
