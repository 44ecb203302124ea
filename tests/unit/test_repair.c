/* SPDX-License-Identifier: MIT */

/* What puts a redirection right that others changed, and what a limit of redirections is about. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/rules/repair.h"
#include "dsa/run/active.h"
#include "tests/support/given.h"

#define RS "SMTP:ann@redirect.acme.example"
#define RT "SMTP:ann@redirect.globex.example"
#define OLD_RT "smtp:old@redirect.globex.example"
#define TO(address) "targetAddress: " address "\n"
#define HAS(address) "proxyAddresses: " address "\n"
#define GUARD "msExchCalendarRepairDisabled: TRUE\n"
#define MARKER "extensionAttribute14: galsync:switched:x:y:guard\n"
#define NEW_MARKER "extensionAttribute14: galsync:switched:1970-01-01T00:00:00Z:" GIVEN_GUID
#define STAMP(side) "extensionAttribute15: galsync:created:" GIVEN_GUID ":" side "\n"
/* The source as a cycle leaves it, and a mailbox and an account of the target. */
#define ANN(extra) MAILBOX("Ann", "ann", HAS("smtp:ann@redirect.acme.example") extra "")
#define MBX(extra)                                                                                 \
	THERE("user", "Ann", "homeMDB: CN=DB1\n" HAS("smtp:ann@redirect.globex.example") extra "")
#define NO_MBX(extra) THERE("user", "Ann", HAS("smtp:ann@redirect.globex.example") extra "")
#define TENANT "globex.mail.onmicrosoft.com"
#define REMOTE(extra)                                                                              \
	THERE("user", "Ann",                                                                       \
	    "msExchRecipientTypeDetails: 2147483648\n" HAS("smtp:ann@redirect.globex.example")     \
		extra "")
#define ROUTE HAS("smtp:ann@" TENANT)
/* Switched, with nothing to put right. */
#define SWITCHED ANN(TO(RT) GUARD MARKER)

