/* SPDX-License-Identifier: MIT */
/*
 * Conflicts: objects that wait for a decision of the operator. A value is: reason, since, DN, what,
 * the candidates' DNs and behind them their GUIDs, which an older map lacks. `involved` has the
 * pairs of candidate and source, so that a change of the one leads to the other.
 *
 * The place in the round through all conflicts is kept with the cursors, in the place of a third
 * side.
 */
#include <string.h>

#include "dsa/base/str.h"
#include "mapping/store_db.h"

static const char *const reason_names[] = {
    [CONFLICT_AMBIGUOUS] = "ambiguous",
    [CONFLICT_TAKEN] = "taken",
    [CONFLICT_KIND] = "kind",
    [CONFLICT_ADDRESS] = "address",
    [CONFLICT_NAME] = "name",
    [CONFLICT_STAMP] = "stamp",
    [CONFLICT_ADOPT] = "adopt",
    [CONFLICT_REFUSED] = "refused",
    [CONFLICT_MATCH] = "match",
    [CONFLICT_FOREIGN] = "foreign-address",
    [CONFLICT_UNDONE] = "undone",
};
_Static_assert(ARRAY_SIZE(reason_names) == CONFLICT_REASON_MAX, "a name for each reason");

const char *
conflict_reason_name(enum conflict_reason r)
{
	return reason_names[r];
}

const char *
conflict_reason_help(enum conflict_reason r)
{
	switch (r) {
	case CONFLICT_STAMP:
		return "that value is not galsync's and stays: clear it, or choose another "
		       "stamp_attribute";
	case CONFLICT_ADOPT:
		return "another tool paired it: let galsyncctl adopt take its pair over, or clear "
		       "the tool's key on the source object";
	case CONFLICT_REFUSED:
		return "take away what it was found by, or name another counterpart in a file of "
		       "pairs";
	case CONFLICT_MATCH:
		return "it is a first match with a mailbox or a security group: let galsyncctl "
		       "approve or reject it";
	case CONFLICT_FOREIGN:
		return "it belongs to the other organization: take it away, or set "
		       "foreign_addresses";
	case CONFLICT_UNDONE: return "an operator took it back: let galsyncctl approve it";
	case CONFLICT_AMBIGUOUS:
	case CONFLICT_TAKEN:
	case CONFLICT_KIND:
	case CONFLICT_ADDRESS:
	case CONFLICT_NAME:
	case CONFLICT_REASON_MAX: break;
	}
	return NULL;
}

void
conflict_done(struct conflict *c)
{
	for (size_t i = 0; i < c->n_candidates; i++)
		free(c->candidates[i]);
	free(c->candidates);
	free(c->candidate_guids);
	free(c->source_dn);
	free(c->what);
	*c = (struct conflict){0};
}

void
conflict_encode(const struct conflict *c, struct buf *ret)
{
	buf_add_u8(ret, (uint8_t)c->reason);
	buf_add_u64(ret, (uint64_t)c->since);
	buf_add_bytes(ret, bytes_of(c->source_dn));
	buf_add_bytes(ret, bytes_of(c->what));
	buf_add_u32(ret, (uint32_t)c->n_candidates);
	for (size_t i = 0; i < c->n_candidates; i++)
		buf_add_bytes(ret, bytes_of(c->candidates[i]));
	for (size_t i = 0; i < c->n_candidates; i++) {
		static const struct guid unknown;

		buf_add(ret, c->candidate_guids ? &c->candidate_guids[i] : &unknown, GUID_LEN);
	}
}

/* The candidates' part of a value. False without memory. */
static bool
decode_candidates(struct reader *r, uint32_t n, struct conflict *c)
{
	c->candidates = calloc(n + 1U, sizeof *c->candidates);
	c->candidate_guids = calloc(n + 1U, sizeof *c->candidate_guids);
	if (!c->candidates || !c->candidate_guids)
		return false;
	for (; c->n_candidates < n; c->n_candidates++)
		if (!(c->candidates[c->n_candidates] = bytes_dup(reader_bytes(r))))
			return false;
	for (size_t i = 0, known = reader_left(r) ? n : 0; i < known; i++) {
		const void *guid = reader_raw(r, GUID_LEN);

		if (guid)
			memcpy(c->candidate_guids[i].octets, guid, GUID_LEN);
	}
	return true;
}

