/* SPDX-License-Identifier: MIT */
/*
 * What has changed in the map since it was last looked at: a walk over the sums of its records
 * costs a twentieth of what it costs to read them.
 *
 * What it costs is to wait for memory: nothing of a large map is in a cache, and a record, its sum
 * and the head of its page are in different places. Most of them are where they were in the last
 * walk. So these places are noted, and fetched some records ahead. They are hints and nothing else:
 * nothing is read by them, and to fetch what is not there any more does no harm.
 */
#include <string.h>

#include "dsa/base/list.h"
#include "mapping/damage.h"
#include "mapping/last_word.h"
#include "mapping/store_db.h"

uint64_t
store_txn_number(const struct store_txn *t)
{
	return mdb_txn_id(t->txn);
}

/* The sum behind a value, as it stands there; a map of format 1 has none. */
static uint64_t
mark_of(const struct store_txn *t, MDB_val v)
{
	uint64_t sum = 0;

	if (!t->s->sealed || v.mv_size < sizeof sum)
		return bytes_hash((struct bytes){v.mv_data, v.mv_size}, 0);
	last_word_read(true);
	memcpy(&sum, (const uint8_t *)v.mv_data + v.mv_size - sizeof sum, sizeof sum);
	last_word_read(false);
	return sum;
}

#define AHEAD 16       /* records */
#define PAGE_SIZE 4096 /* LMDB's, on most machines */

/* A call of what only fetches has no effect to gcc 12, which leaves it out: so it is none. */
static inline __attribute__((__always_inline__)) void
fetch(const struct store_places *p, size_t i)
{
	if (i >= p->n)
		return;
	__builtin_prefetch(p->v[i].key);
	__builtin_prefetch(p->v[i].end);
	__builtin_prefetch((const void *)((uintptr_t)p->v[i].key & ~(uintptr_t)(PAGE_SIZE - 1)));
}

/* The place of record I, for the next walk. Without memory that waits for it. */
static void
note_place(struct store_places *p, size_t i, const MDB_val *k, const MDB_val *v)
{
	if (i == p->n && list_grow(p->v, p->n, p->cap) == 0)
		p->n++;
	if (i < p->n)
		p->v[i] =
		    (struct store_place){k->mv_data, (const uint8_t *)v->mv_data + v->mv_size - 1};
}

void
store_places_done(struct store_places *p)
{
	free(TAKE(p->v));
	p->n = p->cap = 0;
}

int
store_each_mark(
    struct store_txn *t, struct store_places *places, store_mark_fn *fn, void *arg, struct err *err)
{
	MDB_val k, v;
	MDB_cursor *c = NULL;
	size_t n = 0;
	int rc = mdb_cursor_open(t->txn, t->s->db[DB_RECORD], &c), stop = 0;

	if (rc)
		return store_fail(t->s, rc, "read", err);
	while (!stop && (rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
		uint64_t id = 0;

		if (k.mv_size != sizeof id || (t->octets && v.mv_size > t->octets)) {
			stop = store_damaged(t->s->dir, err, "a record has no number, or no end");
			break;
		}
		memcpy(&id, k.mv_data, sizeof id);
		fetch(places, n + AHEAD);
		note_place(places, n++, &k, &v);
		stop = fn(id, mark_of(t, v), arg, err);
	}
	mdb_cursor_close(c);
	if (rc && rc != MDB_NOTFOUND)
		return store_fail(t->s, rc, "read", err);
	return stop < 0 ? -1 : 0;
}
