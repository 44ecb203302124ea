/* SPDX-License-Identifier: MIT */
#include "dsa/world/workset.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"

/*
 * One write transaction is always open and everything, reads too, goes through it; it is committed
 * and begun again every COMMIT_EVERY writes, which bounds the dirty pages LMDB holds in memory.
 * Without MDB_WRITEMAP a full disk is an error of mdb_put or the commit, and never a SIGBUS.
 */
#define COMMIT_EVERY 1024
/* Keys are hashes: added one by one each would touch a page of its own. So they are collected and
 * added in order. */
#define KEYS_AHEAD 65536

struct pending_key {
	uint64_t hash;
	uint32_t index;
};

struct workset {
	MDB_env *env;
	struct pending_key *keys;
	size_t n_keys;
	MDB_txn *txn;
	MDB_dbi entry, key, blob[WORKSET_BLOB_MAX];
	uint32_t n;
	unsigned writes;
	struct buf encode; /* reused */
	char *name;
};

static int
fail(const struct workset *w, int rc, const char *what, struct err *err)
{
	if (rc == ENOMEM)
		return err_nomem(err);
	if (rc == MDB_MAP_FULL)
		return err_set(err, ERR_LMDB, ERR_LINK, ERR_LATER, rc,
		    "working set '%s': %s: it is full: raise map_size_mb", w->name, what);
	/* LMDB tells a short write as EIO. */
	if (rc == ENOSPC || rc == EIO)
		return err_sys(
		    err, ENOSPC, "working set '%s': %s: the disk is full", w->name, what);
	if (rc > 0)
		return err_sys(err, rc, "working set '%s': %s", w->name, what);
	return err_set(err, ERR_LMDB, ERR_LINK, ERR_LATER, rc, "working set '%s': %s: %s", w->name,
	    what, mdb_strerror(rc));
}

static int
open_databases(struct workset *w)
{
	static const char *const blob_names[] = {[WORKSET_DECISION] = "decision",
	    [WORKSET_CLAIM] = "claim",
	    [WORKSET_PLAN] = "plan",
	    [WORKSET_SEEN] = "seen"};
	int rc = mdb_dbi_open(w->txn, "entry", MDB_CREATE | MDB_INTEGERKEY, &w->entry);

	if (rc == 0)
		rc = mdb_dbi_open(w->txn, "key",
		    MDB_CREATE | MDB_INTEGERKEY | MDB_DUPSORT | MDB_DUPFIXED | MDB_INTEGERDUP,
		    &w->key);
	for (size_t i = 0; rc == 0 && i < WORKSET_BLOB_MAX; i++)
		rc = mdb_dbi_open(w->txn, blob_names[i], MDB_CREATE | MDB_INTEGERKEY, &w->blob[i]);
	return rc;
}

/* A file without a name: two of one process cannot meet, and nothing is left behind however we end.
 * Not every file system knows such files; there it loses its name at once. */
static int
nameless_file(const char *dir, const char *name, struct err *err)
{
	_cleanup_(free) char *path = str_printf("%s/galsync-work-XXXXXX", dir);
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (!path)
		errno = ENOMEM;
	/* What kernels and file systems say that do not know O_TMPFILE. */
	else if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL) &&
		 (fd = mkostemp(path, O_CLOEXEC)) >= 0)
		(void)unlink(path);
	if (fd < 0)
		(void)err_sys(err, errno, "working set '%s' in '%s'", name, dir);
	return fd;
}

static int
open_env(struct workset *w, int fd, int64_t max_mb)
{
	char path[32];
	int rc = mdb_env_create(&w->env);

	/* LMDB wants a name; the file can be opened by this one as long as FD is open. */
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(w->env, 8);
	if (rc == 0)
		rc = mdb_env_set_mapsize(w->env, (size_t)max_mb << 20);
	if (rc == 0)
		rc = mdb_env_open(
		    w->env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_NORDAHEAD, 0600);
	return rc;
}

int
workset_open(
    const char *dir, const char *name, int64_t max_mb, struct workset **ret, struct err *err)
{
	_cleanup_(workset_free) struct workset *w = calloc(1, sizeof *w);
	_cleanup_(close) int fd = -1;
	int rc;

	if (!w || !(w->name = strdup(name)))
		return err_nomem(err);
	fd = nameless_file(dir, name, err);
	if (fd < 0)
		return -1;
	rc = open_env(w, fd, max_mb);
	if (rc == 0)
		rc = mdb_txn_begin(w->env, NULL, 0, &w->txn);
	if (rc == 0)
		rc = open_databases(w);
	if (rc)
		return fail(w, rc, dir, err);
	*ret = TAKE(w);
	return 0;
}

void
workset_free(struct workset *w)
{
	if (!w)
		return;
	if (w->txn)
		mdb_txn_abort(w->txn);
	if (w->env)
		mdb_env_close(w->env);
	buf_done(&w->encode);
	free(w->keys);
	free(w->name);
	free(w);
}

uint32_t
workset_count(const struct workset *w)
{
	return w->n;
}

/* After a failed commit there is no transaction: every later call fails with EBADF. */
static int
put(struct workset *w, MDB_dbi dbi, MDB_val *k, MDB_val *v, unsigned flags, struct err *err)
{
	int rc = w->txn ? mdb_put(w->txn, dbi, k, v, flags) : EBADF;

	if (rc == MDB_KEYEXIST)
		return 0;
	if (rc == 0 && ++w->writes >= COMMIT_EVERY) {
		w->writes = 0;
		rc = mdb_txn_commit(TAKE(w->txn));
		if (rc == 0)
			rc = mdb_txn_begin(w->env, NULL, 0, &w->txn);
	}
	return rc ? fail(w, rc, "write", err) : 0;
}

