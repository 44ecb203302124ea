/* SPDX-License-Identifier: MIT */
/*
 * Pass 3: correspondences whose source left: it was deleted, or it is hidden, disabled or out of
 * scope.
 *
 * That an entry was not in the complete read of the source is only half of the proof: its GUID is
 * looked up as well, so that an answer the server cut short can never look like a departure. And a
 * limit holds all leave actions of a cycle in which too many leave at once.
 */
#include "dsa/cycle/planner.h"

#include <string.h>
#include <syslog.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"

struct leaver {
	struct guid source;
	enum scope_verdict why; /* SCOPE_BASE for what is gone altogether */
	enum held_verdict said; /* by an operator */
};

struct leavers {
	struct cycle *c;
	struct leaver *v;
	size_t n, cap;
	struct err *err;
	bool failed;
};

/* Who is concerned in a delta for several reasons leaves but once. */
static int
add_leaver(struct leavers *l, const struct record *r, enum scope_verdict why)
{
	enum held_verdict said;

	for (size_t i = 0; l->c->is_delta && i < l->n; i++)
		if (guid_equal(&l->v[i].source, &r->side[SOURCE].guid))
			return 0;
	if (cycle_judge(l->c, HELD_DELETES, &r->side[SOURCE].guid, &said, l->err) < 0)
		return -1;
	if (list_grow(l->v, l->n, l->cap) < 0)
		return err_nomem(l->err);
	l->v[l->n++] = (struct leaver){r->side[SOURCE].guid, why, said};
	return 0;
}

static int
look_at(const struct record *r, void *arg)
{
	_cleanup_(decision_done) struct decision d = {0};
	struct leavers *l = arg;
	bool found;

	if (r->state == RECORD_LEFT)
		return 0;
	if (cycle_find_decision(l->c, &r->side[SOURCE].guid, &d, &found, l->err) < 0) {
		l->failed = true;
		return 1;
	}
	if (found && d.verdict == SCOPE_IN)
		return 0;
	l->failed = add_leaver(l, r, found ? d.verdict : SCOPE_BASE) < 0;
	return l->failed;
}

int
cycle_prove_gone(
    struct cycle *c, const struct guid *g, bool *ret_gone, bool *ret_missed, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", NULL};
	_cleanup_(decision_done) struct decision d = {0};
	_cleanup_(entry_free) struct entry *e = NULL;
	bool found;

	if (cycle_find_decision(c, g, &d, &found, err) < 0)
		return -1;
	if (!found && dir_read_guid(c->run->dir[SOURCE], g, attrs, &e, err) < 0)
		return -1;
	*ret_gone = !found && !e;
	*ret_missed = !found && e;
	return 0;
}

static int
hide_or_disable(struct plan_step *s, const struct entry *target, bool disable,
    const struct record *r, struct err *err)
{
	_cleanup_(change_free) struct change *change =
	    change_new(CHANGE_MODIFY, target->dn, &target->guid);
	const char *hidden = entry_get_str(target, "msExchHideFromAddressLists");
	const char *uac = entry_get_str(target, "userAccountControl");
	int64_t bits = entry_get_i64(target, "userAccountControl", 0);
	_cleanup_(free) char *disabled = str_printf("%lld", (long long)(bits | UAC_ACCOUNTDISABLE));
	bool bad = !change || !disabled;

	if (!bad && !entry_get_bool(target, "msExchHideFromAddressLists")) {
		if (hidden)
			bad = change_mod_str(
				  change, MOD_DELETE, "msExchHideFromAddressLists", hidden) < 0;
		bad |= change_mod_str(change, MOD_ADD, "msExchHideFromAddressLists", "TRUE") < 0;
	}
	/* Only accounts galsync created: anybody else's is his own business. */
	if (!bad && disable && r->created && uac && !(bits & UAC_ACCOUNTDISABLE))
		bad = change_mod_str(change, MOD_DELETE, "userAccountControl", uac) < 0 ||
		      change_mod_str(change, MOD_ADD, "userAccountControl", disabled) < 0;
	if (bad)
		return err_nomem(err);
	return plan_step_add(s, TARGET, TAKE(change), target, "leave", err);
}

/* When the source comes back, the value is taken away again, because we put it. */
static int
note_hidden(struct record *r)
{
	_cleanup_(free) uint64_t *put = malloc((r->n_put + 1) * sizeof *put);

	if (!put)
		return -1;
	if (r->n_put)
		memcpy(put, r->put, r->n_put * sizeof *put);
	put[r->n_put] = record_put_hash("msExchHideFromAddressLists", bytes_of("TRUE"));
	return record_set_put(r, put, r->n_put + 1);
}

static int
plan_action(enum leave_action action, struct record *r, const struct entry *target,
    struct plan_step *s, struct err *err)
{
	_cleanup_(change_free) struct change *del = NULL;

