/* SPDX-License-Identifier: MIT */
/*
 * Carries out the plan (exec.h). A step that a limit holds is left out. What the directory has
 * moved on from is put down (replan.h): it is read, decided and planned again in another round.
 */
#include "dsa/cycle/apply.h"

#include "dsa/cycle/limits.h"
#include "dsa/cycle/outcome.h"
#include "dsa/cycle/replan.h"
#include "dsa/exec/plan_choice.h"

#define BATCH 128 /* steps: what each dirties of the map, some 50 KiB, is anonymous memory */

static void
tell_held(const struct cycle *c, const struct plan_step *s)
{
	enum held_kind kind = limits_holding(c, s);

	if (s->n_changes && kind == HELD_UNDONE)
		run_decided(c->run, &s->guid, s->changes[0].change->dn,
		    "nothing is written: an operator took it back");
	else if (s->n_changes)
		run_decided(c->run, &s->guid, s->changes[0].change->dn,
		    "nothing is written: the limit of %s holds it", held_kind_name(kind));
}

/* So many natives are asked. Of one alone nothing follows: AD protects some objects. */
#define ASKED 9

/* Where that many natives may not be written to, and none may, the others are not asked. */
static bool
is_not_asked(struct cycle *c, const struct plan_step *s)
{
	if (!s->optional || !c->run->link->forth || c->res->named || c->res->unnamed < ASKED)
		return false;
	c->res->changes -= s->n_changes;
	c->res->unnamed++;
	return true;
}

/* *RET: S is one of those that alone are to be made, or all are. */
static int
is_chosen(struct cycle *c, const struct plan_step *s, bool held, bool *ret, struct err *err)
{
	*ret = !held;
	return c->opt->only ? plan_choice_admit(c->opt->only, s, held, ret, err) : 0;
}

static int
next_step(void *arg, struct plan_step **ret, struct err *err)
{
	struct cycle *c = arg;

	for (;;) {
		bool held, chosen;

		if (plan_next(c->plan, ret, err) < 0)
			return -1;
		if (!*ret)
			return 0;
		held = limits_uncount_if_held(c, *ret);
		if (is_chosen(c, *ret, held, &chosen, err) < 0)
			return -1;
		if (held)
			tell_held(c, *ret);
		else if (!chosen)
			c->res->changes -= (*ret)->n_changes;
		else if (!is_not_asked(c, *ret))
			return 0;
		plan_step_free(TAKE(*ret));
	}
}

static int
ended(struct store_txn *t, const struct exec_end *e, void *arg, struct err *err)
{
	struct cycle *c = arg;

	if (c->opt->only && plan_choice_ended(c->opt->only, e->step, e->err, err) < 0)
		return -1;
	return outcome_store(t, e, c, err);
}

static int
reopen(void *arg, struct err *err)
{
	struct cycle *c = arg;

	replan_note_lost(c);
	return run_reopen(c->run, err);
}

int
cycle_apply(struct cycle *c, struct err *err)
{
	static const struct exec_ops ops = {.next = next_step,
	    .intend = outcome_intend,
	    .ended = ended,
	    .lost = reopen,
	    .batch = BATCH};

	run_progress(c->run, RUN_PHASE_APPLY, c->res->applied, c->res->changes);
	return exec_run(c->run, &ops, c, err);
}
