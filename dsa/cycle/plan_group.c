/* SPDX-License-Identifier: MIT */
/* The type of a group being planned, which takes steps that a directory admits. */
#include "dsa/cycle/planning.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/rules/group_type.h"

#define TYPE "groupType"

/* From the value FROM to TO, as a change of its own: each is refused or made for itself. */
static int
add_step(struct planning *p, struct plan_step *step, const struct entry *target, const char *from,
    const char *to)
{
	_cleanup_(change_free) struct change *c =
	    change_new(CHANGE_MODIFY, target->dn, &target->guid);
	_cleanup_(entry_free) struct entry *before = entry_new(target->dn);

	if (!c || !before || change_mod_str(c, MOD_DELETE, TYPE, from) < 0 ||
	    change_mod_str(c, MOD_ADD, TYPE, to) < 0 || entry_add_str(before, TYPE, from) < 0)
		return err_nomem(p->err);
	before->guid = target->guid;
	return plan_step_add(step, TARGET, TAKE(c), before, "group type", p->err);
}

/* The N values V, one after the other; *FROM is the present one. */
static int
add_steps(struct planning *p, struct plan_step *step, const struct entry *target, char **from,
    const int32_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(free) char *to = str_printf("%ld", (long)v[i]);

		if (!to)
			return err_nomem(p->err);
		if (add_step(p, step, target, *from, to) < 0)
			return -1;
		free(*from);
		*from = TAKE(to);
	}
	return 0;
}

/* The value that C has of its two modifications of the type: the one that it takes away, or the one
 * that it gives. */
static const char *
type_in(const struct change *c, enum mod_op op)
{
	for (size_t i = 0; i < c->n_mods; i++)
		if (c->mods[i].op == op && c->mods[i].n_values == 1)
			return c->mods[i].values[0].data;
	return NULL;
}

int
plan_modify_group(
    struct planning *p, struct plan_step *step, struct change *change, const struct entry *target)
{
	_cleanup_(change_free) struct change *own = change;
	_cleanup_(change_free) struct change *type = change_new(CHANGE_MODIFY, own->dn, &own->guid);
	_cleanup_(free) char *from = NULL;
	struct group_type_steps s;

	if (!type || change_move(own, TYPE, type) < 0)
		return err_nomem(p->err);
	if (!type_in(type, MOD_DELETE) || !type_in(type, MOD_ADD)) {
		if (!change_is_empty(type) &&
		    plan_step_add(step, TARGET, TAKE(type), target, "group type", p->err) < 0)
			return -1;
		return plan_step_add(step, TARGET, TAKE(own), target, "project", p->err);
	}
	from = strdup(type_in(type, MOD_DELETE));
	if (!from)
		return err_nomem(p->err);
	s = group_type_steps(from, type_in(type, MOD_ADD));
	if (add_steps(p, step, target, &from, s.v, s.n_before) < 0 ||
	    plan_step_add(step, TARGET, TAKE(own), target, "project", p->err) < 0)
		return -1;
	return add_steps(p, step, target, &from, s.v + s.n_before, s.n - s.n_before);
}
