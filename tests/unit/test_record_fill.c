/* SPDX-License-Identifier: MIT */

/* The record of a correspondence as it will be when its step is done. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/rules/record_fill.h"
#include "tests/support/given.h"

#define PROXY(v) "proxyAddresses: " v "\n"
#define SID "objectSid:: AQEAAAAAAAUKAAAA\n"
#define ANN(extra) MAILBOX("Ann", "ann", extra)
#define MAIL_USER ACCOUNT("Ann", "ann") RECIPIENT("ann") "targetAddress: SMTP:ann@else.example\n"
#define BEA(extra)                                                                                 \
	THERE("user", "Bea", "objectGUID:: IiIiIiIiIiIiIiIiIiIiIg==\nhomeMDB: CN=DB1\n" extra)
#define BEA_GUID "22222222-2222-2222-2222-222222222222"
#define HIDDEN "msExchHideFromAddressLists: TRUE\n"
#define FINISHED "showInAddressBook: CN=GAL\n"
#define OWN_LEGACY "/o=Globex/ou=First/cn=Recipients/cn=ann-11111111111111111111111111111111"
#define PRIMARY "ann@acme.example"
#define REDIRECTS "ann@redirect.acme.example|ann@redirect.globex.example"

struct fill_case {
	const char *field, *source, *target; /* TARGET NULL: to be created */
	const char *want, *why;
	/* The record before; no DN: a fresh one. */
	const char *was_dn, *was_guid, *was_evidence, *was_legacy;
	bool was_created;
	/* What the step does to the counterpart. */
	const char *adds;	/* the object that it creates */
	const char *mods;	/* "+v|-v" of proxyAddresses */
	const char *rename;	/* its new RDN */
	enum match_method rule; /* default MATCH_RECORD */
	const char *problems;
	enum create_as create;
	bool matched, plain;
	enum side active;
};

