/* SPDX-License-Identifier: MIT */
#include "dsa/view/roster.h"

#include <string.h>
#include <strings.h>

#include "dsa/base/list.h"
#include "dsa/base/text_fold.h"
#include "dsa/directory/dn.h"
#include "dsa/rules/client.h"
#include "dsa/view/roster_priv.h"
#include "mapping/held.h"
#include "mapping/store_keys.h"
#include "mapping/wave.h"

/* ---- the list ---- */

int
roster_new(struct roster **ret, struct err *err)
{
	*ret = calloc(1, sizeof **ret);
	return *ret ? 0 : err_nomem(err);
}

static void
free_dead(struct roster *r)
{
	for (size_t i = 0; i < r->n_dead; i++)
		free(r->dead[i]);
	r->n_dead = r->n_fresh = 0;
}

/* What is sorted may have dead rows in it. */
static void
forget_orders(struct roster *r)
{
	for (size_t i = 0; i < ROSTER_ORDER_MAX; i++) {
		free(TAKE(r->order[i].v));
		r->order[i] = (struct roster_sorted){0};
	}
	free_dead(r);
}

void
roster_forget(struct roster *r)
{
	forget_orders(r);
	for (size_t i = 0; i < r->n; i++)
		free(r->rows[i]);
	for (size_t i = 0; i < r->n_ous; i++) {
		free(r->ous[i]->dn);
		free(r->ous[i]);
	}
	free(r->rows);
	free(r->ous);
	free(r->dead);
	free(r->fresh);
	store_places_done(&r->places);
	*r = (struct roster){.age = r->age + 1};
}

void
roster_free(struct roster *r)
{
	if (!r)
		return;
	roster_forget(r);
	free(r);
}

size_t
roster_count(const struct roster *r)
{
	return r->n;
}

struct roster_row *const *
roster_rows(const struct roster *r)
{
	return r->rows;
}

uint64_t
roster_version(const struct roster *r)
{
	return r->age;
}

size_t
roster_ous(const struct roster *r, struct roster_ou *const **ret)
{
	*ret = r->ous;
	return r->n_ous;
}

struct roster_row *
roster_find(const struct roster *r, uint64_t id)
{
	size_t from = 0, to = r->n;

	while (from < to) {
		size_t i = from + (to - from) / 2;

		if (r->rows[i]->id == id)
			return r->rows[i];
		if (r->rows[i]->id < id)
			from = i + 1;
		else
			to = i;
	}
	return NULL;
}

struct roster_row *
roster_find_guid(const struct roster *r, uint32_t link, const struct guid *original)
{
	struct roster_row *row = roster_find(r, store_home(link, original));

	if (row && row->link == link && guid_equal(&row->original, original))
		return row;
	/* Two originals have one home: only one of them is there. */
	for (size_t i = 0; row && i < r->n; i++)
		if (r->rows[i]->link == link && guid_equal(&r->rows[i]->original, original))
			return r->rows[i];
	return NULL;
}

unsigned
roster_percent(const struct roster_row *row)
{
	enum progress steps[PROGRESS_STEP_MAX];

	progress_judge(&row->facts, steps);
	return progress_percent(steps);
}

/* ---- where originals are ---- */

/* Where DN is, or belongs, among the OUs. */
static size_t
ou_place(const struct roster *r, const char *dn, bool *found)
{
	size_t from = 0, to = r->n_ous;

	*found = false;
	while (from < to && !*found) {
		size_t i = from + (to - from) / 2;
		int c = strcasecmp(r->ous[i]->dn, dn);

		if (c == 0)
			from = i;
		else if (c < 0)
			from = i + 1;
		else
			to = i;
		*found = c == 0;
	}
	return from;
}

