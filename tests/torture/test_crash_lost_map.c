/* SPDX-License-Identifier: MIT */

/*
 * Switch, undo, toggle and full synchronization, stopped at every step; and then the map is thrown
 * away, or set back to what it was before. The directories say how it goes on: at no step does
 * anything loop or redirect to itself, each mailbox is wholly switched or wholly not, and after
 * two cycles nothing is left to be written.
 *
 * A lost map knows no operation, so the marker group is not looked at: who is a member is told to
 * an administrator, and decides nothing about mail.
 *
 * Every step is tried in some forms; with GALSYNC_CRASH_ALL=1 in all of them.
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
#include "dsa/run/active.h"
#include "tests/support/scenario_turn.h"

#define GUARD "msExchCalendarRepairDisabled"
#define MARKER "extensionAttribute14"

enum act { ACT_SWITCH = LAB_SWITCH, ACT_UNDO = LAB_UNDO, ACT_TOGGLE = LAB_TOGGLE, ACT_SYNC };
enum map { MAP_LOST, MAP_OLD, MAPS };

static const char *const who[] = {"CN=Ann", "CN=Bea", "CN=Cid", NULL};
static const bool guarded[] = {false, true, false};

static const struct scenario staff = {.name = "staff",
    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", GUARD ": TRUE\n"),
	MAILBOX("Cid", "cid", "")}};

struct stop {
	enum act act;
	enum map map;
	unsigned at;
	enum tap_stop how;
	bool dies, delta;
	char what[128];
};

static struct active_side
judge(struct lab *l, const char *name)
{
	const struct active_conf conf = active_conf_of(l->link);
	const struct entry *s = fakedir_find(l->fd[SOURCE], lab_dn(SOURCE, name));
	const struct entry *t = fakedir_find(l->fd[TARGET], lab_dn(TARGET, name));

	return active_side_of(&conf, (const struct entry *const[SIDES]){s, t}, NULL);
}

static void
look(struct lab *l)
{
	for (size_t i = 0; who[i]; i++) {
		struct active_side a = judge(l, who[i]);

		if (a.is_loop || a.facts.leads[SOURCE] == LEADS_HOME ||
		    a.facts.leads[TARGET] == LEADS_HOME)
			(void)snprintf(l->why, sizeof l->why, "mail to %s goes round", who[i]);
	}
}

static bool
has(struct lab *l, enum side side, size_t i, const char *attr)
{
	return lab_count(l, side, who[i], attr) > 0;
}

/* Both sides of the mailbox are whole. */
static void
check_whole(struct lab *l, const struct stop *s, size_t i)
{
	struct active_side a = judge(l, who[i]);
	bool switched = a.side == TARGET;
	struct record *r = lab_record(l, who[i]);
	enum active_leads across = LEADS_ACROSS;

	if (!r || r->active != a.side || a.moved || a.lost ||
	    a.facts.leads[a.side] != LEADS_NOWHERE || a.facts.leads[side_other(a.side)] != across ||
	    has(l, SOURCE, i, MARKER) != switched ||
	    has(l, SOURCE, i, GUARD) != (switched || guarded[i]) ||
	    has(l, TARGET, i, GUARD) == switched ||
	    a.facts.stamp != (switched ? WITNESS_TARGET : WITNESS_SOURCE))
		fail_msg("%s: %s is not whole", s->what, who[i]);
	record_free(r);
}

static void
prepare(struct lab *l, const struct stop *s)
{
	lab_open(l, &staff);
	l->on_written = look;
	if (s->act == ACT_SYNC)
		lab_keep_map(l);
	assert_int_equal(lab_cycle(l, NULL), 0);
	if (s->act == ACT_UNDO || s->act == ACT_SYNC) {
		assert_int_equal(lab_turn(l, NULL, LAB_SWITCH, who), 0);
		assert_int_equal(lab_cycle(l, NULL), 0);
	}
	if (s->act == ACT_TOGGLE) {
		lab_set(l, TARGET, "CN=Ann", "homeMDB", NULL);
		lab_set(l, TARGET, "CN=Ann", "msExchHomeServerName", NULL);
		lab_set(l, TARGET, "CN=Ann", "mailNickname", NULL);
	}
	if (s->act != ACT_SYNC) {
		lab_keep_map(l);
		return;
	}
	/* What a synchronization has to do: half of a turn, a lost marker, a new name. */
	lab_set(l, SOURCE, "CN=Ann", "targetAddress", NULL);
	lab_set(l, SOURCE, "CN=Bea", MARKER, NULL);
	lab_set(l, SOURCE, "CN=Cid", "legacyExchangeDN", "/o=Acme/cn=new-cid");
}

