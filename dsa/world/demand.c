/* SPDX-License-Identifier: MIT */
/*
 * What a delta reads when it is asked for: the objects that have a key are searched once for each
 * key in a cycle. What is likely to be asked for is put down first and fetched for many keys at
 * once, because a request costs a round trip.
 */
#include "dsa/world/world_priv.h"

#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/filter.h"
#include "redirect/address.h"

#define PARTS 64	  /* keys in one filter */
#define NO_SUCH_OBJECT 32 /* RFC 4511 appendix A */

void
world_demand_done(struct demand *d)
{
	buf_done(&d->filter);
	for (size_t i = 0; i < d->n_filters; i++)
		free(d->filters[i]);
	free(d->filters);
}

void
world_let_read(struct world *w, bool may_read)
{
	w->may_read = may_read;
}

size_t
world_unknown(const struct world *w)
{
	return w->unknown;
}

/* ---- which keys ---- */

/* A key is kept with the number of the fetch that reads it; what was read by other means has 0. */
enum known { KNOWN_NOT, KNOWN_PUT_DOWN, KNOWN_READ };

static int
look_up(struct world *w, enum side side, uint64_t hash, enum known *ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct reader r;
	bool found;

	if (workset_get_blob(w->ws[side], WORKSET_SEEN, hash, &b, &found, err) < 0)
		return -1;
	r = reader_of(buf_bytes(&b));
	*ret = !found					  ? KNOWN_NOT
	       : reader_u32(&r) > w->demand[side].fetched ? KNOWN_PUT_DOWN
							  : KNOWN_READ;
	return 0;
}

static int
mark(struct world *w, enum side side, uint64_t hash, uint32_t fetch, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	buf_add_u32(&b, fetch);
	if (b.failed)
		return err_nomem(err);
	return workset_put_blob(w->ws[side], WORKSET_SEEN, hash, buf_bytes(&b), err);
}

int
world_mark_read(struct world *w, enum side side, unsigned key, struct bytes value, struct err *err)
{
	return w->run->is_delta ? mark(w, side, match_key_hash(key, value), 0, err) : 0;
}

static void
assertion(struct demand *d, const char *attr, const char *prefix, struct bytes value)
{
	_cleanup_(free) char *text = filter_escape(value);

	d->filter.failed |= !text;
	if (text)
		buf_printf(&d->filter, "(%s=%s%s)", attr, prefix, text);
}

/* Adds what finds the objects that have VALUE under KEY. */
static void
add_assertions(struct world *w, struct demand *d, unsigned key, struct bytes value)
{
	const struct conf_link *link = w->run->link;

	switch (key) {
	case MATCH_KEY_GUID: assertion(d, "objectGUID", "", value); break;
	case MATCH_KEY_SMTP:
		assertion(d, "mail", "", value);
		assertion(d, "proxyAddresses", "smtp:", value);
		assertion(d, "targetAddress", "smtp:", value);
		break;
	case MATCH_KEY_X500:
		assertion(d, "legacyExchangeDN", "", value);
		assertion(d, "proxyAddresses", "x500:", value);
		break;
	case MATCH_KEY_SID:
		assertion(d, "objectSid", "", value);
		assertion(d, "sIDHistory", "", value);
		break;
	case MATCH_KEY_SAM: assertion(d, "sAMAccountName", "", value); break;
	case MATCH_KEY_UPN: assertion(d, "userPrincipalName", "", value); break;
	case MATCH_KEY_DN: assertion(d, "distinguishedName", "", value); break;
	case MATCH_KEY_MEMBER: assertion(d, "member", "", value); break;
	case MATCH_KEY_PRIMARY_GROUP: assertion(d, "primaryGroupID", "", value); break;
	default:
		if (key >= MATCH_KEY_ATTR && key - MATCH_KEY_ATTR < link->n_match)
			assertion(d, link->match[key - MATCH_KEY_ATTR].target_attr, "", value);
	}
}

/* Closes the filter that is being written. */
static int
close_filter(struct demand *d, struct err *err)
{
	char *filter = NULL;

	if (d->n == 0)
		return 0;
	if (!d->filter.failed)
		filter = str_printf("(&" WORLD_FILTER "(|%s))", (const char *)d->filter.data);
	buf_reset(&d->filter);
	d->n = 0;
	if (!filter)
		return err_nomem(err);
	if (list_grow(d->filters, d->n_filters, d->cap_filters) < 0) {
		free(filter);
		return err_nomem(err);
	}
	d->filters[d->n_filters++] = filter;
	return 0;
}

/* A stamp is in an attribute that no directory has an index for. It need not be searched: an object
 * with our stamp that the map has lost carries the source's addresses too, and is found by them. A
 * name is found among its neighbours: world_fetch_names(). */
static bool
is_searched(unsigned key)
{
	return key != MATCH_KEY_STAMP && key != MATCH_KEY_NAME && key != MATCH_KEY_SAM_FOLDED &&
	       key != MATCH_KEY_UPN_FOLDED;
}

