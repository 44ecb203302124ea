/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/limits.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "dsa/base/list.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/delta.h"
#include "dsa/directory/guid_set.h"
#include "dsa/rules/limit.h"

/* Those that a limit is about, by source GUID. */
struct limited {
	struct guid_list waits; /* no operator decided: these count */
	uint32_t
	    *amounts; /* of members that are to be removed: how many of each of them; else NULL */
	size_t cap_amounts;
	uint64_t amount; /* of all of them */
	struct guid_list approved, rejected;
	uint64_t stored; /* in a delta: those that wait since an earlier cycle */
	bool held;	 /* all these are too many: nothing is done to them */
	bool early;	 /* what waits since an earlier cycle alone was */
	bool told;
};

struct limits {
	struct limited of[HELD_KIND_MAX];
	struct guid_set undone; /* what an operator took back, and nobody approved */
	const char *why_full; /* delta: why everything has to be looked at, found while planning */
	uint64_t decided;     /* the operators' decisions that this cycle knows of */
};

int
limits_new(struct limits **ret, struct err *err)
{
	*ret = calloc(1, sizeof **ret);
	return *ret ? 0 : err_nomem(err);
}

void
limits_free(struct limits *l)
{
	for (size_t i = 0; l && i < HELD_KIND_MAX; i++) {
		free(l->of[i].waits.v);
		free(l->of[i].amounts);
		free(l->of[i].approved.v);
		free(l->of[i].rejected.v);
	}
	if (l)
		guid_set_done(&l->undone);
	free(l);
}

const char *
limits_why_full(const struct cycle *c)
{
	return c->limits->why_full;
}

bool
limits_hold(const struct cycle *c, enum held_kind kind)
{
	return c->limits->of[kind].held;
}

bool
limits_hold_any(const struct cycle *c, unsigned kinds)
{
	for (size_t i = 0; i < HELD_KIND_MAX; i++)
		if ((kinds & HELD_BIT(i)) && c->limits->of[i].held)
			return true;
	return false;
}

const struct guid_list *
limits_waiting(const struct cycle *c, enum held_kind kind)
{
	return &c->limits->of[kind].waits;
}

/* Is H, a verdict on its source object, one on the match with TARGET (NULL: on no match)? What was
 * rejected when the target was not written down stays rejected. */
static bool
is_about(const struct store_held *h, const struct guid *target)
{
	return !target || guid_equal(target, &h->target) ||
	       (h->verdict == HELD_REJECTED && guid_is_zero(&h->target));
}

/* SOURCE waits for AMOUNT of L. */
static int
add_waiting(struct limited *l, const struct guid *source, uint32_t amount, struct err *err)
{
	if (list_grow(l->amounts, l->waits.n, l->cap_amounts) < 0)
		return err_nomem(err);
	l->amounts[l->waits.n] = amount;
	l->amount += amount;
	return guid_list_add(&l->waits, source, err);
}

static int
find_verdict(struct cycle *c, enum held_kind kind, const struct guid *source,
    const struct guid *target, uint32_t amount, enum held_verdict *ret, struct err *err)
{
	struct limited *l = &c->limits->of[kind];
	struct store_held h;
	bool found = false;

	*ret = HELD_APPROVED;
	if (kind != HELD_SWITCHES && kind != HELD_MATCHES && cycle_is_asked_for(c, source))
		return 0;
	if (c->run->map &&
	    store_find_held(c->run->map, c->run->link_id, kind, source, &h, &found, err) < 0)
		return -1;
	/* What was decided about another pair says nothing of this one. */
	found = found && is_about(&h, target);
	*ret = found ? h.verdict : HELD_WAITS;
	/* It may be decided, or what is held planned, again while the cycle runs. */
	if ((kind == HELD_MATCHES || l->held) && *ret == HELD_WAITS &&
	    guid_list_has(&l->waits, source))
		return 0;
	if (*ret == HELD_WAITS)
		return add_waiting(l, source, amount, err);
	return guid_list_add(*ret == HELD_APPROVED ? &l->approved : &l->rejected, source, err);
}

int
limits_find_verdict(struct cycle *c, enum held_kind kind, const struct guid *source,
    const struct guid *target, enum held_verdict *ret, struct err *err)
{
	return find_verdict(c, kind, source, target, 1, ret, err);
}

int
limits_find_verdict_of(struct cycle *c, enum held_kind kind, const struct guid *source,
    uint32_t amount, enum held_verdict *ret, struct err *err)
{
	return find_verdict(c, kind, source, NULL, amount, ret, err);
}

