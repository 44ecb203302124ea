/* SPDX-License-Identifier: MIT */

/* Which contact gives way to what, and what moves. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

#include "dsa/rules/heir.h"
#include "tests/support/given.h"

#define CARD(extra) THERE("contact", "Ann", extra)
#define PERSON(extra) THERE("user", "Ann Ash", extra)
#define PA "proxyAddresses: "
#define MEMO HEIR_MEMO ": galsync:"
#define LEGACY "legacyExchangeDN: "
#define HIDDEN HEIR_HIDES ": TRUE\n"
#define OTHER_GUID "22222222-2222-2222-2222-222222222222"

static const struct move_case {
	const char *contact, *heir;
	bool shows;
	/* Modifications, NULL: none. */
	const char *off[HEIR_PARTS], *onto[HEIR_PARTS];
	const char *back;
} moves[] = {
    {CARD(""), PERSON(""), .shows = false},
    /* Addresses become secondary ones, names go by themselves. */
    {CARD(PA "SMTP:a@x\n" PA "X500:/o=X/cn=a\n" PA "smtp:b@x\nmail: a@x\n" LEGACY "/o=X/cn=card\n"),
	PERSON(PA "SMTP:own@x\n"),
	.off = {"-proxyAddresses: SMTP:a@x\n-proxyAddresses: smtp:b@x\n"
		"+" MEMO "proxyAddresses:SMTP:a@x\n+" MEMO "proxyAddresses:smtp:b@x\n"
		"+" MEMO "mail:a@x\n-mail: a@x\n",
	    "-proxyAddresses: X500:/o=X/cn=a\n"
	    "+" MEMO "proxyAddresses:X500:/o=X/cn=a\n"
	    "+" MEMO "legacyExchangeDN:/o=X/cn=card\n-legacyExchangeDN: /o=X/cn=card\n"},
	.onto = {"+proxyAddresses: smtp:a@x\n+proxyAddresses: smtp:b@x\n",
	    "+proxyAddresses: X500:/o=X/cn=a\n+proxyAddresses: X500:/o=X/cn=card\n"}},
    /* What was put aside and is not there yet. */
    {CARD(
	 MEMO "proxyAddresses:SMTP:a@x\n" MEMO "mail:a@x\n" MEMO "legacyExchangeDN:/o=X/cn=card\n"),
	PERSON(""), .onto = {"+proxyAddresses: smtp:a@x\n", "+proxyAddresses: X500:/o=X/cn=card\n"},
	.back = "-" MEMO "proxyAddresses:SMTP:a@x\n-" MEMO "mail:a@x\n-" MEMO
		"legacyExchangeDN:/o=X/cn=card\n+proxyAddresses: SMTP:a@x\n+mail: a@x\n"
		"+legacyExchangeDN: /o=X/cn=card\n"},
    /* What is there already, in whatever spelling, or is the heir's own name. */
    {CARD(MEMO "proxyAddresses:SMTP:a@x\n" MEMO "proxyAddresses:X500:/o=X/cn=own\n"),
	PERSON(PA "SMTP:A@x\n" LEGACY "/o=X/cn=own\n"),
	.back = "-" MEMO "proxyAddresses:X500:/o=X/cn=own\n+proxyAddresses: X500:/o=X/cn=own\n"},
    /* What an organization makes for itself, and what is no address, is not inherited. */
    {CARD(MEMO "proxyAddresses:smtp:a@redirect.globex.example\n" MEMO "proxyAddresses:smtp:a\n"),
	PERSON(""),
	.back = "-" MEMO "proxyAddresses:smtp:a@redirect.globex.example\n-" MEMO
		"proxyAddresses:smtp:a\n+proxyAddresses: smtp:a@redirect.globex.example\n"
		"+proxyAddresses: smtp:a\n"},
    /* One sip address. */
    {CARD(MEMO "proxyAddresses:sip:a@x\n"), PERSON(""), .onto = {"+proxyAddresses: sip:a@x\n"},
	.back = "-" MEMO "proxyAddresses:sip:a@x\n+proxyAddresses: sip:a@x\n"},
    {CARD(MEMO "proxyAddresses:sip:a@x\n"), PERSON(PA "SIP:b@x\n"),
	.back = "-" MEMO "proxyAddresses:sip:a@x\n+proxyAddresses: sip:a@x\n"},
    /* The attribute may be in use. */
    {CARD(HEIR_MEMO ": CCMAIL: Ann\n" HEIR_MEMO ": galsync:title:Boss\n" HEIR_MEMO ": smtp:a@x\n"),
	PERSON(""), .shows = false},
    /* It shows when it has everything. */
    {CARD(""), PERSON(HIDDEN), .shows = true, .onto = {NULL, "-" HIDDEN}},
    {CARD(""), PERSON(HIDDEN), .shows = false},
    {CARD(""), PERSON(""), .shows = true},
};

