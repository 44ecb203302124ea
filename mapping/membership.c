/* SPDX-License-Identifier: MIT */
/*
 * Memberships of the marker group that a turn could not change. A value is: wanted, attempts, next.
 *
 * A database of its own, and no operation: a mailbox may be toggled meanwhile, and the journal is
 * not kept because a group cannot be changed.
 */
#include <string.h>

#include "mapping/store_db.h"

static int
decode(struct bytes raw, struct store_membership *ret, struct err *err)
{
	struct reader r = reader_of(raw);
	uint8_t wanted = reader_u8(&r);

	ret->wanted = wanted;
	ret->attempts = reader_u32(&r);
	ret->next = (int64_t)reader_u64(&r);
	return r.failed || reader_left(&r) || wanted > 1
		   ? err_set(err, ERR_DATA, ERR_LINK, ERR_NEVER, 0,
			 "map: damaged membership to be changed")
		   : 0;
}

static int
put(struct store_txn *t, uint32_t link, const struct guid *source, const struct store_membership *m,
    struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	uint8_t key[LINK_GUID_LEN];

	store_link_guid(link, source, key);
	buf_add_u8(&b, m->wanted);
	buf_add_u32(&b, m->attempts);
	buf_add_u64(&b, (uint64_t)m->next);
	if (b.failed)
		return err_nomem(err);
	return store_db_put(t, DB_MEMBERSHIP, (struct bytes){key, sizeof key}, buf_bytes(&b), err);
}

int
store_owe_membership(struct store_txn *t, uint32_t link, const struct guid *source, bool wanted,
    int64_t now, struct err *err)
{
	return put(t, link, source, &(struct store_membership){.wanted = wanted, .next = now}, err);
}

int
store_put_membership(struct store_txn *t, uint32_t link, const struct guid *source, bool wanted,
    int64_t now, struct err *err)
{
	struct store_membership old = {.attempts = 0};
	uint8_t key[LINK_GUID_LEN];
	struct bytes raw;
	bool found;

	store_link_guid(link, source, key);
	if (store_db_get(t, DB_MEMBERSHIP, (struct bytes){key, sizeof key}, &raw, &found, err) <
		0 ||
	    (found && decode(raw, &old, err) < 0))
		return -1;
	if (old.wanted != wanted)
		old.attempts = 0;
	old.wanted = wanted;
	old.attempts++;
	old.next = now + store_pause_s(old.attempts);
	return put(t, link, source, &old, err);
}

int
store_clear_membership(
    struct store_txn *t, uint32_t link, const struct guid *source, struct err *err)
{
	uint8_t key[LINK_GUID_LEN];

	store_link_guid(link, source, key);
	return store_db_delete(
	    t, DB_MEMBERSHIP, (struct bytes){key, sizeof key}, (struct bytes){NULL, 0}, err);
}

struct walk {
	int64_t now;
	store_membership_fn *fn;
	void *arg;
};

static int
give(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct store_membership m = {.attempts = 0};
	struct walk *w = arg;

	if (key.len != LINK_GUID_LEN)
		return 0;
	memcpy(m.source.octets, (const uint8_t *)key.data + 4, GUID_LEN);
	if (decode(value, &m, err) < 0)
		return -1;
	return !w->now || store_pause_is_over(m.next, w->now) ? w->fn(&m, w->arg, err) : 0;
}

int
store_each_membership(struct store_txn *t, uint32_t link, int64_t now, store_membership_fn *fn,
    void *arg, struct err *err)
{
	struct walk w = {now, fn, arg};
	uint8_t key[4];

	store_be32(link, key);
	return store_db_each(t, DB_MEMBERSHIP, (struct bytes){key, sizeof key}, give, &w, err);
}
