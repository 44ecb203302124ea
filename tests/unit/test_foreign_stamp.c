/* SPDX-License-Identifier: MIT */

/* A value of others in the attribute of the stamp: it is never lost, the object is in conflict for
 * as long as it is there, and nothing else is written to its counterpart meanwhile. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

#define GUID_1 "11111111-1111-1111-1111-111111111111"
#define ANN(extra) MAILBOX("Ann", "ann", "objectGUID:: EREREREREREREREREREREQ==\n" extra)
#define BEA(extra) THERE("user", "Bea", "sAMAccountName: bea\nmail: ann@acme.example\n" extra)
#define STAMP "extensionAttribute15"
#define HR "HR-4711"
#define STAYS                                                                                      \
	{                                                                                          \
		TARGET, "CN=Bea", STAMP, HR                                                        \
	}
#define UNTOUCHED(cn)                                                                              \
	{TARGET, cn, "title", NULL}, {TARGET, cn, "proxyAddresses", NULL},                         \
	{                                                                                          \
		TARGET, cn, "targetAddress", NULL                                                  \
	}
#define NO_NEW_ONE                                                                                 \
	{TARGET, "CN=Ann", NULL, NULL},                                                            \
	{                                                                                          \
		SOURCE, "CN=Ann", "proxyAddresses", "!smtp:ann@redirect.acme.example"              \
	}

static void
title_changes(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "title", "Boss");
}

static void
value_is_cleared(struct lab *l)
{
	lab_set(l, TARGET, "CN=Bea", STAMP, NULL);
}

static void
value_becomes_another(struct lab *l)
{
	lab_set(l, TARGET, "CN=Bea", STAMP, "HR-4712");
}

static void
value_comes(struct lab *l)
{
	lab_set(l, TARGET, "CN=Bea", STAMP, HR);
	lab_set(l, SOURCE, "CN=Ann", "title", "Boss");
}

static void
value_comes_upon_a_new_one(struct lab *l)
{
	lab_set(l, TARGET, "CN=Ann", STAMP, HR);
	lab_set(l, SOURCE, "CN=Ann", "title", "Boss");
}

static void
value_comes_and_source_goes(struct lab *l)
{
	lab_set(l, TARGET, "CN=Ann", STAMP, HR);
	lab_delete(l, SOURCE, "CN=Ann");
}

static void
value_comes_and_goes(struct lab *l)
{
	value_comes(l);
	l->delta = l->sc->delta;
	lab_run(l);
	assert_int_equal(l->res.conflicts, 1);
	lab_set(l, TARGET, "CN=Bea", STAMP, NULL);
}

static void
value_goes_after_the_source(struct lab *l)
{
	value_comes_and_source_goes(l);
	l->delta = l->sc->delta;
	lab_run(l);
	assert_true(lab_has(l, TARGET, "CN=Ann", STAMP, HR));
	assert_int_equal(l->res.left[LEAVE_DELETE], 0);
	lab_set(l, TARGET, "CN=Ann", STAMP, NULL);
}

/* The configuration names another attribute; a delta looks when anything changes. */
static void
stamp_moves(struct lab *l)
{
	char *old = l->conf->forests[1].stamp_attribute;

	assert_string_equal(l->conf->forests[1].name, "globex");
	l->conf->forests[1].stamp_attribute = strdup("extensionAttribute7");
	assert_non_null(l->conf->forests[1].stamp_attribute);
	free(old);
	lab_set(l, TARGET, "CN=Other", "title", "Boss");
}

