/* SPDX-License-Identifier: MIT */
/*
 * The environment, transactions and records. The disk format, version 1, of each named database:
 *
 *   meta      text -> octets: "format" u32; "next-record", "next-journal", "next-cycle",
 *             "next-event", "last-wave", counters "n/<link>/<what>" u64; "link/<id>" name;
 *             "summary/<link>" text; "taken/<link>" (keepsake.c), "copied-at" (backup.c) u64
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

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "dsa/base/str.h"
#include "mapping/record_view.h"
#include "mapping/store_db.h"
#include "mapping/store_keys.h"

#define MAX_READERS 512
#define DEFAULT_SIZE_MB 65536
#define FULL_BELOW (1 << 20)
#define LOCK_FILE_SIZE 40960 /* for MAX_READERS of 64 octets and a head */

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
};
_Static_assert(ARRAY_SIZE(databases) == DB_MAX, "a name for each database");
_Static_assert(DB_CURSOR < DB_INVOLVED, "opened before it is emptied");

/* LMDB calls a write that the disk had no room for an I/O error, if a part of it went in. */
static bool
disk_is_full(const struct store *s, int en)
{
	struct statvfs fs;

	return en == ENOSPC || en == EDQUOT ||
	       (en == EIO && statvfs(s->dir, &fs) == 0 && fs.f_bavail * fs.f_frsize < FULL_BELOW);
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
	if (rc == MDB_INVALID || rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND)
		return err_set(err, ERR_LMDB, ERR_DAEMON, ERR_NEVER, rc,
		    "map in '%s' is damaged: %s: %s: move it away and let the map be rebuilt from "
		    "the stamps",
		    s->dir, what, mdb_strerror(rc));
	return err_set(err, ERR_LMDB, ERR_LINK, ERR_LATER, rc, "map in '%s': %s: %s", s->dir, what,
	    mdb_strerror(rc));
}

static MDB_val
val_of(struct bytes v)
{
	return (MDB_val){v.len, (void *)(uintptr_t)v.data};
}

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
	*ret = (struct bytes){v.mv_data, v.mv_size};
	return 0;
}

int
store_db_put(
    struct store_txn *t, enum store_db db, struct bytes key, struct bytes value, struct err *err)
{
	MDB_val k = val_of(key), v = val_of(value);
	unsigned flags = databases[db].flags & MDB_DUPSORT ? MDB_NODUPDATA : 0;
	int rc = mdb_put(t->txn, t->s->db[db], &k, &v, flags);

	return rc && rc != MDB_KEYEXIST ? store_fail(t->s, rc, "write", err) : 0;
}

int
store_db_delete(
    struct store_txn *t, enum store_db db, struct bytes key, struct bytes value, struct err *err)
{
	MDB_val k = val_of(key), v = val_of(value);
	int rc = mdb_del(t->txn, t->s->db[db], &k, value.data ? &v : NULL);

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
		if (k.mv_size < prefix.len ||
		    (prefix.len && memcmp(k.mv_data, prefix.data, prefix.len) != 0))
			break;
		stop = fn((struct bytes){k.mv_data, k.mv_size},
		    (struct bytes){v.mv_data, v.mv_size}, arg, err);
	}
	mdb_cursor_close(c);
	if (rc && rc != MDB_NOTFOUND)
		return store_fail(t->s, rc, "read", err);
	return stop < 0 ? -1 : 0;
}

