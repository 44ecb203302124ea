/* SPDX-License-Identifier: MIT */
/*
 * Reports of clients. Disk format:
 *
 *   key    link (u32 big-endian), source GUID, machine (octets, maybe none)
 *   value  format (u8, 1), result (u8), origin (u8), settled (u8, 0 or 1), at (u64), stated (u64),
 *          about (u64), text (octets behind their u32 length)
 */
#include "mapping/client_report.h"

#include <string.h>

#include "dsa/base/str.h"
#include "mapping/store_db.h"

#define FORMAT 1
#define KEY_MAX (LINK_GUID_LEN + CLIENT_MACHINE_MAX)

const char *
client_result_name(enum client_result r)
{
	static const char *const names[] = {[CLIENT_OK] = "ok", [CLIENT_FAILED] = "failed"};

	_Static_assert(ARRAY_SIZE(names) == CLIENT_RESULT_MAX, "a name for each");
	return names[r];
}

enum client_result
client_result_from_name(const char *name)
{
	int r = CLIENT_OK;

	while (
	    r < CLIENT_RESULT_MAX && strcmp(client_result_name((enum client_result)r), name) != 0)
		r++;
	return (enum client_result)r;
}

const char *
client_origin_name(enum client_origin o)
{
	static const char *const names[] = {
	    [CLIENT_BY_SOCKET] = "socket", [CLIENT_BY_ATTRIBUTE] = "attribute"};

	_Static_assert(ARRAY_SIZE(names) == CLIENT_ORIGIN_MAX, "a name for each");
	return names[o];
}

void
client_report_done(struct client_report *r)
{
	free(TAKE(r->machine));
	free(TAKE(r->text));
}

bool
client_machine_is_valid(struct bytes s)
{
	const uint8_t *p = s.data;

	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = ascii_lower(p[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
			c == '.'))
			return false;
	}
	return s.len <= CLIENT_MACHINE_MAX;
}

bool
client_text_is_valid(struct bytes s)
{
	const uint8_t *p = s.data;

	for (size_t i = 0; i < s.len; i++)
		if (p[i] < 0x20 || p[i] == 0x7f)
			return false;
	return s.len <= CLIENT_TEXT_MAX && utf8_valid(s);
}

/* ---- encoding ---- */

void
client_report_encode(const struct client_report *r, struct buf *ret)
{
	buf_add_u8(ret, FORMAT);
	buf_add_u8(ret, (uint8_t)r->result);
	buf_add_u8(ret, (uint8_t)r->origin);
	buf_add_u8(ret, r->settled);
	buf_add_u64(ret, (uint64_t)r->at);
	buf_add_u64(ret, (uint64_t)r->stated);
	buf_add_u64(ret, (uint64_t)r->about);
	buf_add_bytes(ret, bytes_of(r->text ? r->text : ""));
}

static int
damaged(struct err *err)
{
	return err_set(err, ERR_DATA, ERR_LINK, ERR_NEVER, 0, "map: damaged report of a client");
}

int
client_report_decode(struct bytes raw, struct client_report *ret, struct err *err)
{
	struct reader r = reader_of(raw);
	uint8_t format = reader_u8(&r), result = reader_u8(&r), origin = reader_u8(&r);
	uint8_t settled = reader_u8(&r);
	struct bytes text;

	ret->at = (int64_t)reader_u64(&r);
	ret->stated = (int64_t)reader_u64(&r);
	ret->about = (int64_t)reader_u64(&r);
	text = reader_bytes(&r);
	if (r.failed || reader_left(&r) || format != FORMAT || result < CLIENT_OK ||
	    result >= CLIENT_RESULT_MAX || origin < CLIENT_BY_SOCKET ||
	    origin >= CLIENT_ORIGIN_MAX || settled > 1 || !client_text_is_valid(text))
		return damaged(err);
	ret->result = (enum client_result)result;
	ret->origin = (enum client_origin)origin;
	ret->settled = settled;
	ret->text = bytes_dup(text);
	return ret->text ? 0 : err_nomem(err);
}

static struct bytes
key_of(uint32_t link, const struct client_report *r, uint8_t ret[KEY_MAX])
{
	struct bytes machine = bytes_of(r->machine ? r->machine : "");
	size_t len = machine.len > CLIENT_MACHINE_MAX ? CLIENT_MACHINE_MAX : machine.len;

	store_link_guid(link, &r->source, ret);
	if (len)
		memcpy(ret + LINK_GUID_LEN, machine.data, len);
	return (struct bytes){ret, LINK_GUID_LEN + len};
}

