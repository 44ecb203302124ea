/* SPDX-License-Identifier: MIT */

/* What a native move needs: each prerequisite missing once, and what is none of its business. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "redirect/move_ready.h"
#include "tests/support/given.h"

#define RS "redirect.acme.example"
#define RT "redirect.globex.example"
#define BYTES(attr) attr ":: AQIDBAUGBwgJCgsMDQ4PEA==\n" /* 1 to 16 */
#define BYTES_SHOWN "04030201-0605-0807-090a-0b0c0d0e0f10"
#define BYTES_2 "ABCDEFGHIJKLMNOP"
#define BYTES_2_SHOWN "44434241-4645-4847-494a-4b4c4d4e4f50"
#define PROXY(v) "proxyAddresses: " v "\n"

#define SOURCE_TEXT                                                                                \
	MAILBOX("Ann", "ann",                                                                      \
	    "displayName: Ann\n" BYTES("msExchMailboxGuid") BYTES(                                 \
		"msExchArchiveGUID") "msExchArchiveName: Archive of Ann\nmsExchUserCulture: "      \
				     "en-US\n"                                                     \
				     "msExchRecipientDisplayType: 1073741824\n" PROXY(             \
					 "smtp:ash@acme.example") PROXY("sip:ann@acme.example")    \
					 PROXY("x500:/o=Old/cn=ann") PROXY("smtp:ann@" RS)         \
					     PROXY("X500:/o=Globex/cn=ann"))
#define TARGET_TEXT                                                                                \
	THERE("user", "Ann",                                                                       \
	    "cn: Ann\nsAMAccountName: ann\nuserPrincipalName: ann@globex.example\n"                \
	    "mail: ann@acme.example\nmailNickname: ann\ndisplayName: Ann\n"                        \
	    "msExchVersion: 44220983382016\nlegacyExchangeDN: /o=Globex/cn=ann\n"                  \
	    "msExchRecipientDisplayType: -2147483642\nmsExchRecipientTypeDetails: 128\n"           \
	    "msExchArchiveName: Archive of Ann\nmsExchUserCulture: en-US\n"                        \
	    "targetAddress: SMTP:ann@" RS "\n" BYTES("msExchMailboxGuid") BYTES(                   \
		"msExchArchiveGUID") PROXY("SMTP:ann@acme.example") PROXY("smtp:ash@acme.example") \
		PROXY("sip:ann@acme.example") PROXY("X500:/o=Old/cn=ann")                          \
		    PROXY("X500:" ACME_LEGACY "ann") PROXY("smtp:ann@" RT))

/* One change to a pair that is ready. */
struct move_case {
	enum side side;
	const char *attr, *value; /* VALUE NULL: all are gone */
	enum { SET, ADD, DROP } how;
	const char *want; /* "attribute side, ..." */
	const char *there, *should_be;
};

