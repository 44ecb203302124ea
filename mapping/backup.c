/* SPDX-License-Identifier: MIT */
#include "mapping/backup.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dsa/base/clock.h"
#include "dsa/base/replace.h"
#include "dsa/base/str.h"
#include "mapping/keepsake.h"
#include "mapping/store_db.h"

#define MARK "copied-at"
#define META "meta"
#define ROOM (1 << 20) /* for the mark, in a map that is full */

static int
refuse(struct err *err, const char *path, const char *why)
{
	return err_set(
	    err, ERR_DATA, ERR_DAEMON, ERR_NEVER, 0, "copy of the map to '%s': %s", path, why);
}

/* Is ST, which is there, one of the files of the map? */
static bool
is_ours(const struct store *s, const struct stat *st)
{
	static const char *const names[] = {
	    "map.mdb", "map.mdb-lock", "writer.lock", KEEPSAKE_FILE};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_(free) char *path = str_printf("%s/%s", s->dir, names[i]);
		struct stat own;

		if (!path ||
		    (stat(path, &own) == 0 && own.st_dev == st->st_dev && own.st_ino == st->st_ino))
			return true;
	}
	return false;
}

static int
check_name(const struct store *s, const char *path, bool force, struct err *err)
{
	struct stat st;

	if (!*path || path[strlen(path) - 1] == '/')
		return refuse(err, path, "it is no name of a file");
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "'%s'", path);
	if (is_ours(s, &st) || (stat(path, &st) == 0 && is_ours(s, &st)))
		return refuse(err, path, "it is a file of the map itself");
	if (!S_ISREG(st.st_mode))
		return refuse(err, path, "it is there and is no regular file");
	return force ? 0 : refuse(err, path, "it is there already; --force replaces it");
}

/* LMDB's codes, and the system's, about the copy. */
static int
failed(const char *path, int rc, struct err *err)
{
	if (rc > 0)
		return err_sys(err, rc, "copy of the map to '%s'", path);
	return err_set(err, ERR_LMDB, ERR_DAEMON, ERR_LATER, rc, "copy of the map to '%s': %s",
	    path, mdb_strerror(rc));
}

/* SEALED: behind a value is its sum. */
static int
put_mark(MDB_env *env, bool sealed)
{
	uint64_t octets[2] = {(uint64_t)clock_realtime_s()};
	MDB_val key = {strlen(MARK), (void *)(uintptr_t)MARK};
	MDB_val value = {sealed ? sizeof octets : sizeof *octets, octets};
	MDB_txn *txn = NULL;
	MDB_dbi meta;
	int rc = mdb_txn_begin(env, NULL, 0, &txn);

	if (rc)
		return rc;
	octets[1] =
	    htole64(store_db_sum(DB_META, bytes_of(MARK), (struct bytes){octets, sizeof *octets}));
	rc = mdb_dbi_open(txn, META, 0, &meta);
	if (rc == 0)
		rc = mdb_put(txn, meta, &key, &value, 0);
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

/* Nobody else has the file yet. */
static int
mark(const char *path, bool sealed, struct err *err)
{
	MDB_env *env = NULL;
	MDB_envinfo info;
	int rc = mdb_env_create(&env);

	if (rc)
		return failed(path, rc, err);
	rc = mdb_env_set_maxdbs(env, DB_MAX);
	if (rc == 0)
		rc = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600);
	if (rc == 0)
		rc = mdb_env_info(env, &info);
	if (rc == 0)
		rc = mdb_env_set_mapsize(env, info.me_mapsize + ROOM);
	if (rc == 0)
		rc = put_mark(env, sealed);
	mdb_env_close(env);
	return rc ? failed(path, rc, err) : 0;
}

int
backup_make(struct store *s, const char *path, bool force, struct err *err)
{
	_cleanup_(replace_abort) struct replace *r = NULL;
	int rc;

	if (check_name(s, path, force, err) < 0 || replace_begin(path, false, &r, err) < 0)
		return -1;
	rc = mdb_env_copyfd2(s->env, replace_fd(r), MDB_CP_COMPACT);
	if (rc)
		return failed(path, rc, err);
	if (mark(replace_name(r), s->sealed, err) < 0)
		return -1;
	return replace_end(TAKE(r), force, err);
}

int
backup_is_marked(struct store_txn *t, bool *ret, struct err *err)
{
	struct bytes ignored;

	return store_db_get(t, DB_META, bytes_of(MARK), &ignored, ret, err);
}

int
backup_unmark(struct store_txn *t, struct err *err)
{
	return store_db_delete(t, DB_META, bytes_of(MARK), (struct bytes){NULL, 0}, err);
}
