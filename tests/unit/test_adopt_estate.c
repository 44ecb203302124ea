/* SPDX-License-Identifier: MIT */

/*
 * An estate of the widespread migration tool is adopted: planned, recorded, synchronized. Every
 * value of the tool is still there afterwards, and mail goes where it went before.
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
#include "dsa/jobs/adopt.h"
#include "dsa/jobs/verify.h"
#include "tests/support/scenario.h"

#define KEY "extensionAttribute15"
#define STATE "extensionAttribute14"
#define STAMP "extensionAttribute7"
#define N 20	    /* pairs of users: */
#define SWITCHED 10 /* from this one on the target is active, */
#define BARE 18	    /* and from this one on nothing redirects */

static const struct scenario estate = {.name = "an estate of another tool",
    .forest = "stamp_attribute = \"" STAMP "\";",
    .link = "marker_attribute = \"extensionAttribute6\"; adopt = ( { tool = \"qmm\"; } );"
	    "limits = { redirections = 1; };",
    .target = {THERE_OU}};

/* ---- the estate ---- */

static void add_text(struct lab *l, enum side side, const char *fmt, ...) PRINTF_LIKE(3, 4);

static void
add_text(struct lab *l, enum side side, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	assert_true(vsnprintf(text, sizeof text, fmt, ap) < (int)sizeof text);
	va_end(ap);
	lab_add(l, side, text);
}

/* Name, alias and addresses of both sides differ: no other rule finds the pair. */
static void
add_source(struct lab *l, int i, const char *extra)
{
	add_text(l, SOURCE,
	    "dn: CN=S%d" ACME "\nobjectClass: user\nsAMAccountName: s%d\nuserPrincipalName: "
	    "s%d@acme.example\nmailNickname: s%d\nmail: s%d@acme.example\n"
	    "proxyAddresses: SMTP:s%d@acme.example\nproxyAddresses: smtp:s%d@source.qmm\n"
	    "legacyExchangeDN: " ACME_LEGACY "s%d\nuserAccountControl: 512\n"
	    "msExchHomeServerName: /o=Acme/cn=EX1\n" STATE ": IDs%d/CF:1\n" KEY ": %032x\n%s\n",
	    i, i, i, i, i, i, i, i, i, i + 0xab00, extra);
}

static void
add_target(struct lab *l, int i, int key, const char *extra)
{
	add_text(l, TARGET,
	    "dn: CN=T%d" GLOBEX "\nobjectClass: user\nsAMAccountName: t%d\nuserPrincipalName: "
	    "t%d@globex.example\nmailNickname: t%d\nmail: t%d@globex.example\n"
	    "proxyAddresses: SMTP:t%d@globex.example\nproxyAddresses: smtp:s%d@target.qmm\n"
	    "legacyExchangeDN: /o=Globex/cn=t%d\nuserAccountControl: 512\n"
	    "msExchHomeServerName: /o=Globex/cn=EX1\n" STATE ": IDt%d/CF:2\n" KEY ": %032X\n%s\n",
	    i, i, i, i, i, i, i, i, i, key + 0xab00, extra);
}

/* What no pair is made of: 20 has two partners, 21 none, 22 is no partner of any, 23 a contact's,
 * and the partner of 24 has a foreign value where its stamp belongs. */
static void
add_others(struct lab *l)
{
	add_source(l, 20, "");
	add_target(l, 20, 20, "");
	add_target(l, 220, 20, "");
	add_source(l, 21, "");
	add_target(l, 22, 22, "");
	add_source(l, 23, "");
	add_text(l, TARGET,
	    "dn: CN=T23" GLOBEX "\nobjectClass: contact\n" STATE ": IDt23/CF:2\n" KEY ": %032X\n\n",
	    23 + 0xab00);
	add_source(l, 24, "");
	add_target(l, 24, 24, STAMP ": HR-24\n");
}

static void
open_estate(struct lab *l)
{
	lab_open(l, &estate);
	for (int i = 0; i < N; i++) {
		char to[64] = "";

		if (i < BARE)
			(void)snprintf(to, sizeof to, "targetAddress: SMTP:s%d@%s.qmm\n", i,
			    i < SWITCHED ? "source" : "target");
		add_source(l, i, i < SWITCHED ? "" : to);
		add_target(l, i, i, i < SWITCHED ? to : "");
	}
	/* A stamped pair of contacts. */
	add_text(l, SOURCE, CONTACT("C", "c", KEY ": %032x\n"), 0xcccc);
	add_text(l, TARGET,
	    "dn: CN=D" GLOBEX "\nobjectClass: contact\nmailNickname: d\n" KEY ": %032x\n\n",
	    0xcccc);
	add_others(l);
}

/* ---- adopting ---- */

