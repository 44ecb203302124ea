/* SPDX-License-Identifier: MIT */
#include "mapping/check.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mapping/client_report.h"
#include "mapping/event.h"
#include "mapping/held.h"
#include "mapping/journal.h"
#include "mapping/pages.h"
#include "mapping/resolution.h"
#include "mapping/store_db.h"
#include "mapping/store_keys.h"
#include "mapping/wave.h"

/* A state is written over by the next but one: how often a later one is taken instead. */
#define TRIES 100

struct checking {
	struct store_txn *t;
	map_damage_fn *fn;
	void *arg;
	struct map_check n;
	uint32_t link;	  /* that is looked at */
	uint64_t of_link; /* records of it */
	uint64_t keys;	  /* that the records must have */
};

static void PRINTF_LIKE(2, 3) found(struct checking *c, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	c->n.damages++;
	c->fn(text, c->arg);
}

/* What a walk ended with: damage is told, and what is not damage ends the check. */
static int
judge(struct checking *c, int rc, const struct err *why, struct err *err)
{
	if (rc == 0)
		return 0;
	if (why->retry != ERR_NEVER) {
		*err = *why;
		return -1;
	}
	found(c, "%s", why->text);
	return 0;
}

/* ---- pages ---- */

/* Begins the transaction of the check, of whose state all pages were looked at. */
static int
check_pages(struct checking *c, struct store *s, struct err *err)
{
	_cleanup_(close) int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct err why = {.text = ""};

	if (fd < 0)
		return err_sys(err, errno, "map '%s'", s->path);
	for (int i = 0; i < TRIES; i++) {
		int rc;

		store_abort(TAKE(c->t));
		if (store_begin(s, STORE_READ, &c->t, err) < 0)
			return -1;
		rc = pages_check(fd, s->dir, mdb_txn_id(c->t->txn), &why);
		if (rc == 0 || why.code != EAGAIN)
			return judge(c, rc, &why, err);
	}
	*err = why;
	return -1;
}

/* ---- values ---- */

static void
check_value(struct checking *c, enum store_db db, struct bytes key, struct bytes raw)
{
	struct bytes ignored;
	const char *why = store_value_refusal(c->t, db, key, raw, &ignored);
	char text[80];

	c->n.values++;
	if (!why)
		return;
	store_key_text(db, key, text, sizeof text);
	found(c, "database '%s', key %s: %s", store_db_name(db), text, why);
}