	if (action == LEAVE_DELETE && r->created) {
		del = change_new(CHANGE_DELETE, target->dn, &target->guid);
		if (!del)
			return err_nomem(err);
		s->forgets = true;
		return plan_step_add(s, TARGET, TAKE(del), target, "leave", err);
	}
	if (action == LEAVE_KEEP)
		return 0;
	if (hide_or_disable(s, target, action == LEAVE_DISABLE, r, err) < 0)
		return -1;
	/* Whom somebody else has hidden stays so when the source comes back. */
	if (!r->created && entry_get_bool(target, "msExchHideFromAddressLists"))
		return 0;
	return note_hidden(r) < 0 ? err_nomem(err) : 0;
}

enum leave_action
planner_leave_action(const struct cycle *c, const struct record *r)
{
	struct err ignored;
	_cleanup_(free) char *norm = dn_normalize(r->side[SOURCE].dn, &ignored);
	const struct conf_scope *s = norm ? scope_find(c->run->link, norm) : NULL;

	return s ? s->on_leave : c->run->link->scopes[0].on_leave;
}

/* AGAIN: it is counted and told already. */
static int
plan_leaver(struct cycle *c, const struct leaver *l, bool again, struct err *err)
{
	_cleanup_(plan_step_free) struct plan_step *s =
	    plan_step_new(DECISION_NO_TARGET, &l->source);
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(entry_free) struct entry *target = NULL;
	enum leave_action action;
	uint32_t index;
	bool gone, missed, elsewhere = false;

	if (!s)
		return err_nomem(err);
	if (store_find_guid(c->read, c->run->link_id, SOURCE, &l->source, &r, err) < 0)
		return -1;
	if (!r)
		return 0;
	if (cycle_prove_gone(c, &l->source, &gone, &missed, err) < 0 ||
	    planner_find_target(c, r, &index, &target, err) < 0)
		return -1;
	if (missed)
		return cycle_note_missed(c, &l->source, err);
	if (!target && cycle_elsewhere(c, &l->source, r, &elsewhere, err) < 0)
		return -1;
	if (elsewhere)
		return cycle_wait_for(c, &l->source, err);
	s->phase = PLAN_LEAVERS;
	s->counts = l->said == HELD_WAITS ? HELD_DELETES : HELD_NOTHING;
	action = planner_leave_action(c, r);
	if (!target)
		s->forgets = true;
	else if (plan_action(action, r, target, s, err) < 0)
		return -1;
	if (target) {
		c->res->left[action] += !again;
		r->side[TARGET].guid = target->guid;
	}
	r->state = RECORD_LEFT;
	run_message(c->run, again ? LOG_DEBUG : LOG_INFO, &l->source, r->side[SOURCE].dn,
	    "left: %s; its counterpart '%s' %s", gone ? "deleted" : scope_verdict_name(l->why),
	    r->side[TARGET].dn,
	    !target		? "is gone or not its own"
	    : s->forgets	? "is deleted"
	    : s->n_changes == 0 ? "stays as it is"
				: "is hidden from the address lists");
	s->record = TAKE(r);
	return planner_put_step(c, s, err);
}

int
cycle_plan_leaver(struct cycle *c, const struct guid *source, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	struct leaver l = {.source = *source, .why = SCOPE_BASE};
	bool found;

	if (cycle_find_decision(c, source, &d, &found, err) < 0)
		return -1;
	if (found && d.verdict == SCOPE_IN)
		return 0;
	if (found)
		l.why = d.verdict;
	if (cycle_judge(c, HELD_DELETES, source, &l.said, err) < 0)
		return -1;
	return l.said == HELD_REJECTED ? 0 : plan_leaver(c, &l, true, err);
}

static int
look_at_concerned(struct cycle *c, struct leavers *l, struct err *err)
{
	for (size_t i = 0; i < c->concerned->n; i++) {
		_cleanup_(record_free) struct record *r = NULL;

		if (store_find_guid(
			c->read, c->run->link_id, SOURCE, &c->concerned->v[i], &r, err) < 0)
			return -1;
		if (r && look_at(r, l))
			return -1;
	}
	return 0;
}

int
cycle_plan_leavers(struct cycle *c, struct err *err)
{
	struct leavers l = {.c = c, .err = err};
	int rc = 0;

	if (!c->read)
		return 0;
	rc = c->is_delta ? look_at_concerned(c, &l, err)
			 : store_each(c->read, c->run->link_id, look_at, &l, err);
	if (l.failed)
		rc = -1;
	if (rc == 0)
		rc = cycle_limit(c, HELD_DELETES, err);
	for (size_t i = 0; rc == 0 && i < l.n; i++)
		if (l.v[i].said == HELD_APPROVED ||
		    (l.v[i].said == HELD_WAITS && !c->limited[HELD_DELETES].held))
			rc = plan_leaver(c, &l.v[i], false, err);
	free(l.v);
	return rc;
}
