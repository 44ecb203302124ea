/* SPDX-License-Identifier: MIT */
/*
 * Pairs, and their sums. Behind every value are 8 octets, little-endian: sum64() of the value,
 * begun with that of its key, which is begun with that of the name of its database. So a wrong bit
 * is noticed, and also a value in the place of another. Values are put and got here and nowhere
 * else.
 *
 * An index (a database with several values for a key) leads to such values and has none: its pairs
 * have one size. All its pairs together have a sum, the sum of theirs; it is kept in `meta` as
 * "pairs/<name>" and compared when the map is opened to be written.
 *
 * A map of format 1 has no sums. Its format is without one too, and 4 octets long; that of a map
 * with sums has one, so that no wrong bit makes the one from the other.
 */
#include "mapping/store_db.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "dsa/base/sum64.h"
#include "mapping/damage.h"
#include "mapping/last_word.h"

#define FULL_BELOW (1 << 20)

static const struct {
	const char *name;
	unsigned flags;
} databases[] = {
    [DB_META] = {"meta", 0},
    [DB_RECORD] = {"record", MDB_INTEGERKEY},
    [DB_KEY] = {"key", MDB_INTEGERKEY | MDB_DUPSORT | MDB_DUPFIXED | MDB_INTEGERDUP},
    [DB_CURSOR] = {"cursor", 0},
    [DB_WAITING] = {"waiting", 0},
    [DB_WANTED] = {"wanted", MDB_DUPSORT | MDB_DUPFIXED},
    [DB_CONFLICT] = {"conflict", 0},
    [DB_INVOLVED] = {"involved", MDB_DUPSORT | MDB_DUPFIXED},
    [DB_JOURNAL] = {"journal", MDB_INTEGERKEY},
    [DB_OUTCOME] = {"outcome", MDB_INTEGERKEY},
    [DB_OPEN] = {"open", MDB_INTEGERKEY},
    [DB_ABOUT] = {"about", MDB_DUPSORT | MDB_DUPFIXED},
    [DB_RETRY] = {"retry", 0},
    [DB_OPERATION] = {"operation", 0},
    [DB_EVENT] = {"event", 0},
    [DB_WAVE] = {"wave", 0},
    [DB_WAVE_MEMBER] = {"mailbox", 0},
    [DB_HELD] = {"held", 0},
    [DB_SPENT] = {"spent", 0},
    [DB_MEMBERSHIP] = {"membership", 0},
    [DB_LARGE] = {"large", 0},
    [DB_RESOLUTION] = {"resolution", 0},
    [DB_CLIENT] = {"client", 0},
};
_Static_assert(ARRAY_SIZE(databases) == DB_MAX, "a name for each database");

/* LMDB calls a write that the disk had no room for an I/O error, if a part of it went in. */
static bool
disk_is_full(const struct store *s, int en)
{
	struct statvfs fs;

	return en == ENOSPC || en == EDQUOT ||
	       (en == EIO && statvfs(s->dir, &fs) == 0 && fs.f_bavail * fs.f_frsize < FULL_BELOW);
}

/* Where only reading is done, nothing else makes a transaction bad. */
static bool
is_damage(const struct store *s, int rc)
{
	return rc == MDB_INVALID || rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND ||
	       rc == MDB_CURSOR_FULL || rc == MDB_INCOMPATIBLE ||
	       (rc == MDB_BAD_TXN && s->mode == STORE_READ);
}

int
store_fail(const struct store *s, int rc, const char *what, struct err *err)
{
	if (rc == ENOMEM)
		return err_nomem(err);
	if (disk_is_full(s, rc))
		return err_set(err, ERR_SYS, ERR_LINK, ERR_LATER, ENOSPC,
		    "map in '%s': %s: the disk is full: make room and run again", s->dir, what);
	if (rc > 0)
		return err_sys(err, rc, "map in '%s': %s", s->dir, what);
	if (rc == MDB_MAP_FULL)
		return err_set(err, ERR_LMDB, ERR_LINK, ERR_LATER, rc,
		    "map in '%s' is full: raise map_size_mb", s->dir);
	if (is_damage(s, rc))
		return store_damaged(s->dir, err, "%s: %s", what, mdb_strerror(rc));
	return err_set(err, ERR_LMDB, ERR_LINK, ERR_LATER, rc, "map in '%s': %s: %s", s->dir, what,
	    mdb_strerror(rc));
}

static MDB_val
val_of(struct bytes v)
{
	return (MDB_val){v.len, (void *)(uintptr_t)v.data};
}

const char *
store_db_name(enum store_db db)
{
	return databases[db].name;
}

unsigned
store_db_flags(enum store_db db)
{
	return databases[db].flags;
}

/* ---- sums ---- */

