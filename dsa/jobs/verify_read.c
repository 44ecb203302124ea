/* SPDX-License-Identifier: MIT */
#include "dsa/jobs/verify_priv.h"

#include <string.h>

#include "dsa/base/keyed_hash.h"
#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/filter.h"
#include "dsa/run/sides.h"
#include "dsa/world/world.h"
#include "redirect/address.h"

#define PARTS 64 /* assertions in one filter */

enum { BY_GUID = 1, BY_ADDRESS = 2, BY_NAME = 3 };

int
verify_open(struct verify *v, struct err *err)
{
	for (int s = SOURCE; s < SIDES; s++) {
		_cleanup_(free) char *name =
		    str_printf("verify-%s-%u", side_name((enum side)s), v->run->link_id);

		if (!name)
			return err_nomem(err);
		if (workset_open(v->run->work_dir, name, v->run->map_size_mb, &v->side[s].ws, err) <
		    0)
			return -1;
	}
	return 0;
}

void
verify_close(struct verify *v)
{
	for (int s = SOURCE; s < SIDES; s++) {
		workset_free(v->side[s].ws);
		free(v->side[s].dummies);
		free(v->side[s].asked);
		v->side[s] = (struct verify_side){0};
	}
}

/* ---- taking in ---- */

static int
note_dummies(struct verify *v, enum side side, const struct entry *e, uint32_t index)
{
	struct verify_side *s = &v->side[side];
	const struct attr *a = entry_find(e, "proxyAddresses");
	bool any = false;

	for (size_t i = 0; a && i < a->n_values; i++)
		any |= address_in_domain(a->values[i], v->run->link->toggle_domain);
	if (!any)
		return 0;
	if (list_grow(s->dummies, s->n_dummies, s->cap_dummies) < 0)
		return -1;
	s->dummies[s->n_dummies++] = index;
	return 0;
}

/* The key of an address; of an X500 one it is that of its name, which may be a legacyExchangeDN. */
static uint64_t
key_of(struct bytes address)
{
	return address_is_x500(address) ? keyed_hash_nocase(address_value(address), BY_NAME)
					: keyed_hash_nocase(address, BY_ADDRESS);
}

static int
add_address_keys(struct workset *ws, const struct entry *e, uint32_t index, struct err *err)
{
	const struct attr *a = entry_find(e, "proxyAddresses");
	struct bytes legacy = entry_get(e, "legacyExchangeDN");

	for (size_t i = 0; a && i < a->n_values; i++)
		if ((address_is_smtp(a->values[i]) || address_is_x500(a->values[i])) &&
		    workset_add_key(ws, key_of(a->values[i]), index, err) < 0)
			return -1;
	return legacy.data ? workset_add_key(ws, keyed_hash_nocase(legacy, BY_NAME), index, err)
			   : 0;
}

/* Each side has its own working set, so both may be filled at the same time. */
static int
take(enum side side, struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e;
	struct verify *v = arg;
	struct workset *ws = v->side[side].ws;
	uint32_t index;

	if (guid_is_zero(&own->guid))
		return err_set(err, ERR_DATA, ERR_LINK, ERR_NEVER, 0,
		    "'%s' came without objectGUID: the account may not read it", own->dn);
	if (workset_add(ws, own, &index, err) < 0 ||
	    workset_add_key(ws, keyed_hash(guid_bytes(&own->guid), BY_GUID), index, err) < 0 ||
	    add_address_keys(ws, own, index, err) < 0)
		return -1;
	if (note_dummies(v, side, own, index) < 0)
		return err_nomem(err);
	v->res->read[side]++;
	/* Only one thread reports. */
	if (side == SOURCE && v->res->read[SOURCE] % 256 == 0)
		run_progress(v->run, RUN_PHASE_READ, v->res->read[SOURCE], 0);
	return 0;
}

int
verify_read_all(struct verify *v, struct err *err)
{
	return sides_read(v->run->dir, WORLD_FILTER, v->attrs, take, v, NULL, err);
}

/* ---- finding ---- */

int
verify_find(struct verify *v, enum side side, const struct guid *g, struct entry **ret,
    uint32_t *ret_index, struct err *err)
{
	struct workset *ws = v->side[side].ws;
	_cleanup_(workset_hits_done) struct workset_hits hits = {.n = 0};

	*ret = NULL;
	*ret_index = WORLD_NONE;
	if (workset_find(ws, keyed_hash(guid_bytes(g), BY_GUID), &hits, err) < 0)
		return -1;
	for (size_t i = 0; i < hits.n; i++) {
		_cleanup_(entry_free) struct entry *e = NULL;

		if (workset_get(ws, hits.v[i], &e, err) < 0)
			return -1;
		if (guid_equal(&e->guid, g)) {
			*ret = TAKE(e);
			*ret_index = hits.v[i];
			return 0;
		}
	}
	return 0;
}

static bool
holds(const struct entry *e, struct bytes address)
{
	const struct attr *a = entry_find(e, "proxyAddresses");
	const char *legacy = entry_get_str(e, "legacyExchangeDN");

	return (a && attr_has(a, address, true)) ||
	       (legacy && address_is_x500(address) &&
		   bytes_equal_nocase(address_value(address), bytes_of(legacy)));
}

static bool
was_asked(const struct verify_side *s, uint32_t index)
{
	return s->asked && (s->asked[index / 8] & (1U << (index % 8)));
}