int
conflict_decode(struct bytes raw, const struct guid *source, struct conflict *ret, struct err *err)
{
	_cleanup_(conflict_done) struct conflict c = {.source = *source};
	struct reader r = reader_of(raw);
	uint8_t reason = reader_u8(&r);
	uint32_t n;

	c.reason = (enum conflict_reason)reason;
	c.since = (int64_t)reader_u64(&r);
	c.source_dn = bytes_dup(reader_bytes(&r));
	c.what = bytes_dup(reader_bytes(&r));
	n = reader_u32(&r);
	if (r.failed || reason >= CONFLICT_REASON_MAX || n > reader_left(&r) / 4)
		return err_set(err, ERR_DATA, ERR_LINK, ERR_NEVER, 0, "map: damaged conflict");
	if (!c.source_dn || !c.what || !decode_candidates(&r, n, &c))
		return err_nomem(err);
	if (r.failed || reader_left(&r))
		return err_set(err, ERR_DATA, ERR_LINK, ERR_NEVER, 0, "map: damaged conflict");
	*ret = c;
	c = (struct conflict){0};
	return 0;
}

int
store_find_conflict(struct store_txn *t, uint32_t link, const struct guid *source,
    struct conflict *ret, bool *found, struct err *err)
{
	uint8_t key[LINK_GUID_LEN];
	struct bytes raw;

	*ret = (struct conflict){.source = *source};
	store_link_guid(link, source, key);
	if (store_db_get(t, DB_CONFLICT, (struct bytes){key, sizeof key}, &raw, found, err) < 0)
		return -1;
	return *found ? conflict_decode(raw, source, ret, err) : 0;
}

/* Adds C's pairs to `involved`, or takes them out. */
static int
keep_involved(
    struct store_txn *t, uint32_t link, const struct conflict *c, bool add, struct err *err)
{
	for (size_t i = 0; c->candidate_guids && i < c->n_candidates; i++) {
		uint8_t key[LINK_GUID_LEN];
		struct bytes k = {key, sizeof key}, v = guid_bytes(&c->source);

		if (guid_is_zero(&c->candidate_guids[i]))
			continue;
		store_link_guid(link, &c->candidate_guids[i], key);
		if ((add ? store_db_put(t, DB_INVOLVED, k, v, err)
			 : store_db_delete(t, DB_INVOLVED, k, v, err)) < 0)
			return -1;
	}
	return 0;
}

int
store_put_conflict(struct store_txn *t, uint32_t link, const struct conflict *c, struct err *err)
{
	_cleanup_(conflict_done) struct conflict old = {0};
	_cleanup_(buf_done) struct buf b = {0};
	struct conflict now = *c;
	uint8_t key[LINK_GUID_LEN];
	struct bytes k = {key, sizeof key}, raw;
	bool found;

	store_link_guid(link, &c->source, key);
	if (store_find_conflict(t, link, &c->source, &old, &found, err) < 0)
		return -1;
	if (found && old.reason == c->reason && strcmp(old.what, c->what) == 0)
		now.since = old.since;
	conflict_encode(&now, &b);
	if (b.failed)
		return err_nomem(err);
	if (store_db_get(t, DB_CONFLICT, k, &raw, &found, err) < 0)
		return -1;
	if (found && bytes_equal(raw, buf_bytes(&b)))
		return 0;
	if (keep_involved(t, link, &old, false, err) < 0 ||
	    keep_involved(t, link, &now, true, err) < 0 ||
	    store_db_put(t, DB_CONFLICT, k, buf_bytes(&b), err) < 0)
		return -1;
	return store_add_count(t, link, "conflicts", !found, err);
}

