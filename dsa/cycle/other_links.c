/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/other_links.h"

#include <stdio.h>

/* ---- the records of other links ---- */

typedef void found_fn(
    const struct conf_link *link, const struct record *r, enum side side, void *arg);

struct look {
	const struct run *run;
	struct store_txn *t;
	enum side side;
	found_fn *fn;
	void *arg;
};

static int
look_at(const struct record *r, void *arg, struct err *err)
{
	struct look *l = arg;
	const struct conf_link *link;
	_cleanup_(free) char *name = NULL;

	if (r->link == l->run->link_id)
		return 0;
	if (store_link_name(l->t, r->link, &name, err) < 0)
		return -1;
	link = name ? across_find_link(l->run->link, name) : NULL;
	if (link)
		l->fn(link, r, l->side, l->arg);
	return 0;
}

/* Calls FN for each record of another configured link that has G on SIDE. */
static int
find_in(const struct run *run, struct store_txn *t, enum side side, const struct guid *g,
    found_fn *fn, void *arg, struct err *err)
{
	struct look l = {run, t, side, fn, arg};

	return store_lookup_guid(t, side, g, look_at, &l, err);
}

/* The same by what the cycle reads the map by. A plan of a link that the map does not know yet has
 * not opened it. */
static int
find(
    struct cycle *c, enum side side, const struct guid *g, found_fn *fn, void *arg, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *own = NULL;

	if (!conf_has_others(c->run->link) || (!c->run->map && !c->run->store))
		return 0;
	if (!c->run->map && store_begin(c->run->store, STORE_READ, &own, err) < 0)
		return -1;
	return find_in(c->run, own ? own : c->run->map, side, g, fn, arg, err);
}

/* ---- either side ---- */

struct asked {
	struct across map;
	const struct guid *source; /* that asks, or NULL */
};

static void
take(const struct conf_link *link, const struct record *r, enum side side, void *arg)
{
	struct asked *a = arg;

	across_add(&a->map, link, r, side, a->source);
}

static int
find_sides(struct cycle *c, const struct guid *g, struct asked *a, struct err *err)
{
	return find(c, TARGET, g, take, a, err) < 0 ? -1 : find(c, SOURCE, g, take, a, err);
}

int
other_links_judge_scope(struct cycle *c, const struct entry *e, const char *norm,
    const struct conf_scope **ret_scope, enum scope_verdict *ret, struct err *err)
{
	struct asked a = {.source = NULL};

	if (find(c, TARGET, &e->guid, take, &a, err) < 0)
		return -1;
	*ret = scope_judge(c->run->link, e, norm, a.map.target_of != NULL, ret_scope);
	return 0;
}

int
other_links_refuse(struct cycle *c, const struct guid *source, const struct entry *target,
    bool recorded, char why[ACROSS_TEXT_SIZE], struct err *err)
{
	struct asked a = {.source = source};
	struct across_in in = {
	    .link = c->run->link, .source = source, .target = target, .recorded = recorded};

	if (find_sides(c, &target->guid, &a, err) < 0)
		return -1;
	in.map = a.map;
	(void)across_refuses(&in, why);
	return 0;
}

int
other_links_have(struct cycle *c, const struct record *r, bool *ret, struct err *err)
{
	struct asked a = {.source = &r->side[SOURCE].guid};

	if (find_sides(c, &r->side[TARGET].guid, &a, err) < 0)
		return -1;
	*ret = a.map.source_of || a.map.target_of;
	return 0;
}

/* ---- redirections ---- */

struct redirection {
	const struct guid *target;
	const struct conf_link *by;
};

static void
take_redirection(const struct conf_link *link, const struct record *r, enum side side, void *arg)
{
	struct redirection *d = arg;

	(void)side;
	if (across_has_redirected(link, r) &&
	    !(d->target && guid_equal(&r->side[TARGET].guid, d->target)))
		d->by = link;
}

int
other_links_find_redirection(struct cycle *c, const struct guid *source, const struct guid *target,
    const struct conf_link **ret, struct err *err)
{
	struct redirection d = {.target = target};

	if (find(c, SOURCE, source, take_redirection, &d, err) < 0)
		return -1;
	*ret = d.by;
	return 0;
}

/* ---- in the transaction of the intent ---- */

static int
took(const struct conf_link *link, const char *what, struct err *err)
{
	(void)err_set(err, ERR_DATA, ERR_ENTRY, ERR_REREAD, 0, "link '%s' took its %s meanwhile",
	    link->name, what);
	return 1;
}

int
other_links_admit(struct cycle *c, struct store_txn *t, const struct record *r, struct err *err)
{
	const struct guid *source = &r->side[SOURCE].guid, *target = &r->side[TARGET].guid;
	struct asked as_target = {.source = NULL}, counterpart = {.source = source};
	struct redirection redirection = {.target = target};

	if (!conf_has_others(c->run->link))
		return 0;
	if (find_in(c->run, t, TARGET, source, take, &as_target, err) < 0)
		return -1;
	if (as_target.map.target_of)
		return took(as_target.map.target_of, "source object as a counterpart", err);
	/* What carries the stamp is the counterpart, by this transaction or an earlier one. */
	if (r->rule == MATCH_STAMP)
		return 0;
	if (!guid_is_zero(target) &&
	    (find_in(c->run, t, TARGET, target, take, &counterpart, err) < 0 ||
		find_in(c->run, t, SOURCE, target, take, &counterpart, err) < 0))
		return -1;
	if (counterpart.map.target_of || counterpart.map.source_of)
		return took(counterpart.map.target_of ? counterpart.map.target_of
						      : counterpart.map.source_of,
		    "counterpart", err);
	if (across_has_redirected(c->run->link, r) &&
	    find_in(c->run, t, SOURCE, source, take_redirection, &redirection, err) < 0)
		return -1;
	return redirection.by ? took(redirection.by, "redirection", err) : 0;
}

int
other_links_admit_more(
    struct cycle *c, struct store_txn *t, const struct guid *source, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;

	if (!conf_has_others(c->run->link))
		return 0;
	if (store_find_guid(t, c->run->link_id, SOURCE, source, &r, err) < 0)
		return -1;
	if (r && !record_has_left(r))
		return 0;
	(void)err_set(
	    err, ERR_DATA, ERR_ENTRY, ERR_REREAD, 0, "its correspondence did not come about");
	return 1;
}