struct adoption {
	bool plan_only;
	struct adopt_result res;
	unsigned told[ADOPT_MAX];
};

static void
take_finding(const struct adopt_finding *f, void *arg)
{
	struct adoption *a = arg;

	a->told[f->verdict]++;
	assert_string_equal(f->tool, "qmm");
	assert_int_equal(f->key.len, 32);
	assert_true(f->dn[SOURCE][0] || f->dn[TARGET][0]);
	assert_int_equal(!f->why, f->verdict == ADOPT_PAIR || f->verdict == ADOPT_KNOWN);
}

static int
act_adopt(struct lab *l, struct run *run, void *arg)
{
	struct adoption *a = arg;
	const struct adopt_options opt = {
	    .plan_only = a->plan_only, .found = take_finding, .arg = a};

	return adopt_run(run, &opt, &a->res, &l->err);
}

static struct adoption
adopt(struct lab *l, bool plan_only)
{
	struct adoption a = {.plan_only = plan_only};
	struct tap tap = {.stop_at = 0};
	uint64_t usn[SIDES] = {fakedir_usn(l->fd[SOURCE]), fakedir_usn(l->fd[TARGET])};

	if (lab_act(l, &tap, act_adopt, &a) != 0)
		fail_msg("%s", l->err.text);
	tap_done(&tap);
	for (int side = SOURCE; side < SIDES; side++)
		assert_int_equal(fakedir_usn(l->fd[side]), usn[side]);
	for (size_t i = 0; i < ADOPT_MAX; i++)
		assert_int_equal(a.told[i], a.res.by[i]);
	return a;
}

static void
check_report(const struct adopt_result *r)
{
	assert_int_equal(r->by[ADOPT_PAIR], N + 1);
	assert_int_equal(r->by[ADOPT_ALONE], 2);
	assert_int_equal(r->by[ADOPT_SEVERAL], 1);
	assert_int_equal(r->by[ADOPT_KIND], 1);
	assert_int_equal(r->by[ADOPT_STAMP], 1);
	assert_int_equal(r->by[ADOPT_KNOWN] + r->by[ADOPT_TAKEN] + r->by[ADOPT_OUT], 0);
	/* Where nothing redirects, nothing was ever switched. */
	assert_int_equal(r->active[TARGET], BARE - SWITCHED);
	assert_int_equal(r->active[SOURCE], N + 1 - (BARE - SWITCHED));
	assert_int_equal(r->redirections[ADOPT_REDIRECT_TURN], BARE);
	assert_int_equal(r->redirections[ADOPT_REDIRECT_SET], N - BARE);
	assert_int_equal(r->redirections[ADOPT_REDIRECT_AWAY], 0);
	assert_int_equal(r->redirections[ADOPT_REDIRECT_NONE], 1);
}

/* ---- what must be true afterwards ---- */

/* Address I in DOMAIN behind PREFIX. */
static void
check_address(struct lab *l, enum side side, const char *attr, const char *prefix, int i,
    const char *domain, bool there)
{
	char dn[32], want[128];

	(void)snprintf(dn, sizeof dn, side == SOURCE ? "CN=S%d" : "CN=T%d", i);
	(void)snprintf(want, sizeof want, "%s:s%d@%s", prefix, i, domain);
	if (lab_has(l, side, dn, attr, want) != there)
		fail_msg(
		    "%s of %s %s %s %s", attr, side_name(side), dn, there ? "lacks" : "has", want);
}

static void
check_proxy(struct lab *l, enum side side, int i, const char *domain, bool there)
{
	check_address(l, side, "proxyAddresses", "smtp", i, domain, there);
}

/* The values of the tool, letter by letter. */
static void
check_tool(struct lab *l, int i, int key)
{
	for (int side = SOURCE; side < SIDES; side++) {
		char dn[32], value[64];

		(void)snprintf(dn, sizeof dn, side == SOURCE ? "CN=S%d" : "CN=T%d", i);
		if (!lab_exists(l, (enum side)side, dn))
			continue;
		(void)snprintf(
		    value, sizeof value, side == SOURCE ? "%032x" : "%032X", key + 0xab00);
		assert_true(lab_has(l, (enum side)side, dn, KEY, value));
		assert_int_equal(lab_count(l, (enum side)side, dn, KEY), 1);
		(void)snprintf(
		    value, sizeof value, side == SOURCE ? "IDs%d/CF:1" : "IDt%d/CF:2", i);
		assert_true(lab_has(l, (enum side)side, dn, STATE, value));
		assert_int_equal(lab_count(l, (enum side)side, dn, STATE), 1);
	}
}

