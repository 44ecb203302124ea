/* SPDX-License-Identifier: MIT */
/* The file of the map: it is looked at, opened, and brought up to date. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "dsa/base/str.h"
#include "dsa/base/trust.h"
#include "mapping/damage.h"
#include "mapping/last_word.h"
#include "mapping/pages.h"
#include "mapping/store_db.h"

#define MAX_READERS 512
#define DEFAULT_SIZE_MB 65536
#define FORMAT_WITHOUT_SUMS 1
#define FORMAT_WITHOUT_SOURCE 2 /* its records do not know what was written on their source */
#define LOCK_FILE_SIZE 40960	/* for MAX_READERS of 64 octets and a head */

static int
refuse_place(const char *path, const char *why, const char *allowed, struct err *err)
{
	return err_set(err, ERR_SYS, ERR_DAEMON, ERR_NEVER, EPERM, "'%.150s' %.180s; allowed: %s",
	    path, why, allowed);
}

/* A file that may be there: LMDB follows links, and takes what is under the name for its own. */
static int
check_file(
    const char *dir, const struct stat *owner, const char *name, mode_t closed, struct err *err)
{
	_cleanup_(free) char *path = str_printf("%s/%s", dir, name);
	const char *why = NULL;
	char mode[160];
	struct stat st;

	if (!path)
		return err_nomem(err);
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "'%s'", path);
	if (!S_ISREG(st.st_mode))
		why = S_ISLNK(st.st_mode) ? "is a symbolic link" : "is not a regular file";
	else if (st.st_nlink != 1)
		why = "has another name as well";
	else if (st.st_uid != owner->st_uid && st.st_uid != geteuid() && st.st_uid != 0)
		why = "does not belong to the owner of its directory";
	else if (st.st_mode & closed) {
		(void)snprintf(mode, sizeof mode, "may be written by others (mode %04o)",
		    (unsigned)st.st_mode & 07777U);
		why = mode;
	}
	return why ? refuse_place(path, why,
			 "a regular file of the owner of the state directory, which others may not "
			 "write",
			 err)
		   : 0;
}

/* A member of the group galsync puts itself down in the lock file when it reads. What is beside the
 * map (keepsake.h) is opened without following a link, and what is no such file is put aside. */
static int
check_place(const struct store *s, struct err *err)
{
	static const struct {
		const char *name;
		mode_t closed;
	} files[] = {{"map.mdb", TRUST_NOT_WRITABLE}, {"map.mdb-lock", S_IWOTH},
	    {"writer.lock", TRUST_NOT_WRITABLE}};
	static const char allowed[] =
	    "a directory of root or of the user of galsyncd, which nobody else may write";
	const char *dir = s->dir;
	char why[512];
	struct stat st;

	if (stat(dir, &st) < 0 && errno == ENOENT && s->mode == STORE_READ)
		return err_sys(err, ENOENT, "map '%s'", s->path);
	if (stat(dir, &st) < 0)
		return err_sys(err, errno, "state directory '%s'", dir);
	if (!S_ISDIR(st.st_mode))
		return err_sys(err, ENOTDIR, "state directory '%s'", dir);
	if (!trust_folders(dir, st.st_uid, why, sizeof why))
		return refuse_place(dir, why, allowed, err);
	if (st.st_mode & TRUST_NOT_WRITABLE) {
		(void)snprintf(why, sizeof why, "is writable by group or others (mode %04o)",
		    (unsigned)st.st_mode & 07777U);
		return refuse_place(dir, why, allowed, err);
	}
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (check_file(dir, &st, files[i].name, files[i].closed, err) < 0)
			return -1;
	return 0;
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
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
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
	_cleanup_(close) int fd =
	    path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660) : -1;
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

/* LMDB believes what is in the file: it is looked at before. A reader has not the time for all of
 * it, unless the file looks as if it was cut off; a writer would spoil more than there was. */
