/* SPDX-License-Identifier: MIT */

/*
 * A campaign: an administrator of one OU of the source, who may write every attribute that galsync
 * reads, and make and delete objects there, against a target with 200 mailboxes, groups and
 * contacts of its own. Five pairs were approved before. Whatever is written, no object of the
 * target outside those pairs changes: it keeps even its uSNChanged. With every soft rule that may
 * be named so it is of mailboxes and security groups: who names such rules lets contacts and
 * distribution groups be found by what the source says. GALSYNC_SEED=N plays one campaign again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "tests/support/chance.h"
#include "tests/support/scenario.h"

#define MAILBOXES 200
#define NATIVES (MAILBOXES + 20) /* with groups and contacts */
#define PAIRS 5
#define TOOLS 8 /* objects of the administrator */
#define EDITS 1000
#define PEOPLE ",OU=People,DC=globex,DC=example"
/* The approved pairs: the last ones are meant for people who are not there yet. */
#define LATER_GUID "deadbeef-0000-0000-0000-000000000000"
#define APPROVED "p0,t10\np1,t11\np2,t13\np3,t14\np4,t15\nlater,t16\n" LATER_GUID ",t17\n"
#define EVIL ",OU=Evil,OU=Staff,DC=acme,DC=example"
#define DB "CN=DB1,CN=Configuration,DC=globex,DC=example"

struct campaign {
	struct lab l;
	uint64_t state;
	bool soft;
	unsigned refused;	       /* names that were not free */
	unsigned made;		       /* names that were used up */
	char tools[TOOLS][64];	       /* DNs of the administrator's objects */
	struct entry *before[NATIVES]; /* what must not change */
	size_t n;
};

static unsigned
roll(struct campaign *g, unsigned n)
{
	return chance_roll(&g->state, n);
}

/* ---- the forests ---- */

static void
add_natives(struct lab *l)
{
	_cleanup_(buf_done) struct buf b = {0};

	for (int i = 0; i < MAILBOXES; i++) {
		buf_printf(&b,
		    "dn: CN=T%d" PEOPLE "\nobjectClass: user\nsAMAccountName: t%d\n"
		    "userPrincipalName: t%d@globex.example\nmailNickname: t%d\ndisplayName: T %d\n"
		    "mail: t%d@globex.example\nproxyAddresses: SMTP:t%d@globex.example\n"
		    "proxyAddresses: smtp:t%d@old.example\nproxyAddresses: X500:/o=Old/cn=t%d\n"
		    "legacyExchangeDN: /o=Globex/cn=t%d\nhomeMDB: " DB "\nemployeeID: %d\n",
		    i, i, i, i, i, i, i, i, i, i, i);
		/* Prepared for an earlier move from acme. */
		if (i % 4 == 0)
			buf_printf(&b, "proxyAddresses: X500:" ACME_LEGACY "e%d\n", i % TOOLS);
		buf_add_char(&b, '\n');
	}
	for (int i = 0; i < 10; i++)
		buf_printf(&b,
		    "dn: CN=G%d" PEOPLE "\nobjectClass: group\nsAMAccountName: g%d\n"
		    "groupType: %d\nmail: g%d@globex.example\nmailNickname: g%d\n"
		    "proxyAddresses: SMTP:g%d@globex.example\nmember: CN=T%d" PEOPLE "\n\n"
		    "dn: CN=C%d" PEOPLE "\nobjectClass: contact\nmail: c%d@bank.example\n"
		    "mailNickname: c%d\nproxyAddresses: SMTP:c%d@bank.example\n"
		    "targetAddress: SMTP:c%d@bank.example\n\n",
		    i, i, i % 2 ? 8 : -2147483640, i, i, i, i, i, i, i, i, i);
	buf_add_char(&b, '\0');
	assert_false(b.failed);
	lab_add(l, TARGET, (const char *)b.data);
}