static void
check_pair(struct lab *l, int i)
{
	_cleanup_(record_free) struct record *r = NULL;
	enum side active = i >= SWITCHED && i < BARE ? TARGET : SOURCE;
	char s[32], t[32], stamp[128];

	(void)snprintf(s, sizeof s, "CN=S%d", i);
	(void)snprintf(t, sizeof t, "CN=T%d", i);
	check_tool(l, i, i);
	/* Mail goes on to the side that was active, through galsync's domain. */
	assert_int_equal(lab_count(l, active, active == SOURCE ? s : t, "targetAddress"), 0);
	check_address(l, side_other(active), "targetAddress", "SMTP", i,
	    active == SOURCE ? "redirect.acme.example" : "redirect.globex.example", true);
	/* The redirect addresses of both tools are where they belong, and nowhere else. */
	check_proxy(l, SOURCE, i, "redirect.acme.example", true);
	check_proxy(l, SOURCE, i, "source.qmm", true);
	check_proxy(l, SOURCE, i, "target.qmm", false);
	check_proxy(l, TARGET, i, "redirect.globex.example", true);
	check_proxy(l, TARGET, i, "target.qmm", true);
	check_proxy(l, TARGET, i, "source.qmm", false);
	(void)snprintf(
	    stamp, sizeof stamp, "galsync:matched:%s:%s", lab_source_guid(l, s), side_name(active));
	assert_true(lab_has(l, TARGET, t, STAMP, stamp));
	r = lab_record(l, s);
	assert_non_null(r);
	assert_int_equal(r->rule, MATCH_ADOPT);
	assert_int_equal(strncmp(r->evidence, "qmm=0000", 8), 0);
	assert_int_equal(r->active, active);
	assert_false(r->created);
	assert_string_equal(r->side[TARGET].dn, lab_dn(TARGET, t));
}

static void
check_estate(struct lab *l)
{
	for (int i = 0; i < N; i++)
		check_pair(l, i);
	assert_true(lab_has(l, TARGET, "CN=D", KEY, "0000000000000000000000000000cccc"));
	/* What was not adopted has got nothing, and waits for a decision. */
	for (int i = N; i <= 24; i++) {
		char s[32];

		(void)snprintf(s, sizeof s, "CN=S%d", i);
		check_tool(l, i, i);
		assert_false(lab_exists(l, TARGET, s));
		assert_true(!lab_exists(l, SOURCE, s) || !lab_record(l, s));
	}
	check_tool(l, 220, 20);
	assert_true(lab_has(l, TARGET, "CN=T24", STAMP, "HR-24"));
	assert_int_equal(lab_count(l, TARGET, "CN=T20", STAMP), 0);
	assert_int_equal(lab_count(l, TARGET, "CN=T22", STAMP), 0);
	assert_int_equal(lab_count(l, TARGET, "CN=T23", STAMP), 0);
}

static void
take_broken(const struct audit_finding *f, void *arg)
{
	(void)arg;
	fail_msg("%s: %s: there %s, should be %s", f->dn, audit_invariant_name(f->what), f->there,
	    f->want);
}

static int
act_verify(struct lab *l, struct run *run, void *arg)
{
	const struct verify_options opt = {.found = take_broken};

	return verify_run(run, &opt, arg, &l->err);
}

static void
verify(struct lab *l)
{
	struct verify_result res;
	struct tap tap = {.stop_at = 0};

	assert_int_equal(lab_act(l, &tap, act_verify, &res), 0);
	tap_done(&tap);
	assert_true(res.checked > N);
}

static void
synchronize(struct lab *l)
{
	lab_run(l);
	/* Approved: no limit holds it, and nothing was broken or turned by others. */
	assert_int_equal(l->res.held, 0);
	assert_int_equal(l->res.conflicts, 4);
	assert_int_equal(l->told[RUN_BROKEN], 0);
	assert_int_equal(l->told[RUN_MOVED], 0);
	check_estate(l);
	verify(l);
}

static void
plan_adopt_sync(void **state)
{
	struct adoption a;
	struct lab l;

	(void)state;
	open_estate(&l);
	a = adopt(&l, true);
	check_report(&a.res);
	assert_null(lab_record(&l, "CN=S0"));
	a = adopt(&l, false);
	check_report(&a.res);
	synchronize(&l);
	lab_run_silent(&l);
	lab_run_idle(&l);
	/* All that was adopted is known now. */
	a = adopt(&l, false);
	assert_int_equal(a.res.by[ADOPT_KNOWN], N + 1);
	assert_int_equal(a.res.by[ADOPT_PAIR], 0);
	lab_run_idle(&l);
	check_estate(&l);
	lab_close(&l);
}

/* Nothing gets in the way of an adoption: neither a rule that would match the object nor a new one.
 */
