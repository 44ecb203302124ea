/* SPDX-License-Identifier: MIT */

/*
 * What keeps a switch from being wholly right: a mailbox that Exchange has not finished, which is
 * refused, and a marker group that cannot be changed, which is told and put right later.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/clock.h"
#include "dsa/rules/client.h"
#include "tests/support/scenario_turn.h"

#define UNWILLING 53
#define INSUFFICIENT_ACCESS 50

static const char *const both[] = {"CN=Ann", "CN=Bea", NULL};
static const char *const ann[] = {"CN=Ann", NULL};

static const struct scenario staff = {.name = "staff",
    .link = LAB_GROUP_CONF,
    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""), LAB_GROUP_LDIF}};

static void
start(struct lab *l)
{
	lab_open(l, &staff);
	assert_int_equal(lab_cycle(l, NULL), 0);
}

/* ---- what Exchange has not finished ---- */

static void
not_finished(void **state)
{
	struct lab l;

	(void)state;
	start(&l);
	lab_set(&l, TARGET, "CN=Bea", "showInAddressBook", "CN=Users,DC=globex,DC=example");
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH_FINISHED, both), 0);
	assert_true(lab_told(&l, "failed", "CN=Ann", "Exchange has not finished the mailbox"));
	assert_true(lab_told(&l, "failed", "CN=Ann", "--force"));
	assert_int_equal(lab_check_mailbox(&l, "CN=Ann", false), SOURCE);
	/* The map does not know yet that Bea is finished. */
	assert_true(lab_told(&l, "done", "CN=Bea", ""));
	assert_int_equal(lab_check_mailbox(&l, "CN=Bea", false), TARGET);
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ann), 0);
	assert_int_equal(lab_check_mailbox(&l, "CN=Ann", false), TARGET);
	assert_int_equal(lab_turn(&l, NULL, LAB_UNDO, both), 0);
	assert_int_equal(lab_check_mailbox(&l, "CN=Ann", false), SOURCE);
	lab_check_nothing_open(&l);
	lab_close(&l);
}

/* ---- the group ---- */

struct owed {
	struct guid v[4];
	bool wanted[4];
	size_t n;
};

static int
take_owed(const struct store_membership *m, void *arg, struct err *err)
{
	struct owed *o = arg;

	(void)err;
	assert_true(o->n < ARRAY_SIZE(o->v));
	o->wanted[o->n] = m->wanted;
	o->v[o->n++] = m->source;
	return 0;
}

static struct owed
owed(struct lab *l)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct owed o = {.n = 0};

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &l->err), 0);
	assert_int_equal(store_each_membership(t, 1, 0, take_owed, &o, &l->err), 0);
	return o;
}

/* As if the last attempt was long ago. */
static void
time_passes(struct lab *l)
{
	struct owed o = owed(l);
	struct store_txn *t = NULL;

	assert_int_equal(store_begin(l->store, STORE_WRITE, &t, &l->err), 0);
	for (size_t i = 0; i < o.n; i++)
		assert_int_equal(store_put_membership(t, 1, &o.v[i], o.wanted[i],
				     clock_realtime_s() - 7200, &l->err),
		    0);
	assert_int_equal(store_commit(t, &l->err), 0);
}

static void
cycle(struct lab *l)
{
	l->delta = true;
	if (lab_cycle(l, NULL) < 0)
		fail_msg("%s", l->err.text);
}

static bool
is_member(struct lab *l, const char *name)
{
	return lab_has(l, SOURCE, LAB_GROUP, "member", lab_dn(SOURCE, name));
}

/* Switched, with a group that cannot be changed. */
static void
start_without_group(struct lab *l, enum lab_op op)
{
	start(l);
	if (op == LAB_UNDO)
		assert_int_equal(lab_turn(l, NULL, LAB_SWITCH, both), 0);
	assert_int_equal(
	    fakedir_refuse(l->fd[SOURCE], lab_dn(SOURCE, LAB_GROUP), INSUFFICIENT_ACCESS), 0);
	assert_int_equal(lab_turn(l, NULL, op, both), 0);
	for (size_t i = 0; both[i]; i++)
		assert_true(lab_told(l, "done", both[i], "the marker group is not yet as it must"));
	assert_non_null(strstr(lab_notes(l), "the marker group cannot be changed"));
	lab_check_nothing_open(l);
	assert_int_equal(owed(l).n, 2);
}

