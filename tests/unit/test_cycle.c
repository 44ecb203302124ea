/* SPDX-License-Identifier: MIT */

/* Full cycles into an empty target: who gets a counterpart and where. What it holds is in
 * test_project.c, who is in scope in test_scope.c. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

#define DETAILS(n) "msExchRecipientTypeDetails: " n "\n"
/* S-1-5-10, and S-1-5-21-1-2-3-1105 as the source's objectSid and as the target shows it. */
#define SELF "msExchMasterAccountSid:: AQEAAAAAAAUKAAAA\n"
#define SID_OCTETS "AQUAAAAAAAUVAAAAAQAAAAIAAAADAAAAUQQAAA=="
#define DISABLED_MAILBOX(cn, alias, extra)                                                         \
	ACCOUNT(cn, alias)                                                                         \
	RECIPIENT(alias)                                                                           \
	"userAccountControl: 514\nmsExchHomeServerName: /o=Acme/cn=EX1\n" extra "\n"
#define MAIL_USER(cn, alias, extra)                                                                \
	ACCOUNT(cn, alias)                                                                         \
	RECIPIENT(alias)                                                                           \
	"userAccountControl: 512\ntargetAddress: SMTP:" alias "@else.example\n" extra "\n"

static const struct scenario scenarios[] = {
    {.name = "a mailbox",
	.source = {MAILBOX("Ann", "ann",
	    DETAILS("1") "displayName: Ann Ash\nproxyAddresses: smtp:a.ash@acme.example\n")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Ann", "objectClass", "user"},
	    {TARGET, "CN=Ann", "sAMAccountName", "ann"},
	    {TARGET, "CN=Ann", "userPrincipalName", "ann@globex.example"},
	    {TARGET, "CN=Ann", "userAccountControl", "514"},
	    {TARGET, "CN=Ann", "displayName", "Ann Ash"},
	    {TARGET, "CN=Ann", "mail", "ann@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "smtp:a.ash@acme.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "smtp:ann@redirect.globex.example"},
	    {TARGET, "CN=Ann", "proxyAddresses", "X500:" ACME_LEGACY "ann"},
	    {TARGET, "CN=Ann", "proxyAddresses", "!smtp:ann@redirect.acme.example"},
	    {TARGET, "CN=Ann", "targetAddress", "SMTP:ann@redirect.acme.example"},
	    {TARGET, "CN=Ann", "homeMDB", "CN=DB1,CN=Configuration,DC=globex,DC=example"},
	    {TARGET, "CN=Ann", "msExchRecipientTypeDetails", "1"},
	    {TARGET, "CN=Ann", "msExchRecipientDisplayType", "1073741824"},
	    {TARGET, "CN=Ann", "msExchOriginatingForest", NULL},
	    {SOURCE, "CN=Ann", "proxyAddresses", "smtp:ann@redirect.acme.example"},
	    {SOURCE, "CN=Ann", "proxyAddresses", "!smtp:ann@redirect.globex.example"},
	    {SOURCE, "CN=Ann", "targetAddress", NULL}}},
    {.name = "a mail user stays one, and its mail goes where it went",
	.source = {MAIL_USER("Ann", "ann", "")},
	.counts = {.created = {[SHAPE_MAIL_USER] = 1}},
	.expect = {{TARGET, "CN=Ann", "targetAddress", "SMTP:ann@else.example"},
	    {TARGET, "CN=Ann", "msExchRecipientTypeDetails", "128"},
	    {TARGET, "CN=Ann", "proxyAddresses", "!smtp:ann@redirect.globex.example"},
	    {SOURCE, "CN=Ann", "proxyAddresses", "!smtp:ann@redirect.acme.example"}}},
    {.name = "linked mailboxes",
	.scope = "create = \"mailbox\"; linked = true;",
	.source = {MAILBOX("Ann", "ann", "objectSid:: " SID_OCTETS "\n"),
	    DISABLED_MAILBOX("Desk", "desk", DETAILS("4") SELF),
	    /* Neither is what it says it is. */
	    MAILBOX("Bad", "bad", SELF), DISABLED_MAILBOX("Worse", "worse", "")},
	.counts = {.created = {[SHAPE_MAILBOX] = 2}, .problems = 2},
	.expect = {{TARGET, "CN=Ann", "msExchRecipientTypeDetails", "2"},
	    {TARGET, "CN=Desk", "msExchMasterAccountSid", NULL},
	    {TARGET, "CN=Desk", "msExchRecipientTypeDetails", "4"}, {TARGET, "CN=Bad", NULL, NULL},
	    {TARGET, "CN=Worse", NULL, NULL},
	    /* What is not synchronized is not touched either. */
	    {SOURCE, "CN=Bad", "proxyAddresses", "!smtp:bad@redirect.acme.example"},
	    {SOURCE, "CN=Worse", "proxyAddresses", "!smtp:worse@redirect.acme.example"}}},
    {.name = "who is out of scope",
	.scope = "create = \"mailbox\"; filter = \"(!(title=Temp))\";",
	.source = {MAILBOX("Temp", "temp", "title: Temp\n"),
	    MAILBOX("Arbitration", "arb", DETAILS("8388608")), ACCOUNT("Plain", "plain") "\n",
	    MAILBOX("Ours", "ours",
		"extensionAttribute15: "
		"galsync:created:22222222-2222-2222-2222-222222222222\n"),
	    "dn: CN=Elsewhere,CN=Users,DC=acme,DC=example\nobjectClass: contact\n" RECIPIENT(
		"elsewhere")},
	.expect = {{TARGET, "CN=Temp", NULL, NULL}, {TARGET, "CN=Arbitration", NULL, NULL},
	    {TARGET, "CN=Plain", NULL, NULL}, {TARGET, "CN=Ours", NULL, NULL},
	    {TARGET, "CN=Elsewhere", NULL, NULL}}},
    {.name = "nothing is created where the scope creates nothing",
	.scope = "create = \"none\";",
	.source = {MAILBOX("Ann", "ann", ""), CONTACT("Carl", "carl", "")},
	.expect = {{TARGET, "CN=Ann", NULL, NULL}, {TARGET, "CN=Carl", NULL, NULL},
	    {SOURCE, "CN=Ann", "proxyAddresses", "!smtp:ann@redirect.acme.example"}}},
    {.name = "organizational units, flat",
	.source = {"dn: OU=Sub" ACME
		   "\nobjectClass: organizationalUnit\n\n" CONTACT("Carl,OU=Sub", "carl", "")},
	.counts = {.created = {[SHAPE_CONTACT] = 1}},
	.expect = {{TARGET, "CN=Carl", NULL, ""}, {TARGET, "OU=Sub", NULL, NULL}}},
    {.name = "organizational units, mirrored",
	.scope = "create = \"mailbox\"; layout = \"mirror\";",
	.source = {"dn: OU=Sub" ACME "\nobjectClass: organizationalUnit\n\n"
		   "dn: OU=A\\, B,OU=Sub" ACME "\nobjectClass: organizationalUnit\n\n",
	    CONTACT("Carl,OU=Sub", "carl", ""), CONTACT("Carl,OU=A\\, B,OU=Sub", "carl2", ""),
	    CONTACT("Carl", "carl3", "")},
	.counts = {.created = {[SHAPE_CONTACT] = 3}},
	.expect = {{TARGET, "CN=Carl,OU=Sub", "mailNickname", "carl"},
	    {TARGET, "CN=Carl,OU=A\\, B,OU=Sub", "mailNickname", "carl2"},
	    {TARGET, "CN=Carl", "mailNickname", "carl3"}}},
};