/* Past store_db_each(), which ends at the first one that is damaged. */
static int
check_values(struct checking *c, enum store_db db, struct err *err)
{
	MDB_cursor *cursor = NULL;
	MDB_val k, v;
	int rc = mdb_cursor_open(c->t->txn, c->t->s->db[db], &cursor);

	if (rc)
		return store_fail(c->t->s, rc, "read", err);
	while ((rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0)
		check_value(c, db, (struct bytes){k.mv_data, k.mv_size},
		    (struct bytes){v.mv_data, v.mv_size});
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : store_fail(c->t->s, rc, "read", err);
}

/* ---- what they say ---- */

static int
count_record(const struct record *r, void *arg, struct err *err)
{
	struct checking *c = arg;
	size_t n, missing;

	c->of_link++;
	if (!c->n.sums)
		return 0;
	if (store_keys_check(c->t, r, &n, &missing, err) < 0)
		return -1;
	c->keys += n;
	if (missing)
		found(
		    c, "record %" PRIu64 " is not found by %zu of its %zu keys", r->id, missing, n);
	return 0;
}

static int
count_entry(const struct journal_entry *e, void *arg, struct err *err)
{
	struct checking *c = arg;

	(void)e;
	(void)err;
	c->n.journal++;
	return 0;
}

#define READ(name, type)                                                                           \
	static int name(type x, void *arg, struct err *err)                                        \
	{                                                                                          \
		(void)x;                                                                           \
		(void)arg;                                                                         \
		(void)err;                                                                         \
		return 0;                                                                          \
	}
READ(read_waiting, const struct waiting_ref *)
READ(read_retry, const struct store_retry *)
READ(read_operation, const struct store_operation *)
READ(read_membership, const struct store_membership *)
READ(read_held, const struct store_held *)
READ(read_member, const struct wave_member *)
READ(read_entry, const struct journal_entry *)

static int
read_conflict(uint32_t link, const struct conflict *x, void *arg, struct err *err)
{
	(void)link;
	(void)x;
	(void)arg;
	(void)err;
	return 0;
}

static int
read_resolution(uint32_t link, const struct resolution *x, void *arg, struct err *err)
{
	(void)link;
	(void)x;
	(void)arg;
	(void)err;
	return 0;
}

static int
read_client(uint32_t link, struct client_report *x, void *arg, struct err *err)
{
	(void)link;
	(void)x;
	(void)arg;
	(void)err;
	return 0;
}

static int
read_event(struct store_event *e, void *arg, struct err *err)
{
	(void)err;
	if (e->damaged)
		found(arg, "database 'event': event %" PRIu64 " cannot be read", e->number);
	return 0;
}

static int
read_wave(const struct wave *w, void *arg, struct err *err)
{
	struct checking *c = arg;

	return wave_each_member(c->t, w->id, read_member, NULL, err);
}

static int
check_counters(struct checking *c, struct err *err)
{
	struct store_counts n;

	if (store_count(c->t, c->link, &n, err) < 0)
		return -1;
	if (n.records != c->of_link)
		found(c, "link %u has %" PRIu64 " records, but its counter says %" PRIu64, c->link,
		    c->of_link, n.records);
	return 0;
}

/* Each walk to its end, or to the first damage: of every noun of LINK. */
static int
check_link(struct checking *c, struct err *err)
{
	struct store_txn *t = c->t;
	uint32_t link = c->link;
	struct err why = {.text = ""};

	c->of_link = 0;
	if (judge(c, store_each(t, link, count_record, c, &why), &why, err) ||
	    judge(c, store_each_waiting(t, link, NULL, read_waiting, NULL, &why), &why, err) ||
	    judge(c, store_each_conflict(t, link, read_conflict, NULL, &why), &why, err) ||
	    judge(c, store_each_retry(t, link, 0, read_retry, NULL, &why), &why, err) ||
	    judge(c, store_each_operation(t, link, read_operation, NULL, &why), &why, err) ||
	    judge(c, store_each_membership(t, link, 0, read_membership, NULL, &why), &why, err) ||
	    judge(c, store_each_client(t, link, NULL, read_client, NULL, &why), &why, err) ||
	    judge(c, store_each_held(t, link, read_held, NULL, &why), &why, err) ||
	    judge(c, store_each_resolution(t, link, read_resolution, NULL, &why), &why, err) ||
	    judge(c, store_each_event(t, link, read_event, c, &why), &why, err) ||
	    judge(c, wave_each(t, link, read_wave, c, &why), &why, err))
		return -1;
	c->n.records += c->of_link;
	return check_counters(c, err);
}

static int
check_links(struct checking *c, struct err *err)
{
	for (c->link = 1;; c->link++) {
		_cleanup_(free) char *name = NULL;

		if (store_link_name(c->t, c->link, &name, err) < 0)
			return -1;
		if (!name)
			return 0;
		if (check_link(c, err) < 0)
			return -1;
	}
}

/* ---- indices ---- */

/* Every key of a record is there: so there are others if there are more. */
static int
check_keys(struct checking *c, struct err *err)
{
	uint64_t keys, records;

	if (!c->n.sums)
		return 0;
	if (store_db_count(c->t, DB_KEY, &keys, err) < 0 ||
	    store_db_count(c->t, DB_RECORD, &records, err) < 0)
		return -1;
	if (records != c->n.records)
		found(c, "%" PRIu64 " records, but those of the links are %" PRIu64, records,
		    c->n.records);
	else if (keys != c->keys)
		found(c, "database 'key': %" PRIu64 " keys, but the records have %" PRIu64, keys,
		    c->keys);
	return 0;
}

static int
check_all(struct checking *c, struct err *err)
{
	struct err why = {.text = ""};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < DB_MAX; i++)
		rc = check_values(c, (enum store_db)i, err);
	/* What the damaged ones say is not asked. */
	if (rc || c->n.damages)
		return rc;
	for (size_t i = 0; rc == 0 && i < DB_MAX; i++)
		if (store_is_index((enum store_db)i))
			rc = judge(c, store_check_db(c->t, (enum store_db)i, &why), &why, err);
	rc = rc ? rc : judge(c, journal_each(c->t, 0, count_entry, c, &why), &why, err);
	rc = rc ? rc : judge(c, journal_each_open(c->t, 0, read_entry, NULL, &why), &why, err);
	rc = rc ? rc : check_links(c, err);
	return rc ? rc : check_keys(c, err);
}

int
map_check(struct store *s, map_damage_fn *fn, void *arg, struct map_check *ret, struct err *err)
{
	struct checking c = {.fn = fn, .arg = arg, .n = {.sums = s->sealed}};
	int rc = check_pages(&c, s, err);

	if (rc == 0 && !c.n.damages)
		rc = check_all(&c, err);
	store_abort(c.t);
	if (rc < 0)
		return -1;
	*ret = c.n;
	return 0;
}
