/* SPDX-License-Identifier: MIT */

/* What a counterpart is to be, and under which redirect address and legacyExchangeDN it is reached.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/rules/project.h"
#include "tests/support/given.h"

#define USER(extra) "dn: CN=Ann" ACME "\nobjectClass: user\n" extra
#define DB "homeMDB: CN=DB1\n"
#define SERVER "msExchHomeServerName: /o=A\n"
#define ACCOUNT_THERE THERE("user", "Ann", "")
#define MAILBOX_THERE THERE("user", "Ann", DB)
#define REMOTE_THERE THERE("user", "Ann", "msExchRecipientTypeDetails: 2147483648\n")
#define REMOTE_ROOM_THERE THERE("user", "Ann", "msExchRecipientTypeDetails: 8589934592\n")
#define MAIL_USER_THERE THERE("user", "Ann", "msExchRecipientTypeDetails: 128\n")
#define BOTH_THERE THERE("user", "Ann", DB "msExchRecipientTypeDetails: 2147483648\n")
#define CONTACT_THERE THERE("contact", "Ann", "")
#define GROUP_THERE THERE("group", "Ann", "")
#define OTHER_THERE THERE("container", "Ann", "")

/* ---- shapes ---- */

static const struct shape_case {
	const char *source, *target;
	enum create_as create;
	enum shape want;
} shapes[] = {
    /* To be created. */
    {USER(DB), NULL, CREATE_MAILBOX, .want = SHAPE_MAILBOX},
    {USER(SERVER), NULL, CREATE_MAILBOX, .want = SHAPE_MAILBOX},
    {USER(""), NULL, CREATE_MAILBOX, .want = SHAPE_MAIL_USER},
    {USER(DB), NULL, CREATE_MAIL_USER, .want = SHAPE_MAIL_USER},
    {USER(""), NULL, CREATE_MAIL_USER, .want = SHAPE_MAIL_USER},
    {USER(DB), NULL, CREATE_CONTACT, .want = SHAPE_CONTACT},
    {USER(""), NULL, CREATE_CONTACT, .want = SHAPE_CONTACT},
    {CONTACT("Ann", "ann", ""), NULL, CREATE_MAILBOX, .want = SHAPE_CONTACT},
    {CONTACT("Ann", "ann", DB), NULL, CREATE_MAIL_USER, .want = SHAPE_CONTACT},
    {GROUP("Ann", "ann", ""), NULL, CREATE_MAILBOX, .want = SHAPE_GROUP},
    {GROUP("Ann", "ann", ""), NULL, CREATE_MAIL_USER, .want = SHAPE_GROUP},
    {GROUP("Ann", "ann", ""), NULL, CREATE_CONTACT, .want = SHAPE_CONTACT},
    {"dn: CN=Ann\nobjectClass: msExchDynamicDistributionList\n", NULL, CREATE_MAILBOX,
	.want = SHAPE_CONTACT},
    {"dn: CN=Ann\nobjectClass: publicFolder\n", NULL, CREATE_MAILBOX, .want = SHAPE_CONTACT},
    {"dn: CN=Ann\n", NULL, CREATE_MAILBOX, .want = SHAPE_CONTACT},
    {"dn: CN=Ann\nobjectClass: user\nobjectClass: computer\n", NULL, CREATE_MAILBOX,
	.want = SHAPE_CONTACT},
    /* Of one that is there: what it is decides, and where it has no mailbox yet the scope. */
    {USER(DB), ACCOUNT_THERE, CREATE_MAILBOX, .want = SHAPE_MAILBOX},
    {USER(DB), ACCOUNT_THERE, CREATE_MAIL_USER, .want = SHAPE_MAIL_USER},
    {USER(DB), ACCOUNT_THERE, CREATE_NOTHING, .want = SHAPE_MAIL_USER},
    {USER(DB), ACCOUNT_THERE, CREATE_CONTACT, .want = SHAPE_MAIL_USER},
    {USER(""), ACCOUNT_THERE, CREATE_MAILBOX, .want = SHAPE_MAIL_USER},
    {USER(""), MAILBOX_THERE, CREATE_MAILBOX, .want = SHAPE_MAILBOX},
    {USER(DB), MAILBOX_THERE, CREATE_MAIL_USER, .want = SHAPE_MAILBOX},
    {USER(DB), MAILBOX_THERE, CREATE_NOTHING, .want = SHAPE_MAILBOX},
    {USER(DB), MAILBOX_THERE, CREATE_CONTACT, .want = SHAPE_MAILBOX},
    {USER(DB), CONTACT_THERE, CREATE_CONTACT, .want = SHAPE_CONTACT},
    {USER(DB), CONTACT_THERE, CREATE_MAILBOX, .want = SHAPE_CONTACT},
    {CONTACT("Ann", "ann", ""), CONTACT_THERE, CREATE_MAILBOX, .want = SHAPE_CONTACT},
    {GROUP("Ann", "ann", ""), GROUP_THERE, CREATE_MAILBOX, .want = SHAPE_GROUP},
    {GROUP("Ann", "ann", ""), GROUP_THERE, CREATE_CONTACT, .want = SHAPE_GROUP},
    {GROUP("Ann", "ann", ""), CONTACT_THERE, CREATE_MAILBOX, .want = SHAPE_CONTACT},
    /* In the tenant of a hybrid organization. */
    {USER(DB), NULL, CREATE_REMOTE_MAILBOX, .want = SHAPE_REMOTE_MAILBOX},
    {USER(""), NULL, CREATE_REMOTE_MAILBOX, .want = SHAPE_MAIL_USER},
    {CONTACT("Ann", "ann", ""), NULL, CREATE_REMOTE_MAILBOX, .want = SHAPE_CONTACT},
    {GROUP("Ann", "ann", ""), NULL, CREATE_REMOTE_MAILBOX, .want = SHAPE_GROUP},
    {USER(DB), ACCOUNT_THERE, CREATE_REMOTE_MAILBOX, .want = SHAPE_REMOTE_MAILBOX},
    {USER(""), ACCOUNT_THERE, CREATE_REMOTE_MAILBOX, .want = SHAPE_MAIL_USER},
    {USER(DB), MAIL_USER_THERE, CREATE_REMOTE_MAILBOX, .want = SHAPE_MAIL_USER},
    {USER(DB), MAILBOX_THERE, CREATE_REMOTE_MAILBOX, .want = SHAPE_MAILBOX},
    {USER(DB), REMOTE_THERE, CREATE_REMOTE_MAILBOX, .want = SHAPE_REMOTE_MAILBOX},
    {USER(DB), REMOTE_THERE, CREATE_MAILBOX, .want = SHAPE_REMOTE_MAILBOX},
    {USER(DB), REMOTE_ROOM_THERE, CREATE_MAIL_USER, .want = SHAPE_REMOTE_MAILBOX},
    {USER(""), REMOTE_THERE, CREATE_NOTHING, .want = SHAPE_REMOTE_MAILBOX},
    {USER(DB), REMOTE_THERE, CREATE_CONTACT, .want = SHAPE_REMOTE_MAILBOX},
    {USER(DB), BOTH_THERE, CREATE_REMOTE_MAILBOX, .want = SHAPE_MAILBOX},
    {USER(DB), OTHER_THERE, CREATE_MAILBOX, .want = SHAPE_CONTACT},
};

