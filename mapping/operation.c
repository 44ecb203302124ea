/* SPDX-License-Identifier: MIT */
/* Operations of several steps. A value is: kind, since, detail. */
#include <string.h>

#include "mapping/store_db.h"

int
store_put_operation(
    struct store_txn *t, uint32_t link, const struct store_operation *o, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	uint8_t key[LINK_GUID_LEN];

	store_link_guid(link, &o->source, key);
	buf_add_u8(&b, (uint8_t)o->kind);
	buf_add_u64(&b, (uint64_t)o->since);
	buf_add_bytes(&b, bytes_of(o->detail ? o->detail : ""));
	if (b.failed)
		return err_nomem(err);
	return store_db_put(t, DB_OPERATION, (struct bytes){key, sizeof key}, buf_bytes(&b), err);
}

int
store_clear_operation(
    struct store_txn *t, uint32_t link, const struct guid *source, struct err *err)
{
	uint8_t key[LINK_GUID_LEN];

	store_link_guid(link, source, key);
	return store_db_delete(
	    t, DB_OPERATION, (struct bytes){key, sizeof key}, (struct bytes){NULL, 0}, err);
}

struct walk {
	store_operation_fn *fn;
	void *arg;
};

static int
give(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct reader r = reader_of(value);
	struct walk *w = arg;
	struct store_operation o = {.kind = (enum operation_kind)reader_u8(&r)};
	_cleanup_(free) char *detail = NULL;

	o.since = (int64_t)reader_u64(&r);
	detail = bytes_dup(reader_bytes(&r));
	if (!detail)
		return err_nomem(err);
	if (r.failed || key.len != LINK_GUID_LEN || o.kind < OPERATION_SWITCH ||
	    o.kind > OPERATION_FINISH)
		return err_set(err, ERR_DATA, ERR_LINK, ERR_NEVER, 0, "map: damaged operation");
	memcpy(o.source.octets, (const uint8_t *)key.data + 4, GUID_LEN);
	o.detail = detail;
	return w->fn(&o, w->arg, err);
}

int
store_each_operation(
    struct store_txn *t, uint32_t link, store_operation_fn *fn, void *arg, struct err *err)
{
	struct walk w = {fn, arg};
	uint8_t key[4];

	store_be32(link, key);
	return store_db_each(t, DB_OPERATION, (struct bytes){key, sizeof key}, give, &w, err);
}
