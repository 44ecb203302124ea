/* SPDX-License-Identifier: MIT */
/* The map stays in step with what is taken back: what is kept off, and the records. */
#include <stdlib.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/list.h"
#include "dsa/directory/dir.h"
#include "dsa/jobs/undo_priv.h"
#include "mapping/held.h"

/* How long a chain of undoes is followed: a damaged journal could lead in a circle. */
#define DEPTH_MAX 1000

/* ---- what is asked for ---- */

/* Is E itself an undo, and not one that takes an undo back? *RET_CUT: the journal does not know any
 * more. */
static int
find_parity(
    struct store_txn *t, const struct journal_entry *e, bool *ret, bool *ret_cut, struct err *err)
{
	uint64_t next = e->undoes;

	*ret = *ret_cut = false;
	for (int depth = 0; next && depth < DEPTH_MAX; depth++) {
		_cleanup_(journal_entry_free) struct journal_entry *of = NULL;

		*ret = !*ret;
		if (journal_get(t, next, &of, err) < 0)
			return -1;
		*ret_cut = !of;
		next = of ? of->undoes : 0;
	}
	return 0;
}

int
undo_load(struct undoing *u, uint64_t number, struct undo_change *c, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (store_begin(u->flow[SOURCE].store, STORE_READ, &t, err) < 0 ||
	    journal_get(t, number, &c->entry, err) < 0)
		return -1;
	for (size_t i = 0; c->entry && i < u->n_flows; i++)
		if (u->flow[i].link_id == c->entry->link)
			c->run = &u->flow[i];
	if (!c->run)
		return 0;
	if (!guid_is_zero(&c->entry->source) &&
	    store_find_guid(t, c->entry->link, SOURCE, &c->entry->source, &c->record, err) < 0)
		return -1;
	return find_parity(t, c->entry, &c->again, &c->cut, err);
}

/* ---- what is kept off ---- */

struct undone {
	uint64_t number, undoes;
	bool taken_back; /* by a later one */
};

struct undone_list {
	uint32_t link;
	struct undone *v;
	size_t n, cap;
};

static int
note_entry(const struct journal_entry *e, void *arg, struct err *err)
{
	struct undone_list *l = arg;

	if (e->link != l->link || e->outcome != JOURNAL_DONE || resolution_is_change(e))
		return 0;
	if (list_grow(l->v, l->n, l->cap) < 0)
		return err_nomem(err);
	l->v[l->n++] = (struct undone){e->number, e->undoes, false};
	return 0;
}

/* Is a change about SOURCE undone, and not done again? The last word is the last entry's. */
static int
is_off(struct store_txn *t, uint32_t link, const struct guid *source, bool *ret, struct err *err)
{
	struct undone_list l = {.link = link};
	int rc = journal_each_of(t, source, note_entry, &l, err);

	*ret = false;
	for (size_t i = l.n; rc == 0 && i-- > 0;)
		for (size_t j = 0; !l.v[i].taken_back && l.v[i].undoes && j < i; j++)
			if (l.v[j].number == l.v[i].undoes)
				l.v[j].taken_back = true;
	for (size_t i = 0; i < l.n; i++)
		*ret |= l.v[i].taken_back && !l.v[i].undoes;
	free(l.v);
	return rc;
}

int
undo_note_intent(struct store_txn *t, const struct undo_change *c, struct err *err)
{
	const struct store_held h = {.source = c->entry->source,
	    .kind = HELD_UNDONE,
	    .verdict = HELD_WAITS,
	    .since = clock_realtime_s()};

	if (c->again || guid_is_zero(&h.source))
		return 0;
	return store_put_held(t, c->entry->link, &h, err);
}

static int
release(struct store_txn *t, const struct undo_change *c, struct err *err)
{
	const struct guid *source = &c->entry->source;
	bool off;

	if (!c->again || guid_is_zero(source))
		return 0;
	if (is_off(t, c->entry->link, source, &off, err) < 0)
		return -1;
	return off ? 0 : store_clear_held(t, c->entry->link, HELD_UNDONE, source, err);
}

/* ---- records ---- */

/* The counterpart is gone, and is not made again before an operator approves. */
static int
forget(struct store_txn *t, const struct undo_change *c, struct err *err)
{
	const struct record *r = c->record;
	struct conflict why = {.source = c->entry->source,
	    .reason = CONFLICT_UNDONE,
	    .source_dn = r->side[SOURCE].dn,
	    .what = (char *)(uintptr_t)CONFLICT_UNDONE_WHAT,
	    .since = clock_realtime_s()};

	if (store_delete(t, r->id, err) < 0 ||
	    store_put_waiting(t, r->link, &why.source, NULL, 0, err) < 0 ||
	    store_clear_retry(t, r->link, &why.source, err) < 0)
		return -1;
	return store_put_conflict(t, r->link, &why, err);
}

static bool
is_of_record(const struct undo_change *c)
{
	return c->record && c->record->created && c->entry->side == TARGET && undo_made_object(c);
}

/* What is not there any more is not galsync's; what it put there again is. */
static int
note_values(
    struct store_txn *t, struct undo_change *c, const struct change *written, struct err *err)
{
	enum side side = c->entry->side;

	for (size_t i = 0; i < written->n_mods; i++) {
		const struct mod *m = &written->mods[i];

		for (size_t j = 0; j < m->n_values; j++) {
			uint64_t hash = record_written_hash(m->attr, m->values[j]);

			if (m->op == MOD_DELETE)
				record_forget_written(c->record, side, hash);
			else if (c->again && record_add_written(c->record, side, &hash, 1) < 0)
				return err_nomem(err);
		}
	}
	return store_put(t, c->record, err);
}

int
undo_note_done(
    struct store_txn *t, struct undo_change *c, const struct change *written, struct err *err)
{
	if (release(t, c, err) < 0)
		return -1;
	if (written->op == CHANGE_DELETE && is_of_record(c))
		return forget(t, c, err);
	return written->op == CHANGE_MODIFY && c->record && !change_brought_back(written)
		   ? note_values(t, c, written, err)
		   : 0;
}

int
undo_note_gone(struct undo_change *c, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	if (!is_of_record(c))
		return 0;
	if (store_begin(c->run->store, STORE_WRITE, &t, err) < 0 ||
	    undo_note_intent(t, c, err) < 0 || forget(t, c, err) < 0)
		return -1;
	return store_commit(TAKE(t), err);
}

int
undo_note_made(struct undo_change *c, struct err *err)
{
	static const char *const attrs[] = {"objectGUID", "objectSid", NULL};
	_cleanup_(store_abort) struct store_txn *t = NULL;
	_cleanup_(entry_free) struct entry *e = NULL;
	struct dir *d = c->run->dir[c->entry->side];
	struct record_side *s;

	if (!c->record)
		return 0;
	s = &c->record->side[c->entry->side];
	if (d->ops->read(d, c->out.change->dn, attrs, &e, err) < 0)
		return -1;
	if (!e)
		return 0;
	s->guid = e->guid;
	if (record_set_str(&s->dn, e->dn) < 0 || record_set_sid(s, entry_get(e, "objectSid")) < 0)
		return err_nomem(err);
	if (store_begin(c->run->store, STORE_WRITE, &t, err) < 0 ||
	    store_put(t, c->record, err) < 0)
		return -1;
	return store_commit(TAKE(t), err);
}
