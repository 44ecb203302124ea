/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_HEIR_FIXTURE_H
#define GALSYNC_TESTS_HEIR_FIXTURE_H

/*
 * Contacts that give way to real objects, with both flows of a link, and what must be true after
 * every single write: each address that is watched has exactly one holder in its forest. Between
 * the two writes of a pair it may have none; then the contact says in its memo what it had, and the
 * next write gives it to its heir.
 *
 * To be included after cmocka.h.
 */

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/heir.h"
#include "redirect/address.h"
#include "tests/support/scenario.h"

#define HEIR_WATCHED 8

struct heir_case {
	struct scenario sc;
	void (*between)(struct lab *l); /* after a first synchronization of both flows; or NULL */
	/* The contact that gives way, and its heir. */
	enum side side;
	const char *contact, *heir;
	/* Beside the contact's legacyExchangeDN. */
	struct heir_watched {
		enum side side;
		const char *address; /* "smtp:..." or "X500:..." */
		const char *holder;  /* in the end */
	} watched[HEIR_WATCHED];
	struct expect expect[SCENARIO_EXPECTS];
	uint64_t gave_way;
};

/* The case that is being played: l->on_written has no argument. */
static struct {
	const struct heir_case *of;
	char name[512];	  /* of the contact, as X500 */
	unsigned missing; /* writes after which an address had no holder, one after the other */
} heir_watch;

struct heir_holders {
	struct bytes address;
	char dn[320]; /* of the last one */
	size_t n;
	bool memo;
};

static int
heir_count_holder(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct heir_holders *h = arg;
	const struct attr *a = entry_find(own, "proxyAddresses"),
			  *memo = entry_find(own, HEIR_MEMO);
	const char *name = entry_get_str(own, "legacyExchangeDN");
	bool is = (a && attr_has(a, h->address, true)) ||
		  (name && address_is_x500(h->address) &&
		      bytes_equal_nocase(bytes_of(name), address_value(h->address)));

	(void)err;
	h->n += is;
	for (size_t i = 0; memo && i < memo->n_values; i++)
		h->memo |= strstr(memo->values[i].data, address_value(h->address).data) != NULL;
	if (is)
		(void)snprintf(h->dn, sizeof h->dn, "%s", own->dn);
	return 0;
}

static void
heir_count(struct lab *l, enum side side, const char *address, struct heir_holders *ret)
{
	static const char *const attrs[] = {
	    "proxyAddresses", "legacyExchangeDN", HEIR_MEMO, "objectClass", NULL};
	struct dir_query q = {
	    .base = side == SOURCE ? "DC=acme,DC=example" : "DC=globex,DC=example",
	    .scope = DIR_SUBTREE,
	    .filter = "(|(proxyAddresses=*)(legacyExchangeDN=*)(" HEIR_MEMO "=*))",
	    .attrs = attrs};
	struct err err = {0};

	*ret = (struct heir_holders){.address = bytes_of(address)};
	if (l->eye[side]->ops->search(l->eye[side], &q, heir_count_holder, ret, &err) < 0)
		fail_msg("%s", err.text);
}

/* ---- the cases ---- */

#define GAL ",OU=Globex GAL,DC=acme,DC=example"
#define PEOPLE ",OU=People,DC=globex,DC=example"
#define HEIR_LINK                                                                                  \
	"match = [ \"stamp\", \"x500-on-target\", \"mail-on-target\" ]; limits = { matches = 9; "  \
	"};"
