/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/leave.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/delta.h"
#include "dsa/cycle/limits.h"
#include "dsa/cycle/other_flow.h"
#include "dsa/cycle/other_links.h"
#include "dsa/cycle/planning.h"
#include "dsa/cycle/records.h"
#include "dsa/cycle/replan.h"
#include "dsa/cycle/replica_lag.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/leaving.h"

struct leaver {
	struct guid source;
	enum scope_verdict why; /* SCOPE_BASE for what is gone altogether */
	enum held_verdict said; /* by an operator */
	enum leave_way way;
	const char *why_not; /* what the directory said to its deletion, or NULL */
	bool left;	     /* before: only its stamp is to go */
};

struct leavers {
	struct cycle *c;
	struct leaver *v;
	size_t n, cap;
};

#define KEPT "its counterpart cannot be deleted: "

/* R's counterpart could not be deleted before, and was hidden: that it is deleted was permitted,
 * and told, then. */
static bool
was_kept(const struct record *r)
{
	return r->state == RECORD_LEFT && strncmp(r->last_error, KEPT, sizeof KEPT - 1) == 0;
}

/* R left before its source was gone: then its counterpart was hidden. */
static bool
may_be_deleted(const struct cycle *c, const struct record *r)
{
	return r->state == RECORD_LEFT && r->created &&
	       leaving_action(c->run->link, r, SCOPE_BASE) == LEAVE_DELETE;
}

/* What is concerned in a delta for several reasons leaves but once. */
static int
add_leaver(
    struct leavers *l, const struct record *r, enum scope_verdict why, bool free, struct err *err)
{
	enum held_verdict said = HELD_APPROVED;

	for (size_t i = 0; l->c->run->is_delta && i < l->n; i++)
		if (guid_equal(&l->v[i].source, &r->side[SOURCE].guid))
			return 0;
	/* Nothing is done to what is in use or has left, so there is nothing to limit. */
	if (!free && !was_kept(r) &&
	    limits_find_verdict(l->c, HELD_DELETES, &r->side[SOURCE].guid, NULL, &said, err) < 0)
		return -1;
	if (list_grow(l->v, l->n, l->cap) < 0)
		return err_nomem(err);
	l->v[l->n++] = (struct leaver){.source = r->side[SOURCE].guid,
	    .why = why,
	    .said = said,
	    .left = record_has_left(r) && !may_be_deleted(l->c, r)};
	return 0;
}

static int
judge_active(struct cycle *c, const struct record *r, struct active_side *ret, struct err *err)
{
	_cleanup_(entry_free) struct entry *source = NULL, *target = NULL;
	uint32_t index;

	if (cycle_find_source(c, r, &source, err) < 0 ||
	    cycle_find_recorded(c, r, &index, &target, err) < 0)
		return -1;
	*ret = cycle_active_side(c, source, target, r);
	return 0;
}

/* Has another source object taken target entry INDEX over in this cycle? */
static bool
is_anothers(struct cycle *c, uint32_t index, const struct guid *source)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	uint32_t owner = WORLD_NONE;
	struct err ignored;

	return plan_owner_of(c, index, &owner, &ignored) == 0 && owner != WORLD_NONE &&
	       world_get(c->world, SOURCE, owner, &e, &ignored) == 0 &&
	       !guid_equal(&e->guid, source);
}

/* The counterpart of R, which has left, may be called otherwise now: references to it are known by
 * its name. */
static int
note_name(struct cycle *c, const struct record *r, struct err *err)
{
	_cleanup_(plan_step_free) struct plan_step *s = NULL;
	_cleanup_(entry_free) struct entry *target = NULL;
	uint32_t index = WORLD_NONE;

	if (cycle_find_recorded(c, r, &index, &target, err) < 0)
		return -1;
	if (!target || strcmp(target->dn, r->side[TARGET].dn) == 0 ||
	    is_anothers(c, index, &r->side[SOURCE].guid))
		return 0;
	s = plan_step_new(WORLD_NONE, &r->side[SOURCE].guid);
	if (!s)
		return err_nomem(err);
	s->phase = PLAN_LEAVERS;
	if (record_dup(r, &s->record, err) < 0)
		return -1;
	if (record_set_str(&s->record->side[TARGET].dn, target->dn) < 0)
		return err_nomem(err);
	return plan_put_step(c, s, err);
}

/* Has the counterpart of R, which has left, our stamp still, although it lives on by itself if its
 * source is gone? So does what galsync created if it is in use, were it only since it left. */
