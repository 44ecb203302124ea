/* SPDX-License-Identifier: MIT */

/* Whose source left, and what happens to those whose source came back. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/clock.h"
#include "tests/support/scenario_turn.h"

#define ON_LEAVE(action) "create = \"mailbox\"; on_leave = \"" action "\";"
#define BEA(extra) THERE("user", "Bea", "sAMAccountName: bea\nmail: ann@acme.example\n" extra)
#define HIDES "msExchHideFromAddressLists"

static void
ann_is_deleted(struct lab *l)
{
	if (lab_exists(l, TARGET, "CN=Ann"))
		lab_set(l, TARGET, "CN=Ann", "userAccountControl", "512");
	lab_delete(l, SOURCE, "CN=Ann");
}

static void
ann_is_hidden(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", HIDES, "TRUE");
}

static void
ann_moves_out(struct lab *l)
{
	if (fakedir_rename(l->fd[SOURCE], lab_dn(SOURCE, "CN=Ann"), "CN=Ann",
		"CN=Users,DC=acme,DC=example") < 0)
		fail_msg("%s", fakedir_error(l->fd[SOURCE]));
}

static void
both_are_deleted(struct lab *l)
{
	lab_delete(l, SOURCE, "CN=Ann");
	lab_delete(l, TARGET, "CN=Ann");
}

static void
ann_is_cut(struct lab *l)
{
	l->cut = "CN=Ann";
}

static void
manager_is_deleted(struct lab *l)
{
	lab_delete(l, SOURCE, "CN=Bea");
}

static const struct scenario scenarios[] = {
    {.name = "deleted, kept",
	.scope = ON_LEAVE("keep"),
	.source = {MAILBOX("Ann", "ann", "title: Boss\n")},
	.between = ann_is_deleted,
	.counts = {.left = {[LEAVE_KEEP] = 1}},
	.expect = {{TARGET, "CN=Ann", HIDES, NULL}, {TARGET, "CN=Ann", "title", "Boss"},
	    {TARGET, "CN=Ann", "userAccountControl", "512"}}},
    {.name = "deleted, hidden",
	.source = {MAILBOX("Ann", "ann", "title: Boss\n"), MAILBOX("Bea", "bea", "")},
	.between = ann_is_deleted,
	.counts = {.left = {[LEAVE_HIDE] = 1}},
	.expect = {{TARGET, "CN=Ann", HIDES, "TRUE"}, {TARGET, "CN=Ann", "title", "Boss"},
	    {TARGET, "CN=Ann", "userAccountControl", "512"}, {TARGET, "CN=Bea", HIDES, NULL}}},
    {.name = "deleted, deleted",
	.scope = ON_LEAVE("delete"),
	.source = {MAILBOX("Ann", "ann", ""), CONTACT("Carl", "carl", "")},
	.between = ann_is_deleted,
	.counts = {.left = {[LEAVE_DELETE] = 1}},
	.expect = {{TARGET, "CN=Ann", NULL, NULL}, {TARGET, "CN=Carl", NULL, ""}}},
    {.name = "hidden is leaving",
	.source = {MAILBOX("Ann", "ann", "")},
	.between = ann_is_hidden,
	.counts = {.left = {[LEAVE_HIDE] = 1}},
	.expect = {{TARGET, "CN=Ann", HIDES, "TRUE"}}},
    {.name = "out of the base is leaving",
	.source = {MAILBOX("Ann", "ann", "")},
	.between = ann_moves_out,
	.counts = {.left = {[LEAVE_HIDE] = 1}},
	.expect = {{TARGET, "CN=Ann", HIDES, "TRUE"}}},
    {.name = "both are gone",
	.source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", "")},
	.between = both_are_deleted,
	.expect = {{TARGET, "CN=Ann", NULL, NULL}, {TARGET, "CN=Bea", NULL, ""}}},
    {.name = "missing from an answer is not leaving",
	.scope = ON_LEAVE("delete"),
	.source = {MAILBOX("Ann", "ann", "")},
	.between = ann_is_cut,
	.expect = {{TARGET, "CN=Ann", HIDES, NULL}}},
    {.name = "who is referred to leaves",
	.scope = ON_LEAVE("delete"),
	.source = {MAILBOX("Ann", "ann", "manager: CN=Bea" ACME "\n"), MAILBOX("Bea", "bea", ""),
	    GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Bea"))},
	.between = manager_is_deleted,
	.counts = {.left = {[LEAVE_DELETE] = 1}},
	.expect = {{TARGET, "CN=Bea", NULL, NULL}, {TARGET, "CN=Ann", "manager", NULL},
	    {TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX}}},
};

/* ---- limits ---- */

