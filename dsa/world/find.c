/* SPDX-License-Identifier: MIT */
/*
 * Look-ups. The index of a working set knows hashes of (key, value) only, and it keeps what an
 * object had before it was read again: so every hit is compared with the entry as it is now.
 */
#include "dsa/world/world_priv.h"

#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/base/text_fold.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/schema.h"
#include "dsa/rules/names.h"
#include "redirect/address.h"

/* Octets are octets, and some text is; other text compares without regard to case, as the directory
 * does. */
static bool
is_exact(const struct world *w, unsigned key)
{
	const struct schema_attr *a = NULL;

	if (key == MATCH_KEY_SID)
		return true;
	if (key >= MATCH_KEY_ATTR)
		a = schema_find(
		    w->table->target_schema, w->run->link->match[key - MATCH_KEY_ATTR].target_attr);
	return a && !a->nocase;
}

/* Hits by name are compared again too: an object that was renamed in this cycle is still found by
 * the name it had. Without memory it has it. */
static bool
has_name(const struct entry *e, struct bytes value)
{
	struct err ignored;
	_cleanup_(free) char *rdn = dn_rdn_value(e->dn, &ignored);
	_cleanup_(free) char *key = rdn ? names_key(dn_parent(e->dn), rdn) : NULL;

	return !key || bytes_equal_nocase(bytes_of(key), value);
}

static bool
has_folded(const struct entry *e, const char *attr, struct bytes value)
{
	const char *v = entry_get_str(e, attr);
	_cleanup_(free) char *fold = v ? text_fold_key(v) : NULL;

	return v && (!fold || bytes_equal_nocase(bytes_of(fold), value));
}

static bool
has_value(const struct world *w, const struct world_query *q, const struct entry *e)
{
	unsigned key = q->key;
	struct bytes value = q->value;
	const struct conf_link *link = w->run->link;
	struct stamp stamp;

	switch (key) {
	case MATCH_KEY_STAMP:
		return stamp_of(e, world_stamp_attr(w, q->side), &stamp) &&
		       bytes_equal(guid_bytes(&stamp.source), value);
	case MATCH_KEY_GUID: return bytes_equal(guid_bytes(&e->guid), value);
	case MATCH_KEY_DN: return dn_equal(e->dn, value.data);
	case MATCH_KEY_NAME: return has_name(e, value);
	case MATCH_KEY_SAM_FOLDED: return has_folded(e, "sAMAccountName", value);
	case MATCH_KEY_UPN_FOLDED: return has_folded(e, "userPrincipalName", value);
	case MATCH_KEY_MEMBER: return attr_has_dn(entry_find(e, "member"), value.data);
	case MATCH_KEY_PRIMARY_GROUP: return bytes_equal(entry_get(e, "primaryGroupID"), value);
	default: return match_verify(e, link->match, link->n_match, key, value, is_exact(w, key));
	}
}

/* What a replication conflict left is no counterpart, and keeps no address from the object
 * whose duplicate it is. But the directory lets nobody else have its account names. */
static bool
answers_to(const struct entry *e, unsigned key)
{
	switch (key) {
	case MATCH_KEY_GUID:
	case MATCH_KEY_DN:
	case MATCH_KEY_NAME:
	case MATCH_KEY_SAM_FOLDED:
	case MATCH_KEY_UPN_FOLDED: return true;
	default: return !dn_is_mangled(e->dn);
	}
}

static int
try_hit(struct world *w, const struct world_query *q, uint32_t number, world_hit_fn *fn, void *arg,
    struct err *err)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	struct world_hit hit = {.index = number & ~CLAIM_BIT, .claim = number & CLAIM_BIT};
	int rc;

	if (hit.index == (hit.claim ? q->but_claim : q->but_entry) ||
	    (hit.claim && q->entries_only))
		return 0;
	if (world_get(w, hit.claim ? SOURCE : q->side, hit.index, &e, err) < 0)
		return -1;
	/* What vanished has nothing any more. */
	if (!*e->dn || (!hit.claim && (!has_value(w, q, e) || !answers_to(e, q->key))))
		return 0;
	hit.entry = TAKE(e);
	rc = fn(&hit, arg, err);
	entry_free(hit.entry);
	return rc;
}

/* What may have Q's value, by the hash of that. */
static int
find_hits(struct world *w, const struct world_query *q, struct workset_hits *ret, struct err *err)
{
	bool known = q->as_read;

	if (!known && world_ask(w, q, &known, err) < 0)
		return -1;
	if (!known)
		return 0;
	if (workset_find(w->ws[q->side], match_key_hash(q->key, q->value), ret, err) < 0)
		return -1;
	world_sort(w, q->side, ret->v, ret->n);
	return 0;
}

int
world_find_each(
    struct world *w, const struct world_query *q, world_hit_fn *fn, void *arg, struct err *err)
{
	_cleanup_(workset_hits_done) struct workset_hits hits = {.n = 0};
	int rc = find_hits(w, q, &hits, err);

