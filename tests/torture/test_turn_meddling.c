/* SPDX-License-Identifier: MIT */

/*
 * An administrator changes a mailbox between our read and our write, or between two writes of ours,
 * in a switch, an undo and a proxy toggle: before each single write of the operation each of the
 * things below is done to Ann, on either side. Nothing of theirs is lost by the operation; it plans
 * again, or stops with a message; Bea is turned whatever happens to Ann; mail never loops by what
 * galsync writes. The next cycle leaves both sides whole, and the one after that writes nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

#include "dsa/base/str.h"
#include "tests/support/scenario_turn.h"

#define RS "SMTP:ann@redirect.acme.example"
#define RT "SMTP:ann@redirect.globex.example"
#define ELSE "SMTP:ann@else.example"
#define LOOP "SMTP:ann@acme.example" /* the target carries it too */
#define MARKER "extensionAttribute14"

static const char *const who[] = {"CN=Ann", "CN=Bea", NULL};

static const struct scenario staff = {.name = "staff",
    .link = LAB_GROUP_CONF,
    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""), LAB_GROUP_LDIF}};

enum what { SET, ADD, TAKE_AWAY, RENAME, DELETE };

struct meddling {
	enum what what;
	enum side side;
	const char *attr, *value;
	bool ours; /* the value is one that galsync may take away, or set itself */
};

static const struct meddling meddlings[] = {
    {SET, SOURCE, "targetAddress", ELSE, false},
    {SET, TARGET, "targetAddress", ELSE, false},
    {SET, SOURCE, "targetAddress", RT, true},
    {SET, SOURCE, "targetAddress", LOOP, false},
    {SET, TARGET, "targetAddress", RS, true},
    {SET, SOURCE, "targetAddress", NULL, true},
    {SET, TARGET, "targetAddress", NULL, true},
    {ADD, SOURCE, "proxyAddresses", "smtp:new@acme.example", false},
    {ADD, TARGET, "proxyAddresses", "smtp:new@globex.example", false},
    {ADD, SOURCE, "proxyAddresses", "smtp:ann@delete.me", true},
    {TAKE_AWAY, SOURCE, "proxyAddresses", "smtp:ann@delete.me", true},
    {TAKE_AWAY, SOURCE, "proxyAddresses", "smtp:ann@redirect.acme.example", true},
    {TAKE_AWAY, TARGET, "proxyAddresses", "smtp:ann@redirect.globex.example", true},
    {SET, SOURCE, MARKER, "cost centre 7", false},
    {SET, SOURCE, "msExchCalendarRepairDisabled", "TRUE", true},
    {SET, SOURCE, "mailNickname", "anna", true},
    {SET, TARGET, "homeMDB", NULL, true},
    {ADD, SOURCE, "member", "CN=Ann" ACME, true},
    {TAKE_AWAY, SOURCE, "member", "CN=Ann" ACME, true},
    {RENAME, SOURCE, NULL, "CN=Anna", true},
    {RENAME, TARGET, NULL, "CN=Anna", true},
    {DELETE, SOURCE, NULL, NULL, true},
    {DELETE, TARGET, NULL, NULL, true},
};

struct meddler {
	struct lab *l;
	enum lab_op op;
	const struct meddling *m;
	struct guid ann[SIDES];
	char what[160];
};

/* ---- what is done by hand ---- */

static const char *
ann(const struct meddler *x, enum side side)
{
	static char names[SIDES][GUID_TEXT_SIZE + 8];
	char guid[GUID_TEXT_SIZE];

	guid_format(&x->ann[side], guid);
	(void)snprintf(names[side], sizeof names[side], "<GUID=%s>", guid);
	return names[side];
}

static const struct entry *
ann_now(const struct meddler *x, enum side side)
{
	const struct entry *e = fakedir_find(x->l->fd[side], ann(x, side));

	return e && !entry_get_bool(e, "isDeleted") ? e : NULL;
}

static void
meddle(void *arg, unsigned number, const struct change *c)
{
	const struct meddler *x = arg;
	const struct meddling *m = x->m;
	bool member = m->attr && strcmp(m->attr, "member") == 0;
	const struct entry *e = ann_now(x, m->side);
	_cleanup_(free) char *dn = e ? strdup(member ? lab_dn(SOURCE, LAB_GROUP) : e->dn) : NULL;
	bool there = dn && m->value && m->attr && lab_has(x->l, m->side, dn, m->attr, m->value);

	(void)number;
	(void)c;
	if (!dn)
		return;
	switch (m->what) {
	case SET: lab_set(x->l, m->side, dn, m->attr, m->value); break;
	case ADD:
		if (!there)
			lab_add_value(x->l, m->side, dn, m->attr, m->value);
		break;
	case TAKE_AWAY:
		if (there)
			lab_delete_value(x->l, m->side, dn, m->attr, m->value);
		break;
	case RENAME: lab_rename(x->l, m->side, dn, m->value); break;
	case DELETE: lab_delete(x->l, m->side, dn); break;
	}
}