#define HEIR_RETURN HEIR_LINK "return_contacts_ou = \"OU=Globex GAL,DC=acme,DC=example\";"
#define GAL_OU "dn: OU=Globex GAL,DC=acme,DC=example\nobjectClass: organizationalUnit\n\n"
#define PEOPLE_OU "dn: OU=People,DC=globex,DC=example\nobjectClass: organizationalUnit\n\n"
#define IDA_LEGACY "/o=Globex/ou=First/cn=Recipients/cn=ida"
/* A mailbox of globex itself. */
#define NATIVE(cn, alias, extra)                                                                   \
	"dn: CN=" cn PEOPLE "\nobjectClass: user\nsAMAccountName: " alias "\nmailNickname: " alias \
	"\nmail: " alias "@globex.example\nproxyAddresses: SMTP:" alias                            \
	"@globex.example\nproxyAddresses: smtp:" alias                                             \
	".old@globex.example\nlegacyExchangeDN: /o=Globex/ou=First/cn=Recipients/cn=" alias        \
	"\nuserAccountControl: 512\nmsExchHomeServerName: /o=Globex/cn=EX1\n" extra "\n"

/* Ida of globex gets a mailbox in acme; the contact there is in a group, and has reports. */
static void
heir_ida_comes(struct lab *l)
{
	lab_add_value(
	    l, TARGET, "CN=Ida Native" PEOPLE, "proxyAddresses", "X500:" ACME_LEGACY "ida");
	lab_add(l, SOURCE, MAILBOX("Ida", "ida", ""));
	lab_add_value(l, SOURCE, "CN=Team", "member", "CN=Ida Native" GAL);
	lab_set(l, SOURCE, "CN=Bob", "manager", "CN=Ida Native" GAL);
	lab_set(l, SOURCE, "CN=Cid", "altRecipient", "CN=Ida Native" GAL);
	lab_add_value(l, SOURCE, "CN=Cid", "publicDelegates", "CN=Ida Native" GAL);
	lab_add_value(
	    l, SOURCE, "CN=Ida Native" GAL, "proxyAddresses", "smtp:ida.gal@acme.example");
}

/* Ann of acme, who has a contact in globex, gets a real account there. */
static void
heir_ann_is_there(struct lab *l)
{
	lab_add(l, TARGET, PEOPLE_OU);
	lab_add(l, TARGET, NATIVE("Ann", "ann", "proxyAddresses: X500:" ACME_LEGACY "ann\n"));
	lab_add(l, TARGET,
	    "dn: CN=Locals" PEOPLE
	    "\nobjectClass: group\nsAMAccountName: locals\nmember: CN=Ann" GLOBEX "\n\n");
	lab_set(l, TARGET, "CN=Ann" PEOPLE, "proxyAddresses", "SMTP:ann@globex.example");
	lab_add_value(l, TARGET, "CN=Ann" PEOPLE, "proxyAddresses", "X500:" ACME_LEGACY "ann");
}

enum { HEIR_RETURN_CONTACT, HEIR_PROMOTED_CONTACT, HEIR_FORWARD_CONTACT };

