/* SPDX-License-Identifier: MIT */
/*
 * Limits on members that are removed and on primary addresses that change. What is held, or was
 * rejected, is left out: the rest of the object goes on, and what is left out stays known as
 * galsync's, so that it can be done later.
 *
 * Some parts belong together. A group may be unable to change its type before a member has gone,
 * and a redirection may lead to the primary address: such an object is held as a whole.
 */
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/cycle/limits.h"
#include "dsa/cycle/planning.h"
#include "dsa/rules/limit.h"
#include "redirect/address.h"

#define ADDRESSES "proxyAddresses"

/* All that is planned of an object, on both sides: its own step, what is written behind that, and
 * what is written apart. */
struct parts {
	struct change *v[PLAN_MAX_CHANGES + 3];
	enum side side[PLAN_MAX_CHANGES + 3];
	size_t n;
};

static struct parts
parts_of(const struct planning *p)
{
	struct change *const others[] = {p->links, p->apart, p->back};
	struct parts x = {.n = 0};

	for (size_t i = 0; i < p->step->n_changes; i++) {
		x.v[x.n] = p->step->changes[i].change;
		x.side[x.n++] = p->step->changes[i].side;
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (others[i]) {
			x.v[x.n] = others[i];
			x.side[x.n++] = others[i] == p->back ? SOURCE : TARGET;
		}
	return x;
}

static uint32_t
count_removals(const struct parts *x)
{
	uint32_t n = 0;

	for (size_t i = 0; i < x->n; i++)
		n += limit_member_removals(x->v[i]);
	return n;
}

/* Of a correspondence that was synchronized before: a first match is what another limit is about.
 */
static bool
changes_primary(const struct planning *p, const struct parts *x, const struct record *old)
{
	bool yes = false;

	if (!old || !old->synced_at || !p->in.target)
		return false;
	for (size_t i = 0; i < x->n; i++)
		yes |=
		    x->side[i] == TARGET && x->v[i] != p->links && limit_changes_primary(x->v[i]);
	return yes;
}

/* ---- leaving out ---- */

/* What waits of an object. */
struct part {
	enum held_kind kind;
	struct bytes old,
	    now; /* the primary address that goes, and the one that comes (or no data) */
};

static bool
is_in(const struct part *part, const struct mod *m, struct bytes v)
{
	if (part->kind == HELD_MEMBER_REMOVALS)
		return m->op == MOD_DELETE && str_equal_nocase(m->attr, "member");
	if (str_equal_nocase(m->attr, "mail"))
		return true;
	if (!str_equal_nocase(m->attr, ADDRESSES) || !address_is_smtp(v))
		return false;
	v = address_value(v);
	return (part->old.data && bytes_equal_nocase(v, part->old)) ||
	       (part->now.data && bytes_equal_nocase(v, part->now));
}

/* Takes V, which was to be written on SIDE and is not, out of what RECORD says that galsync wrote.
 */
static void
forget_addition(struct record *record, enum side side, const struct mod *m, struct bytes v)
{
	if (m->op == MOD_ADD)
		record_forget_written(record, side, record_written_hash(m->attr, v));
}

/* Takes PART out of C. */
static int
leave_out_of(const struct part *part, struct change *c, enum side side, struct record *record)
{
	_cleanup_(change_free) struct change *all = change_new(CHANGE_MODIFY, c->dn, &c->guid);

	if (!all)
		return -1;
	while (c->n_mods) {
		_cleanup_(free) char *attr = strdup(c->mods[0].attr);

		if (!attr || change_move(c, attr, all) < 0)
			return -1;
	}
	for (size_t i = 0; i < all->n_mods; i++)
		for (size_t j = 0; j < all->mods[i].n_values; j++) {
			const struct mod *m = &all->mods[i];

			if (is_in(part, m, m->values[j]))
				forget_addition(record, side, m, m->values[j]);
			else if (change_mod(c, m->op, m->attr, m->values[j]) < 0)
				return -1;
		}
	return 0;
}

static void
drop_empty(struct plan_step *s)
{
	for (size_t i = s->n_changes; i-- > 0;)
		if (change_is_empty(s->changes[i].change))
			change_free(plan_step_take(s, i));
}

/* What was galsync's stays so. */
static int
keep_written(struct record *record, const struct record *old)
{
	for (int side = SOURCE; old && side < SIDES; side++)
		if (record_add_written(
			record, (enum side)side, old->written[side].v, old->written[side].n) < 0)
			return -1;
	return 0;
}

static int
leave_out(struct planning *p, const struct part *part, const struct parts *x,
    const struct record *old, struct record *record)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->v[i]->op == CHANGE_MODIFY &&
		    (part->kind == HELD_MEMBER_REMOVALS || x->side[i] == TARGET) &&
		    leave_out_of(part, x->v[i], x->side[i], record) < 0)
			return err_nomem(p->err);
	drop_empty(p->step);
	return keep_written(record, old) < 0 ? err_nomem(p->err) : 0;
}

