/* SPDX-License-Identifier: MIT */
/*
 * Waves on disk, integers little-endian unless said otherwise:
 *
 *   wave      id (u32 big-endian) ->
 *     offset  size
 *          0     1  format, 1
 *          1     1  state        2  1  flags: bit 0 undo, bit 1 force
 *          3     4  link         7  8  due
 *         15     8  planned     23  8  started      31  8  ended
 *         39     4  mailboxes   43  4  of them done  47  4  of them failed
 *         51        then, each behind its 32-bit length: name, why
 *
 *   mailbox   wave id (u32 big-endian), source GUID ->
 *          0     1  format, 1
 *          1     1  result       2  4  line          6  8  ended
 *         14        then, each behind its 32-bit length: DN, text
 *
 * State and link stand at fixed places, so that a wave that is over is passed by without decoding.
 */
#include "mapping/wave.h"

#include <string.h>

#include "mapping/store_db.h"

#define WAVE_FORMAT 1
#define MEMBER_FORMAT 1
#define FLAG_UNDO 1U
#define FLAG_FORCE 2U
#define ID_LEN 4
/* In an encoded wave. */
#define COUNTS_AT 39
#define TEXTS_AT 51

static const char *const state_names[] = {
    [WAVE_PLANNED] = "planned",
    [WAVE_RUNNING] = "running",
    [WAVE_DONE] = "done",
    [WAVE_CANCELLED] = "cancelled",
};
_Static_assert(ARRAY_SIZE(state_names) == WAVE_STATE_MAX, "a name for each state");

const char *
wave_state_name(enum wave_state s)
{
	return state_names[s];
}

/* ---- encodings ---- */

void
wave_done(struct wave *w)
{
	free(TAKE(w->name));
	free(TAKE(w->why));
}

void
wave_member_done(struct wave_member *m)
{
	free(TAKE(m->dn));
	free(TAKE(m->text));
}

void
wave_encode(const struct wave *w, struct buf *ret)
{
	buf_add_u8(ret, WAVE_FORMAT);
	buf_add_u8(ret, (uint8_t)w->state);
	buf_add_u8(ret, (uint8_t)((w->undo ? FLAG_UNDO : 0) | (w->force ? FLAG_FORCE : 0)));
	buf_add_u32(ret, w->link);
	buf_add_u64(ret, (uint64_t)w->at);
	buf_add_u64(ret, (uint64_t)w->planned_at);
	buf_add_u64(ret, (uint64_t)w->started_at);
	buf_add_u64(ret, (uint64_t)w->ended_at);
	buf_add_u32(ret, w->total);
	buf_add_u32(ret, w->succeeded);
	buf_add_u32(ret, w->failed);
	buf_add_bytes(ret, bytes_of(w->name ? w->name : ""));
	buf_add_bytes(ret, bytes_of(w->why ? w->why : ""));
}

static int
damaged(const char *what, struct err *err)
{
	return err_set(err, ERR_DATA, ERR_LINK, ERR_NEVER, 0, "map: damaged %s", what);
}

int
wave_decode(struct bytes raw, uint32_t id, struct wave *ret, struct err *err)
{
	_cleanup_(wave_done) struct wave w = {.id = id};
	struct reader r = reader_of(raw);
	uint8_t format = reader_u8(&r), state = reader_u8(&r), flags = reader_u8(&r);

	w.state = (enum wave_state)(state < WAVE_STATE_MAX ? state : 0);
	w.undo = flags & FLAG_UNDO;
	w.force = flags & FLAG_FORCE;
	w.link = reader_u32(&r);
	w.at = (int64_t)reader_u64(&r);
	w.planned_at = (int64_t)reader_u64(&r);
	w.started_at = (int64_t)reader_u64(&r);
	w.ended_at = (int64_t)reader_u64(&r);
	w.total = reader_u32(&r);
	w.succeeded = reader_u32(&r);
	w.failed = reader_u32(&r);
	w.name = bytes_dup(reader_bytes(&r));
	w.why = bytes_dup(reader_bytes(&r));
	if (!w.name || !w.why)
		return err_nomem(err);
	if (r.failed || reader_left(&r) || format != WAVE_FORMAT || state >= WAVE_STATE_MAX ||
	    flags & ~(FLAG_UNDO | FLAG_FORCE))
		return damaged("wave", err);
	*ret = w;
	w.name = w.why = NULL;
	return 0;
}

