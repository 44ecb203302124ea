/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/across_refs.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/sid.h"

struct search {
	struct cycle *c;
	enum side from, to;
	const char *dn;		    /* what is referred to, of side FROM */
	struct bytes sid;	    /* of the object that it stands for */
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

/* The configured flow of R, unless R says nothing any more. */
static int
any_flow_of(
    const struct search *s, const struct record *r, const struct conf_link **ret, struct err *err)
{
	const struct run *run = s->c->run;
	_cleanup_(free) char *name = NULL;

	*ret = NULL;
	if (record_has_left(r) || guid_is_zero(&r->side[TARGET].guid))
		return 0;
	if (r->link == run->link_id) {
		*ret = run->link;
		return 0;
	}
	if (store_link_name(run->map, r->link, &name, err) < 0)
		return -1;
	*ret = name && run->link->whole ? conf_find_flow(run->link->whole, name) : NULL;
	return 0;
}

/* The same, but for the cycle's own. */
static int
flow_of(
    const struct search *s, const struct record *r, const struct conf_link **ret, struct err *err)
{
	*ret = NULL;
	return r->link == s->c->run->link_id ? 0 : any_flow_of(s, r, ret, err);
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

/* ---- foreign security principals ---- */

/* Does R know the object with that SID, or one that it stands for, on side TO? */
static int
try_sid(const struct record *r, void *arg, struct err *err)
{
	struct search *s = arg;
	const struct conf_link *flow;
	enum side bearer;

	if (any_flow_of(s, r, &flow, err) < 0)
		return -1;
	if (!flow)
		return 0;
	bearer = bytes_equal(r->side[TARGET].sid, s->sid) ? TARGET : SOURCE;
	for (int side = SOURCE; side < SIDES; side++)
		if (conf_same_forest(
			side == SOURCE ? flow->source : flow->target, forest(s, s->to)))
			return take_name(s, &r->side[side], err);
	if (bearer == TARGET) {
		s->by = flow;
		s->original = r->side[SOURCE].guid;
	}
	return 0;
}

static int
take_bearer(struct world_hit *hit, void *arg, struct err *err)
{
	struct search *s = arg;

	if (!bytes_equal(entry_get(hit->entry, "objectSid"), s->sid))
		return 0;
	s->found = strdup(hit->entry->dn);
	return s->found ? 1 : err_nomem(err);
}

/* The other forest's own object first: what is there needs no map. */
static int
find_foreign(struct search *s, struct err *err)
{
	const struct world_query q = world_query_entries(s->to, MATCH_KEY_SID, s->sid);
	struct store_txn *map = s->c->run->map;
	char text[SID_TEXT_SIZE];

	if (s->to == TARGET && world_find_each(s->c->world, &q, take_bearer, s, err) < 0)
		return -1;
	if (s->found || !map || !sid_format(s->sid, text))
		return 0;
	if (store_lookup(map, KEY_SID, text, try_sid, s, err) < 0)
		return -1;
	return !s->found && s->by
		   ? store_lookup_guid(map, SOURCE, &s->original, try_original, s, err)
		   : 0;
}

/* ---- all of them ---- */

static int
find_by_name(struct search *s, struct err *err)
{
	struct store_txn *map = s->c->run->map;

	if (!map || !conf_has_others(s->c->run->link))
		return 0;
	if (store_lookup(map, KEY_DN, s->dn, try_counterpart, s, err) < 0)
		return -1;
	if (s->found)
		return 0;
	return s->by ? store_lookup_guid(map, SOURCE, &s->original, try_original, s, err)
		     : store_lookup(map, KEY_DN, s->dn, try_original, s, err);
}

int
across_refs_resolve(struct cycle *c, enum side from, const char *dn, char **ret_dn, struct err *err)
{
	struct search s = {
	    .c = c, .from = from, .to = side_other(from), .dn = dn_strip_extended(dn)};
	uint8_t sid[SID_MAX_LEN];
	int rc;

	if (sid_of_foreign(s.dn, sid, &s.sid.len)) {
		s.sid.data = sid;
		rc = find_foreign(&s, err);
	} else {
		rc = find_by_name(&s, err);
	}
	if (rc < 0) {
		free(s.found);
		return -1;
	}
	*ret_dn = s.found;
	return s.found != NULL;
}
