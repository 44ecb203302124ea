/* SPDX-License-Identifier: MIT */

/* The modify that turns what is there into what is wanted, and what is remembered of it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/rules/diff.h"
#include "tests/support/given.h"

#define PROXY(v) "proxyAddresses: " v "\n"
#define MEMBERS(cn) "member: CN=" cn GLOBEX "\n"
#define MANAGER(cn) "manager: CN=" cn GLOBEX "\n"
#define MOVED_GUID(v) "msExchMailboxGuid: " v "\n"
#define ARCHIVE(v) "msExchArchiveName: " v "\n"
#define MAIL_USER_ROW .shape = SHAPE_MAIL_USER
#define REMOTE_ROW .shape = SHAPE_REMOTE_MAILBOX
#define TO(address) "targetAddress: " address "\n"
#define RS "SMTP:a@redirect"
#define ROUTE "smtp:a@tenant"
#define CONTACT_ROW .kind = KIND_CONTACT, .shape = SHAPE_CONTACT
#define INCLUDED(v) "msExchPoliciesIncluded: " v "\n"
#define GROUP_ROW .kind = KIND_GROUP, .shape = SHAPE_GROUP

#define NEW_STAMP "extensionAttribute15: galsync:matched:" GIVEN_GUID "\n"
#define OLD_STAMP "extensionAttribute15: galsync:created:" GIVEN_GUID "\n"

struct diff_case {
	/* WANT: an attribute with one empty value is to be absent. */
	const char *want, *present, *mods;
	const char *written; /* on record; NULL: no record */
	/* What is remembered afterwards; NULL: not asked. */
	const char *keep;
	enum kind kind;	  /* default KIND_USER */
	enum shape shape; /* default SHAPE_MAILBOX */
	bool matched, create;
};