static const struct move_case cases[] = {
    {TARGET, "info", "none of its business", SET, "", NULL, NULL},

    /* The mailbox. */
    {SOURCE, "msExchHomeServerName", NULL, SET, "homeMDB source", "nothing",
	"a mailbox database: without a mailbox there is nothing to move"},
    {TARGET, "homeMDB", "CN=DB1", SET, "homeMDB target", "CN=DB1",
	"nothing: a mail user has no mailbox"},
    {TARGET, "msExchHomeServerName", "/o=G/cn=EX1", SET, "msExchHomeServerName target",
	"/o=G/cn=EX1", "nothing: a mail user has no mailbox"},
    {TARGET, "objectClass", "contact", SET, "object target", "contact", "a user"},

    /* What has to be there. */
    {TARGET, "mail", NULL, SET, "mail target", "nothing", "the primary SMTP address"},
    {TARGET, "mailNickname", NULL, SET, "mailNickname target", "nothing", "an alias"},
    {TARGET, "displayName", NULL, SET, "displayName target", "nothing", "a name"},
    {TARGET, "displayName", "Other", SET, "", NULL, NULL},
    {TARGET, "cn", NULL, SET, "cn target", "nothing", "a name"},
    {TARGET, "sAMAccountName", NULL, SET, "sAMAccountName target", "nothing", "a logon name"},
    {TARGET, "userPrincipalName", NULL, SET, "userPrincipalName target", "nothing",
	"a logon name in a domain of the target"},
    {TARGET, "msExchVersion", NULL, SET, "msExchVersion target", "nothing", "44220983382016"},
    {TARGET, "msExchVersion", "88218628259840", SET, "", NULL, NULL},
    /* Its old name is at the source: no reply to that would find the target. */
    {TARGET, "legacyExchangeDN", NULL, SET, "legacyExchangeDN target, proxyAddresses target",
	"nothing", "X500:/o=Globex/cn=ann, which the source has"},

    /* What is the source's. */
    {SOURCE, "msExchMailboxGuid", NULL, SET, "msExchMailboxGuid source", "nothing",
	"the GUID of its mailbox, which Exchange gives"},
    {TARGET, "msExchMailboxGuid", NULL, SET, "msExchMailboxGuid target", "nothing",
	BYTES_SHOWN ", as the source"},
    {TARGET, "msExchMailboxGuid", BYTES_2, SET, "msExchMailboxGuid target", BYTES_2_SHOWN,
	BYTES_SHOWN ", as the source"},
    {TARGET, "msExchMailboxGuid", "short", SET, "msExchMailboxGuid target", "5 octets",
	BYTES_SHOWN ", as the source"},
    {TARGET, "msExchArchiveGUID", NULL, SET, "msExchArchiveGUID target", "nothing",
	BYTES_SHOWN ", as the source"},
    {TARGET, "msExchArchiveGUID", BYTES_2, SET, "msExchArchiveGUID target", BYTES_2_SHOWN,
	BYTES_SHOWN ", as the source"},
    {TARGET, "msExchArchiveName", NULL, SET, "msExchArchiveName target", "nothing",
	"Archive of Ann, as the source"},
    {TARGET, "msExchArchiveName", "Other", SET, "msExchArchiveName target", "Other",
	"Archive of Ann, as the source"},
    {SOURCE, "msExchArchiveName", NULL, SET, "", NULL, NULL},
    {TARGET, "msExchUserCulture", NULL, SET, "msExchUserCulture target", "nothing",
	"en-US, as the source"},
    {TARGET, "msExchUserCulture", "de-DE", ADD, "", NULL, NULL},
    {SOURCE, "msExchUserCulture", NULL, SET, "", NULL, NULL},

    /* The types. */
    {TARGET, "msExchRecipientTypeDetails", NULL, SET, "msExchRecipientTypeDetails target",
	"nothing", "128"},
    {TARGET, "msExchRecipientTypeDetails", "1", SET, "msExchRecipientTypeDetails target", "1",
	"128"},
    {TARGET, "msExchRecipientDisplayType", NULL, SET, "msExchRecipientDisplayType target",
	"nothing", "-2147483642"},
    {TARGET, "msExchRecipientDisplayType", "6", SET, "msExchRecipientDisplayType target", "6",
	"-2147483642"},
    {TARGET, "msExchRecipientDisplayType", "-1073741818", SET, "", NULL, NULL}, /* in ACLs */
    {SOURCE, "msExchRecipientDisplayType", NULL, SET, "", NULL, NULL},
    {SOURCE, "msExchRecipientDisplayType", "7", SET, "msExchRecipientDisplayType target",
	"-2147483642", "-2147481850"},
    {SOURCE, "msExchRecipientDisplayType", "8", SET, "msExchRecipientDisplayType target",
	"-2147483642", "-2147481594"},

    /* Where the mail user sends. */
    {TARGET, "targetAddress", NULL, SET, "targetAddress target", "nothing", "SMTP:ann@" RS},
    {TARGET, "targetAddress", "smtp:ASH@acme.example", SET, "", NULL, NULL},
    {TARGET, "targetAddress", "SMTP:ann@else.example", SET, "targetAddress target",
	"SMTP:ann@else.example", "SMTP:ann@" RS},
    {TARGET, "targetAddress", "SMTP:ann@" RT, SET, "targetAddress target", "SMTP:ann@" RT,
	"SMTP:ann@" RS},
    {TARGET, "targetAddress", "x500:/o=Old/cn=ann", SET, "targetAddress target",
	"x500:/o=Old/cn=ann", "SMTP:ann@" RS},
    {SOURCE, "proxyAddresses", "smtp:ann@" RS, DROP, "targetAddress target", "SMTP:ann@" RS,
	"SMTP:ann@acme.example"},

    /* The addresses. */
    {TARGET, "proxyAddresses", "smtp:ash@acme.example", DROP, "proxyAddresses target", "nothing",
	"smtp:ash@acme.example, which the source has"},
    {SOURCE, "proxyAddresses", "X400:C=US;S=Ann;", ADD, "proxyAddresses target", "nothing",
	"X400:C=US;S=Ann;, which the source has"},
    {SOURCE, "proxyAddresses", "sip:second@acme.example", ADD, "", NULL, NULL},
    {SOURCE, "proxyAddresses", "smtp:ann@delete.me", ADD, "", NULL, NULL},
    {SOURCE, "proxyAddresses", "smtp:x@" RT, ADD, "", NULL, NULL},
    {TARGET, "proxyAddresses", "smtp:more@globex.example", ADD, "", NULL, NULL},
    {TARGET, "proxyAddresses", "smtp:ann@" RT, DROP, "proxyAddresses target", "nothing",
	"an address in " RT ", to which the source sends after the move"},

    /* The names. */
    {TARGET, "proxyAddresses", "X500:/o=Old/cn=ann", DROP, "proxyAddresses target", "nothing",
	"x500:/o=Old/cn=ann, which the source has"},
    {TARGET, "proxyAddresses", "X500:" ACME_LEGACY "ann", DROP, "proxyAddresses target", "nothing",
	"X500:" ACME_LEGACY "ann, the source's name"},
    {SOURCE, "proxyAddresses", "X500:/o=Globex/cn=ann", DROP, "proxyAddresses source", "nothing",
	"X500:/o=Globex/cn=ann, the target's name"},
    {SOURCE, "legacyExchangeDN", "/o=GLOBEX/cn=ANN", SET, "", NULL, NULL},
};

