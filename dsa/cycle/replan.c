/* SPDX-License-Identifier: MIT */
/*
 * A server that dies may forget the last writes it acknowledged. Then what refers to an object that
 * this cycle made is refused, in every round, until that is made again: so what such an object
 * refers to is looked at, and what is missing joins it. All are decided before the first of them is
 * planned, so that a step waits for the steps it refers to, whatever order they failed in.
 */
#include "dsa/cycle/replan.h"

#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/cycle/circles.h"
#include "dsa/cycle/confirm.h"
#include "dsa/cycle/conflicts.h"
#include "dsa/cycle/decide.h"
#include "dsa/cycle/delta.h"
#include "dsa/cycle/leave.h"
#include "dsa/cycle/limits.h"
#include "dsa/cycle/outcome.h"
#include "dsa/cycle/plan.h"
#include "dsa/cycle/records.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/guid_set.h"

/* A source entry to be read, decided and planned again, and what the server said. */
struct again {
	uint32_t source;  /* WORLD_NONE: one that left */
	struct guid left; /* and its GUID */
	enum replan_reason reason;
	char why[200];
};

struct list {
	struct again *v;
	size_t n, cap;
};

/* So often an object is planned again without being nearer to its end. */
#define TRIES 4

struct replan {
	struct list next;	      /* of the next round */
	struct list spent;	      /* what was tried often enough */
	bool lost;		      /* in this round a connection broke */
	bool drifted;		      /* in the round before something was not done as planned */
	struct guid_set tried[TRIES]; /* sources that were tried once, twice, ... */
	struct guid_set moved;	      /* sources of what was not the same when it was read again */
	struct guid_set nonleaf;      /* sources whose counterparts have objects below them */
	struct guid_set circles;      /* sources that were looked at for circles in this round */
};

int
replan_new(struct replan **ret, struct err *err)
{
	*ret = calloc(1, sizeof **ret);
	return *ret ? 0 : err_nomem(err);
}

void
replan_free(struct replan *r)
{
	if (r) {
		free(r->next.v);
		free(r->spent.v);
		for (size_t i = 0; i < TRIES; i++)
			guid_set_done(&r->tried[i]);
		guid_set_done(&r->moved);
		guid_set_done(&r->nonleaf);
		guid_set_done(&r->circles);
	}
	free(r);
}

/* Not done as planned, because of what others did or what the server said. */
static bool
is_drift(enum replan_reason reason)
{
	return reason != REPLAN_TAKES && reason != REPLAN_WAITED;
}

/* A circle is looked at whenever its object is; and that an object waits says less than that it
 * failed. */
static bool
outweighs(enum replan_reason reason, enum replan_reason old)
{
	if (reason == REPLAN_CIRCLE || old == REPLAN_CIRCLE)
		return reason != REPLAN_CIRCLE;
	return is_drift(reason) && !is_drift(old);
}

/* The place of source entry SOURCE, or of the one that left as LEFT, in L; or L->n. */
static size_t
find_in(const struct list *l, uint32_t source, const struct guid *left)
{
	size_t i = 0;

	while (i < l->n && (l->v[i].source != source ||
			       (source == WORLD_NONE && !guid_equal(&l->v[i].left, left))))
		i++;
	return i;
}

static int
put_in(struct list *l, const struct again *a, struct err *err)
{
	size_t i = find_in(l, a->source, &a->left);

	if (i == l->n) {
		if (list_grow(l->v, l->n, l->cap) < 0)
			return err_nomem(err);
		l->n++;
	}
	l->v[i] = *a;
	return 0;
}

/* It has another chance. */
static void
take_out(struct list *l, uint32_t source, const struct guid *left)
{
	size_t i = find_in(l, source, left);

	if (i < l->n)
		l->v[i] = l->v[--l->n];
}