int
limits_find_rejected(
    struct cycle *c, enum held_kind kind, const struct guid *source, bool *ret, struct err *err)
{
	struct store_held h;
	bool found = false;

	*ret = false;
	if (cycle_is_asked_for(c, source) || !c->run->map)
		return 0;
	if (store_find_held(c->run->map, c->run->link_id, kind, source, &h, &found, err) < 0)
		return -1;
	*ret = found && h.verdict == HELD_REJECTED;
	return *ret ? guid_list_add(&c->limits->of[kind].rejected, source, err) : 0;
}

/* ---- how many ---- */

static const char within_limits[] = "what was held is within the limits now";

struct waiting {
	const struct guid_set *but; /* not these */
	uint64_t n[HELD_KIND_MAX];
};

static int
take_undone(const struct store_held *h, void *arg, struct err *err)
{
	struct limits *l = arg;

	if (h->kind != HELD_UNDONE || h->verdict == HELD_APPROVED)
		return 0;
	return guid_set_add(&l->undone, &h->source) < 0 ? err_nomem(err) : 0;
}

static int
count_waiting(const struct store_held *h, void *arg, struct err *err)
{
	struct waiting *w = arg;

	(void)err;
	if (h->verdict == HELD_WAITS && !guid_set_has(w->but, &h->source))
		w->n[h->kind] += held_amount(h);
	return 0;
}

/* Is N of KIND too many? */
static int
is_too_many(struct cycle *c, enum held_kind kind, uint64_t n, char *why, size_t size, bool *ret,
    struct err *err)
{
	struct limit_use use = {.n = n};
	struct store_counts counts = {0};

	if (c->run->map && n &&
	    (store_count(c->run->map, c->run->link_id, &counts, err) < 0 ||
		store_get_spent(
		    c->run->map, c->run->link_id, kind, c->run->start_s, &use.spent, err) < 0))
		return -1;
	use.records = counts.records;
	*ret = !limit_allows(c->run->link, kind, &use, why, size);
	return 0;
}

/* Is only a part of an object held by a limit of KIND, and the rest of it goes on? */
static bool
holds_a_part(enum held_kind kind)
{
	return kind == HELD_MEMBER_REMOVALS || kind == HELD_PRIMARY_CHANGES;
}

/* N of KIND wait since an earlier cycle. */
static int
recall_waiting(
    struct cycle *c, enum held_kind kind, uint64_t n, const char **ret_why, struct err *err)
{
	struct limited *l = &c->limits->of[kind];
	char why[200];
	bool too_many;

	if (is_too_many(c, kind, n, why, sizeof why, &too_many, err) < 0)
		return -1;
	/* A plan shows what is held, so it has that in it. */
	l->early = l->held =
	    too_many && holds_a_part(kind) && (!c->opt->plan_only || c->opt->look_at);
	/* A full cycle finds by itself what is to be held. */
	if (!c->run->is_delta)
		return 0;
	l->stored = n;
	if (n && !too_many)
		*ret_why = within_limits;
	return 0;
}

int
limits_recall(struct cycle *c, const char **ret_why, struct err *err)
{
	const struct guid_set none = {0};
	struct waiting w = {.but = &none};
	uint64_t carried_out;

	*ret_why = NULL;
	if (store_get_decided(
		c->run->map, c->run->link_id, &c->limits->decided, &carried_out, err) < 0 ||
	    store_each_held(c->run->map, c->run->link_id, take_undone, c->limits, err) < 0)
		return -1;
	if (store_each_held(c->run->map, c->run->link_id, count_waiting, &w, err) < 0)
		return -1;
	if (c->run->is_delta && c->limits->decided != carried_out)
		*ret_why = "an operator decided about what was held";
	for (size_t i = 0; i < HELD_KIND_MAX; i++)
		if (held_is_limit((enum held_kind)i) &&
		    recall_waiting(c, (enum held_kind)i, w.n[i], ret_why, err) < 0)
			return -1;
	return 0;
}

static int
add_all(struct guid_set *s, const struct guid_list *l, struct err *err)
{
	for (size_t i = 0; i < l->n; i++)
		if (guid_set_add(s, &l->v[i]) < 0)
			return err_nomem(err);
	return 0;
}