static void
limit_of_deletes(void **state)
{
	static const struct scenario sc = {.name = "limit of deletes",
	    .scope = ON_LEAVE("delete"),
	    .link = "limits = { deletes = 1; };",
	    .source = {CONTACT("A", "a", ""), CONTACT("B", "b", ""), CONTACT("C", "c", "")}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	lab_delete(&l, SOURCE, "CN=A");
	lab_delete(&l, SOURCE, "CN=B");
	lab_set(&l, SOURCE, "CN=C", "title", "Boss");
	lab_run(&l);
	assert_true(l.res.held);
	assert_non_null(strstr(l.res.held_why, "limits.deletes"));
	assert_int_equal(l.res.left[LEAVE_DELETE], 0);
	assert_true(lab_exists(&l, TARGET, "CN=A") && lab_exists(&l, TARGET, "CN=B"));
	/* Everything else goes on. */
	assert_true(lab_has(&l, TARGET, "CN=C", "title", "Boss"));
	lab_run_idle(&l);
	assert_true(l.res.held);
	lab_close(&l);
}

/* ---- coming back ---- */

static void
comes_back(void **state)
{
	static const struct scenario sc = {
	    .name = "comes back", .source = {MAILBOX("Ann", "ann", "")}};
	_cleanup_(record_free) struct record *r = NULL, *back = NULL;
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	ann_is_hidden(&l);
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Ann", HIDES, "TRUE"));
	r = lab_record(&l, "CN=Ann");
	assert_int_equal(r->state, RECORD_LEFT);
	lab_run_idle(&l);
	lab_set(&l, SOURCE, "CN=Ann", HIDES, NULL);
	lab_run(&l);
	assert_int_equal(lab_count(&l, TARGET, "CN=Ann", HIDES), 0);
	back = lab_record(&l, "CN=Ann");
	assert_int_equal(back->state, RECORD_WAITING);
	lab_run_idle(&l);
	lab_close(&l);
}

static void
comes_back_to_the_hidden(void **state)
{
	static const struct scenario sc = {.name = "comes back to the hidden",
	    .source = {MAILBOX("Ann", "ann", "")},
	    .target = {THERE_OU, BEA(HIDES ": TRUE\n")}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	ann_is_hidden(&l);
	lab_run(&l);
	lab_set(&l, SOURCE, "CN=Ann", HIDES, NULL);
	lab_run(&l);
	/* The target's administrator has hidden it, and nobody else. */
	assert_true(lab_has(&l, TARGET, "CN=Bea", HIDES, "TRUE"));
	lab_run_idle(&l);
	lab_close(&l);
}

/* The end of the old object is the normal end of a migration: whatever it was like, the mailbox in
 * use is as it was. */
static void
leaves_a_switched_mailbox(void **state)
{
	static const struct scenario sc = {.name = "leaves a switched mailbox",
	    .scope = ON_LEAVE("delete"),
	    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", "")}};
	const char *const both[] = {"CN=Ann", "CN=Bea", NULL};

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		lab_open(&l, &sc);
		lab_run(&l);
		assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, both), 0);
		lab_run(&l);
		l.delta = delta;
		lab_delete(&l, SOURCE, "CN=Ann");
		lab_set(&l, SOURCE, "CN=Bea", HIDES, "TRUE");
		lab_run(&l);
		assert_int_equal(l.res.left[LEAVE_KEEP], 2);
		for (const char *const *who = both; *who; who++) {
			assert_true(lab_exists(&l, TARGET, *who));
			assert_int_equal(lab_count(&l, TARGET, *who, HIDES), 0);
			assert_int_equal(lab_count(&l, TARGET, *who, "targetAddress"), 0);
		}
		lab_run_idle(&l);
		lab_close(&l);
	}
}

/* ---- others write at the same time ---- */

