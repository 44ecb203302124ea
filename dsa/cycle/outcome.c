/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/outcome.h"

#include <string.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/cycle/confirm.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/other_links.h"
#include "dsa/cycle/replan.h"
#include "dsa/run/turn_event.h"

static bool
writes_target(const struct plan_step *s)
{
	for (size_t i = 0; i < s->n_changes; i++)
		if (s->changes[i].side == TARGET)
			return true;
	return false;
}

/* Is OLD, the stored record or NULL, of a correspondence that is there already? SAME: its target
 * is. */
static bool
is_established(const struct record *old, bool same)
{
	return old && same && !record_has_left(old);
}

/* Another link was faster. */
static int
let_go(struct cycle *c, struct store_txn *t, const struct plan_step *s, struct err *err)
{
	run_message(c->run, LOG_NOTICE, &s->guid, s->record->side[SOURCE].dn,
	    "%s: nothing is written, and it is decided again", err->text);
	return store_put_retry(t, c->run->link_id, &s->guid, s->record->side[SOURCE].dn, err->text,
		   clock_realtime_s(), err) < 0
		   ? -1
		   : 1;
}

/* What galsync wrote on an object is known by its record alone, so that is stored before the write:
 * with what was written before and what is written now, for how far a dead process came is not
 * known. The counterpart keeps its old name until it is renamed. */
int
outcome_intend(struct store_txn *t, struct plan_step *s, void *arg, struct err *err)
{
	_cleanup_(record_free) struct record *old = NULL, *pending = NULL;
	struct cycle *c = arg;
	struct record_side *side;
	bool same;
	int rc;

	if (s->phase == PLAN_LINKS)
		return other_links_admit_more(c, t, &s->guid, err);
	if (!s->record || s->forgets || !writes_target(s))
		return 0;
	if (s->record->id && store_get(t, s->record->id, &old, err) < 0)
		return -1;
	if (record_dup(s->record, &pending, err) < 0)
		return -1;
	pending->state = RECORD_PENDING;
	/* That a mailbox was turned is known when it was told. */
	if (old)
		pending->active = old->active;
	side = &pending->side[TARGET];
	/* One whose GUID was never learned was found again by its stamp. */
	same = old && (guid_equal(&old->side[TARGET].guid, &side->guid) ||
			  (guid_is_zero(&old->side[TARGET].guid) && pending->created));
	if (!is_established(old, same) && (rc = other_links_admit(c, t, pending, err)) != 0)
		return rc < 0 ? -1 : let_go(c, t, s, err);
	/* Why it was refused before is true until it was taken; and by the former alias the
	 * redirect address is found that is to go. */
	if (old && (record_set_str(&pending->last_error, old->last_error) < 0 ||
		       (old->alias && record_set_str(&pending->alias, old->alias) < 0)))
		return err_nomem(err);
	if (same && (record_add_written(pending, old->written, old->n_written) < 0 ||
			record_set_str(&side->dn, old->side[TARGET].dn) < 0))
		return err_nomem(err);
	if (store_put(t, pending, err) < 0)
		return -1;
	s->record->id = pending->id;
	return 0;
}

