/* SPDX-License-Identifier: MIT */

/* Settings that give one value to two objects. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/rules/same_value.h"
#include "tests/support/given.h"

#define ANN MAILBOX("Ann", "ann", "givenName: Ann\ndepartment: Sales\n")
#define ANNE MAILBOX("Anne", "anne", "givenName: ANN\ndepartment: Sales\n")
#define BEA MAILBOX("Bea", "bea", "givenName: Bea\n")
#define CID CONTACT("Cid", "cid", "givenName: Ann\n")

static const struct values_case {
	const char *name, *objects[4];
	const char *primary, *row, *source;
	enum row_how how;
	unsigned kinds;
	bool nothing;	  /* to be asked */
	const char *want; /* NULL: all is well */
} cases[] = {
    {"no setting", .nothing = true},
    {"a row of what may be the same", .row = "department", .source = "company", .nothing = true},
    {"a constant is the configuration's mistake", .row = "cn", .source = "x", .how = ROW_CONSTANT,
	.nothing = true},

    {"one of each", {ANN, BEA}, .primary = "%{givenName}@globex.example"},
    {"one of two, whatever the case", {BEA, ANNE, ANN}, .primary = "%{givenName}@globex.example",
	.want = "site.conf:3: primary_address: '%{givenName}@globex.example' gives 1 value to more "
		"than one object, such as 'ann@globex.example' to 'CN=Ann" ACME
		"' and 'CN=Anne" ACME "'; allowed: what no two objects have in common"},
    {"contacts keep their own", {ANN, CID}, .primary = "%{givenName}@globex.example"},
    {"what gives none", {BEA, CID}, .primary = "%{department}@globex.example"},

    {"a copy", {ANN, ANNE, BEA}, .row = "sAMAccountName", .source = "department",
	.want = "site.conf:7: source: 'department' gives 1 value to more than one object, such as "
		"'sales' to 'CN=Ann" ACME "' and 'CN=Anne" ACME
		"'; allowed: what no two objects have in common"},
    {"a template", {ANN, ANNE, CID}, .row = "userPrincipalName",
	.source = "%{givenName}@globex.example", .how = ROW_TEMPLATE,
	.want = "site.conf:7: value: '%{givenName}@globex.example' gives 1 value to more than one "
		"object, such as 'ann@globex.example' to 'CN=Ann" ACME "' and 'CN=Anne" ACME
		"'; allowed: what no two objects have in common"},
    {"of some kinds", {ANN, CID}, .row = "mailNickname", .source = "givenName",
	.kinds = KIND_BIT(KIND_USER)},
};

static void
arrange(struct given *g, const struct values_case *c, struct conf_row *row)
{
	given_init(g);
	g->link.file = given_str("site.conf");
	g->link.line = 3;
	g->link.primary_template = given_str(c->primary);
	*row = (struct conf_row){.attr = given_str(c->row),
	    .source = c->source,
	    .how = c->how,
	    .kinds = c->kinds,
	    .file = given_str("site.conf"),
	    .line = 7};
	g->link.rows = row;
	g->link.n_rows = c->row != NULL;
}

static void
give(struct same_value *s, const struct values_case *c)
{
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(c->objects) && c->objects[i]; i++) {
		_cleanup_(entry_free) struct entry *e = given_entry(c->objects[i]);

		assert_int_equal(same_value_add(s, e, kind_of(e), &err), 0);
	}
}

static void
given_twice(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct values_case *c = &cases[i];
		_cleanup_(same_value_free) struct same_value *s = NULL;
		_cleanup_(mistakes_done) struct mistakes found = {.n = 0};
		struct conf_row row;
		struct given g;
		struct err err;

		arrange(&g, c, &row);
		assert_int_equal(same_value_new(&g.link, &s, &err), 0);
		given_same(
		    i, c->name, s ? "asked" : "not asked", c->nothing ? "not asked" : "asked");
		if (!s)
			continue;
		give(s, c);
		same_value_tell(s, &found);
		assert_false(found.nomem);
		given_same(i, c->name, found.n ? found.v[0].text : NULL, c->want);
		assert_true(found.n <= 1);
		assert_null(mistakes_stop(&found));
	}
	given_all_same();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(given_twice)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