static void
add_tool(struct campaign *g, unsigned i)
{
	static const char *const classes[] = {"user", "user", "user", "contact", "group"};
	const char *class_name = classes[roll(g, ARRAY_SIZE(classes))];
	bool account = strcmp(class_name, "contact") != 0;
	_cleanup_(buf_done) struct buf b = {0};
	unsigned n = g->made++;

	(void)snprintf(g->tools[i], sizeof g->tools[i], "CN=E%u" EVIL, n);
	buf_printf(&b,
	    "dn: %s\nobjectClass: %s\nmailNickname: e%u\nmail: e%u@acme.example\n"
	    "proxyAddresses: SMTP:e%u@acme.example\nlegacyExchangeDN: " ACME_LEGACY "e%u\n",
	    g->tools[i], class_name, n, n, n, n);
	if (account)
		buf_printf(&b, "sAMAccountName: e%u\n", n);
	if (strcmp(class_name, "user") == 0)
		buf_add_str(&b, "msExchHomeServerName: /o=Acme/cn=EX1\nuserAccountControl: 512\n");
	buf_add_str(&b, "\n");
	buf_add_char(&b, '\0');
	assert_false(b.failed);
	lab_add(&g->l, SOURCE, (const char *)b.data);
}

/* ---- edits ---- */

/* What an object may say of another, of native N of the target or of one of acme. */
static void
invent(struct campaign *g, const char *attr, char *ret, size_t size)
{
	unsigned n = roll(g, MAILBOXES), m = roll(g, 10);
	const char *type =
	    str_equal_nocase(attr, "proxyAddresses") ? (roll(g, 3) ? "smtp:" : "SMTP:") : "";

	switch (roll(g, 11)) {
	case 0: (void)snprintf(ret, size, "%st%u@globex.example", type, n); break;
	case 1: (void)snprintf(ret, size, "%st%u@old.example", type, n); break;
	case 2: (void)snprintf(ret, size, "%sc%u@bank.example", type, m); break;
	case 3: (void)snprintf(ret, size, "%sg%u@globex.example", type, m); break;
	case 4: (void)snprintf(ret, size, "%s/o=Globex/cn=t%u", *type ? "X500:" : "", n); break;
	case 5: (void)snprintf(ret, size, "%s/o=Old/cn=t%u", *type ? "X500:" : "", n); break;
	case 6: (void)snprintf(ret, size, "%st%u@redirect.globex.example", type, n); break;
	case 7: (void)snprintf(ret, size, "%sp%u@acme.example", type, roll(g, PAIRS)); break;
	case 8: (void)snprintf(ret, size, "%slater", type); break;
	case 9: (void)snprintf(ret, size, "%s" LATER_GUID, type); break;
	default: (void)snprintf(ret, size, "%spostmaster@globex.example", type);
	}
}

static bool
has_value(struct campaign *g, const char *dn, const char *attr, const char *value)
{
	const struct attr *a = entry_find(fakedir_find(g->l.fd[SOURCE], dn), attr);

	return a && attr_has(a, bytes_of(value), true);
}

static void
edit_address(struct campaign *g, const char *dn)
{
	static const char *const attrs[] = {
	    "proxyAddresses", "proxyAddresses", "proxyAddresses", "mail", "legacyExchangeDN"};
	const char *attr = attrs[roll(g, ARRAY_SIZE(attrs))];
	char value[128];

	invent(g, attr, value, sizeof value);
	if (*attr != 'p')
		lab_set(&g->l, SOURCE, dn, attr, value);
	else if (!has_value(g, dn, attr, value))
		lab_add_value(&g->l, SOURCE, dn, attr, value);
}

static void
edit_name(struct campaign *g, const char *dn)
{
	static const char *const attrs[] = {"mailNickname", "displayName", "employeeID",
	    "extensionAttribute1", "extensionAttribute13", "department", "title"};
	const char *attr = attrs[roll(g, ARRAY_SIZE(attrs))];
	char value[64];

	(void)snprintf(value, sizeof value, "%s%u", str_equal_nocase(attr, "employeeID") ? "" : "t",
	    roll(g, MAILBOXES));
	lab_set(&g->l, SOURCE, dn, attr, value);
}

