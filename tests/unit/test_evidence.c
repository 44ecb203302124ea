/* SPDX-License-Identifier: MIT */

/* What makes a first match believable. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dsa/rules/evidence.h"
#include "tests/support/given.h"

#define LEGACY "/o=Acme/cn=ann"
#define PRIMARY "ann@acme.example"
#define BEA(extra) THERE("user", "Bea", extra)

static char acme_example[] = "acme.example", acme_test[] = "acme.test";
static char *domains[] = {acme_example, acme_test};

/* ---- what the target object says ---- */

static const struct {
	enum match_method method;
	const char *target, *value;
	bool want;
} rows[] = {
    {MATCH_SID_ON_TARGET, BEA("sIDHistory: S-1\nsIDHistory: S-2\n"), "S-2", true},
    {MATCH_SID_ON_TARGET, BEA("sIDHistory: S-1\n"), "S-2", false},
    {MATCH_SID_ON_TARGET, BEA("sIDHistory: S-1\n"), "s-1", false},
    /* Its own SID is what the source would say of it. */
    {MATCH_SID_ON_TARGET, BEA("objectSid: S-1\n"), "S-1", false},
    {MATCH_SID_HISTORY, BEA("objectSid: S-1\n"), "S-1", true},
    {MATCH_X500_ON_TARGET, BEA("proxyAddresses: x500:/O=ACME/cn=ann\n"), LEGACY, true},
    {MATCH_X500_ON_TARGET, BEA("proxyAddresses: smtp:" LEGACY "\n"), LEGACY, false},
    {MATCH_X500_ON_TARGET, BEA("proxyAddresses: X500:/o=Acme/cn=ann2\n"), LEGACY, false},
    {MATCH_X500_ON_TARGET, BEA("legacyExchangeDN: " LEGACY "\n"), LEGACY, false},
    {MATCH_X500_ON_TARGET, BEA("proxyAddresses: X500:\n"), "", false},
    {MATCH_X500, BEA("legacyExchangeDN: " LEGACY "\n"), LEGACY, true},
    {MATCH_MAIL_ON_TARGET, BEA("mail: Ann@ACME.example\n"), PRIMARY, true},
    {MATCH_MAIL_ON_TARGET, BEA("proxyAddresses: SMTP:" PRIMARY "\n"), PRIMARY, true},
    {MATCH_MAIL_ON_TARGET, BEA("proxyAddresses: smtp:" PRIMARY "\n"), PRIMARY, false},
    {MATCH_MAIL_ON_TARGET, BEA("targetAddress: SMTP:" PRIMARY "\n"), PRIMARY, false},
    {MATCH_MAIL_ON_TARGET, BEA("mail: ann@acme.test\n"), "ann@acme.test", true},
    /* An address that is not the source's to give. */
    {MATCH_MAIL_ON_TARGET, BEA("mail: ceo@globex.example\n"), "ceo@globex.example", false},
    {MATCH_MAIL_ON_TARGET, BEA("mail: ann@sub.acme.example\n"), "ann@sub.acme.example", false},
    {MATCH_MAIL_ON_TARGET, BEA("mail: ann@xacme.example\n"), "ann@xacme.example", false},
    {MATCH_MAIL_ON_TARGET, BEA("mail: none\n"), "none", false},
    {MATCH_MAIL, BEA("proxyAddresses: smtp:" PRIMARY "\n"), PRIMARY, true},
    {MATCH_SAM, BEA("sAMAccountName: ann\n"), "ann", true},
    {MATCH_SAM, THERE("group", "Bea", "sAMAccountName: ann\n"), "ann", false},
};

static void
said_by_the_target(void **state)
{
	const struct own_domains own = {domains, ARRAY_SIZE(domains), "ignored.example"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(entry_free) struct entry *target = given_entry(rows[i].target);
		bool got = evidence_holds(rows[i].method, target, bytes_of(rows[i].value), &own);

		given_same(i, match_method_name(rows[i].method), got ? "yes" : "no",
		    rows[i].want ? "yes" : "no");
	}
	given_all_same();
}

static void
own(void **state)
{
	const struct own_domains none = {NULL, 0, "acme.example"}, unknown = {NULL, 0, NULL},
				 two = {domains, 2, "corp.example"};

	(void)state;
	assert_true(own_domains_have(&none, bytes_of("a@ACME.example")));
	assert_true(own_domains_have(&none, bytes_of("\"a@b\"@acme.example")));
	assert_false(own_domains_have(&none, bytes_of("a@b.acme.example")));
	assert_false(own_domains_have(&none, bytes_of("acme.example")));
	assert_false(own_domains_have(&none, bytes_of("")));
	assert_false(own_domains_have(&unknown, bytes_of("a@acme.example")));
	assert_true(own_domains_have(&two, bytes_of("a@acme.test")));
	/* The configured ones are all there are. */
	assert_false(own_domains_have(&two, bytes_of("a@corp.example")));
}

