/* SPDX-License-Identifier: MIT */
/*
 * The type of a group that galsync creates, where the one of the source is not possible: a global
 * group that holds, or a domain local one that is in, what is a universal group in the target
 * (group_type.h). What is there already decides, and what becomes universal in its turn: so the
 * groups in a global one are followed downwards, and those around a domain local one upwards, as
 * long as galsync creates them. Each is looked at once, so circles end.
 *
 * A full cycle knows all groups as they are to be. A delta knows of those that it is not about what
 * they are in the target now.
 */
#include "dsa/cycle/planning.h"

#include <string.h>
#include <syslog.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/records.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/guid_set.h"
#include "dsa/rules/group_type.h"

#define TYPE "groupType"

struct nesting {
	struct planning *p;
	enum group_scope scope; /* GROUP_GLOBAL: downwards, GROUP_DOMAIN_LOCAL: upwards */
	struct guid_set seen;
	struct entry **v; /* to be looked at */
	size_t n, cap;
	char *because; /* the name of a universal one that was found, or NULL */
};

static void
nesting_donep(struct nesting *x)
{
	while (x->n)
		entry_free(x->v[--x->n]);
	free(x->v);
	guid_set_done(&x->seen);
	free(x->because);
}

/* Target entry INDEX is beside the group. */
static int
judge_there(struct nesting *x, uint32_t index)
{
	_cleanup_(entry_free) struct entry *e = NULL;

	if (index == WORLD_NONE)
		return 0;
	if (world_get(x->p->c->world, TARGET, index, &e, x->p->err) < 0)
		return -1;
	if (group_type_scope(entry_get_str(e, TYPE)) != GROUP_UNIVERSAL)
		return 0;
	x->because = strdup(e->dn);
	return x->because ? 0 : err_nomem(x->p->err);
}

/* What galsync creates of E (taken over, also on failure) is beside the group. */
static int
judge_created(struct nesting *x, struct entry *e)
{
	_cleanup_(entry_free) struct entry *own = e;
	enum group_scope scope = group_type_scope(entry_get_str(own, TYPE));
	int news;

	if (scope == GROUP_UNIVERSAL) {
		x->because = strdup(own->dn);
		return x->because ? 0 : err_nomem(x->p->err);
	}
	news = scope == x->scope ? guid_set_add(&x->seen, &own->guid) : 0;
	if (news < 0 || (news && list_grow(x->v, x->n, x->cap) < 0))
		return err_nomem(x->p->err);
	if (news)
		x->v[x->n++] = TAKE(own);
	return 0;
}

/* R is of a source group beside the group, about which nothing is decided in this cycle. */
static int
judge_recorded(struct nesting *x, const struct record *r)
{
	uint32_t index = WORLD_NONE;

	if (!r || r->kind != KIND_GROUP || guid_is_zero(&r->side[TARGET].guid))
		return 0;
	return world_find_guid(x->p->c->world, TARGET, &r->side[TARGET].guid, &index, x->p->err) < 0
		   ? -1
		   : judge_there(x, index);
}

/* Source entry INDEX is beside the group. */
static int
judge_read(struct nesting *x, uint32_t index)
{
	struct cycle *c = x->p->c;
	_cleanup_(entry_free) struct entry *e = NULL;
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(decision_done) struct decision d = {0};
	bool found;

	if (cycle_get_decision(c, index, &d, &found, x->p->err) < 0)
		return -1;
	if (found && (!decision_has_target(&d) || d.shape != SHAPE_GROUP))
		return 0;
	if (found && !d.created)
		return judge_there(x, d.target);
	if (world_get(c->world, SOURCE, index, &e, x->p->err) < 0)
		return -1;
	if (found)
		return judge_created(x, TAKE(e));
	if (c->run->map &&
	    store_find_guid(c->run->map, c->run->link_id, SOURCE, &e->guid, &r, x->p->err) < 0)
		return -1;
	return judge_recorded(x, r);
}

