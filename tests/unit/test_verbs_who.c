/* SPDX-License-Identifier: MIT */

/* Every name that cannot be taken is named in the answer, whatever it looks like. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/base/json.h"
#include "dsa/daemon/verbs_who.h"
#include "tests/support/store_fixture.h"

#define LINK "acme-globex"

/* Two mailboxes of the link, and one of another link. */
static void
fill(struct fixture *f)
{
	struct store_txn *t = fixture_begin(f, STORE_WRITE);
	uint32_t link = fixture_link(t, LINK), other = fixture_link(t, "other");

	(void)fixture_put(t, link, 1);
	(void)fixture_put(t, link, 2);
	(void)fixture_put(t, other, 3);
	fixture_commit(t);
}

static json_t *
problems_with(struct fixture *f, json_t *objects, bool fresh)
{
	_cleanup_(json_release) json_t *own = objects;
	struct verbs v = {.store = f->s};
	struct guid g[8];
	json_t *problems = json_array();

	assert_true(json_array_size(own) <= ARRAY_SIZE(g));
	verbs_identify(&v, LINK, own, fresh, g, &problems);
	assert_non_null(problems);
	return problems;
}

static const char *
text_of(const json_t *problems, size_t i, const char *key)
{
	const char *s = json_string_value(json_object_get(json_array_get(problems, i), key));

	assert_non_null(s);
	return s;
}

/* A native may be approved and synchronized, not switched. */
static void
natives(void **state)
{
	struct store_txn *t = fixture_begin(*state, STORE_WRITE);
	_cleanup_(json_release) json_t *taken = NULL, *refused = NULL;

	(void)fixture_put(t, fixture_link(t, LINK), 1);
	(void)fixture_put(t, fixture_link(t, LINK "/return"), 4);
	fixture_commit(t);
	taken = problems_with(*state, json_pack("[s, s]", "User1", "User4"), true);
	assert_int_equal(json_array_size(taken), 0);
	refused = problems_with(*state, json_pack("[s, s]", "User1", "User4"), false);
	assert_int_equal(json_array_size(refused), 1);
	assert_string_equal(text_of(refused, 0, "dn"), "User4");
}

static void
each_is_named(void **state)
{
	_cleanup_(json_release) json_t *p = NULL;

	fill(*state);
	p = problems_with(*state,
	    json_pack(
		"[s, s, s, s, i, s]", "User1", "nobody", "User1@acme.example", "User3", 7, "User2"),
	    false);
	assert_int_equal(json_array_size(p), 4);
	assert_string_equal(text_of(p, 0, "dn"), "nobody");
	assert_string_equal(text_of(p, 0, "text"), "'nobody' is not in the map of link '" LINK "'");
	assert_string_equal(text_of(p, 1, "text"), "it is named twice");
	assert_string_equal(text_of(p, 2, "dn"), "User3");
	assert_string_equal(text_of(p, 3, "dn"), "");
	assert_string_equal(text_of(p, 3, "text"), "it is no string");
	for (size_t i = 0; i < json_array_size(p); i++) {
		assert_string_equal(text_of(p, i, "guid"), "");
		assert_true(json_is_false(json_object_get(json_array_get(p, i), "ok")));
	}
}

/* The reason has room for a part of the name, which ends inside a character. */
static void
a_long_name_is_named_too(void **state)
{
	_cleanup_(json_release) json_t *p = NULL;
	char name[302] = "";

	fill(*state);
	for (size_t i = 1; i < sizeof name - 1; i += 2)
		memcpy(name + i, "\xc3\xa9", 2);
	name[0] = 'x';
	name[sizeof name - 1] = '\0';
	p = problems_with(*state, json_pack("[s, s]", name, "User1"), false);
	assert_int_equal(json_array_size(p), 1);
	assert_string_equal(text_of(p, 0, "dn"), name);
	assert_non_null(strstr(text_of(p, 0, "text"), "is not in the map"));
}

static void
a_guid_need_not_be_known(void **state)
{
	static const char guid[] = "01234567-89ab-cdef-0123-456789abcdef";
	json_t *p;

	fill(*state);
	p = problems_with(*state, json_pack("[s]", guid), true);
	assert_int_equal(json_array_size(p), 0);
	json_decref(p);
	p = problems_with(*state, json_pack("[s]", guid), false);
	assert_int_equal(json_array_size(p), 1);
	json_decref(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(natives, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(each_is_named, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(
		a_long_name_is_named_too, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(
		a_guid_need_not_be_known, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