void
wave_member_encode(const struct wave_member *m, struct buf *ret)
{
	buf_add_u8(ret, MEMBER_FORMAT);
	buf_add_u8(ret, (uint8_t)m->result);
	buf_add_u32(ret, m->line);
	buf_add_u64(ret, (uint64_t)m->at);
	buf_add_bytes(ret, bytes_of(m->dn ? m->dn : ""));
	buf_add_bytes(ret, bytes_of(m->text ? m->text : ""));
}

int
wave_member_decode(
    struct bytes raw, const struct guid *source, struct wave_member *ret, struct err *err)
{
	struct wave_member m = {.source = *source};
	struct reader r = reader_of(raw);
	uint8_t format = reader_u8(&r), result = reader_u8(&r);
	int rc = 0;

	m.result = (enum wave_result)(result < WAVE_RESULT_MAX ? result : 0);
	m.line = reader_u32(&r);
	m.at = (int64_t)reader_u64(&r);
	m.dn = bytes_dup(reader_bytes(&r));
	m.text = bytes_dup(reader_bytes(&r));
	if (!m.dn || !m.text)
		rc = err_nomem(err);
	else if (r.failed || reader_left(&r) || format != MEMBER_FORMAT ||
		 result >= WAVE_RESULT_MAX)
		rc = damaged("mailbox of a wave", err);
	if (rc < 0)
		wave_member_done(&m);
	else
		*ret = m;
	return rc;
}

/* ---- waves ---- */

/* But for how many mailboxes have ended. */
static bool
is_same(struct bytes raw, const struct buf *b)
{
	const uint8_t *p = raw.data;

	return raw.len == b->len && memcmp(p, b->data, COUNTS_AT) == 0 &&
	       memcmp(p + TEXTS_AT, b->data + TEXTS_AT, b->len - TEXTS_AT) == 0;
}

int
wave_put(struct store_txn *t, const struct wave *w, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	uint8_t key[ID_LEN];
	struct bytes old;
	bool found;

	store_be32(w->id, key);
	wave_encode(w, &b);
	if (b.failed)
		return err_nomem(err);
	if (store_db_get(t, DB_WAVE, (struct bytes){key, sizeof key}, &old, &found, err) < 0)
		return -1;
	/* A mailbox that has ended may be turned again: that does nothing. */
	store_keep(t, found && is_same(old, &b) ? KEPT_LESS : KEPT_MORE);
	return store_db_put(t, DB_WAVE, (struct bytes){key, sizeof key}, buf_bytes(&b), err);
}

static int
put_member(struct store_txn *t, uint32_t id, const struct wave_member *m, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	uint8_t key[LINK_GUID_LEN];

	store_link_guid(id, &m->source, key);
	wave_member_encode(m, &b);
	if (b.failed)
		return err_nomem(err);
	return store_db_put(t, DB_WAVE_MEMBER, (struct bytes){key, sizeof key}, buf_bytes(&b), err);
}

int
wave_add(struct store_txn *t, struct wave *w, const struct wave_member *members, size_t n,
    struct err *err)
{
	uint64_t last;

	if (store_counter_get(t, "last-wave", &last, err) < 0 ||
	    store_counter_set(t, "last-wave", last + 1, err) < 0)
		return -1;
	w->id = (uint32_t)(last + 1);
	w->total = (uint32_t)n;
	for (size_t i = 0; i < n; i++)
		if (put_member(t, w->id, &members[i], err) < 0)
			return -1;
	return wave_put(t, w, err);
}