/* *RET: the object G may be tried once more. */
static int
try_once_more(struct replan *r, const struct guid *g, bool *ret, struct err *err)
{
	int news = 0;

	for (size_t i = 0; news == 0 && i < TRIES; i++)
		news = guid_set_add(&r->tried[i], g);
	*ret = news > 0;
	return news < 0 ? err_nomem(err) : 0;
}

int
replan_may_try(struct cycle *c, const struct guid *source, bool *ret, struct err *err)
{
	*ret = false;
	return c->replan->drifted ? try_once_more(c->replan, source, ret, err) : 0;
}

int
replan_add(struct cycle *c, uint32_t source, const struct guid *left, enum replan_reason reason,
    const char *why, struct err *err)
{
	struct again a = {.source = source, .left = *left, .reason = reason};
	struct replan *r = c->replan;
	size_t at = find_in(&r->next, source, left);
	bool may = true;

	/* An OU is looked for again by the objects that are to be in it. */
	if (source == WORLD_NONE && guid_is_zero(left))
		return 0;
	if (at < r->next.n && !outweighs(reason, r->next.v[at].reason))
		return 0;
	err_escape(a.why, sizeof a.why, bytes_of(why));
	if (at == r->next.n && is_drift(reason) && try_once_more(r, left, &may, err) < 0)
		return -1;
	if (may)
		take_out(&r->spent, source, left);
	return put_in(may ? &r->next : &r->spent, &a, err);
}

void
replan_note_lost(struct cycle *c)
{
	c->replan->lost = true;
}

bool
replan_is_needed(const struct cycle *c)
{
	return c->replan->next.n > 0;
}

static bool
is_same(const struct entry *x, const struct entry *y)
{
	_cleanup_(buf_done) struct buf a = {0}, b = {0};

	entry_encode(x, &a);
	entry_encode(y, &b);
	return !a.failed && !b.failed && bytes_equal(buf_bytes(&a), buf_bytes(&b));
}

/* Reads entry *INDEX of SIDE again; *MOVED if it is not as it was. */
static int
refresh(struct cycle *c, enum side side, uint32_t *index, bool *moved, struct err *err)
{
	_cleanup_(entry_free) struct entry *before = NULL, *now = NULL;

	if (world_get(c->world, side, *index, &before, err) < 0)
		return -1;
	/* It has gone, in this very cycle. */
	if (!*before->dn)
		return 0;
	if (world_refresh(c->world, side, &before->guid, NULL, index, err) < 0 ||
	    world_get(c->world, side, *index, &now, err) < 0)
		return -1;
	*moved |= !is_same(before, now);
	return 0;
}

/* Something has appeared under the name DN that was free, perhaps our own work. */
static int
refresh_name(struct cycle *c, const char *dn, bool *moved, struct err *err)
{
	static const struct guid none;
	uint32_t there = WORLD_NONE;

	if (world_find_dn(c->world, TARGET, dn, &there, err) < 0 ||
	    world_refresh(c->world, TARGET, &none, dn, &there, err) < 0)
		return -1;
	*moved |= there != WORLD_NONE;
	return 0;
}

/* Reads both objects of D, the decision about source entry *INDEX, again. */
static int
refresh_both(struct cycle *c, uint32_t *index, struct decision *d, struct err *err)
{
	bool moved = false;

	if (refresh(c, SOURCE, index, &moved, err) < 0)
		return -1;
	if (d->target != WORLD_NONE
		? refresh(c, TARGET, &d->target, &moved, err) < 0
		: *d->target_dn && refresh_name(c, d->target_dn, &moved, err) < 0)
		return -1;
	return moved && guid_set_add(&c->replan->moved, &d->source) < 0 ? err_nomem(err) : 0;
}

