/* SPDX-License-Identifier: MIT */
/*
 * The orders of a roster. Names and addresses are texts, and sorting 100,000 of them takes a tenth
 * of a second: such an order is mended, the rows that are new or changed are sorted and put where
 * they belong. The others are orders of numbers, which are sorted in some milliseconds.
 */
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/view/roster_priv.h"

static const char *const order_names[] = {
    [ROSTER_BY_NAME] = "name",
    [ROSTER_BY_ADDRESS] = "address",
    [ROSTER_BY_STATE] = "state",
    [ROSTER_BY_SIDE] = "side",
    [ROSTER_BY_PROGRESS] = "progress",
    [ROSTER_BY_WAVE] = "wave",
    [ROSTER_BY_OU] = "ou",
    [ROSTER_BY_SWITCHED] = "switched",
    [ROSTER_BY_WRITTEN] = "written",
};
_Static_assert(ARRAY_SIZE(order_names) == ROSTER_ORDER_MAX, "a name for each order");

const char *
roster_order_name(enum roster_order o)
{
	return order_names[o];
}

enum roster_order
roster_order_of(const char *name)
{
	size_t i = 0;

	while (i < ROSTER_ORDER_MAX && strcmp(name, order_names[i]) != 0)
		i++;
	return (enum roster_order)i;
}

/* ---- texts ---- */

static int
compare_ids(const struct roster_row *x, const struct roster_row *y)
{
	return x->id < y->id ? -1 : x->id > y->id;
}

static int
by_name(const void *p, const void *q)
{
	const struct roster_row *x = *(struct roster_row *const *)p;
	const struct roster_row *y = *(struct roster_row *const *)q;
	int c = strcmp(x->text, y->text);

	return c ? c : compare_ids(x, y);
}

static int
by_address(const void *p, const void *q)
{
	const struct roster_row *x = *(struct roster_row *const *)p;
	const struct roster_row *y = *(struct roster_row *const *)q;
	int c = strcmp(x->text + x->address_at, y->text + y->address_at);

	return c ? c : compare_ids(x, y);
}

typedef int compare_fn(const void *p, const void *q);

/* How many of the N rows at V come before ROW. */
static size_t
place(struct roster_row *const *v, size_t n, const struct roster_row *row, compare_fn *compare)
{
	size_t from = 0;

	while (from < n) {
		size_t i = from + (n - from) / 2;

		if (compare(&v[i], &row) < 0)
			from = i + 1;
		else
			n = i;
	}
	return from;
}

/* Takes the rows that are dead out of the order O, where each is found by what it was. */
static int
drop_dead(const struct roster *r, struct roster_sorted *o, compare_fn *compare, struct err *err)
{
	_cleanup_(free) size_t *at = calloc(r->n_dead + 1, sizeof *at);
	size_t n = 0, kept = 0;

	if (!at)
		return err_nomem(err);
	for (size_t i = 0; i < r->n_dead; i++) {
		size_t p = place(o->v, o->n, r->dead[i], compare);

		if (p < o->n && o->v[p] == r->dead[i])
			at[n++] = p;
	}
	for (size_t i = 0; i < n; i++)
		o->v[at[i]] = NULL;
	for (size_t i = 0; n && i < o->n; i++)
		if (o->v[i])
			o->v[kept++] = o->v[i];
	o->n = n ? kept : o->n;
	return 0;
}

/* The rows that O has not yet, into RET, which has room for all. */
static size_t
take_fresh(const struct roster *r, const struct roster_sorted *o, struct roster_row **ret)
{
	struct roster_row *const *from = o->age ? r->fresh : r->rows;
	size_t total = o->age ? r->n_fresh : r->n, n = 0;

	for (size_t i = 0; i < total; i++)
		if (!from[i]->dead && from[i]->age > o->age)
			ret[n++] = from[i];
	return n;
}

