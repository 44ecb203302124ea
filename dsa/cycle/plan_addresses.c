/* SPDX-License-Identifier: MIT */
/* Addresses of an object being planned: no two objects may have the same one. */
#include "dsa/cycle/planner_priv.h"

#include <string.h>
#include <syslog.h>

#include "dsa/base/str.h"
#include "dsa/cycle/conflicts.h"
#include "redirect/address.h"

static void
report_taken(const struct planning *p, const char *address, const char *holder, bool whole)
{
	const struct run_event e = {.kind = RUN_MESSAGE,
	    .level = LOG_WARNING,
	    .source = &p->in.source->guid,
	    .dn = p->in.source->dn};

	cycle_report_taken(p->c, &e, address, holder, whole);
}

/* One conflict of an object is kept and told with all others; what it leaves no room for, and what
 * comes too late, is told here. All holders are candidates: their changes concern the object. */
static int
set_conflict(struct planning *p, struct bytes what, const struct entry *holder, bool whole)
{
	struct decision *d = p->d;
	bool kept = d->in_conflict && !whole;
	char text[256];

	err_escape(text, sizeof text, what);
	if (plan_round(p->c->plan) || kept)
		report_taken(p, text, holder->dn, whole);
	else if (d->in_conflict)
		report_taken(p, d->what, d->candidates[0], false);
	if (whole)
		d->state = DECIDE_CONFLICT;
	if (!kept) {
		d->in_conflict = true;
		d->reason = CONFLICT_ADDRESS;
		decision_clear_candidates(d);
		free(d->what);
		d->what = strdup(text);
	}
	if (!d->what || decision_add_candidate(d, holder->dn, &holder->guid) < 0)
		return err_nomem(p->err);
	return 0;
}

static int
claim_address(struct planning *p, enum side side, struct bytes v)
{
	return world_claim_address(p->c->world, side, v, p->index, p->err);
}

/* In a delta: asks at once for whoever holds one of the addresses that are to be added. */
static int
fetch_holders(struct planning *p, enum side side, const struct attr *want, const struct attr *there)
{
	_cleanup_(entry_free) struct entry *fresh = NULL;

	if (!p->c->run->is_delta)
		return 0;
	fresh = entry_new("");

	if (!fresh)
		return err_nomem(p->err);
	for (size_t i = 0; want && i < want->n_values; i++)
		if (!(there && attr_has(there, want->values[i], true)) &&
		    entry_add(fresh, "proxyAddresses", want->values[i]) < 0)
			return err_nomem(p->err);
	want = entry_find(fresh, "proxyAddresses");
	if (world_demand_addresses(p->c->world, side, want, p->err) < 0 ||
	    world_fetch(p->c->world, side, p->err) < 0)
		return -1;
	if (side == SOURCE)
		return 0;
	if (world_demand_addresses(p->c->world, SOURCE, want, p->err) < 0)
		return -1;
	return world_fetch(p->c->world, SOURCE, p->err);
}

int
planning_check_addresses(struct planning *p, enum side side, struct entry *want,
    const struct entry *present, uint32_t self, const char *essential, bool *ret_blocked)
{
	_cleanup_(entry_free) struct entry *copy = entry_dup(want);
	const struct attr *a = copy ? entry_find(copy, "proxyAddresses") : NULL;
	const struct attr *there = present ? entry_find(present, "proxyAddresses") : NULL;

	if (!copy)
		return err_nomem(p->err);
	if (fetch_holders(p, side, a, there) < 0)
		return -1;
	for (size_t i = 0; a && i < a->n_values && !*ret_blocked; i++) {
		struct bytes v = a->values[i];
		_cleanup_(entry_free) struct entry *holder = NULL;

		if ((!address_is_smtp(v) && !address_is_x500(v)) ||
		    (there && attr_has(there, v, true)))
			continue;
		if (world_find_holder(p->c->world, side, v, self, p->index, &holder, p->err) < 0)
			return -1;
		if (!holder && side == TARGET &&
		    world_find_holder(p->c->world, SOURCE, v, p->index, p->index, &holder, p->err) <
			0)
			return -1;
		if (!holder) {
			if (claim_address(p, side, v) < 0)
				return -1;
			continue;
		}
		*ret_blocked =
		    address_is_primary(v) ||
		    (essential && bytes_equal_nocase(address_value(v), bytes_of(essential)));
		if (set_conflict(p, v, holder, *ret_blocked) < 0 ||
		    planner_remove_value(want, "proxyAddresses", v, p->err) < 0)
			return -1;
	}
	return 0;
}

int
planning_keep_mail(struct planning *p, const struct entry *want, const struct entry *target,
    const struct record *record, struct change *change)
{
	const char *mail = planner_lost_mail(&p->in, record, change);
	const char *foreign = p->c->run->link->source->redirect_domain;
	const struct attr *w = entry_find(want, "proxyAddresses");
	const struct attr *there = entry_find(target, "proxyAddresses");
	_cleanup_(free) char *value = mail ? str_printf("smtp:%s", mail) : NULL;
	_cleanup_(entry_free) struct entry *holder = NULL;
	struct bytes v;

	if (!mail || !w)
		return 0;
	if (!value)
		return err_nomem(p->err);
	v = bytes_of(value);
	if (attr_has(w, v, true) || (there && attr_has(there, v, true)) ||
	    (foreign && address_in_domain(v, foreign)))
		return 0;
	if (world_find_holder(p->c->world, TARGET, v, p->d->target, p->index, &holder, p->err) < 0)
		return -1;
	if (holder)
		return set_conflict(p, v, holder, false);
	if (claim_address(p, TARGET, v) < 0)
		return -1;
	return change_mod(change, MOD_ADD, "proxyAddresses", v) < 0 ? err_nomem(p->err) : 0;
}