static const struct diff_case cases[] = {
    /* One value. */
    {"title: Boss\n", "title: Boss\n", .mods = "", .keep = "title: Boss\n"},
    {"title: Boss\n", "", .mods = "+title: Boss\n", .keep = "title: Boss\n"},
    {"title: Boss\n", "title: Old\n", .mods = "-title: Old\n+title: Boss\n",
	.keep = "title: Boss\n"},
    {"title: Boss\n", "title: boss\n", .mods = "-title: boss\n+title: Boss\n"},
    {"title: Boss\n", "TITLE: Boss\n", .mods = ""},
    {"title: Boss\n", "title: Boss \n", .mods = "-title: Boss \n+title: Boss\n"},
    {"title:: QQBC\n", "title: A\n", .mods = "-title: A\n+title: A\\x00B\n"},
    {"title:: QQBC\n", "title:: QQBC\n", .mods = ""},
    {"title: Boss\n", "title: A\ntitle: B\n", .mods = "-title: A\n-title: B\n+title: Boss\n"},
    {"title: \n", "title: Boss\n", .mods = "", .keep = ""},
    {"title: \n", "title: Boss\n", .written = "title: Boss\n", .mods = "-title: Boss\n",
	.keep = ""},
    {"title: \n", "title: Boss\n", .written = "TITLE: BOSS\n", .mods = "-title: Boss\n"},
    {"title: \n", "title: Other\n", .written = "title: Boss\n", .mods = "", .keep = ""},
    {"title: \n", "title: Boss\n", .written = "company: Boss\n", .mods = ""},
    {"title: \n", "", .written = "title: Boss\n", .mods = "", .keep = ""},
    {"", "title: Boss\n", .mods = "", .written = "title: Boss\n"},
    {"", "", .mods = "", .keep = ""},
    {"title: Boss\ncompany: Acme\n", "l: Rom\n", .mods = "+title: Boss\n+company: Acme\n",
	.keep = "company: Acme\ntitle: Boss\n"},
    {"unknownAttribute: x\n", "", .mods = "", .keep = ""},

    /* What AD never lets go of. */
    {"countryCode: 49\n", "countryCode: 0\n", .mods = "-countryCode: 0\n+countryCode: 49\n",
	.keep = "countryCode: 49\n"},
    {"countryCode: \n", "countryCode: 49\n", .written = "countryCode: 49\n",
	.mods = "-countryCode: 49\n+countryCode: 0\n", .keep = ""},
    {"countryCode: \n", "countryCode: 0\n", .written = "countryCode: 0\n", .mods = "", .keep = ""},
    {"countryCode: \n", "countryCode: 49\n", .mods = "", .keep = ""},

    /* A stamp takes the place of a stamp, and of nothing else. */
    {NEW_STAMP, "", .mods = "+" NEW_STAMP, .keep = NEW_STAMP},
    {NEW_STAMP, NEW_STAMP, .mods = ""},
    {NEW_STAMP, OLD_STAMP, .mods = "-" OLD_STAMP "+" NEW_STAMP},
    {NEW_STAMP, OLD_STAMP, .matched = true, .mods = "-" OLD_STAMP "+" NEW_STAMP},
    {NEW_STAMP, "extensionAttribute15: HR-4711\n", .mods = ""},
    {NEW_STAMP, "extensionAttribute15: HR-4711\n", .matched = true, .mods = "", .keep = ""},
    {NEW_STAMP, "extensionAttribute15: HR-4711\n", .written = "extensionAttribute15: HR-4711\n",
	.mods = ""},
    {NEW_STAMP, OLD_STAMP "extensionAttribute15: HR-4711\n", .mods = ""},
    {NEW_STAMP "title: Boss\n", "extensionAttribute15: HR-4711\n", .mods = "+title: Boss\n"},

    /* One value, where the target has none. */
    {"homeMDB: CN=DB1\n", "homeMDB: CN=DB9\n", .mods = ""},
    {"homeMDB: CN=DB1\n", "", .mods = "+homeMDB: CN=DB1\n"},
    {"homeMDB: \n", "homeMDB: CN=DB1\n", .written = "homeMDB: CN=DB1\n", .mods = ""},
    {"mailNickname: ann\n", "mailNickname: bea\n",
	.mods = "-mailNickname: bea\n+mailNickname: ann\n"},
    {"mailNickname: ann\n", "mailNickname: bea\n", .matched = true, .mods = "", .keep = ""},
    {"mailNickname: ann\n", "", .matched = true, .mods = "+mailNickname: ann\n",
	.keep = "mailNickname: ann\n"},

    /* Where the target has none but what galsync put. */
    {MOVED_GUID("1"), "", MAIL_USER_ROW, .mods = "+msExchMailboxGuid: 1\n",
	.keep = MOVED_GUID("1")},
    {MOVED_GUID("1"), MOVED_GUID("1"), MAIL_USER_ROW, .matched = true, .mods = "", .keep = ""},
    {MOVED_GUID("1"), MOVED_GUID("2"), MAIL_USER_ROW, .mods = "", .keep = MOVED_GUID("1")},
    {MOVED_GUID("1"), MOVED_GUID("2"), MAIL_USER_ROW, .matched = true, .mods = "", .keep = ""},
    {MOVED_GUID("1"), MOVED_GUID("2"), MAIL_USER_ROW, .written = MOVED_GUID("2"),
	.mods = "-msExchMailboxGuid: 2\n+msExchMailboxGuid: 1\n", .keep = MOVED_GUID("1")},
    {"msExchMailboxGuid: \n", MOVED_GUID("2"), MAIL_USER_ROW, .written = MOVED_GUID("2"),
	.mods = "-msExchMailboxGuid: 2\n", .keep = ""},
    {"msExchMailboxGuid: \n", MOVED_GUID("2"), MAIL_USER_ROW, .mods = "", .keep = ""},
    {"", MOVED_GUID("2"), MAIL_USER_ROW, .written = MOVED_GUID("2"), .mods = "",
	.keep = MOVED_GUID("2")},
    {ARCHIVE("A"), "", MAIL_USER_ROW, .matched = true, .mods = "+msExchArchiveName: A\n",
	.keep = ARCHIVE("A")},
    {ARCHIVE("A"), ARCHIVE("B"), MAIL_USER_ROW, .matched = true, .mods = "", .keep = ""},
    {ARCHIVE("A"), ARCHIVE("B"), MAIL_USER_ROW, .matched = true, .written = ARCHIVE("B"),
	.mods = "-msExchArchiveName: B\n+msExchArchiveName: A\n", .keep = ARCHIVE("A")},
    {ARCHIVE("A") ARCHIVE("B"), ARCHIVE("B"), MAIL_USER_ROW, .matched = true,
	.mods = "+msExchArchiveName: A\n", .keep = ARCHIVE("A")},
    {ARCHIVE("A"), ARCHIVE("B") ARCHIVE("C"), MAIL_USER_ROW, .matched = true,
	.written = ARCHIVE("B"), .mods = ""},
    {ARCHIVE("A"), "", .mods = ""}, /* a mailbox has its own */

    /* Several values. */
    {"otherTelephone: 1\notherTelephone: 2\n", "otherTelephone: 2\notherTelephone: 3\n",
	.mods = "+otherTelephone: 1\n", .keep = "otherTelephone: 1\notherTelephone: 2\n"},
    {"otherTelephone: 1\n", "otherTelephone: 2\notherTelephone: 3\n",
	.written = "otherTelephone: 2\n", .mods = "-otherTelephone: 2\n+otherTelephone: 1\n",
	.keep = "otherTelephone: 1\n"},
    {"otherTelephone: \n", "otherTelephone: 1\notherTelephone: 2\n",
	.written = "otherTelephone: 1\n", .mods = "-otherTelephone: 1\n", .keep = ""},
    /* In another spelling: ours follows the source, that of others stays. */
    {"url: HTTP://A\n", "url: http://a\n", .mods = "", .keep = ""},
    {"url: HTTP://A\n", "url: http://a\n", .written = "url: http://a\n",
	.mods = "-url: http://a\n+url: HTTP://A\n", .keep = "url: http://a\n"},
    {"url: HTTP://A\n", "url: HTTP://A\n", .written = "url: http://a\n", .mods = "",
	.keep = "url: HTTP://A\n"},
    {"url: \n", "url: HTTP://A\n", .written = "url: http://a\n", .mods = "-url: HTTP://A\n",
	.keep = ""},
    {"postOfficeBox: Ren\xc3\xa9\n", "postOfficeBox: Rene\n", .written = "postOfficeBox: Rene\n",
	.mods = "-postOfficeBox: Rene\n+postOfficeBox: Ren\xc3\xa9\n",
	.keep = "postOfficeBox: Ren\xc3\xa9\n"},
    {"postOfficeBox: Ren\xc3\xa9\n", "postOfficeBox: Rene\n", .mods = "", .keep = ""},
    {"postOfficeBox: \xc3\x89\n", "postOfficeBox: \xc3\xa9\n", .mods = "", .keep = ""},
    /* Octets are octets. */
    {"userCertificate: AbC\n", "userCertificate: ABC\n", .written = "userCertificate: ABC\n",
	.mods = "-userCertificate: ABC\n+userCertificate: AbC\n", .keep = "userCertificate: AbC\n"},
    {"userCertificate: AbC\n", "userCertificate: ABC\n", .mods = "+userCertificate: AbC\n",
	.keep = "userCertificate: AbC\n"},
    {"userCertificate: AbC\nuserCertificate: ABC\n", "userCertificate: ABC\n",
	.mods = "+userCertificate: AbC\n"},
    /* A number has no spelling. */
    {"msExchResourceCapacity: 08\n", "msExchResourceCapacity: 8\n", .mods = ""},
    {"otherTelephone: 1\notherTelephone: 2\n", "otherTelephone: 1\n", .matched = true,
	.mods = "+otherTelephone: 2\n", .keep = "otherTelephone: 2\n"},
    {"otherTelephone: 1\notherTelephone: 2\n", "otherTelephone: 1\notherTelephone: 2\n",
	.matched = true, .written = "otherTelephone: 1\n", .mods = "",
	.keep = "otherTelephone: 1\n"},

    /* References: those of counterparts are the source's to decide. */
    {MEMBERS("Ours1"), "", GROUP_ROW, .mods = "+member: CN=Ours1" GLOBEX "\n", .keep = ""},
    {MEMBERS("Ours1"), "member: cn=OURS1,ou=Acme, DC=Globex,dc=example\n", GROUP_ROW, .mods = ""},
    {MEMBERS("Ours1"), "member: <GUID=11111111-1111-1111-1111-111111111111>;CN=Ours1" GLOBEX "\n",
	GROUP_ROW, .mods = ""},
    {MEMBERS("Ours1"), MEMBERS("Ours2") MEMBERS("Native"), GROUP_ROW,
	.mods = "-member: CN=Ours2" GLOBEX "\n+member: CN=Ours1" GLOBEX "\n"},
    {"member: \n", MEMBERS("Ours2") MEMBERS("Native"), GROUP_ROW,
	.mods = "-member: CN=Ours2" GLOBEX "\n"},
    {"member: \n", MEMBERS("Native"), GROUP_ROW, .mods = ""},
    /* And what galsync put there on behalf of a return contact. */
    {"member: \n", MEMBERS("Native"), GROUP_ROW, .written = MEMBERS("Native"),
	.mods = "-member: CN=Native" GLOBEX "\n"},
    {"member: nonsense\n", "member: nonsense\n", GROUP_ROW, .mods = ""},
    {"member: nonsense\n", "member: Nonsense\n", GROUP_ROW, .mods = "+member: nonsense\n"},
    {MANAGER("Ours1"), MANAGER("Native"),
	.mods = "-manager: CN=Native" GLOBEX "\n+manager: CN=Ours1" GLOBEX "\n"},
    {"manager: \n", MANAGER("Native"), .mods = ""},
    {"manager: \n", MANAGER("Ours1"), .mods = "-manager: CN=Ours1" GLOBEX "\n"},

    /* Addresses (see redirect/address.h). */
    {PROXY("SMTP:a@x") PROXY("smtp:b@x"), "",
	.mods = "+proxyAddresses: SMTP:a@x\n+proxyAddresses: smtp:b@x\n",
	.keep = PROXY("SMTP:a@x") PROXY("smtp:b@x")},
    {PROXY("SMTP:a@x"), PROXY("SMTP:b@x") PROXY("smtp:A@x"),
	.mods = "-proxyAddresses: SMTP:b@x\n-proxyAddresses: smtp:A@x\n"
		"+proxyAddresses: smtp:b@x\n+proxyAddresses: SMTP:a@x\n"},
    {PROXY("SMTP:a@x"), PROXY("SMTP:a@x") PROXY("smtp:b@x") PROXY("X500:/o=A"),
	.written = PROXY("smtp:b@x") PROXY("X500:/o=A"), .mods = "-proxyAddresses: smtp:b@x\n",
	.keep = PROXY("SMTP:a@x") PROXY("X500:/o=A")},
    {PROXY("SMTP:a@x"), PROXY("SMTP:a@x") PROXY("smtp:b@x"), .written = PROXY("SMTP:B@X"),
	.mods = "-proxyAddresses: smtp:b@x\n"},
    {PROXY("SMTP:a@x"), PROXY("SMTP:a@x") PROXY("smtp:b@x"), .mods = ""},

    /* What is to have no value has none, its own or not: of what galsync created. */
    {"msExchPoliciesIncluded: \n", INCLUDED("{1}") INCLUDED("{2}"), CONTACT_ROW,
	.mods = "-msExchPoliciesIncluded: {1}\n-msExchPoliciesIncluded: {2}\n", .keep = ""},
    {"msExchPoliciesIncluded: \n", "", CONTACT_ROW, .mods = "", .keep = ""},
    {"msExchPoliciesIncluded: \n", INCLUDED("{1}"), CONTACT_ROW, .matched = true, .mods = ""},
    {"msExchPoliciesIncluded: \n", INCLUDED("{1}"), .mods = ""},
    {"", INCLUDED("{1}"), CONTACT_ROW, .mods = ""},

    /* What leads to a mailbox in a tenant makes room only if it is kept. */
    {TO(RS) PROXY(ROUTE), TO(ROUTE), REMOTE_ROW,
	.mods = "+proxyAddresses: " ROUTE "\n-targetAddress: " ROUTE "\n+targetAddress: " RS "\n"},
    {TO(RS) PROXY(ROUTE), TO(ROUTE) PROXY("smtp:A@Tenant"), REMOTE_ROW,
	.mods = "-targetAddress: " ROUTE "\n+targetAddress: " RS "\n"},
    {TO(RS), TO(ROUTE) PROXY(ROUTE), REMOTE_ROW,
	.mods = "-targetAddress: " ROUTE "\n+targetAddress: " RS "\n"},
    {TO(RS) PROXY("smtp:b@tenant"), TO(ROUTE), REMOTE_ROW,
	.mods = "+proxyAddresses: smtp:b@tenant\n"},
    {TO(RS), TO(ROUTE), REMOTE_ROW, .mods = ""},
    {TO(RS), TO("SMTP:a@else"), REMOTE_ROW,
	.mods = "-targetAddress: SMTP:a@else\n+targetAddress: " RS "\n"},
    {TO(RS), "", REMOTE_ROW, .mods = "+targetAddress: " RS "\n"},
    {TO(RS), TO(ROUTE), .mods = "-targetAddress: " ROUTE "\n+targetAddress: " RS "\n"},

    /* Rows for others. */
    {"groupType: 8\n", "", .mods = "", .keep = ""},
    {"groupType: 8\n", "", GROUP_ROW, .mods = "+groupType: 8\n", .keep = "groupType: 8\n"},
    {"groupType: 8\n", "", GROUP_ROW, .matched = true, .mods = "", .keep = ""},
    {"homeMDB: CN=DB1\n", "", .shape = SHAPE_CONTACT, .mods = ""},
    {"userAccountControl: 514\n", "userAccountControl: 512\n", .mods = "", .keep = ""},

    /* A new object: all of it is written, but what only a create gives. */
    {"title: Boss\nuserAccountControl: 514\nhomeMDB: CN=DB1\n", NULL, .create = true,
	.keep = "title: Boss\nhomeMDB: CN=DB1\n"},
    {MEMBERS("Ours1") "groupType: 8\n", NULL, GROUP_ROW, .create = true, .keep = "groupType: 8\n"},
    {"title: \n", NULL, .create = true, .keep = ""},

    /* What could not be written (it is not in WANT) leaves what is there, which stays what it was.
     */
    {"", "title: Boss\n", .written = "title: Boss\n", .mods = "", .keep = "title: Boss\n"},
    {"", "title: Boss\n", .written = "", .mods = "", .keep = ""},
    {"", "title: Boss\n", .written = "title: Old\n", .mods = "", .keep = ""},
};