static const struct repair_case {
	const char *name, *source, *target;
	enum side active;
	const char *want;   /* "S" or "T" and a modification a line, in their order */
	const char *broken; /* "", "S", "T", "ST" */
	const char *written, *why;
	bool plain, unknown; /* no redirect domains; not in the map */
	bool tenant;	     /* the target is hybrid */
} cases[] = {
    {"as it must be", ANN(""), MBX(TO(RS)), .want = "", .broken = ""},
    {"the target's own is projected", ANN(""), MBX(""), .want = "", .broken = ""},
    {"the source leads to the target", ANN(TO(RT)), MBX(TO(RS)),
	.want = "S-targetAddress: " RT "\n", .broken = "S"},
    {"in another case", ANN(TO("smtp:ANN@Redirect.Globex.example")), MBX(TO(RS)),
	.want = "S-targetAddress: smtp:ANN@Redirect.Globex.example\n", .broken = "S"},
    {"to any address of it", ANN(TO("SMTP:a@globex.example")),
	MBX(TO(RS) HAS("smtp:A@globex.example")),
	.want = "S-targetAddress: SMTP:a@globex.example\n", .broken = "S"},
    {"to nobody in the redirect domain", ANN(TO("SMTP:x@redirect.globex.example")), MBX(TO(RS)),
	.want = "S-targetAddress: SMTP:x@redirect.globex.example\n", .broken = "S"},
    {"to a third place", ANN(TO("SMTP:x@else.example")), MBX(""), .want = "", .broken = ""},
    {"to itself", ANN(TO("SMTP:ann@acme.example")), MBX(TO(RS)), .broken = "S",
	.want = "S-targetAddress: SMTP:ann@acme.example\n"},
    {"with marker and guard", ANN(TO(RT) MARKER GUARD), MBX(TO(RS) STAMP("source")), .broken = "S",
	.want = "S-targetAddress: " RT "\nS-msExchCalendarRepairDisabled: TRUE\n"
		"S-extensionAttribute14: galsync:switched:x:y:guard\n"},
    {"with a foreign marker and guard", ANN(TO(RT) "extensionAttribute14: mine\n" GUARD),
	MBX(TO(RS)), .want = "S-targetAddress: " RT "\n", .broken = "S"},
    {"a marker alone", ANN(MARKER), MBX(TO(RS)), .broken = "",
	.want = "S-extensionAttribute14: galsync:switched:x:y:guard\n"},
    {"its own redirect address is gone too", MAILBOX("Ann", "ann", TO(RT)), MBX(TO(RS)),
	.want = "S-targetAddress: " RT "\n", .broken = "S"},
    {"towards an account without a mailbox", ANN(TO(RT)), NO_MBX(""),
	.want = "S-targetAddress: " RT "\n", .broken = "S"},

    {"switched, as it must be", SWITCHED, MBX(""), .active = TARGET, .want = "", .broken = ""},
    {"switched, the target redirects", SWITCHED, MBX(TO(RS)), .active = TARGET,
	.want = "T-targetAddress: " RS "\n", .broken = "T"},
    {"switched, to itself", SWITCHED, MBX(TO(RT)), .active = TARGET,
	.want = "T-targetAddress: " RT "\n", .broken = "T"},
    {"switched, to a third place", SWITCHED, MBX(TO("SMTP:x@else.example")), .active = TARGET,
	.want = "", .broken = ""},
    {"switched, the source's is gone", ANN(GUARD MARKER), MBX(""), .active = TARGET,
	.want = "S+targetAddress: " RT "\n", .broken = "S"},
    {"switched, the source's was changed", ANN(TO("SMTP:x@else.example") GUARD MARKER), MBX(""),
	.active = TARGET, .want = "", .broken = ""},
    {"switched, another alias", ANN(TO("SMTP:old@redirect.globex.example") GUARD MARKER),
	MBX(HAS(OLD_RT)), .active = TARGET, .broken = "",
	.want = "S-targetAddress: SMTP:old@redirect.globex.example\nS+targetAddress: " RT "\n"},
    {"undone by others", ANN(GUARD MARKER), MBX(TO(RS)), .active = TARGET, .broken = "",
	.want = "S-msExchCalendarRepairDisabled: TRUE\n"
		"S-extensionAttribute14: galsync:switched:x:y:guard\n"},
    {"switched by others", ANN(TO(RT)), MBX(""), .broken = "",
	.want = "S+msExchCalendarRepairDisabled: TRUE\nS+" NEW_MARKER ":guard\n"},
    {"half of a switch, and the map is lost", ANN(""), MBX(STAMP("target")), .unknown = true,
	.want = "S+targetAddress: " RT "\nS+msExchCalendarRepairDisabled: TRUE\nS+" NEW_MARKER
		":guard\n",
	.broken = "S"},
    {"half of an undo, and the map is lost", ANN(""), MBX(STAMP("source")), .unknown = true,
	.want = "", .broken = ""},
    {"moved by Exchange", EXTERNAL("Ann", "ann", RT), MBX(""), .broken = "",
	.want = "S+" NEW_MARKER "\n"},
    {"switched, marker and guard are gone", ANN(TO(RT)), MBX(""), .active = TARGET, .broken = "",
	.want = "S+msExchCalendarRepairDisabled: TRUE\nS+" NEW_MARKER ":guard\n"},
    {"switched, the marker alone is gone", ANN(TO(RT) GUARD), MBX(""), .active = TARGET,
	.want = "S+" NEW_MARKER "\n", .broken = ""},
    {"switched, a guard that galsync put", SWITCHED, MBX(GUARD), .active = TARGET, .written = GUARD,
	.want = "T-msExchCalendarRepairDisabled: TRUE\n", .broken = ""},
    {"switched, a foreign guard", SWITCHED, MBX(GUARD), .active = TARGET, .want = "", .broken = ""},
    {"switched, the target lost its address", ANN(GUARD MARKER),
	THERE("user", "Ann", "homeMDB: CN=DB1\n"), .active = TARGET,
	.want = "S+targetAddress: " RT "\n", .broken = "S"},
    {"switched, the target lost its mailbox", ANN(""), NO_MBX(TO(RS)), .active = TARGET, .want = "",
	.broken = ""},

    /* Before it is created the source leads to it no more. */
    {"to be created", ANN(TO(RT)), NULL, .want = "S-targetAddress: " RT "\n", .broken = "S"},

    /* In a tenant: what leads there stays, and comes back. */
    {"in the tenant, as it must be", ANN(""), REMOTE(TO(RS) ROUTE), .tenant = true, .want = "",
	.broken = ""},
    {"in the tenant, switched", SWITCHED, REMOTE(TO("SMTP:ann@" TENANT)), .active = TARGET,
	.tenant = true, .want = "", .broken = ""},
    {"in the tenant, by another address", SWITCHED, REMOTE(TO("SMTP:b@" TENANT) ROUTE),
	.active = TARGET, .tenant = true, .want = "", .broken = ""},
    {"in the tenant, both redirect", SWITCHED, REMOTE(TO(RS) ROUTE), .active = TARGET,
	.tenant = true, .want = "T-targetAddress: " RS "\nT+targetAddress: SMTP:ann@" TENANT "\n",
	.broken = "T"},
    {"in the tenant, nothing leads there", SWITCHED, REMOTE(ROUTE), .active = TARGET,
	.tenant = true, .want = "T+targetAddress: SMTP:ann@" TENANT "\n", .broken = ""},
    {"in the tenant, both redirect, and the address is gone", SWITCHED, REMOTE(TO(RS)),
	.active = TARGET, .tenant = true, .want = "T-targetAddress: " RS "\n", .broken = "T"},
    {"in the tenant, to a third place", SWITCHED, REMOTE(TO("SMTP:x@else.example") ROUTE),
	.active = TARGET, .tenant = true, .want = "", .broken = ""},
    {"in the tenant, switched by others", ANN(TO(RT)), REMOTE(TO("SMTP:ann@" TENANT) ROUTE),
	.tenant = true, .broken = "",
	.want = "S+msExchCalendarRepairDisabled: TRUE\nS+" NEW_MARKER ":guard\n"},
    {"in the tenant, which the source leads to itself", ANN(TO("SMTP:ann@" TENANT)),
	REMOTE(TO("SMTP:ann@" TENANT) ROUTE), .tenant = true, .broken = "",
	.want = "S-targetAddress: SMTP:ann@" TENANT "\nS+targetAddress: " RT "\n"
		"S+msExchCalendarRepairDisabled: TRUE\nS+" NEW_MARKER ":guard\n"},
    {"in a tenant that is not configured", SWITCHED, REMOTE(TO("SMTP:ann@" TENANT) ROUTE),
	.active = TARGET, .want = "", .broken = ""},
    {"in a tenant that is not configured, both redirect", SWITCHED, REMOTE(TO(RS) ROUTE),
	.active = TARGET, .want = "T-targetAddress: " RS "\n", .broken = "T"},

    /* No redirection to put right. */
    {"a loop that the map does not know", ANN(TO(RT)), MBX(TO(RS)), .unknown = true,
	.want = "S-targetAddress: " RT "\n", .broken = "S"},
    {"no redirect domains", ANN(TO(RT)), MBX(""), .plain = true, .want = "", .broken = ""},
    {"a contact", CONTACT("Ann", "ann", ""), THERE("contact", "Ann", ""), .want = "", .broken = ""},
    {"no usable alias", MAILBOX("Ann", "a b", TO(RT)), MBX(""), .want = "", .broken = "",
	.why = "redirect address: 'a b' cannot be the local part"},
};