/* Those of KIND that wait since an earlier cycle and that this delta did not look at. */
static int
count_others(struct cycle *c, enum held_kind kind, uint64_t *ret, struct err *err)
{
	_cleanup_(guid_set_done) struct guid_set seen = {0};
	const struct limited *l = &c->limits->of[kind];
	struct waiting w = {.but = &seen};

	*ret = c->run->is_delta && c->run->map ? l->stored : 0;
	if (*ret == 0 || delta_about(c)->n == 0)
		return 0;
	/* What others refer to is looked at too. */
	if (add_all(&seen, delta_about(c), err) < 0 || add_all(&seen, &l->waits, err) < 0 ||
	    store_each_held(c->run->map, c->run->link_id, count_waiting, &w, err) < 0)
		return -1;
	*ret = w.n[kind];
	return 0;
}

int
limits_check(struct cycle *c, enum held_kind kind, struct err *err)
{
	struct limited *l = &c->limits->of[kind];
	struct cycle_result *r = c->res;
	size_t len = strlen(r->held_why);
	uint64_t others;
	bool too_many;
	char why[200];

	if (count_others(c, kind, &others, err) < 0 ||
	    is_too_many(c, kind, l->amount + others, why, sizeof why, &too_many, err) < 0)
		return -1;
	if (!too_many && others)
		c->limits->why_full = within_limits;
	/* What was left out already waits until the next delta finds that it need not. */
	l->held = too_many || (l->early && l->waits.n);
	/* A delta that goes on finding objects asks again, but says it once. */
	if (!too_many || l->told)
		return 0;
	l->told = true;
	for (size_t i = 0; i < c->opt->n_objects; i++)
		r->held_asked += guid_list_has(&l->waits, &c->opt->objects[i]);
	r->held = true;
	(void)snprintf(r->held_why + len, sizeof r->held_why - len, "%s%s", len ? "; " : "", why);
	return 0;
}

int
limits_check_all(struct cycle *c, struct err *err)
{
	for (size_t kind = HELD_NOTHING + 1; kind < HELD_KIND_MAX; kind++)
		if (held_is_limit((enum held_kind)kind) &&
		    limits_check(c, (enum held_kind)kind, err) < 0)
			return -1;
	return 0;
}

int
limits_each_held(const struct cycle *c, limits_held_fn *fn, void *arg, struct err *err)
{
	for (size_t i = 0; i < HELD_KIND_MAX; i++) {
		const struct limited *l = &c->limits->of[i];

		for (size_t j = 0; l->held && j < l->waits.n; j++)
			if (fn((enum held_kind)i, &l->waits.v[j], arg, err) < 0)
				return -1;
	}
	return 0;
}

int
limits_add_held(struct cycle *c, struct guid_set *ret, struct err *err)
{
	for (size_t i = 0; i < HELD_KIND_MAX; i++)
		if (c->limits->of[i].held && add_all(ret, &c->limits->of[i].waits, err) < 0)
			return -1;
	return 0;
}

/* What is counted while an object is planned. */
static const enum held_kind planned[] = {
    HELD_REDIRECTIONS, HELD_MEMBER_REMOVALS, HELD_PRIMARY_CHANGES};

int
limits_check_planned(struct cycle *c, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(planned); i++)
		if (limits_check(c, planned[i], err) < 0)
			return -1;
	return 0;
}

/* What the last round did is spent by now. */
void
limits_begin_round(struct cycle *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(planned); i++) {
		struct limited *l = &c->limits->of[planned[i]];

		if (l->held)
			continue;
		l->waits.n = 0;
		l->amount = 0;
	}
}

int
limits_check_round(struct cycle *c, struct err *err)
{
	bool news = false;

	for (size_t i = 0; i < ARRAY_SIZE(planned); i++) {
		struct limited *l = &c->limits->of[planned[i]];

		if (l->held || l->waits.n == 0)
			continue;
		if (limits_check(c, planned[i], err) < 0)
			return -1;
		news |= l->held;
	}
	if (news)
		limits_report(c);
	return 0;
}

void
limits_report(struct cycle *c)
{
	const struct run_event held = {.kind = RUN_HELD, .level = LOG_ERR};

	if (c->res->held)
		run_event(c->run, &held, "%s: held until an operator approves or rejects it",
		    c->res->held_why);
}

void
limits_tell(const struct cycle *c, enum held_kind kind, const struct guid *source,
    enum held_verdict said, const char *what)
{
	_cleanup_(record_free) struct record *r = NULL;
	struct err ignored;

