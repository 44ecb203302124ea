/* SPDX-License-Identifier: MIT */

/* What an operator can do about a refusal. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/ldap/ldap_err.h"
#include "dsa/rules/advice.h"
#include "tests/support/given.h"

static const struct {
	int code;
	enum change_op op;
	const char *object;    /* NULL: none */
	const char *from, *to; /* of groupType, or NULL */
	const char *want;      /* a word of it; "" for nothing at all */
} rows[] = {
    {50, CHANGE_MODIFY, THERE("user", "Ann", "adminCount: 1\n"), .want = "AdminSDHolder"},
    {50, CHANGE_MODIFY, THERE("user", "Ann", ""), .want = "delegate.sh"},
    {50, CHANGE_MODIFY, THERE("user", "Ann", "adminCount: 0\n"), .want = "delegate.sh"},
    {50, CHANGE_ADD, NULL, .want = "delegate.sh"},
    {66, CHANGE_DELETE, THERE("user", "Ann", ""), .want = "delete_children"},
    {66, CHANGE_RENAME, THERE("user", "Ann", ""), .want = ""},
    {11, CHANGE_MODIFY, THERE("user", "Ann", ""), .want = "more values"},
    {53, CHANGE_MODIFY, THERE("group", "Ann", ""), "8", "2", .want = "universal"},
    {53, CHANGE_MODIFY, THERE("group", "Ann", ""), .want = ""},
    {19, CHANGE_MODIFY, THERE("user", "Ann", ""), .want = ""},
};

static void
advice(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(entry_free) struct entry *e =
		    rows[i].object ? given_entry(rows[i].object) : NULL;
		_cleanup_(change_free) struct change *c = change_new(rows[i].op, "CN=Ann", NULL);
		struct err err;
		const char *said;

		assert_non_null(c);
		if (rows[i].from)
			assert_int_equal(change_mod_str(c, MOD_DELETE, "groupType", rows[i].from) +
					     change_mod_str(c, MOD_ADD, "groupType", rows[i].to),
			    0);
		(void)err_ldap(&err, rows[i].code, NULL, "modify");
		said = advice_of(&err, c, e);
		if (!*rows[i].want ? *said != '\0' : !strstr(said, rows[i].want))
			fail_msg("%zu: '%s', not '%s'", i, said, rows[i].want);
	}
}

/* Of a protected object the script that grants is no help. */
static void
no_wrong_advice(void **state)
{
	_cleanup_(entry_free) struct entry *e =
	    given_entry(THERE("user", "Ann", "adminCount: 1\n"));
	_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, "CN=Ann", NULL);
	struct err err;

	(void)state;
	(void)err_ldap(&err, 50, NULL, "modify");
	assert_null(strstr(advice_of(&err, c, e), "delegate.sh"));
	(void)err_data(&err, "no reply of a server");
	assert_string_equal(advice_of(&err, c, e), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(advice),
	    cmocka_unit_test(no_wrong_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
