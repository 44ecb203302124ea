/* SPDX-License-Identifier: MIT */
/* The file beside the map: when it is written, and when it is read. */
#include "mapping/keepsake.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dsa/base/clock.h"
#include "dsa/base/replace.h"
#include "dsa/base/str.h"
#include "mapping/backup.h"
#include "mapping/keepsake_priv.h"
#include "mapping/store_db.h"

#define LARGEST (INT64_C(1) << 28)
/* The file takes a tenth of the time at most, as long as it may wait. */
#define REST_FACTOR 10
#define FAILED_REST_MS 10000

struct keepsake {
	struct store *s;
	char *path;
	keepsake_fn *tell;
	void *arg;
	atomic_uint_fast64_t changes; /* commits that changed something */
	pthread_mutex_t lock;	      /* for the file, and what follows */
	uint64_t written;	      /* how many of them are in the file */
	int64_t rest_until_ms;
	bool failing;
};

static void
tell(struct keepsake *k, enum keepsake_news_kind kind, const struct err *err)
{
	const struct keepsake_news n = {.kind = kind, .file = k->path, .err = err};

	k->tell(&n, k->arg);
}

/* ---- writing ---- */

static int
compose(struct keepsake *k, struct buf *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(k->s, STORE_READ, &t, err) < 0)
		return -1;
	return keepsake_compose(t, ret, err);
}

static int
write_file(const struct keepsake *k, const struct buf *text, struct err *err)
{
	_cleanup_(replace_abort) struct replace *r = NULL;

	if (replace_begin(k->path, true, &r, err) < 0 || replace_write(r, buf_bytes(text), err) < 0)
		return -1;
	return replace_end(TAKE(r), true, err);
}

/* With the lock. The map that is read now has all changes that are counted now. */
static void
write_now(struct keepsake *k)
{
	_cleanup_(buf_done) struct buf text = {0};
	uint64_t changes = atomic_load(&k->changes);
	int64_t start_ms = clock_monotonic_ms(), end_ms;
	struct err err;
	bool ok = compose(k, &text, &err) == 0 && write_file(k, &text, &err) == 0;

	end_ms = clock_monotonic_ms();
	k->rest_until_ms = end_ms + (ok ? (end_ms - start_ms) * REST_FACTOR : FAILED_REST_MS);
	if (ok)
		k->written = changes;
	if (ok == k->failing)
		tell(k, ok ? KEEPSAKE_WRITTEN : KEEPSAKE_UNWRITTEN, &err);
	k->failing = !ok;
}

/* With the lock: is there something to write, and is it time? */
static bool
is_due(const struct keepsake *k, bool urgent)
{
	if (k->written == atomic_load(&k->changes))
		return false;
	return (urgent && !k->failing) || clock_monotonic_ms() >= k->rest_until_ms;
}

void
keepsake_committed(struct keepsake *k, enum store_kept kept)
{
	bool urgent = kept == KEPT_MORE;

	if (kept != KEPT_AS_IS)
		(void)atomic_fetch_add(&k->changes, 1);
	if (urgent)
		(void)pthread_mutex_lock(&k->lock);
	/* Who holds it may have read the map before this commit: then a later one is behind it. */
	else if (pthread_mutex_trylock(&k->lock) != 0)
		return;
	if (is_due(k, urgent))
		write_now(k);
	(void)pthread_mutex_unlock(&k->lock);
}

static void
release(struct keepsake *k)
{
	(void)pthread_mutex_destroy(&k->lock);
	free(k->path);
	free(k);
}

void
keepsake_detach(struct keepsake *k)
{
	if (!k)
		return;
	(void)pthread_mutex_lock(&k->lock);
	if (k->written != atomic_load(&k->changes))
		write_now(k);
	(void)pthread_mutex_unlock(&k->lock);
	release(k);
}

/* ---- reading ---- */

static int
read_all(int fd, const char *path, struct buf *ret, struct err *err)
{
	char piece[16384];
	ssize_t n;

	while ((n = read(fd, piece, sizeof piece)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "'%s'", path);
		buf_add(ret, piece, (size_t)n);
	}
	return ret->failed ? err_nomem(err) : 0;
}

/* *FOUND false: there is no file. What is no file, or no small one, is ERR_DATA. */
static int
read_file(const struct keepsake *k, struct buf *ret, bool *found, struct err *err)
{
	_cleanup_(close) int fd = open(k->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	struct stat st;

	*found = fd >= 0 || errno != ENOENT;
	if (!*found)
		return 0;
	if (fd < 0 && errno == ELOOP)
		return err_set(err, ERR_DATA, ERR_DAEMON, ERR_NEVER, 0, "it is a symbolic link");
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "'%s'", k->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_DATA, ERR_DAEMON, ERR_NEVER, 0, "it is no regular file");
	if (st.st_size > LARGEST)
		return err_set(err, ERR_DATA, ERR_DAEMON, ERR_NEVER, 0,
		    "it is larger than %lld octets", (long long)LARGEST);
	return read_all(fd, k->path, ret, err);
}

/* ---- taking up ---- */

struct recall {
	bool is_new, is_copy;
	bool has_file;
	struct keepsake_counts n;
};