static void
linked_sid(void **state)
{
	/* A value that has NULs in it. */
	static const struct scenario sc = {.name = "linked sid",
	    .scope = "create = \"mailbox\"; linked = true;",
	    .source = {MAILBOX("Ann", "ann", "objectSid:: " SID_OCTETS "\n")}};
	struct lab l;
	const struct entry *e;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	e = fakedir_find(l.fd[SOURCE], lab_dn(SOURCE, "CN=Ann"));
	assert_true(bytes_equal(entry_get(e, "objectSid"),
	    entry_get(
		fakedir_find(l.fd[TARGET], lab_dn(TARGET, "CN=Ann")), "msExchMasterAccountSid")));
	lab_close(&l);
}

/* What a record says after the first cycle. */
static void
record(void **state)
{
	static const struct scenario sc = {.name = "record", .source = {MAILBOX("Ann", "ann", "")}};
	_cleanup_(record_free) struct record *r = NULL;
	const struct entry *target;
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	r = lab_record(&l, "CN=Ann");
	assert_non_null(r);
	target = fakedir_find(l.fd[TARGET], lab_dn(TARGET, "CN=Ann"));
	assert_true(guid_equal(&r->side[TARGET].guid, &target->guid));
	assert_string_equal(r->side[TARGET].dn, target->dn);
	assert_true(bytes_equal(r->side[TARGET].sid, entry_get(target, "objectSid")));
	assert_true(r->created);
	assert_int_equal(r->kind, KIND_USER);
	assert_int_equal(r->active, SOURCE);
	/* Until Exchange has put it into the address lists. */
	assert_int_equal(r->state, RECORD_WAITING);
	assert_string_equal(r->alias, "ann");
	assert_string_equal(r->addresses[0], "ann@acme.example");
	assert_int_equal(r->n_addresses, 3);
	assert_int_equal(r->side[SOURCE].n_legacy_dns, 1);
	assert_int_equal(r->side[TARGET].n_legacy_dns, 1);
	lab_close(&l);
}

int
main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(scenarios) + 2] = {
	    cmocka_unit_test(linked_sid), cmocka_unit_test(record)};

	scenario_tests(scenarios, ARRAY_SIZE(scenarios), tests + 2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