/* Account names are unique in the domain: only what is free can be written. */
static void
edit_account(struct campaign *g, const char *dn)
{
	struct entry *e = entry_dup(fakedir_find(g->l.fd[SOURCE], dn));
	char value[64];
	int rc = 0;

	assert_non_null(e);
	if (!entry_has_class(e, "contact")) {
		(void)snprintf(
		    value, sizeof value, "%c%u", roll(g, 4) ? 't' : 'g', roll(g, MAILBOXES));
		rc |= fakedir_set(g->l.fd[SOURCE], dn, "sAMAccountName", value);
	}
	if (entry_has_class(e, "user")) {
		(void)snprintf(value, sizeof value, "t%u@globex.example", roll(g, MAILBOXES));
		rc |= fakedir_set(g->l.fd[SOURCE], dn, "userPrincipalName", value);
	}
	g->refused += rc < 0;
	entry_free(e);
}

static void
edit_redirection(struct campaign *g, const char *dn)
{
	char value[128] = "SMTP:";

	invent(g, "mail", value + 5, sizeof value - 5);
	lab_set(&g->l, SOURCE, dn, "targetAddress", roll(g, 3) ? value : NULL);
}

static void
edit_state(struct campaign *g, const char *dn)
{
	static const struct {
		const char *attr, *value;
	} edits[] = {{"msExchHideFromAddressLists", "TRUE"}, {"msExchHideFromAddressLists", NULL},
	    {"msExchRecipientTypeDetails", "128"}, {"msExchRecipientTypeDetails", "1"},
	    {"msExchHomeServerName", NULL}, {"msExchHomeServerName", "/o=Acme/cn=EX1"},
	    {"extensionAttribute14", "galsync:switched:2026-01-01T00:00:00Z:x:guard"},
	    {"extensionAttribute14", NULL},
	    {"extensionAttribute15", "galsync:created:11111111-1111-1111-1111-111111111111:source"},
	    {"extensionAttribute15", NULL}, {"deliverAndRedirect", "TRUE"}};
	unsigned i = roll(g, ARRAY_SIZE(edits));

	lab_set(&g->l, SOURCE, dn, edits[i].attr, edits[i].value);
}

static void
edit_reference(struct campaign *g, const char *dn)
{
	static const char *const attrs[] = {
	    "manager", "authOrig", "publicDelegates", "altRecipient"};
	const struct entry *e = fakedir_find(g->l.fd[SOURCE], dn);
	char pair[64];
	const char *to = g->tools[roll(g, TOOLS)], *attr;

	(void)snprintf(pair, sizeof pair, "CN=P%u" ACME, roll(g, PAIRS));
	if (roll(g, 2))
		to = pair;
	attr = entry_has_class(e, "group") ? "member" : attrs[roll(g, ARRAY_SIZE(attrs))];
	if (str_equal_nocase(attr, "manager") || str_equal_nocase(attr, "altRecipient"))
		lab_set(&g->l, SOURCE, dn, attr, to);
	else if (!has_value(g, dn, attr, to))
		lab_add_value(&g->l, SOURCE, dn, attr, to);
}

/* A fresh object has all to win. */
static void
replace_tool(struct campaign *g, unsigned i)
{
	lab_delete(&g->l, SOURCE, g->tools[i]);
	add_tool(g, i);
}

static void
edit_something(struct campaign *g)
{
	unsigned i = roll(g, TOOLS);

	switch (roll(g, 12)) {
	case 0:
	case 1:
	case 2:
	case 3: edit_address(g, g->tools[i]); break;
	case 4: edit_name(g, g->tools[i]); break;
	case 5:
	case 6: edit_account(g, g->tools[i]); break;
	case 7: edit_redirection(g, g->tools[i]); break;
	case 8: edit_state(g, g->tools[i]); break;
	case 9:
	case 10: edit_reference(g, g->tools[i]); break;
	default: replace_tool(g, i);
	}
}

/* ---- what must hold ---- */

