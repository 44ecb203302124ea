/* SPDX-License-Identifier: MIT */
/*
 * Held changes and what was spent of the limits. Disk format:
 *
 *   held    key    link (u32 big-endian), kind (u8), source GUID
 *           value  verdict (u8), since (u64); of a match also the target's GUID, of members that
 *                  are to be removed how many (u32)
 *   spent   key    link (u32 big-endian), kind (u8), hour since the epoch (u64 big-endian)
 *           value  how many (u64), proven time of the last of them (u64; older maps: nothing)
 *
 * The counters n/<link>/decided and n/<link>/carried-out of `meta` are those of
 * store_get_decided(). Hours that no limit asks for any more are removed when the next one is
 * added.
 */
#include "mapping/held.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "mapping/proven_time.h"
#include "mapping/store_db.h"

#define LINK_KIND_LEN 5
#define HELD_LEN (LINK_KIND_LEN + GUID_LEN)
#define SPENT_LEN (LINK_KIND_LEN + 8)
#define HOUR_S 3600
#define DAY_H 24
#define UNKNOWN INT64_C(-1) /* proven time of an entry of an older map */

static const char *const kind_names[] = {
    [HELD_NOTHING] = "nothing",
    [HELD_DELETES] = "deletes",
    [HELD_REDIRECTIONS] = "redirections",
    [HELD_SWITCHES] = "switches",
    [HELD_MATCHES] = "matches",
    [HELD_UNDONE] = "undone",
    [HELD_MEMBER_REMOVALS] = "member_removals",
    [HELD_PRIMARY_CHANGES] = "primary_changes",
};
_Static_assert(ARRAY_SIZE(kind_names) == HELD_KIND_MAX, "a name for each kind");

const char *
held_kind_name(enum held_kind k)
{
	return kind_names[k];
}

enum held_kind
held_kind_of(const char *name)
{
	for (size_t i = HELD_NOTHING + 1; i < HELD_KIND_MAX; i++)
		if (strcmp(name, kind_names[i]) == 0)
			return (enum held_kind)i;
	return HELD_NOTHING;
}

const char *
held_verdict_name(enum held_verdict v)
{
	return v == HELD_APPROVED ? "approved" : v == HELD_REJECTED ? "rejected" : "held";
}

int
held_list_add(struct held_list *l, const struct store_held *h)
{
	if (list_grow(l->v, l->n, l->cap) < 0)
		return -1;
	l->v[l->n++] = *h;
	return 0;
}

static void
link_kind(uint32_t link, enum held_kind kind, uint8_t *ret)
{
	store_be32(link, ret);
	ret[4] = (uint8_t)kind;
}

static struct bytes
held_key(uint32_t link, enum held_kind kind, const struct guid *source, uint8_t ret[HELD_LEN])
{
	link_kind(link, kind, ret);
	memcpy(ret + LINK_KIND_LEN, source->octets, GUID_LEN);
	return (struct bytes){ret, HELD_LEN};
}

static bool
decode(struct bytes value, struct store_held *ret)
{
	struct reader r = reader_of(value);
	const void *target;

	ret->verdict = (enum held_verdict)reader_u8(&r);
	ret->since = (int64_t)reader_u64(&r);
	ret->target = (struct guid){{0}};
	ret->amount = reader_left(&r) == sizeof ret->amount ? reader_u32(&r) : 0;
	if (reader_left(&r) && (target = reader_raw(&r, GUID_LEN)))
		memcpy(ret->target.octets, target, GUID_LEN);
	return !r.failed && !reader_left(&r) && ret->verdict >= HELD_WAITS &&
	       ret->verdict <= HELD_REJECTED;
}

/* Who takes something back has said that it is not wanted. */
bool
held_is_said(const struct store_held *h)
{
	return h->verdict != HELD_WAITS || h->kind == HELD_UNDONE;
}

/* An operator's word is kept; what waits is found again. H NULL: it goes. */
static int
keep_verdict(struct store_txn *t, struct bytes key, const struct store_held *h, struct err *err)
{
	struct store_held old = {.kind = (enum held_kind)((const uint8_t *)key.data)[4]};
	struct bytes raw;
	bool found;

	if (store_db_get(t, DB_HELD, key, &raw, &found, err) < 0)
		return -1;
	found = found && decode(raw, &old) && held_is_said(&old);
	if (h && !held_is_said(h))
		h = NULL;
	/* An approval that was carried out must not come back: its end is as urgent. */
	if (h ? !found || old.verdict != h->verdict || old.since != h->since ||
		    !guid_equal(&old.target, &h->target)
	      : found)
		store_keep(t, KEPT_MORE);
	return 0;
}

int
store_put_held(struct store_txn *t, uint32_t link, const struct store_held *h, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	uint8_t octets[HELD_LEN];
	struct bytes key = held_key(link, h->kind, &h->source, octets);

	buf_add_u8(&b, (uint8_t)h->verdict);
	buf_add_u64(&b, (uint64_t)h->since);
	if (!guid_is_zero(&h->target))
		buf_add(&b, h->target.octets, GUID_LEN);
	else if (h->amount)
		buf_add_u32(&b, h->amount);
	if (b.failed)
		return err_nomem(err);
	if (keep_verdict(t, key, h, err) < 0)
		return -1;
	return store_db_put(t, DB_HELD, key, buf_bytes(&b), err);
}