/* *RET: what was known before. */
static int
put_down(struct world *w, enum side side, unsigned key, struct bytes value, enum known *ret,
    struct err *err)
{
	struct demand *d = &w->demand[side];
	uint64_t hash = match_key_hash(key, value);

	*ret = KNOWN_READ;
	if (!w->run->is_delta || !is_searched(key))
		return 0;
	if (look_up(w, side, hash, ret, err) < 0)
		return -1;
	if (*ret != KNOWN_NOT)
		return 0;
	if (mark(w, side, hash, d->fetched + 1, err) < 0)
		return -1;
	add_assertions(w, d, key, value);
	return ++d->n < PARTS ? 0 : close_filter(d, err);
}

int
world_demand(struct world *w, enum side side, unsigned key, struct bytes value, struct err *err)
{
	enum known ignored;

	return put_down(w, side, key, value, &ignored, err);
}

int
world_demand_guids(
    struct world *w, enum side side, const struct guid *guids, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (world_demand(w, side, MATCH_KEY_GUID, guid_bytes(&guids[i]), err) < 0)
			return -1;
	return 0;
}

int
world_demand_addresses(struct world *w, enum side side, const struct attr *a, struct err *err)
{
	for (size_t i = 0; a && i < a->n_values; i++) {
		bool x500 = address_is_x500(a->values[i]);

		if ((x500 || address_is_smtp(a->values[i])) &&
		    world_demand(w, side, x500 ? MATCH_KEY_X500 : MATCH_KEY_SMTP,
			address_value(a->values[i]), err) < 0)
			return -1;
	}
	return 0;
}

struct demanding {
	struct world *w;
	struct err *err;
};

static int
demand_key(unsigned key, struct bytes value, void *arg)
{
	const struct demanding *x = arg;

	return world_demand(x->w, TARGET, key, value, x->err);
}

int
world_demand_candidates(struct world *w, const struct entry *source, struct err *err)
{
	const struct conf_link *link = w->run->link;
	struct demanding x = {w, err};

	for (size_t i = 0; i < link->n_match; i++)
		if (link->match[i].method != MATCH_STAMP && link->match[i].method != MATCH_CSV &&
		    match_source_keys(source, link->match, i, demand_key, &x))
			return -1;
	return 0;
}

/* ---- reading them ---- */

struct taking {
	struct world *w;
	enum side side;
};

static int
take(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct taking *t = arg;

	return guid_is_zero(&own->guid) ? 0 : world_take(t->w, t->side, own, err);
}

static int
search(struct world *w, enum side side, const char *filter, struct err *err)
{
	struct dir *d = w->run->dir[side];
	struct taking t = {w, side};
	const struct dir_query q = {.base = d->ops->info(d)->domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = filter,
	    .attrs = world_attrs(w, side)};

	return d->ops->search(d, &q, take, &t, err);
}

int
world_fetch(struct world *w, enum side side, struct err *err)
{
	struct demand *d = &w->demand[side];
	int rc = close_filter(d, err);

	d->fetched++;
	if (rc == 0 && side == TARGET)
		rc = world_fetch_ous(w, err);
	for (size_t i = 0; i < d->n_filters; i++) {
		if (rc == 0)
			rc = search(w, side, d->filters[i], err);
		free(d->filters[i]);
	}
	d->n_filters = 0;
	return rc;
}

int
world_fetch_names(struct world *w, const char *parent, const char *rdn, struct err *err)
{
	struct dir *d = w->run->dir[TARGET];
	struct taking t = {w, TARGET};
	size_t len = utf8_prefix_utf16(bytes_of(rdn), 40);
	_cleanup_(free) char *text = NULL, *filter = NULL;
	struct dir_query q = {.base = parent, .scope = DIR_ONE, .attrs = world_attrs(w, TARGET)};
	int rc;

	if (!w->run->is_delta)
		return 0;
	text = filter_escape((struct bytes){rdn, len});
	filter = text ? str_printf("(cn=%s*)", text) : NULL;
	if (!filter)
		return err_nomem(err);
	q.filter = filter;
	rc = d->ops->search(d, &q, take, &t, err);
	if (rc == 0)
		return world_note_ou(w, parent, true, err);
	/* The OU is to be created: nothing is in it. */
	return err->src == ERR_LDAP && err->code == NO_SUCH_OBJECT
		   ? world_note_ou(w, parent, false, err)
		   : -1;
}

/* Which source objects a delta is about is not for a look-up to say: they are put down by GUID, and
 * what they refer to by name. */
static bool
is_given(const struct world_query *q)
{
	return q->side == SOURCE && !q->by_all_means &&
	       (q->key == MATCH_KEY_GUID || q->key == MATCH_KEY_DN);
}

int
world_ask(struct world *w, const struct world_query *q, bool *ret, struct err *err)
{
	enum known known = KNOWN_READ;

	if (!is_given(q) && put_down(w, q->side, q->key, q->value, &known, err) < 0)
		return -1;
	*ret = known == KNOWN_READ || w->may_read;
	if (known == KNOWN_READ)
		return 0;
	w->unknown += !w->may_read;
	return w->may_read ? world_fetch(w, q->side, err) : 0;
}