static void
shaped(void **state)
{
	struct given g;

	(void)state;
	given_init(&g);
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		_cleanup_(entry_free) struct entry *source = given_entry(shapes[i].source);
		_cleanup_(entry_free) struct entry *target = given_entry(shapes[i].target);

		g.scope.create = shapes[i].create;
		given_same(i, "shape",
		    shape_name(project_shape(&g.scope, kind_of(source), source, target)),
		    shape_name(shapes[i].want));
	}
	given_all_same();
}

/* ---- redirect addresses ---- */

#define ALIAS(text) USER("mailNickname: " text "\n")
#define LOCAL_64 "1234567890123456789012345678901234567890123456789012345678901234"
#define BAD(local) "redirect address: '" local "' cannot be the local part"

static const struct address_case {
	const char *source, *want, *why;
	const char *template;
	enum side side;
	bool no_domain, spare;
} addresses[] = {
    {ALIAS("ann"), .want = "ann@redirect.acme.example"},
    {ALIAS("ann"), .side = TARGET, .want = "ann@redirect.globex.example"},
    {ALIAS("Ann.Ash"), .want = "Ann.Ash@redirect.acme.example"},
    {ALIAS("Ann"), .template = "%{mailNickname:lower}", .want = "ann@redirect.acme.example"},
    {ALIAS("ann"), .template = "x-%{mailNickname}", .want = "x-ann@redirect.acme.example"},
    {ALIAS("ann"), .template = "all", .want = "all@redirect.acme.example"},
    {ALIAS(LOCAL_64), .want = LOCAL_64 "@redirect.acme.example"},
    /* Another object has that of the template. */
    {ALIAS("ann"), .spare = true, .want = "ann-11111111@redirect.acme.example"},
    {ALIAS("ann"), .spare = true, .side = TARGET, .want = "ann-11111111@redirect.globex.example"},
    {ALIAS(LOCAL_64), .spare = true,
	.want = "1234567890123456789012345678901234567890123456789012345-11111111"
		"@redirect.acme.example"},
    {ALIAS("o'neil+x"), .want = "o'neil+x@redirect.acme.example"},
    /* Without a redirect domain there is none, whatever the alias. */
    {ALIAS("ann"), .no_domain = true, .want = NULL},
    {USER(""), .no_domain = true, .side = TARGET, .want = NULL},
    {USER(""), .why = "attribute 'mailNickname' is not set"},
    {ALIAS("a\nmailNickname: b"), .why = "attribute 'mailNickname' has 2 values"},
    {ALIAS(LOCAL_64 "5"), .why = BAD(LOCAL_64 "5")},
    {ALIAS("jos\xc3\xa9"), .why = BAD("jos\xc3\xa9")},
    {ALIAS("ann ash"), .why = BAD("ann ash")},
    {ALIAS("ann@x"), .why = BAD("ann@x")},
    {ALIAS(".ann"), .why = BAD(".ann")},
    {ALIAS("a..b"), .why = BAD("a..b")},
    {USER("mailNickname:: YW5uAHg=\n"), .why = "attribute 'mailNickname' is not text"},
    {ALIAS("ann"), .template = "%{", .why = "template '%{': position 1"},
};

