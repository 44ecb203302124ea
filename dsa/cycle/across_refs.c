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
	struct guid named;	    /* the object of that name, if */
	bool known;		    /* it is known: the map's name may be an old one */
	struct guid original;	    /* of a counterpart that was found */
	const struct conf_link *by; /* the flow that knows it; NULL: none */
	char *found;		    /* the name on side TO */
	struct guid guid;	    /* of that */
};

static const struct conf_forest *
forest(const struct search *s, enum side side)
{
	const struct conf_link *link = s->c->run->link;

	return side == SOURCE ? link->source : link->target;
}

/* The configured flow of R, or NULL. */
static int
any_flow_of(
    const struct run *run, const struct record *r, const struct conf_link **ret, struct err *err)
{
	_cleanup_(free) char *name = NULL;

	*ret = r->link == run->link_id ? run->link : NULL;
	if (*ret || !run->link->whole)
		return 0;
	if (store_link_name(run->map, r->link, &name, err) < 0)
		return -1;
	*ret = name ? conf_find_flow(run->link->whole, name) : NULL;
	return 0;
}

/* The same, unless R says nothing any more. */
static int
live_flow_of(
    const struct search *s, const struct record *r, const struct conf_link **ret, struct err *err)
{
	*ret = NULL;
	return record_has_left(r) || guid_is_zero(&r->side[TARGET].guid)
		   ? 0
		   : any_flow_of(s->c->run, r, ret, err);
}

/* The same, but for the cycle's own. */
static int
flow_of(
    const struct search *s, const struct record *r, const struct conf_link **ret, struct err *err)
{
	*ret = NULL;
	return r->link == s->c->run->link_id ? 0 : live_flow_of(s, r, ret, err);
}

/* SIDE is of side TO. A full cycle has read the present name, and a delta has of a source object
 * that it hears of; of a target object the name may be an old one, for a request each would be too
 * much. */
static int
take_name(struct search *s, const struct record_side *side, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	struct world *w = s->c->world;
	bool is_delta = s->c->run->is_delta;
	uint32_t index = WORLD_NONE;

	if ((!is_delta || s->to == SOURCE) &&
	    world_find_guid(w, s->to, &side->guid, &index, err) < 0)
		return -1;
	if (index == WORLD_NONE && !is_delta)
		return 0;
	if (index != WORLD_NONE && world_get(w, s->to, index, &e, err) < 0)
		return -1;
	s->guid = side->guid;
	s->found = strdup(e ? e->dn : side->dn);
	return s->found ? 1 : err_nomem(err);
}

/* Is SIDE, of side FROM, what is referred to? */
static bool
is_meant(const struct search *s, const struct record_side *side)
{
	return s->known ? guid_equal(&side->guid, &s->named) : dn_equal(side->dn, s->dn);
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
	    !is_meant(s, &r->side[TARGET]))
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
			   !is_meant(s, &r->side[SOURCE]))))
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

	if (live_flow_of(s, r, &flow, err) < 0)
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
	s->guid = hit->entry->guid;
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
look_up(struct search *s, enum side side, store_record_fn *fn, struct err *err)
{
	struct store_txn *map = s->c->run->map;

	return s->known ? store_lookup_guid(map, side, &s->named, fn, s, err)
			: store_lookup(map, KEY_DN, s->dn, fn, s, err);
}

static int
find_by_name(struct search *s, struct err *err)
{
	struct store_txn *map = s->c->run->map;

	if (!map || !conf_has_others(s->c->run->link))
		return 0;
	s->known = across_refs_who(s->c, s->from, s->dn, &s->named);
	if (look_up(s, TARGET, try_counterpart, err) < 0)
		return -1;
	if (s->found)
		return 0;
	return s->by ? store_lookup_guid(map, SOURCE, &s->original, try_original, s, err)
		     : look_up(s, SOURCE, try_original, err);
}

int
across_refs_resolve(struct cycle *c, enum side from, const char *dn, char **ret_dn,
    struct guid *ret, struct err *err)
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
	if (ret)
		*ret = s.guid;
	return s.found != NULL;
}

int
across_refs_renew(struct cycle *c, enum side side, const struct guid *g, char **dn, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	uint32_t index = WORLD_NONE;

	if (world_find_guid(c->world, side, g, &index, err) < 0)
		return -1;
	if (index == WORLD_NONE)
		return 0;
	if (world_get(c->world, side, index, &e, err) < 0)
		return -1;
	free(*dn);
	*dn = strdup(e->dn);
	return *dn ? 1 : err_nomem(err);
}

struct naming {
	const struct conf_forest *forest;
	const struct run *run;
	const char *dn;
	struct guid *ret;
	bool found;
	bool lives; /* what was found has not left */
};

/* Is one of R's sides, in the forest that is asked for, named so? What has left had that name once:
 * what lives goes before it. */
static int
is_side_named(const struct record *r, void *arg, struct err *err)
{
	struct naming *n = arg;
	const struct conf_link *flow;

	if (any_flow_of(n->run, r, &flow, err) < 0)
		return -1;
	for (int side = SOURCE; flow && side < SIDES; side++) {
		if (!conf_same_forest(side == SOURCE ? flow->source : flow->target, n->forest) ||
		    !dn_equal(r->side[side].dn, n->dn) || guid_is_zero(&r->side[side].guid) ||
		    (n->found && record_has_left(r)))
			continue;
		*n->ret = r->side[side].guid;
		n->found = true;
		n->lives = !record_has_left(r);
	}
	return n->lives;
}

bool
across_refs_who(struct cycle *c, enum side side, const char *dn, struct guid *ret)
{
	const struct conf_link *link = c->run->link;
	struct naming n = {side == SOURCE ? link->source : link->target, c->run,
	    dn_strip_extended(dn), ret, false, false};
	_cleanup_(entry_free) struct entry *e = NULL;
	uint32_t index = WORLD_NONE;
	struct err ignored;

	if (world_find_dn(c->world, side, n.dn, &index, &ignored) < 0)
		return false;
	if (index != WORLD_NONE) {
		if (world_get(c->world, side, index, &e, &ignored) < 0)
			return false;
		*ret = e->guid;
		return true;
	}
	return c->run->map &&
	       store_lookup(c->run->map, KEY_DN, n.dn, is_side_named, &n, &ignored) == 0 && n.found;
}
