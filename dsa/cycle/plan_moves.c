/* SPDX-License-Identifier: MIT */
/*
 * What contacts give to their heirs, for a plan (heirs.h). It is no part of the plan: the writes
 * are made when the plan was carried out, from what is there then. So they are shown as they would
 * be now; an heir that the plan makes has nothing yet.
 */
#include "dsa/cycle/heirs_priv.h"
#include "dsa/cycle/plan.h"

#include <string.h>

#include "dsa/cycle/decide.h"

/* The counterpart of O's source object, as the plan leaves it in its place; *RET NULL: none. */
static int
read_counterpart(struct over *o, struct entry **ret)
{
	_cleanup_(decision_done) struct decision d = {0};
	_cleanup_(entry_free) struct entry *known = NULL;
	bool found;

	if (cycle_get_decision(o->c, o->heir->source, &d, &found, o->err) < 0)
		return -1;
	if (!found || !decision_has_target(&d))
		return 0;
	if (d.state == DECIDE_MATCHED) {
		if (world_get(o->c->world, TARGET, d.target, &known, o->err) < 0)
			return -1;
		return over_read(o, TARGET, &known->guid, NULL, ret);
	}
	*ret = entry_new(d.target_dn);
	return *ret ? 0 : err_nomem(o->err);
}

struct showing {
	struct over o;
	plan_move_fn *fn;
	void *arg;
};

/* FIRST, and SECOND or NULL, are one step. Both are taken over. */
static int
show(struct showing *s, struct change *first, struct change *second)
{
	_cleanup_(plan_step_free) struct plan_step *step = NULL;
	struct over *o = &s->o;

	if (plan_step_of(&o->source->guid, o->heir->side, first, o->contact, HEIRS_REASON, &step,
		o->err) < 0) {
		change_free(second);
		return -1;
	}
	if (second && plan_step_add(step, o->heir->side, second, o->to, HEIRS_REASON, o->err) < 0)
		return -1;
	return step->n_changes ? s->fn(o->c, step, s->arg, o->err) : 0;
}

static int
show_references(struct showing *s)
{
	const struct heir_pair p = over_pair(&s->o);
	struct change **v = NULL;
	size_t n = 0;
	int rc = heir_references(&p, &v, &n, s->o.err);

	for (size_t i = 0; i < n; i++) {
		if (rc == 0)
			rc = show(s, TAKE(v[i]), NULL);
		change_free(v[i]);
	}
	free(v);
	return rc;
}

static int
show_part(struct showing *s, enum heir_part part)
{
	const struct heir_pair p = over_pair(&s->o);
	struct change *pair[2] = {NULL, NULL};

	return heir_move(&p, part, pair, s->o.err) < 0 ? -1 : show(s, pair[0], pair[1]);
}

static int
show_end(struct showing *s)
{
	const struct entry *contact = s->o.contact;
	struct change *end = change_new(CHANGE_DELETE, contact->dn, &contact->guid);

	return end ? show(s, end, NULL) : err_nomem(s->o.err);
}

static int
show_one(struct showing *s)
{
	struct over *o = &s->o;
	int rc = world_get(o->c->world, SOURCE, o->heir->source, &o->source, o->err);

	if (rc == 0)
		rc = over_read_both(o, read_counterpart);
	if (rc <= 0)
		return rc;
	rc = show_references(s);
	for (int part = 0; rc == 0 && part < HEIR_PARTS; part++)
		rc = show_part(s, (enum heir_part)part);
	return rc == 0 ? show_end(s) : rc;
}

int
plan_each_move(struct cycle *c, plan_move_fn *fn, void *arg, struct err *err)
{
	const struct heirs *h = c->heirs;
	int rc = 0;

	if (h->n)
		run_progress(c->run, RUN_PHASE_READ, 0, 0);
	for (size_t i = 0; rc == 0 && i < h->n; i++) {
		struct showing s = {
		    .o = {.c = c, .heir = &h->v[i], .err = err}, .fn = fn, .arg = arg};

		rc = show_one(&s);
		over_done(&s.o);
	}
	return rc;
}