/* Puts the N sorted rows FRESH among those of O, which has room for them: from the end. */
static void
put_among(struct roster_sorted *o, struct roster_row *const *fresh, size_t n, compare_fn *compare)
{
	size_t left = o->n;

	o->n += n;
	while (n) {
		size_t at = place(o->v, left, fresh[n - 1], compare);

		memmove(o->v + at + n, o->v + at, (left - at) * sizeof(struct roster_row *));
		left = at;
		n--;
		o->v[left + n] = fresh[n];
	}
}

static int
mend(struct roster *r, enum roster_order which, compare_fn *compare, struct err *err)
{
	struct roster_sorted *o = &r->order[which];
	_cleanup_(free) struct roster_row **fresh =
	    calloc((o->age ? r->n_fresh : r->n) + 1, sizeof *fresh);
	struct roster_row **v;
	size_t n;

	if (!fresh)
		return err_nomem(err);
	if (!o->age)
		o->n = 0;
	else if (drop_dead(r, o, compare, err) < 0)
		return -1;
	n = take_fresh(r, o, fresh);
	v = reallocarray(o->v, o->n + n + 1, sizeof(struct roster_row *));
	if (!v)
		return err_nomem(err);
	o->v = v;
	if (n > 1)
		qsort(fresh, n, sizeof *fresh, compare);
	put_among(o, fresh, n, compare);
	return 0;
}

/* ---- numbers ---- */

struct item {
	uint64_t key;
	size_t rank; /* among the names */
	struct roster_row *row;
};

static int
by_key(const void *p, const void *q)
{
	const struct item *x = p, *y = q;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static uint64_t
key_of(const struct roster_row *row, enum roster_order o)
{
	switch (o) {
	case ROSTER_BY_STATE: return row->facts.state;
	case ROSTER_BY_SIDE: return row->active;
	case ROSTER_BY_PROGRESS: return roster_percent(row);
	case ROSTER_BY_WAVE: return row->wave;
	case ROSTER_BY_OU: return row->ou->rank;
	case ROSTER_BY_SWITCHED: return (uint64_t)row->switched_at;
	case ROSTER_BY_WRITTEN: return (uint64_t)row->synced_at;
	case ROSTER_BY_NAME:
	case ROSTER_BY_ADDRESS:
	case ROSTER_ORDER_MAX:
	default: return 0;
	}
}

static int
sort_numbers(struct roster *r, enum roster_order which, struct err *err)
{
	const struct roster_sorted *names = &r->order[ROSTER_BY_NAME];
	struct roster_sorted *o = &r->order[which];
	_cleanup_(free) struct item *items = calloc(names->n + 1, sizeof *items);
	struct roster_row **v = reallocarray(o->v, names->n + 1, sizeof(struct roster_row *));

	if (v)
		o->v = v;
	if (!v || !items)
		return err_nomem(err);
	for (size_t i = 0; i < names->n; i++)
		items[i] = (struct item){key_of(names->v[i], which), i, names->v[i]};
	if (names->n > 1)
		qsort(items, names->n, sizeof *items, by_key);
	for (size_t i = 0; i < names->n; i++)
		o->v[i] = items[i].row;
	o->n = names->n;
	return 0;
}

int
roster_sorted(
    struct roster *r, enum roster_order which, struct roster_row *const **ret, struct err *err)
{
	struct roster_sorted *o = &r->order[which];
	struct roster_row *const *names;
	int rc = 0;

	if (o->age != r->age || !o->v) {
		if (which == ROSTER_BY_NAME || which == ROSTER_BY_ADDRESS)
			rc = mend(r, which, which == ROSTER_BY_NAME ? by_name : by_address, err);
		else
			rc = roster_sorted(r, ROSTER_BY_NAME, &names, err) < 0
				 ? -1
				 : sort_numbers(r, which, err);
		o->age = rc ? 0 : r->age;
		o->n = rc ? 0 : o->n;
	}
	*ret = o->v;
	return rc;
}