static int
look_down(struct nesting *x, const struct entry *group)
{
	struct cycle *c = x->p->c;
	const struct attr *a = entry_find(group, "member");

	for (size_t i = 0; a && !x->because && i < a->n_values; i++) {
		_cleanup_(record_free) struct record *r = NULL;
		const char *dn = a->values[i].data;
		uint32_t index = WORLD_NONE;
		int rc;

		if (world_find_dn(c->world, SOURCE, dn, &index, x->p->err) < 0)
			return -1;
		if (index == WORLD_NONE && c->run->map &&
		    cycle_record_by_dn(c, SOURCE, dn, &r, x->p->err) < 0)
			return -1;
		rc = index == WORLD_NONE ? judge_recorded(x, r) : judge_read(x, index);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int
take_container(struct world_hit *hit, void *arg, struct err *err)
{
	struct nesting *x = arg;

	(void)err;
	return judge_read(x, hit->index) < 0 ? -1 : x->because != NULL;
}

static int
look_up(struct nesting *x, const struct entry *group)
{
	_cleanup_(free) char *norm = dn_normalize(group->dn, x->p->err);
	struct world_query q;

	if (!norm)
		return -1;
	q = world_query_entries(SOURCE, MATCH_KEY_MEMBER, bytes_of(norm));
	return world_find_each(x->p->c->world, &q, take_container, x, x->p->err) < 0 ? -1 : 0;
}

static int
look(struct nesting *x, const struct entry *group)
{
	if ((x->scope == GROUP_GLOBAL ? look_down(x, group) : look_up(x, group)) < 0)
		return -1;
	while (x->n && !x->because) {
		_cleanup_(entry_free) struct entry *e = x->v[--x->n];

		if ((x->scope == GROUP_GLOBAL ? look_down(x, e) : look_up(x, e)) < 0)
			return -1;
	}
	return 0;
}

/* Said when it is about to be written. */
static int
note_universal(struct nesting *x, const struct entry *group)
{
	_cleanup_(entry_free) struct entry *there = NULL;
	struct planning *p = x->p;

	if (p->d->target != WORLD_NONE &&
	    world_get(p->c->world, TARGET, p->d->target, &there, p->err) < 0)
		return -1;
	if (there && group_type_scope(entry_get_str(there, TYPE)) == GROUP_UNIVERSAL)
		return 0;
	plan_note(p, LOG_NOTICE, group->dn,
	    x->scope == GROUP_GLOBAL
		? "its counterpart becomes universal: a global group cannot hold the universal "
		  "group '%s'"
		: "its counterpart becomes universal: a domain local group cannot be in the "
		  "universal group '%s'",
	    x->because);
	return 0;
}

int
plan_fit_group(struct planning *p, struct entry *group)
{
	const char *type = entry_get_str(group, TYPE);
	_cleanup_(nesting_done) struct nesting x = {.p = p, .scope = group_type_scope(type)};
	_cleanup_(free) char *text = NULL;

	if (!p->d->created || (x.scope != GROUP_GLOBAL && x.scope != GROUP_DOMAIN_LOCAL))
		return 0;
	if (guid_set_add(&x.seen, &group->guid) < 0)
		return err_nomem(p->err);
	if (look(&x, group) < 0)
		return -1;
	if (!x.because)
		return 0;
	if (note_universal(&x, group) < 0)
		return -1;
	text = str_printf("%ld", (long)group_type_universal(type));
	return !text || entry_set_str(group, TYPE, text) < 0 ? err_nomem(p->err) : 0;
}

/* ---- what it cannot hold ---- */

/* The scope of the group that P plans, as it is to be. */
static enum group_scope
own_scope(const struct planning *p)
{
	const struct entry *e = p->d->created ? p->in.source : p->in.target;

	return p->d->shape == SHAPE_GROUP && e ? group_type_scope(entry_get_str(e, TYPE))
					       : GROUP_NONE;
}

/* A server would refuse the whole group, or all of its new members: one is left out. */
static bool
judge_held(struct planning *p, enum group_scope inner, const char *dn)
{
	enum group_scope outer = own_scope(p);

	if (group_scope_holds(outer, inner))
		return true;
	buf_printf(&p->problems, "%smember: a %s group cannot hold the %s group '%s'",
	    p->problems.len ? "; " : "", group_scope_name(outer), group_scope_name(inner), dn);
	p->n_problems++;
	plan_note(p, LOG_WARNING, p->in.source->dn,
	    "its counterpart cannot have the member '%s': a %s group does not hold a %s one; it is "
	    "left out until the type of one of them is changed there",
	    dn, group_scope_name(outer), group_scope_name(inner));
	return false;
}

static int
judge_target(struct planning *p, uint32_t index, bool *ret)
{
	_cleanup_(entry_free) struct entry *e = NULL;

	if (index == WORLD_NONE)
		return 0;
	if (world_get(p->c->world, TARGET, index, &e, p->err) < 0)
		return -1;
	*ret = judge_held(p, group_type_scope(entry_get_str(e, TYPE)), e->dn);
	return 0;
}

/* What galsync creates becomes universal where it has to. */
int
plan_may_hold(struct planning *p, uint32_t index, const struct decision *d, bool *ret)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	enum group_scope outer = own_scope(p), inner;

	*ret = true;
	if (d->shape != SHAPE_GROUP || (outer != GROUP_GLOBAL && outer != GROUP_UNIVERSAL))
		return 0;
	if (!d->created)
		return judge_target(p, d->target, ret);
	if (outer == GROUP_UNIVERSAL)
		return 0;
	if (world_get(p->c->world, SOURCE, index, &e, p->err) < 0)
		return -1;
	inner = group_type_scope(entry_get_str(e, TYPE));
	*ret = judge_held(p, inner, d->target_dn);
	return 0;
}

int
plan_may_hold_recorded(struct planning *p, const struct record *r, bool *ret)
{
	enum group_scope outer = own_scope(p);
	uint32_t index = WORLD_NONE;

	*ret = true;
	if (r->kind != KIND_GROUP || guid_is_zero(&r->side[TARGET].guid) ||
	    (outer != GROUP_GLOBAL && outer != GROUP_UNIVERSAL))
		return 0;
	return world_find_guid(p->c->world, TARGET, &r->side[TARGET].guid, &index, p->err) < 0
		   ? -1
		   : judge_target(p, index, ret);
}