/* A pair that is ready, and what the rule says of it. */
struct pair {
	struct record *record;
	struct entry *side[SIDES];
	bool conflict, plain;
	struct buf found; /* "attribute side, ..." */
	struct move_ready_finding last;
	char dn[64]; /* of the last */
};

static void
begin(struct pair *p)
{
	*p = (struct pair){.record = given_record(NULL),
	    .side = {given_entry(SOURCE_TEXT), given_entry(TARGET_TEXT)}};
	p->record->kind = KIND_USER;
	for (int side = SOURCE; side < SIDES; side++)
		p->record->side[side].guid = p->side[side]->guid;
	assert_int_equal(record_set_str(&p->record->side[TARGET].dn, "CN=Recorded"), 0);
}

static void
end(struct pair *p)
{
	record_free(p->record);
	entry_free(p->side[SOURCE]);
	entry_free(p->side[TARGET]);
	buf_done(&p->found);
}

static void
found(const struct move_ready_finding *f, void *arg)
{
	struct pair *p = arg;

	buf_printf(&p->found, "%s%s %s", p->found.len ? ", " : "", move_ready_name(f->need),
	    side_name(f->side));
	p->last = *f;
	(void)snprintf(p->dn, sizeof p->dn, "%s", f->dn);
}

static struct move_ready_pair
given_to(const struct pair *p)
{
	return (struct move_ready_pair){p->record, {p->side[SOURCE], p->side[TARGET]}, p->conflict};
}

static const char *
judged(struct pair *p)
{
	const struct move_ready_env env = {
	    .redirect_domain = {p->plain ? NULL : RS, p->plain ? NULL : RT},
	    .toggle_domain = "delete.me",
	    .found = found,
	    .arg = p};
	const struct move_ready_pair pair = given_to(p);
	size_t n, commas = 0;

	buf_reset(&p->found);
	buf_add_str(&p->found, "");
	n = move_ready_judge(&env, &pair);
	for (const char *s = (const char *)p->found.data; *s; s++)
		commas += *s == ',';
	assert_int_equal(n, p->found.len ? commas + 1 : 0);
	return (const char *)p->found.data;
}

static bool
concerns(const struct pair *p)
{
	const struct move_ready_pair pair = given_to(p);

	return move_ready_concerns(&pair);
}

static void
drop(struct entry *e, const char *attr, const char *value)
{
	_cleanup_(entry_free) struct entry *old = entry_dup(e);
	const struct attr *a = entry_find(old, attr);

	assert_true(attr_has(a, bytes_of(value), false));
	entry_remove(e, attr);
	for (size_t i = 0; i < a->n_values; i++)
		if (!bytes_equal(a->values[i], bytes_of(value)))
			assert_int_equal(entry_add(e, attr, a->values[i]), 0);
}

static void
change(struct pair *p, const struct move_case *c)
{
	struct entry *e = p->side[c->side];

	if (c->how == DROP) {
		drop(e, c->attr, c->value);
		return;
	}
	if (c->how == SET)
		entry_remove(e, c->attr);
	if (c->value)
		assert_int_equal(entry_add_str(e, c->attr, c->value), 0);
}

static void
missing_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct move_case *c = &cases[i];
		struct pair p;

		begin(&p);
		given_same(i, "ready", judged(&p), "");
		change(&p, c);
		given_same(i, c->attr, judged(&p), c->want);
		given_same(i, "there", c->there ? p.last.there : NULL, c->there);
		given_same(i, "want", c->should_be ? p.last.want : NULL, c->should_be);
		end(&p);
	}
	given_all_same();
}