static int
mark_asked(struct verify_side *s, uint32_t index)
{
	if (!s->asked && !(s->asked = calloc(workset_count(s->ws) / 8 + 1, 1)))
		return -1;
	s->asked[index / 8] |= (uint8_t)(1U << (index % 8));
	return 0;
}

int
verify_holder(enum side side, struct bytes address, const struct entry *self, bool fresh,
    char **ret_dn, void *arg, struct err *err)
{
	struct verify *v = arg;
	struct verify_side *s = &v->side[side];
	_cleanup_(workset_hits_done) struct workset_hits hits = {.n = 0};

	(void)self;
	if (fresh && mark_asked(s, v->at[side]) < 0)
		return err_nomem(err);
	if (workset_find(s->ws, key_of(address), &hits, err) < 0)
		return -1;
	for (size_t i = 0; i < hits.n; i++) {
		_cleanup_(entry_free) struct entry *e = NULL;

		if (hits.v[i] == v->at[side] || (fresh && was_asked(s, hits.v[i])))
			continue;
		if (workset_get(s->ws, hits.v[i], &e, err) < 0)
			return -1;
		if (holds(e, address))
			return (*ret_dn = strdup(e->dn)) ? 0 : err_nomem(err);
	}
	return 0;
}

/* ---- some of them ---- */

struct asking {
	struct verify *v;
	enum side side;
	struct buf filter;
	size_t n;
};

/* What was read before, by its GUID or because of another address, is not taken twice. */
static int
take_once(struct entry *e, void *arg, struct err *err)
{
	_cleanup_(entry_free) struct entry *own = e, *known = NULL;
	struct asking *q = arg;
	uint32_t index;

	if (verify_find(q->v, q->side, &own->guid, &known, &index, err) < 0)
		return -1;
	return known ? 0 : take(q->side, TAKE(own), q->v, err);
}

static int
flush(struct asking *q, struct err *err)
{
	struct dir *d = q->v->run->dir[q->side];
	_cleanup_(free) char *filter =
	    q->filter.failed ? NULL : str_printf("(|%s)", (const char *)q->filter.data);
	struct dir_query query = {.base = d->ops->info(d)->domain_dn,
	    .scope = DIR_SUBTREE,
	    .filter = filter,
	    .attrs = q->v->attrs[q->side]};

	if (q->n == 0)
		return 0;
	if (!filter)
		return err_nomem(err);
	buf_reset(&q->filter);
	q->n = 0;
	return d->ops->search(d, &query, take_once, q, err);
}

static int
ask(struct asking *q, const char *attr, const char *value_filter, struct err *err)
{
	buf_printf(&q->filter, "(%s=%s)", attr, value_filter);
	return ++q->n < PARTS ? 0 : flush(q, err);
}

static int
ask_address(struct asking *q, struct bytes address, struct err *err)
{
	_cleanup_(free) char *whole = filter_escape(address);
	_cleanup_(free) char *value = filter_escape(address_value(address));

	if (!whole || !value)
		return err_nomem(err);
	if (ask(q, "proxyAddresses", whole, err) < 0)
		return -1;
	return address_is_x500(address) ? ask(q, "legacyExchangeDN", value, err) : 0;
}

/* Asks who holds the addresses of entry E, on either side. */
static int
ask_addresses(struct asking q[SIDES], const struct entry *e, struct err *err)
{
	const struct attr *a = entry_find(e, "proxyAddresses");
	const char *legacy = entry_get_str(e, "legacyExchangeDN");
	_cleanup_(free) char *x500 = legacy ? address_x500_of(legacy) : NULL;

	if (legacy && !x500)
		return err_nomem(err);
	for (int s = SOURCE; s < SIDES; s++) {
		for (size_t i = 0; a && i < a->n_values; i++)
			if ((address_is_smtp(a->values[i]) || address_is_x500(a->values[i])) &&
			    ask_address(&q[s], a->values[i], err) < 0)
				return -1;
		if (x500 && ask_address(&q[s], bytes_of(x500), err) < 0)
			return -1;
	}
	return 0;
}

static int
read_guids(struct asking q[SIDES], struct record *const *records, size_t n, struct err *err)
{
	for (int s = SOURCE; s < SIDES; s++) {
		for (size_t i = 0; i < n; i++) {
			char text[GUID_FILTER_SIZE];

			guid_filter(&records[i]->side[s].guid, text);
			if (ask(&q[s], "objectGUID", text, err) < 0)
				return -1;
		}
		if (flush(&q[s], err) < 0)
			return -1;
	}
	return 0;
}

static int
read_holders(struct asking q[SIDES], struct record *const *records, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++)
		for (int s = SOURCE; s < SIDES; s++) {
			_cleanup_(entry_free) struct entry *e = NULL;
			uint32_t index;

			if (verify_find(q->v, (enum side)s, &records[i]->side[s].guid, &e, &index,
				err) < 0 ||
			    (e && ask_addresses(q, e, err) < 0))
				return -1;
		}
	return flush(&q[SOURCE], err) < 0 || flush(&q[TARGET], err) < 0 ? -1 : 0;
}

int
verify_read_some(struct verify *v, struct record *const *records, size_t n, struct err *err)
{
	struct asking q[SIDES] = {{.v = v, .side = SOURCE}, {.v = v, .side = TARGET}};
	int rc = read_guids(q, records, n, err);

	/* A native move does not ask who else has an address. */
	if (rc == 0 && !v->opt->missing)
		rc = read_holders(q, records, n, err);
	buf_done(&q[SOURCE].filter);
	buf_done(&q[TARGET].filter);
	return rc;
}