static int
is_stamped(struct cycle *c, const struct record *r, bool *ret, struct err *err)
{
	_cleanup_(entry_free) struct entry *target = NULL;
	struct active_side active;
	uint32_t index;
	struct stamp stamp;

	if (!c->run->link->back || r->ended)
		return 0;
	if (cycle_find_recorded(c, r, &index, &target, err) < 0)
		return -1;
	*ret = target && stamp_of(target, c->run->link->target->stamp_attribute, &stamp) &&
	       guid_equal(&stamp.source, &r->side[SOURCE].guid);
	if (!*ret || !r->created || r->state == RECORD_FINISHED)
		return 0;
	active = cycle_active_side(c, NULL, target, r);
	*ret = leaving_is_in_use(&active);
	return 0;
}

static int
look_at(const struct record *r, void *arg, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	struct leavers *l = arg;
	struct active_side active;
	bool found, stamped = false;

	if (cycle_find_decision(l->c, &r->side[SOURCE].guid, &d, &found, err) < 0)
		return -1;
	if (found && d.verdict == SCOPE_IN)
		return 0;
	if (record_has_left(r) && !found && is_stamped(l->c, r, &stamped, err) < 0)
		return -1;
	if (record_has_left(r) && (found || !(stamped || may_be_deleted(l->c, r))))
		return note_name(l->c, r, err);
	if (judge_active(l->c, r, &active, err) < 0)
		return -1;
	return add_leaver(
	    l, r, found ? d.verdict : SCOPE_BASE, stamped || leaving_is_in_use(&active), err);
}