	for (size_t i = 0; rc == 0 && i < hits.n; i++)
		rc = try_hit(w, q, hits.v[i], fn, arg, err);
	return rc;
}

static int
take_index(struct world_hit *hit, void *arg, struct err *err)
{
	(void)err;
	*(uint32_t *)arg = hit->index;
	return 1;
}

static int
find_one(struct world *w, const struct world_query *q, uint32_t *ret, struct err *err)
{
	*ret = WORLD_NONE;
	return world_find_each(w, q, take_index, ret, err) < 0 ? -1 : 0;
}

static int
find_dn(
    struct world *w, enum side side, const char *dn, bool as_read, uint32_t *ret, struct err *err)
{
	_cleanup_(free) char *norm = dn_normalize(dn_strip_extended(dn), err);
	struct world_query q;

	*ret = WORLD_NONE;
	/* A name that is none belongs to nothing. */
	if (!norm)
		return err->src == ERR_SYS ? -1 : 0;
	q = world_query_entries(side, MATCH_KEY_DN, bytes_of(norm));
	q.as_read = as_read;
	return find_one(w, &q, ret, err);
}

int
world_find_dn(struct world *w, enum side side, const char *dn, uint32_t *ret, struct err *err)
{
	return find_dn(w, side, dn, false, ret, err);
}

int
world_find_read_dn(struct world *w, enum side side, const char *dn, uint32_t *ret, struct err *err)
{
	return find_dn(w, side, dn, true, ret, err);
}

int
world_find_guid(
    struct world *w, enum side side, const struct guid *g, uint32_t *ret, struct err *err)
{
	const struct world_query q = world_query_entries(side, MATCH_KEY_GUID, guid_bytes(g));
	_cleanup_(workset_hits_done) struct workset_hits hits = {.n = 0};

	*ret = WORLD_NONE;
	if (find_hits(w, &q, &hits, err) < 0)
		return -1;
	for (size_t i = 0; *ret == WORLD_NONE && i < hits.n; i++) {
		struct guid there;
		bool named;

		if (hits.v[i] & CLAIM_BIT)
			continue;
		if (workset_get_guid(w->ws[side], hits.v[i], &there, &named, err) < 0)
			return -1;
		if (named && guid_equal(&there, g))
			*ret = hits.v[i];
	}
	return 0;
}

/* ---- claims ---- */

int
world_claim(struct world *w, enum side side, unsigned key, struct bytes value, uint32_t source,
    struct err *err)
{
	return workset_add_key(w->ws[side], match_key_hash(key, value), CLAIM_BIT | source, err);
}

static unsigned
address_key(struct bytes address)
{
	return address_is_x500(address) ? MATCH_KEY_X500 : MATCH_KEY_SMTP;
}

int
world_claim_address(
    struct world *w, enum side side, struct bytes address, uint32_t source, struct err *err)
{
	return world_claim(w, side, address_key(address), address_value(address), source, err);
}

int
world_set_owner(struct world *w, uint32_t target, uint32_t source, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	buf_add_u32(&b, source);
	if (b.failed)
		return err_nomem(err);
	return workset_put_blob(w->ws[TARGET], WORKSET_CLAIM, target, buf_bytes(&b), err);
}

int
world_get_owner(struct world *w, uint32_t target, uint32_t *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct reader r;
	bool found;

	*ret = WORLD_NONE;
	if (workset_get_blob(w->ws[TARGET], WORKSET_CLAIM, target, &b, &found, err) < 0)
		return -1;
	if (found) {
		r = reader_of(buf_bytes(&b));
		*ret = reader_u32(&r);
	}
	return 0;
}

/* ---- what holds an address ---- */

struct holding {
	const struct world_holding *asked;
	struct entry *holder;
};

static bool
holds(const struct entry *e, struct bytes address)
{
	const struct attr *a = entry_find(e, "proxyAddresses");
	const char *own = entry_get_str(e, address_is_x500(address) ? "legacyExchangeDN" : "mail");

	return (a && attr_has(a, address, true)) ||
	       (own && bytes_equal_nocase(bytes_of(own), address_value(address)));
}

static int
take_holder(struct world_hit *hit, void *arg, struct err *err)
{
	struct holding *h = arg;
	const struct world_holding *a = h->asked;
	int goes = 0;

	if (!hit->claim && !holds(hit->entry, a->address))
		return 0;
	if (!hit->claim && a->may_go)
		goes = a->may_go(hit->index, hit->entry, a->arg, err);
	if (goes)
		return goes < 0 ? -1 : 0;
	h->holder = TAKE(hit->entry);
	return 1;
}

/* ---- what the map knows of other links ---- */

/* Counterparts of other links of which the map says that they have an address. */
struct promised {
	struct guid guid; /* zero: it is to be created */
	char *dn;
};

struct promises {
	const struct run *run;
	const char *domain;
	struct promised *v;
	size_t n, cap;
};

static void
promises_done(struct promises *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].dn);
	free(p->v);
}

static inline void
promises_donep(struct promises *p)
{
	promises_done(p);
}