	if (!c->run->observer->decisions)
		return;
	if (c->run->map &&
	    store_find_guid(c->run->map, c->run->link_id, SOURCE, source, &r, &ignored) < 0)
		return;
	if (said == HELD_REJECTED)
		run_decided(c->run, source, r ? r->side[SOURCE].dn : NULL,
		    "%s: an operator rejected it", what);
	else
		run_decided(c->run, source, r ? r->side[SOURCE].dn : NULL,
		    "%s: the limit of %s holds it", what, held_kind_name(kind));
}

bool
limits_is_undone(const struct cycle *c, const struct guid *source)
{
	return guid_set_has(&c->limits->undone, source);
}

/* A loop is ended whatever was taken back. */
enum held_kind
limits_holding(const struct cycle *c, const struct plan_step *s)
{
	if (s->n_changes && s->phase != PLAN_CIRCLES && limits_is_undone(c, &s->guid))
		return HELD_UNDONE;
	for (size_t i = 0; i < HELD_KIND_MAX; i++)
		if ((s->counts & HELD_BIT(i)) && c->limits->of[i].held)
			return (enum held_kind)i;
	return HELD_NOTHING;
}

int
limits_list_parted(const struct cycle *c, struct guid_list *ret, struct err *err)
{
	_cleanup_(guid_set_done) struct guid_set seen = {0};

	for (size_t i = 0; i < HELD_KIND_MAX; i++) {
		const struct limited *l = &c->limits->of[i];
		bool parted = l->held && !l->early && holds_a_part((enum held_kind)i);

		for (size_t j = 0; parted && j < l->waits.n; j++) {
			int news = guid_set_add(&seen, &l->waits.v[j]);

			if (news < 0)
				return err_nomem(err);
			if (news && guid_list_add(ret, &l->waits.v[j], err) < 0)
				return -1;
		}
	}
	return 0;
}

bool
limits_uncount_if_held(struct cycle *c, const struct plan_step *s)
{
	bool touched[SIDES] = {false, false};

	if (limits_holding(c, s) == HELD_NOTHING)
		return false;
	c->res->changes -= s->n_changes;
	for (size_t i = 0; i < s->n_changes; i++)
		touched[s->changes[i].side] = s->phase != PLAN_LINKS;
	c->res->updated[SOURCE] -= touched[SOURCE];
	c->res->updated[TARGET] -= touched[TARGET];
	return true;
}

/* ---- what the map keeps ---- */

struct prune {
	struct cycle *c;
	struct guid_set wanted[HELD_KIND_MAX];	 /* it would be done to these: held, rejected */
	struct guid_set approved[HELD_KIND_MAX]; /* it was done to these, if it worked */
	struct guid_set concerned;		 /* delta: what this cycle looked at */
	struct held_list old;
};

static int
keep_or_take(const struct store_held *h, void *arg, struct err *err)
{
	struct prune *p = arg;

	if (guid_set_has(&p->wanted[h->kind], &h->source) ||
	    (h->kind == HELD_UNDONE && h->verdict != HELD_APPROVED) ||
	    (p->c->run->is_delta && !guid_set_has(&p->concerned, &h->source)))
		return 0;
	return held_list_add(&p->old, h) < 0 ? err_nomem(err) : 0;
}

static int
is_tried_again(
    struct cycle *c, struct store_txn *t, const struct guid *source, bool *ret, struct err *err)
{
	struct store_retry retry = {.attempts = 0};

	if (store_find_retry(t, c->run->link_id, source, &retry, ret, err) < 0)
		return -1;
	store_retry_done(&retry);
	return 0;
}

static bool
is_planned(enum held_kind kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(planned); i++)
		if (planned[i] == kind)
			return true;
	return false;
}

/* Was H's object not looked at (it is in conflict, or its counterpart may be on another server, or
 * it was missing from an answer), or is what was approved not done yet? */
static int
is_open(
    struct prune *p, struct store_txn *t, const struct store_held *h, bool *ret, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	_cleanup_(record_free) struct record *r = NULL;
	struct cycle *c = p->c;
	bool found;

	*ret = false;
	if (store_find_guid(t, c->run->link_id, SOURCE, &h->source, &r, err) < 0 ||
	    cycle_find_decision(c, &h->source, &d, &found, err) < 0)
		return -1;
	/* A first match has no record before it is done. */
	if (!r && h->kind == HELD_MATCHES) {
		*ret = found && d.verdict == SCOPE_IN && d.state != DECIDE_CREATE && !d.ignored;
		return 0;
	}
	if (!r || record_has_left(r))
		return 0;
	*ret = !found || !decision_has_target(&d);
	if (*ret || !guid_set_has(&p->approved[h->kind], &h->source))
		return 0;
	*ret = h->kind == HELD_SWITCHES && r->active == SOURCE;
	return is_planned(h->kind) ? is_tried_again(c, t, &h->source, ret, err) : 0;
}