static struct roster_ou *
take_ou(struct roster *r, const char *dn)
{
	bool found;
	size_t at = ou_place(r, dn, &found);
	struct roster_ou *ou;

	if (found)
		return r->ous[at];
	ou = calloc(1, sizeof *ou);
	if (!ou || !(ou->dn = strdup(dn)) || list_grow(r->ous, r->n_ous, r->cap_ous) < 0) {
		free(ou ? ou->dn : NULL);
		free(ou);
		return NULL;
	}
	memmove(r->ous + at + 1, r->ous + at, (r->n_ous - at) * sizeof(struct roster_ou *));
	r->ous[at] = ou;
	r->n_ous++;
	return ou;
}

/* ---- a row ---- */

/* The text that a row is found and sorted by: no part of it has an end of a line in it. */
static int
text_of_row(const struct record *r, struct buf *ret, size_t *address_at)
{
	struct err err;
	_cleanup_(free) char *name = dn_rdn_value(r->side[SOURCE].dn, &err);
	_cleanup_(free) char *folded = text_fold_key(name ? name : r->side[SOURCE].dn);
	_cleanup_(free) char *alias = text_fold_key(r->alias);
	const char *address = r->n_addresses ? r->addresses[0] : "";

	if (!folded || !alias)
		return -1;
	for (char *p = folded; *p; p++)
		*p = *p == '\n' ? ' ' : *p;
	buf_add_str(ret, folded);
	buf_add_char(ret, '\n');
	*address_at = ret->len;
	buf_printf(ret, "%s\n%s", address, alias);
	return ret->failed || ret->len > UINT16_MAX ? -1 : 0;
}

static void
fill_row(const struct record *r, enum side origin, struct roster_row *row)
{
	row->id = r->id;
	row->original = r->side[SOURCE].guid;
	row->link = r->link;
	row->origin = origin;
	row->active = origin == TARGET ? side_other(r->active) : r->active;
	row->kind = r->kind;
	row->synced_at = r->synced_at;
	row->switched_at = r->switched_at;
	row->facts = progress_facts_of(r);
	/* What stands for a native is a contact. */
	row->facts.mailbox = row->facts.mailbox && origin == SOURCE;
}

static bool
is_return_flow(struct roster *r, struct store_txn *t, uint32_t link)
{
	_cleanup_(free) char *name = NULL;
	struct err err;
	size_t len;

	if (r->known_link != link) {
		if (store_link_name(t, link, &name, &err) < 0 || !name)
			return false;
		r->known_link = link;
		r->known_return = store_is_return(name, &len);
	}
	return r->known_return;
}

/* *RET NULL: there is none of that number. */
static int
read_row(
    struct roster *r, struct store_txn *t, uint64_t id, struct roster_row **ret, struct err *err)
{
	_cleanup_(record_free) struct record *rec = NULL;
	_cleanup_(buf_done) struct buf text = {0};
	struct roster_row *row;
	size_t address_at;

	*ret = NULL;
	if (store_get(t, id, &rec, err) < 0)
		return -1;
	if (!rec)
		return 0;
	if (text_of_row(rec, &text, &address_at) < 0)
		return err_nomem(err);
	row = calloc(1, sizeof *row + text.len + 1);
	if (!row || !(row->ou = take_ou(r, dn_parent(rec->side[SOURCE].dn)))) {
		free(row);
		return err_nomem(err);
	}
	fill_row(rec, is_return_flow(r, t, rec->link) ? TARGET : SOURCE, row);
	row->address_at = (uint16_t)address_at;
	memcpy(row->text, text.data, text.len);
	row->age = r->age;
	*ret = row;
	return 0;
}

/* ---- bringing it up to date ---- */

struct merge {
	struct roster *r;
	struct store_txn *t;
	struct roster_row **v; /* the rows to be */
	size_t n, cap;
	size_t at; /* in the old ones */
};

static int
bury(struct roster *r, struct roster_row *row, struct err *err)
{
	row->dead = true;
	if (list_grow(r->dead, r->n_dead, r->cap_dead) < 0)
		return err_nomem(err);
	r->dead[r->n_dead++] = row;
	return 0;
}

/* A row that is kept loses what is told beside its record. */
static void
keep_row(struct roster_row *row)
{
	row->facts.kept = row->facts.owes = false;
	row->facts.client = PROGRESS_CLIENT_UNUSED;
}