/* Nothing that was under way is resumed, and no wave begins, before a cycle has looked at all. */
static int
forget_progress(struct store_txn *t, struct err *err)
{
	if (store_db_clear(t, DB_CURSOR, err) < 0 || store_db_clear(t, DB_OPERATION, err) < 0)
		return -1;
	for (uint32_t link = 1;; link++) {
		_cleanup_(free) char *name = NULL;

		if (store_link_name(t, link, &name, err) < 0)
			return -1;
		if (!name)
			return backup_unmark(t, err);
		if (store_clear_summary(t, link, err) < 0)
			return -1;
	}
}

static int
recall_in(struct store_txn *t, struct recall *r, const struct buf *text, struct err *err)
{
	int64_t now = clock_realtime_s();
	int rc = r->has_file ? keepsake_take(t, buf_bytes(text), r->is_copy, &r->n, err)
			     : keepsake_distrust(t, now, &r->n, err);

	if (rc < 0)
		return -1;
	return r->is_copy ? forget_progress(t, err) : 0;
}

static int
recall_once(struct keepsake *k, struct recall *r, const struct buf *text, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (!r->has_file && !r->is_copy)
		return 0;
	if (store_begin(k->s, STORE_WRITE, &t, err) < 0 || recall_in(t, r, text, err) < 0)
		return -1;
	return store_commit(TAKE(t), err);
}

/* What cannot be understood must not be written over. */
static int
move_aside(struct keepsake *k, const struct err *why, struct err *err)
{
	_cleanup_(free) char *aside =
	    str_printf("%s.bad-%lld", k->path, (long long)clock_realtime_s());
	const struct keepsake_news n = {
	    .kind = KEEPSAKE_BAD, .file = k->path, .aside = aside, .err = why};

	if (!aside)
		return err_nomem(err);
	if (rename(k->path, aside) < 0)
		return err_sys(err, errno, "'%s'", aside);
	k->tell(&n, k->arg);
	return 0;
}

static int
recall(struct keepsake *k, struct recall *r, struct err *err)
{
	_cleanup_(buf_done) struct buf text = {0};
	struct err why;
	int rc = read_file(k, &text, &r->has_file, err);

	if (rc == 0)
		rc = recall_once(k, r, &text, err);
	if (rc == 0 || err->src != ERR_DATA)
		return rc;
	why = *err;
	r->has_file = false;
	r->n = (struct keepsake_counts){0};
	return move_aside(k, &why, err) < 0 ? -1 : recall_once(k, r, &text, err);
}

static void
tell_recalled(struct keepsake *k, const struct recall *r)
{
	const struct keepsake_news n = {.kind = r->is_copy ? KEEPSAKE_PUT_BACK : KEEPSAKE_TAKEN_UP,
	    .file = r->has_file ? k->path : NULL,
	    .counts = r->n};

	if (r->is_copy || r->n.links)
		k->tell(&n, k->arg);
}

static int
look_at_map(struct keepsake *k, struct recall *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(free) char *first = NULL;

	if (store_begin(k->s, STORE_READ, &t, err) < 0 || store_link_name(t, 1, &first, err) < 0)
		return -1;
	ret->is_new = !first;
	return backup_is_marked(t, &ret->is_copy, err);
}

/* The file of a map that was there is older than it at most. Only a file that differs is written.
 */
static int
write_if_other(struct keepsake *k, struct err *err)
{
	_cleanup_(buf_done) struct buf now = {0}, before = {0};
	struct err ignored;
	bool found;

	if (compose(k, &now, err) < 0)
		return -1;
	if (read_file(k, &before, &found, &ignored) < 0 || !found ||
	    !bytes_equal(buf_bytes(&now), buf_bytes(&before)))
		write_now(k);
	return 0;
}

int
keepsake_attach(struct store *s, keepsake_fn *tell_fn, void *arg, struct err *err)
{
	struct keepsake *k = calloc(1, sizeof *k);
	struct recall r = {.is_new = false};
	int rc;

	if (!k)
		return err_nomem(err);
	*k = (struct keepsake){.s = s, .tell = tell_fn, .arg = arg};
	(void)pthread_mutex_init(&k->lock, NULL);
	k->path = str_printf("%s/" KEEPSAKE_FILE, s->dir);
	rc = k->path ? look_at_map(k, &r, err) : err_nomem(err);
	if (rc == 0 && (r.is_new || r.is_copy))
		rc = recall(k, &r, err);
	if (rc == 0)
		rc = write_if_other(k, err);
	if (rc < 0) {
		release(k);
		return -1;
	}
	if (r.is_new || r.is_copy)
		tell_recalled(k, &r);
	s->keepsake = k;
	return 0;
}

int
keepsake_taken_at(struct store_txn *t, uint32_t link, int64_t *ret, struct err *err)
{
	uint64_t at;
	char key[32];

	(void)snprintf(key, sizeof key, KEEPSAKE_TAKEN, link);
	if (store_counter_get(t, key, &at, err) < 0)
		return -1;
	*ret = at > INT64_MAX ? 0 : (int64_t)at;
	return 0;
}
