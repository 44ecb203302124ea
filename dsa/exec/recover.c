/* SPDX-License-Identifier: MIT */
/*
 * Settles the journal entries that a crash or a broken connection left open: was the change made?
 * The directory knows. Nothing is written to it here; what is missing is planned like any other
 * difference.
 */
#include "dsa/cycle/cycle_priv.h"

#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "mapping/journal.h"

struct open_entry {
	uint64_t number, cycle;
	enum side side;
	struct guid source;
	struct change *change;
	char *server;
	int64_t at;
};

struct open_list {
	struct open_entry *v;
	size_t n, cap;
	bool failed;
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
collect(const struct journal_entry *e, void *arg)
{
	struct open_list *l = arg;

	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct open_entry *v = realloc(l->v, cap * sizeof *v);

		if (!v) {
			l->failed = true;
			return 1;
		}
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n] = (struct open_entry){e->number, e->cycle, e->side, e->source,
	    change_dup(e->change), strdup(e->server), e->at};
	l->failed |= !l->v[l->n].change || !l->v[l->n].server;
	l->n++;
	return l->failed;
}

/* True if every value the modify adds is there and none that it takes away alone. */
static bool
mods_done(const struct change *c, const struct entry *now)
{
	for (size_t i = 0; i < c->n_mods; i++) {
		const struct mod *m = &c->mods[i];
		const struct attr *a = entry_find(now, m->attr);

		/* A value may be taken away and come back in another spelling: "SMTP:", "smtp:". */
		for (size_t j = 0; j < m->n_values; j++) {
			bool there = a && attr_has(a, m->values[j], m->op == MOD_ADD);

			if (m->op != MOD_REPLACE && there != (m->op == MOD_ADD))
				return false;
		}
	}
	return true;
}

static int
was_done(struct cycle *c, const struct open_entry *o, bool *ret, struct err *err)
{
	struct dir *d = c->dir[o->side];
	_cleanup_(entry_free) struct entry *now = NULL;
	bool by_guid = o->change->op != CHANGE_ADD && !guid_is_zero(&o->change->guid);
	int rc = by_guid ? dir_read_guid(d, &o->change->guid, NULL, &now, err)
			 : d->ops->read(d, o->change->dn, NULL, &now, err);

	if (rc < 0)
		return -1;
	switch (o->change->op) {
	case CHANGE_ADD: *ret = now != NULL; break;
	case CHANGE_DELETE: *ret = now == NULL; break;
	case CHANGE_MODIFY: *ret = now && mods_done(o->change, now); break;
	case CHANGE_RENAME: {
		_cleanup_(free) char *rdn = now ? dn_rdn_dup(now->dn) : NULL;

		*ret = rdn && dn_equal(rdn, o->change->new_rdn);
		break;
	}
	}
	return 0;
}

/* What was created on another server may not have come here yet: see elsewhere.c. */
static bool
may_come(const struct cycle *c, const struct open_entry *o)
{
	const struct dir_info *info = c->dir[o->side]->ops->info(c->dir[o->side]);

	return o->change->op == CHANGE_ADD && !info->sole &&
	       !str_equal_nocase(o->server, info->server) && c->start_s - o->at < CYCLE_LAG_S;
}

/* Its lines carry the number of the cycle in whose journal it is. */
static void
tell_done(const struct cycle *c, const struct open_entry *o)
{
	const struct dir_info *info = c->dir[o->side]->ops->info(c->dir[o->side]);
	const struct cycle_event where = {.cycle = o->cycle,
	    .source = guid_is_zero(&o->source) ? NULL : &o->source,
	    .side = o->side,
	    .peer = info ? info->server : NULL};

	cycle_tell_change(c->opt, &where, o->change, "made before an interruption");
}

int
cycle_recover(struct cycle *c, struct err *err)
{
	_cleanup_(open_list_done) struct open_list open = {0};
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(c->store, STORE_WRITE, &t, err) < 0 ||
	    journal_each_open(t, c->link_id, collect, &open, err) < 0)
		return -1;
	if (open.failed)
		return err_nomem(err);
	for (size_t i = 0; i < open.n; i++) {
		bool done = false;

		if (was_done(c, &open.v[i], &done, err) < 0)
			return -1;
		if (!done && may_come(c, &open.v[i]))
			continue;
		if (journal_finish(t, open.v[i].number, done ? JOURNAL_DONE : JOURNAL_STALE,
			done ? NULL : "interrupted before it was made", err) < 0)
			return -1;
		if (done)
			tell_done(c, &open.v[i]);
	}
	if (open.n)
		cycle_note(c, 5, NULL, c->link->name,
		    "the last run was interrupted: %zu changes were looked up in the directory",
		    open.n);
	return store_commit(TAKE(t), err);
}
