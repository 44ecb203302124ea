/* SPDX-License-Identifier: MIT */

/* Cycles that are taken back on two forests, and taken back again; what others changed since; and
 * that no later cycle writes again what was taken back before an operator approves. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/list.h"
#include "dsa/jobs/undo.h"
#include "mapping/held.h"
#include "mapping/journal.h"
#include "mapping/keepsake.h"
#include "redirect/finish.h"
#include "tests/support/limits_fixture.h"
#include "tests/support/scenario_turn.h"

static const struct scenario staff = {.name = "staff",
    .source = {MAILBOX("Ann", "ann", "title: Boss\n"),
	MAILBOX("Bea", "bea", "manager: CN=Ann" ACME "\n"), CONTACT("Con", "con", ""),
	GROUP("Team", "team", MEMBER("Ann") MEMBER("Bea"))},
    .target = {THERE_OU}};

/* ---- what is asked for ---- */

struct order {
	uint64_t cycle, numbers[256];
	size_t n;
	bool dry_run;
	struct undo_counts counts;
};

static int
take(const struct journal_entry *e, void *arg, struct err *err)
{
	struct order *o = arg;

	(void)err;
	assert_true(o->n < ARRAY_SIZE(o->numbers));
	o->numbers[o->n++] = e->number;
	o->cycle = e->cycle;
	return 0;
}

/* The changes of CYCLE, 0: of the last one. */
static struct order
changes_of(struct lab *l, uint64_t cycle)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct order o = {.cycle = 0};
	struct err err;

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &err), 0);
	assert_int_equal(journal_each(t, cycle, take, &o, &err), 0);
	if (cycle)
		return o;
	cycle = o.cycle;
	o.n = 0;
	assert_int_equal(journal_each(t, cycle, take, &o, &err), 0);
	return o;
}

static void
note_result(const struct run_result *r, void *arg)
{
	struct lab *l = arg;

	l->observer.result(r, l->observer.arg);
	for (size_t i = 0; i < r->n_blockers; i++)
		buf_printf(&l->notes, "left %s %s: %s\n", r->blockers[i].attribute,
		    r->blockers[i].value, r->blockers[i].why);
}

static int
act(struct lab *l, struct run *run, void *arg)
{
	struct order *o = arg;
	struct run_observer observer = l->observer;
	struct run own = *run;

	observer.result = note_result;
	own.observer = &observer;
	return undo_run(&own,
	    &(struct undo_order){.changes = o->numbers, .n = o->n, .dry_run = o->dry_run},
	    &o->counts, &l->err);
}

static void
undo(struct lab *l, struct order *o)
{
	if (lab_act(l, NULL, act, o) < 0)
		fail_msg("%s", l->err.text);
}

static bool
noted(const struct lab *l, const char *text)
{
	return strstr(lab_notes(l), text) != NULL;
}

static struct buf
dumped(struct lab *l)
{
	struct buf b = {0};

	lab_dump(l, &b, 0);
	return b;
}

/* How many objects are kept off. */
static int
count_off(const struct store_held *h, void *arg, struct err *err)
{
	(void)err;
	*(unsigned *)arg += h->kind == HELD_UNDONE && h->verdict != HELD_APPROVED;
	return 0;
}

static unsigned
kept_off(struct lab *l)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	unsigned n = 0;
	struct err err;

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &err), 0);
	assert_int_equal(store_each_held(t, 1, count_off, &n, &err), 0);
	return n;
}

/* Full or delta, nothing is written. */
static void
stays(struct lab *l)
{
	for (int i = 0; i < 3; i++) {
		uint64_t usn[SIDES];

		l->delta = i == 1;
		for (int s = SOURCE; s < SIDES; s++)
			assert_int_equal(l->eye[s]->ops->usn(l->eye[s], &usn[s], &l->err), 0);
		if (lab_cycle(l, NULL) < 0)
			fail_msg("%s", l->err.text);
		for (int s = SOURCE; s < SIDES; s++) {
			uint64_t now;

			assert_int_equal(l->eye[s]->ops->usn(l->eye[s], &now, &l->err), 0);
			assert_int_equal(now, usn[s]);
		}
	}
	l->delta = false;
}