/* The record of that number as a row that no order has yet. A record that is gone has none. */
static int
take_fresh(struct merge *m, uint64_t id, uint64_t mark, uint32_t wave, struct err *err)
{
	struct roster *r = m->r;
	struct roster_row *row;

	if (list_grow(r->fresh, r->n_fresh, r->cap_fresh) < 0)
		return err_nomem(err);
	if (read_row(r, m->t, id, &row, err) < 0)
		return -1;
	if (row) {
		row->mark = mark;
		row->wave = wave;
		r->fresh[r->n_fresh++] = row;
		m->v[m->n++] = row;
	}
	return 0;
}

/* Rows are looked at for a moment each: the next ones are fetched meanwhile. */
#define AHEAD 12

static int
take_mark(uint64_t id, uint64_t mark, void *arg, struct err *err)
{
	struct merge *m = arg;
	struct roster *r = m->r;
	struct roster_row *row;

	if (m->at + AHEAD < r->n)
		__builtin_prefetch(r->rows[m->at + AHEAD], 1);
	while (m->at < r->n && r->rows[m->at]->id < id)
		if (bury(r, r->rows[m->at++], err) < 0)
			return -1;
	if (list_grow(m->v, m->n, m->cap) < 0)
		return err_nomem(err);
	if (m->at == r->n || r->rows[m->at]->id != id) {
		r->waves_known = false;
		return take_fresh(m, id, mark, 0, err);
	}
	row = r->rows[m->at++];
	if (row->mark != mark)
		return bury(r, row, err) < 0 ? -1 : take_fresh(m, id, mark, row->wave, err);
	keep_row(row);
	m->v[m->n++] = row;
	return 0;
}

/* The rows that could not be made: the old ones are gone as well. */
static void
give_up(struct roster *r, struct merge *m)
{
	/* Those in both lists are released once, with the new ones. */
	for (size_t i = m->at; i < r->n; i++)
		free(r->rows[i]);
	for (size_t i = 0; i < m->n; i++)
		free(m->v[i]);
	free(m->v);
	r->n = 0;
	roster_forget(r);
}

static int
merge_rows(struct roster *r, struct store_txn *t, struct err *err)
{
	struct merge m = {.r = r, .t = t};

	r->age++;
	r->known_link = 0;
	if (store_each_mark(t, &r->places, take_mark, &m, err) < 0) {
		give_up(r, &m);
		return -1;
	}
	for (; m.at < r->n; m.at++)
		if (bury(r, r->rows[m.at], err) < 0) {
			give_up(r, &m);
			return -1;
		}
	free(r->rows);
	r->rows = m.v;
	r->n = m.n;
	for (size_t i = 0; i < r->n_ous; i++)
		r->ous[i]->rank = (uint32_t)i;
	return 0;
}

/* ---- what is told beside the records ---- */

static int
note_conflict(uint32_t link, const struct conflict *c, void *arg, struct err *err)
{
	struct roster_row *row = roster_find_guid(arg, link, &c->source);

	(void)err;
	if (row)
		row->facts.kept = true;
	return 0;
}

struct beside {
	struct roster *r;
	uint32_t link;
};

static int
note_held(const struct store_held *h, void *arg, struct err *err)
{
	const struct beside *b = arg;
	struct roster_row *row = roster_find_guid(b->r, b->link, &h->source);

	(void)err;
	if (row && h->verdict != HELD_APPROVED)
		row->facts.kept = true;
	return 0;
}

static int
note_owed(const struct store_membership *x, void *arg, struct err *err)
{
	const struct beside *b = arg;
	struct roster_row *row = roster_find_guid(b->r, b->link, &x->source);

	(void)err;
	if (row)
		row->facts.owes = true;
	return 0;
}