static void
put_right_later(void **state)
{
	(void)state;
	for (enum lab_op op = LAB_SWITCH; op <= LAB_UNDO; op++) {
		struct lab l;

		start_without_group(&l, op);
		/* It is still so: another attempt, and a longer pause. */
		time_passes(&l);
		cycle(&l);
		assert_int_equal(owed(&l).n, 2);
		assert_int_equal(fakedir_refuse(l.fd[SOURCE], NULL, 0), 0);
		cycle(&l);
		assert_int_equal(owed(&l).n, 2);
		time_passes(&l);
		cycle(&l);
		assert_int_equal(owed(&l).n, 0);
		for (size_t i = 0; both[i]; i++)
			assert_int_equal(lab_check_mailbox(&l, both[i], false),
			    op == LAB_SWITCH ? TARGET : SOURCE);
		lab_close(&l);
	}
}

/* What was done is never done again: who was taken out of the group stays out. */
static void
taken_out_by_hand(void **state)
{
	struct lab l;

	(void)state;
	start(&l);
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, both), 0);
	lab_delete_value(&l, SOURCE, LAB_GROUP, "member", lab_dn(SOURCE, "CN=Ann"));
	cycle(&l);
	l.delta = false;
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_false(is_member(&l, "CN=Ann"));
	assert_true(is_member(&l, "CN=Bea"));
	lab_close(&l);
}

static void
forgotten(void **state)
{
	struct conf_link *link;
	char *group;
	struct lab l;

	(void)state;
	/* By the turn back. */
	start_without_group(&l, LAB_SWITCH);
	assert_int_equal(fakedir_refuse(l.fd[SOURCE], NULL, 0), 0);
	assert_int_equal(lab_turn(&l, NULL, LAB_UNDO, ann), 0);
	assert_int_equal(owed(&l).n, 1);
	/* With the object. */
	lab_delete(&l, SOURCE, "CN=Bea");
	time_passes(&l);
	assert_int_equal(lab_turn(&l, NULL, LAB_UNDO, ann), 0);
	assert_int_equal(owed(&l).n, 0);
	lab_close(&l);
	/* With the group. */
	start_without_group(&l, LAB_SWITCH);
	time_passes(&l);
	link = (struct conf_link *)(uintptr_t)l.link;
	group = link->marker_group;
	link->marker_group = NULL;
	cycle(&l);
	assert_int_equal(owed(&l).n, 0);
	link->marker_group = group;
	lab_close(&l);
}

/* The server takes Bea, and Ann never. */
static void
not_ann(void *arg, unsigned write, const struct change *c)
{
	struct lab *l = arg;
	const char *dn = lab_dn(SOURCE, LAB_GROUP);
	bool group = strcmp(c->dn, dn) == 0, has = false;

	(void)write;
	for (size_t i = 0; group && i < c->n_mods; i++)
		for (size_t j = 0; j < c->mods[i].n_values; j++)
			has |=
			    bytes_equal(c->mods[i].values[j], bytes_of(lab_dn(SOURCE, "CN=Ann")));
	assert_int_equal(fakedir_refuse(l->fd[SOURCE], has ? dn : NULL, has ? UNWILLING : 0), 0);
}

static void
one_keeps_no_other_out(void **state)
{
	struct lab l;
	struct tap tap = {.hook = not_ann, .hook_arg = &l};

	(void)state;
	start(&l);
	assert_int_equal(lab_turn(&l, &tap, LAB_SWITCH, both), 0);
	assert_false(is_member(&l, "CN=Bea"));
	assert_int_equal(owed(&l).n, 2);
	time_passes(&l);
	tap_done(&tap);
	tap = (struct tap){.hook = not_ann, .hook_arg = &l};
	assert_int_equal(lab_cycle(&l, &tap), 0);
	assert_true(is_member(&l, "CN=Bea"));
	assert_false(is_member(&l, "CN=Ann"));
	assert_int_equal(owed(&l).n, 1);
	tap_done(&tap);
	lab_close(&l);
}