uint64_t
store_db_sum(enum store_db db, struct bytes key, struct bytes value)
{
	return sum64(value, sum64(key, sum64(bytes_of(databases[db].name), 0)));
}

void
store_key_text(enum store_db db, struct bytes key, char *ret, size_t size)
{
	const uint8_t *p = key.data;
	uint64_t number;

	if (databases[db].flags & MDB_INTEGERKEY && key.len == sizeof number) {
		memcpy(&number, key.data, sizeof number);
		(void)snprintf(ret, size, "%" PRIu64, number);
	} else if (db == DB_META) {
		err_escape(ret, size, key);
	} else {
		*ret = '\0';
		for (size_t i = 0; i < key.len && 2 * i + 3 <= size; i++)
			(void)snprintf(ret + 2 * i, size - 2 * i, "%02x", p[i]);
	}
}

const char *
store_value_refusal(const struct store_txn *t, enum store_db db, struct bytes key, struct bytes raw,
    struct bytes *ret)
{
	uint64_t sum;
	bool same;

	*ret = raw;
	if (t->octets && (raw.len > t->octets || key.len > t->octets))
		return "it is longer than the map";
	if (databases[db].flags & MDB_INTEGERKEY && key.len != sizeof(uint64_t))
		return "this is no key of it";
	if (!t->s->sealed || store_is_index(db))
		return NULL;
	if (raw.len < sizeof sum)
		return "the value has no check sum";
	ret->len -= sizeof sum;
	last_word_read(true);
	memcpy(&sum, (const uint8_t *)raw.data + ret->len, sizeof sum);
	same = le64toh(sum) == store_db_sum(db, key, *ret);
	last_word_read(false);
	return same ? NULL : "the value does not have its check sum";
}

/* What was put: the value without its sum. Every value that is read comes this way. */
static int
open_value(const struct store_txn *t, enum store_db db, struct bytes key, MDB_val raw,
    struct bytes *ret, struct err *err)
{
	const char *why =
	    store_value_refusal(t, db, key, (struct bytes){raw.mv_data, raw.mv_size}, ret);
	char text[80];

	if (!why)
		return 0;
	store_key_text(db, key, text, sizeof text);
	return store_damaged(
	    t->s->dir, err, "database '%s', key %s: %s", databases[db].name, text, why);
}

/* ---- pairs ---- */

int
store_db_get(struct store_txn *t, enum store_db db, struct bytes key, struct bytes *ret,
    bool *found, struct err *err)
{
	MDB_val k = val_of(key), v;
	int rc = mdb_get(t->txn, t->s->db[db], &k, &v);

	*found = rc == 0;
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc)
		return store_fail(t->s, rc, "read", err);
	return open_value(t, db, key, v, ret, err);
}

/* An index has no room for sums: its pairs have one sum together, which does not depend on their
 * order. */
static int
put_index(
    struct store_txn *t, enum store_db db, struct bytes key, struct bytes value, struct err *err)
{
	MDB_val k = val_of(key), v = val_of(value);
	int rc = mdb_put(t->txn, t->s->db[db], &k, &v, MDB_NODUPDATA);

	if (rc == 0)
		t->pairs[db] += store_db_sum(db, key, value);
	return rc && rc != MDB_KEYEXIST ? store_fail(t->s, rc, "write", err) : 0;
}

int
store_db_put(
    struct store_txn *t, enum store_db db, struct bytes key, struct bytes value, struct err *err)
{
	uint64_t sum = htole64(store_db_sum(db, key, value));
	size_t more = t->s->sealed ? sizeof sum : 0;
	MDB_val k = val_of(key), v = {value.len + more, NULL};
	int rc;

	if (store_is_index(db))
		return put_index(t, db, key, value, err);
	rc = mdb_put(t->txn, t->s->db[db], &k, &v, MDB_RESERVE);
	if (rc)
		return store_fail(t->s, rc, "write", err);
	if (value.len)
		memcpy(v.mv_data, value.data, value.len);
	memcpy((uint8_t *)v.mv_data + value.len, &sum, more);
	return 0;
}

int
store_db_delete(
    struct store_txn *t, enum store_db db, struct bytes key, struct bytes value, struct err *err)
{
	MDB_val k = val_of(key), v = val_of(value);
	int rc;

	assert(value.data || !store_is_index(db));
	rc = mdb_del(t->txn, t->s->db[db], &k, value.data ? &v : NULL);
	if (rc == 0 && store_is_index(db))
		t->pairs[db] -= store_db_sum(db, key, value);
	return rc && rc != MDB_NOTFOUND ? store_fail(t->s, rc, "delete", err) : 0;
}

int
store_db_each(struct store_txn *t, enum store_db db, struct bytes prefix, store_pair_fn *fn,
    void *arg, struct err *err)
{
	return store_db_each_from(t, db, prefix, prefix, fn, arg, err);
}