/* What a full cycle holds, it has found itself. */
static int
forget(struct prune *p, struct store_txn *t, const struct store_held *h, struct err *err)
{
	bool open = false;

	if ((h->verdict != HELD_WAITS || p->c->run->is_delta) && is_open(p, t, h, &open, err) < 0)
		return -1;
	return open ? 0 : store_clear_held(t, p->c->run->link_id, h->kind, &h->source, err);
}

static int
forget_done(struct cycle *c, struct store_txn *t, struct err *err)
{
	struct prune p = {.c = c};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < HELD_KIND_MAX; i++) {
		rc = add_all(&p.wanted[i], &c->limits->of[i].rejected, err);
		if (rc == 0)
			rc = add_all(&p.approved[i], &c->limits->of[i].approved, err);
		if (rc == 0 && c->limits->of[i].held)
			rc = add_all(&p.wanted[i], &c->limits->of[i].waits, err);
	}
	if (rc == 0 && c->run->is_delta)
		rc = add_all(&p.concerned, delta_about(c), err);
	if (rc == 0)
		rc = store_each_held(t, c->run->link_id, keep_or_take, &p, err);
	for (size_t i = 0; rc == 0 && i < p.old.n; i++)
		rc = forget(&p, t, &p.old.v[i], err);
	for (size_t i = 0; i < HELD_KIND_MAX; i++) {
		guid_set_done(&p.wanted[i]);
		guid_set_done(&p.approved[i]);
	}
	guid_set_done(&p.concerned);
	free(p.old.v);
	return rc;
}

/* The object with which SOURCE would be matched, or zero. One that has a contact meanwhile would be
 * with the candidate. */
static int
find_match(struct cycle *c, const struct guid *source, struct guid *ret, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {.target = WORLD_NONE};
	_cleanup_(entry_free) struct entry *target = NULL;
	bool found;

	if (cycle_find_decision(c, source, &d, &found, err) < 0 ||
	    (d.target != WORLD_NONE && world_get(c->world, TARGET, d.target, &target, err) < 0))
		return -1;
	*ret = target && !(d.in_conflict && d.reason == CONFLICT_MATCH) ? target->guid
									: d.candidate_guids[0];
	return 0;
}

/* What an operator said while the cycle ran is kept, if it was about this. */
static int
put_held(struct cycle *c, struct store_txn *t, enum held_kind kind, size_t which, struct err *err)
{
	const struct limited *l = &c->limits->of[kind];
	const struct guid *source = &l->waits.v[which];
	uint32_t amount = kind == HELD_MEMBER_REMOVALS ? l->amounts[which] : 0;
	struct guid target = {{0}};
	struct store_held h;
	bool found;

	if ((kind == HELD_MATCHES && find_match(c, source, &target, err) < 0) ||
	    store_find_held(t, c->run->link_id, kind, source, &h, &found, err) < 0)
		return -1;
	found = found && guid_equal(&h.target, &target);
	if (found && (h.verdict != HELD_WAITS || h.amount == amount))
		return 0;
	if (!found)
		h.since = c->run->start_s;
	h.target = target;
	h.verdict = HELD_WAITS;
	h.amount = amount;
	return store_put_held(t, c->run->link_id, &h, err);
}

static int
found_one(const struct store_held *h, void *arg, struct err *err)
{
	(void)err;
	(void)h;
	*(bool *)arg = true;
	return 1;
}

int
limits_store(struct cycle *c, struct store_txn *t, struct err *err)
{
	bool any = false;

	if (!c->run->is_delta &&
	    store_put_carried_out(t, c->run->link_id, c->limits->decided, err) < 0)
		return -1;
	if (store_each_held(t, c->run->link_id, found_one, &any, err) < 0 ||
	    (any && forget_done(c, t, err) < 0))
		return -1;
	for (size_t i = 0; i < HELD_KIND_MAX; i++)
		for (size_t j = 0; c->limits->of[i].held && j < c->limits->of[i].waits.n; j++)
			if (put_held(c, t, (enum held_kind)i, j, err) < 0)
				return -1;
	return 0;
}
