/* SPDX-License-Identifier: MIT */
#include "dsa/world/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dsa/base/str.h"
#include "dsa/world/workset.h"

/*
 * One write transaction is always open and everything, reads too, goes through it; it is committed
 * and begun again every COMMIT_EVERY writes, which bounds the dirty pages LMDB holds in memory.
 * Without MDB_WRITEMAP a full disk is an error of mdb_put or the commit, and never a SIGBUS.
 */
#define COMMIT_EVERY 1024
/* Hashes added one by one would each touch a page of its own. So pairs are collected and added in
 * order. */
#define PAIRS_AHEAD 65536

struct pair {
	uint64_t hash;
	uint32_t number;
};

struct scratch {
	MDB_env *env;
	struct pair *pairs;
	size_t n_pairs;
	MDB_txn *txn;
	MDB_dbi db[SHELF_ROWS + 1];
	unsigned writes;
	char *name; /* for messages: "working set 'source' in '/dir'" */
};

static int
fail(const struct scratch *s, int rc, const char *what, struct err *err)
{
	if (rc == ENOMEM)
		return err_nomem(err);
	if (rc == MDB_MAP_FULL)
		return err_set(err, ERR_LMDB, ERR_LINK, ERR_LATER, rc,
		    "%s: %s: it is full: raise map_size_mb", s->name, what);
	/* LMDB reports a short write as EIO. */
	if (rc == ENOSPC || rc == EIO)
		return err_set(err, ERR_SYS, ERR_LINK, ERR_LATER, ENOSPC,
		    "%s: %s: the disk is full: make room and run again", s->name, what);
	if (rc > 0)
		return err_sys(err, rc, "%s: %s", s->name, what);
	return err_set(
	    err, ERR_LMDB, ERR_LINK, ERR_LATER, rc, "%s: %s: %s", s->name, what, mdb_strerror(rc));
}

static int
open_databases(struct scratch *s)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(s->db); i++) {
		unsigned flags = i == SHELF_PAIRS ? MDB_DUPSORT | MDB_DUPFIXED | MDB_INTEGERDUP : 0;
		char name[16];

		(void)snprintf(name, sizeof name, "%zu", i);
		rc = mdb_dbi_open(s->txn, name, MDB_CREATE | MDB_INTEGERKEY | flags, &s->db[i]);
	}
	return rc;
}

/* Two of one process cannot meet, and nothing is left behind however the process ends. Not every
 * file system knows files without a name; there the file loses its name at once. */
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
		(void)err_sys(err, errno, "%s", name);
	return fd;
}

static int
open_env(struct scratch *s, int fd, int64_t max_mb)
{
	char path[32];
	int rc = mdb_env_create(&s->env);

	/* LMDB wants a name; the file can be opened by this one as long as FD is open. */
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(s->env, ARRAY_SIZE(s->db));
	if (rc == 0)
		rc = mdb_env_set_mapsize(s->env, (size_t)max_mb << 20);
	if (rc == 0)
		rc = mdb_env_open(
		    s->env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_NORDAHEAD, 0600);
	return rc;
}

int
scratch_open(
    const char *dir, const char *name, int64_t max_mb, struct scratch **ret, struct err *err)
{
	_cleanup_(scratch_free) struct scratch *s = calloc(1, sizeof *s);
	_cleanup_(close) int fd = -1;
	int rc;

	if (!s || !(s->name = str_printf("working set '%s' in '%s'", name, dir)) ||
	    !(s->pairs = malloc(PAIRS_AHEAD * sizeof *s->pairs)))
		return err_nomem(err);
	fd = nameless_file(dir, s->name, err);
	if (fd < 0)
		return -1;
	rc = open_env(s, fd, max_mb);
	if (rc == 0)
		rc = mdb_txn_begin(s->env, NULL, 0, &s->txn);
	if (rc == 0)
		rc = open_databases(s);
	if (rc)
		return fail(s, rc, "open", err);
	*ret = TAKE(s);
	return 0;
}

void
scratch_free(struct scratch *s)
{
	if (!s)
		return;
	if (s->txn)
		mdb_txn_abort(s->txn);
	if (s->env)
		mdb_env_close(s->env);
	free(s->pairs);
	free(s->name);
	free(s);
}

/* After a failed commit there is no transaction: every later call fails with EBADF. */
static int
put(struct scratch *s, size_t row, uint64_t key, struct bytes value, struct err *err)
{
	MDB_val k = {sizeof key, &key}, v = {value.len, (void *)(uintptr_t)value.data};
	unsigned flags = row == SHELF_PAIRS ? MDB_NODUPDATA : 0;
	int rc = s->txn ? mdb_put(s->txn, s->db[row], &k, &v, flags) : EBADF;

	if (rc == MDB_KEYEXIST)
		return 0;
	if (rc == 0 && ++s->writes >= COMMIT_EVERY) {
		s->writes = 0;
		rc = mdb_txn_commit(TAKE(s->txn));
		if (rc == 0)
			rc = mdb_txn_begin(s->env, NULL, 0, &s->txn);
	}
	return rc ? fail(s, rc, "write", err) : 0;
}

