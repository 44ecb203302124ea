/* SPDX-License-Identifier: MIT */
/*
 * Databases: `journal` number -> the entry without its outcome, written once, and once more where
 * journal_large.c reduces it; `outcome` number ->
 * outcome octet and error text; `open` number -> link, only while the outcome is unknown; `about`
 * source GUID -> numbers (big-endian, so that they sort).
 *
 * An encoded entry: format octet, cycle u64, link u32, side u8, source GUID, time u64, who asked
 * (kind u8, u32), the entry it undoes u64, reason, server, change, before-image (empty: none), each
 * of the last four behind its 32-bit length. Format 2 does not have who asked nor what it undoes,
 * format 1 no server either. What is of fixed size comes first: journal_read_head() reads no more.
 */
#include "mapping/journal.h"

#include <string.h>

#include "mapping/damage.h"
#include "mapping/journal_large.h"
#include "mapping/journal_priv.h"
#include "mapping/store_db.h"

#define JOURNAL_FORMAT 3
#define FORMAT_WITHOUT_ASKED 2
#define FORMAT_WITHOUT_SERVER 1

const char *
journal_outcome_name(enum journal_outcome o)
{
	static const char *const names[] = {[JOURNAL_OPEN] = "open",
	    [JOURNAL_DONE] = "done",
	    [JOURNAL_FAILED] = "failed",
	    [JOURNAL_STALE] = "stale"};

	return names[o];
}

struct journal_entry *
journal_entry_new(void)
{
	return calloc(1, sizeof(struct journal_entry));
}

void
journal_entry_free(struct journal_entry *e)
{
	if (!e)
		return;
	change_free(e->change);
	entry_free(e->before);
	free(e->reason);
	free(e->server);
	free(e->error);
	free(e);
}

void
journal_encode(const struct journal_entry *e, struct buf *ret)
{
	_cleanup_(buf_done) struct buf inner = {0};

	buf_add_u8(ret, JOURNAL_FORMAT);
	buf_add_u64(ret, e->cycle);
	buf_add_u32(ret, e->link);
	buf_add_u8(ret, (uint8_t)e->side);
	buf_add(ret, e->source.octets, GUID_LEN);
	buf_add_u64(ret, (uint64_t)e->at);
	buf_add_u8(ret, (uint8_t)e->asked.by);
	buf_add_u32(ret, e->asked.id);
	buf_add_u64(ret, e->undoes);
	buf_add_bytes(ret, bytes_of(e->reason));
	buf_add_bytes(ret, bytes_of(e->server ? e->server : ""));
	change_encode(e->change, &inner);
	buf_add_bytes(ret, buf_bytes(&inner));
	ret->failed |= inner.failed;
	buf_reset(&inner);
	if (e->before)
		entry_encode(e->before, &inner);
	buf_add_bytes(ret, buf_bytes(&inner));
	ret->failed |= inner.failed;
}

struct journal_head
journal_read_head(struct reader *r, uint64_t number)
{
	struct journal_head h = {.number = number, .format = reader_u8(r)};
	const void *guid;
	uint8_t by;

	h.cycle = reader_u64(r);
	h.link = reader_u32(r);
	h.side = reader_u8(r) ? TARGET : SOURCE;
	if ((guid = reader_raw(r, GUID_LEN)))
		memcpy(h.source.octets, guid, GUID_LEN);
	h.at = (int64_t)reader_u64(r);
	if (h.format <= FORMAT_WITHOUT_ASKED)
		return h;
	by = reader_u8(r);
	h.asked.by = by <= ASKED_BY_WAVE ? (enum asked_by)by : ASKED_BY_NOBODY;
	h.asked.id = reader_u32(r);
	h.undoes = reader_u64(r);
	return h;
}

int
journal_decode(struct bytes raw, uint64_t number, struct journal_entry **ret, struct err *err)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = journal_entry_new();
	struct reader r = reader_of(raw);
	struct journal_head h;
	struct bytes change, before;

	if (!e)
		return err_nomem(err);
	h = journal_read_head(&r, number);
	r.failed |= h.format < FORMAT_WITHOUT_SERVER || h.format > JOURNAL_FORMAT;
	e->number = number;
	e->cycle = h.cycle;
	e->link = h.link;
	e->side = h.side;
	e->source = h.source;
	e->at = h.at;
	e->asked = h.asked;
	e->undoes = h.undoes;
	e->reason = bytes_dup(reader_bytes(&r));
	e->server = h.format > FORMAT_WITHOUT_SERVER ? bytes_dup(reader_bytes(&r)) : strdup("");
	change = reader_bytes(&r);
	before = reader_bytes(&r);
	if (!e->reason || !e->server)
		return err_nomem(err);
	if (r.failed || reader_left(&r))
		return err_set(err, ERR_DATA, ERR_LINK, ERR_NEVER, 0,
		    "map: journal entry %llu is damaged", (unsigned long long)number);
	if (change_decode(change, &e->change, err) < 0 ||
	    (before.len && entry_decode(before, &e->before, err) < 0))
		return -1;
	*ret = TAKE(e);
	return 0;
}

