/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/other_flow.h"

#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/sid.h"

#define WHY "what it refers to has come or gone in the other flow"

const char *const other_flow_back_links[] = {"memberOf", "directReports", "managedObjects",
    "msExchCoManagedObjectsBL", "altRecipientBL", "publicDelegatesBL", "authOrigBL", "unauthOrigBL",
    "dLMemSubmitPermsBL", "dLMemRejectPermsBL", NULL};

bool
other_flow_is_note(const char *why)
{
	return strcmp(why, WHY) == 0;
}

struct noting {
	struct store_txn *t;
	uint32_t flow;
	enum side side; /* of that flow, where the objects are that refer */
	const char *dn;
};

static int
put_down(const struct record *r, void *arg, struct err *err)
{
	const struct noting *n = arg;

	if (r->link != n->flow || record_has_left(r) || !dn_equal(r->side[n->side].dn, n->dn))
		return 0;
	return store_look_again(
	    n->t, n->flow, &r->side[SOURCE].guid, r->side[SOURCE].dn, WHY, clock_realtime_s(), err);
}

static int
note_attr(struct noting *n, const struct attr *a, struct err *err)
{
	for (size_t i = 0; a && i < a->n_values; i++) {
		n->dn = dn_strip_extended(a->values[i].data);
		if (store_lookup(n->t, KEY_DN, n->dn, put_down, n, err) < 0)
			return -1;
	}
	return 0;
}

/* Puts down, for FLOW, what E refers back to; N->side is set. */
static int
note_flow(struct noting *n, const struct conf_link *flow, const struct entry *e, struct err *err)
{
	if (store_link_id(n->t, flow->name, &n->flow, err) < 0)
		return -1;
	for (size_t i = 0; other_flow_back_links[i]; i++)
		if (note_attr(n, entry_find(e, other_flow_back_links[i]), err) < 0)
			return -1;
	return 0;
}

static bool
is_referred_to(const struct entry *e)
{
	for (size_t i = 0; other_flow_back_links[i]; i++)
		if (entry_find(e, other_flow_back_links[i]))
			return true;
	return false;
}

int
other_flow_note(struct cycle *c, enum side side, const struct entry *e, struct err *err)
{
	const struct conf_link *own = c->run->link;
	const struct conf_forest *forest = side == SOURCE ? own->source : own->target;
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct noting n = {0};

	if (!conf_has_others(own) || c->opt->plan_only || !is_referred_to(e))
		return 0;
	if (store_begin(c->run->store, STORE_WRITE, &t, err) < 0)
		return -1;
	n.t = t;
	for (size_t i = 0; i < CONF_FLOWS(own->whole); i++) {
		const struct conf_link *flow = conf_flow(own->whole, i);

		if (!flow || strcmp(flow->name, own->name) == 0)
			continue;
		n.side = conf_same_forest(flow->source, forest) ? SOURCE : TARGET;
		if ((n.side == SOURCE || conf_same_forest(flow->target, forest)) &&
		    note_flow(&n, flow, e, err) < 0)
			return -1;
	}
	return store_commit(TAKE(t), err);
}

int
other_flow_note_of(struct cycle *c, enum side side, const struct guid *g, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = NULL;

	if (!conf_has_others(c->run->link) || c->opt->plan_only || guid_is_zero(g))
		return 0;
	if (dir_read_guid(c->run->dir[side], g, other_flow_back_links, &e, err) < 0)
		return -1;
	return e ? other_flow_note(c, side, e, err) : 0;
}

/* ---- what waits ---- */

/* A write may move what the map lends, so who waits is noted first. */
static int
take_referrer(const struct waiting_ref *w, void *arg, struct err *err)
{
	return guid_list_add(arg, &w->referrer, err);
}

/* Adds who waits in FLOW for SIDE of a record. */
static int
add_waiting(struct store_txn *t, uint32_t flow, const struct record_side *side,
    struct guid_list *ret, struct err *err)
{
	_cleanup_(free) char *norm = dn_normalize(side->dn, err);
	char sid[SID_TEXT_SIZE];

	if (!norm || store_each_waiting(t, flow, norm, take_referrer, ret, err) < 0)
		return -1;
	return sid_format(side->sid, sid)
		   ? store_each_waiting(t, flow, sid, take_referrer, ret, err)
		   : 0;
}

static int
look_again(struct store_txn *t, uint32_t flow, const struct guid *source, struct err *err)
{
	_cleanup_(record_free) struct record *r = NULL;

	if (store_find_guid(t, flow, SOURCE, source, &r, err) < 0)
		return -1;
	return !r || record_has_left(r) ? 0
					: store_look_again(t, flow, source, r->side[SOURCE].dn, WHY,
					      clock_realtime_s(), err);
}

static int
wake_flow(
    struct store_txn *t, const struct conf_link *flow, const struct record *r, struct err *err)
{
	struct guid_list who = {0};
	uint32_t id = 0;
	int rc = store_link_id(t, flow->name, &id, err);

	if (id == r->link)
		return rc;
	for (int side = SOURCE; rc == 0 && side < SIDES; side++)
		rc = add_waiting(t, id, &r->side[side], &who, err);
	for (size_t i = 0; rc == 0 && i < who.n; i++)
		rc = look_again(t, id, &who.v[i], err);
	free(who.v);
	return rc;
}

static bool
is_there(const struct record *r)
{
	return r && !record_has_left(r) && !guid_is_zero(&r->side[TARGET].guid);
}

int
other_flow_wake(struct cycle *c, struct store_txn *t, const struct record *before,
    const struct record *now, struct err *err)
{
	const struct conf *whole = c->run->link->whole;

	if (!whole || is_there(before) || !is_there(now))
		return 0;
	for (size_t i = 0; i < CONF_FLOWS(whole); i++) {
		const struct conf_link *flow = conf_flow(whole, i);

		if (flow && wake_flow(t, flow, now, err) < 0)
			return -1;
	}
	return 0;
}