/* ---- a stamp that no record knows ---- */

static const struct {
	const char *source, *target;
	bool want;
} agreeing[] = {
    {MAILBOX("Ann", "ann", ""), BEA(""), false},
    {MAILBOX("Ann", "ann", ""), BEA("mail: ann@acme.example\n"), true},
    {MAILBOX("Ann", "ann", ""), BEA("proxyAddresses: smtp:ann@acme.example\n"), false},
    {MAILBOX("Ann", "ann", ""), BEA("proxyAddresses: X500:" ACME_LEGACY "ann\n"), true},
    {MAILBOX("Ann", "ann", "objectSid: S-1\n"), BEA("sIDHistory: S-1\n"), true},
    {MAILBOX("Ann", "ann", "objectSid: S-1\n"), BEA("objectSid: S-1\n"), false},
    {MAILBOX("Ann", "ann", "proxyAddresses: X500:/o=G/cn=b\n"),
	BEA("legacyExchangeDN: /o=G/cn=b\n"), true},
    {MAILBOX("Ann", "ann", "proxyAddresses: X500:/o=G/cn=b\n"),
	BEA("proxyAddresses: X500:/o=G/cn=b\n"), false},
};

static void
agrees(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(agreeing); i++) {
		_cleanup_(entry_free) struct entry *source = given_entry(agreeing[i].source);
		_cleanup_(entry_free) struct entry *target = given_entry(agreeing[i].target);

		given_same(i, "agrees", evidence_agrees(source, target) ? "yes" : "no",
		    agreeing[i].want ? "yes" : "no");
	}
	given_all_same();
}

/* ---- whose decision it is ---- */

static const struct {
	enum match_method method;
	const char *target;
	bool want;
} approvals[] = {
    {MATCH_MAIL_ON_TARGET, BEA("homeMDB: CN=DB1\n"), true},
    {MATCH_SAM, BEA("msExchHomeServerName: /o=G\n"), true},
    {MATCH_SID_ON_TARGET, BEA("msExchRecipientTypeDetails: 2147483648\n"), true},
    {MATCH_MAIL_ON_TARGET, BEA("mail: a@b.example\n"), false},
    {MATCH_MAIL, THERE("contact", "Bea", "homeMDB: CN=DB1\n"), false},
    {MATCH_MAIL, THERE("group", "Bea", "groupType: -2147483640\n"), true},
    {MATCH_MAIL, THERE("group", "Bea", "groupType: -2147483646\n"), true},
    {MATCH_STAMP, BEA("homeMDB: CN=DB1\n"), false},
    {MATCH_CSV, BEA("homeMDB: CN=DB1\n"), false},
    {MATCH_ADOPT, BEA("homeMDB: CN=DB1\n"), false},
    {MATCH_RECORD, BEA("homeMDB: CN=DB1\n"), false},
};

static void
approved(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(approvals); i++) {
		_cleanup_(entry_free) struct entry *target = given_entry(approvals[i].target);
		bool got = evidence_needs_approval(approvals[i].method, target);

		given_same(i, match_method_name(approvals[i].method), got ? "asks" : "goes on",
		    approvals[i].want ? "asks" : "goes on");
	}
	given_all_same();
}

static void
placed(void **state)
{
	static char people[] = "ou=People, DC=globex,DC=example";
	static char *bases[] = {people};
	struct given g;

	(void)state;
	given_init(&g);
	assert_true(
	    evidence_is_in_place(&g.link, MATCH_MAIL, "CN=A,CN=Users,DC=globex,DC=example"));
	g.link.match_bases = bases;
	g.link.n_match_bases = 1;
	assert_true(
	    evidence_is_in_place(&g.link, MATCH_MAIL, "CN=A,OU=X,OU=people,DC=globex,DC=example"));
	assert_false(
	    evidence_is_in_place(&g.link, MATCH_CSV, "CN=A,CN=Users,DC=globex,DC=example"));
	assert_false(
	    evidence_is_in_place(&g.link, MATCH_MAIL, "CN=A,OU=Acme,DC=globex,DC=example"));
	/* Where galsync itself puts objects. */
	assert_true(
	    evidence_is_in_place(&g.link, MATCH_STAMP, "CN=A,OU=Acme,DC=globex,DC=example"));
	assert_false(
	    evidence_is_in_place(&g.link, MATCH_STAMP, "CN=A,CN=Users,DC=globex,DC=example"));
	assert_true(
	    evidence_is_in_place(&g.link, MATCH_RECORD, "CN=A,CN=Users,DC=globex,DC=example"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(said_by_the_target),
	    cmocka_unit_test(own),
	    cmocka_unit_test(agrees),
	    cmocka_unit_test(approved),
	    cmocka_unit_test(placed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
