/* SPDX-License-Identifier: MIT */

/* The plan and the executor, without a cycle: the order of steps, and what each outcome becomes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ldap.h>

#include "dsa/exec/exec.h"
#include "dsa/exec/plan.h"
#include "dsa/world/world.h"
#include "mapping/journal.h"
#include "tests/support/place.h"
#include "tests/support/scenario.h"

static const struct scenario people = {.name = "people",
    .source = {MAILBOX("Ann", "ann", "title: Boss\n"), MAILBOX("Bea", "bea", ""),
	MAILBOX("Cid", "cid", "")}};
static const struct guid several;

/* ---- steps ---- */

static struct plan_step *
step_of(enum plan_phase phase, uint64_t number, uint64_t after)
{
	struct plan_step *s = plan_step_new(WORLD_NONE, &several);

	assert_non_null(s);
	s->phase = phase;
	s->number = number;
	s->after = after;
	return s;
}

/* Adds to S: ATTR of the object NAME of SIDE, which has none, becomes VALUE. */
static void
add_to(struct lab *l, struct plan_step *s, enum side side, const char *name, const char *attr,
    const char *value)
{
	const struct entry *e = fakedir_find(l->fd[side], lab_dn(side, name));
	struct change *c = change_new(CHANGE_MODIFY, e->dn, &e->guid);

	assert_non_null(c);
	assert_int_equal(change_mod_str(c, MOD_ADD, attr, value), 0);
	assert_int_equal(plan_step_add(s, side, c, e, value, &l->err), 0);
}

static void
add_title(struct lab *l, struct plan_step *s, const char *name, const char *title)
{
	add_to(l, s, SOURCE, name, "title", title);
}

/* ---- the plan ---- */

static void
steps_come_by_round_and_phase(void **state)
{
	static const struct {
		enum plan_phase phase;
		unsigned given; /* at which place */
	} puts[] = {
	    {PLAN_LEAVERS, 4}, {PLAN_OBJECTS, 2}, {PLAN_OUS, 0}, {PLAN_OBJECTS, 3}, {PLAN_OUS, 1}};
	_cleanup_(plan_step_free) struct plan_step *again = step_of(PLAN_OUS, 0, 0);
	_cleanup_(workset_free) struct workset *w = NULL;
	_cleanup_(plan_free) struct plan *p = NULL;
	struct plan_step *s;
	struct err err;

	(void)state;
	assert_int_equal(workset_open(place_root(), "plan", 16, &w, &err), 0);
	assert_int_equal(plan_new(w, &p, &err), 0);
	for (uint64_t i = 0; i < ARRAY_SIZE(puts); i++) {
		s = step_of(puts[i].phase, 99, 0);
		assert_int_equal(plan_put(p, s, &err), 0);
		assert_int_equal(s->number, i);
		plan_step_free(s);
	}
	for (unsigned place = 0; place < ARRAY_SIZE(puts); place++) {
		assert_int_equal(plan_next(p, &s, &err), 0);
		assert_int_equal(puts[s->number].given, place);
		assert_int_equal(s->phase, puts[s->number].phase);
		/* One OU after the other. */
		assert_int_equal(s->after, s->phase == PLAN_OUS ? s->number : 0);
		assert_false(s->looked_again);
		plan_step_free(s);
	}
	assert_int_equal(plan_next(p, &s, &err), 0);
	assert_null(s);
	plan_begin_round(p);
	assert_int_equal(plan_put(p, again, &err), 0);
	assert_int_equal(plan_next(p, &s, &err), 0);
	assert_true(s->looked_again && s->number == ARRAY_SIZE(puts));
	plan_step_free(s);
}

/* ---- what was there before ---- */