int
store_find_held(struct store_txn *t, uint32_t link, enum held_kind kind, const struct guid *source,
    struct store_held *ret, bool *found, struct err *err)
{
	uint8_t key[HELD_LEN];
	struct bytes raw;

	if (store_db_get(t, DB_HELD, held_key(link, kind, source, key), &raw, found, err) < 0)
		return -1;
	*ret = (struct store_held){.source = *source, .kind = kind};
	*found = *found && decode(raw, ret);
	return 0;
}

int
store_clear_held(struct store_txn *t, uint32_t link, enum held_kind kind, const struct guid *source,
    struct err *err)
{
	uint8_t octets[HELD_LEN];
	struct bytes key = held_key(link, kind, source, octets);

	if (keep_verdict(t, key, NULL, err) < 0)
		return -1;
	return store_db_delete(t, DB_HELD, key, (struct bytes){NULL, 0}, err);
}

struct walk {
	store_held_fn *fn;
	void *arg;
};

static int
give(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	const uint8_t *k = key.data;
	struct walk *w = arg;
	struct store_held h;

	if (key.len != HELD_LEN || k[4] == HELD_NOTHING || k[4] >= HELD_KIND_MAX ||
	    !decode(value, &h))
		return 0;
	h.kind = (enum held_kind)k[4];
	memcpy(h.source.octets, k + LINK_KIND_LEN, GUID_LEN);
	return w->fn(&h, w->arg, err);
}

int
store_each_held(struct store_txn *t, uint32_t link, store_held_fn *fn, void *arg, struct err *err)
{
	struct walk w = {fn, arg};
	uint8_t key[4];

	store_be32(link, key);
	return store_db_each(t, DB_HELD, (struct bytes){key, sizeof key}, give, &w, err);
}

/* ---- decisions ---- */

#define DECIDED "n/%u/decided"
#define CARRIED_OUT "n/%u/carried-out"

struct chosen {
	enum held_kind kind;
	struct held_list list;
};

static int
choose(const struct store_held *h, void *arg, struct err *err)
{
	struct chosen *c = arg;

	if ((c->kind != HELD_NOTHING && h->kind != c->kind) || h->verdict != HELD_WAITS)
		return 0;
	return held_list_add(&c->list, h) < 0 ? err_nomem(err) : 0;
}

/* The entries of one object, without a look at all the others. */
static int
choose_object(struct store_txn *t, uint32_t link, const struct guid *source, struct chosen *c,
    struct err *err)
{
	for (int k = HELD_NOTHING + 1; k < HELD_KIND_MAX; k++) {
		struct store_held h;
		bool found = false;

		if ((c->kind == HELD_NOTHING || (int)c->kind == k) &&
		    store_find_held(t, link, (enum held_kind)k, source, &h, &found, err) < 0)
			return -1;
		if (found && held_list_add(&c->list, &h) < 0)
			return err_nomem(err);
	}
	return 0;
}

int
store_decide_held(struct store_txn *t, uint32_t link, enum held_kind kind,
    const struct guid *source, enum held_verdict v, size_t ret[HELD_KIND_MAX], struct err *err)
{
	struct chosen c = {.kind = kind};
	int rc = source ? choose_object(t, link, source, &c, err)
			: store_each_held(t, link, choose, &c, err);

	memset(ret, 0, HELD_KIND_MAX * sizeof *ret);
	for (size_t i = 0; rc == 0 && i < c.list.n; i++) {
		c.list.v[i].verdict = v;
		ret[c.list.v[i].kind]++;
		rc = store_put_held(t, link, &c.list.v[i], err);
	}
	if (rc == 0 && c.list.n)
		rc = store_add_count(t, link, "decided", 1, err);
	free(c.list.v);
	return rc;
}

int
store_get_decided(struct store_txn *t, uint32_t link, uint64_t *ret_decided,
    uint64_t *ret_carried_out, struct err *err)
{
	char decided[64], carried_out[64];

	(void)snprintf(decided, sizeof decided, DECIDED, link);
	(void)snprintf(carried_out, sizeof carried_out, CARRIED_OUT, link);
	if (store_counter_get(t, decided, ret_decided, err) < 0)
		return -1;
	return store_counter_get(t, carried_out, ret_carried_out, err);
}

int
store_put_carried_out(struct store_txn *t, uint32_t link, uint64_t n, struct err *err)
{
	char key[64];

	(void)snprintf(key, sizeof key, CARRIED_OUT, link);
	return store_counter_set(t, key, n, err);
}

/* ---- spent ---- */

static uint64_t
hour_of(int64_t now)
{
	return now > 0 ? (uint64_t)now / HOUR_S : 0;
}

static struct bytes
spent_key(uint32_t link, enum held_kind kind, uint64_t hour, uint8_t ret[SPENT_LEN])
{
	link_kind(link, kind, ret);
	store_be64(hour, ret + LINK_KIND_LEN);
	return (struct bytes){ret, SPENT_LEN};
}