/* LDIF of an object, where a value of no octets stands for no value. */
static struct entry *
wanted(const char *ldif)
{
	_cleanup_(free) char *text = NULL;
	struct entry *e;
	struct buf b = {0};

	buf_printf(&b, "dn: CN=Ann" GLOBEX "\n%s", ldif);
	text = buf_take_str(&b);
	e = given_entry(text);
	for (size_t i = 0; i < e->n_attrs; i++)
		if (e->attrs[i].n_values == 1 && e->attrs[i].values[0].len == 0)
			entry_drop_value(e, &e->attrs[i], 0);
	return e;
}

static bool
is_ours(const char *dn, void *arg)
{
	(void)arg;
	return strncmp(dn, "CN=Ours", 7) == 0;
}

static struct project_in
facts(const struct given *g, const struct diff_case *c, const struct entry *present)
{
	return (struct project_in){.link = &g->link,
	    .target = present,
	    .kind = c->kind ? c->kind : KIND_USER,
	    .shape = c->shape,
	    .created = !c->matched};
}

static void
check_put(size_t i, const struct diff_case *c, const struct record *r)
{
	_cleanup_(record_free) struct record *want = c->keep ? given_record(c->keep) : NULL;
	size_t n = want ? want->written[TARGET].n : 0;

	if (want && (r->written[TARGET].n != n ||
			(n && memcmp(r->written[TARGET].v, want->written[TARGET].v,
				  n * sizeof *r->written[TARGET].v) != 0)))
		given_same(i, "put", "other values", c->keep);
}