int
outcome_accept(struct cycle *c, struct store_txn *t, const struct guid *source, struct err *err)
{
	struct run_event e = {.kind = RUN_ACCEPTED, .level = LOG_NOTICE, .source = source};
	struct store_retry old = {.attempts = 0};
	bool found;

	if (store_find_retry(t, c->run->link_id, source, &old, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	e.dn = old.dn;
	run_event(
	    c->run, &e, "what was refused before is done, or not wanted any more: %s", old.why);
	store_retry_done(&old);
	return store_clear_retry(t, c->run->link_id, source, err);
}

int
outcome_refuse(
    struct cycle *c, struct store_txn *t, struct run_event *e, const char *what, struct err *err)
{
	struct store_retry old = {.attempts = 0};
	bool found;

	if (store_find_retry(t, c->run->link_id, e->source, &old, &found, err) < 0)
		return -1;
	e->kind = RUN_REFUSED;
	e->level = LOG_ERR;
	e->again = found && strcmp(old.why, what) == 0;
	store_retry_done(&old);
	return store_put_retry(t, c->run->link_id, e->source, e->dn, what, clock_realtime_s(), err);
}

/* The counterpart has another name now: what is planned again refers to it by that. */
static int
note_renamed(struct cycle *c, const struct plan_step *s, struct err *err)
{
	const char *dn = s->record ? s->record->side[TARGET].dn : NULL;
	_cleanup_(decision_done) struct decision d = {0};
	_cleanup_(entry_free) struct entry *e = NULL;
	bool renamed = false, found;

	for (size_t i = 0; i < s->n_changes; i++)
		renamed |= s->changes[i].change->op == CHANGE_RENAME;
	if (!renamed || !dn || s->source == WORLD_NONE)
		return 0;
	if (cycle_get_decision(c, s->source, &d, &found, err) < 0)
		return -1;
	if (!found || d.target == WORLD_NONE)
		return 0;
	if (world_get(c->world, TARGET, d.target, &e, err) < 0)
		return -1;
	free(d.target_dn);
	free(e->dn);
	d.target_dn = strdup(dn);
	e->dn = strdup(dn);
	if (!d.target_dn || !e->dn)
		return err_nomem(err);
	return cycle_put_decision(c, s->source, &d, err) < 0
		   ? -1
		   : world_put(c->world, TARGET, e, &d.target, err);
}

/* The marker group owes or has a member now: the next turn or cycle pays. */
static int
owe_membership(struct cycle *c, struct store_txn *t, const struct plan_step *s, struct err *err)
{
	return !c->run->link->marker_group
		   ? 0
		   : store_put_membership(t, c->run->link_id, &s->guid, s->record->active == TARGET,
			 clock_realtime_s(), err);
}

/* The hook hears of what was turned elsewhere when the map does. */
static int
tell_moved(struct cycle *c, struct store_txn *t, const struct plan_step *s, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	_cleanup_(entry_free) struct entry *source = NULL, *target = NULL;
	bool found = false;

	if (!s->moved || !s->record)
		return 0;
	if (owe_membership(c, t, s, err) < 0)
		return -1;
	if (world_get(c->world, SOURCE, s->source, &source, err) < 0 ||
	    cycle_get_decision(c, s->source, &d, &found, err) < 0 ||
	    (found && d.target != WORLD_NONE &&
		world_get(c->world, TARGET, d.target, &target, err) < 0))
		return -1;
	return turn_event_store(c->run, t, EVENT_MOVED, s->record,
	    (const struct entry *const[SIDES]){source, target}, err);
}

/* The counterpart was another object's, which is gone: one of them has a record. */
static int
forget_former(struct cycle *c, struct store_txn *t, const struct record *record, struct err *err)
{
	_cleanup_(record_free) struct record *old = NULL;

	if (guid_is_zero(&record->side[TARGET].guid))
		return 0;
	if (store_find_guid(t, c->run->link_id, TARGET, &record->side[TARGET].guid, &old, err) < 0)
		return -1;
	return !old || guid_equal(&old->side[SOURCE].guid, &record->side[SOURCE].guid)
		   ? 0
		   : store_delete(t, old->id, err);
}

static int
store_done(struct cycle *c, struct store_txn *t, struct plan_step *s, struct err *err)
{
	if (s->counts != HELD_NOTHING && s->phase != PLAN_LINKS &&
	    store_add_spent(t, c->run->link_id, s->counts, clock_realtime_s(), 1, err) < 0)
		return -1;
	if (note_renamed(c, s, err) < 0)
		return -1;
	if (s->creates && births_add(c, &s->guid, err) < 0)
		return -1;
	if (s->forgets)
		return s->record ? store_delete(t, s->record->id, err) : 0;
	if (s->record) {
		s->record->synced_at = clock_realtime_s();
		if (forget_former(c, t, s->record, err) < 0)
			return -1;
		if (store_put(t, s->record, err) < 0 || tell_moved(c, t, s, err) < 0)
			return -1;
	}
	if (s->source == WORLD_NONE || s->phase == PLAN_LINKS)
		return 0;
	if (outcome_accept(c, t, &s->guid, err) < 0)
		return -1;
	return store_put_waiting(t, c->run->link_id, &s->guid, s->waiting, s->n_waiting, err);
}

/* The record as it was intended: some of that may have been done. What was never created has none.
 */
static int
record_failed(struct store_txn *t, const struct exec_end *e, struct err *err)
{
	_cleanup_(record_free) struct record *intended = NULL;
	const struct plan_step *s = e->step;
	struct record *now;

	if (!s->record)
		return 0;
	if (s->record->id && store_get(t, s->record->id, &intended, err) < 0)
		return -1;
	now = intended ? intended : s->record;
	if (s->creates && !now->synced_at)
		return store_delete(t, now->id, err);
	now->state = RECORD_ERROR;
	if (record_set_str(&now->last_error, e->err->text) < 0)
		return err_nomem(err);
	return store_put(t, now, err);
}

/* A failure that no retry mends: remembered on the record, and nothing may refer to an object that
 * was not created. */
static int
store_failed(struct cycle *c, struct store_txn *t, const struct exec_end *end, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	const struct plan_step *s = end->step;
	const struct plan_change *pc = &s->changes[end->made];
	struct run_event e = {.kind = RUN_REFUSED,
	    .level = LOG_ERR,
	    .source = &s->guid,
	    .dn = pc->change->dn,
	    .side = pc->side,
	    .op = change_op_name(pc->change->op),
	    .err = end->err};
	bool found = false;

	c->res->failed++;
	if (!guid_is_zero(&s->guid) && outcome_refuse(c, t, &e, e.err->text, err) < 0)
		return -1;
	run_event(c->run, &e, "%s of '%s' failed: %s; tried again in the next cycle", pc->reason,
	    e.dn, e.err->text);
	if (s->source != WORLD_NONE && s->creates &&
	    cycle_get_decision(c, s->source, &d, &found, err) < 0)
		return -1;
	if (found) {
		d.state = DECIDE_NOTHING;
		if (cycle_put_decision(c, s->source, &d, err) < 0)
			return -1;
	}
	return record_failed(t, end, err);
}

int
outcome_store(struct store_txn *t, const struct exec_end *e, void *arg, struct err *err)
{
	struct cycle *c = arg;

	c->res->applied += e->made;
	run_progress(c->run, RUN_PHASE_APPLY, c->res->applied, c->res->changes);
	if (!e->err)
		return store_done(c, t, e->step, err);
	if (e->failure != SETTLE_REFUSED)
		return replan_add(c, e->step->source, &e->step->guid, e->err->text, err);
	return store_failed(c, t, e, err);
}
