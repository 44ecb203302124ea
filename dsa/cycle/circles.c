/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/circles.h"

#include <stdio.h>
#include <syslog.h>

#include "dsa/base/str.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/delta.h"
#include "dsa/cycle/limits.h"
#include "dsa/cycle/other_links.h"
#include "dsa/cycle/planning.h"
#include "dsa/cycle/records.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/identity.h"
#include "dsa/rules/repair.h"

/* One correspondence as it was read. */
struct look {
	struct cycle *c;
	const struct guid *source;
	const struct entry *side[SIDES]; /* NULL: it is gone */
	struct active_side verdict;
	struct decision d; /* about the source object, if it is FOUND */
	bool found;
	struct plan_step *own; /* what the plan does to the whole object, or NULL */
};

/* ---- whether it is ended already ---- */

static int
find_own_step(struct look *l, struct err *err)
{
	if (!l->found || l->d.step >= DECISION_NO_STEP)
		return 0;
	return plan_find(l->c->plan, PLAN_OBJECTS, l->d.step, &l->own, err);
}

static bool
own_step_ends(const struct look *l, enum side side)
{
	const struct plan_step *s = l->own;
	bool ends = false;

	if (!s || limits_hold_any(l->c, s->counts))
		return false;
	for (size_t i = 0; i < s->n_changes; i++)
		ends |=
		    s->changes[i].side == side && repair_takes_away(s->changes[i].change,
						      entry_get(l->side[side], "targetAddress"));
	return ends;
}

/* ---- what is not galsync's to end ---- */

static int
ask_source(const struct look *l, char *why, size_t size, struct err *err)
{
	_cleanup_(free) char *norm = dn_normalize(l->side[SOURCE]->dn, err);

	if (!norm)
		return -1;
	if (l->found && (l->d.verdict == SCOPE_OURS || l->d.verdict == SCOPE_COUNTERPART))
		(void)snprintf(why, size, "it is %s", scope_verdict_name(l->d.verdict));
	else if (!scope_find(l->c->run->link, norm, ~0U))
		(void)snprintf(why, size, "it lies outside the bases");
	else if (l->found && l->d.verdict == SCOPE_IN && l->verdict.lost)
		(void)snprintf(
		    why, size, "it has no mailbox, and without a redirection it would leave");
	return 0;
}

static int
ask_target(const struct look *l, char why[ACROSS_TEXT_SIZE], struct err *err)
{
	struct dir *d = l->c->run->dir[TARGET];
	const struct identity_guard guard = {.own_sids = d->ops->info(d)->own_sids};
	const char *refusal = identity_refusal(l->side[TARGET], &guard);

	if (!refusal)
		return other_links_refuse(l->c, l->source, l->side[TARGET], true, why, err);
	(void)snprintf(why, ACROSS_TEXT_SIZE, "%s", refusal);
	return 0;
}

/* ---- what is done ---- */

static void
tell(const struct look *l, enum side side, const char *why)
{
	const struct run_event e = {.kind = RUN_BROKEN,
	    .level = *why ? LOG_ERR : LOG_WARNING,
	    .source = l->source,
	    .dn = l->side[side]->dn};

	run_event(l->c->run, &e,
	    "mail goes round in a circle, because the %s object redirects to %s: that is %s%s%s",
	    side_name(side), entry_get_str(l->side[side], "targetAddress"),
	    *why ? "left alone, because " : "taken away", why,
	    *why ? ": it is to be changed by hand" : "");
}

/* CHANGE, taken over, ends it on SIDE. It is a step of its own, so that what becomes of the rest of
 * the object does not matter. */
static int
put(const struct look *l, enum side side, struct change *change, struct err *err)
{
	_cleanup_(plan_step_free) struct plan_step *s = NULL;

	if (plan_step_of(l->source, side, change, l->side[side], "circle", &s, err) < 0)
		return -1;
	s->phase = PLAN_CIRCLES;
	l->c->res->updated[side]++;
	return plan_put_step(l->c, s, err);
}

static int
end_on(const struct look *l, enum side side, struct err *err)
{
	struct change *change = NULL;
	char why[ACROSS_TEXT_SIZE] = "";

	if (!active_goes_round(&l->verdict, l->side, side) || own_step_ends(l, side))
		return 0;
	if ((side == SOURCE ? ask_source(l, why, sizeof why, err) : ask_target(l, why, err)) < 0)
		return -1;
	tell(l, side, why);
	if (*why) {
		l->c->res->problems++;
		return 0;
	}
	if (repair_end_circle(&l->verdict, l->side, side, &change, err) < 0)
		return -1;
	return put(l, side, change, err);
}

static int
end_both(struct look *l, struct err *err)
{
	if (find_own_step(l, err) < 0)
		return -1;
	for (int side = SOURCE; side < SIDES; side++)
		if (end_on(l, (enum side)side, err) < 0)
			return -1;
	return 0;
}

static int
look_at(struct cycle *c, const struct record *r, struct err *err)
{
	_cleanup_(entry_free) struct entry *source = NULL, *target = NULL;
	struct look l = {.c = c, .source = &r->side[SOURCE].guid};
	uint32_t index;
	int rc;

	if (r->kind != KIND_USER)
		return 0;
	rc = cycle_find_decision(c, l.source, &l.d, &l.found, err);
	if (rc == 0 && !(l.found && l.d.straight)) {
		rc = cycle_find_source(c, r, &source, err) < 0 ||
			     cycle_find_recorded(c, r, &index, &target, err) < 0
			 ? -1
			 : 0;
		l.side[SOURCE] = source;
		l.side[TARGET] = target;
		l.verdict = cycle_active_side(c, source, target, r);
		if (rc == 0)
			rc = end_both(&l, err);
	}
	plan_step_free(l.own);
	decision_done(&l.d);
	return rc;
}

/* ---- which ones ---- */

static int
look_at_record(const struct record *r, void *arg, struct err *err)
{
	return look_at(arg, r, err);
}

static int
look_at_source(struct cycle *c, const struct guid *source, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;

	if (store_find_guid(c->run->map, c->run->link_id, SOURCE, source, &r, err) < 0)
		return -1;
	return r ? look_at(c, r, err) : 0;
}

int
circles_plan_all(struct cycle *c, struct err *err)
{
	if (!c->run->map)
		return 0;
	if (!c->run->is_delta)
		return store_each(c->run->map, c->run->link_id, look_at_record, c, err);
	for (size_t i = 0; i < delta_about(c)->n; i++)
		if (look_at_source(c, &delta_about(c)->v[i], err) < 0)
			return -1;
	return 0;
}

static int
refresh(struct cycle *c, enum side side, const struct guid *g, struct err *err)
{
	uint32_t index;

	if (guid_is_zero(g))
		return 0;
	if (world_find_guid(c->world, side, g, &index, err) < 0)
		return -1;
	return index == WORLD_NONE ? 0 : world_refresh(c->world, side, g, NULL, &index, err);
}

int
circles_plan_again(struct cycle *c, const struct guid *source, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;

	if (store_find_guid(c->run->map, c->run->link_id, SOURCE, source, &r, err) < 0)
		return -1;
	if (!r)
		return 0;
	for (int side = SOURCE; side < SIDES; side++)
		if (refresh(c, (enum side)side, &r->side[side].guid, err) < 0)
			return -1;
	return look_at(c, r, err);
}