static int
decide_again(struct cycle *c, uint32_t index, enum replan_reason reason, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0}, old = {0};
	_cleanup_(entry_free) struct entry *source = NULL;
	bool found;

	if (cycle_get_decision(c, index, &old, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	if (refresh_both(c, &index, &old, err) < 0 ||
	    world_get(c->world, SOURCE, index, &source, err) < 0)
		return -1;
	if (!*source->dn) {
		decision_done(&old);
		return cycle_put_decision(c, index, &old, err);
	}
	if (delta_fetch_references(c, source, err) < 0)
		return -1;
	if (decide_one(c, index, source, &d, err) < 0 || limits_check(c, HELD_MATCHES, err) < 0 ||
	    decide_hold_match(c, &d, err) < 0)
		return -1;
	if ((d.state == DECIDE_CREATE || d.state == DECIDE_PROMOTE) &&
	    decide_names(c, index, source, &d, err) < 0)
		return -1;
	d.apart = old.apart || reason == REPLAN_APART;
	d.waited = old.waited;
	decide_tell(c, &d);
	return cycle_put_decision(c, index, &d, err);
}

/* What is below a counterpart stands in the way once, and if it does so again it stays. */
static int
find_way(struct cycle *c, const struct again *a, enum leave_way *ret, struct err *err)
{
	int news;

	*ret = LEAVE_ALONE;
	if (a->reason != REPLAN_NONLEAF)
		return 0;
	news = guid_set_add(&c->replan->nonleaf, &a->left);
	*ret = news ? LEAVE_WITH_CHILDREN : LEAVE_HIDDEN;
	return news < 0 ? err_nomem(err) : 0;
}

/* One left: what is to be done with its counterpart depends on what that is now. */
static int
replan_leaver(struct cycle *c, const struct again *a, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(entry_free) struct entry *target = NULL;
	const struct guid *source = &a->left;
	uint32_t index = WORLD_NONE;
	enum leave_way way;

	if (store_find_guid(c->run->map, c->run->link_id, SOURCE, source, &r, err) < 0)
		return -1;
	if (!r)
		return 0;
	if (cycle_find_recorded(c, r, &index, &target, err) < 0 ||
	    (target && world_refresh(c->world, TARGET, &target->guid, NULL, &index, err) < 0) ||
	    find_way(c, a, &way, err) < 0)
		return -1;
	return leave_plan_one(c, source, way, a->why, err);
}

/* Source entry INDEX could not be planned again: nothing may refer to what was to be created. */
static int
set_aside(struct cycle *c, uint32_t index, struct err *err)
{
	_cleanup_(decision_done) struct decision d = {0};
	bool found;

	if (index == WORLD_NONE)
		return 0;
	if (cycle_get_decision(c, index, &d, &found, err) < 0)
		return -1;
	if (!found || d.state == DECIDE_MATCHED)
		return 0;
	d.state = DECIDE_NOTHING;
	return cycle_put_decision(c, index, &d, err);
}

/* Runs ONE for each; moves those that fail to the front. */
static int
for_each(struct cycle *c, struct again *again, size_t n, size_t *ret_failed,
    int (*one)(struct cycle *c, const struct again *a, struct err *err), struct err *err)
{
	for (size_t i = *ret_failed; i < n; i++) {
		struct again failed = again[i];

		if (one(c, &failed, err) == 0)
			continue;
		if (err->scope != ERR_ENTRY)
			return -1;
		err_escape(failed.why, sizeof failed.why, bytes_of(err->text));
		again[i] = again[*ret_failed];
		again[(*ret_failed)++] = failed;
		if (set_aside(c, failed.source, err) < 0)
			return -1;
	}
	return 0;
}

static int
decide_listed(struct cycle *c, const struct again *a, struct err *err)
{
	return a->source == WORLD_NONE ? 0 : decide_again(c, a->source, a->reason, err);
}

static int
plan_leaver(struct cycle *c, const struct again *a, struct err *err)
{
	return a->source == WORLD_NONE && a->reason != REPLAN_CIRCLE ? replan_leaver(c, a, err) : 0;
}

static int
plan_circle(struct cycle *c, const struct again *a, struct err *err)
{
	int news = guid_set_add(&c->replan->circles, &a->left);

	if (news <= 0)
		return news < 0 ? err_nomem(err) : 0;
	return circles_plan_again(c, &a->left, err);
}

static int
plan_listed(struct cycle *c, const struct again *a, struct err *err)
{
	return a->source == WORLD_NONE ? 0 : plan_one_object(c, a->source, err);
}

/* Those that are planned again in one round; the first N_FAILED of them could not be. */
struct round {
	struct again *v;
	size_t n, n_failed;
};

static int
plan_all_listed(struct cycle *c, void *arg, struct err *err)
{
	struct round *r = arg;

	return for_each(c, r->v, r->n, &r->n_failed, plan_listed, err);
}

/* The source object DN has a counterpart that this cycle made: is it still there? */
static int
look_at_reference(struct cycle *c, const char *dn, struct guid_set *seen, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", NULL};
	struct dir *d = c->run->dir[TARGET];
	_cleanup_(decision_done) struct decision ref = {0};
	_cleanup_(entry_free) struct entry *e = NULL;
	uint32_t index;
	bool found;
	int news;

	if (world_find_dn(c->world, SOURCE, dn, &index, err) < 0)
		return -1;
	if (index == WORLD_NONE)
		return 0;
	if (cycle_get_decision(c, index, &ref, &found, err) < 0)
		return -1;
	if (!found || (ref.state != DECIDE_CREATE && ref.state != DECIDE_PROMOTE))
		return 0;
	news = guid_set_add(seen, &ref.source);
	if (news <= 0)
		return news < 0 ? err_nomem(err) : 0;
	if (d->ops->read(d, ref.target_dn, attrs, &e, err) < 0)
		return -1;
	return e ? 0
		 : replan_add(c, index, &ref.source, REPLAN_DRIFT,
		       "the server has forgotten that it was made", err);
}

/* What the objects refer to, and what that refers to, as far as it is missing. */
static int
find_forgotten(struct cycle *c, struct guid_set *seen, struct err *err)
{
	const struct schema *schema = c->run->dir[SOURCE]->ops->schema(c->run->dir[SOURCE]);

	for (size_t i = 0; i < c->replan->next.n; i++) {
		_cleanup_(entry_free) struct entry *e = NULL;

		if (c->replan->next.v[i].source == WORLD_NONE)
			continue;
		if (world_get(c->world, SOURCE, c->replan->next.v[i].source, &e, err) < 0)
			return -1;
		for (size_t j = 0; j < e->n_attrs; j++) {
			const struct attr *a = &e->attrs[j];

			if (!schema_is_reference(schema, a->name))
				continue;
			for (size_t k = 0; k < a->n_values; k++)
				if (look_at_reference(c, a->values[k].data, seen, err) < 0)
					return -1;
		}
	}
	return 0;
}

/* Why A was not written, WHAT being known of it or NULL. */
static const char *
why_given_up(const struct cycle *c, const struct guid *source, const char *what)
{
	if (what)
		return what;
	return guid_set_has(&c->replan->moved, source)
		   ? "the directory kept changing while it was written"
		   : "it was refused each time that it was read and planned again";
}

/* The DN of A, owned by the caller, and its GUID. */
static int
identify(struct cycle *c, struct store_txn *t, const struct again *a, struct guid *ret,
    char **ret_dn, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(entry_free) struct entry *e = NULL;

	*ret = a->left;
	if (a->source == WORLD_NONE) {
		if (store_find_guid(t, c->run->link_id, SOURCE, &a->left, &r, err) < 0)
			return -1;
	} else if (world_get(c->world, SOURCE, a->source, &e, err) < 0) {
		return -1;
	} else {
		*ret = e->guid;
	}
	*ret_dn = strdup(e ? e->dn : r ? r->side[SOURCE].dn : "");
	return *ret_dn ? 0 : err_nomem(err);
}

static int
give_up_one(
    struct cycle *c, struct store_txn *t, const struct again *a, const char *what, struct err *err)
{
	struct run_event event = {.kind = RUN_REFUSED, .side = TARGET};
	_cleanup_(free) char *dn = NULL, *text = NULL;
	struct guid source;

	if (identify(c, t, a, &source, &dn, err) < 0)
		return -1;
	event.source = &source;
	event.dn = dn;
	text = str_printf("%s: %s", why_given_up(c, &source, what), a->why);
	if (!text)
		return err_nomem(err);
	if (outcome_refuse(c, t, &event, a->why, err) < 0 ||
	    outcome_remember(c, t, &source, text, NULL, err) < 0)
		return -1;
	run_event(c->run, &event, "%s; tried again in the next cycle", text);
	return 0;
}

/* Counted, reported, remembered, and put down for the next cycle, which may be a delta. */
static int
give_up(struct cycle *c, const struct again *failed, size_t n, const char *what, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (n == 0)
		return 0;
	if (store_begin(c->run->store, STORE_WRITE, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		c->res->failed++;
		if (give_up_one(c, t, &failed[i], what, err) < 0)
			return -1;
	}
	return store_commit(TAKE(t), err);
}

/* A conflict that comes up now is as much one as any other: what ends it must lead to its object.
 */
static int
store_conflicts(struct cycle *c, const struct round *r, struct err *err)
{
	_cleanup_(free) uint32_t *indexes = calloc(r->n + 1, sizeof *indexes);
	size_t n = 0;

	if (!indexes)
		return err_nomem(err);
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].source != WORLD_NONE)
			indexes[n++] = r->v[i].source;
	return conflicts_store_again(c, indexes, n, err);
}

