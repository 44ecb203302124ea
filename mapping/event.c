/* SPDX-License-Identifier: MIT */
/*
 * Events for a hook program. Disk format:
 *
 *   key    link (u32 big-endian), source GUID, number (u64 big-endian): one mailbox's in their
 * order value  format (u8, 1), kind (u8), given up (u8, 0 or 1), at (u64), attempts (u32), since
 * (u64), next (u64), body, error (octets behind their u32 length)
 *
 * Numbers come from the counter "next-event" of `meta`.
 */
#include "mapping/event.h"

#include <string.h>

#include "mapping/store_db.h"

#define FORMAT 1
#define KEY_LEN (LINK_GUID_LEN + 8)

const char *
event_kind_name(enum event_kind k)
{
	static const char *const names[] = {[EVENT_SWITCHED] = "switched",
	    [EVENT_UNDONE] = "undone",
	    [EVENT_MOVED] = "moved",
	    [EVENT_CREATED] = "created",
	    [EVENT_MATCHED] = "matched",
	    [EVENT_LEFT] = "left",
	    [EVENT_REPORTED] = "reported",
	    [EVENT_WAVE] = "wave"};

	_Static_assert(ARRAY_SIZE(names) == EVENT_KIND_MAX, "a name for each");
	return names[k];
}

enum event_kind
event_kind_from_name(const char *name)
{
	int k = EVENT_SWITCHED;

	while (k < EVENT_KIND_MAX && strcmp(event_kind_name((enum event_kind)k), name) != 0)
		k++;
	return (enum event_kind)k;
}

bool
event_is_turn(enum event_kind k)
{
	return k == EVENT_SWITCHED || k == EVENT_UNDONE || k == EVENT_MOVED;
}

void
event_done(struct store_event *e)
{
	free(TAKE(e->dn));
	free(TAKE(e->body));
	free(TAKE(e->error));
}

void
event_encode(const struct store_event *e, struct buf *ret)
{
	buf_add_u8(ret, FORMAT);
	buf_add_u8(ret, (uint8_t)e->kind);
	buf_add_u8(ret, e->given_up);
	buf_add_u64(ret, (uint64_t)e->at);
	buf_add_u32(ret, e->attempts);
	buf_add_u64(ret, (uint64_t)e->since);
	buf_add_u64(ret, (uint64_t)e->next);
	buf_add_bytes(ret, bytes_of(e->dn ? e->dn : ""));
	buf_add_bytes(ret, bytes_of(e->body ? e->body : ""));
	buf_add_bytes(ret, bytes_of(e->error ? e->error : ""));
}

static bool
is_text(struct bytes v)
{
	return !v.len || !memchr(v.data, '\0', v.len);
}

int
event_decode(struct bytes raw, struct store_event *ret, struct err *err)
{
	struct reader r = reader_of(raw);
	uint8_t format = reader_u8(&r), kind = reader_u8(&r), given_up = reader_u8(&r);
	struct bytes dn, body, error;

	ret->kind = kind >= EVENT_SWITCHED && kind < EVENT_KIND_MAX ? (enum event_kind)kind
								    : EVENT_SWITCHED;
	ret->given_up = given_up == 1;
	ret->at = (int64_t)reader_u64(&r);
	ret->attempts = reader_u32(&r);
	ret->since = (int64_t)reader_u64(&r);
	ret->next = (int64_t)reader_u64(&r);
	dn = reader_bytes(&r);
	body = reader_bytes(&r);
	error = reader_bytes(&r);
	ret->damaged = r.failed || reader_left(&r) || format != FORMAT || kind < EVENT_SWITCHED ||
		       kind >= EVENT_KIND_MAX || given_up > 1 || !is_text(dn) || !is_text(body) ||
		       !is_text(error);
	ret->dn = bytes_dup(ret->damaged ? bytes_of("") : dn);
	ret->body = bytes_dup(ret->damaged ? bytes_of("") : body);
	ret->error = bytes_dup(ret->damaged ? bytes_of("") : error);
	return ret->dn && ret->body && ret->error ? 0 : err_nomem(err);
}

static struct bytes
key_of(const struct store_event *e, uint8_t ret[KEY_LEN])
{
	store_link_guid(e->link, &e->source, ret);
	store_be64(e->number, ret + LINK_GUID_LEN);
	return (struct bytes){ret, KEY_LEN};
}

int
store_put_event(struct store_txn *t, const struct store_event *e, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	uint8_t key[KEY_LEN];

	event_encode(e, &b);
	if (b.failed)
		return err_nomem(err);
	if (event_is_turn(e->kind))
		store_keep(t, KEPT_LESS);
	return store_db_put(t, DB_EVENT, key_of(e, key), buf_bytes(&b), err);
}

int
store_add_event(struct store_txn *t, struct store_event *e, struct err *err)
{
	uint64_t last;

	if (store_counter_get(t, "next-event", &last, err) < 0 ||
	    store_counter_set(t, "next-event", last + 1, err) < 0)
		return -1;
	e->number = last + 1;
	if (event_is_turn(e->kind))
		store_keep(t, KEPT_MORE);
	return store_put_event(t, e, err);
}

int
store_take_event(struct store_txn *t, const struct store_event *e, struct err *err)
{
	uint64_t last;

	if (store_counter_get(t, "next-event", &last, err) < 0 ||
	    (last < e->number && store_counter_set(t, "next-event", e->number, err) < 0))
		return -1;
	store_keep(t, KEPT_MORE);
	return store_put_event(t, e, err);
}

int
store_delete_event(struct store_txn *t, const struct store_event *e, struct err *err)
{
	uint8_t key[KEY_LEN];

	store_keep(t, KEPT_LESS);
	return store_db_delete(t, DB_EVENT, key_of(e, key), (struct bytes){NULL, 0}, err);
}

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

struct walk {
	store_event_fn *fn;
	void *arg;
};

static int
give(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	const uint8_t *k = key.data;
	struct store_event e = {0};
	struct walk *w = arg;
	int rc;

	if (key.len != KEY_LEN)
		return 0;
	e.link = be32(k);
	memcpy(e.source.octets, k + 4, GUID_LEN);
	e.number = (uint64_t)be32(k + LINK_GUID_LEN) << 32 | be32(k + LINK_GUID_LEN + 4);
	rc = event_decode(value, &e, err);
	if (rc == 0)
		rc = w->fn(&e, w->arg, err);
	event_done(&e);
	return rc;
}

int
store_each_event(struct store_txn *t, uint32_t link, store_event_fn *fn, void *arg, struct err *err)
{
	struct walk w = {fn, arg};
	uint8_t key[4];

	store_be32(link, key);
	return store_db_each(
	    t, DB_EVENT, (struct bytes){key, link ? sizeof key : 0}, give, &w, err);
}