/* ---- the first cycle ---- */

/* All of O is taken back, and N objects are kept off then. */
static void
undo_all(struct lab *l, struct order *o, unsigned n)
{
	undo(l, o);
	if (o->counts.left + o->counts.failed)
		fail_msg("%s", lab_notes(l));
	assert_int_equal(o->counts.done, o->n);
	assert_int_equal(kept_off(l), n);
	lab_check_nothing_open(l);
}

static void
assert_not_there(struct lab *l)
{
	assert_false(lab_exists(l, TARGET, "CN=Ann"));
	assert_null(lab_record(l, "CN=Ann"));
	stays(l);
	assert_int_equal(l->res.conflicts, 4);
}

static void
back_and_forth(void **state)
{
	struct buf before, back;
	struct order first, taken, again;
	struct lab l;

	(void)state;
	lab_open(&l, &staff);
	before = dumped(&l);
	lab_run(&l);
	first = changes_of(&l, 0);
	assert_true(first.n > 6);
	/* A plan writes nothing, and says the same as is then done. */
	first.dry_run = true;
	undo_all(&l, &first, 0);
	lab_run_idle(&l);
	first.dry_run = false;
	undo_all(&l, &first, 4);
	back = dumped(&l);
	lab_same_dumps(&l, "taken back", &before, &back);
	assert_not_there(&l);

	/* The undo is a cycle of its own, and is undone like any other. */
	taken = changes_of(&l, 0);
	assert_true(taken.cycle > first.cycle);
	undo_all(&l, &taken, 0);
	assert_true(lab_has(&l, TARGET, "CN=Team", "member", lab_dn(TARGET, "CN=Ann")));
	stays(&l);
	assert_int_equal(l.res.conflicts, 0);
	assert_true(lab_exists(&l, TARGET, "CN=Ann"));

	/* And that too. */
	again = changes_of(&l, 0);
	undo_all(&l, &again, 4);
	assert_not_there(&l);

	/* Until it is approved. */
	assert_int_equal(decide(&l, HELD_UNDONE, NULL, HELD_APPROVED), 4);
	lab_run(&l);
	assert_true(lab_exists(&l, TARGET, "CN=Ann"));
	assert_int_equal(kept_off(&l), 0);
	lab_run_silent(&l);
	lab_run_idle(&l);
	buf_done(&before);
	buf_done(&back);
	lab_close(&l);
}

/* ---- what others did since ---- */

static void
changed_since(void **state)
{
	struct order first;
	struct lab l;

	(void)state;
	lab_open(&l, &staff);
	lab_run(&l);
	first = changes_of(&l, 0);
	lab_set(&l, TARGET, "CN=Ann", "title", "Chief");
	lab_add(&l, TARGET,
	    "dn: CN=Own" GLOBEX "\nobjectClass: group\nsAMAccountName: own\n"
	    "groupType: 8\nmember: CN=Con" GLOBEX "\n\n");
	undo(&l, &first);
	assert_true(lab_exists(&l, TARGET, "CN=Ann"));
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Chief"));
	assert_true(noted(&l, "left title Chief: it was changed since"));
	assert_true(lab_exists(&l, TARGET, "CN=Con"));
	assert_true(noted(&l, "left memberOf CN=Own" GLOBEX ": others name it"));
	assert_false(lab_exists(&l, TARGET, "CN=Bea"));
	assert_false(lab_exists(&l, TARGET, "CN=Team"));
	/* Mail to Ann goes on by the address that its counterpart redirects to. */
	assert_true(noted(&l, "its counterpart redirects to this address"));
	assert_true(lab_check_mail(&l));
	assert_int_equal(first.counts.left, 3);
	assert_int_equal(first.counts.failed, 0);
	stays(&l);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Chief"));
	lab_close(&l);
}

static void
change_title(struct lab *l, const char *title)
{
	lab_set(l, SOURCE, "CN=Ann", "title", title);
	lab_run(l);
}