static void
moved(void **state)
{
	struct given g;

	(void)state;
	given_init(&g);
	for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
		const struct move_case *m = &moves[i];
		_cleanup_(entry_free) struct entry *contact = given_entry(m->contact);
		_cleanup_(entry_free) struct entry *heir = given_entry(m->heir);
		const struct heir_pair p = {&g.link, contact, heir, m->shows, NULL, NULL};
		_cleanup_(change_free) struct change *back = NULL;
		_cleanup_(free) char *mods = NULL;
		struct err err = {0};

		for (int part = 0; part < HEIR_PARTS; part++) {
			struct change *pair[2] = {NULL, NULL};
			_cleanup_(free) char *off = NULL, *onto = NULL;

			given_ended(
			    i, "move", heir_move(&p, (enum heir_part)part, pair, &err), &err, NULL);
			off = given_mods(pair[0]);
			onto = given_mods(pair[1]);
			given_same(i, "off", off, m->off[part] ? m->off[part] : "");
			given_same(i, "onto", onto, m->onto[part] ? m->onto[part] : "");
			change_free(pair[0]);
			change_free(pair[1]);
		}
		given_ended(i, "back", heir_put_back(&p, &back, &err), &err, NULL);
		mods = given_mods(back);
		given_same(i, "back", mods, m->back ? m->back : "");
	}
	given_all_same();
}

static const struct {
	const char *contact, *heir, *want; /* "DN: modifications", each */
} references[] = {
    {CARD(""), PERSON(""), ""},
    {CARD("memberOf: CN=G" GLOBEX "\ndirectReports: CN=R" GLOBEX "\n"), PERSON(""),
	"CN=G" GLOBEX ": -member: CN=Ann" GLOBEX "\n+member: CN=Ann Ash" GLOBEX "\n"
	"CN=R" GLOBEX ": -manager: CN=Ann" GLOBEX "\n+manager: CN=Ann Ash" GLOBEX "\n"},
    /* The heir is there. */
    {CARD("memberOf: CN=G" GLOBEX "\n"), PERSON("memberOf: cn=g,ou=acme,DC=globex,DC=example\n"),
	"CN=G" GLOBEX ": -member: CN=Ann" GLOBEX "\n"},
    /* Nothing is its own manager. */
    {CARD("directReports: CN=Ann Ash" GLOBEX "\n"), PERSON(""),
	"CN=Ann Ash" GLOBEX ": -manager: CN=Ann" GLOBEX "\n"},
    /* What it says of itself. */
    {CARD("directReports: CN=Ann" GLOBEX "\n"), PERSON(""), ""},
};