int
store_db_clear(struct store_txn *t, enum store_db db, struct err *err)
{
	int rc = mdb_drop(t->txn, t->s->db[db], 0);

	return rc ? store_fail(t->s, rc, databases[db].name, err) : 0;
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

static int
make_dir(const char *dir, struct err *err)
{
	if (mkdir(dir, 0750) == 0 || errno == EEXIST)
		return 0;
	return err_sys(err, errno, "state directory '%s'", dir);
}

/* Held as long as the writer lives; the kernel lets go of it however the writer ends. */
static int
lock_writer(struct store *s, struct err *err)
{
	_cleanup_(free) char *path = str_printf("%s/writer.lock", s->dir);

	if (!path)
		return err_nomem(err);
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (s->lock < 0)
		return err_sys(err, errno, "'%s'", path);
	if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return err_set(err, ERR_SYS, ERR_DAEMON, ERR_LATER, errno,
		    "state directory '%s' is in use by another galsyncd", s->dir);
	return err_sys(err, errno, "'%s'", path);
}

/* LMDB maps its lock file into memory: without the blocks behind it, a full disk would be a SIGBUS.
 * To be called before the environment is open: closing the file drops this process's locks. */
static int
reserve_lock_file(const struct store *s, struct err *err)
{
	_cleanup_(free) char *path = str_printf("%s/map.mdb-lock", s->dir);
	_cleanup_(close) int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0660) : -1;
	int rc;

	if (!path)
		return err_nomem(err);
	rc = fd < 0 ? errno : posix_fallocate(fd, 0, LOCK_FILE_SIZE);
	return rc ? store_fail(s, rc, "lock file", err) : 0;
}

/* For the group that may read the map, whatever the umask is. A reader puts itself down in the lock
 * file, so that the pages it looks at are not used again. */
static void
open_to_group(const struct store *s)
{
	_cleanup_(free) char *map = str_printf("%s/map.mdb", s->dir);
	_cleanup_(free) char *lock = str_printf("%s/map.mdb-lock", s->dir);

	if (map)
		(void)chmod(map, 0640);
	if (lock)
		(void)chmod(lock, 0660);
}

static int
open_env(struct store *s, int64_t size_mb, struct err *err)
{
	_cleanup_(free) char *path = str_printf("%s/map.mdb", s->dir);
	bool write = s->mode == STORE_WRITE;
	int rc, dead = 0;

	if (!path)
		return err_nomem(err);
	if (!write && access(path, R_OK) < 0)
		return err_sys(err, errno, "map '%s'", path);
	if (write && reserve_lock_file(s, err) < 0)
		return -1;
	rc = mdb_env_create(&s->env);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(s->env, DB_MAX);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(s->env, MAX_READERS);
	/* A reader takes the size from the file. */
	if (rc == 0 && write)
		rc = mdb_env_set_mapsize(
		    s->env, (size_t)(size_mb ? size_mb : DEFAULT_SIZE_MB) << 20);
	if (rc == 0)
		rc = mdb_env_open(s->env, path,
		    MDB_NOSUBDIR | MDB_NORDAHEAD | MDB_NOTLS | (write ? 0 : MDB_RDONLY), 0640);
	if (rc)
		return store_fail(s, rc, "open", err);
	if (write)
		open_to_group(s);
	/* Readers that were killed would keep old pages from being used again. */
	(void)mdb_reader_check(s->env, &dead);
	return 0;
}

static int
check_format(struct store_txn *t, struct err *err)
{
	uint32_t format = 0;
	struct bytes v;
	bool found;

	if (store_db_get(t, DB_META, bytes_of("format"), &v, &found, err) < 0)
		return -1;
	if (found && v.len == sizeof format)
		memcpy(&format, v.data, sizeof format);
	if (format == STORE_FORMAT)
		return 0;
	/* A value of another size is another format too. */
	if (found)
		return err_set(err, ERR_LMDB, ERR_DAEMON, ERR_NEVER, 0,
		    "map in '%s' has format %u, this galsync knows format %u: use the galsync that "
		    "wrote it, or move it away and let the map be rebuilt from the stamps",
		    t->s->dir, format, STORE_FORMAT);
	if (t->mode == STORE_READ)
		return err_set(err, ERR_LMDB, ERR_DAEMON, ERR_NEVER, 0,
		    "map in '%s' is no map of galsync", t->s->dir);
	format = STORE_FORMAT;
	return store_db_put(
	    t, DB_META, bytes_of("format"), (struct bytes){&format, sizeof format}, err);
}