/* One change, and one that was made again by a later one. */
static void
one_change(void **state)
{
	struct order title, older;
	struct lab l;

	(void)state;
	lab_open(&l, &staff);
	lab_run(&l);
	change_title(&l, "Chief");
	older = changes_of(&l, 0);
	change_title(&l, "Queen");
	title = changes_of(&l, 0);
	assert_int_equal(title.n, 1);
	undo(&l, &older);
	assert_int_equal(older.counts.left, 1);
	assert_true(noted(&l, "left title Queen: it was changed since"));
	assert_int_equal(kept_off(&l), 0);
	undo(&l, &title);
	assert_int_equal(title.counts.done, 1);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Chief"));
	assert_int_equal(kept_off(&l), 1);
	stays(&l);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Chief"));
	/* Twice does no harm. */
	undo(&l, &title);
	assert_int_equal(title.counts.done, 1);
	assert_true(noted(&l, "all is as it was before already"));
	assert_int_equal(decide(&l, HELD_UNDONE, NULL, HELD_APPROVED), 1);
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Queen"));
	lab_run_silent(&l);
	lab_run_idle(&l);
	lab_close(&l);
}

/* The journal has lost the beginning of a chain of undoes: which way its end leads is not known. */
static void
cut_chain(void **state)
{
	const struct journal_limits all = {.now = INT64_MAX / 2};
	struct order change, back, again;
	struct store_txn *t;
	uint64_t from = 0;
	size_t removed;
	struct lab l;

	(void)state;
	lab_open(&l, &staff);
	lab_run(&l);
	change_title(&l, "Chief");
	change = changes_of(&l, 0);
	undo(&l, &change);
	back = changes_of(&l, 0);
	undo(&l, &back);
	again = changes_of(&l, 0);
	assert_int_equal(again.n, 1);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Chief"));
	assert_int_equal(store_begin(l.store, STORE_WRITE, &t, &l.err), 0);
	assert_int_equal(journal_trim(t, &all, again.numbers[0] - 1, &from, &removed, &l.err), 0);
	assert_int_equal(removed, again.numbers[0] - 1);
	assert_int_equal(store_commit(t, &l.err), 0);
	undo(&l, &again);
	assert_int_equal(again.counts.failed, 1);
	assert_true(noted(&l, "the journal has what it took back no more"));
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Chief"));
	assert_int_equal(kept_off(&l), 0);
	lab_close(&l);
}

/* ---- what left ---- */

static const struct scenario leaving = {.name = "leaving",
    .scope = "create = \"mailbox\"; on_leave = \"delete\";",
    .source = {MAILBOX("Ann", "ann", "title: Boss\n"), MAILBOX("Bea", "bea", "")},
    .target = {THERE_OU}};

static struct guid
guid_there(struct lab *l)
{
	const struct entry *e = fakedir_find(l->fd[TARGET], "CN=Ann" GLOBEX);

	return e ? e->guid : (struct guid){{0}};
}

/* Ann's counterpart is created, and deleted when Ann is. Its GUID, and in RET the deletion. */
static struct guid
delete_ann(struct lab *l, struct order *ret)
{
	struct guid was;

	lab_open(l, &leaving);
	lab_run(l);
	was = guid_there(l);
	lab_delete(l, SOURCE, "CN=Ann");
	lab_run(l);
	assert_false(lab_exists(l, TARGET, "CN=Ann"));
	*ret = changes_of(l, 0);
	return was;
}

static void
check_returned(struct lab *l, const struct order *o)
{
	if (o->counts.left + o->counts.failed)
		fail_msg("%s", lab_notes(l));
	assert_true(lab_has(l, TARGET, "CN=Ann", "title", "Boss"));
	assert_true(lab_has(l, TARGET, "CN=Ann", "sAMAccountName", "ann"));
	assert_true(lab_has(l, TARGET, "CN=Ann", "mailNickname", "ann"));
	lab_check_nothing_open(l);
	stays(l);
	assert_true(lab_exists(l, TARGET, "CN=Ann"));
}

