/* SPDX-License-Identifier: MIT */
/* Waiting references and conflicts: what is known beside the records. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "mapping/store_priv.h"

static int
add_count(struct store_txn *t, uint32_t link, const char *what, int64_t by, struct err *err)
{
	char key[64];
	uint64_t n;

	if (!by)
		return 0;
	(void)snprintf(key, sizeof key, "n/%u/%s", link, what);
	if (store_counter_get(t, key, &n, err) < 0)
		return -1;
	return store_counter_set(t, key, by < 0 && n < (uint64_t)-by ? 0 : n + (uint64_t)by, err);
}

/* The key in `wanted`: link and hash, so that all who wait for one DN stand together. */
static void
wanted_key(uint32_t link, const char *dn, uint8_t ret[12])
{
	uint64_t h = bytes_hash_nocase(bytes_of(dn), 0);

	store_be32(link, ret);
	memcpy(ret + 4, &h, sizeof h);
}

/* Calls FN for each reference encoded in RAW. */
static int
walk_refs(const struct guid *referrer, struct bytes raw,
    int (*fn)(const struct waiting_ref *w, void *arg, struct err *err), void *arg, struct err *err)
{
	struct reader r = reader_of(raw);
	int stop = 0;

	while (!stop && reader_left(&r)) {
		_cleanup_(free) char *attr = bytes_dup(reader_bytes(&r));
		_cleanup_(free) char *dn = bytes_dup(reader_bytes(&r));
		struct waiting_ref w = {*referrer, attr, dn};

		if (!attr || !dn)
			return err_nomem(err);
		if (r.failed)
			return err_set(err, ERR_DATA, ERR_LINK, ERR_NEVER, 0,
			    "map: damaged list of waiting references");
		stop = fn(&w, arg, err);
	}
	return stop;
}

struct unwant {
	struct store_txn *t;
	uint32_t link;
	int64_t n;
};

static int
unwant_one(const struct waiting_ref *w, void *arg, struct err *err)
{
	struct unwant *u = arg;
	uint8_t key[12];

	wanted_key(u->link, w->wanted_dn, key);
	u->n++;
	return store_db_delete(
	    u->t, DB_WANTED, (struct bytes){key, sizeof key}, guid_bytes(&w->referrer), err);
}

static int
clear_waiting(struct store_txn *t, uint32_t link, const struct guid *referrer, struct bytes key,
    struct err *err)
{
	struct unwant u = {t, link, 0};
	_cleanup_(free) void *copy = NULL;
	struct bytes raw;
	bool found;

