/* SPDX-License-Identifier: MIT */
#include "dsa/jobs/undo_choose.h"

#include <stdlib.h>

#include "dsa/base/list.h"

struct entry_head {
	uint64_t number, undoes;
	bool taken_back;
};

struct chosen {
	const uint32_t *flows;
	struct entry_head *v;
	size_t n, cap;
};

static void
chosen_donep(struct chosen *c)
{
	free(c->v);
}

static int
take_entry(const struct journal_entry *e, void *arg, struct err *err)
{
	struct chosen *c = arg;
	bool ours = e->link && (e->link == c->flows[SOURCE] || e->link == c->flows[TARGET]);

	if (e->outcome != JOURNAL_DONE || !ours)
		return 0;
	if (list_grow(c->v, c->n, c->cap) < 0)
		return err_nomem(err);
	c->v[c->n++] = (struct entry_head){e->number, e->undoes, false};
	return 0;
}

/* ---- an object ---- */

static int
by_number(const void *x, const void *y)
{
	const struct entry_head *p = x, *q = y;

	return p->number < q->number ? -1 : p->number > q->number;
}

static struct entry_head *
find(const struct chosen *c, uint64_t number)
{
	const struct entry_head key = {.number = number};

	return c->n ? bsearch(&key, c->v, c->n, sizeof *c->v, by_number) : NULL;
}

/* Leaves what stands: the last word about a change is the last entry's. */
static void
keep_standing(struct chosen *c)
{
	size_t n = 0;

	if (c->n)
		qsort(c->v, c->n, sizeof *c->v, by_number);
	for (size_t i = c->n; i-- > 0;) {
		struct entry_head *of = c->v[i].undoes ? find(c, c->v[i].undoes) : NULL;

		if (of && !c->v[i].taken_back)
			of->taken_back = true;
	}
	for (size_t i = 0; i < c->n; i++)
		if (!c->v[i].undoes && !c->v[i].taken_back)
			c->v[n++] = c->v[i];
	c->n = n;
}

static int
choose_object(struct store_txn *t, const char *who, struct chosen *c, struct err *err)
{
	struct guid_list l = {0};
	int rc = journal_find_who(t, who, &l, err);

	for (size_t i = 0; rc == 0 && i < l.n; i++)
		rc = journal_each_of(t, &l.v[i], take_entry, c, err);
	free(l.v);
	keep_standing(c);
	return rc;
}

/* ---- all ---- */

static int
choose(struct store_txn *t, const struct undo_query *u, struct chosen *c, struct err *err)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = NULL;
	const struct journal_query q = {.cycle = u->cycle, .wave = u->wave};

	if (u->who)
		return choose_object(t, u->who, c, err);
	if (!u->change)
		return journal_find(t, &q, take_entry, c, err);
	if (journal_get(t, u->change, &e, err) < 0)
		return -1;
	return e ? take_entry(e, c, err) : 0;
}

int
undo_choose(struct store_txn *t, const uint32_t flows[SIDES], const struct undo_query *q,
    uint64_t **ret, size_t *ret_n, struct err *err)
{
	_cleanup_(chosen_done) struct chosen c = {.flows = flows};
	uint64_t *numbers;

	if (choose(t, q, &c, err) < 0)
		return -1;
	numbers = calloc(c.n + 1, sizeof *numbers);
	if (!numbers)
		return err_nomem(err);
	for (size_t i = 0; i < c.n; i++)
		numbers[i] = c.v[i].number;
	*ret = numbers;
	*ret_n = c.n;
	return 0;
}