static int
put_entry(struct workset *w, uint32_t index, const struct entry *e, struct err *err)
{
	MDB_val k = {sizeof index, &index}, v;

	buf_reset(&w->encode);
	entry_encode(e, &w->encode);
	if (w->encode.failed)
		return err_nomem(err);
	v = (MDB_val){w->encode.len, w->encode.data};
	return put(w, w->entry, &k, &v, 0, err);
}

int
workset_add(struct workset *w, const struct entry *e, uint32_t *ret, struct err *err)
{
	if (put_entry(w, w->n, e, err) < 0)
		return -1;
	*ret = w->n++;
	return 0;
}

int
workset_replace(struct workset *w, uint32_t index, const struct entry *e, struct err *err)
{
	return put_entry(w, index, e, err);
}

int
workset_get(struct workset *w, uint32_t index, struct entry **ret, struct err *err)
{
	MDB_val k = {sizeof index, &index}, v;
	int rc = w->txn ? mdb_get(w->txn, w->entry, &k, &v) : EBADF;

	if (rc)
		return fail(w, rc, "read entry", err);
	return entry_decode((struct bytes){v.mv_data, v.mv_size}, ret, err);
}

static int
compare_keys(const void *x, const void *y)
{
	const struct pending_key *a = x, *b = y;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

static int
flush_keys(struct workset *w, struct err *err)
{
	qsort(w->keys, w->n_keys, sizeof *w->keys, compare_keys);
	for (size_t i = 0; i < w->n_keys; i++) {
		MDB_val k = {sizeof w->keys[i].hash, &w->keys[i].hash};
		MDB_val v = {sizeof w->keys[i].index, &w->keys[i].index};

		if (put(w, w->key, &k, &v, MDB_NODUPDATA, err) < 0)
			return -1;
	}
	w->n_keys = 0;
	return 0;
}

int
workset_add_key(struct workset *w, uint64_t hash, uint32_t index, struct err *err)
{
	if (!w->keys && !(w->keys = malloc(KEYS_AHEAD * sizeof *w->keys)))
		return err_nomem(err);
	w->keys[w->n_keys++] = (struct pending_key){hash, index};
	return w->n_keys < KEYS_AHEAD ? 0 : flush_keys(w, err);
}

void
workset_hits_done(struct workset_hits *h)
{
	free(h->v);
}

static int
add_hit(struct workset_hits *h, const MDB_val *v)
{
	if (list_grow(h->v, h->n, h->cap) < 0)
		return ENOMEM;
	memcpy(&h->v[h->n++], v->mv_data, sizeof *h->v);
	return 0;
}

int
workset_find(struct workset *w, uint64_t hash, struct workset_hits *ret, struct err *err)
{
	MDB_val k = {sizeof hash, &hash}, v;
	MDB_cursor *cursor = NULL;
	int rc;

	ret->n = 0;
	if (w->n_keys && flush_keys(w, err) < 0)
		return -1;
	rc = w->txn ? mdb_cursor_open(w->txn, w->key, &cursor) : EBADF;
	if (rc)
		return fail(w, rc, "look-up", err);
	rc = mdb_cursor_get(cursor, &k, &v, MDB_SET);
	while (rc == 0) {
		rc = add_hit(ret, &v);
		if (rc == 0)
			rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT_DUP);
	}
	mdb_cursor_close(cursor);
	return rc && rc != MDB_NOTFOUND ? fail(w, rc, "look-up", err) : 0;
}

int
workset_put_blob(
    struct workset *w, enum workset_blob sort, uint64_t key, struct bytes value, struct err *err)
{
	MDB_val k = {sizeof key, &key}, v = {value.len, (void *)(uintptr_t)value.data};

	return put(w, w->blob[sort], &k, &v, 0, err);
}

int
workset_get_blob(struct workset *w, enum workset_blob sort, uint64_t key, struct buf *ret,
    bool *found, struct err *err)
{
	MDB_val k = {sizeof key, &key}, v;
	int rc = w->txn ? mdb_get(w->txn, w->blob[sort], &k, &v) : EBADF;

	buf_reset(ret);
	*found = false;
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc)
		return fail(w, rc, "read", err);
	*found = true;
	buf_add(ret, v.mv_data, v.mv_size);
	return ret->failed ? err_nomem(err) : 0;
}

int
workset_next_blob(struct workset *w, enum workset_blob sort, uint64_t from, uint64_t *ret_key,
    struct buf *ret, bool *found, struct err *err)
{
	MDB_val k = {sizeof from, &from}, v;
	MDB_cursor *cursor = NULL;
	int rc = w->txn ? mdb_cursor_open(w->txn, w->blob[sort], &cursor) : EBADF;

	buf_reset(ret);
	*found = false;
	if (rc)
		return fail(w, rc, "read", err);
	rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	if (rc == 0) {
		memcpy(ret_key, k.mv_data, sizeof *ret_key);
		buf_add(ret, v.mv_data, v.mv_size);
		*found = true;
	}
	mdb_cursor_close(cursor);
	if (rc && rc != MDB_NOTFOUND)
		return fail(w, rc, "read", err);
	return ret->failed ? err_nomem(err) : 0;
}