struct first {
	uint8_t key[LINK_GUID_LEN];
	size_t len;
};

static int
take_key(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct first *f = arg;

	(void)value;
	(void)err;
	f->len = key.len < sizeof f->key ? key.len : sizeof f->key;
	memcpy(f->key, key.data, f->len);
	return 1;
}

int
wave_delete(struct store_txn *t, uint32_t id, struct err *err)
{
	uint8_t octets[ID_LEN];
	const struct bytes wave = {octets, sizeof octets}, nothing = {NULL, 0};
	struct first f;

	store_be32(id, octets);
	store_keep(t, KEPT_MORE);
	/* One after the other: a walk does not survive a change. */
	do {
		f.len = 0;
		if (store_db_each(t, DB_WAVE_MEMBER, wave, take_key, &f, err) < 0 ||
		    (f.len && store_db_delete(t, DB_WAVE_MEMBER, (struct bytes){f.key, f.len},
				  nothing, err) < 0))
			return -1;
	} while (f.len);
	return store_db_delete(t, DB_WAVE, wave, nothing, err);
}

int
wave_take(struct store_txn *t, const struct wave *w, struct err *err)
{
	uint64_t last;

	if (store_counter_get(t, "last-wave", &last, err) < 0 ||
	    (last < w->id && store_counter_set(t, "last-wave", w->id, err) < 0))
		return -1;
	return wave_put(t, w, err);
}

int
wave_take_member(struct store_txn *t, uint32_t id, const struct wave_member *m, struct err *err)
{
	store_keep(t, KEPT_MORE);
	return put_member(t, id, m, err);
}

int
wave_get(struct store_txn *t, uint32_t id, struct wave *ret, bool *found, struct err *err)
{
	uint8_t key[ID_LEN];
	struct bytes raw;

	store_be32(id, key);
	if (store_db_get(t, DB_WAVE, (struct bytes){key, sizeof key}, &raw, found, err) < 0)
		return -1;
	return *found ? wave_decode(raw, id, ret, err) : 0;
}