static void
check(const struct given *g, size_t i, const struct diff_case *c, const struct table *table)
{
	_cleanup_(entry_free) struct entry *want = wanted(c->want);
	_cleanup_(entry_free) struct entry *present = c->present ? wanted(c->present) : NULL;
	_cleanup_(record_free) struct record *old = c->written ? given_record(c->written) : NULL;
	_cleanup_(record_free) struct record *record = given_record(c->written);
	_cleanup_(change_free) struct change *change = change_new(CHANGE_MODIFY, "", NULL);
	_cleanup_(free) char *mods = NULL;
	struct project_in in = facts(g, c, present);
	unsigned when = c->create ? WHEN_CREATE : c->matched ? WHEN_MATCHED : WHEN_CREATED;
	const struct diff_in given = {table, &in, when, want, present, old, is_ours, NULL, NULL};
	struct err err = {0};

	if (present)
		given_ended(i, "diff", diff_target(&given, change, &err), &err, NULL);
	mods = given_mods(change);
	given_same(i, c->want, mods, c->mods ? c->mods : "");
	given_ended(i, "put", diff_note_written(&given, change, record, &err), &err, NULL);
	check_put(i, c, record);
}

static void
target(void **state)
{
	_cleanup_(schema_free) struct schema *schema = NULL;
	_cleanup_(table_free) struct table *table = NULL;
	struct given g;

	(void)state;
	given_init(&g);
	g.forest[TARGET].routing_domain = given_str("tenant");
	table = given_table(&g.link, &schema);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check(&g, i, &cases[i], table);
	given_all_same();
}

