/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/outcome.h"

#include <string.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/cycle/confirm.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/heirs.h"
#include "dsa/cycle/other_flow.h"
#include "dsa/cycle/other_links.h"
#include "dsa/cycle/replan.h"
#include "dsa/cycle/tell_hook.h"
#include "dsa/rules/advice.h"
#include "dsa/rules/limit.h"
#include "mapping/client_report.h"

/* A result of RFC 4511 appendix A. */
#define INSUFFICIENT_ACCESS 50
#define NOT_ALLOWED_ON_NONLEAF 66

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

/* The counterpart is taken over from an object that is gone: what galsync wrote for that is on it
 * until the changes are made. */
static int
add_former_written(struct cycle *c, struct store_txn *t, struct record *pending, struct err *err)
{
	const struct guid *target = &pending->side[TARGET].guid;
	_cleanup_(record_free) struct record *former = NULL;

	if (guid_is_zero(target))
		return 0;
	if (store_find_guid(t, c->run->link_id, TARGET, target, &former, err) < 0)
		return -1;
	return former && former->id != pending->id &&
		       record_add_written(pending, TARGET, former->written[TARGET].v,
			   former->written[TARGET].n) < 0
		   ? err_nomem(err)
		   : 0;
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
	if (old &&
	    record_add_written(pending, SOURCE, old->written[SOURCE].v, old->written[SOURCE].n) < 0)
		return err_nomem(err);
	if (same && (record_add_written(
			 pending, TARGET, old->written[TARGET].v, old->written[TARGET].n) < 0 ||
			record_set_str(&side->dn, old->side[TARGET].dn) < 0))
		return err_nomem(err);
	if ((!same && add_former_written(c, t, pending, err) < 0) ||
	    other_flow_wake(c, t, old, pending, err) < 0 || store_put(t, pending, err) < 0)
		return -1;
	s->record->id = pending->id;
	return 0;
}