/* It is the object itself, and no other, however often. */
static void
brought_back(void **state)
{
	struct order o;
	struct lab l;
	struct guid was = delete_ann(&l, &o), now;

	(void)state;
	o.dry_run = true;
	undo(&l, &o);
	assert_true(noted(&l, "or, if the server refuses that, make a new one"));
	assert_false(lab_exists(&l, TARGET, "CN=Ann"));
	o.dry_run = false;
	for (int i = 0; i < 3; i++) {
		undo(&l, &o);
		assert_true(noted(&l, "bring back the object itself, with its objectGUID and SID"));
		check_returned(&l, &o);
		now = guid_there(&l);
		assert_true(guid_equal(&now, &was));
		undo(&l, &o);
		assert_true(noted(&l, "all is as it was before already"));
		o = changes_of(&l, 0);
		undo(&l, &o);
		assert_int_equal(o.counts.done, 1);
		assert_false(lab_exists(&l, TARGET, "CN=Ann"));
		stays(&l);
		o = changes_of(&l, 0);
	}
	lab_close(&l);
}

/* What others wrote to it since it came back keeps it from being deleted again. */
static void
used_since_it_came_back(void **state)
{
	struct order o;
	struct lab l;

	(void)state;
	(void)delete_ann(&l, &o);
	undo(&l, &o);
	o = changes_of(&l, 0);
	lab_set(&l, TARGET, "CN=Ann", "department", "Sales");
	undo(&l, &o);
	assert_int_equal(o.counts.left, 1);
	assert_true(noted(&l, "left department Sales: it was not written by this change"));
	assert_true(lab_exists(&l, TARGET, "CN=Ann"));
	lab_delete(&l, TARGET, "CN=Ann");
	undo(&l, &o);
	assert_int_equal(o.counts.done, 1);
	lab_close(&l);
}

/* Unwilling, no right, not where the server looks, no such class, too late. */
static void
not_brought_back(void **state)
{
	static const int refusals[] = {53, 50, 32, 65, 19, 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct order o;
		struct lab l;
		struct guid was = delete_ann(&l, &o), now;

		fakedir_refuse_back(l.fd[TARGET], refusals[i]);
		undo(&l, &o);
		assert_true(noted(&l, "add a new object, with another objectGUID and SID than "
				      "before: the server does not bring the old one back: "));
		check_returned(&l, &o);
		now = guid_there(&l);
		assert_false(guid_equal(&now, &was));
		lab_close(&l);
	}
}

static void
hide_tombstone(struct lab *l, const struct guid *g)
{
	char dn[128], guid[GUID_TEXT_SIZE];

	guid_format(g, guid);
	(void)snprintf(
	    dn, sizeof dn, "CN=Ann\\0ADEL:%s,CN=Deleted Objects,DC=globex,DC=example", guid);
	assert_int_equal(fakedir_hide(l->fd[TARGET], dn, true), 0);
}

/* Another object has the name; or nothing is seen of what was deleted. */
static void
no_tombstone(void **state)
{
	struct order o;
	struct lab l;
	struct guid was = delete_ann(&l, &o);

	(void)state;
	lab_add(&l, TARGET, THERE("contact", "Ann", ""));
	undo(&l, &o);
	assert_int_equal(o.counts.left, 1);
	assert_true(noted(&l, "another object has its name now"));
	lab_delete(&l, TARGET, "CN=Ann");
	hide_tombstone(&l, &was);
	undo(&l, &o);
	assert_true(noted(&l, "there is no tombstone of the old one that can be read"));
	check_returned(&l, &o);
	lab_close(&l);
}

/* ---- switches ---- */

static const struct scenario turning = {.name = "turning",
    .link = LAB_GROUP_CONF,
    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""), LAB_GROUP_LDIF}};

static void
switched(void **state)
{
	static const char *const ann[] = {"CN=Ann", NULL};
	struct order first, turn;
	struct lab l;

	(void)state;
	lab_open(&l, &turning);
	lab_run(&l);
	first = changes_of(&l, 0);
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ann), 0);
	turn = changes_of(&l, 0);
	undo(&l, &turn);
	assert_int_equal(turn.counts.left, turn.n);
	assert_true(noted(&l, "a switch is taken back by galsyncctl undo-switch"));
	assert_int_equal(lab_check_mailbox(&l, "CN=Ann", false), TARGET);
	/* Nor is anything of it that mail goes by. */
	undo(&l, &first);
	assert_true(lab_exists(&l, TARGET, "CN=Ann"));
	assert_true(noted(&l, "its mailbox is switched: galsyncctl undo-switch comes first"));
	assert_true(lab_check_mail(&l));
	assert_int_equal(lab_check_mailbox(&l, "CN=Ann", false), TARGET);
	lab_close(&l);
}

