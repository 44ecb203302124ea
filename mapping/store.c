/* SPDX-License-Identifier: MIT */
/*
 * Transactions and records. The disk format, version 3, of each named database; behind each value
 * of those that are no index is its sum (store_db.c):
 *
 *   meta      text -> octets: "format" u32; "next-record", "next-journal", "next-cycle",
 *             "next-event", "last-wave", counters "n/<link>/<what>" u64; "link/<id>" name;
 *             "summary/<link>" text; "taken/<link>" (keepsake.c), "copied-at" (backup.c) u64;
 *             "databases" u64: how many there are; "pairs/<name>" u64: the sum of an index;
 *             "forest/<hash of its name>": see schema.c
 *   record    u64 (native, MDB_INTEGERKEY) -> record.c
 *   key       u64 hash (native) -> u64 record ids (duplicates, fixed size)
 *   cursor    link (u32 big-endian), side (u8) -> octets; side 2: see conflict.c
 *   waiting   link, referrer GUID -> attribute and wanted DN pairs
 *   wanted    link (u32 big-endian), hash of the wanted DN (u64) -> referrer GUIDs (duplicates)
 *   conflict  link, source GUID -> conflict.c
 *   involved  link, candidate GUID -> source GUIDs (duplicates)
 *   journal   u64 (native) -> journal.c;  outcome, open, about: see journal.c
 *   event     link, source GUID, number -> event.c
 *   wave, mailbox: see wave.c
 *   held, spent: see held.c
 *   membership: see membership.c
 *
 * Native integers: LMDB files are not moved between machines of different byte order anyway.
 */
#include "mapping/store.h"

#include <stdio.h>
#include <string.h>

#include "mapping/record_view.h"
#include "mapping/store_db.h"
#include "mapping/store_keys.h"