/* Of a long list a before-image keeps what is taken away; all of it, if all of it goes. */
static void
before_image_of_a_long_list(void **state)
{
	_cleanup_(entry_free) struct entry *group = entry_new("CN=Group");
	static const struct {
		enum mod_op op;
		const char *value;
		size_t kept;
	} cases[] = {{MOD_ADD, "CN=New", 0}, {MOD_DELETE, "CN=7", 1},
	    {MOD_REPLACE, "CN=New", PLAN_LONG_LIST + 1}};
	struct err err;
	char dn[32];

	(void)state;
	for (int i = 0; i <= PLAN_LONG_LIST; i++) {
		(void)snprintf(dn, sizeof dn, "CN=%d", i);
		assert_int_equal(entry_add_str(group, "member", dn), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct change *c = change_new(CHANGE_MODIFY, group->dn, &several);
		_cleanup_(plan_step_free) struct plan_step *s = NULL;
		const struct attr *a;

		assert_int_equal(change_mod_str(c, cases[i].op, "member", cases[i].value), 0);
		assert_int_equal(plan_step_of(&several, SOURCE, c, group, "test", &s, &err), 0);
		a = entry_find(s->changes[0].before, "member");
		assert_non_null(a);
		assert_int_equal(a->n_values, cases[i].kept);
	}
}

/* ---- carrying out ---- */

struct playing {
	struct lab *l;
	struct plan_step *steps[8];
	size_t n, given;
	bool reopens;
	uint64_t forbids; /* the step that must not be carried out, 0: none */
	size_t batch;
	struct buf log; /* what was intended and how it ended, "1 2 1:done ..." */
};

static int
next(void *arg, struct plan_step **ret, struct err *err)
{
	struct playing *p = arg;

	(void)err;
	*ret = p->given < p->n ? TAKE(p->steps[p->given]) : NULL;
	p->given += *ret != NULL;
	return 0;
}

static int
intend(struct store_txn *t, struct plan_step *s, void *arg, struct err *err)
{
	struct playing *p = arg;

	(void)t;
	if (p->forbids && p->forbids == s->number)
		return err_set(err, ERR_DATA, ERR_ENTRY, ERR_REREAD, 0, "forbidden") < 0;
	buf_printf(&p->log, "%llu ", (unsigned long long)s->number);
	return 0;
}

static int
ended(struct store_txn *t, const struct exec_end *e, void *arg, struct err *err)
{
	static const char *const failures[] = {[SETTLE_UNKNOWN] = "unknown",
	    [SETTLE_UNSENT] = "unsent",
	    [SETTLE_DRIFT] = "drift",
	    [SETTLE_REFUSED] = "refused"};
	struct playing *p = arg;

	(void)t;
	(void)err;
	buf_printf(&p->log, "%llu:%zu,%s ", (unsigned long long)e->step->number, e->made,
	    e->err ? failures[e->failure] : "done");
	return 0;
}

static int
lost(void *arg, struct err *err)
{
	struct playing *p = arg;

	(void)err;
	buf_printf(&p->log, "lost ");
	fakedir_set_down(p->l->fd[SOURCE], false);
	return 0;
}

static int
play(struct lab *l, struct run *run, void *arg)
{
	struct playing *p = arg;
	struct exec_ops ops = {.next = next,
	    .intend = intend,
	    .ended = ended,
	    .lost = p->reopens ? lost : NULL,
	    .batch = p->batch ? p->batch : 8};

	return run_open_known(run, &l->err) < 0 ? -1 : exec_run(run, &ops, p, &l->err);
}

/* Gives the result. */
static int
carry_out(struct playing *p)
{
	int rc = lab_act(p->l, NULL, play, p);

	for (size_t i = p->given; i < p->n; i++)
		plan_step_free(p->steps[i]);
	buf_add_char(&p->log, '\0');
	assert_false(p->log.failed);
	return rc;
}

static void
assert_log(struct playing *p, const char *want)
{
	assert_string_equal((const char *)p->log.data, want);
	buf_done(&p->log);
	lab_close(p->l);
}

static struct playing
begin(struct lab *l)
{
	lab_open(l, &people);
	lab_run(l);
	lab_set(l, SOURCE, "CN=Ann", "title", NULL);
	return (struct playing){.l = l};
}

static void
phases_follow_each_other(void **state)
{
	struct lab l;
	struct playing p = begin(&l);

	(void)state;
	for (uint64_t i = 0; i < 4; i++)
		p.steps[p.n++] = step_of(i < 2 ? PLAN_OBJECTS : PLAN_LINKS, i, 0);
	add_title(&l, p.steps[0], "CN=Ann", "1");
	add_title(&l, p.steps[2], "CN=Bea", "2");
	assert_int_equal(carry_out(&p), 0);
	assert_log(&p, "0 1 0:1,done 1:0,done 2 3 2:1,done 3:0,done ");
}

/* What must not be carried out any more leaves no trace in the directory and in the journal. */
static void
a_step_is_dropped(void **state)
{
	struct lab l;
	struct playing p = begin(&l);

	(void)state;
	p.forbids = 1;
	for (uint64_t i = 0; i < 3; i++)
		p.steps[p.n++] = step_of(PLAN_OBJECTS, i, 0);
	add_title(&l, p.steps[1], "CN=Ann", "1");
	add_title(&l, p.steps[2], "CN=Bea", "2");
	assert_int_equal(carry_out(&p), 0);
	assert_int_equal(lab_count(&l, SOURCE, "CN=Ann", "title"), 0);
	assert_log(&p, "0 2 0:0,done 1:0,drift 2:1,done ");
}

/* A step waits for those numbered below `after`, though others pass it. */
static void
a_step_waits(void **state)
{
	struct lab l;
	struct playing p = begin(&l);

	(void)state;
	fakedir_set_order(l.fd[SOURCE], FAKEDIR_REVERSE, 1);
	for (uint64_t i = 0; i < 3; i++)
		p.steps[p.n++] = step_of(PLAN_OBJECTS, i, i == 1 ? 1 : 0);
	add_title(&l, p.steps[0], "CN=Ann", "1");
	add_title(&l, p.steps[1], "CN=Bea", "2");
	add_title(&l, p.steps[2], "CN=Cid", "3");
	p.batch = 1;
	assert_int_equal(carry_out(&p), 0);
	assert_int_equal(l.told[RUN_CHANGED], 3);
	assert_log(&p, "0 1 2 0:1,done 2:1,done 1:1,done ");
}

static void
failures_are_judged(void **state)
{
	struct lab l;
	struct playing p = begin(&l);

	(void)state;
	assert_int_equal(fakedir_refuse(l.fd[SOURCE], lab_dn(SOURCE, "CN=Cid"), 19), 0);
	for (uint64_t i = 0; i < 4; i++)
		p.steps[p.n++] = step_of(PLAN_OBJECTS, i, i);
	/* Its second change is refused: the value is there already. */
	add_title(&l, p.steps[0], "CN=Ann", "1");
	add_title(&l, p.steps[0], "CN=Ann", "1");
	add_title(&l, p.steps[0], "CN=Bea", "never sent");
	add_title(&l, p.steps[1], "CN=Cid", "first look");
	add_title(&l, p.steps[2], "CN=Cid", "second look");
	p.steps[2]->looked_again = true;
	assert_int_equal(carry_out(&p), 0);
	assert_log(&p, "0 1 2 3 0:1,drift 1:0,drift 2:0,refused 3:0,done ");
}

static int
note_outcome(const struct journal_entry *e, void *arg, struct err *err)
{
	(void)err;
	if (strcmp(e->reason, "lost") == 0)
		*(enum journal_outcome *)arg = e->outcome;
	return 0;
}

/* *RET_OUTCOME is that of the change that was under way. */
static void
lose(struct playing *p, enum journal_outcome *ret_outcome)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	/* The bind and the first change are answered. */
	const struct fakedir_outage away = {.fault = FAKEDIR_CUT, .after = 2};

	for (uint64_t i = 0; i < 3; i++)
		p->steps[p->n++] = step_of(PLAN_OBJECTS, i, i);
	add_title(p->l, p->steps[0], "CN=Ann", "1");
	add_title(p->l, p->steps[1], "CN=Bea", "lost");
	add_title(p->l, p->steps[2], "CN=Cid", "3");
	fakedir_set_outage(p->l->fd[SOURCE], &away);
	assert_int_equal(carry_out(p), p->reopens ? 0 : -1);
	assert_int_equal(store_begin(p->l->store, STORE_READ, &t, &p->l->err), 0);
	assert_int_equal(journal_each(t, 0, note_outcome, ret_outcome, &p->l->err), 0);
}

