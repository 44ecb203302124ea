/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_STORE_DB_H
#define GALSYNC_MAPPING_STORE_DB_H

/*
 * The databases of the map, below the nouns that live in them (records, journal, waves, ...): each
 * noun's file reads and writes its own databases by these functions, inside a transaction of
 * store.h. LMDB's types go no further than this folder.
 *
 * A value that does not have its check sum is an error for every reader of it: store_damaged(),
 * which names the database and the key. Callers see values without their sums.
 */

#include <lmdb.h>
#include <pthread.h>

#include "mapping/store.h"

enum store_db {
	DB_META,
	DB_RECORD,
	DB_KEY,
	DB_CURSOR,
	DB_WAITING,
	DB_WANTED,
	DB_CONFLICT,
	DB_INVOLVED,
	DB_JOURNAL,
	DB_OUTCOME,
	DB_OPEN,
	DB_ABOUT,
	DB_RETRY,
	DB_OPERATION,
	DB_EVENT,
	DB_WAVE,
	DB_WAVE_MEMBER,
	DB_HELD,
	DB_SPENT,
	DB_MEMBERSHIP,
	DB_LARGE,
	DB_RESOLUTION,
	DB_CLIENT,
	DB_MAX
};

/* What a transaction means to the file beside the map (keepsake.h). */
enum store_kept {
	KEPT_AS_IS,
	KEPT_LESS, /* less is to be kept, or what may be done again: the file may wait a little */
	KEPT_MORE  /* the file is written when this is committed */
};

/* More than a daemon has threads that read at a time. */
#define READ_SLOTS 32

struct store {
	MDB_env *env;
	MDB_dbi db[DB_MAX];
	enum store_mode mode;
	int lock;      /* writer.lock, or -1 */
	bool sealed;   /* its values have sums: it is no map of format 1 */
	bool outdated; /* has sums, but is of format 2 */
	bool is_new;   /* made by this store_open() */
	char *dir, *path;
	pthread_mutex_t slots_lock;
	MDB_txn *slots[READ_SLOTS]; /* ended read transactions, whose places among the readers stay
				       ours */
	size_t n_slots;
	struct keepsake *keepsake; /* or NULL */
};

struct store_txn {
	struct store *s;
	MDB_txn *txn;
	MDB_cursor *keys; /* over DB_KEY, opened by the first look-up */
	enum store_mode mode;
	enum store_kept kept;
	bool links_known, several_links;
	uint64_t octets;	/* READ: of the map, no value is longer; else 0 */
	uint64_t pairs[DB_MAX]; /* by how much the sum of an index has changed */
};

/* To be called by who changes what the file beside the map has. */
static inline void
store_keep(struct store_txn *t, enum store_kept kept)
{
	if (kept > t->kept)
		t->kept = kept;
}
/* keepsake.c: behind a commit; and before the map is closed. */
void keepsake_committed(struct keepsake *k, enum store_kept kept);
void keepsake_detach(struct keepsake *k);

const char *store_db_name(enum store_db db);
/* LMDB's flags for it. */
unsigned store_db_flags(enum store_db db);
/* Several values for a key, all of one size: a database that leads to values of others. */
static inline bool
store_is_index(enum store_db db)
{
	return store_db_flags(db) & MDB_DUPSORT;
}
/* The sum of a pair: what stands behind its value. */
uint64_t store_db_sum(enum store_db db, struct bytes key, struct bytes value);
/* KEY as an operator reads it, cut to SIZE octets: a number, text, or hexadecimal digits. */
void store_key_text(enum store_db db, struct bytes key, char *ret, size_t size);

/* store_env.c: the map is of this galsync's format from now on. */
int store_put_format(struct store_txn *t, struct err *err) MUST_CHECK;

/* Why RAW, as it is in the file, is not what was put under KEY; else NULL, and *RET is. */
const char *store_value_refusal(const struct store_txn *t, enum store_db db, struct bytes key,
    struct bytes raw, struct bytes *ret);