static int
next_number(struct store_txn *t, const char *counter, uint64_t *ret, struct err *err)
{
	if (store_counter_get(t, counter, ret, err) < 0)
		return -1;
	*ret = *ret ? *ret : 1;
	return store_counter_set(t, counter, *ret + 1, err);
}

int
journal_begin_cycle(struct store_txn *t, uint32_t link, uint64_t *ret, struct err *err)
{
	(void)link; /* cycles of all links are numbered together */
	return next_number(t, "next-cycle", ret, err);
}

static struct bytes
number_key(const uint64_t *number)
{
	return (struct bytes){number, sizeof *number};
}

int
journal_intend(struct store_txn *t, struct journal_entry *e, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	uint8_t be[8];
	uint64_t number;

	if (journal_encode_reduced(e, &b, err) < 0 ||
	    next_number(t, "next-journal", &number, err) < 0)
		return -1;
	store_be64(number, be);
	if (store_db_put(t, DB_JOURNAL, number_key(&number), buf_bytes(&b), err) < 0 ||
	    store_db_put(
		t, DB_OPEN, number_key(&number), (struct bytes){&e->link, sizeof e->link}, err) < 0)
		return -1;
	if (!guid_is_zero(&e->source) && store_db_put(t, DB_ABOUT, guid_bytes(&e->source),
					     (struct bytes){be, sizeof be}, err) < 0)
		return -1;
	if (journal_reduce_older(t, e, number, err) < 0)
		return -1;
	e->number = number;
	return 0;
}

int
journal_finish(struct store_txn *t, uint64_t number, enum journal_outcome outcome,
    const char *error, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	buf_add_u8(&b, (uint8_t)outcome);
	buf_add_str(&b, error ? error : "");
	if (b.failed)
		return err_nomem(err);
	if (store_db_put(t, DB_OUTCOME, number_key(&number), buf_bytes(&b), err) < 0)
		return -1;
	return store_db_delete(t, DB_OPEN, number_key(&number), (struct bytes){NULL, 0}, err);
}

int
journal_get(struct store_txn *t, uint64_t number, struct journal_entry **ret, struct err *err)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = NULL;
	struct bytes raw, outcome;
	bool found;

	*ret = NULL;
	if (store_db_get(t, DB_JOURNAL, number_key(&number), &raw, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	if (journal_decode(raw, number, &e, err) < 0 ||
	    store_db_get(t, DB_OUTCOME, number_key(&number), &outcome, &found, err) < 0)
		return -1;
	if (found && outcome.len && *(const uint8_t *)outcome.data <= JOURNAL_STALE) {
		const uint8_t *p = outcome.data;

		e->outcome = (enum journal_outcome)p[0];
		if (outcome.len > 1 &&
		    !(e->error = bytes_dup((struct bytes){p + 1, outcome.len - 1})))
			return err_nomem(err);
	}
	*ret = TAKE(e);
	return 0;
}

struct journal_walk {
	struct store_txn *t;
	uint32_t link;
	uint64_t cycle;
	journal_fn *fn;
	void *arg;
};

static int
give(struct journal_walk *w, uint64_t number, struct err *err)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = NULL;

	if (journal_get(w->t, number, &e, err) < 0)
		return -1;
	if (!e || (w->link && e->link != w->link) || (w->cycle && e->cycle != w->cycle))
		return 0;
	return w->fn(e, w->arg, err);
}

static int
give_by_key(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	uint64_t number;

	(void)value;
	memcpy(&number, key.data, sizeof number);
	return give(arg, number, err);
}

/* Of the list of those that are open: trimming leaves them. */
static int
give_open(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct journal_walk *w = arg;
	struct bytes ignored;
	bool found;

	if (store_db_get(w->t, DB_JOURNAL, key, &ignored, &found, err) < 0)
		return -1;
	return found ? give_by_key(key, value, arg, err)
		     : store_damaged(w->t->s->dir, err, "an open entry of the journal is lost");
}

static int
give_by_value(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	const uint8_t *p = value.data;
	uint64_t number = 0;

	(void)key;
	for (size_t i = 0; i < value.len; i++)
		number = number << 8 | p[i];
	return give(arg, number, err);
}

int
journal_each_open(struct store_txn *t, uint32_t link, journal_fn *fn, void *arg, struct err *err)
{
	struct journal_walk w = {.t = t, .link = link, .fn = fn, .arg = arg};

	return store_db_each(t, DB_OPEN, (struct bytes){NULL, 0}, give_open, &w, err);
}

int
journal_each_of(
    struct store_txn *t, const struct guid *source, journal_fn *fn, void *arg, struct err *err)
{
	struct journal_walk w = {.t = t, .fn = fn, .arg = arg};

	return store_db_each(t, DB_ABOUT, guid_bytes(source), give_by_value, &w, err);
}

int
journal_each(struct store_txn *t, uint64_t cycle, journal_fn *fn, void *arg, struct err *err)
{
	struct journal_walk w = {.t = t, .cycle = cycle, .fn = fn, .arg = arg};

	return store_db_each(t, DB_JOURNAL, (struct bytes){NULL, 0}, give_by_key, &w, err);
}
