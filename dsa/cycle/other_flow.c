/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/other_flow.h"

#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/directory/dn.h"

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

static const struct conf_link *
other_flow(const struct conf_link *link)
{
	return link->back ? link->back : link->forth;
}

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
	const struct conf_link *other = other_flow(c->run->link);
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct noting n = {.side = side_other(side)};

	if (!other || c->opt->plan_only || !is_referred_to(e))
		return 0;
	if (store_begin(c->run->store, STORE_WRITE, &t, err) < 0 ||
	    store_link_id(t, other->name, &n.flow, err) < 0)
		return -1;
	n.t = t;
	for (size_t i = 0; other_flow_back_links[i]; i++)
		if (note_attr(&n, entry_find(e, other_flow_back_links[i]), err) < 0)
			return -1;
	return store_commit(TAKE(t), err);
}

int
other_flow_note_of(struct cycle *c, enum side side, const struct guid *g, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = NULL;

	if (!other_flow(c->run->link) || c->opt->plan_only || guid_is_zero(g))
		return 0;
	if (dir_read_guid(c->run->dir[side], g, other_flow_back_links, &e, err) < 0)
		return -1;
	return e ? other_flow_note(c, side, e, err) : 0;
}