int
store_clear_conflict(struct store_txn *t, uint32_t link, const struct guid *source, struct err *err)
{
	_cleanup_(conflict_done) struct conflict old = {0};
	uint8_t key[LINK_GUID_LEN];
	bool found;

	if (store_find_conflict(t, link, source, &old, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	store_link_guid(link, source, key);
	if (keep_involved(t, link, &old, false, err) < 0 ||
	    store_db_delete(
		t, DB_CONFLICT, (struct bytes){key, sizeof key}, (struct bytes){NULL, 0}, err) < 0)
		return -1;
	return store_add_count(t, link, "conflicts", -1, err);
}

struct conflict_walk {
	store_conflict_fn *fn;
	void *arg;
};

static int
give_conflict(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	_cleanup_(conflict_done) struct conflict c = {0};
	struct conflict_walk *w = arg;
	const uint8_t *p = key.data;
	struct guid g;

	if (key.len != LINK_GUID_LEN)
		return 0;
	memcpy(g.octets, p + 4, GUID_LEN);
	if (conflict_decode(value, &g, &c, err) < 0)
		return -1;
	return w->fn((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3], &c,
	    w->arg, err);
}

int
store_each_conflict(
    struct store_txn *t, uint32_t link, store_conflict_fn *fn, void *arg, struct err *err)
{
	struct conflict_walk w = {fn, arg};
	uint8_t key[4];

	store_be32(link, key);
	return store_db_each(
	    t, DB_CONFLICT, (struct bytes){key, link ? sizeof key : 0}, give_conflict, &w, err);
}

/* ---- the conflicts that a change concerns, and the round through all of them ---- */

struct sources {
	store_source_fn *fn;
	void *arg;
	const uint8_t *from, *to; /* keys: not up to FROM, not behind TO; or NULL */
	bool stopped;
};

static int
give_involved(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct sources *w = arg;
	struct guid g;

	(void)key;
	return guid_from_bytes(value, &g) ? w->fn(&g, w->arg, err) : 0;
}

int
store_each_involved(struct store_txn *t, uint32_t link, const struct guid *involved,
    store_source_fn *fn, void *arg, struct err *err)
{
	struct sources w = {.fn = fn, .arg = arg};
	uint8_t key[LINK_GUID_LEN];

	store_link_guid(link, involved, key);
	return store_db_each(
	    t, DB_INVOLVED, (struct bytes){key, sizeof key}, give_involved, &w, err);
}

static int
give_source(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct sources *w = arg;
	struct guid g;
	int rc;

	(void)value;
	if (key.len != LINK_GUID_LEN || (w->from && memcmp(key.data, w->from, key.len) <= 0))
		return 0;
	if (w->to && memcmp(key.data, w->to, key.len) > 0)
		return 1;
	memcpy(g.octets, (const uint8_t *)key.data + 4, GUID_LEN);
	rc = w->fn(&g, w->arg, err);
	w->stopped = rc != 0;
	return rc;
}

int
store_each_conflict_after(struct store_txn *t, uint32_t link, const struct guid *after,
    store_source_fn *fn, void *arg, struct err *err)
{
	uint8_t key[LINK_GUID_LEN];
	struct bytes place = {key, sizeof key}, prefix = {key, 4};
	struct sources rest = {.fn = fn, .arg = arg, .from = key};
	struct sources first = {.fn = fn, .arg = arg, .to = key};

	store_link_guid(link, after, key);
	if (store_db_each_from(t, DB_CONFLICT, prefix, place, give_source, &rest, err) < 0)
		return -1;
	return rest.stopped ? 0 : store_db_each(t, DB_CONFLICT, prefix, give_source, &first, err);
}

#define PLACE 2 /* where a cursor has its side */

static void
place_key(uint32_t link, uint8_t ret[5])
{
	store_be32(link, ret);
	ret[4] = PLACE;
}
_Static_assert(PLACE >= SIDES, "no cursor has it");

int
store_put_conflict_place(
    struct store_txn *t, uint32_t link, const struct guid *place, struct err *err)
{
	uint8_t key[5];

	place_key(link, key);
	return store_db_put(t, DB_CURSOR, (struct bytes){key, sizeof key}, guid_bytes(place), err);
}

int
store_get_conflict_place(struct store_txn *t, uint32_t link, struct guid *ret, struct err *err)
{
	struct guid none = {{0}};
	uint8_t key[5];
	struct bytes v;
	bool found;

	place_key(link, key);
	if (store_db_get(t, DB_CURSOR, (struct bytes){key, sizeof key}, &v, &found, err) < 0)
		return -1;
	if (!found || !guid_from_bytes(v, ret))
		*ret = none;
	return 0;
}