	if (store_db_get(t, DB_WAITING, key, &raw, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	/* A write may move what LMDB lent us. */
	copy = bytes_dup(raw);
	if (!copy)
		return err_nomem(err);
	if (walk_refs(referrer, (struct bytes){copy, raw.len}, unwant_one, &u, err) < 0)
		return -1;
	if (store_db_delete(t, DB_WAITING, key, (struct bytes){NULL, 0}, err) < 0)
		return -1;
	return add_count(t, link, "waiting-refs", -u.n, err);
}

int
store_put_waiting(struct store_txn *t, uint32_t link, const struct guid *referrer,
    const struct waiting_ref *refs, size_t n, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	uint8_t key[LINK_GUID_LEN];
	struct bytes k = {key, sizeof key};

	store_link_guid(link, referrer, key);
	if (clear_waiting(t, link, referrer, k, err) < 0)
		return -1;
	if (!n)
		return 0;
	for (size_t i = 0; i < n; i++) {
		uint8_t wanted[12];

		buf_add_bytes(&b, bytes_of(refs[i].attr));
		buf_add_bytes(&b, bytes_of(refs[i].wanted_dn));
		wanted_key(link, refs[i].wanted_dn, wanted);
		if (store_db_put(t, DB_WANTED, (struct bytes){wanted, sizeof wanted},
			guid_bytes(referrer), err) < 0)
			return -1;
	}
	if (b.failed)
		return err_nomem(err);
	if (store_db_put(t, DB_WAITING, k, buf_bytes(&b), err) < 0)
		return -1;
	return add_count(t, link, "waiting-refs", (int64_t)n, err);
}

struct waiting_walk {
	struct store_txn *t;
	uint32_t link;
	const char *wanted; /* or NULL */
	store_waiting_fn *fn;
	void *arg;
};

static int
give_ref(const struct waiting_ref *w, void *arg, struct err *err)
{
	struct waiting_walk *x = arg;

	(void)err;
	if (x->wanted && strcmp(w->wanted_dn, x->wanted) != 0)
		return 0;
	return x->fn(w, x->arg) != 0;
}

static int
each_referrer(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct guid g;

	if (key.len != LINK_GUID_LEN)
		return 0;
	memcpy(g.octets, (const uint8_t *)key.data + 4, GUID_LEN);
	return walk_refs(&g, value, give_ref, arg, err);
}

static int
each_wanting(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct waiting_walk *x = arg;
	uint8_t k[LINK_GUID_LEN];
	struct bytes raw;
	struct guid g;
	bool found;

	(void)key;
	if (!guid_from_bytes(value, &g))
		return 0;
	store_link_guid(x->link, &g, k);
	if (store_db_get(x->t, DB_WAITING, (struct bytes){k, sizeof k}, &raw, &found, err) < 0)
		return -1;
	return found ? walk_refs(&g, raw, give_ref, x, err) : 0;
}

int
store_each_waiting(struct store_txn *t, uint32_t link, const char *wanted_dn, store_waiting_fn *fn,
    void *arg, struct err *err)
{
	struct waiting_walk x = {t, link, wanted_dn, fn, arg};
	uint8_t key[12];

	if (!wanted_dn) {
		store_be32(link, key);
		return store_db_each(t, DB_WAITING, (struct bytes){key, 4}, each_referrer, &x, err);
	}
	wanted_key(link, wanted_dn, key);
	return store_db_each(t, DB_WANTED, (struct bytes){key, sizeof key}, each_wanting, &x, err);
}

static const char *const reason_names[] = {
    [CONFLICT_AMBIGUOUS] = "ambiguous",
    [CONFLICT_TAKEN] = "taken",
    [CONFLICT_KIND] = "kind",
    [CONFLICT_ADDRESS] = "address",
    [CONFLICT_NAME] = "name",
    [CONFLICT_STAMP] = "stamp",
};
_Static_assert(ARRAY_SIZE(reason_names) == CONFLICT_REASON_MAX, "a name for each reason");

const char *
conflict_reason_name(enum conflict_reason r)
{
	return reason_names[r];
}

void
conflict_done(struct conflict *c)
{
	for (size_t i = 0; i < c->n_candidates; i++)
		free(c->candidates[i]);
	free(c->candidates);
	free(c->source_dn);
	free(c->what);
	*c = (struct conflict){0};
}

void
conflict_encode(const struct conflict *c, struct buf *ret)
{
	buf_add_u8(ret, (uint8_t)c->reason);
	buf_add_u64(ret, (uint64_t)c->since);
	buf_add_bytes(ret, bytes_of(c->source_dn));
	buf_add_bytes(ret, bytes_of(c->what));
	buf_add_u32(ret, (uint32_t)c->n_candidates);
	for (size_t i = 0; i < c->n_candidates; i++)
		buf_add_bytes(ret, bytes_of(c->candidates[i]));
}

int
conflict_decode(struct bytes raw, const struct guid *source, struct conflict *ret, struct err *err)
{
	_cleanup_(conflict_done) struct conflict c = {.source = *source};
	struct reader r = reader_of(raw);
	uint8_t reason = reader_u8(&r);
	uint32_t n;

	c.reason = (enum conflict_reason)reason;
	c.since = (int64_t)reader_u64(&r);
	c.source_dn = bytes_dup(reader_bytes(&r));
	c.what = bytes_dup(reader_bytes(&r));
	n = reader_u32(&r);
	if (r.failed || reason >= CONFLICT_REASON_MAX || n > reader_left(&r) / 4)
		return err_set(err, ERR_DATA, ERR_LINK, ERR_NEVER, 0, "map: damaged conflict");
	c.candidates = calloc(n + 1U, sizeof *c.candidates);
	if (!c.source_dn || !c.what || !c.candidates)
		return err_nomem(err);
	for (; c.n_candidates < n; c.n_candidates++)
		if (!(c.candidates[c.n_candidates] = bytes_dup(reader_bytes(&r))))
			return err_nomem(err);
	if (r.failed || reader_left(&r))
		return err_set(err, ERR_DATA, ERR_LINK, ERR_NEVER, 0, "map: damaged conflict");
	*ret = c;
	c = (struct conflict){0};
	return 0;
}

int
store_find_conflict(struct store_txn *t, uint32_t link, const struct guid *source,
    struct conflict *ret, bool *found, struct err *err)
{
	uint8_t key[LINK_GUID_LEN];
	struct bytes raw;

	*ret = (struct conflict){.source = *source};
	store_link_guid(link, source, key);
	if (store_db_get(t, DB_CONFLICT, (struct bytes){key, sizeof key}, &raw, found, err) < 0)
		return -1;
	return *found ? conflict_decode(raw, source, ret, err) : 0;
}

int
store_put_conflict(struct store_txn *t, uint32_t link, const struct conflict *c, struct err *err)
{
	_cleanup_(conflict_done) struct conflict old = {0};
	_cleanup_(buf_done) struct buf b = {0};
	struct conflict now = *c;
	uint8_t key[LINK_GUID_LEN];
	struct bytes k = {key, sizeof key};
	bool found;

	store_link_guid(link, &c->source, key);
	if (store_find_conflict(t, link, &c->source, &old, &found, err) < 0)
		return -1;
	if (found && old.reason == c->reason && strcmp(old.what, c->what) == 0)
		now.since = old.since;
	conflict_encode(&now, &b);
	if (b.failed)
		return err_nomem(err);
	if (store_db_put(t, DB_CONFLICT, k, buf_bytes(&b), err) < 0)
		return -1;
	return add_count(t, link, "conflicts", !found, err);
}

int
store_clear_conflict(struct store_txn *t, uint32_t link, const struct guid *source, struct err *err)
{
	uint8_t key[LINK_GUID_LEN];
	struct bytes k = {key, sizeof key}, raw;
	bool found;

	store_link_guid(link, source, key);
	if (store_db_get(t, DB_CONFLICT, k, &raw, &found, err) < 0)
		return -1;
	if (found && store_db_delete(t, DB_CONFLICT, k, (struct bytes){NULL, 0}, err) < 0)
		return -1;
	return add_count(t, link, "conflicts", found ? -1 : 0, err);
}

struct conflict_walk {
	store_conflict_fn *fn;
	void *arg;
};

static int
give_conflict(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	_cleanup_(conflict_done) struct conflict c = {0};
	struct conflict_walk *w = arg;
	const uint8_t *p = key.data;
	struct guid g;

	if (key.len != LINK_GUID_LEN)
		return 0;
	memcpy(g.octets, p + 4, GUID_LEN);
	if (conflict_decode(value, &g, &c, err) < 0)
		return -1;
	return w->fn((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3], &c,
		   w->arg) != 0;
}

int
store_each_conflict(
    struct store_txn *t, uint32_t link, store_conflict_fn *fn, void *arg, struct err *err)
{
	struct conflict_walk w = {fn, arg};
	uint8_t key[4];

	store_be32(link, key);
	return store_db_each(
	    t, DB_CONFLICT, (struct bytes){key, link ? sizeof key : 0}, give_conflict, &w, err);
}