int
store_db_each_from(struct store_txn *t, enum store_db db, struct bytes prefix, struct bytes from,
    store_pair_fn *fn, void *arg, struct err *err)
{
	MDB_val k = val_of(from), v;
	MDB_cursor *c = NULL;
	int rc = mdb_cursor_open(t->txn, t->s->db[db], &c), stop = 0;

	if (rc)
		return store_fail(t->s, rc, "read", err);
	for (rc = mdb_cursor_get(c, &k, &v, from.len ? MDB_SET_RANGE : MDB_FIRST); rc == 0 && !stop;
	     rc = stop ? rc : mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
		struct bytes key = {k.mv_data, k.mv_size}, value;

		if (key.len < prefix.len ||
		    (prefix.len && memcmp(key.data, prefix.data, prefix.len) != 0))
			break;
		stop = open_value(t, db, key, v, &value, err);
		if (!stop)
			stop = fn(key, value, arg, err);
	}
	mdb_cursor_close(c);
	if (rc && rc != MDB_NOTFOUND)
		return store_fail(t->s, rc, "read", err);
	return stop < 0 ? -1 : 0;
}

/* ---- the sums of the indices ---- */

static void
pairs_key(enum store_db db, char ret[32])
{
	(void)snprintf(ret, 32, "pairs/%s", databases[db].name);
}

int
store_save_pairs(struct store_txn *t, struct err *err)
{
	for (size_t i = 0; i < DB_MAX && t->s->sealed; i++) {
		char key[32];
		uint64_t n;

		if (!t->pairs[i])
			continue;
		pairs_key((enum store_db)i, key);
		if (store_counter_get(t, key, &n, err) < 0 ||
		    store_counter_set(t, key, n + t->pairs[i], err) < 0)
			return -1;
		t->pairs[i] = 0;
	}
	return 0;
}

struct pairs {
	enum store_db db;
	uint64_t sum;
};

static int
add_pair(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct pairs *p = arg;

	(void)err;
	p->sum += store_is_index(p->db) ? store_db_sum(p->db, key, value) : 0;
	return 0;
}

int
store_sum_pairs(struct store_txn *t, enum store_db db, uint64_t *ret, struct err *err)
{
	struct pairs p = {.db = db};

	if (store_db_each(t, db, (struct bytes){NULL, 0}, add_pair, &p, err) < 0)
		return -1;
	*ret = p.sum;
	return 0;
}

int
store_check_db(struct store_txn *t, enum store_db db, struct err *err)
{
	uint64_t sum, kept;
	char key[32];

	if (store_sum_pairs(t, db, &sum, err) < 0)
		return -1;
	if (!store_is_index(db) || !t->s->sealed)
		return 0;
	pairs_key(db, key);
	if (store_counter_get(t, key, &kept, err) < 0)
		return -1;
	return sum == kept ? 0
			   : store_damaged(t->s->dir, err,
				 "database '%s': its pairs do not have their check sum",
				 databases[db].name);
}

int
store_db_clear(struct store_txn *t, enum store_db db, struct err *err)
{
	int rc = mdb_drop(t->txn, t->s->db[db], 0);
	char key[32];

	if (rc)
		return store_fail(t->s, rc, databases[db].name, err);
	if (!store_is_index(db) || !t->s->sealed)
		return 0;
	t->pairs[db] = 0;
	pairs_key(db, key);
	return store_counter_set(t, key, 0, err);
}

int
store_db_count(struct store_txn *t, enum store_db db, uint64_t *ret, struct err *err)
{
	MDB_stat stat;
	int rc = mdb_stat(t->txn, t->s->db[db], &stat);

	if (rc)
		return store_fail(t->s, rc, databases[db].name, err);
	*ret = stat.ms_entries;
	return 0;
}

int
store_counter_get(struct store_txn *t, const char *name, uint64_t *ret, struct err *err)
{
	struct bytes v;
	bool found;

	*ret = 0;
	if (store_db_get(t, DB_META, bytes_of(name), &v, &found, err) < 0)
		return -1;
	if (found && v.len == sizeof *ret)
		memcpy(ret, v.data, sizeof *ret);
	return 0;
}

int
store_counter_set(struct store_txn *t, const char *name, uint64_t v, struct err *err)
{
	return store_db_put(t, DB_META, bytes_of(name), (struct bytes){&v, sizeof v}, err);
}

int
store_add_count(struct store_txn *t, uint32_t link, const char *what, int64_t by, struct err *err)
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

void
store_link_guid(uint32_t link, const struct guid *g, uint8_t ret[LINK_GUID_LEN])
{
	store_be32(link, ret);
	memcpy(ret + 4, g->octets, GUID_LEN);
}