static uint32_t
id_of(struct bytes key)
{
	const uint8_t *p = key.data;

	return key.len < ID_LEN ? 0
				: (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
				      (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

/* True for an open wave of LINK, as far as its fixed places say. */
static bool
looks_open(struct bytes raw, uint32_t link)
{
	struct reader r = reader_of(raw);
	enum wave_state state;

	(void)reader_u8(&r);
	state = (enum wave_state)reader_u8(&r);
	(void)reader_u8(&r);
	return reader_u32(&r) == link && wave_is_open(state);
}

struct walk {
	struct store_txn *t;
	uint32_t link;
	wave_fn *fn;
	void *arg;
	struct wave *best; /* of wave_next() */
	bool found;
};

static int
give_wave(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	_cleanup_(wave_done) struct wave w = {0};
	struct walk *x = arg;

	if (wave_decode(value, id_of(key), &w, err) < 0)
		return -1;
	return x->link && w.link != x->link ? 0 : x->fn(&w, x->arg, err);
}

int
wave_each(struct store_txn *t, uint32_t link, wave_fn *fn, void *arg, struct err *err)
{
	struct walk x = {.link = link, .fn = fn, .arg = arg};

	return store_db_each(t, DB_WAVE, (struct bytes){NULL, 0}, give_wave, &x, err);
}

/* What was begun is finished first, even if the clock was turned back meanwhile. */
static bool
is_before(const struct wave *x, const struct wave *y)
{
	if (x->state != y->state)
		return x->state == WAVE_RUNNING;
	return x->at < y->at;
}

static int
take_earlier(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	_cleanup_(wave_done) struct wave w = {0};
	struct walk *x = arg;

	if (!looks_open(value, x->link))
		return 0;
	if (wave_decode(value, id_of(key), &w, err) < 0)
		return -1;
	if (!x->found || is_before(&w, x->best)) {
		struct wave later = *x->best;

		*x->best = w;
		w = later;
		x->found = true;
	}
	return 0;
}

int
wave_next(struct store_txn *t, uint32_t link, struct wave *ret, bool *found, struct err *err)
{
	_cleanup_(wave_done) struct wave best = {0};
	struct walk x = {.link = link, .best = &best};

	if (store_db_each(t, DB_WAVE, (struct bytes){NULL, 0}, take_earlier, &x, err) < 0)
		return -1;
	*found = x.found;
	if (x.found) {
		*ret = best;
		best.name = best.why = NULL;
	}
	return 0;
}

/* ---- mailboxes ---- */

struct member_walk {
	wave_member_fn *fn;
	void *arg;
};

static bool
guid_of(struct bytes key, struct guid *ret)
{
	if (key.len != LINK_GUID_LEN)
		return false;
	memcpy(ret->octets, (const uint8_t *)key.data + ID_LEN, GUID_LEN);
	return true;
}

static int
give_member(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct member_walk *x = arg;
	struct wave_member m = {0};
	struct guid source;
	int rc;

	if (!guid_of(key, &source))
		return damaged("mailbox of a wave", err);
	if (wave_member_decode(value, &source, &m, err) < 0)
		return -1;
	rc = x->fn(&m, x->arg, err);
	wave_member_done(&m);
	return rc;
}

int
wave_each_member(struct store_txn *t, uint32_t id, wave_member_fn *fn, void *arg, struct err *err)
{
	struct member_walk x = {fn, arg};
	uint8_t key[ID_LEN];

	store_be32(id, key);
	return store_db_each(
	    t, DB_WAVE_MEMBER, (struct bytes){key, sizeof key}, give_member, &x, err);
}

static int
get_member(struct store_txn *t, uint32_t id, const struct guid *source, struct wave_member *ret,
    bool *found, struct err *err)
{
	uint8_t key[LINK_GUID_LEN];
	struct bytes raw;

	store_link_guid(id, source, key);
	if (store_db_get(t, DB_WAVE_MEMBER, (struct bytes){key, sizeof key}, &raw, found, err) < 0)
		return -1;
	return *found ? wave_member_decode(raw, source, ret, err) : 0;
}

int
wave_end_member(
    struct store_txn *t, struct wave *w, const struct wave_outcome *o, bool *found, struct err *err)
{
	struct wave_member m = {0};
	int rc = get_member(t, w->id, &o->source, &m, found, err);

	*found = rc == 0 && *found && m.result != WAVE_SUCCEEDED;
	if (*found) {
		/* Borrowed for the encoding. */
		char *old = m.text;

		w->failed -= m.result == WAVE_FAILED && w->failed;
		m.result = o->ok ? WAVE_SUCCEEDED : WAVE_FAILED;
		w->succeeded += o->ok;
		w->failed += !o->ok;
		m.at = o->at;
		m.text = (char *)(uintptr_t)o->text;
		rc = put_member(t, w->id, &m, err);
		m.text = old;
	}
	wave_member_done(&m);
	return rc;
}

struct holding {
	struct store_txn *t;
	uint32_t link, id;
	const struct guid *source;
};

static int
look_into(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct holding *h = arg;
	struct wave_member m = {0};
	bool found, open;

	if (!looks_open(value, h->link))
		return 0;
	if (get_member(h->t, id_of(key), h->source, &m, &found, err) < 0)
		return -1;
	open = found && m.result == WAVE_OPEN;
	if (open)
		h->id = id_of(key);
	wave_member_done(&m);
	return open;
}

int
wave_holding(
    struct store_txn *t, uint32_t link, const struct guid *source, uint32_t *ret, struct err *err)
{
	struct holding h = {.t = t, .link = link, .source = source};

	if (store_db_each(t, DB_WAVE, (struct bytes){NULL, 0}, look_into, &h, err) < 0)
		return -1;
	*ret = h.id;
	return 0;
}