int
leave_prove_gone(
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

/* Adds to S what is done to TARGET, NULL: nothing, and the record of one that left. */
static int
fill_step(const struct cycle *c, struct plan_step *s, enum leaving l, const struct leaving_facts *f,
    struct record *r, struct err *err)
{
	const struct entry *target = f->target;
	struct change *change = NULL;

	s->phase = PLAN_LEAVERS;
	s->forgets = l == LEAVING_FORGET || l == LEAVING_DELETE;
	if (leaving_change(l, target, &change, err) < 0)
		return -1;
	if (leaving_lets_go(c->run->link, l, f)) {
		if (!change && !(change = change_new(CHANGE_MODIFY, target->dn, &target->guid)))
			return err_nomem(err);
		if (leaving_let_go(c->run->link, l, f, change, err) < 0) {
			change_free(change);
			return -1;
		}
	}
	if (change && plan_step_add(s, TARGET, change, target, "leave", err) < 0)
		return -1;
	return leaving_note(l, target, r, err);
}

/* Do the objects below the counterpart of L stay? */
static bool
keeps_children(const struct cycle *c, const struct record *r, enum leave_way way)
{
	return way == LEAVE_HIDDEN ||
	       (way == LEAVE_WITH_CHILDREN && !leaving_deletes_children(c->run->link, r));
}

/* What the rule asks about the correspondence R of L. RET_TARGET is what F->target points to;
 * F->gone: the source is not there, by its GUID too. *RET_TAKEN: another object takes it over. */
static int
gather(struct cycle *c, const struct record *r, const struct leaver *l, struct leaving_facts *f,
    struct entry **ret_target, bool *ret_taken, struct err *err)
{
	const struct guid *source = &r->side[SOURCE].guid;
	_cleanup_(entry_free) struct entry *e = NULL;
	bool others = false;
	uint32_t index;

	if (cycle_find_source(c, r, &e, err) < 0)
		return -1;
	if (leave_prove_gone(c, source, &f->gone, &f->missed, err) < 0 ||
	    cycle_find_recorded(c, r, &index, ret_target, err) < 0)
		return -1;
	*ret_taken = *ret_target && is_anothers(c, index, source);
	if (*ret_taken)
		return 0;
	if (!*ret_target && !f->missed && lag_may_come(c, source, r, &f->may_come, err) < 0)
		return -1;
	if (other_links_have(c, r, &others, err) < 0)
		return -1;
	f->shared = others;
	f->action = others ? LEAVE_KEEP : leaving_action(c->run->link, r, l->why);
	f->children = keeps_children(c, r, l->way);
	f->record = r;
	f->target = *ret_target;
	f->active = cycle_active_side(c, e, *ret_target, r);
	f->foreign = *ret_target &&
		     stamp_foreign(*ret_target, c->run->link->target->stamp_attribute).data != NULL;
	return 0;
}

static void
tell(struct cycle *c, const struct record *r, const char *why, enum leaving l, bool again)
{
	run_message(c->run, again ? LOG_DEBUG : LOG_INFO, &r->side[SOURCE].guid, r->side[SOURCE].dn,
	    "left: %s; its counterpart '%s' %s", why, r->side[TARGET].dn, leaving_text(l));
}

/* What is counted: not what is configured, but what is done. */
static enum leave_action
done_by(enum leaving l)
{
	return l == LEAVING_DELETE    ? LEAVE_DELETE
	       : l == LEAVING_DISABLE ? LEAVE_DISABLE
	       : l == LEAVING_HIDE    ? LEAVE_HIDE
				      : LEAVE_KEEP;
}

/* ---- what lies below a counterpart ---- */

struct below {
	const struct entry *target;
	struct entry **v;
	size_t n, cap;
};

static int
add_below(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct below *b = arg;

	if (guid_equal(&own->guid, &b->target->guid) || !dn_is_under(own->dn, b->target->dn))
		return 0;
	if (list_grow(b->v, b->n, b->cap) < 0)
		return err_nomem(err);
	b->v[b->n++] = TAKE(own);
	return 0;
}

static size_t
depth_of(const char *dn)
{
	size_t n = 0;

	while (*(dn = dn_parent(dn)))
		n++;
	return n;
}

static int
compare_depth(const void *x, const void *y)
{
	size_t a = depth_of((*(struct entry *const *)x)->dn);
	size_t b = depth_of((*(struct entry *const *)y)->dn);

	return a < b ? 1 : -(a > b);
}

static int
plan_child(struct cycle *c, const struct guid *source, const struct entry *e, struct err *err)
{
	_cleanup_(plan_step_free) struct plan_step *s = plan_step_new(WORLD_NONE, source);
	struct change *change = change_new(CHANGE_DELETE, e->dn, &e->guid);

	if (!s || !change) {
		change_free(change);
		return err_nomem(err);
	}
	s->phase = PLAN_LEAVERS;
	s->in_order = true;
	if (plan_step_add(s, TARGET, change, e, "leave", err) < 0)
		return -1;
	return plan_put_step(c, s, err);
}

/* All that is below TARGET, leaf by leaf. */
static int
plan_children(
    struct cycle *c, const struct guid *source, const struct entry *target, struct err *err)
{
	struct dir *d = c->run->dir[TARGET];
	const struct dir_query q = {
	    .base = target->dn, .scope = DIR_SUBTREE, .filter = "(objectClass=*)"};
	struct below b = {.target = target};
	int rc = d->ops->search(d, &q, add_below, &b, err);

	if (rc == 0 && b.n)
		qsort(b.v, b.n, sizeof *b.v, compare_depth);
	for (size_t i = 0; i < b.n; i++) {
		if (rc == 0)
			rc = plan_child(c, source, b.v[i], err);
		entry_free(b.v[i]);
	}
	free(b.v);
	return rc;
}

/* ---- one of them ---- */

/* R is that of one that left, and so of no failure; but for what kept its counterpart from being
 * deleted. */
static int
note_kept(struct record *r, const struct leaver *l, enum leaving leaving, struct err *err)
{
	_cleanup_(free) char *text = NULL;

	if (l->why_not && leaving == LEAVING_HIDE)
		text = str_printf(KEPT "%s; there are objects below "
				       "it: delete them%s",
		    l->why_not,
		    l->way == LEAVE_HIDDEN ? ", for galsync could not"
					   : ", or let delete_children do it");
	else
		text = strdup("");
	return text && record_set_str(&r->last_error, text) == 0 ? 0 : err_nomem(err);
}

/* It was counted as one that is deleted. */
static void
count_again(
    struct cycle *c, const struct leaver *l, enum leaving leaving, const struct plan_step *s)
{
	if (!l->why_not || leaving != LEAVING_HIDE || !c->res->left[LEAVE_DELETE])
		return;
	c->res->left[LEAVE_DELETE]--;
	c->res->left[LEAVE_HIDE] += s->n_changes > 0;
}

static int
put_leaver(struct cycle *c, const struct leaver *l, enum leaving leaving,
    const struct entry *target, struct plan_step *s, struct err *err)
{
	if (leaving == LEAVING_DELETE && leaving_deletes_children(c->run->link, s->record)) {
		s->in_order = true;
		if (plan_children(c, &l->source, target, err) < 0)
			return -1;
	}
	count_again(c, l, leaving, s);
	return plan_put_step(c, s, err);
}

/* The counterpart of SOURCE is forgotten when it has been taken over: if that fails it leaves. */
static int
wait_for_taker(struct cycle *c, const struct guid *source, struct err *err)
{
	return c->opt->plan_only
		   ? 0
		   : replan_add(c, WORLD_NONE, source, REPLAN_WAITED,
			 "its counterpart is being taken over by another object", err);
}

/* AGAIN: it is counted and told already. */
static int
plan_leaver(struct cycle *c, const struct leaver *l, bool again, struct err *err)
{
	_cleanup_(plan_step_free) struct plan_step *s = plan_step_new(WORLD_NONE, &l->source);
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(entry_free) struct entry *target = NULL;
	struct leaving_facts f = {.missed = false};
	enum leaving leaving;
	bool kept, taken;

	if (!s)
		return err_nomem(err);
	if (store_find_guid(c->run->map, c->run->link_id, SOURCE, &l->source, &r, err) < 0)
		return -1;
	if (!r)
		return 0;
	if (gather(c, r, l, &f, &target, &taken, err) < 0)
		return -1;
	if (taken)
		return wait_for_taker(c, &l->source, err);
	kept = was_kept(r);
	leaving = leaving_judge(&f);
	if (leaving == LEAVING_MISSED)
		return lag_note_missed(c, &l->source, err);
	if (leaving == LEAVING_LATER)
		return lag_wait_for(c, &l->source, err);
	/* Its record stays as it is: every full cycle looks at it again, and a delta when the value
	 * goes. */
	if (leaving == LEAVING_FOREIGN) {
		tell(c, r, f.gone ? "deleted" : scope_verdict_name(l->why), leaving, again);
		return 0;
	}
	/* Who has shown it again has had a reason. */
	if (l->left && leaving == LEAVING_HIDE)
		leaving = LEAVING_KEEP;
	if (fill_step(c, s, leaving, &f, r, err) < 0 || note_kept(r, l, leaving, err) < 0)
		return -1;
	s->counts = l->said == HELD_WAITS ? HELD_BIT(HELD_DELETES) : 0;
	if (target)
		c->res->left[done_by(leaving)] += !again;
	tell(c, r, f.gone ? "deleted" : scope_verdict_name(l->why),
	    s->n_changes || s->forgets || leaving == LEAVING_FINISH ? leaving : LEAVING_KEEP,
	    again || kept);
	/* A delta has looked at what refers to it (delta_followers.c). */
	if (target && leaving == LEAVING_DELETE && !c->run->is_delta &&
	    other_flow_note_of(c, TARGET, &target->guid, err) < 0)
		return -1;
	s->record = TAKE(r);
	return put_leaver(c, l, leaving, target, s, err);
}

int
leave_plan_one(struct cycle *c, const struct guid *source, enum leave_way way, const char *why,
    struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	_cleanup_(record_free) struct record *r = NULL;
	struct leaver l = {.source = *source,
	    .why = SCOPE_BASE,
	    .way = way,
	    .why_not = way == LEAVE_ALONE ? NULL : why};
	bool found;

	if (cycle_find_decision(c, source, &d, &found, err) < 0)
		return -1;
	if (found && d.verdict == SCOPE_IN)
		return 0;
	if (found)
		l.why = d.verdict;
	if (store_find_guid(c->run->map, c->run->link_id, SOURCE, source, &r, err) < 0)
		return -1;
	if (!r)
		return 0;
	l.said = HELD_APPROVED;
	if (!was_kept(r) && limits_find_verdict(c, HELD_DELETES, source, NULL, &l.said, err) < 0)
		return -1;
	return l.said == HELD_REJECTED ? 0 : plan_leaver(c, &l, true, err);
}

static int
look_at_concerned(struct cycle *c, struct leavers *l, struct err *err)
{
	for (size_t i = 0; i < delta_about(c)->n; i++) {
		_cleanup_(record_free) struct record *r = NULL;

		if (store_find_guid(
			c->run->map, c->run->link_id, SOURCE, &delta_about(c)->v[i], &r, err) < 0)
			return -1;
		if (r && look_at(r, l, err) < 0)
			return -1;
	}
	return 0;
}

static void
tell_left_alone(const struct cycle *c, const struct leaver *l)
{
	char what[120];

	(void)snprintf(what, sizeof what, "left: %s; nothing is done to its counterpart",
	    scope_verdict_name(l->why));
	limits_tell(c, HELD_DELETES, &l->source, l->said, what);
}

int
leave_plan_all(struct cycle *c, struct err *err)
{
	struct leavers l = {.c = c};
	int rc = 0;

	if (!c->run->map)
		return 0;
	rc = c->run->is_delta ? look_at_concerned(c, &l, err)
			      : store_each(c->run->map, c->run->link_id, look_at, &l, err);
	if (rc == 0)
		rc = limits_check(c, HELD_DELETES, err);
	for (size_t i = 0; rc == 0 && i < l.n; i++)
		if (l.v[i].said == HELD_APPROVED ||
		    (l.v[i].said == HELD_WAITS && !limits_hold(c, HELD_DELETES)))
			rc = plan_leaver(c, &l.v[i], false, err);
		else
			tell_left_alone(c, &l.v[i]);
	free(l.v);
	return rc;
}
