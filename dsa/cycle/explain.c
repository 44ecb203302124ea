/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/explain.h"

#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/limits.h"
#include "dsa/cycle/records.h"
#include "dsa/cycle/state.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/project.h"

void
explain_done(struct explain *x)
{
	decision_done(&x->d);
	buf_done(&x->why);
	for (int side = SOURCE; side < SIDES; side++)
		entry_free(x->object[side]);
	resolution_done(&x->said);
	record_free(x->record);
	free(x->rows);
	for (size_t i = 0; i < x->n_steps; i++)
		plan_step_free(x->steps[i].step);
	free(x->steps);
	*x = (struct explain){.read = false};
}

/* ---- what the cycle came to ---- */

static int
take_objects(struct explain *x, struct cycle *c, struct err *err)
{
	uint32_t index, recorded;

	if (world_find_guid(c->world, SOURCE, &x->source, &index, err) < 0 ||
	    (index != WORLD_NONE &&
		world_get(c->world, SOURCE, index, &x->object[SOURCE], err) < 0))
		return -1;
	/* What vanished has no name. */
	if (x->object[SOURCE] && !*x->object[SOURCE]->dn)
		entry_free(TAKE(x->object[SOURCE]));
	if (x->read && x->d.target != WORLD_NONE)
		return world_get(c->world, TARGET, x->d.target, &x->object[TARGET], err);
	return x->record ? cycle_find_recorded(c, x->record, &recorded, &x->object[TARGET], err)
			 : 0;
}

static int
take_scope(struct explain *x, struct err *err)
{
	_cleanup_(free) char *norm = NULL;

	if (!x->object[SOURCE])
		return 0;
	norm = dn_normalize(x->object[SOURCE]->dn, err);
	if (!norm)
		return -1;
	scope_explain(x->link, x->object[SOURCE], norm, x->d.verdict, &x->why);
	return x->why.failed ? err_nomem(err) : 0;
}

static bool
waits_here(struct cycle *c, enum held_kind kind, const struct guid *source)
{
	const struct guid_list *l = limits_waiting(c, kind);

	return limits_hold(c, kind) && guid_list_has(l, source);
}

/* What a limit holds of it, or an operator has said of that. */
static int
take_held(struct explain *x, struct cycle *c, struct err *err)
{
	static const enum explain_held said[] = {[HELD_WAITS] = EXPLAIN_HELD,
	    [HELD_APPROVED] = EXPLAIN_APPROVED,
	    [HELD_REJECTED] = EXPLAIN_REJECTED};

	for (size_t k = HELD_NOTHING + 1; k < HELD_KIND_MAX; k++) {
		struct store_held h;
		bool found;

		if (store_find_held(c->run->map, c->run->link_id, (enum held_kind)k, &x->source, &h,
			&found, err) < 0)
			return -1;
		x->held[k] = found					    ? said[h.verdict]
			     : waits_here(c, (enum held_kind)k, &x->source) ? EXPLAIN_HELD
									    : EXPLAIN_FREE;
		x->held_since[k] = found ? h.since : 0;
	}
	return 0;
}

static int
take_steps(struct explain *x, struct cycle *c, struct err *err)
{
	for (;;) {
		_cleanup_(plan_step_free) struct plan_step *s = NULL;

		if (plan_next(c->plan, &s, err) < 0)
			return -1;
		if (!s)
			return 0;
		if (!guid_equal(&s->guid, &x->source)) {
			x->n_others += s->n_changes > 0;
			continue;
		}
		if (list_grow(x->steps, x->n_steps, x->cap_steps) < 0)
			return err_nomem(err);
		x->steps[x->n_steps].held = limits_uncount_if_held(c, s);
		x->steps[x->n_steps++].step = TAKE(s);
	}
}

/* ---- the rows ---- */

static unsigned
shapes_of(const struct explain *x, const struct conf_scope *scope)
{
	if (decision_has_target(&x->d))
		return SHAPE_BIT(x->d.shape);
	return SHAPE_BIT(project_shape(scope, x->d.kind, x->object[SOURCE], x->object[TARGET]));
}

static unsigned
when_of(const struct explain *x)
{
	bool created = x->record ? x->record->created : x->d.created;

	if (!x->object[TARGET])
		return WHEN_CREATE;
	return created ? WHEN_CREATED : WHEN_MATCHED;
}

static int
take_table(struct explain *x, const struct table *t, const struct project_in *in, unsigned shapes,
    unsigned when, struct err *err)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct row *r = &t->rows[i];

		if (!(r->kinds & KIND_BIT(in->kind)) || !(r->shapes & shapes) || !(r->when & when))
			continue;
		if (list_grow(x->rows, x->n_rows, x->cap_rows) < 0)
			return err_nomem(err);
		x->rows[x->n_rows++] = (struct explain_row){*r, in->back, project_row_flows(r, in)};
	}
	return 0;
}

