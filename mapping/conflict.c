/* SPDX-License-Identifier: MIT */
/* Conflicts: who waits for a decision of the operator's. */
#include <string.h>

#include "dsa/base/str.h"
#include "mapping/store_priv.h"

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
	return store_add_count(t, link, "conflicts", !found, err);
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
	return store_add_count(t, link, "conflicts", found ? -1 : 0, err);
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