/* Every attribute that it tells of can be missed, and has been in the table. */
static void
all_are_tried(void **state)
{
	(void)state;
	for (int need = MOVE_READY_HOME_MDB; need < MOVE_READY_MAX; need++) {
		const char *name = move_ready_name((enum move_ready_need)need);
		bool tried = false, read = false;

		for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
			tried |= strncmp(cases[i].want, name, strlen(name)) == 0;
		for (size_t i = 0; move_ready_attrs[i]; i++)
			read |= strcmp(move_ready_attrs[i], name) == 0;
		given_same((size_t)need, name, tried && read ? "tried" : NULL, "tried");
	}
	given_all_same();
}

static void
a_source_without_name_or_archive(void **state)
{
	static const char *const archive[] = {"msExchArchiveGUID", "msExchArchiveName"};
	struct pair p;

	(void)state;
	begin(&p);
	/* An archive that the source has not is not asked for. */
	for (size_t i = 0; i < ARRAY_SIZE(archive); i++)
		entry_remove(p.side[SOURCE], archive[i]);
	assert_string_equal(judged(&p), "");
	for (size_t i = 0; i < ARRAY_SIZE(archive); i++)
		entry_remove(p.side[TARGET], archive[i]);
	assert_string_equal(judged(&p), "");
	/* What no cycle can give. */
	entry_remove(p.side[SOURCE], "displayName");
	assert_string_equal(judged(&p), "");
	entry_remove(p.side[TARGET], "displayName");
	assert_string_equal(judged(&p), "displayName target");
	assert_string_equal(p.last.want, "a name, which the source has not either");
	end(&p);
}

static void
without_redirect_domains(void **state)
{
	struct pair p;

	(void)state;
	begin(&p);
	p.plain = true;
	assert_string_equal(judged(&p), "proxyAddresses target");
	assert_string_equal(p.last.want, "smtp:ann@" RS ", which the source has");
	drop(p.side[SOURCE], "proxyAddresses", "smtp:ann@" RS);
	assert_string_equal(judged(&p), "targetAddress target");
	assert_string_equal(p.last.want, "SMTP:ann@acme.example");
	entry_remove(p.side[SOURCE], "proxyAddresses");
	entry_remove(p.side[SOURCE], "mail");
	assert_string_equal(judged(&p), "targetAddress target, proxyAddresses source");
	end(&p);
}

static void
the_record(void **state)
{
	struct pair p;

	(void)state;
	begin(&p);
	p.record->state = RECORD_WAITING;
	assert_string_equal(judged(&p), "");
	p.record->state = RECORD_ERROR;
	assert_int_equal(record_set_str(&p.record->last_error, "refused"), 0);
	assert_string_equal(judged(&p), "correspondence target");
	assert_string_equal(p.last.there, "error: refused");
	p.record->state = RECORD_PENDING;
	assert_string_equal(judged(&p), "correspondence target");
	assert_true(concerns(&p));
	for (int left = RECORD_LEFT; left <= RECORD_FINISHED; left++) {
		p.record->state = (enum record_state)left;
		assert_string_equal(judged(&p), "correspondence target");
		assert_false(concerns(&p));
	}
	p.record->state = RECORD_SYNCED;
	p.conflict = true;
	assert_string_equal(judged(&p), "correspondence source");
	end(&p);
}

static void
what_it_is_about(void **state)
{
	struct pair p;

	(void)state;
	begin(&p);
	assert_true(concerns(&p));
	/* It was moved. */
	assert_int_equal(entry_set_str(p.side[TARGET], "homeMDB", "CN=DB1"), 0);
	assert_false(concerns(&p));
	entry_remove(p.side[SOURCE], "msExchHomeServerName");
	assert_string_equal(judged(&p), "homeMDB source, homeMDB target");
	entry_remove(p.side[TARGET], "homeMDB");
	assert_false(concerns(&p));
	assert_int_equal(entry_set_str(p.side[SOURCE], "homeMDB", "CN=DB1"), 0);
	assert_true(concerns(&p));
	assert_int_equal(entry_set_str(p.side[TARGET], "objectClass", "contact"), 0);
	assert_false(concerns(&p));
	/* It is gone, or was never there. */
	entry_free(TAKE(p.side[TARGET]));
	assert_false(concerns(&p));
	assert_string_equal(judged(&p), "object target");
	assert_string_equal(p.dn, "CN=Recorded");
	p.record->side[TARGET].guid = (struct guid){{0}};
	assert_string_equal(judged(&p), "object target");
	assert_string_equal(p.last.want, "a mail user: a synchronization writes it");
	entry_free(TAKE(p.side[SOURCE]));
	assert_string_equal(judged(&p), "object source, object target");
	end(&p);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(missing_once),
	    cmocka_unit_test(all_are_tried),
	    cmocka_unit_test(a_source_without_name_or_archive),
	    cmocka_unit_test(without_redirect_domains),
	    cmocka_unit_test(the_record),
	    cmocka_unit_test(what_it_is_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