static uint64_t
octets_of(const struct store *s)
{
	MDB_envinfo info;
	MDB_stat stat;

	(void)mdb_env_info(s->env, &info);
	(void)mdb_env_stat(s->env, &stat);
	return (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
}

static int
begin_read(struct store_txn *t, struct err *err)
{
	if (store_readers_begin(t->s, &t->txn, err) < 0)
		return -1;
	t->octets = octets_of(t->s);
	return 0;
}

static int
begin_write(struct store_txn *t, struct err *err)
{
	int rc = mdb_txn_begin(t->s->env, NULL, 0, &t->txn);

	return rc ? store_fail(t->s, rc, "begin", err) : 0;
}

int
store_begin(struct store *s, enum store_mode mode, struct store_txn **ret, struct err *err)
{
	_cleanup_(free) struct store_txn *t = calloc(1, sizeof *t);

	if (!t)
		return err_nomem(err);
	*t = (struct store_txn){.s = s, .mode = mode};
	if (mode == STORE_READ ? begin_read(t, err) < 0 : begin_write(t, err) < 0)
		return -1;
	*ret = TAKE(t);
	return 0;
}

int
store_commit(struct store_txn *t, struct err *err)
{
	_cleanup_(free) struct store_txn *own = t;
	int rc;

	if (own->keys)
		mdb_cursor_close(own->keys);
	if (store_save_pairs(own, err) < 0) {
		mdb_txn_abort(own->txn);
		return -1;
	}
	rc = mdb_txn_commit(own->txn);
	if (rc)
		return store_fail(own->s, rc, "commit", err);
	if (own->mode == STORE_WRITE && own->s->keepsake)
		keepsake_committed(own->s->keepsake, own->kept);
	return 0;
}

void
store_abort(struct store_txn *t)
{
	if (!t)
		return;
	if (t->keys)
		mdb_cursor_close(t->keys);
	if (t->mode == STORE_READ)
		store_readers_end(t->s, t->txn);
	else
		mdb_txn_abort(t->txn);
	free(t);
}

static int
count_record(struct store_txn *t, const struct record *r, int by, struct err *err)
{
	if (store_add_count(t, r->link, "records", by, err) < 0 ||
	    store_add_count(t, r->link, record_state_name(r->state), by, err) < 0)
		return -1;
	return store_add_count(t, r->link, r->created ? "created" : "matched", by, err);
}

uint64_t
store_home(uint32_t link, const struct guid *source)
{
	uint64_t h = bytes_hash(guid_bytes(source), link);

	return h ? h : 1;
}

/* A new record's number: its home, so that it is found by the source's GUID without the index.
 * Where that is taken, which a 64-bit hash makes as good as impossible, the next free one. */
static int
new_id(struct store_txn *t, const struct record *r, uint64_t *ret, struct err *err)
{
	uint64_t id = store_home(r->link, &r->side[SOURCE].guid);

	for (;; id++) {
		struct bytes raw;
		bool found;

		if (store_db_get(t, DB_RECORD, (struct bytes){&id, 8}, &raw, &found, err) < 0)
			return -1;
		if (!found && id) {
			*ret = id;
			return 0;
		}
	}
}

int
store_put(struct store_txn *t, struct record *r, struct err *err)
{
	_cleanup_(record_free) struct record *old = NULL;
	_cleanup_(buf_done) struct buf b = {0};
	uint64_t id = r->id;
	bool moved;

	record_encode(r, &b);
	if (b.failed)
		return err_nomem(err);
	if (id) {
		if (store_get(t, id, &old, err) < 0)
			return -1;
	} else if (new_id(t, r, &id, err) < 0) {
		return -1;
	}
	moved =
	    !old || old->link != r->link || old->state != r->state || old->created != r->created;
	if (store_db_put(t, DB_RECORD, (struct bytes){&id, sizeof id}, buf_bytes(&b), err) < 0 ||
	    store_keys_update(t, old, r, id, err) < 0)
		return -1;
	if (moved && ((old && count_record(t, old, -1, err) < 0) || count_record(t, r, 1, err) < 0))
		return -1;
	r->id = id;
	return 0;
}

int
store_delete(struct store_txn *t, uint64_t id, struct err *err)
{
	_cleanup_(record_free) struct record *old = NULL;

	if (store_get(t, id, &old, err) < 0)
		return -1;
	if (!old)
		return 0;
	if (store_keys_update(t, old, NULL, id, err) < 0 || count_record(t, old, -1, err) < 0)
		return -1;
	return store_db_delete(
	    t, DB_RECORD, (struct bytes){&id, sizeof id}, (struct bytes){NULL, 0}, err);
}

int
store_get(struct store_txn *t, uint64_t id, struct record **ret, struct err *err)
{
	struct bytes raw;
	bool found;

	*ret = NULL;
	if (store_db_get(t, DB_RECORD, (struct bytes){&id, sizeof id}, &raw, &found, err) < 0)
		return -1;
	return found ? record_decode(raw, id, ret, err) : 0;
}

struct each {
	uint32_t link;
	store_record_fn *fn;
	void *arg;
};

static int
each_pair(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	_cleanup_(record_view_free) const struct record *r = NULL;
	struct each *e = arg;
	uint64_t id;

	memcpy(&id, key.data, sizeof id);
	if (record_decode_view(value, id, &r, err) < 0)
		return -1;
	return e->link && r->link != e->link ? 0 : e->fn(r, e->arg, err);
}

int
store_each(struct store_txn *t, uint32_t link, store_record_fn *fn, void *arg, struct err *err)
{
	struct each e = {link, fn, arg};

	return store_db_each(t, DB_RECORD, (struct bytes){NULL, 0}, each_pair, &e, err);
}

int
store_each_after(struct store_txn *t, uint32_t link, uint64_t id, store_record_fn *fn, void *arg,
    struct err *err)
{
	struct each e = {link, fn, arg};
	uint64_t from = id + 1;

	if (!from)
		return 0;
	return store_db_each_from(t, DB_RECORD, (struct bytes){NULL, 0},
	    (struct bytes){&from, sizeof from}, each_pair, &e, err);
}

static int
add_counts(struct store_txn *t, uint32_t link, struct store_counts *n, struct err *err)
{
	struct {
		const char *what;
		uint64_t *to;
	} all[] = {{"records", &n->records}, {"created", &n->created}, {"matched", &n->matched},
	    {"waiting-refs", &n->waiting_refs}, {"conflicts", &n->conflicts}};
	char key[64];
	uint64_t v;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		(void)snprintf(key, sizeof key, "n/%u/%s", link, all[i].what);
		if (store_counter_get(t, key, &v, err) < 0)
			return -1;
		*all[i].to += v;
	}
	for (size_t i = 0; i < RECORD_STATE_MAX; i++) {
		(void)snprintf(
		    key, sizeof key, "n/%u/%s", link, record_state_name((enum record_state)i));
		if (store_counter_get(t, key, &v, err) < 0)
			return -1;
		n->by_state[i] += v;
	}
	return 0;
}

int
store_count(struct store_txn *t, uint32_t link, struct store_counts *ret, struct err *err)
{
	struct store_counts n = {0};
	MDB_envinfo info;

	for (uint32_t id = link ? link : 1;; id++) {
		_cleanup_(free) char *name = NULL;

		if (store_link_name(t, id, &name, err) < 0)
			return -1;
		if (!name)
			break;
		if (add_counts(t, id, &n, err) < 0)
			return -1;
		if (link)
			break;
	}
	(void)mdb_env_info(t->s->env, &info);
	n.bytes_max = info.me_mapsize;
	n.bytes_used = octets_of(t->s);
	*ret = n;
	return 0;
}