static bool
decode_spent(struct bytes key, struct bytes value, struct store_spent *ret, int64_t *proven)
{
	struct reader r = reader_of(value);
	const uint8_t *k = key.data;

	if (key.len != SPENT_LEN)
		return false;
	*ret = (struct store_spent){.kind = (enum held_kind)k[4], .n = reader_u64(&r)};
	*proven = reader_left(&r) ? (int64_t)reader_u64(&r) : UNKNOWN;
	for (size_t i = LINK_KIND_LEN; i < SPENT_LEN; i++)
		ret->hour = ret->hour << 8 | k[i];
	return !r.failed;
}

struct sum {
	uint64_t from, to; /* hours of the wall clock */
	int64_t proven;	   /* now */
	uint64_t n;
	uint64_t old; /* an hour that does not count any more, or UINT64_MAX */
};

static int
add_up(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct store_spent x;
	struct sum *s = arg;
	int64_t proven;

	(void)err;
	if (!decode_spent(key, value, &x, &proven))
		return 0;
	if ((x.hour >= s->from && x.hour <= s->to) ||
	    (proven != UNKNOWN && s->proven - proven <= (int64_t)DAY_H * HOUR_S))
		s->n += x.n;
	else
		s->old = x.hour;
	return 0;
}

static int
sum_up(struct store_txn *t, uint32_t link, enum held_kind kind, int64_t now, struct sum *ret,
    struct err *err)
{
	uint64_t hour = hour_of(now);
	uint8_t prefix[LINK_KIND_LEN];

	*ret = (struct sum){.from = hour < DAY_H ? 0 : hour - DAY_H, .to = hour, .old = UINT64_MAX};
	if (store_proven_s(t, &ret->proven, err) < 0)
		return -1;
	link_kind(link, kind, prefix);
	return store_db_each(t, DB_SPENT, (struct bytes){prefix, sizeof prefix}, add_up, ret, err);
}

static int
put_spent(struct store_txn *t, uint32_t link, const struct store_spent *x, int64_t proven,
    struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	uint8_t key[SPENT_LEN];

	buf_add_u64(&b, x->n);
	buf_add_u64(&b, (uint64_t)proven);
	if (b.failed)
		return err_nomem(err);
	store_keep(t, KEPT_LESS);
	return store_db_put(
	    t, DB_SPENT, spent_key(link, x->kind, x->hour, key), buf_bytes(&b), err);
}

int
store_put_spent(struct store_txn *t, uint32_t link, const struct store_spent *x, struct err *err)
{
	int64_t proven;

	if (store_keep_time(t, err) < 0 || store_proven_s(t, &proven, err) < 0)
		return -1;
	/* What was over when it was written down does not begin again. */
	if (x->hour + DAY_H < hour_of(clock_realtime_s()))
		proven = UNKNOWN;
	return put_spent(t, link, x, proven, err);
}

struct spent_walk {
	store_spent_fn *fn;
	void *arg;
};

static int
give_spent(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct spent_walk *w = arg;
	struct store_spent x;
	int64_t proven;

	if (!decode_spent(key, value, &x, &proven) || x.kind == HELD_NOTHING ||
	    x.kind >= HELD_KIND_MAX)
		return 0;
	return w->fn(&x, w->arg, err);
}

int
store_each_spent(struct store_txn *t, uint32_t link, store_spent_fn *fn, void *arg, struct err *err)
{
	struct spent_walk w = {fn, arg};
	uint8_t key[4];

	store_be32(link, key);
	return store_db_each(t, DB_SPENT, (struct bytes){key, sizeof key}, give_spent, &w, err);
}

int
store_add_spent(struct store_txn *t, uint32_t link, enum held_kind kind, int64_t now, uint64_t n,
    struct err *err)
{
	struct bytes raw, nothing = {NULL, 0};
	uint8_t key[SPENT_LEN];
	struct sum old;
	int64_t proven;
	bool found;

	if (store_keep_time(t, err) < 0 || store_proven_s(t, &proven, err) < 0 ||
	    store_db_get(t, DB_SPENT, spent_key(link, kind, hour_of(now), key), &raw, &found, err) <
		0)
		return -1;
	if (found) {
		struct reader r = reader_of(raw);
		uint64_t before = reader_u64(&r);

		n += r.failed ? 0 : before;
	} else {
		/* A new hour: one for each that is too old. */
		if (sum_up(t, link, kind, now, &old, err) < 0)
			return -1;
		while (old.old != UINT64_MAX)
			if (store_db_delete(t, DB_SPENT, spent_key(link, kind, old.old, key),
				nothing, err) < 0 ||
			    sum_up(t, link, kind, now, &old, err) < 0)
				return -1;
	}
	return put_spent(t, link, &(struct store_spent){kind, hour_of(now), n}, proven, err);
}

int
store_get_spent(struct store_txn *t, uint32_t link, enum held_kind kind, int64_t now, uint64_t *ret,
    struct err *err)
{
	struct sum s;

	if (sum_up(t, link, kind, now, &s, err) < 0)
		return -1;
	*ret = s.n;
	return 0;
}
