/* SPDX-License-Identifier: MIT */
/*
 * Settles the journal entries that a crash or a broken connection left open: was the change made?
 * The directory knows. Nothing is written to it here; what is missing is planned like any other
 * difference.
 */
#include "dsa/exec/recover.h"

#include <string.h>
#include <syslog.h>

#include "dsa/base/clock.h"
#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/rules/settle.h"
#include "mapping/journal.h"

struct open_entry {
	uint64_t number, cycle;
	enum side side;
	struct guid source;
	struct change *change;
	char *server;
	int64_t at;
	enum journal_outcome outcome;
};

struct open_list {
	struct open_entry *v;
	size_t n, cap;
};

static void
open_list_done(struct open_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		change_free(l->v[i].change);
		free(l->v[i].server);
	}
	free(l->v);
}

static inline void
open_list_donep(struct open_list *l)
{
	open_list_done(l);
}

static int
collect(const struct journal_entry *e, void *arg, struct err *err)
{
	struct open_list *l = arg;
	struct open_entry *to;

	if (list_grow(l->v, l->n, l->cap) < 0)
		return err_nomem(err);
	to = &l->v[l->n++];
	*to = (struct open_entry){e->number, e->cycle, e->side, e->source, change_dup(e->change),
	    strdup(e->server), e->at, JOURNAL_OPEN};
	return to->change && to->server ? 0 : err_nomem(err);
}

static int
was_made(const struct run *run, const struct open_entry *o, bool *ret, struct err *err)
{
	struct dir *d = run->dir[o->side];
	_cleanup_(entry_free) struct entry *now = NULL;
	bool by_guid = o->change->op != CHANGE_ADD && !guid_is_zero(&o->change->guid);
	int rc = by_guid ? dir_read_guid(d, &o->change->guid, NULL, &now, err)
			 : d->ops->read(d, o->change->dn, NULL, &now, err);

	if (rc < 0)
		return -1;
	*ret = settle_was_made(o->change, now);
	return 0;
}

/* What was created on another server may not have come here yet: see replica_lag.c. */
static bool
may_come(const struct run *run, const struct open_entry *o)
{
	const struct dir_info *info = run->dir[o->side]->ops->info(run->dir[o->side]);

	return o->change->op == CHANGE_ADD && !info->sole &&
	       !str_equal_nocase(o->server, info->server) &&
	       clock_realtime_s() - o->at < RUN_REPLICATION_S;
}

static int
read_open(const struct run *run, struct open_list *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(run->store, STORE_READ, &t, err) < 0)
		return -1;
	return journal_each_open(t, run->link_id, collect, ret, err);
}

/* No transaction of the map is open meanwhile: a slow server of one link would stop the commits of
 * all others. */
static int
look_up(const struct run *run, struct open_list *l, struct err *err)
{
	for (size_t i = 0; i < l->n; i++) {
		struct open_entry *o = &l->v[i];
		bool done = false;

		if (was_made(run, o, &done, err) < 0)
			return -1;
		if (done)
			o->outcome = JOURNAL_DONE;
		else if (!may_come(run, o))
			o->outcome = JOURNAL_STALE;
	}
	return 0;
}

static int
finish(const struct run *run, const struct open_list *l, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(run->store, STORE_WRITE, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < l->n; i++) {
		const struct open_entry *o = &l->v[i];
		bool done = o->outcome == JOURNAL_DONE;

		if (o->outcome != JOURNAL_OPEN &&
		    journal_finish(t, o->number, o->outcome,
			done ? NULL : "interrupted before it was made", err) < 0)
			return -1;
	}
	return store_commit(TAKE(t), err);
}

int
exec_recover(const struct run *run, struct err *err)
{
	_cleanup_(open_list_done) struct open_list open = {0};

	if (read_open(run, &open, err) < 0)
		return -1;
	if (open.n == 0)
		return 0;
	if (look_up(run, &open, err) < 0 || finish(run, &open, err) < 0)
		return -1;
	for (size_t i = 0; i < open.n; i++) {
		const struct open_entry *o = &open.v[i];

		if (o->outcome == JOURNAL_DONE)
			run_changed(run, o->cycle, o->side,
			    guid_is_zero(&o->source) ? NULL : &o->source, o->change,
			    "made before an interruption");
	}
	run_message(run, LOG_NOTICE, NULL, run->link->name,
	    "the last run was interrupted: %zu changes were looked up in the directory", open.n);
	return 0;
}
