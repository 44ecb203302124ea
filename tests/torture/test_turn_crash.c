/* SPDX-License-Identifier: MIT */

/*
 * The crash test of switch, undo and proxy toggle, as test_crash.c is that of a cycle: each is run
 * to its end; then, from a fresh start, it is stopped at every step (each read and each write of
 * either directory) and right behind every commit of the map, and a cycle, full or delta, is run as
 * the daemon's next start would. Afterwards the operation is complete or undone, for all mailboxes
 * alike: the end is one of the two that there are without a crash. One more cycle writes nothing.
 *
 * After every single write both sides of every mailbox are looked at: never do both redirect.
 *
 * Every step is tried in some forms; with GALSYNC_CRASH_ALL=1 in all of them.
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

#define GUARD "msExchCalendarRepairDisabled: TRUE\n"
#define FORMS 18 /* three ways to stop, three orders, dead or cut off */

static const char *const who[] = {"CN=Ann", "CN=Bea", "CN=Cid", NULL};
static const bool guarded[] = {false, true, false};

static const struct scenario staff = {.name = "staff",
    .link = LAB_GROUP_CONF,
    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", GUARD), MAILBOX("Cid", "cid", ""),
	LAB_GROUP_LDIF}};

struct stop {
	unsigned at;	 /* a step */
	unsigned commit; /* or a commit */
	enum tap_stop how;
	bool dies, delta;
	enum fakedir_order order;
	char what[128];
};

/* ---- commits ---- */

static struct {
	unsigned seen, stop_at;
	struct lab *l; /* NULL: not counted */
} commits;

int __real_store_commit(struct store_txn *t, struct err *err);
int __wrap_store_commit(struct store_txn *t, struct err *err);

int
__wrap_store_commit(struct store_txn *t, struct err *err)
{
	int rc = __real_store_commit(t, err);

	if (commits.l && ++commits.seen == commits.stop_at)
		lab_die(commits.l);
	return rc;
}

/* ---- looking ---- */

static void
look(struct lab *l)
{
	for (size_t i = 0; who[i]; i++)
		if (lab_both_redirect(l, who[i]))
			(void)snprintf(l->why, sizeof l->why, "both sides redirect: %s", who[i]);
	(void)lab_check_mail(l);
}

static void
check_look(struct lab *l, const struct stop *s)
{
	look(l);
	if (*l->why)
		fail_msg("%s: %s", s->what, l->why);
}

/* ---- one run ---- */

/* The forests right before the operation that is to be stopped. */
static void
prepare(struct lab *l, enum lab_op op, const struct stop *s)
{
	lab_open(l, &staff);
	l->on_written = look;
	assert_int_equal(lab_cycle(l, NULL), 0);
	if (op == LAB_UNDO) {
		assert_int_equal(lab_turn(l, NULL, LAB_SWITCH, who), 0);
		assert_int_equal(lab_cycle(l, NULL), 0);
	}
	/* The mailbox is disconnected and purged. */
	if (op == LAB_TOGGLE) {
		lab_set(l, TARGET, "CN=Ann", "homeMDB", NULL);
		lab_set(l, TARGET, "CN=Ann", "msExchHomeServerName", NULL);
		lab_set(l, TARGET, "CN=Ann", "mailNickname", NULL);
	}
	for (int side = SOURCE; side < SIDES; side++)
		fakedir_set_order(l->fd[side], s->order, 1 + s->at);
}

/* The operation, stopped as S says. */
static int
operate(struct lab *l, enum lab_op op, const struct stop *s, struct tap *tap)
{
	int rc;

	*tap = (struct tap){.count_reads = true, .stop_at = s->at, .how = s->how};
	l->dies = s->dies;
	commits.seen = 0;
	commits.stop_at = s->commit;
	commits.l = l;
	rc = lab_turn(l, tap, op, who);
	commits.l = NULL;
	l->dies = false;
	tap_done(tap);
	return rc;
}