static int
check_pages(const struct store *s, struct err *err)
{
	_cleanup_(close) int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool cut;

	if (fd < 0 && errno == ENOENT && s->mode == STORE_WRITE)
		return 0;
	if (fd < 0)
		return err_sys(err, errno, "map '%s'", s->path);
	if (pages_check_head(fd, s->dir, &cut, err) < 0)
		return -1;
	return s->mode == STORE_WRITE || cut ? pages_check(fd, s->dir, 0, err) : 0;
}

static int
open_env(struct store *s, int64_t size_mb, struct err *err)
{
	bool write = s->mode == STORE_WRITE;
	int rc, dead = 0;

	if (check_pages(s, err) < 0 || (write && reserve_lock_file(s, err) < 0))
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
	if (rc == 0) {
		last_word_arm(s->env, s->path);
		rc = mdb_env_open(s->env, s->path,
		    MDB_NOSUBDIR | MDB_NORDAHEAD | MDB_NOTLS | (write ? 0 : MDB_RDONLY), 0640);
	}
	if (rc)
		return store_fail(s, rc, "open", err);
	if (write)
		open_to_group(s);
	/* Readers that were killed would keep old pages from being used again. */
	(void)mdb_reader_check(s->env, &dead);
	return 0;
}

static int
no_map(const struct store *s, int rc, struct err *err)
{
	return err_set(
	    err, ERR_LMDB, ERR_DAEMON, ERR_NEVER, rc, "map in '%s' is no map of galsync", s->dir);
}

int
store_put_format(struct store_txn *t, struct err *err)
{
	uint32_t format = STORE_FORMAT;

	if (store_counter_set(t, "databases", DB_MAX, err) < 0)
		return -1;
	return store_db_put(
	    t, DB_META, bytes_of("format"), (struct bytes){&format, sizeof format}, err);
}

/* There is no format: a new map, if there is nothing else in it. */
static int
make_format(struct store_txn *t, struct err *err)
{
	MDB_dbi records;
	uint64_t n;

	if (t->mode == STORE_READ)
		return no_map(t->s, 0, err);
	if (store_db_count(t, DB_META, &n, err) < 0)
		return -1;
	if (n || mdb_dbi_open(
		     t->txn, store_db_name(DB_RECORD), store_db_flags(DB_RECORD), &records) == 0)
		return store_damaged(t->s->dir, err, "it has something, but no format");
	t->s->sealed = t->s->is_new = true;
	return store_put_format(t, err);
}

/* As long as the format is not known it is read as it is, without a sum. */
static int
check_format(struct store_txn *t, struct err *err)
{
	uint32_t format = 0;
	struct bytes v;
	bool found;

	if (store_db_get(t, DB_META, bytes_of("format"), &v, &found, err) < 0)
		return -1;
	if (!found)
		return make_format(t, err);
	if (v.len >= sizeof format)
		memcpy(&format, v.data, sizeof format);
	if (format == FORMAT_WITHOUT_SUMS && v.len == sizeof format)
		return 0;
	if (format == STORE_FORMAT || format == FORMAT_WITHOUT_SOURCE) {
		t->s->sealed = true;
		t->s->outdated = format != STORE_FORMAT;
		return store_db_get(t, DB_META, bytes_of("format"), &v, &found, err);
	}
	/* A value of another size is another format too. */
	return err_set(err, ERR_LMDB, ERR_DAEMON, ERR_NEVER, 0,
	    "map in '%s' has format %u, this galsync knows format %u: use the galsync that "
	    "wrote it, or move it away and let the map be rebuilt from the stamps",
	    t->s->dir, format, STORE_FORMAT);
}

/* Database I is not in the file. In a map with sums it says how many it was made with. */
static int
not_there(struct store_txn *t, size_t i, struct err *err)
{
	uint64_t n;

	if (i == DB_META)
		return t->mode == STORE_WRITE ? 0 : no_map(t->s, MDB_NOTFOUND, err);
	if (t->s->sealed && !t->s->is_new) {
		if (store_counter_get(t, "databases", &n, err) < 0)
			return -1;
		if (i < n)
			return store_damaged(t->s->dir, err, "it has lost database '%s'",
			    store_db_name((enum store_db)i));
	}
	return t->mode == STORE_WRITE ? 0
				      : err_set(err, ERR_LMDB, ERR_DAEMON, ERR_LATER, MDB_NOTFOUND,
					    "map in '%s' is of an older galsync: galsyncd brings "
					    "it up to date when it "
					    "starts",
					    t->s->dir);
}