static bool
is_in_domain(const char *dn, const char *domain)
{
	while (*dn && !str_starts_nocase(dn, "DC="))
		dn = dn_parent(dn);
	return dn_equal(dn, domain);
}

/* What was written a day ago has reached every server of the domain: what is not there by now is
 * gone. The objects of another domain of the forest are never read, so the map alone knows. */
static bool
has_expired(const struct promises *p, const struct record *r, const char *dn)
{
	return (r->state == RECORD_SYNCED || r->state == RECORD_WAITING) &&
	       is_in_domain(dn, p->domain) && p->run->start_s - r->synced_at > RUN_REPLICATION_S;
}

/* -1 without memory. */
static int
add_promise(struct promises *p, const struct record_side *s)
{
	_cleanup_(free) char *dn = strdup(s->dn);

	if (!dn || list_grow(p->v, p->n, p->cap) < 0)
		return -1;
	p->v[p->n++] = (struct promised){s->guid, TAKE(dn)};
	return 0;
}

/* Both links have a side in this forest: its DN says so. A source object that ended is gone, and
 * its counterpart is not. */
static int
take_promise(const struct record *r, void *arg, struct err *err)
{
	struct promises *p = arg;

	if (r->link == p->run->link_id || r->state == RECORD_LEFT)
		return 0;
	for (int side = SOURCE; side < SIDES; side++) {
		const struct record_side *s = &r->side[side];

		if (side == SOURCE && r->state == RECORD_FINISHED && !r->ended)
			continue;
		if (*s->dn && dn_is_under(s->dn, p->domain) && !has_expired(p, r, s->dn) &&
		    add_promise(p, s) < 0)
			return err_nomem(err);
	}
	return 0;
}

/* The entry of SIDE that P is about, or WORLD_NONE. */
static int
find_counterpart(
    struct world *w, enum side side, const struct promised *p, uint32_t *ret, struct err *err)
{
	bool by_name = guid_is_zero(&p->guid);
	_cleanup_(free) char *norm = by_name ? dn_normalize(p->dn, err) : NULL;
	struct world_query q = world_query_entries(side, by_name ? MATCH_KEY_DN : MATCH_KEY_GUID,
	    by_name ? bytes_of(norm ? norm : "") : guid_bytes(&p->guid));

	*ret = WORLD_NONE;
	if (by_name && !norm)
		return err->src == ERR_SYS ? -1 : 0;
	q.by_all_means = true;
	return world_find_each(w, &q, take_index, ret, err) < 0 ? -1 : 0;
}

/* A counterpart that was read, and does not hold the address, has a record that is out of date. */
static int
judge_promise(
    struct world *w, enum side side, const struct promised *p, struct entry **ret, struct err *err)
{
	uint32_t index;

	if (find_counterpart(w, side, p, &index, err) < 0)
		return -1;
	if (index != WORLD_NONE)
		return 0;
	*ret = entry_new(p->dn);
	if (!*ret)
		return err_nomem(err);
	(*ret)->guid = p->guid;
	return 0;
}

/* Is there another link, which may write to the same forests? */
static int
is_shared(struct world *w, bool *ret, struct err *err)
{
	_cleanup_(free) char *second = NULL;

	if (w->run->map && !w->is_alone && !w->is_shared) {
		if (store_link_name(w->run->map, 2, &second, err) < 0)
			return -1;
		w->is_shared = second != NULL;
		w->is_alone = !second;
	}
	*ret = w->run->map && w->is_shared;
	return 0;
}

static int
find_promised(
    struct world *w, enum side side, struct bytes address, struct entry **ret, struct err *err)
{
	struct dir *d = w->run->dir[side];
	_cleanup_(promises_done) struct promises p = {
	    .run = w->run, .domain = d->ops->info(d)->domain_dn};
	enum store_key key = address_is_x500(address) ? KEY_X500 : KEY_ADDRESS;

	if (store_lookup(w->run->map, key, address_value(address).data, take_promise, &p, err) < 0)
		return -1;
	for (size_t i = 0; !*ret && i < p.n; i++)
		if (judge_promise(w, side, &p.v[i], ret, err) < 0)
			return -1;
	return 0;
}

int
world_find_lasting_holder(
    struct world *w, const struct world_holding *a, struct entry **ret, struct err *err)
{
	struct holding h = {.asked = a};
	struct world_query q =
	    world_query(a->side, address_key(a->address), address_value(a->address));
	bool shared;

	q.but_entry = a->self;
	q.but_claim = a->claimant;
	*ret = NULL;
	if (world_find_each(w, &q, take_holder, &h, err) < 0)
		return -1;
	*ret = h.holder;
	if (*ret || is_shared(w, &shared, err) < 0)
		return *ret ? 0 : -1;
	return shared ? find_promised(w, a->side, a->address, ret, err) : 0;
}

int
world_find_holder(struct world *w, enum side side, struct bytes address, uint32_t self,
    uint32_t claimant, struct entry **ret, struct err *err)
{
	const struct world_holding a = {
	    .side = side, .address = address, .self = self, .claimant = claimant};

	return world_find_lasting_holder(w, &a, ret, err);
}