static void
nothing_before(void **state)
{
	uint64_t usn[SIDES];
	struct lab l;

	(void)state;
	open_estate(&l);
	lab_add_value(&l, TARGET, "CN=T5", "proxyAddresses", "smtp:s6@acme.example");
	usn[SOURCE] = fakedir_usn(l.fd[SOURCE]);
	usn[TARGET] = fakedir_usn(l.fd[TARGET]);
	lab_run(&l);
	assert_int_equal(l.res.conflicts, N + 1 + 4);
	assert_non_null(strstr(lab_notes(&l), "let galsyncctl adopt take its pair over"));
	for (int side = SOURCE; side < SIDES; side++)
		assert_int_equal(fakedir_usn(l.fd[side]), usn[side]);
	/* What carries no key is synchronized. */
	lab_set(&l, SOURCE, "CN=S21", KEY, NULL);
	l.delta = true;
	lab_run(&l);
	assert_true(lab_exists(&l, TARGET, "CN=S21"));
	l.delta = false;
	lab_delete_value(&l, TARGET, "CN=T5", "proxyAddresses", "smtp:s6@acme.example");
	(void)adopt(&l, false);
	lab_run(&l);
	assert_int_equal(l.res.conflicts, 3);
	for (int i = 0; i < N; i++)
		check_pair(&l, i);
	verify(&l);
	lab_close(&l);
}

/* An adopted pair whose target is deleted is like any other. */
static void
target_is_deleted(void **state)
{
	struct lab l;

	(void)state;
	open_estate(&l);
	(void)adopt(&l, false);
	synchronize(&l);
	lab_delete(&l, TARGET, "CN=T2");
	lab_run(&l);
	assert_true(lab_exists(&l, TARGET, "CN=S2"));
	lab_run_silent(&l);
	lab_close(&l);
}

/* An adoption that was not carried out yet is made anew, also without the map. */
static void
adopted_again(void **state)
{
	struct adoption a;
	struct lab l;

	(void)state;
	open_estate(&l);
	(void)adopt(&l, false);
	a = adopt(&l, true);
	check_report(&a.res);
	lab_lose_map(&l);
	a = adopt(&l, false);
	check_report(&a.res);
	/* A pair that is none any more takes no part. */
	lab_set(&l, TARGET, "CN=T0", KEY, NULL);
	a = adopt(&l, false);
	assert_int_equal(a.res.by[ADOPT_PAIR], N);
	assert_null(lab_record(&l, "CN=S0"));
	lab_set(&l, TARGET, "CN=T0", KEY, "0000000000000000000000000000AB00");
	a = adopt(&l, false);
	check_report(&a.res);
	synchronize(&l);
	lab_close(&l);
}

/* The stamps say all of it: what was synchronized outlives the map. */
static void
map_is_lost(void **state)
{
	struct adoption a;
	struct lab l;

	(void)state;
	open_estate(&l);
	(void)adopt(&l, false);
	synchronize(&l);
	lab_run_silent(&l);
	lab_lose_map(&l);
	lab_run_silent(&l);
	for (int i = 0; i < N; i++)
		check_tool(&l, i, i);
	assert_true(
	    lab_has(&l, SOURCE, "CN=S12", "targetAddress", "SMTP:s12@redirect.globex.example"));
	assert_int_equal(lab_count(&l, TARGET, "CN=T12", "targetAddress"), 0);
	a = adopt(&l, true);
	assert_int_equal(a.res.by[ADOPT_KNOWN], N + 1);
	lab_close(&l);
}

/* One source object per adopted pair, though another link or rule could claim one of both. */
static void
object_is_taken(void **state)
{
	struct adoption a;
	struct store_txn *t;
	struct record *r;
	uint32_t other;
	struct lab l;
	struct err err;

	(void)state;
	open_estate(&l);
	(void)adopt(&l, false);
	r = lab_record(&l, "CN=S3");
	assert_non_null(r);
	lab_lose_map(&l);
	/* The target of the pair is the source of another link. */
	r->id = 0;
	r->side[SOURCE].guid = r->side[TARGET].guid;
	r->side[TARGET].guid.octets[0] ^= 1;
	assert_int_equal(store_begin(l.store, STORE_WRITE, &t, &err), 0);
	assert_int_equal(store_link_id(t, "other", &other, &err), 0);
	r->link = other;
	assert_int_equal(store_put(t, r, &err), 0);
	assert_int_equal(store_commit(t, &err), 0);
	record_free(r);
	a = adopt(&l, false);
	assert_int_equal(a.res.by[ADOPT_PAIR], N);
	assert_int_equal(a.res.by[ADOPT_TAKEN], 1);
	assert_null(lab_record(&l, "CN=S3"));
	lab_close(&l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plan_adopt_sync),
	    cmocka_unit_test(nothing_before),
	    cmocka_unit_test(target_is_deleted),
	    cmocka_unit_test(adopted_again),
	    cmocka_unit_test(map_is_lost),
	    cmocka_unit_test(object_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