/* ---- a lost map ---- */

static void
ignore_news(const struct keepsake_news *n, void *arg)
{
	(void)n, (void)arg;
}

/* What is kept off is known without the map; what stands of it, without the journal, is the
 * directories' word. */
static void
lost_map(void **state)
{
	struct order first;
	struct lab l;

	(void)state;
	lab_open(&l, &staff);
	assert_int_equal(keepsake_attach(l.store, ignore_news, NULL, &l.err), 0);
	lab_run(&l);
	first = changes_of(&l, 0);
	undo(&l, &first);
	assert_int_equal(kept_off(&l), 4);
	lab_lose_map(&l);
	assert_int_equal(keepsake_attach(l.store, ignore_news, NULL, &l.err), 0);
	stays(&l);
	assert_int_equal(kept_off(&l), 4);
	assert_false(lab_exists(&l, TARGET, "CN=Ann"));
	assert_int_equal(decide(&l, HELD_UNDONE, "CN=Ann", HELD_APPROVED), 1);
	lab_run(&l);
	assert_true(lab_exists(&l, TARGET, "CN=Ann"));
	assert_false(lab_exists(&l, TARGET, "CN=Bea"));
	lab_close(&l);
}

/* ---- crashes ---- */

/* Stopped before each write and behind it, then asked for again: the same end, and no cycle in
 * between writes anything of it. */
static void
stopped_anywhere(void **state)
{
	struct buf before, back;
	bool stopped = true;

	(void)state;
	for (unsigned step = 1; stopped; step++) {
		struct order first;
		struct tap tap = {
		    .stop_at = step, .how = step % 2 ? TAP_STOP_AFTER : TAP_STOP_BEFORE};
		struct lab l;
		int rc;

		lab_open(&l, &staff);
		before = dumped(&l);
		lab_run(&l);
		first = changes_of(&l, 0);
		l.dies = true;
		rc = lab_act(&l, &tap, act, &first);
		stopped = tap.stopped;
		tap_done(&tap);
		l.dies = false;
		assert_true(stopped || rc == 0);
		lab_begin_again(&l);
		if (stopped)
			undo(&l, &first);
		if (first.counts.left + first.counts.failed)
			fail_msg("step %u: %s", step, lab_notes(&l));
		back = dumped(&l);
		lab_same_dumps(&l, "taken back", &before, &back);
		lab_check_nothing_open(&l);
		stays(&l);
		buf_done(&before);
		buf_done(&back);
		lab_close(&l);
	}
}

/* The same of what was deleted, whether the server brings it back or not: once it is there, and
 * never twice. */
static bool
return_stopped_at(unsigned step, int refusal)
{
	struct order o;
	struct tap tap = {.stop_at = step, .how = step % 2 ? TAP_STOP_AFTER : TAP_STOP_BEFORE};
	struct lab l;
	int rc;

	(void)delete_ann(&l, &o);
	fakedir_refuse_back(l.fd[TARGET], refusal);
	l.dies = true;
	rc = lab_act(&l, &tap, act, &o);
	l.dies = false;
	assert_true(tap.stopped || rc == 0);
	lab_begin_again(&l);
	if (tap.stopped)
		undo(&l, &o);
	check_returned(&l, &o);
	tap_done(&tap);
	lab_close(&l);
	return tap.stopped;
}

static void
return_stopped_anywhere(void **state)
{
	static const int refusals[] = {0, 53, 32};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		for (unsigned step = 1; return_stopped_at(step, refusals[i]); step++)
			assert_true(step < 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(back_and_forth),
	    cmocka_unit_test(changed_since),
	    cmocka_unit_test(one_change),
	    cmocka_unit_test(cut_chain),
	    cmocka_unit_test(brought_back),
	    cmocka_unit_test(used_since_it_came_back),
	    cmocka_unit_test(not_brought_back),
	    cmocka_unit_test(no_tombstone),
	    cmocka_unit_test(switched),
	    cmocka_unit_test(lost_map),
	    cmocka_unit_test(stopped_anywhere),
	    cmocka_unit_test(return_stopped_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
