/* SPDX-License-Identifier: MIT */

/* Account names that rows of the configuration give. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/rules/account_name.h"
#include "tests/support/given.h"

#define SAM "sAMAccountName"
#define UPN "userPrincipalName"

static const struct name_case {
	const char *name, *attr;
	const char *row, *source;
	enum row_how how;
	unsigned kinds;
	const char *want; /* NULL: none */
} cases[] = {
    {"no row", .attr = SAM},
    {"a row of another attribute", .attr = SAM, .row = UPN, .source = "employeeID"},
    {"a copy", .attr = SAM, .row = SAM, .source = "employeeID", .want = "4711"},
    {"a copy of what is not there", .attr = SAM, .row = SAM, .source = "employeeNumber"},
    {"any spelling", .attr = SAM, .row = "samaccountname", .source = "employeeID", .want = "4711"},
    {"a template", .attr = UPN, .row = UPN, .source = "%{employeeID}@globex.example",
	.how = ROW_TEMPLATE, .want = "4711@globex.example"},
    {"a template that lacks something", .attr = UPN, .row = UPN,
	.source = "%{employeeNumber}@globex.example", .how = ROW_TEMPLATE},
    {"what is taken away", .attr = UPN, .row = UPN, .how = ROW_REMOVE},
    {"a row of its kind", .attr = SAM, .row = SAM, .source = "employeeID",
	.kinds = KIND_BIT(KIND_USER), .want = "4711"},
    {"a row of other kinds", .attr = SAM, .row = SAM, .source = "employeeID",
	.kinds = KIND_BIT(KIND_GROUP)},
};

static void
given_by_rows(void **state)
{
	_cleanup_(entry_free) struct entry *e =
	    given_entry(MAILBOX("Ann", "ann", "employeeID: 4711\n"));

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct name_case *c = &cases[i];
		_cleanup_(free) char *got = NULL;
		struct conf_row row = {.attr = given_str(c->row),
		    .source = c->source,
		    .how = c->how,
		    .kinds = c->kinds};
		struct given g;
		struct err err;

		given_init(&g);
		g.link.rows = &row;
		g.link.n_rows = c->row != NULL;
		assert_int_equal(account_name_given(&g.link, KIND_USER, e, c->attr, &got, &err), 0);
		given_same(i, c->name, got, c->want);
	}
	given_all_same();
}

/* Of each object another one, and as long as the attribute may be. */
static void
for_a_moment(void **state)
{
	static const struct {
		const char *attr, *value, *want;
	} names[] = {{SAM, "ann", "11111111-1111-1111-1"}, {SAM, "ann@odd", "11111111-1111-1111-1"},
	    {UPN, "ann@globex.example", GIVEN_GUID "@globex.example"}};
	_cleanup_(entry_free) struct entry *e = given_entry(MAILBOX("Ann", "ann", ""));

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_(free) char *got =
		    account_name_between(names[i].attr, names[i].value, &e->guid);

		given_same(i, names[i].value, got, names[i].want);
	}
	given_all_same();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(given_by_rows), cmocka_unit_test(for_a_moment)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