/* The cycle of the next start, and what must hold after it; dumps the end. */
static void
restart(struct lab *l, const struct stop *s, struct buf *ret)
{
	l->delta = s->delta;
	if (lab_cycle(l, NULL) < 0)
		fail_msg("%s: %s", s->what, l->err.text);
	assert_false(l->needs_full);
	assert_int_equal(l->res.failed, 0);
	check_look(l, s);
	lab_check_nothing_open(l);
	for (size_t i = 0; who[i]; i++)
		(void)lab_check_mailbox(l, who[i], guarded[i]);
	lab_run_silent(l);
	l->delta = !l->delta;
	lab_run_silent(l);
	lab_run_idle(l);
	lab_dump_turned(l, ret);
}

/* What there is without a crash: the end, and what was there before. */
struct ends {
	struct buf before, after;
	unsigned steps, commits;
};

static void
ends_done(struct ends *e)
{
	buf_done(&e->before);
	buf_done(&e->after);
}

static struct ends
reference(enum lab_op op)
{
	struct stop s = {.what = "reference"};
	struct ends e = {0};
	struct tap tap;
	struct lab l;

	prepare(&l, op, &s);
	restart(&l, &s, &e.before);
	lab_close(&l);
	prepare(&l, op, &s);
	if (operate(&l, op, &s, &tap) < 0)
		fail_msg("%s", l.err.text);
	for (size_t i = 0; who[i]; i++)
		assert_true(lab_told(&l, "done", who[i], ""));
	e.steps = atomic_load(&tap.steps);
	e.commits = commits.seen;
	restart(&l, &s, &e.after);
	lab_close(&l);
	assert_true(e.steps > 5 && e.commits > 2);
	return e;
}

static bool
same(const struct buf *x, const struct buf *y)
{
	return x->len == y->len && memcmp(x->data, y->data, x->len) == 0;
}

/* True if it ended complete. */
static bool
check_end(const struct lab *l, const struct ends *e, const struct stop *s, const struct buf *now)
{
	if (same(now, &e->before) && !same(now, &e->after))
		return false;
	lab_same_dumps(l, s->what, &e->after, now);
	return true;
}

static bool
stop_and_go_on(enum lab_op op, const struct stop *s, const struct ends *e)
{
	_cleanup_(buf_done) struct buf now = {0};
	struct tap tap;
	struct lab l;
	bool complete;

	prepare(&l, op, s);
	if (operate(&l, op, s, &tap) == 0 && !s->dies)
		fail_msg("%s: nothing failed", s->what);
	assert_true(atomic_load(&tap.stopped));
	check_look(&l, s);
	restart(&l, s, &now);
	complete = check_end(&l, e, s, &now);
	lab_close(&l);
	return complete;
}

static void
describe(struct stop *s, enum lab_op op)
{
	static const char *const hows[] = {
	    [TAP_STOP_BEFORE] = "before", [TAP_STOP_AFTER] = "after", [TAP_STOP_DROP] = "drop"};

	(void)snprintf(s->what, sizeof s->what, "%s %s %s %u%s, order %d, then a %s",
	    lab_op_name(op), s->commit ? "died at" : hows[s->how], s->commit ? "commit" : "step",
	    s->commit ? s->commit : s->at, s->dies && !s->commit ? ", dead" : "", (int)s->order,
	    s->delta ? "delta" : "full");
}

/* FORM of 0..FORMS-1. */
static void
shape(struct stop *s, unsigned form)
{
	s->how = (enum tap_stop)(form % 3);
	s->order = (enum fakedir_order)(form / 3 % 3);
	s->dies = form / 9;
}

static void
every_step(void **state)
{
	enum lab_op op = *(const enum lab_op *)*state;
	struct ends e = reference(op);
	unsigned complete = 0, undone = 0, n = 0, tried = op == LAB_TOGGLE ? 2 : 3;

	for (unsigned at = 1; at <= e.steps; at++)
		for (unsigned i = 0; i < (lab_try_all() ? FORMS : tried); i++) {
			struct stop s = {.at = at, .delta = n % 2};

			/* Whatever the step, the forms come in turn. */
			shape(&s, lab_try_all() ? i : n * 5 % FORMS);
			describe(&s, op);
			if (stop_and_go_on(op, &s, &e))
				complete++;
			else
				undone++;
			n++;
		}
	assert_true(complete > 0 && (undone > 0 || op == LAB_TOGGLE));
	ends_done(&e);
}