static int
note_beside(struct roster *r, struct store_txn *t, struct err *err)
{
	struct beside b = {.r = r, .link = 1};

	if (store_each_conflict(t, 0, note_conflict, r, err) < 0)
		return -1;
	for (;; b.link++) {
		_cleanup_(free) char *name = NULL;

		if (store_link_name(t, b.link, &name, err) < 0)
			return -1;
		if (!name)
			return 0;
		if (store_each_held(t, b.link, note_held, &b, err) < 0 ||
		    store_each_membership(t, b.link, 0, note_owed, &b, err) < 0)
			return -1;
	}
}

/* ---- what clients reported ---- */

struct clients {
	struct roster *r;
	bool any;
};

/* One that is ok is never taken back by another one. */
static int
note_client(uint32_t link, struct client_report *x, void *arg, struct err *err)
{
	struct clients *c = arg;
	struct roster_row *row = roster_find_guid(c->r, link, &x->source);

	(void)err;
	c->any = true;
	if (!row || row->facts.client == PROGRESS_CLIENT_OK ||
	    !client_counts(
		x, &(struct record){.active = row->active, .switched_at = row->switched_at}))
		return 0;
	row->facts.client = x->result == CLIENT_OK ? PROGRESS_CLIENT_OK : PROGRESS_CLIENT_FAILED;
	return 0;
}

/* Where clients report at all, one that does not is waited for. */
static int
note_clients(struct roster *r, struct store_txn *t, struct err *err)
{
	struct clients c = {.r = r};

	if (store_each_client(t, 0, NULL, note_client, &c, err) < 0)
		return -1;
	for (size_t i = 0; c.any && i < r->n; i++)
		if (r->rows[i]->facts.mailbox && r->rows[i]->facts.client == PROGRESS_CLIENT_UNUSED)
			r->rows[i]->facts.client = PROGRESS_CLIENT_SILENT;
	return 0;
}

/* ---- waves ---- */

struct waves {
	struct roster *r;
	struct store_txn *t;
	const struct wave *w;
	uint64_t sum;
};

/* Which waves there are, and which count. */
static int
sum_wave(const struct wave *w, void *arg, struct err *err)
{
	struct waves *x = arg;
	uint64_t of[] = {w->id, w->total, (uint64_t)w->planned_at, w->state == WAVE_CANCELLED};

	(void)err;
	x->sum = bytes_hash((struct bytes){of, sizeof of}, x->sum);
	return 0;
}

static int
note_member(const struct wave_member *m, void *arg, struct err *err)
{
	struct waves *x = arg;
	struct roster_row *row = roster_find_guid(x->r, x->w->link, &m->source);

	(void)err;
	if (row && row->wave < x->w->id)
		row->wave = x->w->id;
	return 0;
}

static int
note_wave(const struct wave *w, void *arg, struct err *err)
{
	struct waves *x = arg;

	x->w = w;
	return w->state == WAVE_CANCELLED ? 0 : wave_each_member(x->t, w->id, note_member, x, err);
}

static int
note_waves(struct roster *r, struct store_txn *t, struct err *err)
{
	struct waves x = {.r = r, .t = t};

	if (wave_each(t, 0, sum_wave, &x, err) < 0)
		return -1;
	if (r->waves_known && r->waves_sum == x.sum)
		return 0;
	for (size_t i = 0; i < r->n; i++)
		r->rows[i]->wave = 0;
	if (wave_each(t, 0, note_wave, &x, err) < 0)
		return -1;
	r->waves_sum = x.sum;
	r->waves_known = true;
	return 0;
}

int
roster_refresh(struct roster *r, struct store_txn *t, struct err *err)
{
	uint64_t number = store_txn_number(t);

	if (r->filled && r->number == number)
		return 0;
	if (merge_rows(r, t, err) < 0)
		return -1;
	if (note_beside(r, t, err) < 0 || note_clients(r, t, err) < 0 ||
	    note_waves(r, t, err) < 0) {
		roster_forget(r);
		return -1;
	}
	if (r->n_dead + r->n_fresh > r->n / 8 + 64)
		forget_orders(r);
	r->number = number;
	r->filled = true;
	return 0;
}