/* META alone comes first: a map of another format may lack, or misuse, the other databases. */
static int
open_database(struct store *s, struct store_txn *t, size_t i, struct err *err)
{
	unsigned flags = store_db_flags((enum store_db)i), found = 0;
	int rc = mdb_dbi_open(t->txn, store_db_name((enum store_db)i), flags, &s->db[i]);

	if (rc == MDB_NOTFOUND) {
		if (not_there(t, i, err) < 0)
			return -1;
		rc = mdb_dbi_open(
		    t->txn, store_db_name((enum store_db)i), flags | MDB_CREATE, &s->db[i]);
	}
	if (rc == 0)
		rc = mdb_dbi_flags(t->txn, s->db[i], &found);
	if (rc)
		return store_fail(s, rc, store_db_name((enum store_db)i), err);
	if (found != flags)
		return store_damaged(s->dir, err, "database '%s' is of another sort",
		    store_db_name((enum store_db)i));
	return i == DB_META ? check_format(t, err) : 0;
}

/* A map of before there was `involved` does not say which objects a conflict involves; a delta
 * relies on that. Without cursors the next cycle is a full one, which puts every conflict down
 * again. */
static int
need_involved(struct store *s, struct store_txn *t, struct err *err)
{
	MDB_dbi ignored;
	int rc =
	    mdb_dbi_open(t->txn, store_db_name(DB_INVOLVED), store_db_flags(DB_INVOLVED), &ignored);

	if (rc == MDB_NOTFOUND && s->mode == STORE_WRITE && !s->sealed)
		rc = mdb_drop(t->txn, s->db[DB_CURSOR], 0);
	return rc && rc != MDB_NOTFOUND ? store_fail(s, rc, "involved", err) : 0;
}

/* As soon as this galsync has more of them. */
static int
note_databases(struct store_txn *t, struct err *err)
{
	uint64_t n;

	if (store_counter_get(t, "databases", &n, err) < 0)
		return -1;
	return n < DB_MAX ? store_counter_set(t, "databases", DB_MAX, err) : 0;
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
	if (s->mode == STORE_WRITE && s->sealed && note_databases(t, err) < 0)
		return -1;
	/* The handles live on only if this transaction is committed. */
	return store_commit(TAKE(t), err);
}

/* The journal is large, and nothing is decided on it but what is open: its values are compared when
 * they are read. */
static int
check_values(struct store *s, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(s, STORE_READ, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < DB_MAX; i++)
		if (i != DB_JOURNAL && i != DB_OUTCOME &&
		    store_check_db(t, (enum store_db)i, err) < 0)
			return -1;
	return 0;
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
	(void)pthread_mutex_init(&s->slots_lock, NULL);
	s->dir = strdup(dir);
	s->path = str_printf("%s/map.mdb", dir);
	if (!s->dir || !s->path)
		return err_nomem(err);
	if ((mode == STORE_WRITE && make_dir(dir, err) < 0) || check_place(s, err) < 0 ||
	    (mode == STORE_WRITE && lock_writer(s, err) < 0))
		return -1;
	if (open_env(s, map_size_mb, err) < 0 || open_databases(s, err) < 0 ||
	    (mode == STORE_WRITE &&
		(store_readers_reserve(s, err) < 0 || check_values(s, err) < 0)))
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
	store_readers_release(s);
	(void)pthread_mutex_destroy(&s->slots_lock);
	if (s->env)
		mdb_env_close(s->env);
	if (s->lock >= 0)
		(void)close(s->lock);
	free(s->dir);
	free(s->path);
	free(s);
}