static void
addressed(void **state)
{
	struct given g;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		const struct address_case *c = &addresses[i];
		_cleanup_(entry_free) struct entry *source = given_entry(c->source);
		_cleanup_(free) char *address = NULL;
		struct project_in in;
		struct err err = {0};
		int rc;

		given_init(&g);
		if (c->template)
			g.link.redirect_template = given_str(c->template);
		if (c->no_domain)
			given_plain(&g);
		in = given_pair(&g, source, NULL);
		in.spare[c->side] = c->spare;
		rc = project_redirect_address(&in, c->side, &address, &err);
		given_ended(i, "address", rc, &err, c->why);
		given_same(i, "address", address, c->want);
	}
	given_all_same();
}

static void
has_redirect(void **state)
{
	static const bool want[SHAPE_MAX] = {
	    [SHAPE_MAILBOX] = true, [SHAPE_MAIL_USER] = true, [SHAPE_REMOTE_MAILBOX] = true};

	(void)state;
	for (int s = 0; s < SHAPE_MAX; s++) {
		struct project_in in = {.shape = (enum shape)s, .redirects = true};

		assert_int_equal(project_has_redirect(&in), want[s]);
		in.redirects = false;
		assert_false(project_has_redirect(&in));
	}
}

/* ---- legacyExchangeDN ---- */

#define GUID_DIGITS "11111111111111111111111111111111"
#define RECIPIENTS "/o=Globex/ou=First/cn=Recipients/cn="

static const struct {
	const char *source, *want;
} legacy[] = {
    {ALIAS("ann"), .want = RECIPIENTS "ann-" GUID_DIGITS},
    {ALIAS("Ann_A.b-9"), .want = RECIPIENTS "Ann_A.b-9-" GUID_DIGITS},
    {ALIAS("jos\xc3\xa9/cn=x,y z"), .want = RECIPIENTS "joscnxyz-" GUID_DIGITS},
    {ALIAS("\xc3\xa9"), .want = RECIPIENTS "-" GUID_DIGITS},
    {USER(""), .want = RECIPIENTS "-" GUID_DIGITS},
    {USER("objectGUID:: AQIDBAUGBwgJCgsMDQ4PEA==\nmailNickname: a\n"),
	.want = RECIPIENTS "a-0403020106050807090a0b0c0d0e0f10"},
};

static void
legacy_dn(void **state)
{
	struct given g;

	(void)state;
	given_init(&g);
	for (size_t i = 0; i < ARRAY_SIZE(legacy); i++) {
		_cleanup_(entry_free) struct entry *source = given_entry(legacy[i].source);
		_cleanup_(free) char *dn = project_legacy_dn(&g.link, source);

		given_same(i, "legacyExchangeDN", dn, legacy[i].want);
	}
	given_all_same();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(shaped),
	    cmocka_unit_test(addressed),
	    cmocka_unit_test(has_redirect),
	    cmocka_unit_test(legacy_dn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