/* An administrator enables the account, and says that it is not hidden, right before it is left. */
static void
is_enabled(void *arg, unsigned write, const struct change *c)
{
	struct lab *l = arg;

	(void)c;
	if (write != 1)
		return;
	lab_set(l, TARGET, "CN=Ann", "userAccountControl", "66048");
	lab_set(l, TARGET, "CN=Ann", HIDES, "FALSE");
}

static void
leaves_in_spite_of_others(void **state)
{
	static const struct scenario sc = {.name = "leaves in spite of others",
	    .scope = ON_LEAVE("disable"),
	    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", "")}};

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct tap tap = {.hook = is_enabled};
		struct lab l;

		lab_open(&l, &sc);
		tap.hook_arg = &l;
		lab_run(&l);
		ann_is_deleted(&l);
		l.delta = delta;
		assert_int_equal(lab_cycle(&l, &tap), 0);
		tap_done(&tap);
		assert_int_equal(l.res.failed, 0);
		assert_int_equal(l.res.drift, 1);
		assert_int_equal(l.res.left[LEAVE_DISABLE], 1);
		assert_true(lab_has(&l, TARGET, "CN=Ann", HIDES, "TRUE"));
		assert_true(lab_has(&l, TARGET, "CN=Ann", "userAccountControl", "66050"));
		lab_run_idle(&l);
		l.delta = false;
		lab_run_idle(&l);
		lab_close(&l);
	}
}

static int
take_reason(const struct store_retry *r, void *arg, struct err *err)
{
	(void)err;
	(void)snprintf(arg, 512, "%s", r->why);
	return 0;
}

/* Why the source object of GUID waits, or "". If so the last attempt was two hours ago from now on.
 */
static const char *
waits_for(struct lab *l, const struct guid *g)
{
	static char why[512];
	struct store_txn *t = NULL;
	struct err err;

	why[0] = '\0';
	assert_int_equal(store_begin(l->store, STORE_WRITE, &t, &err), 0);
	assert_int_equal(store_each_retry(t, 1, 0, take_reason, why, &err), 0);
	if (*why)
		assert_int_equal(
		    store_put_retry(t, 1, g, "CN=Ann", why, clock_realtime_s() - 7200, &err), 0);
	assert_int_equal(store_commit(t, &err), 0);
	return why;
}

/* A phone keeps its state below the mailbox: the server deletes no object that has others below it.
 * That is told, and tried again until it works, by deltas too. */
static void
has_others_below_it(void **state)
{
	static const struct scenario sc = {.name = "has others below it",
	    .scope = ON_LEAVE("delete"),
	    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", "")}};
	static const char below[] = "CN=Phones,CN=Ann" GLOBEX;

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct guid g;
		struct lab l;

		lab_open(&l, &sc);
		lab_run(&l);
		lab_add(&l, TARGET, "dn: CN=Phones,CN=Ann" GLOBEX "\nobjectClass: container\n\n");
		g = fakedir_find(l.fd[SOURCE], lab_dn(SOURCE, "CN=Ann"))->guid;
		lab_delete(&l, SOURCE, "CN=Ann");
		l.delta = delta;
		for (int i = 0; i < 2; i++) {
			assert_int_equal(lab_cycle(&l, NULL), 0);
			assert_int_equal(l.res.failed, 1);
			assert_int_equal(l.told[RUN_REFUSED], 1);
			assert_non_null(strstr(waits_for(&l, &g), "(66)"));
			assert_true(lab_exists(&l, TARGET, "CN=Ann"));
		}
		lab_delete(&l, TARGET, below);
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_int_equal(l.res.failed, 0);
		assert_int_equal(l.told[RUN_ACCEPTED], 1);
		assert_false(lab_exists(&l, TARGET, "CN=Ann"));
		assert_string_equal(waits_for(&l, &g), "");
		lab_run_idle(&l);
		l.delta = false;
		lab_run_idle(&l);
		lab_close(&l);
	}
}

int
main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(scenarios) + 6] = {cmocka_unit_test(limit_of_deletes),
	    cmocka_unit_test(comes_back), cmocka_unit_test(comes_back_to_the_hidden),
	    cmocka_unit_test(leaves_in_spite_of_others), cmocka_unit_test(has_others_below_it),
	    cmocka_unit_test(leaves_a_switched_mailbox)};

	scenario_tests(scenarios, ARRAY_SIZE(scenarios), tests + 6);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