int
scratch_put(struct scratch *s, size_t row, uint64_t key, struct bytes value, struct err *err)
{
	return put(s, row, key, value, err);
}

static int
compare_pairs(const void *x, const void *y)
{
	const struct pair *a = x, *b = y;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

static int
flush_pairs(struct scratch *s, struct err *err)
{
	qsort(s->pairs, s->n_pairs, sizeof *s->pairs, compare_pairs);
	for (size_t i = 0; i < s->n_pairs; i++) {
		const struct pair *p = &s->pairs[i];
		struct bytes number = {&p->number, sizeof p->number};

		if (put(s, SHELF_PAIRS, p->hash, number, err) < 0)
			return -1;
	}
	s->n_pairs = 0;
	return 0;
}

int
scratch_add_pair(struct scratch *s, uint64_t hash, uint32_t number, struct err *err)
{
	s->pairs[s->n_pairs++] = (struct pair){hash, number};
	return s->n_pairs < PAIRS_AHEAD ? 0 : flush_pairs(s, err);
}

int
scratch_put_shelf(struct scratch *s, const struct shelf *shelf, struct err *err)
{
	size_t n;
	const struct shelf_item *item;

	for (size_t row = 0; row < SHELF_ROWS; row++)
		for (item = shelf_from(shelf, row, 0, &n); n; n--, item++)
			if (put(s, row, item->key, item->value, err) < 0)
				return -1;
	for (item = shelf_from(shelf, SHELF_PAIRS, 0, &n); n; n--, item++)
		if (scratch_add_pair(s, item->key, item->number, err) < 0)
			return -1;
	return 0;
}

int
scratch_keep(struct scratch *s, size_t row, struct err *err)
{
	int rc = s->txn ? 0 : EBADF;

	s->n_pairs = 0;
	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(s->db); i++)
		if (i != row)
			rc = mdb_drop(s->txn, s->db[i], 0);
	return rc ? fail(s, rc, "empty", err) : 0;
}

/* What a look-up that ended with RC found. */
static int
give(const struct scratch *s, int rc, MDB_val v, struct bytes *ret, bool *found, struct err *err)
{
	*found = rc == 0;
	if (rc == 0)
		*ret = (struct bytes){v.mv_data, v.mv_size};
	return rc && rc != MDB_NOTFOUND ? fail(s, rc, "read", err) : 0;
}

int
scratch_get(
    struct scratch *s, size_t row, uint64_t key, struct bytes *ret, bool *found, struct err *err)
{
	MDB_val k = {sizeof key, &key}, v = {0, NULL};
	int rc = s->txn ? mdb_get(s->txn, s->db[row], &k, &v) : EBADF;

	return give(s, rc, v, ret, found, err);
}

int
scratch_seek(
    struct scratch *s, size_t row, uint64_t *key, struct bytes *ret, bool *found, struct err *err)
{
	MDB_val k = {sizeof *key, key}, v = {0, NULL};
	MDB_cursor *cursor = NULL;
	int rc = s->txn ? mdb_cursor_open(s->txn, s->db[row], &cursor) : EBADF;

	if (rc == 0) {
		rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
		mdb_cursor_close(cursor);
	}
	if (rc == 0)
		memcpy(key, k.mv_data, sizeof *key);
	return give(s, rc, v, ret, found, err);
}

static int
add_hit(struct workset_hits *h, const MDB_val *v)
{
	uint32_t number;

	memcpy(&number, v->mv_data, sizeof number);
	return workset_add_hit(h, number) < 0 ? ENOMEM : 0;
}

int
scratch_find(struct scratch *s, uint64_t hash, struct workset_hits *ret, struct err *err)
{
	MDB_val k = {sizeof hash, &hash}, v;
	MDB_cursor *cursor = NULL;
	int rc;

	if (s->n_pairs && flush_pairs(s, err) < 0)
		return -1;
	rc = s->txn ? mdb_cursor_open(s->txn, s->db[SHELF_PAIRS], &cursor) : EBADF;
	if (rc)
		return fail(s, rc, "look-up", err);
	rc = mdb_cursor_get(cursor, &k, &v, MDB_SET);
	while (rc == 0) {
		rc = add_hit(ret, &v);
		if (rc == 0)
			rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT_DUP);
	}
	mdb_cursor_close(cursor);
	return rc && rc != MDB_NOTFOUND ? fail(s, rc, "look-up", err) : 0;
}
