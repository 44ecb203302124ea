/* SPDX-License-Identifier: MIT */
/*
 * Limits on members that are removed and on primary addresses that change. What is too much holds
 * the object as a whole: so no group is half of what it was and half of what it is to be.
 */
#include "dsa/cycle/limits.h"
#include "dsa/cycle/planning.h"
#include "dsa/rules/limit.h"

/* Of what is written in its own step, behind it and apart, on both sides. */
static uint32_t
count_removals(const struct planning *p)
{
	const struct change *others[] = {p->links, p->apart, p->back};
	uint32_t n = 0;

	for (size_t i = 0; i < p->step->n_changes; i++)
		n += limit_member_removals(p->step->changes[i].change);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		n += others[i] ? limit_member_removals(others[i]) : 0;
	return n;
}

/* Of a correspondence that was synchronized before: a first match is what another limit is about.
 */
static bool
changes_primary(const struct planning *p, const struct record *old)
{
	bool yes = p->apart && limit_changes_primary(p->apart);

	if (!old || !old->synced_at || !p->in.target)
		return false;
	for (size_t i = 0; i < p->step->n_changes; i++)
		yes |= p->step->changes[i].side == TARGET &&
		       limit_changes_primary(p->step->changes[i].change);
	return yes;
}

static int
limit_one(struct planning *p, enum held_kind kind, uint32_t amount, bool *ret_left, struct err *err)
{
	enum held_verdict said;

	if (amount == 0)
		return 0;
	if (limits_find_verdict_of(p->c, kind, &p->in.source->guid, amount, &said, err) < 0)
		return -1;
	*ret_left |= said == HELD_REJECTED;
	if (said == HELD_WAITS)
		p->step->counts |= HELD_BIT(kind);
	return 0;
}

int
plan_limit_values(struct planning *p, const struct record *old, bool *ret_left, struct err *err)
{
	if (limit_one(p, HELD_MEMBER_REMOVALS, count_removals(p), ret_left, err) < 0)
		return -1;
	return limit_one(p, HELD_PRIMARY_CHANGES, changes_primary(p, old), ret_left, err);
}
