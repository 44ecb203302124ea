/* SPDX-License-Identifier: MIT */
/*
 * Retention: which entries of the journal are kept, and how large it is.
 *
 * The walk goes from the oldest entry on and ends at the first one that is young enough: entries
 * are in order of time. One whose time lies in the future was written with a wrong clock. It does
 * not end the walk, or it would keep everything behind it for ever.
 *
 * Size is measured in pages, because pages are what the map runs out of. It is measured once for
 * each piece, which removes entries whose own octets make up for what is too much.
 */
#include "mapping/journal.h"

#include <string.h>

#include "mapping/journal_priv.h"
#include "mapping/store_db.h"

#define FUTURE_S 86400
/* Entries that are only looked at, for each that may be removed. */
#define LOOKS 16

static const enum store_db parts[] = {DB_JOURNAL, DB_OUTCOME, DB_OPEN, DB_ABOUT};

/* One that is damaged has no time: it counts as old. */
static struct journal_head
read_head(uint64_t number, struct bytes raw)
{
	struct reader r = reader_of(raw);

	return journal_read_head(&r, number);
}

static int
first(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	(void)key;
	(void)err;
	*(int64_t *)arg = read_head(0, value).at;
	return 1;
}

int
journal_measure(struct store_txn *t, struct journal_size *ret, struct err *err)
{
	struct journal_size n = {0};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		MDB_stat stat;
		int rc = mdb_stat(t->txn, t->s->db[parts[i]], &stat);

		if (rc)
			return store_fail(t->s, rc, "size of the journal", err);
		if (parts[i] == DB_JOURNAL)
			n.entries = stat.ms_entries;
		n.octets += stat.ms_psize * (uint64_t)(stat.ms_branch_pages + stat.ms_leaf_pages +
						       stat.ms_overflow_pages);
	}
	if (store_db_each(t, DB_JOURNAL, (struct bytes){NULL, 0}, first, &n.oldest, err) < 0)
		return -1;
	*ret = n;
	return 0;
}

struct trim {
	struct store_txn *t;
	const struct journal_limits *limits;
	uint64_t excess; /* octets above the limit that are still to be freed */
	size_t looks, n, max;
	struct journal_head *v;
	uint64_t next; /* where the next piece begins, 0: nowhere */
};

static bool
is_older(const struct trim *m, int64_t at, int64_t age_s)
{
	return at < m->limits->now - age_s;
}

/* Is there more to come for it? */
static int
is_under_way(struct trim *m, const struct journal_head *h, bool *ret, struct err *err)
{
	uint8_t key[LINK_GUID_LEN];
	struct bytes ignored;

	if (store_db_get(m->t, DB_OPEN, (struct bytes){&h->number, sizeof h->number}, &ignored, ret,
		err) < 0)
		return -1;
	store_link_guid(h->link, &h->source, key);
	return *ret ? 0
		    : store_db_get(
			  m->t, DB_OPERATION, (struct bytes){key, sizeof key}, &ignored, ret, err);
}

static int
pick(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct trim *m = arg;
	const struct journal_limits *l = m->limits;
	uint64_t number;
	struct journal_head h;
	bool stays;

	memcpy(&number, key.data, sizeof number);
	h = read_head(number, value);
	stays = !is_older(m, h.at, l->max_age_s);
	if (stays && m->excess)
		stays = !is_older(m, h.at, l->min_age_s) && h.at <= l->now + FUTURE_S;
	if (stays && h.at <= l->now + FUTURE_S)
		return 1;
	m->next = number;
	if (m->n == m->max || m->looks-- == 0)
		return 1;
	m->next = 0;
	if (!stays && is_under_way(m, &h, &stays, err) < 0)
		return -1;
	if (stays)
		return 0;
	m->v[m->n++] = h;
	m->excess -= m->excess < value.len ? m->excess : value.len;
	return 0;
}

static int
remove_entry(struct store_txn *t, const struct journal_head *h, struct err *err)
{
	struct bytes key = {&h->number, sizeof h->number}, all = {NULL, 0};
	uint8_t be[8];

	store_be64(h->number, be);
	if (store_db_delete(t, DB_JOURNAL, key, all, err) < 0 ||
	    store_db_delete(t, DB_OUTCOME, key, all, err) < 0)
		return -1;
	return store_db_delete(
	    t, DB_ABOUT, guid_bytes(&h->source), (struct bytes){be, sizeof be}, err);
}

int
journal_trim(struct store_txn *t, const struct journal_limits *l, size_t max, uint64_t *from,
    size_t *ret_removed, struct err *err)
{
	_cleanup_(free) struct journal_head *v = calloc(max + 1, sizeof *v);
	struct trim m = {.t = t, .limits = l, .looks = LOOKS * max, .max = max, .v = v};
	struct bytes begin = {from, *from ? sizeof *from : 0};
	struct journal_size size = {0};

	if (!v)
		return err_nomem(err);
	if (journal_measure(t, &size, err) < 0)
		return -1;
	m.excess = size.octets > l->max_octets ? size.octets - l->max_octets : 0;
	if (store_db_each_from(t, DB_JOURNAL, (struct bytes){NULL, 0}, begin, pick, &m, err) < 0)
		return -1;
	for (size_t i = 0; i < m.n; i++)
		if (remove_entry(t, &v[i], err) < 0)
			return -1;
	/* What was freed is measured by the next piece. */
	*from = m.n && size.octets > l->max_octets && !m.next ? v[m.n - 1].number : m.next;
	*ret_removed = m.n;
	return 0;
}
