/* SPDX-License-Identifier: MIT */
/* Waiting references: known beside the records. */
#include <string.h>

#include "dsa/base/str.h"
#include "mapping/store_db.h"

/* The key in `wanted`: link and hash, so that all that wait for one DN stand together. */
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

	wanted_key(u->link, w->wanted, key);
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
	return store_add_count(t, link, "waiting-refs", -u.n, err);
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
		buf_add_bytes(&b, bytes_of(refs[i].wanted));
		wanted_key(link, refs[i].wanted, wanted);
		if (store_db_put(t, DB_WANTED, (struct bytes){wanted, sizeof wanted},
			guid_bytes(referrer), err) < 0)
			return -1;
	}
	if (b.failed)
		return err_nomem(err);
	if (store_db_put(t, DB_WAITING, k, buf_bytes(&b), err) < 0)
		return -1;
	return store_add_count(t, link, "waiting-refs", (int64_t)n, err);
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

	if (x->wanted && strcmp(w->wanted, x->wanted) != 0)
		return 0;
	return x->fn(w, x->arg, err);
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
store_each_waiting(struct store_txn *t, uint32_t link, const char *wanted, store_waiting_fn *fn,
    void *arg, struct err *err)
{
	struct waiting_walk x = {t, link, wanted, fn, arg};
	uint8_t key[12];

	if (!wanted) {
		store_be32(link, key);
		return store_db_each(t, DB_WAITING, (struct bytes){key, 4}, each_referrer, &x, err);
	}
	wanted_key(link, wanted, key);
	return store_db_each(t, DB_WANTED, (struct bytes){key, sizeof key}, each_wanting, &x, err);
}
