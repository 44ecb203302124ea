/* SPDX-License-Identifier: MIT */
/*
 * Places among the readers. The lock file has a fixed number of them, for all processes together: a
 * process that takes them all would stop the daemon. So the daemon takes its own at the start, and
 * a process keeps those that it had. A place that is kept pins no page.
 *
 * The places of a process that ended are free again once another one looks: one that finds all
 * taken does. If they are those of processes that live, the one with most of them is named, so that
 * an administrator can end it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mapping/store_db.h"

/* ---- who has them ---- */

struct holder {
	unsigned long pid;
	unsigned n;
};

struct holders {
	struct holder v[64], most;
	size_t n;
};

/* A line of LMDB's list: process, thread, transaction. Its head has no number. */
static int
count_line(const char *line, void *arg)
{
	struct holders *h = arg;
	char *end;
	unsigned long pid = strtoul(line, &end, 10);
	size_t i = 0;

	if (end == line)
		return 0;
	while (i < h->n && h->v[i].pid != pid)
		i++;
	if (i == h->n && h->n < ARRAY_SIZE(h->v))
		h->v[h->n++] = (struct holder){.pid = pid};
	if (i < h->n && ++h->v[i].n > h->most.n)
		h->most = h->v[i];
	return 0;
}

static int
all_taken(struct store *s, struct err *err)
{
	struct holders h = {.n = 0};

	(void)mdb_reader_list(s->env, count_line, &h);
	return err_set(err, ERR_LMDB, ERR_LINK, ERR_LATER, MDB_READERS_FULL,
	    "map in '%s': too many readers: process %lu alone has %u places; end it, and try again",
	    s->dir, h.most.pid, h.most.n);
}

/* ---- our own ---- */

static MDB_txn *
take_kept(struct store *s)
{
	MDB_txn *txn = NULL;

	(void)pthread_mutex_lock(&s->slots_lock);
	if (s->n_slots)
		txn = s->slots[--s->n_slots];
	(void)pthread_mutex_unlock(&s->slots_lock);
	return txn;
}

static int
begin(struct store *s, MDB_txn **ret)
{
	MDB_txn *kept = take_kept(s);
	int rc, dead;

	if (kept) {
		rc = mdb_txn_renew(kept);
		if (rc == 0) {
			*ret = kept;
			return 0;
		}
		mdb_txn_abort(kept);
	}
	rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, ret);
	if (rc == MDB_READERS_FULL && mdb_reader_check(s->env, &dead) == 0 && dead)
		rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, ret);
	return rc;
}

int
store_readers_begin(struct store *s, MDB_txn **ret, struct err *err)
{
	int rc = begin(s, ret);

	/* A reader that was opened before the writer's map_size_mb was raised. */
	if (rc == MDB_MAP_RESIZED && !(rc = mdb_env_set_mapsize(s->env, 0)))
		rc = begin(s, ret);
	if (rc == MDB_READERS_FULL)
		return all_taken(s, err);
	return rc ? store_fail(s, rc, "begin", err) : 0;
}

void
store_readers_end(struct store *s, MDB_txn *txn)
{
	mdb_txn_reset(txn);
	(void)pthread_mutex_lock(&s->slots_lock);
	if (s->n_slots < READ_SLOTS) {
		s->slots[s->n_slots++] = txn;
		txn = NULL;
	}
	(void)pthread_mutex_unlock(&s->slots_lock);
	if (txn)
		mdb_txn_abort(txn);
}

int
store_readers_reserve(struct store *s, struct err *err)
{
	MDB_txn *txns[READ_SLOTS];
	size_t n = 0;
	int rc = 0;

	while (rc == 0 && n < READ_SLOTS) {
		rc = store_readers_begin(s, &txns[n], err);
		n += rc == 0;
	}
	while (n)
		store_readers_end(s, txns[--n]);
	return rc;
}

void
store_readers_release(struct store *s)
{
	while (s->n_slots)
		mdb_txn_abort(s->slots[--s->n_slots]);
}