/* Do the rest and what is held of KIND belong together? */
static bool
is_one(const struct parts *x, enum held_kind kind)
{
	const char *attr = kind == HELD_MEMBER_REMOVALS ? "groupType" : "targetAddress";

	for (size_t i = 0; i < x->n; i++)
		for (size_t j = 0; j < x->v[i]->n_mods; j++)
			if (str_equal_nocase(x->v[i]->mods[j].attr, attr))
				return true;
	return false;
}

/* The primary address that X gives the counterpart, or takes from it (by OP), copied. */
static int
copy_primary(const struct parts *x, enum mod_op op, struct bytes *ret)
{
	for (size_t i = 0; i < x->n; i++) {
		struct bytes v =
		    x->side[i] == TARGET ? limit_primary_in(x->v[i], op) : (struct bytes){NULL, 0};

		if (!v.data)
			continue;
		*ret = (struct bytes){bytes_dup(v), v.len};
		return ret->data ? 0 : -1;
	}
	return 0;
}

static int
leave_out_primary(
    struct planning *p, const struct parts *x, const struct record *old, struct record *record)
{
	struct part part = {.kind = HELD_PRIMARY_CHANGES};
	int rc =
	    copy_primary(x, MOD_DELETE, &part.old) < 0 || copy_primary(x, MOD_ADD, &part.now) < 0
		? err_nomem(p->err)
		: leave_out(p, &part, x, old, record);

	free((void *)(uintptr_t)part.old.data);
	free((void *)(uintptr_t)part.now.data);
	return rc;
}

/* ---- the limits ---- */

static int
limit_one(struct planning *p, enum held_kind kind, uint32_t amount, const struct record *old,
    struct record *record, bool *ret_left)
{
	const struct part removals = {.kind = HELD_MEMBER_REMOVALS};
	const struct parts x = parts_of(p);
	enum held_verdict said;

	if (amount == 0)
		return 0;
	if (limits_find_verdict_of(p->c, kind, &p->in.source->guid, amount, &said, p->err) < 0)
		return -1;
	if (said == HELD_APPROVED)
		return 0;
	if (!is_one(&x, kind) && (said == HELD_REJECTED || limits_hold(p->c, kind)))
		return kind == HELD_MEMBER_REMOVALS ? leave_out(p, &removals, &x, old, record)
						    : leave_out_primary(p, &x, old, record);
	*ret_left |= said == HELD_REJECTED;
	if (said == HELD_WAITS)
		p->step->counts |= HELD_BIT(kind);
	return 0;
}

int
plan_limit_values(
    struct planning *p, const struct record *old, struct record *record, bool *ret_left)
{
	struct parts x = parts_of(p);

	if (limit_one(p, HELD_MEMBER_REMOVALS, count_removals(&x), old, record, ret_left) < 0)
		return -1;
	x = parts_of(p);
	return limit_one(
	    p, HELD_PRIMARY_CHANGES, changes_primary(p, &x, old), old, record, ret_left);
}
