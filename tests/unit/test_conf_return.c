/* SPDX-License-Identifier: MIT */

/* The return flow of a link, as it follows from the configuration. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/conf_fixture.h"

#define ALL                                                                                        \
	(KIND_BIT(KIND_USER) | KIND_BIT(KIND_GROUP) | KIND_BIT(KIND_CONTACT) |                     \
	    KIND_BIT(KIND_DYNAMIC_GROUP) | KIND_BIT(KIND_PUBLIC_FOLDER))
#define SCOPES(...) "return_scopes = ( " __VA_ARGS__ " ); interval_s = 60;"

#define ADOPTED                                                                                    \
	" adopt = ( { tool = \"x\"; source_attribute = \"extensionAttribute3\"; "                  \
	"target_attribute = \"extensionAttribute4\"; value = \"(.*)\"; "                           \
	"source_redirect_domain = \"s.x\"; target_redirect_domain = \"t.x\"; } );"

static const char everything[] = "interval_s = 60;";

/* The link seen from its other end: without return_scopes the whole domain. */
static void
turned(void **state)
{
	_cleanup_(conf_free) struct conf *c = load(base);
	const struct conf_link *l = &c->links[0], *b = l->back;

	(void)state;
	assert_non_null(b);
	assert_null(l->forth);
	assert_ptr_equal(b->forth, l);
	assert_ptr_equal(b->source, l->target);
	assert_ptr_equal(b->target, l->source);
	assert_string_equal(b->name, "acme-globex/return");
	assert_ptr_equal(conf_find_flow(c, b->name), b);
	assert_ptr_equal(conf_find_flow(c, l->name), l);
	assert_null(conf_find_link(c, b->name));
	assert_true(conf_has_others(l));
	assert_string_equal(b->match_bases[0], "OU=Globex GAL,DC=acme,DC=example");
	assert_string_equal(
	    b->admin_group, "/o=acme/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)");
	assert_int_equal(b->n_scopes, 1);
	assert_string_equal(b->scopes[0].base, "DC=globex,DC=example");
	assert_string_equal(b->scopes[0].target_ou, "OU=Globex GAL,DC=acme,DC=example");
	assert_int_equal(b->scopes[0].create, CREATE_CONTACT);
	assert_int_equal(b->scopes[0].on_leave, LEAVE_DELETE);
	assert_int_equal(b->scopes[0].layout, LAYOUT_FLAT);
	assert_int_equal(b->scopes[0].kinds, ALL);
	assert_true(b->scopes[0].hidden_leaves);
	assert_null(b->scopes[0].filter);
}

static void
scoped(void **state)
{
	_cleanup_(free) char *text = edited(base, everything,
	    SCOPES("{ base = \"OU=P,DC=globex,DC=example\"; kinds = [ \"user\" ]; "
		   "filter = \"(!(title=Temp))\"; layout = \"mirror\"; }, "
		   "{ base = \"OU=P,DC=globex,DC=example\"; kinds = [ \"group\" ]; }") ADOPTED);
	_cleanup_(conf_free) struct conf *c = load(text);
	const struct conf_link *b = c->links[0].back;

	(void)state;
	assert_int_equal(b->n_scopes, 2);
	assert_string_equal(b->scopes[0].base, "OU=P,DC=globex,DC=example");
	assert_int_equal(b->scopes[0].kinds, KIND_BIT(KIND_USER));
	assert_int_equal(b->scopes[0].layout, LAYOUT_MIRROR);
	assert_non_null(b->scopes[0].filter);
	assert_int_equal(b->scopes[1].kinds, KIND_BIT(KIND_GROUP));
	assert_null(b->scopes[1].filter);
	/* Where the other tool redirects to is turned too. */
	assert_string_equal(b->adopted_domains[SOURCE][0], "t.x");
	assert_string_equal(b->adopted_domains[TARGET][0], "s.x");
}

static void
none(void **state)
{
	_cleanup_(free) char *text =
	    edited(base, "return_contacts_ou = \"OU=Globex GAL,DC=acme,DC=example\";", "");
	_cleanup_(conf_free) struct conf *c = load(text);

	(void)state;
	assert_null(c->links[0].back);
	assert_false(conf_has_others(&c->links[0]));
}

static const struct conf_mistake wrong[] = {
    {"interval_s = 60;", SCOPES("{ base = \"OU=P,DC=acme,DC=example\"; }"),
	"galsync.conf:22: links[0].return_scopes[0].base: 'OU=P,DC=acme,DC=example' is outside the "
	"domain of forest 'globex'; allowed: an OU in globex.example\n"},
    {"interval_s = 60;",
	SCOPES("{ base = \"OU=P,DC=globex,DC=example\"; }, { base = "
	       "\"OU=Q,OU=P,DC=globex,DC=example\"; }"),
	"galsync.conf:22: links[0].return_scopes[1].base: 'OU=Q,OU=P,DC=globex,DC=example' "
	"overlaps the scope of line 22 ('OU=P,DC=globex,DC=example') and takes the same kinds; "
	"allowed: separate bases or separate kinds\n"},
    {"interval_s = 60;", SCOPES("{ base = \"OU=P,DC=globex,DC=example\"; create = \"mailbox\"; }"),
	"galsync.conf:22: links[0].return_scopes[0].create: unknown key; allowed: base, kinds, "
	"filter, layout\n"},
    {"return_contacts_ou = \"OU=Globex GAL,DC=acme,DC=example\";",
	"return_scopes = ( { base = \"OU=P,DC=globex,DC=example\"; } );",
	"galsync.conf:20: links[0].return_scopes: are of no use without return_contacts_ou; "
	"allowed: both\n"},
};

static void
refused(void **state)
{
	(void)state;
	check_mistakes(wrong, ARRAY_SIZE(wrong));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(turned),
	    TEST(scoped),
	    TEST(none),
	    TEST(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