/* ---- the source's addresses ---- */

static const struct {
	const char *want, *present, *mods;
} source_cases[] = {
    {PROXY("smtp:a@x"), "", .mods = "+proxyAddresses: smtp:a@x\n"},
    {PROXY("smtp:a@x") PROXY("X500:/o=A"), PROXY("SMTP:b@x"),
	.mods = "+proxyAddresses: smtp:a@x\n+proxyAddresses: X500:/o=A\n"},
    {PROXY("smtp:a@x"), PROXY("smtp:A@X"), .mods = ""},
    {PROXY("smtp:a@x"), PROXY("SMTP:a@x"), .mods = ""},
    {PROXY("X500:/o=A"), PROXY("x500:/O=a"), .mods = ""},
    {"proxyAddresses: \n", PROXY("SMTP:b@x"), .mods = ""},
    {"title: Boss\n", "", .mods = ""},
    {"", "", .mods = ""},
};

static void
source(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(source_cases); i++) {
		_cleanup_(entry_free) struct entry *want = wanted(source_cases[i].want);
		_cleanup_(entry_free) struct entry *present = wanted(source_cases[i].present);
		_cleanup_(change_free) struct change *change = change_new(CHANGE_MODIFY, "", NULL);
		_cleanup_(free) char *mods = NULL;
		struct err err = {0};

		given_ended(i, "source", diff_source(want, present, change, &err), &err, NULL);
		mods = given_mods(change);
		given_same(i, "source", mods, source_cases[i].mods);
	}
	given_all_same();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(target),
	    cmocka_unit_test(source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