/* ---- what must hold ---- */

/* Theirs is there right after the operation. A toggle has a cycle in it, and that puts the
 * redirection right. */
static void
check_kept(const struct meddler *x)
{
	const struct entry *e = ann_now(x, x->m->side);
	bool redirection = x->m->attr && strcmp(x->m->attr, "targetAddress") == 0;
	bool repaired = x->op == LAB_TOGGLE && redirection &&
			(x->m->side == TARGET || (x->m->value && strcmp(x->m->value, LOOP) == 0));

	if (x->m->ours || repaired || !e)
		return;
	if (!attr_has(entry_find(e, x->m->attr), bytes_of(x->m->value), false))
		fail_msg("%s: %s is lost\n%.*s", x->what, x->m->value, (int)x->l->notes.len,
		    (const char *)x->l->notes.data);
}

/* What galsync set is there only where the record says that it belongs there. */
static void
check_whole(const struct meddler *x)
{
	static const char *const ours[SIDES] = {RT, RS};
	_cleanup_(record_free) struct record *r = NULL;
	struct err err = {0};
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(x->l->store, STORE_READ, &t, &err) < 0 ||
	    store_find_guid(t, 0, SOURCE, &x->ann[SOURCE], &r, &err) < 0)
		fail_msg("%s", err.text);
	for (int side = SOURCE; side < SIDES; side++) {
		const struct entry *e = ann_now(x, (enum side)side);
		const char *to = e ? entry_get_str(e, "targetAddress") : NULL;
		bool by_hand =
		    (int)x->m->side == side && x->m->value && strcmp(x->m->value, ours[side]) == 0;

		if (to && strcmp(to, ours[side]) == 0 && !by_hand && (int)r->active == side)
			fail_msg("%s: the %s object redirects to %s\n%.*s", x->what,
			    side_name((enum side)side), to, (int)x->l->notes.len,
			    (const char *)x->l->notes.data);
	}
}

/* Each mailbox has an answer, and a failure its reason. */
static void
check_told(const struct meddler *x, bool renamed)
{
	const char *name = renamed && !lab_told(x->l, "done", "CN=Ann", "") &&
				   !lab_told(x->l, "failed", "CN=Ann", "")
			       ? "CN=Anna"
			       : "CN=Ann";

	if (!lab_told(x->l, "done", "CN=Bea", ""))
		fail_msg(
		    "%s: Bea\n%.*s", x->what, (int)x->l->notes.len, (const char *)x->l->notes.data);
	if (!lab_told(x->l, "done", name, "") && !lab_told(x->l, "failed", name, " "))
		fail_msg("%s: no answer\n%.*s", x->what, (int)x->l->notes.len,
		    (const char *)x->l->notes.data);
}

static void
look(struct lab *l)
{
	if (lab_both_redirect(l, "CN=Bea"))
		(void)snprintf(l->why, sizeof l->why, "both sides of Bea redirect");
}

/* After the cycle: Ann is whole, unless another redirection is in the way. */
static void
check_ann(const struct meddler *x)
{
	const struct entry *s = ann_now(x, SOURCE), *t = ann_now(x, TARGET);
	const char *there, *back;

	if (!s || !t)
		return;
	there = entry_get_str(s, "targetAddress");
	back = entry_get_str(t, "targetAddress");
	if (there && back && strcmp(there, ELSE) != 0 && strcmp(back, ELSE) != 0)
		fail_msg("%s: both sides redirect, to %s and %s", x->what, there, back);
	if (!there && !back)
		fail_msg("%s: neither side redirects", x->what);
}

static void
settle(const struct meddler *x)
{
	struct lab *l = x->l;

	for (int i = 0; i < 2; i++) {
		if (lab_cycle(l, NULL) < 0)
			fail_msg("%s: %s", x->what, l->err.text);
		*l->why = '\0';
	}
	lab_check_nothing_open(l);
	check_ann(x);
	(void)lab_check_mailbox(l, "CN=Bea", false);
	if (!lab_check_mail(l))
		fail_msg("%s: %s", x->what, l->why);
	lab_run_silent(l);
}

/* ---- one run ---- */