static const struct fill_case cases[] = {
    {"kind", ANN(""), BEA(""), .want = "user"},
    {"kind", CONTACT("Ann", "ann", ""), NULL, .want = "contact"},
    {"created", ANN(""), NULL, .want = "yes"},
    {"created", ANN(""), BEA(""), .matched = true, .want = "no"},
    {"created", ANN(""), BEA(""), .was_dn = "CN=Bea", .was_created = true, .matched = true,
	.want = "no"},
    {"active", ANN(""), BEA(""), .want = "source"},
    {"active", ANN(""), BEA(""), .active = TARGET, .want = "target"},
    {"alias", ANN(""), NULL, .want = "ann"},
    {"alias", ACCOUNT("Ann", "ann") "mail: a@x.example\n", NULL, .plain = true, .want = ""},
    {"error", ANN(""), NULL, .want = ""},
    {"error", ANN(""), NULL, .problems = "title: too long", .want = "title: too long"},
    {"created at", ANN(""), NULL, .want = "42"},
    {"created at", ANN(""), BEA(""), .was_dn = "CN=Bea", .want = "7"},

    /* Exchange has to finish what galsync created. */
    {"state", ANN(""), NULL, .want = "waiting"},
    {"state", ANN(""), BEA(""), .want = "waiting"},
    {"state", ANN(""), BEA(FINISHED), .want = "synced"},
    {"state", ANN(""), BEA(""), .matched = true, .want = "synced"},
    {"state", ANN(HIDDEN), BEA(""), .want = "synced"},
    {"state", ANN(""), NULL, .create = CREATE_MAIL_USER, .want = "synced"},
    {"state", ANN(""), NULL, .create = CREATE_CONTACT, .want = "synced"},
    {"state", GROUP("Ann", "ann", ""), NULL, .want = "synced"},

    /* How it was found. */
    {"rule", ANN(""), NULL, .rule = MATCH_MAIL, .want = "mail=new"},
    {"rule", ANN(""), NULL, .want = "record="},
    {"rule", ANN(""), BEA(""), .was_dn = "CN=Bea", .want = "x500=old"},
    {"rule", ANN(""), BEA(""), .was_dn = "CN=Bea", .rule = MATCH_STAMP, .want = "stamp=new"},
    /* One whose GUID was never learned is found by its stamp: no other evidence. */
    {"rule", ANN(""), BEA(""), .was_dn = "CN=Bea", .was_created = true, .rule = MATCH_STAMP,
	.want = "x500=old"},
    {"rule", ANN(""), BEA(""), .was_dn = "CN=Bea", .was_created = true, .was_guid = BEA_GUID,
	.rule = MATCH_STAMP, .want = "stamp=new"},
    {"rule", ANN(""), BEA(""), .was_dn = "CN=Bea", .was_created = true, .matched = true,
	.rule = MATCH_STAMP, .want = "stamp=new"},

    /* Either side. */
    {"source", ANN(""), NULL, .want = GIVEN_GUID " CN=Ann" ACME},
    {"target", ANN(""), NULL, .want = "00000000-0000-0000-0000-000000000000 CN=New" GLOBEX},
    {"target", ANN(""), NULL, .was_dn = "CN=Bea", .was_guid = BEA_GUID,
	.want = "00000000-0000-0000-0000-000000000000 CN=New" GLOBEX},
    {"target", ANN(""), BEA(""), .want = BEA_GUID " CN=Bea" GLOBEX},
    {"target", ANN(""), BEA(""), .rename = "CN=Ann\\, B", .want = BEA_GUID " CN=Ann\\, B" GLOBEX},
    {"legacy", ANN(""), NULL, .want = OWN_LEGACY},
    {"legacy", ANN(""), BEA(""), .want = OWN_LEGACY},
    {"legacy", ANN(""), BEA("legacyExchangeDN: /o=G/cn=bea\n"), .want = "/o=G/cn=bea"},
    {"legacy", ANN(""), BEA("legacyExchangeDN: /o=G/cn=bea\n"), .was_dn = "CN=Bea",
	.was_legacy = "/o=G/cn=old", .want = "/o=G/cn=bea|/o=G/cn=old"},
    {"legacy", ANN(""), BEA("legacyExchangeDN: /o=G/cn=OLD\n"), .was_dn = "CN=Bea",
	.was_legacy = "/o=G/cn=old", .want = "/o=G/cn=old"},
    {"SID", ANN(""), BEA(SID), .want = "there"},
    {"SID", ANN(""), BEA(""), .want = "none"},
    /* That of another counterpart says nothing of this one. */
    {"SID", ANN(""), NULL, .was_dn = "CN=Bea", .want = "none"},
    {"SID", CONTACT("Ann", "ann", ""), THERE("contact", "Ann", ""), .was_dn = "CN=Bea",
	.want = "none"},

    /* The addresses of both, the source's primary one first. */
    {"addresses", ANN(""), NULL, .want = PRIMARY "|" REDIRECTS},
    {"addresses", ANN(""), NULL, .plain = true, .want = PRIMARY},
    {"addresses", ANN(""), NULL, .create = CREATE_CONTACT,
	.want = PRIMARY "|ann@redirect.acme.example"},
    {"addresses", MAIL_USER, NULL, .want = PRIMARY},
    {"addresses",
	ANN(PROXY("smtp:B@Acme.example") PROXY("sip:ann@x") PROXY("X500:/o=A")
		PROXY("smtp:ann@delete.me")),
	NULL, .want = PRIMARY "|" REDIRECTS "|b@acme.example"},
    {"addresses", ANN(""), BEA(PROXY("SMTP:bea@globex.example") PROXY("smtp:ANN@acme.example")),
	.want = PRIMARY "|" REDIRECTS "|bea@globex.example"},
    {"addresses", ANN(""), BEA(PROXY("smtp:a@globex.example") PROXY("smtp:b@globex.example")),
	.mods = "-smtp:a@globex.example|+smtp:c@globex.example|+X500:/o=A",
	.want = PRIMARY "|" REDIRECTS "|b@globex.example|c@globex.example"},
    {"addresses", ANN(""), BEA(PROXY("SMTP:a@globex.example")),
	.mods = "-SMTP:a@globex.example|+smtp:a@globex.example",
	.want = PRIMARY "|a@globex.example|" REDIRECTS},
    {"addresses", ANN(""), NULL, .adds = BEA(PROXY("SMTP:new@globex.example")),
	.want = PRIMARY "|" REDIRECTS "|new@globex.example"},
    {"addresses", ANN(""), NULL, .was_dn = "CN=Bea", .want = PRIMARY "|" REDIRECTS},
    {"addresses", ANN("mailNickname: b\n"), NULL, .why = "attribute 'mailNickname' has 2 values"},
};

static void
show_list(struct buf *b, const char *name, char *const *v, size_t n)
{
	buf_printf(b, "%s: ", name);
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "%s%s", i ? "|" : "", v[i]);
	buf_add_char(b, '\n');
}

/* What R says, a line each: "FIELD: VALUE". */
static void
show(const struct record *r, struct buf *b)
{
	const struct record_side *s = &r->side[SOURCE], *t = &r->side[TARGET];
	char source[GUID_TEXT_SIZE], target[GUID_TEXT_SIZE];

	guid_format(&s->guid, source);
	guid_format(&t->guid, target);
	buf_printf(b, "kind: %s\ncreated: %s\nactive: %s\nalias: %s\nerror: %s\n",
	    kind_name(r->kind), r->created ? "yes" : "no", side_name(r->active), r->alias,
	    r->last_error);
	buf_printf(b, "created at: %lld\nstate: %s\nrule: %s=%s\n", (long long)r->created_at,
	    record_state_name(r->state), match_method_name(r->rule), r->evidence);
	buf_printf(b, "source: %s %s\ntarget: %s %s\nSID: %s\n", source, s->dn, target, t->dn,
	    t->sid.len ? "there" : "none");
	show_list(b, "legacy", t->legacy_dns, t->n_legacy_dns);
	show_list(b, "addresses", r->addresses, r->n_addresses);
}

/* What R says of FIELD; the caller frees. */
static char *
field_of(const struct record *r, const char *field)
{
	_cleanup_(buf_done) struct buf b = {0};
	_cleanup_(free) char *start = str_printf("\n%s: ", field);
	const char *at;

	buf_add_char(&b, '\n');
	show(r, &b);
	at = strstr((const char *)b.data, start);
	assert_non_null(at);
	at += strlen(start);
	return strndup(at, strcspn(at, "\n"));
}