struct pair {
	struct given g;
	struct entry *side[SIDES];
	struct record *record;
	struct project_in in;
};

static void
pair_open(struct pair *p, const struct repair_case *c)
{
	struct active_conf conf;

	given_init(&p->g);
	if (c->plain)
		given_plain(&p->g);
	if (c->tenant)
		given_tenant(&p->g);
	p->side[SOURCE] = given_entry(c->source);
	p->side[TARGET] = given_entry(c->target);
	p->record = given_record(c->written);
	p->record->id = !c->unknown;
	p->record->active = c->active;
	p->in = given_pair(&p->g, p->side[SOURCE], p->side[TARGET]);
	p->in.record = p->record;
	conf = active_conf_of(&p->g.link);
	p->in.verdict = active_side_of(
	    &conf, (const struct entry *const[SIDES]){p->side[SOURCE], p->side[TARGET]}, p->record);
	p->in.active = p->in.verdict.side;
	p->in.redirects =
	    p->in.verdict.facts.mailbox[p->in.active] && p->g.forest[SOURCE].redirect_domain;
}

static void
pair_close(struct pair *p)
{
	entry_free(p->side[SOURCE]);
	entry_free(p->side[TARGET]);
	record_free(p->record);
}

static char *
shown(const struct repair *r)
{
	struct buf b = {0};

	for (size_t i = 0; i < r->n; i++) {
		_cleanup_(free) char *mods = given_mods(r->fix[i].change);

		for (char *line = mods, *end; *line; line = end) {
			end = line + strcspn(line, "\n") + 1;
			buf_printf(&b, "%c%.*s", r->fix[i].side == SOURCE ? 'S' : 'T',
			    (int)(end - line), line);
		}
	}
	return buf_take_str(&b);
}

static void
planned(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct repair_case *c = &cases[i];
		_cleanup_(repair_done) struct repair r = {.n = 0};
		_cleanup_(free) char *fixes = NULL;
		char broken[SIDES + 1];
		struct err err = {0};
		struct pair p;

		pair_open(&p, c);
		given_ended(i, c->name, repair_plan(&p.in, 0, &r, &err), &err, c->why);
		fixes = shown(&r);
		given_same(i, c->name, fixes, c->want);
		(void)snprintf(broken, sizeof broken, "%s%s", r.broken[SOURCE] ? "S" : "",
		    r.broken[TARGET] ? "T" : "");
		given_same(i, "broken", broken, c->broken);
		pair_close(&p);
	}
	given_all_same();
}

/* ---- what a limit is about ---- */