/* META alone comes first: a map of another format may lack, or misuse, the other databases. */
static int
open_database(struct store *s, struct store_txn *t, size_t i, struct err *err)
{
	unsigned create = s->mode == STORE_WRITE ? MDB_CREATE : 0;
	int rc = mdb_dbi_open(t->txn, databases[i].name, create | databases[i].flags, &s->db[i]);

	if (rc == MDB_NOTFOUND && i == DB_META)
		return err_set(err, ERR_LMDB, ERR_DAEMON, ERR_NEVER, rc,
		    "map in '%s' is no map of galsync", s->dir);
	if (rc == MDB_NOTFOUND)
		return err_set(err, ERR_LMDB, ERR_DAEMON, ERR_LATER, rc,
		    "map in '%s' is of an older galsync: galsyncd brings it up to date when it "
		    "starts",
		    s->dir);
	if (rc)
		return store_fail(s, rc, databases[i].name, err);
	return i == DB_META ? check_format(t, err) : 0;
}

/* A map of before there was `involved` does not say which objects a conflict involves; a delta
 * relies on that. Without cursors the next cycle is a full one, which puts every conflict down
 * again. */
static int
need_involved(struct store *s, struct store_txn *t, struct err *err)
{
	MDB_dbi ignored;
	int rc = mdb_dbi_open(
	    t->txn, databases[DB_INVOLVED].name, databases[DB_INVOLVED].flags, &ignored);

	if (rc == MDB_NOTFOUND && s->mode == STORE_WRITE)
		rc = mdb_drop(t->txn, s->db[DB_CURSOR], 0);
	return rc && rc != MDB_NOTFOUND ? store_fail(s, rc, "involved", err) : 0;
}

static int
open_databases(struct store *s, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(s, s->mode, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < DB_MAX; i++)
		if ((i == DB_INVOLVED && need_involved(s, t, err) < 0) ||
		    open_database(s, t, i, err) < 0)
			return -1;
	/* The handles live on only if this transaction is committed. */
	return store_commit(TAKE(t), err);
}

int
store_open(
    const char *dir, enum store_mode mode, int64_t map_size_mb, struct store **ret, struct err *err)
{
	_cleanup_(store_close) struct store *s = calloc(1, sizeof *s);

	if (!s)
		return err_nomem(err);
	s->lock = -1;
	s->mode = mode;
	s->dir = strdup(dir);
	if (!s->dir)
		return err_nomem(err);
	if (mode == STORE_WRITE && (make_dir(dir, err) < 0 || lock_writer(s, err) < 0))
		return -1;
	if (open_env(s, map_size_mb, err) < 0 || open_databases(s, err) < 0)
		return -1;
	*ret = TAKE(s);
	return 0;
}

void
store_close(struct store *s)
{
	if (!s)
		return;
	keepsake_detach(s->keepsake);
	if (s->env)
		mdb_env_close(s->env);
	if (s->lock >= 0)
		(void)close(s->lock);
	free(s->dir);
	free(s);
}

int
store_begin(struct store *s, enum store_mode mode, struct store_txn **ret, struct err *err)
{
	_cleanup_(free) struct store_txn *t = calloc(1, sizeof *t);
	int rc;

	if (!t)
		return err_nomem(err);
	*t = (struct store_txn){.s = s, .mode = mode};
	rc = mdb_txn_begin(s->env, NULL, mode == STORE_READ ? MDB_RDONLY : 0, &t->txn);
	/* A reader that was opened before the writer's map_size_mb was raised. */
	if (rc == MDB_MAP_RESIZED && !(rc = mdb_env_set_mapsize(s->env, 0)))
		rc = mdb_txn_begin(s->env, NULL, mode == STORE_READ ? MDB_RDONLY : 0, &t->txn);
	if (rc)
		return store_fail(s, rc, "begin", err);
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

static int
put_raw(struct store_txn *t, uint64_t id, struct bytes raw, struct err *err)
{
	MDB_val k = {sizeof id, &id}, v = val_of(raw);
	int rc = mdb_put(t->txn, t->s->db[DB_RECORD], &k, &v, 0);

	return rc ? store_fail(t->s, rc, "write record", err) : 0;
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
	if (put_raw(t, id, buf_bytes(&b), err) < 0 || store_keys_update(t, old, r, id, err) < 0)
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
	MDB_stat stat;

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
	(void)mdb_env_stat(t->s->env, &stat);
	n.bytes_max = info.me_mapsize;
	n.bytes_used = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
	*ret = n;
	return 0;
}