static void
named(void **state)
{
	struct given g;

	(void)state;
	given_init(&g);
	for (size_t i = 0; i < ARRAY_SIZE(references); i++) {
		_cleanup_(entry_free) struct entry *contact = given_entry(references[i].contact);
		_cleanup_(entry_free) struct entry *heir = given_entry(references[i].heir);
		const struct heir_pair p = {&g.link, contact, heir, false, NULL, NULL};
		_cleanup_(buf_done) struct buf text = {0};
		struct change **v = NULL;
		struct err err = {0};
		size_t n = 0;

		given_ended(i, "references", heir_references(&p, &v, &n, &err), &err, NULL);
		buf_add_str(&text, "");
		for (size_t j = 0; j < n; j++) {
			_cleanup_(free) char *mods = given_mods(v[j]);

			buf_printf(&text, "%s: %s", v[j]->dn, mods);
			change_free(v[j]);
		}
		free(v);
		given_same(i, "references", (const char *)text.data, references[i].want);
	}
	given_all_same();
}

#define STAMPED(how, guid) "extensionAttribute15: galsync:" how ":" guid "\n"

static const struct {
	const char *entry;
	bool promotes;
	bool leftover, returns; /* what it is for the object with GIVEN_GUID */
} judged[] = {
    {CARD(STAMPED("created", GIVEN_GUID)), .leftover = true},
    {CARD(STAMPED("matched", GIVEN_GUID)), .leftover = false},
    {CARD(STAMPED("matched", GIVEN_GUID)), .promotes = true, .leftover = true},
    {CARD(STAMPED("created", OTHER_GUID)), .promotes = true},
    {CARD(""), .promotes = true},
    {PERSON(STAMPED("created", GIVEN_GUID)), .promotes = true},
    {"dn: CN=Ann,OU=GAL,DC=acme,DC=example\nobjectClass: contact\n" STAMPED("created", GIVEN_GUID),
	.leftover = true, .returns = true},
    {"dn: CN=Ann,OU=GAL,DC=acme,DC=example\nobjectClass: contact\n" STAMPED("matched", GIVEN_GUID),
	.leftover = false},
    {"dn: CN=Ann,OU=Staff,DC=acme,DC=example\nobjectClass: contact\n" STAMPED(
	 "created", GIVEN_GUID),
	.leftover = true},
    {"dn: CN=Ann,OU=GAL,DC=acme,DC=example\nobjectClass: user\n" STAMPED("created", GIVEN_GUID),
	.leftover = false},
};

static void
judge(void **state)
{
	struct guid who;
	struct given g;

	(void)state;
	assert_true(guid_parse(GIVEN_GUID, &who));
	for (size_t i = 0; i < ARRAY_SIZE(judged); i++) {
		_cleanup_(entry_free) struct entry *e = given_entry(judged[i].entry);
		struct conf_link back;

		given_init(&g);
		back = g.link;
		g.link.promote_contacts = judged[i].promotes;
		given_same(i, "leftover", heir_is_leftover(&g.link, e, &who) ? "yes" : "no",
		    judged[i].leftover ? "yes" : "no");
		given_same(i, "without a return flow",
		    heir_is_return_contact(&g.link, e, &who) ? "yes" : "no", "no");
		g.link.return_contacts_ou = given_str("OU=GAL,DC=acme,DC=example");
		g.link.back = &back;
		given_same(i, "return contact",
		    heir_is_return_contact(&g.link, e, &who) ? "yes" : "no",
		    judged[i].returns ? "yes" : "no");
		/* A return flow's own contacts give way to nothing. */
		g.link.forth = &back;
		given_same(
		    i, "of a return flow", heir_is_leftover(&g.link, e, &who) ? "yes" : "no", "no");
	}
	given_all_same();
}

static void
spare_name(void **state)
{
	_cleanup_(entry_free) struct entry *e = given_entry(CARD(""));
	_cleanup_(free) char *rdn = heir_spare_rdn(e);

	(void)state;
	assert_string_equal(rdn, "CN=Ann (11111111)");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(moved),
	    cmocka_unit_test(named),
	    cmocka_unit_test(judge),
	    cmocka_unit_test(spare_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