/* ---- the map ---- */

static int
delete_one(struct store_txn *t, uint32_t link, const struct client_report *r, struct err *err)
{
	uint8_t key[KEY_MAX];

	return store_db_delete(t, DB_CLIENT, key_of(link, r, key), (struct bytes){NULL, 0}, err);
}

static int
delete_oldest(struct store_txn *t, uint32_t link, const struct client_reports *all, struct err *err)
{
	size_t oldest = 0;

	for (size_t i = 1; i < all->n; i++)
		if (all->v[i].at < all->v[oldest].at)
			oldest = i;
	return delete_one(t, link, &all->v[oldest], err);
}

static bool
has_machine(const struct client_reports *all, const char *machine)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->v[i].machine, machine ? machine : "") == 0)
			return true;
	return false;
}

int
store_put_client(struct store_txn *t, uint32_t link, const struct client_report *r, struct err *err)
{
	_cleanup_(client_reports_done) struct client_reports all = {.n = 0};
	_cleanup_(buf_done) struct buf b = {0};
	uint8_t key[KEY_MAX];

	if (store_get_clients(t, link, &r->source, &all, err) < 0 ||
	    (all.n == CLIENT_MACHINES_MAX && !has_machine(&all, r->machine) &&
		delete_oldest(t, link, &all, err) < 0))
		return -1;
	client_report_encode(r, &b);
	if (b.failed)
		return err_nomem(err);
	store_keep(t, KEPT_MORE);
	return store_db_put(t, DB_CLIENT, key_of(link, r, key), buf_bytes(&b), err);
}

struct walk {
	store_client_fn *fn;
	void *arg;
};

static int
give(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	const uint8_t *k = key.data;
	_cleanup_(client_report_done) struct client_report r = {.at = 0};
	struct walk *w = arg;
	uint32_t link;

	if (key.len < LINK_GUID_LEN || key.len > KEY_MAX)
		return damaged(err);
	link = (uint32_t)k[0] << 24 | (uint32_t)k[1] << 16 | (uint32_t)k[2] << 8 | k[3];
	memcpy(r.source.octets, k + 4, GUID_LEN);
	r.machine = bytes_dup((struct bytes){k + LINK_GUID_LEN, key.len - LINK_GUID_LEN});
	if (!r.machine)
		return err_nomem(err);
	if (!client_machine_is_valid(bytes_of(r.machine)))
		return damaged(err);
	return client_report_decode(value, &r, err) < 0 ? -1 : w->fn(link, &r, w->arg, err);
}

int
store_each_client(struct store_txn *t, uint32_t link, const struct guid *source,
    store_client_fn *fn, void *arg, struct err *err)
{
	struct walk w = {fn, arg};
	uint8_t key[LINK_GUID_LEN];

	if (source)
		store_link_guid(link, source, key);
	else
		store_be32(link, key);
	return store_db_each(t, DB_CLIENT,
	    (struct bytes){key, source ? sizeof key
				: link ? 4
				       : 0},
	    give, &w, err);
}

void
client_reports_done(struct client_reports *r)
{
	for (size_t i = 0; i < r->n; i++)
		client_report_done(&r->v[i]);
	r->n = 0;
}

static int
take_report(uint32_t link, struct client_report *r, void *arg, struct err *err)
{
	struct client_reports *all = arg;

	(void)link;
	(void)err;
	all->v[all->n] = *r;
	r->machine = r->text = NULL;
	return ++all->n == CLIENT_MACHINES_MAX;
}

int
store_get_clients(struct store_txn *t, uint32_t link, const struct guid *source,
    struct client_reports *ret, struct err *err)
{
	ret->n = 0;
	return store_each_client(t, link, source, take_report, ret, err);
}

int
store_clear_clients(struct store_txn *t, uint32_t link, const struct guid *source, struct err *err)
{
	_cleanup_(client_reports_done) struct client_reports all = {.n = 0};

	if (store_get_clients(t, link, source, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.n; i++)
		if (delete_one(t, link, &all.v[i], err) < 0)
			return -1;
	if (all.n)
		store_keep(t, KEPT_LESS);
	return 0;
}