static void
a_lost_connection(void **state)
{
	for (int reopens = 0; reopens < 2; reopens++) {
		enum journal_outcome outcome = JOURNAL_DONE;
		struct lab l;
		struct playing p = begin(&l);

		(void)state;
		p.reopens = reopens;
		lose(&p, &outcome);
		assert_int_equal(outcome, JOURNAL_OPEN);
		assert_log(&p, reopens ? "0 1 2 0:1,done 1:0,unknown lost 2:1,done "
				       : "0 1 2 0:1,done 1:0,unknown ");
	}
}

/* A step that was begun goes on where the connection is left, and nothing else does. */
static void
a_begun_step_goes_on(void **state)
{
	const struct fakedir_outage away = {.fault = FAKEDIR_CUT, .after = 2};
	struct lab l;
	struct playing p = begin(&l);

	(void)state;
	for (uint64_t i = 0; i < 3; i++)
		p.steps[p.n++] = step_of(PLAN_OBJECTS, i, 0);
	add_to(&l, p.steps[0], TARGET, "CN=Ann", "division", "1");
	add_title(&l, p.steps[0], "CN=Ann", "begun");
	add_to(&l, p.steps[1], TARGET, "CN=Bea", "division", "2");
	add_title(&l, p.steps[1], "CN=Bea", "not begun");
	fakedir_set_outage(l.fd[TARGET], &away);
	assert_int_equal(carry_out(&p), -1);
	assert_true(lab_has(&l, SOURCE, "CN=Ann", "title", "begun"));
	assert_log(&p, "0 1 2 0:2,done 1:0,unknown 2:0,done ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(steps_come_by_round_and_phase),
	    cmocka_unit_test(before_image_of_a_long_list),
	    cmocka_unit_test(phases_follow_each_other),
	    cmocka_unit_test(a_step_is_dropped),
	    cmocka_unit_test(a_step_waits),
	    cmocka_unit_test(failures_are_judged),
	    cmocka_unit_test(a_lost_connection),
	    cmocka_unit_test(a_begun_step_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