static int
operate(struct lab *l, const struct stop *s, struct tap *tap)
{
	int rc;

	*tap = (struct tap){.count_reads = true, .stop_at = s->at, .how = s->how};
	l->dies = s->dies;
	l->delta = false;
	rc = s->act == ACT_SYNC ? lab_cycle(l, tap) : lab_turn(l, tap, (enum lab_op)s->act, who);
	l->dies = false;
	tap_done(tap);
	return rc;
}

static void
go_on(struct lab *l, const struct stop *s)
{
	if (s->map == MAP_LOST)
		lab_lose_map(l);
	else
		lab_put_back_map(l);
	for (int i = 0; i < 2; i++) {
		l->delta = s->delta && i;
		if (lab_cycle(l, NULL) < 0)
			fail_msg("%s: %s", s->what, l->err.text);
		if (l->needs_full) {
			l->delta = false;
			assert_int_equal(lab_cycle(l, NULL), 0);
		}
		assert_int_equal(l->res.failed, 0);
		look(l);
		if (*l->why)
			fail_msg("%s: %s", s->what, l->why);
	}
	lab_check_nothing_open(l);
	for (size_t i = 0; who[i]; i++)
		check_whole(l, s, i);
	lab_run_silent(l);
}

static unsigned
count_steps(enum act act)
{
	struct stop s = {.act = act, .what = "reference"};
	struct tap tap;
	struct lab l;

	prepare(&l, &s);
	if (operate(&l, &s, &tap) < 0)
		fail_msg("%s", l.err.text);
	go_on(&l, &s);
	lab_close(&l);
	return atomic_load(&tap.steps);
}

static void
stop_and_go_on(const struct stop *s)
{
	struct tap tap;
	struct lab l;

	prepare(&l, s);
	(void)operate(&l, s, &tap);
	assert_true(atomic_load(&tap.stopped));
	go_on(&l, s);
	lab_close(&l);
}

static void
every_step(void **state)
{
	static const char *const names[] = {[ACT_SWITCH] = "switch",
	    [ACT_UNDO] = "undo",
	    [ACT_TOGGLE] = "toggle",
	    [ACT_SYNC] = "synchronization"};
	enum act act = *(const enum act *)*state;
	unsigned steps = count_steps(act), n = 0;

	assert_true(steps > 5);
	for (unsigned at = 1; at <= steps; at++)
		for (unsigned form = 0; form < (lab_try_all() ? 24 : 2); form++, n++) {
			unsigned f = lab_try_all() ? form : n * 7 % 24;
			struct stop s = {.act = act,
			    .map = (enum map)(form % MAPS),
			    .at = at,
			    .how = (enum tap_stop)(f / 2 % 3),
			    .dies = f / 6 % 2,
			    .delta = f / 12};

			(void)snprintf(s.what, sizeof s.what, "%s, step %u (%d), %s, map %s",
			    names[act], at, (int)s.how, s.dies ? "dead" : "cut off",
			    s.map == MAP_LOST ? "lost" : "of before");
			stop_and_go_on(&s);
		}
}

int
main(void)
{
	static enum act acts[] = {ACT_SWITCH, ACT_UNDO, ACT_TOGGLE, ACT_SYNC};
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_prestate(every_step, &acts[0]),
	    cmocka_unit_test_prestate(every_step, &acts[1]),
	    cmocka_unit_test_prestate(every_step, &acts[2]),
	    cmocka_unit_test_prestate(every_step, &acts[3]),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