/* Judges LMDB's (or the system's) code RC. */
int store_fail(const struct store *s, int rc, const char *what, struct err *err);
/* Look-up; *FOUND false if KEY is not there. RET points into LMDB: copy before anything is written.
 */
int store_db_get(struct store_txn *t, enum store_db db, struct bytes key, struct bytes *ret,
    bool *found, struct err *err) MUST_CHECK;
int store_db_put(struct store_txn *t, enum store_db db, struct bytes key, struct bytes value,
    struct err *err) MUST_CHECK;
/* Removes the pair; no error if it is not there. VALUE is for an index; else {NULL, 0}. */
int store_db_delete(struct store_txn *t, enum store_db db, struct bytes key, struct bytes value,
    struct err *err) MUST_CHECK;
/* Calls FN for each pair whose key begins with PREFIX, in order; a duplicate key once for each
 * value. FN returns 0 to go on, 1 to stop, -1 with err to fail. */
typedef int store_pair_fn(struct bytes key, struct bytes value, void *arg, struct err *err);
int store_db_each(struct store_txn *t, enum store_db db, struct bytes prefix, store_pair_fn *fn,
    void *arg, struct err *err) MUST_CHECK;
/* The same from the first key on that is FROM or greater. */
int store_db_each_from(struct store_txn *t, enum store_db db, struct bytes prefix,
    struct bytes from, store_pair_fn *fn, void *arg, struct err *err) MUST_CHECK;
/* A counter in `meta`; 0 if it was never set. */
int store_counter_get(
    struct store_txn *t, const char *name, uint64_t *ret, struct err *err) MUST_CHECK;
int store_counter_set(
    struct store_txn *t, const char *name, uint64_t v, struct err *err) MUST_CHECK;
/* Empties it. */
int store_db_clear(struct store_txn *t, enum store_db db, struct err *err) MUST_CHECK;
/* How many pairs it has. */
int store_db_count(
    struct store_txn *t, enum store_db db, uint64_t *ret, struct err *err) MUST_CHECK;
/* Reads all of it and compares every sum; that of an index too. */
int store_check_db(struct store_txn *t, enum store_db db, struct err *err) MUST_CHECK;
/* The sum that an index should have by its pairs. */
int store_sum_pairs(
    struct store_txn *t, enum store_db db, uint64_t *ret, struct err *err) MUST_CHECK;
/* Writes down how the sums of the indices have changed: before a commit. */
int store_save_pairs(struct store_txn *t, struct err *err) MUST_CHECK;
/* Adds BY to LINK's counter WHAT, which never falls below 0. */
int store_add_count(
    struct store_txn *t, uint32_t link, const char *what, int64_t by, struct err *err) MUST_CHECK;

/* store_readers.c: begins a read transaction, at a place that is ours or at a new one. */
int store_readers_begin(struct store *s, MDB_txn **ret, struct err *err) MUST_CHECK;
/* Ends TXN, and keeps its place. */
void store_readers_end(struct store *s, MDB_txn *txn);
/* Takes as many places as are kept, and gives them all back. */
int store_readers_reserve(struct store *s, struct err *err) MUST_CHECK;
void store_readers_release(struct store *s);

/* How long what failed ATTEMPTS times is left alone: doubling, from 5 seconds up to an hour. */
int64_t store_pause_s(uint32_t attempts);
/* True if NEXT has come at NOW, or lies further ahead than any pause is: the clock was set back. */
bool store_pause_is_over(int64_t next, int64_t now);

/* Keys of two parts: link and GUID, big-endian, so that they sort by link. */
#define LINK_GUID_LEN (4 + GUID_LEN)
void store_link_guid(uint32_t link, const struct guid *g, uint8_t ret[LINK_GUID_LEN]);
static inline void
store_be32(uint32_t v, uint8_t ret[4])
{
	for (size_t i = 0; i < 4; i++)
		ret[i] = (uint8_t)(v >> (24 - 8 * i));
}
static inline void
store_be64(uint64_t v, uint8_t ret[8])
{
	store_be32((uint32_t)(v >> 32), ret);
	store_be32((uint32_t)v, ret + 4);
}

#endif