static void
prepare(struct meddler *x, enum lab_op op)
{
	_cleanup_(record_free) struct record *r = NULL;
	struct lab *l = x->l;

	lab_open(l, &staff);
	l->on_written = look;
	assert_int_equal(lab_cycle(l, NULL), 0);
	if (op == LAB_UNDO) {
		assert_int_equal(lab_turn(l, NULL, LAB_SWITCH, who), 0);
		assert_int_equal(lab_cycle(l, NULL), 0);
	}
	r = lab_record(l, "CN=Ann");
	assert_non_null(r);
	x->ann[SOURCE] = r->side[SOURCE].guid;
	x->ann[TARGET] = r->side[TARGET].guid;
}

/* The number of writes. */
static unsigned
undisturbed(enum lab_op op)
{
	struct tap tap = {.stop_at = 0};
	struct lab l;
	struct meddler x = {.l = &l};
	unsigned n;

	prepare(&x, op);
	assert_int_equal(lab_turn(&l, &tap, op, who), 0);
	n = tap.writes;
	tap_done(&tap);
	lab_close(&l);
	return n;
}

static void
disturbed(enum lab_op op, const struct meddling *m, unsigned at)
{
	struct lab l;
	struct meddler x = {.l = &l, .op = op, .m = m};
	struct tap tap = {.hook = meddle, .hook_arg = &x, .hook_at = at};

	(void)snprintf(x.what, sizeof x.what, "%s, before write %u: %d %s of the %s, %s",
	    lab_op_name(op), at, (int)m->what, m->attr ? m->attr : "name", side_name(m->side),
	    m->value ? m->value : "none");
	prepare(&x, op);
	if (lab_turn(&l, &tap, op, who) < 0)
		fail_msg("%s: %s", x.what, l.err.text);
	tap_done(&tap);
	if (*l.why && !m->attr)
		fail_msg("%s: %s", x.what, l.why);
	*l.why = '\0';
	check_told(&x, m->what == RENAME);
	check_kept(&x);
	check_whole(&x);
	settle(&x);
	lab_close(&l);
}

static void
meddled(void **state)
{
	enum lab_op op = *(const enum lab_op *)*state;
	unsigned n = undisturbed(op);

	assert_true(n >= 2);
	for (unsigned at = 1; at <= n; at++)
		for (size_t i = 0; i < ARRAY_SIZE(meddlings); i++)
			disturbed(op, &meddlings[i], at);
}

/* Mail is turned all the same; asked for again, the group is put right. */
static void
without_group(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &staff);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	lab_delete(&l, SOURCE, LAB_GROUP);
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, who), 0);
	for (size_t i = 0; who[i]; i++)
		assert_true(lab_told(&l, "done", who[i],
		    "which is tried again: '" LAB_GROUP ACME "' does not exist"));
	lab_check_nothing_open(&l);
	lab_add(&l, SOURCE, LAB_GROUP_LDIF);
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, who), 0);
	for (size_t i = 0; who[i]; i++) {
		assert_true(lab_told(&l, "done", who[i], "switched already"));
		assert_int_equal(lab_check_mailbox(&l, who[i], false), TARGET);
	}
	lab_close(&l);
}

/* Whose marker attribute is in use is turned without a mark, and told so; nothing of galsync's is
 * left by the undo. */
static void
no_room_for_the_marker(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &staff);
	lab_set(&l, SOURCE, "CN=Ann", MARKER, "cost centre 7");
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, who), 0);
	assert_true(lab_told(&l, "done", "CN=Ann", "not marked: the marker attribute has another"));
	assert_true(lab_has(&l, SOURCE, "CN=Ann", "msExchCalendarRepairDisabled", "TRUE"));
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(lab_turn(&l, NULL, LAB_UNDO, who), 0);
	assert_int_equal(lab_count(&l, SOURCE, "CN=Ann", "msExchCalendarRepairDisabled"), 0);
	assert_true(lab_has(&l, SOURCE, "CN=Ann", MARKER, "cost centre 7"));
	lab_close(&l);
}

int
main(void)
{
	static enum lab_op ops[] = {LAB_SWITCH, LAB_UNDO, LAB_TOGGLE};
	struct CMUnitTest tests[ARRAY_SIZE(ops) + 2];

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		tests[i] = (struct CMUnitTest){
		    .name = lab_op_name(ops[i]), .test_func = meddled, .initial_state = &ops[i]};
	tests[ARRAY_SIZE(ops)] = (struct CMUnitTest)cmocka_unit_test(without_group);
	tests[ARRAY_SIZE(ops) + 1] = (struct CMUnitTest)cmocka_unit_test(no_room_for_the_marker);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