static struct record *
record_before(const struct fill_case *c)
{
	struct record *r = record_new();

	assert_non_null(r);
	if (!c->was_dn)
		return r;
	r->id = 1;
	r->rule = MATCH_X500;
	r->created = c->was_created;
	r->created_at = 7;
	assert_int_equal(record_set_str(&r->evidence, "old"), 0);
	assert_int_equal(record_set_str(&r->side[TARGET].dn, c->was_dn), 0);
	assert_int_equal(record_set_sid(&r->side[TARGET], bytes_of("sid")), 0);
	assert_int_equal(record_add_address(r, "old@globex.example"), 0);
	assert_true(!c->was_guid || guid_parse(c->was_guid, &r->side[TARGET].guid));
	assert_true(!c->was_legacy || record_add_legacy_dn(&r->side[TARGET], c->was_legacy) == 0);
	return r;
}

/* The changes of C. The caller frees. */
static size_t
changes_of(const struct fill_case *c, struct change *ret[3])
{
	size_t n = 0;

	if (c->adds) {
		ret[n] = change_new(CHANGE_ADD, "CN=New" GLOBEX, NULL);
		ret[n++]->entry = given_entry(c->adds);
	}
	if (c->mods) {
		ret[n] = change_new(CHANGE_MODIFY, "CN=Bea" GLOBEX, NULL);
		for (const char *p = c->mods; *p;) {
			size_t len = strcspn(p, "|");

			assert_int_equal(change_mod(ret[n], *p == '+' ? MOD_ADD : MOD_DELETE,
					     "proxyAddresses", (struct bytes){p + 1, len - 1}),
			    0);
			p += len + (p[len] == '|');
		}
		n++;
	}
	if (c->rename) {
		ret[n] = change_new(CHANGE_RENAME, "CN=Bea" GLOBEX, NULL);
		ret[n++]->new_rdn = strdup(c->rename);
	}
	return n;
}

static struct project_in
facts(struct given *g, const struct fill_case *c, const struct entry *source,
    const struct entry *target)
{
	struct project_in in;

	given_init(g);
	g->scope.create = c->create;
	if (c->plain)
		given_plain(g);
	in = given_pair(g, source, target);
	in.created = !c->matched;
	in.active = c->active;
	return in;
}

static void
filled(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct fill_case *c = &cases[i];
		_cleanup_(entry_free) struct entry *source = given_entry(c->source);
		_cleanup_(entry_free) struct entry *target = given_entry(c->target);
		_cleanup_(record_free) struct record *r = record_before(c);
		_cleanup_(free) char *got = NULL;
		struct change *changes[3];
		struct given g;
		struct project_in in = facts(&g, c, source, target);
		struct record_facts f = {.in = &in,
		    .link = 3,
		    .rule = c->rule,
		    .evidence = "new",
		    .target_dn = "CN=New" GLOBEX,
		    .changes = (const struct change *const *)changes,
		    .n_changes = changes_of(c, changes),
		    .problems = c->problems,
		    .now = 42};
		struct err err = {0};

		given_ended(i, c->field, record_fill(&f, r, &err), &err, c->why);
		got = c->why ? NULL : field_of(r, c->field);
		given_same(i, c->field, got, c->want);
		assert_int_equal(r->link, 3);
		for (size_t j = 0; j < f.n_changes; j++)
			change_free(changes[j]);
	}
	given_all_same();
}

/* ---- another counterpart ---- */

static const struct {
	const char *was, *target; /* GUIDs; NULL: none */
	bool stored, matched, forgets;
} others[] = {
    {GIVEN_GUID, GIVEN_GUID, .stored = true, .forgets = false},
    {BEA_GUID, GIVEN_GUID, .stored = true, .forgets = true},
    {BEA_GUID, GIVEN_GUID, .stored = true, .matched = true, .forgets = true},
    {BEA_GUID, GIVEN_GUID, .stored = false, .forgets = false},
    {BEA_GUID, NULL, .stored = true, .forgets = false},
    /* What was created and never seen is this one; what was matched had a GUID. */
    {NULL, GIVEN_GUID, .stored = true, .forgets = false},
    {NULL, GIVEN_GUID, .stored = true, .matched = true, .forgets = true},
};

static void
forgotten(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		_cleanup_(entry_free) struct entry *target =
		    given_entry(others[i].target ? BEA("") : NULL);
		_cleanup_(record_free) struct record *r = given_record("title: Boss\n");
		struct project_in in = {.target = target, .created = !others[i].matched};

		r->id = others[i].stored;
		assert_true(!target || guid_parse(others[i].target, &target->guid));
		assert_true(!others[i].was || guid_parse(others[i].was, &r->side[TARGET].guid));
		assert_int_equal(record_forget_other(&in, r), 0);
		assert_int_equal(r->written[TARGET].n, !others[i].forgets);
		assert_int_equal(r->synced_at, !others[i].forgets);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(filled),
	    cmocka_unit_test(forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