static int
replan(struct cycle *c, struct round *r, struct err *err)
{
	int rc;

	if (store_begin(c->run->store, STORE_READ, &c->run->map, err) < 0)
		return -1;
	limits_begin_round(c);
	guid_set_done(&c->replan->circles);
	rc = for_each(c, r->v, r->n, &r->n_failed, decide_listed, err);
	if (rc == 0)
		rc = for_each(c, r->v, r->n, &r->n_failed, plan_leaver, err);
	if (rc == 0)
		rc = plan_known(c, plan_all_listed, r, err);
	if (rc == 0)
		rc = for_each(c, r->v, r->n, &r->n_failed, plan_circle, err);
	if (rc == 0)
		rc = limits_check_round(c, err);
	store_abort(TAKE(c->run->map));
	if (rc < 0 || store_conflicts(c, r, err) < 0)
		return -1;
	return give_up(
	    c, r->v, r->n_failed, "the directory changed while it was written, and then", err);
}

static bool
has_drift(const struct round *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (is_drift(r->v[i].reason))
			return true;
	return false;
}

static size_t
count_drift(const struct round *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->v[i].reason != REPLAN_WAITED;
	return n;
}

int
replan_run(struct cycle *c, struct err *err)
{
	_cleanup_(guid_set_done) struct guid_set seen = {0};
	_cleanup_(free) struct again *again = NULL;
	struct replan *r = c->replan;
	struct round round;

	if (r->lost && find_forgotten(c, &seen, err) < 0)
		return -1;
	/* OUs are made once in a cycle. Another server may only not have received them yet. */
	if (r->lost && births_same_server(c))
		world_forget_ous(c->world);
	again = TAKE(r->next.v);
	round = (struct round){.v = again, .n = r->next.n};
	r->next = (struct list){.n = 0};
	r->lost = false;
	r->drifted = has_drift(&round);
	plan_begin_round(c->plan);
	c->res->drift += count_drift(&round);
	return replan(c, &round, err);
}

int
replan_give_up(struct cycle *c, struct err *err)
{
	return give_up(c, c->replan->spent.v, c->replan->spent.n, NULL, err);
}

int
replan_stop(struct cycle *c, struct err *err)
{
	struct list *l = &c->replan->next;
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (is_drift(l->v[i].reason))
			l->v[n++] = l->v[i];
	l->n = 0;
	return give_up(c, l->v, n, "the directory has moved on", err) < 0 ? -1
									  : replan_give_up(c, err);
}
