/* SPDX-License-Identifier: MIT */
/*
 * Which mailboxes are ready to be switched (ready.h): found from what was read, and the records,
 * before anything is written; and the limit, which lets none of them be switched if they are too
 * many. The switches themselves come after the cycle (ready_switch.c).
 */
#include "dsa/cycle/decide.h"
#include "dsa/cycle/limits.h"
#include "dsa/cycle/plan.h"
#include "dsa/cycle/records.h"
#include "dsa/rules/ready.h"

static void
tell_ready(const struct cycle *c, const struct decision *d, enum ready verdict, enum side active)
{
	static const char *const texts[] = {[READY_NOTHING] = "it was used up by an undo",
	    [READY_SWITCH] = "it is to be switched",
	    [READY_AGAIN] = "",
	    [READY_USED] = "the map does not know since when"};

	_Static_assert(ARRAY_SIZE(texts) == READY_MAX, "a text for each");
	run_decided(c->run, &d->source, d->source_dn, "ready: %s",
	    active == TARGET ? "it is switched already" : texts[verdict]);
}

static int
look_at(struct cycle *c, uint32_t index, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	_cleanup_(entry_free) struct entry *source = NULL, *target = NULL;
	_cleanup_(record_free) struct record *r = NULL;
	struct active_side active = {.side = SOURCE};
	enum ready verdict;
	bool is_ready;
	bool found;

	if (cycle_get_decision(c, index, &d, &found, err) < 0)
		return -1;
	if (!found || d.kind != KIND_USER || !decision_has_target(&d))
		return 0;
	/* A toggle under way changes its objects once more at its end: they are looked at then. */
	if (c->opt->toggling && cycle_is_asked_for(c, &d.source))
		return 0;
	if (world_get(c->world, SOURCE, index, &source, err) < 0 ||
	    (c->run->map &&
		store_find_guid(c->run->map, c->run->link_id, SOURCE, &d.source, &r, err) < 0))
		return -1;
	if (r && r->ended)
		return 0;
	is_ready = ready_is(c->run->link, source);
	if (is_ready && d.state == DECIDE_MATCHED) {
		if (world_get(c->world, TARGET, d.target, &target, err) < 0)
			return -1;
		active = cycle_active_side(c, source, target, r);
	}
	verdict = ready_judge(is_ready, r, d.rule, active.side);
	if (is_ready)
		tell_ready(c, &d, verdict, active.side);
	return verdict == READY_NOTHING
		   ? 0
		   : guid_list_add(&c->opt->ready->of[verdict], &d.source, err);
}

/* Keeps of the list what an operator approved, and, if that is not too much, what no operator
 * decided about. */
static int
limit(struct cycle *c, struct err *err)
{
	struct guid_list *l = &c->opt->ready->of[READY_SWITCH];
	const struct guid_list *waits = limits_waiting(c, HELD_SWITCHES);
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		enum held_verdict said;

		if (limits_find_verdict(c, HELD_SWITCHES, &l->v[i], NULL, &said, err) < 0)
			return -1;
		if (said == HELD_APPROVED)
			l->v[kept++] = l->v[i];
		else if (said == HELD_REJECTED)
			limits_tell(c, HELD_SWITCHES, &l->v[i], said, "ready, but not switched");
	}
	if (limits_check(c, HELD_SWITCHES, err) < 0)
		return -1;
	for (size_t i = 0; i < waits->n; i++)
		if (limits_hold(c, HELD_SWITCHES))
			limits_tell(
			    c, HELD_SWITCHES, &waits->v[i], HELD_WAITS, "ready, but not switched");
		else
			l->v[kept++] = waits->v[i];
	l->n = kept;
	return 0;
}

int
plan_find_ready(struct cycle *c, struct err *err)
{
	uint32_t n = world_count(c->world, SOURCE);

	if (!c->opt->ready || !c->run->link->readiness_attribute)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		if (look_at(c, i, err) < 0)
			return -1;
	c->res->ready = c->opt->ready->of[READY_SWITCH].n;
	return limit(c, err);
}