static void
keep_natives(struct campaign *g)
{
	static const char kinds[] = "TGC";

	for (size_t k = 0; kinds[k]; k++)
		for (int i = 0; i < (k ? 10 : MAILBOXES); i++) {
			char dn[64];
			const struct entry *e;

			(void)snprintf(dn, sizeof dn, "CN=%c%d" PEOPLE, kinds[k], i);
			e = fakedir_find(g->l.fd[TARGET], dn);
			assert_non_null(e);
			/* The approved ones, by their stamp. */
			if (entry_find(e, "extensionAttribute15") ||
			    (g->soft && (kinds[k] == 'C' || (kinds[k] == 'G' && i % 2))))
				continue;
			assert_true(g->n < NATIVES);
			g->before[g->n] = entry_dup(e);
			assert_non_null(g->before[g->n++]);
		}
	assert_int_equal(g->n, NATIVES - PAIRS - (g->soft ? 15 : 0));
}

static void
check_natives(struct campaign *g)
{
	for (size_t i = 0; i < g->n; i++) {
		_cleanup_(buf_done) struct buf was = {0}, is = {0};
		const struct entry *e = fakedir_find(g->l.fd[TARGET], g->before[i]->dn);

		assert_non_null(e);
		entry_encode(g->before[i], &was);
		entry_encode(e, &is);
		if (!bytes_equal(buf_bytes(&was), buf_bytes(&is)))
			fail_msg("%s was changed: %s", e->dn, lab_notes(&g->l));
	}
}

static void
run(struct campaign *g, bool delta)
{
	g->l.delta = delta;
	if (lab_cycle(&g->l, NULL) < 0)
		fail_msg("%s", g->l.err.text);
	if (g->l.needs_full) {
		g->l.delta = false;
		assert_int_equal(lab_cycle(&g->l, NULL), 0);
	}
	check_natives(g);
}

static void
play(const struct scenario *sc, bool soft, uint64_t seed)
{
	struct campaign g = {.state = seed, .soft = soft};

	lab_open(&g.l, sc);
	lab_add(&g.l, TARGET,
	    "dn: OU=People,DC=globex,DC=example\nobjectClass: organizationalUnit\n\n");
	lab_add(&g.l, SOURCE, "dn: OU=Evil" ACME "\nobjectClass: organizationalUnit\n\n");
	add_natives(&g.l);
	assert_int_equal(lab_cycle(&g.l, NULL), 0);
	assert_int_equal(g.l.res.matched, PAIRS);
	keep_natives(&g);
	for (unsigned i = 0; i < TOOLS; i++)
		add_tool(&g, i);
	for (unsigned i = 0; i < EDITS;) {
		for (unsigned n = 1 + roll(&g, 10); n-- && i < EDITS; i++)
			edit_something(&g);
		run(&g, roll(&g, 4) != 0);
	}
	run(&g, false);
	for (size_t i = 0; i < g.n; i++)
		entry_free(g.before[i]);
	lab_close(&g.l);
}

#define PERSONS                                                                                    \
	MAILBOX("P0", "p0", "")                                                                    \
	MAILBOX("P1", "p1", "")                                                                    \
	MAILBOX("P2", "p2", "") MAILBOX("P3", "p3", "") MAILBOX("P4", "p4", "")

static uint64_t
seed_of(uint64_t seed)
{
	const char *s = getenv("GALSYNC_SEED");

	return s ? strtoull(s, NULL, 10) : seed;
}

static void
against_evidence(void **state)
{
	static const struct scenario sc = {.name = "evidence",
	    .link =
		"match = [ \"csv:pairs.csv\", \"stamp\", \"sid-on-target\", \"x500-on-target\", "
		"\"mail-on-target\" ];",
	    .csv = APPROVED,
	    .source = {PERSONS}};

	(void)state;
	play(&sc, false, seed_of(1));
}

static void
against_soft_rules(void **state)
{
	static const struct scenario sc = {.name = "soft rules",
	    .link = "match = [ \"csv:pairs.csv\", \"stamp\", \"sid-history\", \"x500\", \"mail\", "
		    "\"sam-account-name\", \"user-principal-name\", \"attribute:employeeID\" ]; "
		    "promote_contacts = true; foreign_addresses = true;",
	    .csv = APPROVED,
	    .source = {PERSONS}};

	(void)state;
	play(&sc, true, seed_of(2));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(against_evidence),
	    cmocka_unit_test(against_soft_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