/* BEGUN: also of a contact that gives way. */
static int
settle(struct cycle *c, struct store_txn *t, const struct guid *source, bool begun, struct err *err)
{
	struct run_event e = {.kind = RUN_ACCEPTED, .level = LOG_NOTICE, .source = source};
	struct store_retry old = {.attempts = 0};
	struct guid contact;
	bool found;

	if (store_find_retry(t, c->run->link_id, source, &old, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	if (!begun && heirs_names_contact(old.why, &contact)) {
		store_retry_done(&old);
		return 0;
	}
	e.dn = old.dn;
	/* None that failed: it was to be looked at. */
	if (old.attempts)
		run_event(c->run, &e, "what was refused before is done, or not wanted any more: %s",
		    old.why);
	store_retry_done(&old);
	return store_clear_retry(t, c->run->link_id, source, err);
}

int
outcome_accept(struct cycle *c, struct store_txn *t, const struct guid *source, struct err *err)
{
	return settle(c, t, source, false, err);
}

int
outcome_settle(struct cycle *c, struct store_txn *t, const struct guid *source, struct err *err)
{
	return settle(c, t, source, true, err);
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
	/* What makes room for a new object is renamed too. */
	if (!renamed || s->creates || !dn || s->source == WORLD_NONE)
		return 0;
	if (cycle_get_decision(c, s->source, &d, &found, err) < 0)
		return -1;
	if (!found || d.target == WORLD_NONE)
		return 0;
	if (world_get(c->world, TARGET, d.target, &e, err) < 0)
		return -1;
	free(d.target_dn);
	d.target_dn = strdup(dn);
	entry_set_dn(e, strdup(dn));
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

/* What left needs nothing more, but for what could not be deleted and was hidden: that is no end.
 */
static int
store_left(struct cycle *c, struct store_txn *t, const struct plan_step *s, struct err *err)
{
	struct run_event e = {.source = &s->guid, .side = TARGET, .op = "delete"};

	if (!s->record)
		return 0;
	if (s->forgets || !*s->record->last_error)
		return outcome_accept(c, t, &s->guid, err);
	c->res->failed++;
	e.dn = s->record->side[SOURCE].dn;
	if (outcome_refuse(c, t, &e, s->record->last_error, err) < 0)
		return -1;
	run_event(c->run, &e, "%s; it is hidden, and tried again in the next cycle",
	    s->record->last_error);
	return 0;
}

/* The record of a step that was done. */
static int
store_record(struct cycle *c, struct store_txn *t, struct plan_step *s, struct err *err)
{
	_cleanup_(record_free) struct record *before = NULL;

	if (s->record->id && store_get(t, s->record->id, &before, err) < 0)
		return -1;
	if (s->forgets) {
		if (store_delete(t, s->record->id, err) < 0 ||
		    store_clear_clients(t, s->record->link, &s->record->side[SOURCE].guid, err) < 0)
			return -1;
	} else {
		s->record->synced_at = clock_realtime_s();
		if (forget_former(c, t, s->record, err) < 0 ||
		    other_flow_wake(c, t, before, s->record, err) < 0 ||
		    store_put(t, s->record, err) < 0)
			return -1;
	}
	if (s->moved && owe_membership(c, t, s, err) < 0)
		return -1;
	return tell_hook(c, t, s, before, err);
}

/* How much of the limit of KIND was done with S. */
static uint64_t
spent_by(const struct plan_step *s, enum held_kind kind)
{
	uint64_t n = 0;

	if (kind != HELD_MEMBER_REMOVALS && kind != HELD_PRIMARY_CHANGES)
		return s->phase != PLAN_LINKS;
	for (size_t i = 0; i < s->n_changes; i++)
		if (kind == HELD_MEMBER_REMOVALS)
			n += limit_member_removals(s->changes[i].change);
		else
			n |= limit_changes_primary(s->changes[i].change);
	return n;
}

static int
add_spent(struct cycle *c, struct store_txn *t, const struct plan_step *s, struct err *err)
{
	for (size_t i = HELD_NOTHING + 1; i < HELD_KIND_MAX; i++) {
		enum held_kind kind = (enum held_kind)i;
		uint64_t n = s->counts & HELD_BIT(i) ? spent_by(s, kind) : 0;

		if (n && store_add_spent(t, c->run->link_id, kind, clock_realtime_s(), n, err) < 0)
			return -1;
	}
	return 0;
}

static int
store_done(struct cycle *c, struct store_txn *t, struct plan_step *s, struct err *err)
{
	if (add_spent(c, t, s, err) < 0)
		return -1;
	c->res->named += s->optional && c->run->link->forth;
	if (note_renamed(c, s, err) < 0)
		return -1;
	if (s->creates && births_add(c, &s->guid, err) < 0)
		return -1;
	if (s->record && store_record(c, t, s, err) < 0)
		return -1;
	if (s->phase == PLAN_LEAVERS)
		return store_left(c, t, s, err);
	if (s->source == WORLD_NONE || s->phase == PLAN_LINKS)
		return 0;
	if (outcome_accept(c, t, &s->guid, err) < 0)
		return -1;
	return store_put_waiting(t, c->run->link_id, &s->guid, s->waiting, s->n_waiting, err);
}

/* A record that knows of another failure of this cycle keeps that beside WHAT. */
static int
add_error(struct record *r, const char *what)
{
	_cleanup_(free) char *both = NULL;

	if (r->state != RECORD_ERROR || !*r->last_error || strstr(r->last_error, what))
		return record_set_str(&r->last_error, what);
	both = str_printf("%s; %s", r->last_error, what);
	return both ? record_set_str(&r->last_error, both) : -1;
}

/* What UNWRITTEN would have put on the object of SIDE is not galsync's. */
static void
forget_unwritten(struct record *r, enum side side, const struct change *unwritten)
{
	for (size_t i = 0; i < unwritten->n_mods; i++) {
		const struct mod *m = &unwritten->mods[i];

		for (size_t j = 0; m->op == MOD_ADD && j < m->n_values; j++)
			record_forget_written(r, side, record_written_hash(m->attr, m->values[j]));
	}
}

int
outcome_remember(struct cycle *c, struct store_txn *t, const struct guid *source, const char *what,
    const struct plan_change *unwritten, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;

	if (store_find_guid(t, c->run->link_id, SOURCE, source, &r, err) < 0)
		return -1;
	if (!r)
		return 0;
	if (add_error(r, what) < 0)
		return err_nomem(err);
	/* What was only intended is believed for its stamp alone, and what left has left. */
	if (r->synced_at && !record_has_left(r))
		r->state = RECORD_ERROR;
	if (unwritten)
		forget_unwritten(r, unwritten->side, unwritten->change);
	return store_put(t, r, err);
}

/* The record as it was intended: some of that may have been done. What was never created has none.
 */
static int
record_failed(struct cycle *c, struct store_txn *t, const struct exec_end *e, const char *what,
    struct err *err)
{
	_cleanup_(record_free) struct record *intended = NULL;
	const struct plan_step *s = e->step;
	struct record *now;

	if (s->phase == PLAN_LINKS)
		return outcome_remember(c, t, &s->guid, what, &s->changes[e->made], err);
	if (!s->record)
		return 0;
	if (s->record->id && store_get(t, s->record->id, &intended, err) < 0)
		return -1;
	now = intended ? intended : s->record;
	if (s->creates && !now->synced_at)
		return store_delete(t, now->id, err);
	now->state = RECORD_ERROR;
	if (record_set_str(&now->last_error, what) < 0)
		return err_nomem(err);
	return store_put(t, now, err);
}

/* The object that PC is about, as it was read; *RET NULL if it is to be made, or not at hand. */
static int
get_object(struct cycle *c, const struct plan_step *s, const struct plan_change *pc,
    struct entry **ret, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	uint32_t index = s->source;
	bool found = false;

	if (s->source == WORLD_NONE || pc->change->op == CHANGE_ADD)
		return 0;
	if (pc->side == TARGET) {
		if (cycle_get_decision(c, s->source, &d, &found, err) < 0)
			return -1;
		index = found ? d.target : WORLD_NONE;
	}
	return index == WORLD_NONE ? 0 : world_get(c->world, pc->side, index, ret, err);
}

/* The one attribute that C modifies, or NULL. */
static const char *
only_attr(const struct change *c)
{
	for (size_t i = 1; i < c->n_mods; i++)
		if (!str_equal_nocase(c->mods[i].attr, c->mods[0].attr))
			return NULL;
	return c->n_mods ? c->mods[0].attr : NULL;
}

/* What is said of a refusal and remembered: the attribute, if it is about one alone, the server's
 * words, and what can be done. */
static int
describe(struct cycle *c, const struct exec_end *end, char **ret, struct err *err)
{
	const struct plan_change *pc = &end->step->changes[end->made];
	_cleanup_(entry_free) struct entry *e = NULL;
	const char *attr = only_attr(pc->change), *advice;

	if (get_object(c, end->step, pc, &e, err) < 0)
		return -1;
	advice = advice_of(end->err, pc->change, e ? e : pc->before);
	*ret = str_printf("%s%s%s%s%s", attr ? attr : "", attr ? ": " : "", end->err->text,
	    *advice ? "; " : "", advice);
	return *ret ? 0 : err_nomem(err);
}

/* Nothing may refer to what was not created. */
static int
set_aside(struct cycle *c, const struct plan_step *s, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	bool found = false;

	if (s->source == WORLD_NONE || !s->creates)
		return 0;
	if (cycle_get_decision(c, s->source, &d, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	d.state = DECIDE_NOTHING;
	return cycle_put_decision(c, s->source, &d, err);
}

/* *RET: S is the first step of its object that was refused in this cycle. Of one that is written
 * attribute by attribute several may be: it failed, and is tried again, once. */
static int
note_failed(struct cycle *c, const struct plan_step *s, bool *ret, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	bool found = false;

	*ret = true;
	if (s->source == WORLD_NONE)
		return 0;
	if (cycle_get_decision(c, s->source, &d, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	*ret = !d.failed;
	d.failed = true;
	return cycle_put_decision(c, s->source, &d, err);
}

/* A failure that no retry mends: remembered on the record. */
static int
store_failed(struct cycle *c, struct store_txn *t, const struct exec_end *end, struct err *err)
{
	const struct plan_step *s = end->step;
	const struct plan_change *pc = &s->changes[end->made];
	_cleanup_(free) char *what = NULL;
	struct run_event e = {.kind = RUN_REFUSED,
	    .level = LOG_ERR,
	    .source = &s->guid,
	    .dn = pc->change->dn,
	    .side = pc->side,
	    .op = change_op_name(pc->change->op),
	    .err = end->err};
	bool first;

	if (describe(c, end, &what, err) < 0 || note_failed(c, s, &first, err) < 0)
		return -1;
	c->res->failed += first;
	if (first && !guid_is_zero(&s->guid) && outcome_refuse(c, t, &e, what, err) < 0)
		return -1;
	run_event(c->run, &e, "%s of '%s' failed: %s; tried again in the next cycle", pc->reason,
	    e.dn, what);
	return set_aside(c, s, err) < 0 ? -1 : record_failed(c, t, end, what, err);
}

/* Is there more to be done to the object than what was refused? Mail depends on what is left of the
 * step, and the rest of the object on nothing. */
static int
goes_on(struct cycle *c, const struct exec_end *end, bool *ret, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	const struct plan_step *s = end->step;
	const struct change *refused = s->changes[end->made].change;
	bool found;

	*ret = false;
	if ((s->phase != PLAN_OBJECTS && !s->optional) || s->source == WORLD_NONE)
		return 0;
	if (cycle_get_decision(c, s->source, &d, &found, err) < 0)
		return -1;
	*ret =
	    found && d.state == DECIDE_MATCHED && !d.apart &&
	    (end->made + 1 < s->n_changes || (refused->op == CHANGE_MODIFY && !only_attr(refused)));
	return 0;
}

/* Do objects below the counterpart of one that left keep it from being deleted? */
static bool
is_nonleaf(const struct exec_end *e)
{
	return e->step->phase == PLAN_LEAVERS && e->step->forgets && e->err->src == ERR_LDAP &&
	       e->err->code == NOT_ALLOWED_ON_NONLEAF;
}

/* Is what was refused done without? */
static bool
is_done_without(const struct exec_end *e)
{
	return e->step->optional && e->err->src == ERR_LDAP && e->err->code == INSUFFICIENT_ACCESS;
}

static int
note_unnamed(struct cycle *c, const struct exec_end *e)
{
	if (c->res->unnamed++ == 0)
		run_message(c->run, LOG_NOTICE, &e->step->guid, e->step->changes[0].change->dn,
		    "the X500 names of its contact cannot be added to proxyAddresses of this and "
		    "perhaps other natives: %s; replies to mail from the contact's time need them: "
		    "grant the right (delegate.sh does where --match-scope names the OU), or add "
		    "them by hand; the next cycle tries again",
		    e->err->text);
	c->res->changes -= e->step->n_changes;
	return 0;
}

/* The account may not write to a source object, or not this attribute. */
static int
note_denied(struct cycle *c, struct store_txn *t, const struct exec_end *e, struct err *err)
{
	const struct plan_change *pc = &e->step->changes[e->made];
	_cleanup_(record_free) struct record *r = NULL;

	if (c->res->denied++ == 0)
		run_message(c->run, LOG_NOTICE, &e->step->guid, pc->change->dn,
		    "what flows back cannot be written to %s of this and perhaps other source "
		    "objects: %s; grant the right (delegate.sh does)",
		    only_attr(pc->change) ? only_attr(pc->change) : "attributes", e->err->text);
	c->res->changes -= e->step->n_changes;
	if (store_find_guid(t, c->run->link_id, SOURCE, &e->step->guid, &r, err) < 0)
		return -1;
	if (!r)
		return 0;
	forget_unwritten(r, pc->side, pc->change);
	return store_put(t, r, err);
}

static int
store_refused(struct cycle *c, struct store_txn *t, const struct exec_end *e, struct err *err)
{
	const struct plan_step *s = e->step;
	bool more;

	if (is_nonleaf(e))
		return replan_add(c, s->source, &s->guid, REPLAN_NONLEAF, e->err->text, err);
	if (goes_on(c, e, &more, err) < 0)
		return -1;
	if (more)
		return replan_add(c, s->source, &s->guid, REPLAN_APART, e->err->text, err);
	if (is_done_without(e))
		return c->run->link->forth ? note_unnamed(c, e) : note_denied(c, t, e, err);
	return store_failed(c, t, e, err);
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
		return replan_add(c, e->step->source, &e->step->guid,
		    e->step->phase == PLAN_CIRCLES ? REPLAN_CIRCLE : REPLAN_DRIFT, e->err->text,
		    err);
	return store_refused(c, t, e, err);
}
