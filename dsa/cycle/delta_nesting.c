/* SPDX-License-Identifier: MIT */
/*
 * What a delta is about because of the types of groups (plan_nesting.c). Which type a group has
 * that galsync created depends on what is beside it, and nothing tells that group of it:
 *
 *   domain local   on the groups that it is in: those in a changed group are concerned, those that
 *                  its counterpart still has and that it has not any more, and those in one that
 *                  is deleted
 *   global         on the groups in it: those around a changed group are concerned
 *
 * What is concerned is decided in its turn, so a change goes on from group to group.
 */
#include "dsa/cycle/decide.h"
#include "dsa/cycle/delta.h"
#include "dsa/cycle/records.h"
#include "dsa/rules/group_type.h"
#include "dsa/rules/leaving.h"

/* A group about which D was decided. */
struct nested {
	struct delta *x;
	const struct decision *d;
	struct entry *source, *target; /* TARGET: NULL if it is not there */
	bool holds;		       /* groups, at home */
	struct err *err;
};

static void
nested_donep(struct nested *n)
{
	entry_free(n->source);
	entry_free(n->target);
}

static enum group_scope
scope_of(const struct entry *e)
{
	return group_type_scope(e ? entry_get_str(e, "groupType") : NULL);
}

/* Those in it at home. */
static int
add_inner(struct nested *n)
{
	const struct attr *a = entry_find(n->source, "member");
	bool decides = scope_of(n->source) == GROUP_DOMAIN_LOCAL;

	for (size_t i = 0; a && i < a->n_values; i++) {
		_cleanup_(record_free) struct record *r = NULL;

		if (cycle_record_by_dn(n->x->c, SOURCE, a->values[i].data, &r, n->err) < 0)
			return -1;
		if (!r || r->kind != KIND_GROUP)
			continue;
		n->holds = true;
		if (decides && r->created && delta_concern(n->x, &r->side[SOURCE].guid, n->err) < 0)
			return -1;
	}
	return 0;
}

/* Those in the target's group TARGET that are not in SOURCE (NULL: nothing is). Only as a universal
 * one does it matter to what is in it. */
static int
add_leaving(
    struct delta *x, const struct entry *target, const struct entry *source, struct err *err)
{
	const struct attr *a = target ? entry_find(target, "member") : NULL;

	if (scope_of(target) != GROUP_UNIVERSAL)
		return 0;
	for (size_t i = 0; a && i < a->n_values; i++) {
		_cleanup_(record_free) struct record *r = NULL;

		if (cycle_record_by_dn(x->c, TARGET, a->values[i].data, &r, err) < 0)
			return -1;
		if (r && r->kind == KIND_GROUP && r->created &&
		    !(source && attr_has_dn(entry_find(source, "member"), r->side[SOURCE].dn)) &&
		    delta_concern(x, &r->side[SOURCE].guid, err) < 0)
			return -1;
	}
	return 0;
}

/* Those around it, as the directory will say. One that is created, that is global there and that
 * holds no group stays global. */
static int
add_outer(struct nested *n)
{
	if (scope_of(n->source) != GROUP_GLOBAL ||
	    (n->d->created && !n->holds && scope_of(n->target) != GROUP_UNIVERSAL))
		return 0;
	return guid_list_add(&n->x->followed[SOURCE], &n->d->source, n->err);
}

int
delta_add_nested(struct delta *x, uint32_t index, const struct decision *d, struct err *err)
{
	_cleanup_(nested_done) struct nested n = {.x = x, .d = d, .err = err};

	if (d->shape != SHAPE_GROUP || !decision_has_target(d))
		return 0;
	if (world_get(x->c->world, SOURCE, index, &n.source, err) < 0 ||
	    (d->state == DECIDE_MATCHED &&
		world_get(x->c->world, TARGET, d->target, &n.target, err) < 0))
		return -1;
	if (add_inner(&n) < 0 || add_leaving(x, n.target, n.source, err) < 0)
		return -1;
	return add_outer(&n);
}

int
delta_note_emptied(struct delta *x, const struct record *r, struct err *err)
{
	return r->kind == KIND_GROUP && r->created &&
		       leaving_action(x->c->run->link, r, SCOPE_BASE) == LEAVE_DELETE
		   ? guid_list_add(&x->emptied, &r->side[TARGET].guid, err)
		   : 0;
}

static int
take_emptied(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;

	return add_leaving(arg, own, NULL, err);
}

int
delta_add_emptied(struct delta *x, struct err *err)
{
	static const char *const attrs[] = {"member", "groupType", NULL};
	int rc =
	    dir_search_guids(x->c->run->dir[TARGET], &x->emptied, "", attrs, take_emptied, x, err);

	x->emptied.n = 0;
	return rc;
}