/* ---- what a client reports ---- */

#define REPORT "extensionAttribute5"

static const struct scenario reporting = {.name = "reporting",
    .link = LAB_GROUP_CONF "client_attribute = \"" REPORT "\";",
    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""), LAB_GROUP_LDIF}};

static struct client_verdict
reported(struct lab *l, const char *dn, struct client_reports *ret)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(record_free) struct record *r = lab_record(l, dn);

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &l->err), 0);
	assert_int_equal(store_get_clients(t, 1, &r->side[SOURCE].guid, ret, &l->err), 0);
	return client_judge(ret, r);
}

static void
report(struct lab *l, const char *dn, const char *value)
{
	lab_set(l, SOURCE, dn, REPORT, value);
	/* The first has it, the second does what follows. */
	cycle(l);
	cycle(l);
}

static void
ok_ends_the_membership(void **state)
{
	_cleanup_(client_reports_done) struct client_reports ann_said = {.n = 0};
	_cleanup_(client_reports_done) struct client_reports bea_said = {.n = 0};
	struct lab l;

	(void)state;
	lab_open(&l, &reporting);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	/* Before the switch it is about another mailbox. */
	report(&l, "CN=Bea", "galsync1;ok;PC2;2026-12-01T08:00:00Z");
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, both), 0);
	assert_true(is_member(&l, "CN=Ann") && is_member(&l, "CN=Bea"));
	report(&l, "CN=Ann", "galsync1;failed;PC1;2026-12-01T08:00:00Z;no profile");
	assert_non_null(strstr(lab_notes(&l), "its client on PC1 reports: failed: no profile"));
	assert_true(is_member(&l, "CN=Ann"));
	report(&l, "CN=Ann", "galsync1;ok;PC1;2026-12-01T09:00:00Z");
	assert_false(is_member(&l, "CN=Ann"));
	report(&l, "CN=Ann", "galsync1;ok;PC9;2026-12-01T09:30:00Z");
	assert_non_null(strstr(lab_notes(&l), "its profile was updated on several machines"));
	assert_true(reported(&l, "CN=Ann", &ann_said).several);
	/* What was not said anew is not heard anew, and what is no report is told. */
	assert_int_equal(reported(&l, "CN=Bea", &bea_said).counts, 0);
	lab_set(&l, SOURCE, "CN=Bea", REPORT, "galsync1;ok;PC2; \x1b[2J");
	cycle(&l);
	assert_non_null(strstr(lab_notes(&l), "1 values that are no reports of a client"));
	assert_true(is_member(&l, "CN=Bea"));
	assert_int_equal(owed(&l).n, 0);
	lab_close(&l);
}

/* Who is turned back and switched again has an update to do again. */
static void
a_turn_begins_anew(void **state)
{
	_cleanup_(client_reports_done) struct client_reports said = {.n = 0};
	struct lab l;

	(void)state;
	lab_open(&l, &reporting);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ann), 0);
	report(&l, "CN=Ann", "galsync1;ok;PC1;2026-12-01T08:00:00Z");
	assert_false(is_member(&l, "CN=Ann"));
	assert_int_equal(lab_turn(&l, NULL, LAB_UNDO, ann), 0);
	assert_int_equal(reported(&l, "CN=Ann", &said).counts, 0);
	assert_false(is_member(&l, "CN=Ann"));
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ok_ends_the_membership),
	    cmocka_unit_test(a_turn_begins_anew),
	    cmocka_unit_test(not_finished),
	    cmocka_unit_test(put_right_later),
	    cmocka_unit_test(taken_out_by_hand),
	    cmocka_unit_test(forgotten),
	    cmocka_unit_test(one_keeps_no_other_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