static void
every_commit(void **state)
{
	enum lab_op op = *(const enum lab_op *)*state;
	struct ends e = reference(op);

	for (unsigned n = 1; n <= e.commits; n++)
		for (unsigned delta = 0; delta < 2; delta++) {
			struct stop s = {.commit = n, .dies = true, .delta = delta};

			s.order = (enum fakedir_order)(n % 3);
			describe(&s, op);
			(void)stop_and_go_on(op, &s, &e);
		}
	ends_done(&e);
}

/* ---- the second crash ---- */

/* Stops the cycle that resumes at step AT. False if it has no such step. */
static bool
stop_twice(
    enum lab_op op, const struct stop *first, const struct stop *second, const struct ends *e)
{
	_cleanup_(buf_done) struct buf now = {0};
	struct tap tap;
	struct lab l;
	bool stopped;
	int rc;

	prepare(&l, op, first);
	(void)operate(&l, op, first, &tap);
	tap = (struct tap){.count_reads = true, .stop_at = second->at, .how = second->how};
	l.dies = second->dies;
	l.delta = true;
	rc = lab_cycle(&l, &tap);
	stopped = atomic_load(&tap.stopped);
	assert_true(rc == 0 || stopped);
	tap_done(&tap);
	l.dies = false;
	check_look(&l, second);
	restart(&l, second, &now);
	(void)check_end(&l, e, second, &now);
	lab_close(&l);
	return stopped;
}

static void
second_crash(void **state)
{
	enum lab_op op = *(const enum lab_op *)*state;
	struct ends e = reference(op);
	unsigned n = 0, each = lab_try_all() ? 1 : 5;

	for (unsigned at = 1; at <= e.steps; at += each) {
		struct stop first = {.at = at, .how = TAP_STOP_AFTER, .dies = true};
		bool more = true;

		for (unsigned i = 1; more; i += op == LAB_TOGGLE && !lab_try_all() ? 3 : 1) {
			struct stop second = {.at = i, .delta = n % 2};

			shape(&second, n++ * 5 % FORMS);
			describe(&second, op);
			more = stop_twice(op, &first, &second, &e);
		}
	}
	ends_done(&e);
}

/* ---- a request before the first cycle ---- */

/* The next thing that the daemon is asked for is another operation: what was interrupted comes
 * first, and neither is lost. */
static void
another_request(void **state)
{
	(void)state;
	for (enum lab_op op = LAB_SWITCH; op < LAB_OP_MAX; op++)
		for (enum lab_op then = LAB_SWITCH; then < LAB_OP_MAX; then++) {
			struct ends e = reference(op);

			for (unsigned at = 1; at <= e.steps; at += lab_try_all() ? 1 : 4) {
				_cleanup_(buf_done) struct buf now = {0};
				struct stop s = {.at = at, .how = TAP_STOP_AFTER, .dies = true};
				struct tap tap;
				struct lab l;

				describe(&s, op);
				prepare(&l, op, &s);
				(void)operate(&l, op, &s, &tap);
				if (lab_turn(&l, NULL, then, who) < 0)
					fail_msg("%s, then %s: %s", s.what, lab_op_name(then),
					    l.err.text);
				check_look(&l, &s);
				restart(&l, &s, &now);
				lab_close(&l);
			}
			ends_done(&e);
		}
}

int
main(void)
{
	static const enum lab_op ops[] = {LAB_SWITCH, LAB_UNDO, LAB_TOGGLE};
	static const struct {
		const char *name;
		CMUnitTestFunction test;
	} kinds[] = {
	    {"at every step", every_step},
	    {"at every commit", every_commit},
	    {"and again in the resuming cycle", second_crash},
	};
	struct CMUnitTest tests[ARRAY_SIZE(ops) * ARRAY_SIZE(kinds) + 1], *last = tests;
	char names[ARRAY_SIZE(ops) * ARRAY_SIZE(kinds)][64];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		for (size_t j = 0; j < ARRAY_SIZE(kinds); j++) {
			(void)snprintf(names[n], sizeof names[n], "%s, crash %s",
			    lab_op_name(ops[i]), kinds[j].name);
			*last++ = (struct CMUnitTest){.name = names[n++],
			    .test_func = kinds[j].test,
			    .initial_state = (void *)(uintptr_t)&ops[i]};
		}
	*last = (struct CMUnitTest)cmocka_unit_test(another_request);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