static const struct heir_case heir_cases[] = {
    [HEIR_RETURN_CONTACT] =
	{.sc = {.name = "return contact",
	     .link = HEIR_RETURN,
	     .source = {GAL_OU, MAILBOX("Bob", "bob", ""), MAILBOX("Cid", "cid", ""),
		 GROUP("Team", "team", MEMBER("Bob"))},
	     .target = {PEOPLE_OU, NATIVE("Ida Native", "ida", "")}},
	    .between = heir_ida_comes,
	    .side = SOURCE,
	    .contact = "CN=Ida Native" GAL,
	    .heir = "CN=Ida",
	    .gave_way = 1,
	    .watched = {{SOURCE, "smtp:ida@globex.example", "CN=Ida"},
		{SOURCE, "smtp:ida.old@globex.example", "CN=Ida"},
		{SOURCE, "smtp:ida.gal@acme.example", "CN=Ida"},
		{SOURCE, "X500:" IDA_LEGACY, "CN=Ida"},
		{SOURCE, "X500:" ACME_LEGACY "ida", "CN=Ida"},
		{TARGET, "smtp:ida@globex.example", "CN=Ida Native" PEOPLE},
		{TARGET, "X500:" IDA_LEGACY, "CN=Ida Native" PEOPLE}},
	    .expect = {{SOURCE, "CN=Ida Native" GAL, NULL, NULL},
		{SOURCE, "CN=Team", "member", "CN=Ida" ACME},
		{SOURCE, "CN=Team", "member", "!CN=Ida Native" GAL},
		{SOURCE, "CN=Bob", "manager", "CN=Ida" ACME},
		{SOURCE, "CN=Cid", "altRecipient", "CN=Ida" ACME},
		{SOURCE, "CN=Cid", "publicDelegates", "CN=Ida" ACME},
		{SOURCE, "CN=Ida", "proxyAddresses", "SMTP:ida@acme.example"},
		{TARGET, "CN=Team", "member", "CN=Ida Native" PEOPLE},
		{TARGET, "CN=Bob", "manager", "CN=Ida Native" PEOPLE},
		{TARGET, "CN=Ida Native" PEOPLE, "proxyAddresses", "smtp:ida.gal@acme.example"}}},
    [HEIR_PROMOTED_CONTACT] =
	{.sc = {.name = "promoted contact",
	     .link = HEIR_LINK "promote_contacts = true;",
	     .source = {MAILBOX("Ann", "ann", ""), GROUP("Sales", "sales", MEMBER("Ann"))},
	     .target = {THERE_OU,
		 THERE("contact", "Ann",
		     "mail: ann@acme.example\nproxyAddresses: SMTP:ann@acme.example\n"
		     "proxyAddresses: smtp:ann@elsewhere.example\n"
		     "legacyExchangeDN: /o=Globex/cn=contact\nproxyAddresses: X500:/o=Old/cn=ann\n"
		     "proxyAddresses: X500:" ACME_LEGACY "ann\n"),
		 "dn: CN=Locals" GLOBEX
		 "\nobjectClass: group\nsAMAccountName: locals\nmember: CN=Ann" GLOBEX "\n\n"}},
	    .gave_way = 1,
	    .side = TARGET,
	    .contact = "CN=Ann",
	    .heir = "CN=Ann",
	    .watched = {{TARGET, "smtp:ann@acme.example", "CN=Ann"},
		{TARGET, "smtp:ann@elsewhere.example", "CN=Ann"},
		{TARGET, "X500:/o=Old/cn=ann", "CN=Ann"},
		{TARGET, "X500:" ACME_LEGACY "ann", "CN=Ann"}},
	    .expect = {{TARGET, "CN=Ann", "objectClass", "user"},
		{TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example"},
		{TARGET, "CN=Ann", "mail", "ann@acme.example"},
		{TARGET, "CN=Ann", "msExchHideFromAddressLists", NULL},
		{TARGET, "CN=Locals", "member", "CN=Ann" GLOBEX},
		{TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX},
		{SOURCE, "CN=Ann", "proxyAddresses", "X500:/o=Globex/cn=contact"}}},
    [HEIR_FORWARD_CONTACT] = {.sc = {.name = "forward contact",
				  .scope = "create = \"contact\";",
				  .link = HEIR_LINK,
				  .source = {MAILBOX("Ann", "ann", ""),
				      MAILBOX("Bob", "bob", "manager: CN=Ann" ACME "\n"),
				      GROUP("Sales", "sales", MEMBER("Ann"))}},
	.between = heir_ann_is_there,
	.side = TARGET,
	.contact = "CN=Ann",
	.heir = "CN=Ann" PEOPLE,
	.gave_way = 1,
	.watched = {{TARGET, "smtp:ann@acme.example", "CN=Ann" PEOPLE},
	    {TARGET, "smtp:ann@globex.example", "CN=Ann" PEOPLE}},
	.expect = {{TARGET, "CN=Ann", NULL, NULL},
	    {TARGET, "CN=Ann" PEOPLE, "proxyAddresses", "SMTP:ann@acme.example"},
	    {TARGET, "CN=Ann" PEOPLE, "proxyAddresses", "X500:" ACME_LEGACY "ann"},
	    {TARGET, "CN=Locals" PEOPLE, "member", "CN=Ann" PEOPLE},
	    {TARGET, "CN=Bob", "manager", "CN=Ann" PEOPLE}}},
};

/* ---- what is watched ---- */

/* Number I of what is watched; false: there are no more. */
static bool
heir_watched(size_t i, struct heir_watched *ret)
{
	const struct heir_case *of = heir_watch.of;

	if (i == 0)
		*ret = (struct heir_watched){of->side, heir_watch.name, of->heir};
	else if (i <= HEIR_WATCHED)
		*ret = of->watched[i - 1];
	return i <= HEIR_WATCHED && ret->address;
}

/* After every write. */
static void
heir_look(struct lab *l)
{
	struct heir_watched w;
	bool missing = false;

	for (size_t i = 0; heir_watched(i, &w); i++) {
		struct heir_holders h;

		heir_count(l, w.side, w.address, &h);
		if (h.n > 1 || (h.n == 0 && !h.memo))
			(void)snprintf(l->why, sizeof l->why, "%s has %zu holders", w.address, h.n);
		missing |= h.n == 0;
	}
	heir_watch.missing = missing ? heir_watch.missing + 1 : 0;
	if (heir_watch.missing > 1)
		(void)snprintf(l->why, sizeof l->why, "something came between a pair of writes");
}

static int
heir_sync(struct lab *l, struct run *run, void *arg)
{
	const struct cycle_options opt = {.plan_only = false};
	struct cycle_result ret[SIDES];
	int rc = sync_link(run, !l->delta, &opt, ret, &l->err);

	(void)arg;
	l->res = ret[SOURCE];
	l->res.failed += ret[TARGET].failed;
	l->res.applied += ret[TARGET].applied;
	l->res.drift += ret[TARGET].drift;
	return rc;
}

/* Both flows, through TAP or NULL. */
static int
heir_cycle(struct lab *l, struct tap *tap)
{
	return lab_act(l, tap, heir_sync, NULL);
}

static void
heir_must(struct lab *l, const char *what)
{
	if (heir_cycle(l, NULL) < 0)
		fail_msg("%s: %s", what, l->err.text);
	if (l->res.failed || *l->why)
		fail_msg("%s: %s\n%s", what, l->why, lab_notes(l));
}

/* Both forests right before the contact is to give way. */
static inline void
heir_prepare(struct lab *l, const struct heir_case *h)
{
	const struct entry *contact;

	heir_watch.of = h;
	heir_watch.missing = 0;
	lab_open(l, &h->sc);
	if (h->between) {
		heir_must(l, h->sc.name);
		h->between(l);
	}
	contact = fakedir_find(l->fd[h->side], lab_dn(h->side, h->contact));
	assert_non_null(contact);
	(void)snprintf(heir_watch.name, sizeof heir_watch.name, "X500:%s",
	    entry_get_str(contact, "legacyExchangeDN"));
	l->on_written = heir_look;
}

/* What must be true in the end, and one more synchronization writes nothing. */
static inline void
heir_check(struct lab *l, const char *what)
{
	const struct heir_case *of = heir_watch.of;
	struct heir_watched w;

	for (size_t i = 0; heir_watched(i, &w); i++) {
		struct heir_holders h;

		heir_count(l, w.side, w.address, &h);
		if (h.n != 1 || !dn_equal(h.dn, lab_dn(w.side, w.holder)))
			fail_msg("%s: %s has %zu holders, the last one '%s'\n%s", what, w.address,
			    h.n, h.dn, lab_notes(l));
	}
	for (size_t i = 0; i < SCENARIO_EXPECTS && of->expect[i].dn; i++)
		lab_expect(l, &of->expect[i]);
	heir_must(l, what);
	if (l->res.applied)
		fail_msg("%s: one more wrote\n%s", what, lab_notes(l));
}

#endif