static const struct about_case {
	const char *takes, *brings;  /* targetAddress */
	const char *written, *knows; /* the record: what was written, an address of it */
	bool want, broken;
} abouts[] = {
    /* What is taken away was one, if the record knows it as that. */
    {.takes = RS, .written = TO(RS), .want = true},
    {.takes = RS, .knows = "ann@redirect.acme.example", .want = true},
    {.takes = RS, .want = false},
    {.takes = "SMTP:x@else.example", .written = TO("SMTP:x@else.example"), .want = false},
    {.takes = "SMTP:ann@acme.example", .written = TO("SMTP:ann@acme.example"), .want = true},
    {.takes = RS,
	.brings = "SMTP:new@redirect.acme.example",
	.written = TO(RS),
	.knows = "ann@redirect.acme.example",
	.want = true},
    /* What comes is one again where the record knows of one; then it was taken. */
    {.brings = RS, .knows = "ann@redirect.acme.example", .want = true, .broken = true},
    {.brings = RS, .knows = "x@REDIRECT.acme.example", .want = true, .broken = true},
    {.brings = RS, .knows = "ann@acme.example", .want = false},
    {.brings = RS, .want = false},
    {.brings = "SMTP:x@else.example", .knows = "ann@redirect.acme.example", .want = false},
    {.takes = "SMTP:x@else.example",
	.brings = RS,
	.knows = "ann@redirect.acme.example",
	.want = true,
	.broken = true},
    {.want = false},
};

static void
limited(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, &cases[0]);
	for (size_t i = 0; i < ARRAY_SIZE(abouts); i++) {
		const struct about_case *a = &abouts[i];
		_cleanup_(record_free) struct record *old = given_record(a->written);
		_cleanup_(change_free) struct change *c = change_new(CHANGE_MODIFY, "CN=Ann", NULL);
		bool broken = false, about;

		assert_int_equal(change_mod_str(c, MOD_ADD, "title", "Boss"), 0);
		if (a->takes)
			assert_int_equal(
			    change_mod_str(c, MOD_DELETE, "TargetAddress", a->takes), 0);
		if (a->brings)
			assert_int_equal(change_mod_str(c, MOD_ADD, "targetAddress", a->brings), 0);
		if (a->knows)
			assert_int_equal(record_add_address(old, a->knows), 0);
		about = repair_is_about(&p.in, old, c, &broken);
		given_same(i, "about", about ? "yes" : "no", a->want ? "yes" : "no");
		given_same(i, "broken", broken ? "yes" : "no", a->broken ? "yes" : "no");
	}
	pair_close(&p);
	given_all_same();
}

static void
in_place(void **state)
{
	_cleanup_(record_free) struct record *old = given_record(NULL);
	struct pair p;

	(void)state;
	pair_open(&p, &cases[0]);
	assert_true(repair_was_in_place(&p.in, old, p.record));
	assert_false(repair_was_in_place(&p.in, NULL, p.record));
	p.record->synced_at = 0; /* it has another counterpart now */
	assert_false(repair_was_in_place(&p.in, old, p.record));
	p.record->synced_at = 1;
	old->state = RECORD_LEFT;
	assert_false(repair_was_in_place(&p.in, old, p.record));
	old->state = RECORD_ERROR;
	p.in.target = NULL;
	assert_false(repair_was_in_place(&p.in, old, p.record));
	p.in.target = p.side[TARGET];
	p.g.forest[SOURCE].redirect_domain = NULL;
	assert_false(repair_was_in_place(&p.in, old, p.record));
	pair_close(&p);
}

/* Nothing but the redirection goes, as it is written there. */
static void
circles(void **state)
{
	static const struct {
		const char *source, *target, *want[SIDES];
	} rows[] = {{ANN(TO(RT) MARKER GUARD), MBX(TO(RS) GUARD), {NULL, RS}},
	    {ANN(TO(RT) GUARD), MBX(TO(RS) GUARD), {RT, NULL}},
	    {ANN(TO("smtp:ANN@acme.example")), MBX(TO(RT)), {"smtp:ANN@acme.example", RT}},
	    {ANN(""), MBX(TO(RS)), {NULL, NULL}}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows) * SIDES; i++) {
		const struct repair_case c = {
		    .source = rows[i / 2].source, .target = rows[i / 2].target};
		const char *want = rows[i / 2].want[i % 2];
		struct change *change = NULL;
		struct pair p;
		struct err err;

		pair_open(&p, &c);
		assert_int_equal(
		    repair_end_circle(&p.in.verdict,
			(const struct entry *const[SIDES]){p.side[SOURCE], p.side[TARGET]},
			(enum side)(i % 2), &change, &err),
		    0);
		assert_int_equal(change != NULL, want != NULL);
		if (change) {
			assert_int_equal(change->n_mods, 1);
			assert_true(repair_takes_away(change, bytes_of(want)));
			assert_false(repair_takes_away(change, bytes_of("SMTP:x@else.example")));
		}
		change_free(change);
		pair_close(&p);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(planned),
	    cmocka_unit_test(limited),
	    cmocka_unit_test(in_place),
	    cmocka_unit_test(circles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
