/* SPDX-License-Identifier: MIT */
#include "mapping/journal_large.h"

#include <string.h>

#include "dsa/directory/digest.h"
#include "mapping/store_db.h"

#define KEY_LEN (GUID_LEN + 8)

int
journal_encode_reduced(const struct journal_entry *e, struct buf *ret, struct err *err)
{
	_cleanup_(change_free) struct change *reduced = NULL;
	struct journal_entry own = *e;

	if (digest_change_is_due(e->change)) {
		reduced = change_dup(e->change);
		if (!reduced || digest_change(reduced) < 0)
			return err_nomem(err);
		own.change = reduced;
	}
	journal_encode(&own, ret);
	return ret->failed ? err_nomem(err) : 0;
}

/* Puts digests into the before-image of ATTR in entry NUMBER, if it is still there. */
static int
reduce(struct store_txn *t, uint64_t number, const char *attr, struct err *err)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = NULL;
	_cleanup_(buf_done) struct buf b = {0};
	struct bytes key = {&number, sizeof number}, raw;
	bool found;

	if (store_db_get(t, DB_JOURNAL, key, &raw, &found, err) < 0)
		return -1;
	/* A damaged one is no reason to write nothing more. */
	if (!found || journal_decode(raw, number, &e, err) < 0)
		return !found || err->src == ERR_DATA ? 0 : -1;
	for (size_t i = 0; e->before && i < e->before->n_attrs; i++) {
		struct attr *a = &e->before->attrs[i];

		if (bytes_equal_nocase(bytes_of(a->name), bytes_of(attr)) &&
		    digest_attr(e->before, a) < 0)
			return err_nomem(err);
	}
	journal_encode(e, &b);
	return b.failed ? err_nomem(err) : store_db_put(t, DB_JOURNAL, key, buf_bytes(&b), err);
}

static int
take_place(struct store_txn *t, const struct guid *object, const char *attr, uint64_t number,
    struct err *err)
{
	uint8_t octets[KEY_LEN];
	struct bytes key = {octets, sizeof octets}, raw;
	uint64_t before = 0;
	bool found;

	memcpy(octets, object->octets, GUID_LEN);
	store_be64(bytes_hash_nocase(bytes_of(attr), 0), octets + GUID_LEN);
	if (store_db_get(t, DB_LARGE, key, &raw, &found, err) < 0)
		return -1;
	if (found && raw.len == sizeof before)
		memcpy(&before, raw.data, sizeof before);
	if (before && reduce(t, before, attr, err) < 0)
		return -1;
	return store_db_put(t, DB_LARGE, key, (struct bytes){&number, sizeof number}, err);
}

int
journal_reduce_older(
    struct store_txn *t, const struct journal_entry *e, uint64_t number, struct err *err)
{
	if (guid_is_zero(&e->change->guid))
		return 0;
	for (size_t i = 0; e->before && i < e->before->n_attrs; i++) {
		const struct attr *a = &e->before->attrs[i];

		if (digest_attr_is_due(a) &&
		    take_place(t, &e->change->guid, a->name, number, err) < 0)
			return -1;
	}
	return 0;
}