static const struct scenario scenarios[] = {
    {.name = "found by mail",
	.source = {ANN("title: Boss\n")},
	.target = {THERE_OU, BEA(STAMP ": " HR "\n")},
	.between = title_changes,
	.counts = {.conflicts = 1},
	.reason = CONFLICT_STAMP,
	.expect = {STAYS, UNTOUCHED("CN=Bea"), NO_NEW_ONE}},
    {.name = "found by a file of pairs",
	.link = "match = [ \"csv:pairs.csv\" ];",
	.csv = "source,target\nann,bea\n",
	.source = {ANN("")},
	.target = {THERE_OU, BEA(STAMP ": " HR "\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_STAMP,
	.expect = {STAYS, UNTOUCHED("CN=Bea"), NO_NEW_ONE}},
    {.name = "where nothing is created",
	.scope = "create = \"none\";",
	.source = {ANN("")},
	.target = {THERE_OU, BEA(STAMP ": " HR "\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_STAMP,
	.expect = {STAYS, UNTOUCHED("CN=Bea"), NO_NEW_ONE}},
    {.name = "a contact with it does not make room",
	.link = "promote_contacts = true;",
	.source = {ANN("")},
	.target = {THERE_OU,
	    THERE("contact", "Bea", "mail: ann@acme.example\n" STAMP ": " HR "\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_STAMP,
	.expect = {STAYS, {TARGET, "CN=Bea", "objectClass", "contact"}, NO_NEW_ONE}},
    {.name = "a group",
	.source = {GROUP("Sales", "sales", "")},
	.target = {THERE_OU,
	    THERE("group", "Bea", "mail: sales@acme.example\n" STAMP ": " HR "\n")},
	.counts = {.conflicts = 1},
	.reason = CONFLICT_STAMP,
	.expect = {STAYS, UNTOUCHED("CN=Bea"), {TARGET, "CN=Sales", NULL, NULL}}},
    {.name = "two that find the object",
	.link = "match = [ \"mail\" ];",
	.source = {ANN(""), MAILBOX("Cid", "cid", "proxyAddresses: smtp:desk@acme.example\n")},
	.target = {THERE_OU, BEA(STAMP ": " HR "\nproxyAddresses: smtp:desk@acme.example\n")},
	.counts = {.conflicts = 2},
	.reason = CONFLICT_STAMP,
	.expect = {STAYS, {TARGET, "CN=Bea", "title", NULL}, NO_NEW_ONE}},
    {.name = "is cleared",
	.source = {ANN("title: Boss\n")},
	.target = {THERE_OU, BEA(STAMP ": " HR "\n")},
	.between = value_is_cleared,
	.counts = {.matched = 1},
	.expect = {{TARGET, "CN=Bea", STAMP, "galsync:matched:" GUID_1 ":source"},
	    {TARGET, "CN=Bea", "title", "Boss"}, {TARGET, "CN=Ann", NULL, NULL}}},
    {.name = "becomes another",
	.source = {ANN("title: Boss\n")},
	.target = {THERE_OU, BEA(STAMP ": " HR "\n")},
	.between = value_becomes_another,
	.counts = {.conflicts = 1},
	.reason = CONFLICT_STAMP,
	.expect = {{TARGET, "CN=Bea", STAMP, "HR-4712"}, UNTOUCHED("CN=Bea"), NO_NEW_ONE}},
    {.name = "the stamp moves to another attribute",
	.source = {ANN("title: Boss\n")},
	.target = {THERE_OU, BEA(STAMP ": " HR "\n"), THERE("user", "Other", "")},
	.between = stamp_moves,
	.counts = {.matched = 1},
	.expect = {STAYS,
	    {TARGET, "CN=Bea", "extensionAttribute7", "galsync:matched:" GUID_1 ":source"},
	    {TARGET, "CN=Bea", "title", "Boss"}}},
    {.name = "comes upon a matched counterpart",
	.source = {ANN("")},
	.target = {THERE_OU, BEA("")},
	.between = value_comes,
	.counts = {.conflicts = 1},
	.reason = CONFLICT_STAMP,
	.expect = {STAYS, {TARGET, "CN=Bea", "title", NULL}, {TARGET, "CN=Ann", NULL, NULL},
	    {TARGET, "CN=Bea", "targetAddress", "SMTP:ann@redirect.acme.example"}}},
    {.name = "comes upon a created counterpart",
	.source = {ANN("")},
	.between = value_comes_upon_a_new_one,
	.counts = {.conflicts = 1},
	.reason = CONFLICT_STAMP,
	.expect = {{TARGET, "CN=Ann", STAMP, HR}, {TARGET, "CN=Ann", "title", NULL},
	    {TARGET, "CN=Ann", "targetAddress", "SMTP:ann@redirect.acme.example"}}},
    {.name = "comes and goes",
	.source = {ANN("")},
	.target = {THERE_OU, BEA("")},
	.between = value_comes_and_goes,
	.expect = {{TARGET, "CN=Bea", STAMP, "galsync:matched:" GUID_1 ":source"},
	    {TARGET, "CN=Bea", "title", "Boss"}, {TARGET, "CN=Ann", NULL, NULL}}},
    {.name = "keeps a counterpart whose source goes",
	.scope = "create = \"mailbox\"; on_leave = \"delete\";",
	.source = {ANN(""), GROUP("Sales", "sales", MEMBER("Ann"))},
	.between = value_comes_and_source_goes,
	.expect = {{TARGET, "CN=Ann", STAMP, HR},
	    {TARGET, "CN=Ann", "msExchHideFromAddressLists", NULL}}},
    {.name = "goes, and the counterpart whose source went goes too",
	.scope = "create = \"mailbox\"; on_leave = \"delete\";",
	.source = {ANN("")},
	.between = value_goes_after_the_source,
	.counts = {.left = {[LEAVE_DELETE] = 1}},
	.expect = {{TARGET, "CN=Ann", NULL, NULL}}},
};

/* ---- what is said ---- */

static int
is_told(uint32_t link, const struct conflict *c, void *arg, struct err *err)
{
	bool *told = arg;

	(void)link;
	(void)err;
	assert_string_equal(c->what, STAMP "=" HR);
	assert_int_equal(c->n_candidates, 1);
	assert_string_equal(c->candidates[0], "CN=Bea" GLOBEX);
	*told = true;
	return 0;
}

/* The object, the attribute, the value, and what helps. */
static void
told(void **state)
{
	static const struct scenario sc = {.name = "what is said",
	    .source = {ANN("")},
	    .target = {THERE_OU, BEA(STAMP ": " HR "\n")}};
	_cleanup_(store_abort) struct store_txn *t = NULL;
	bool found = false;
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	if (!strstr(lab_notes(&l),
		"conflict (stamp): " STAMP "=" HR ": 'CN=Bea" GLOBEX
		"'; nothing is written until it is resolved: that value is not galsync's and "
		"stays: "
		"clear it, or choose another stamp_attribute"))
		fail_msg("%s", lab_notes(&l));
	assert_int_equal(store_begin(l.store, STORE_READ, &t, &l.err), 0);
	assert_int_equal(store_each_conflict(t, 0, is_told, &found, &l.err), 0);
	assert_true(found);
	store_abort(TAKE(t));
	lab_close(&l);
}

/* ---- the last moment ---- */

struct meddler {
	struct lab *l;
	bool done;
};

static void
value_comes_before_the_write(void *arg, unsigned write, const struct change *c)
{
	struct meddler *m = arg;

	(void)write;
	if (m->done || strcmp(c->dn, "CN=Bea" GLOBEX) != 0)
		return;
	m->done = true;
	lab_set(m->l, TARGET, "CN=Bea", STAMP, HR);
}

/* It comes between the read and the write of the stamp. */
static void
last_moment(void **state)
{
	static const struct scenario sc = {.name = "the last moment",
	    .source = {ANN("title: Boss\n")},
	    .target = {THERE_OU, BEA("")}};
	struct lab l;
	struct meddler m = {.l = &l};
	struct tap tap = {.hook = value_comes_before_the_write, .hook_arg = &m};

	(void)state;
	lab_open(&l, &sc);
	assert_int_equal(lab_cycle(&l, &tap), 0);
	assert_true(m.done);
	assert_true(lab_has(&l, TARGET, "CN=Bea", STAMP, HR));
	assert_int_equal(lab_count(&l, TARGET, "CN=Bea", STAMP), 1);
	assert_int_equal(lab_count(&l, TARGET, "CN=Bea", "title"), 0);
	/* The next cycle hears of the value once more, and tells. */
	l.delta = true;
	lab_run(&l);
	assert_int_equal(l.res.conflicts, 1);
	assert_true(lab_has(&l, TARGET, "CN=Bea", STAMP, HR));
	assert_int_equal(lab_count(&l, TARGET, "CN=Bea", "title"), 0);
	tap_done(&tap);
	lab_close(&l);
}

int
main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(scenarios) + 2] = {
	    cmocka_unit_test(told), cmocka_unit_test(last_moment)};

	scenario_tests(scenarios, ARRAY_SIZE(scenarios), tests + 2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