/* The rows that are about it, or would be if it were in scope: the scope of its base judges. */
static int
take_rows(struct explain *x, struct cycle *c, struct err *err)
{
	const struct conf_scope *scope = &x->link->scopes[x->read ? x->d.scope : 0];
	const struct entry *source = x->object[SOURCE], *target = x->object[TARGET];
	struct project_in in = {.source = source, .target = target, .kind = x->d.kind};
	struct active_side a;

	if (!source)
		return 0;
	a = cycle_active_side(c, source, target, x->record);
	in.active = x->active = a.side;
	in.lead = x->lead = project_lead(scope, &a);
	if (take_table(x, c->table, &in, shapes_of(x, scope), when_of(x), err) < 0)
		return -1;
	if (!target || !c->table->back)
		return 0;
	in = project_back(&in);
	return take_table(x, c->table->back, &in, shapes_of(x, scope), when_of(x), err);
}

static int
look(struct cycle *c, void *arg, struct err *err)
{
	struct explain *x = arg;
	bool ignored;

	x->link = c->run->link;
	if (cycle_find_decision(c, &x->source, &x->d, &x->read, err) < 0 ||
	    store_find_guid(c->run->map, c->run->link_id, SOURCE, &x->source, &x->record, err) < 0)
		return -1;
	if (store_find_resolution(
		c->run->map, c->run->link_id, &x->source, &x->said, &ignored, err) < 0)
		return -1;
	if (!x->read)
		x->d.target = x->d.former = WORLD_NONE;
	if (take_objects(x, c, err) < 0 || take_scope(x, err) < 0 || take_held(x, c, err) < 0 ||
	    take_steps(x, c, err) < 0)
		return -1;
	return take_rows(x, c, err);
}

int
explain_run(const struct run *run, const struct guid *source, const struct resolution *assumed,
    struct explain *ret, struct err *err)
{
	struct run own = run_job(run);
	_cleanup_(cycle_free) struct cycle *c = NULL;
	const struct cycle_options opt = {
	    .plan_only = true, .look_at = source, .look = look, .look_arg = ret, .assume = assumed};
	struct cycle_result result;
	bool ignored;

	ret->source = *source;
	if (cycle_new(&own, true, &opt, &result, &c, err) < 0 || cycle_connect(c, err) < 0)
		return -1;
	return cycle_run(c, &ignored, err);
}

/* ---- what it will be ---- */

static int
remove_value(struct entry *e, const char *attr, struct bytes v, struct err *err)
{
	_cleanup_(entry_free) struct entry *old = entry_dup_attr(e, attr);
	const struct attr *a = old ? entry_find(old, attr) : NULL;

	if (!old)
		return err_nomem(err);
	entry_remove(e, attr);
	for (size_t i = 0; a && i < a->n_values; i++)
		if (!bytes_equal(a->values[i], v) && entry_add(e, attr, a->values[i]) < 0)
			return err_nomem(err);
	return 0;
}

static int
apply_mod(struct entry *e, const struct mod *m, struct err *err)
{
	if (m->op == MOD_REPLACE || (m->op == MOD_DELETE && !m->n_values))
		entry_remove(e, m->attr);
	for (size_t i = 0; i < m->n_values; i++) {
		if (m->op == MOD_DELETE && remove_value(e, m->attr, m->values[i], err) < 0)
			return -1;
		if (m->op != MOD_DELETE && entry_add(e, m->attr, m->values[i]) < 0)
			return err_nomem(err);
	}
	return 0;
}

static int
add_values(struct entry *e, const struct entry *from, const char *attr, struct err *err)
{
	const struct attr *a = from ? entry_find(from, attr) : NULL;

	for (size_t i = 0; a && i < a->n_values; i++)
		if (entry_add(e, attr, a->values[i]) < 0)
			return err_nomem(err);
	return 0;
}

static int
apply_change(struct entry *e, const struct change *c, const char *attr, struct err *err)
{
	if (c->op == CHANGE_ADD || c->op == CHANGE_DELETE)
		entry_remove(e, attr);
	if (c->op == CHANGE_ADD)
		return add_values(e, c->entry, attr, err);
	for (size_t i = 0; i < c->n_mods; i++)
		if (str_equal_nocase(c->mods[i].attr, attr) && apply_mod(e, &c->mods[i], err) < 0)
			return -1;
	return 0;
}

static int
apply_step(
    struct entry *e, const struct plan_step *s, enum side side, const char *attr, struct err *err)
{
	for (size_t i = 0; i < s->n_changes; i++)
		if (s->changes[i].side == side &&
		    apply_change(e, s->changes[i].change, attr, err) < 0)
			return -1;
	return 0;
}

int
explain_after(
    const struct explain *x, enum side side, const char *attr, struct entry **ret, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = entry_new("");

	if (!e)
		return err_nomem(err);
	if (add_values(e, x->object[side], attr, err) < 0)
		return -1;
	for (size_t i = 0; i < x->n_steps; i++)
		if (!x->steps[i].held && apply_step(e, x->steps[i].step, side, attr, err) < 0)
			return -1;
	*ret = TAKE(e);
	return 0;
}
