/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/across_refs.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"

struct search {
	struct cycle *c;
	enum side from, to;
	const char *dn;		    /* what is referred to, of side FROM */
	struct guid original;	    /* of a counterpart that was found */
	const struct conf_link *by; /* the flow that knows it; NULL: none */
	char *found;		    /* the name on side TO */
};

static const struct conf_forest *
forest(const struct search *s, enum side side)
{
	const struct conf_link *link = s->c->run->link;

	return side == SOURCE ? link->source : link->target;
}

/* The configured flow of R, unless that is the cycle's own, or R says nothing any more. */
static int
flow_of(
    const struct search *s, const struct record *r, const struct conf_link **ret, struct err *err)
{
	const struct run *run = s->c->run;
	_cleanup_(free) char *name = NULL;

	*ret = NULL;
	if (r->link == run->link_id || record_has_left(r) || guid_is_zero(&r->side[TARGET].guid))
		return 0;
	if (store_link_name(run->map, r->link, &name, err) < 0)
		return -1;
	*ret = name ? conf_find_flow(run->link->whole, name) : NULL;
	return 0;
}

/* SIDE is of side TO. Its name may be an old one: a full cycle has read the present one, and in a
 * delta a request each would be too much. */
static int
take_name(struct search *s, const struct record_side *side, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	struct world *w = s->c->world;
	uint32_t index = WORLD_NONE;

	if (!s->c->run->is_delta) {
		if (world_find_guid(w, s->to, &side->guid, &index, err) < 0)
			return -1;
		if (index == WORLD_NONE)
			return 0;
		if (world_get(w, s->to, index, &e, err) < 0)
			return -1;
	}
	s->found = strdup(e ? e->dn : side->dn);
	return s->found ? 1 : err_nomem(err);
}

/* Is what is referred to the counterpart in R? */
static int
try_counterpart(const struct record *r, void *arg, struct err *err)
{
	struct search *s = arg;
	const struct conf_link *flow;

	if (flow_of(s, r, &flow, err) < 0)
		return -1;
	if (!flow || !conf_same_forest(flow->target, forest(s, s->from)) ||
	    !dn_equal(r->side[TARGET].dn, s->dn))
		return 0;
	if (conf_same_forest(flow->source, forest(s, s->to)))
		return take_name(s, &r->side[SOURCE], err);
	s->by = flow;
	s->original = r->side[SOURCE].guid;
	return 1;
}

/* Does R lead to side TO from the original, or from what is referred to if that is one? */
static int
try_original(const struct record *r, void *arg, struct err *err)
{
	struct search *s = arg;
	const struct conf_link *flow;

	if (flow_of(s, r, &flow, err) < 0)
		return -1;
	if (!flow || !conf_same_forest(flow->target, forest(s, s->to)) ||
	    (!s->by && (!conf_same_forest(flow->source, forest(s, s->from)) ||
			   !dn_equal(r->side[SOURCE].dn, s->dn))))
		return 0;
	return take_name(s, &r->side[TARGET], err);
}

int
across_refs_resolve(struct cycle *c, enum side from, const char *dn, char **ret_dn, struct err *err)
{
	struct search s = {
	    .c = c, .from = from, .to = side_other(from), .dn = dn_strip_extended(dn)};
	struct store_txn *map = c->run->map;
	int rc;

	if (!map || !conf_has_others(c->run->link))
		return 0;
	rc = store_lookup(map, KEY_DN, s.dn, try_counterpart, &s, err);
	if (rc >= 0 && !s.found)
		rc = s.by ? store_lookup_guid(map, SOURCE, &s.original, try_original, &s, err)
			  : store_lookup(map, KEY_DN, s.dn, try_original, &s, err);
	if (rc < 0) {
		free(s.found);
		return -1;
	}
	*ret_dn = s.found;
	return s.found != NULL;
}
