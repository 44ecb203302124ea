/* SPDX-License-Identifier: MIT */
/* By what records are found. A key is a 64-bit hash; what it leads to is verified. It is stored,
 * and so without a key of the process (keyed_hash.h): what falls together stands in one sorted
 * list. */
#include <inttypes.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/sid.h"
#include "mapping/damage.h"
#include "mapping/record_view.h"
#include "mapping/store_db.h"
#include "mapping/store_keys.h"

uint64_t
store_key_hash(enum store_key key, struct bytes v)
{
	return bytes_hash_nocase(v, 0xd6e8feb86659fd93ULL * (uint64_t)key);
}

/* Keys, or ids of records; in ascending order once it is complete. */
struct numbers {
	uint64_t *v;
	size_t n, cap;
	bool failed; /* for want of memory */
};

static inline void
numbers_donep(struct numbers *l)
{
	free(l->v);
}

static void
add_number(struct numbers *l, uint64_t v)
{
	if (l->failed || list_grow(l->v, l->n, l->cap) < 0)
		l->failed = true;
	else
		l->v[l->n++] = v;
}

static int
compare_u64(const void *x, const void *y)
{
	uint64_t p = *(const uint64_t *)x, q = *(const uint64_t *)y;

	return p < q ? -1 : p > q;
}

/* Is V among the first N of L? */
static bool
has_number(const struct numbers *l, size_t n, uint64_t v)
{
	return n && bsearch(&v, l->v, n, sizeof v, compare_u64);
}

static void
add_key(struct numbers *l, enum store_key key, struct bytes v)
{
	if (v.len)
		add_number(l, store_key_hash(key, v));
}

static void
add_dn(struct numbers *l, const char *dn)
{
	struct err err = {0};
	_cleanup_(free) char *norm = *dn ? dn_normalize(dn, &err) : NULL;

	if (norm)
		add_key(l, KEY_DN, bytes_of(norm));
	else if (err.src == ERR_SYS)
		l->failed = true;
}

/* The keys of R, sorted, each once. */
static void
keys_of(const struct record *r, struct numbers *l)
{
	size_t kept = 0;

	for (size_t i = 0; i < SIDES; i++) {
		const struct record_side *s = &r->side[i];

		if (!guid_is_zero(&s->guid))
			add_key(l, i == SOURCE ? KEY_SOURCE_GUID : KEY_TARGET_GUID,
			    guid_bytes(&s->guid));
		add_dn(l, s->dn);
		add_key(l, KEY_SID, s->sid);
		for (size_t j = 0; j < s->n_legacy_dns; j++)
			add_key(l, KEY_X500, bytes_of(s->legacy_dns[j]));
	}
	for (size_t i = 0; i < r->n_addresses; i++)
		add_key(l, KEY_ADDRESS, bytes_of(r->addresses[i]));
	add_key(l, KEY_ALIAS, bytes_of(r->alias));
	if (l->failed || !l->n)
		return;
	qsort(l->v, l->n, sizeof *l->v, compare_u64);
	for (size_t i = 0; i < l->n; i++)
		if (!kept || l->v[kept - 1] != l->v[i])
			l->v[kept++] = l->v[i];
	l->n = kept;
}

int
store_keys_update(struct store_txn *t, const struct record *old, const struct record *now,
    uint64_t id, struct err *err)
{
	_cleanup_(numbers_done) struct numbers gone = {0}, there = {0};
	struct bytes value = {&id, sizeof id};

	if (old)
		keys_of(old, &gone);
	if (now)
		keys_of(now, &there);
	if (gone.failed || there.failed)
		return err_nomem(err);
	for (size_t i = 0; i < gone.n; i++)
		if (!has_number(&there, there.n, gone.v[i]) &&
		    store_db_delete(t, DB_KEY, (struct bytes){&gone.v[i], 8}, value, err) < 0)
			return -1;
	for (size_t i = 0; i < there.n; i++)
		if (!has_number(&gone, gone.n, there.v[i]) &&
		    store_db_put(t, DB_KEY, (struct bytes){&there.v[i], 8}, value, err) < 0)
			return -1;
	return 0;
}

/* All record ids kept under HASH. They are collected before any of them is looked at: the cursor is
 * one for the transaction, and the callback may look others up, or write. */
static int
find_ids(struct store_txn *t, uint64_t hash, struct numbers *ret, struct err *err)
{
	MDB_val k = {sizeof hash, &hash}, v;
	int rc = t->keys ? 0 : mdb_cursor_open(t->txn, t->s->db[DB_KEY], &t->keys);

	if (rc)
		return store_fail(t->s, rc, "look-up", err);
	for (rc = mdb_cursor_get(t->keys, &k, &v, MDB_SET); rc == 0;
	     rc = mdb_cursor_get(t->keys, &k, &v, MDB_NEXT_DUP)) {
		uint64_t id = 0;

		if (v.mv_size == sizeof id)
			memcpy(&id, v.mv_data, sizeof id);
		add_number(ret, id);
	}
	if (ret->failed)
		return err_nomem(err);
	return rc != MDB_NOTFOUND ? store_fail(t->s, rc, "look-up", err) : 0;
}

int
store_keys_check(struct store_txn *t, const struct record *r, size_t *ret_n, size_t *ret_missing,
    struct err *err)
{
	_cleanup_(numbers_done) struct numbers keys = {0};

	keys_of(r, &keys);
	if (keys.failed)
		return err_nomem(err);
	*ret_n = keys.n;
	*ret_missing = 0;
	for (size_t i = 0; i < keys.n; i++) {
		_cleanup_(numbers_done) struct numbers ids = {0};

		if (find_ids(t, keys.v[i], &ids, err) < 0)
			return -1;
		*ret_missing += !has_number(&ids, ids.n, r->id);
	}
	return 0;
}

/* The record ID, encoded, which a key leads to. *FOUND false in a map of format 1 alone, whose keys
 * may be another galsync's. */
static int
get_led_to(struct store_txn *t, uint64_t id, struct bytes *raw, bool *found, struct err *err)
{
	if (store_db_get(t, DB_RECORD, (struct bytes){&id, 8}, raw, found, err) < 0)
		return -1;
	return *found || !t->s->sealed
		   ? 0
		   : store_damaged(t->s->dir, err,
			 "database 'key' leads to record %" PRIu64 ", which is not there", id);
}

/* The object with this GUID on this side of LINK (0: of any). */
struct wanted {
	uint32_t link;
	enum side side;
	const struct guid *guid;
};

static bool
matches(struct bytes raw, const struct wanted *w)
{
	const uint8_t *p = raw.data;
	struct reader link;

	if (raw.len < RECORD_GUID_OFFSET + (size_t)2 * GUID_LEN ||
	    memcmp(p + RECORD_GUID_OFFSET + (size_t)w->side * GUID_LEN, w->guid->octets,
		GUID_LEN) != 0)
		return false;
	link = reader_of((struct bytes){p + RECORD_GUID_OFFSET - 4, 4});
	return !w->link || reader_u32(&link) == w->link;
}

/* The record ID if its GUID on SIDE is G and its link is LINK (0: any). *RAW is valid until the
 * next write. */
static int
get_matching(struct store_txn *t, uint64_t id, const struct wanted *w, struct bytes *raw, bool *ret,
    struct err *err)
{
	if (store_db_get(t, DB_RECORD, (struct bytes){&id, 8}, raw, ret, err) < 0)
		return -1;
	*ret = *ret && matches(*raw, w);
	return 0;
}

int
store_find_guid(struct store_txn *t, uint32_t link, enum side side, const struct guid *g,
    struct record **ret, struct err *err)
{
	enum store_key key = side == SOURCE ? KEY_SOURCE_GUID : KEY_TARGET_GUID;
	const struct wanted w = {link, side, g};
	_cleanup_(numbers_done) struct numbers ids = {0};
	uint64_t home = link ? store_home(link, g) : 0;
	struct bytes raw;
	bool found = false;

	*ret = NULL;
	/* Nearly always one look-up is enough. */
	if (side == SOURCE && link && get_matching(t, home, &w, &raw, &found, err) < 0)
		return -1;
	if (found)
		return record_decode(raw, home, ret, err);
	if (find_ids(t, store_key_hash(key, guid_bytes(g)), &ids, err) < 0)
		return -1;
	for (size_t i = 0; i < ids.n; i++) {
		if (get_led_to(t, ids.v[i], &raw, &found, err) < 0)
			return -1;
		if (found && matches(raw, &w))
			return record_decode(raw, ids.v[i], ret, err);
	}
	return 0;
}

static bool
dn_is(const struct record_side *s, const char *norm)
{
	return *s->dn && dn_equal(s->dn, norm);
}

static bool
has_string(char *const *v, size_t n, const char *s)
{
	for (size_t i = 0; i < n; i++)
		if (str_equal_nocase(v[i], s))
			return true;
	return false;
}

/* VALUE as it is hashed: octets of GUIDs and SIDs, text else. */
static bool
really_has(const struct record *r, enum store_key key, struct bytes v)
{
	switch (key) {
	case KEY_SOURCE_GUID: return bytes_equal(guid_bytes(&r->side[SOURCE].guid), v);
	case KEY_TARGET_GUID: return bytes_equal(guid_bytes(&r->side[TARGET].guid), v);
	case KEY_DN: return dn_is(&r->side[SOURCE], v.data) || dn_is(&r->side[TARGET], v.data);
	case KEY_SID:
		return bytes_equal(r->side[SOURCE].sid, v) || bytes_equal(r->side[TARGET].sid, v);
	case KEY_ADDRESS: return has_string(r->addresses, r->n_addresses, v.data);
	case KEY_X500:
		return has_string(
			   r->side[SOURCE].legacy_dns, r->side[SOURCE].n_legacy_dns, v.data) ||
		       has_string(r->side[TARGET].legacy_dns, r->side[TARGET].n_legacy_dns, v.data);
	case KEY_ALIAS: return str_equal_nocase(r->alias, v.data);
	}
	return false;
}

/* A look-up under one key after the other. */
struct search {
	struct store_txn *t;
	store_record_fn *fn;
	void *arg;
	bool once; /* there is one key: nothing can be given again */
	struct numbers given;
};

static inline void
search_donep(struct search *s)
{
	numbers_donep(&s->given);
}

/* In a map of one link, a source GUID has one record and it is at home. *RAW as get_matching(). */
static int
at_home(struct store_txn *t, struct bytes v, uint64_t *ret_id, struct bytes *raw, bool *ret,
    struct err *err)
{
	struct guid g;

	*ret = false;
	if (!t->links_known) {
		_cleanup_(free) char *second = NULL;

		if (store_link_name(t, 2, &second, err) < 0)
			return -1;
		t->several_links = second != NULL;
		t->links_known = true;
	}
	if (t->several_links || !guid_from_bytes(v, &g))
		return 0;
	*ret_id = store_home(1, &g);
	return get_matching(t, *ret_id, &(struct wanted){1, SOURCE, &g}, raw, ret, err);
}

/* Gives the record ID, encoded as RAW, to FN if it really has the value; 1: FN wants no more. */
static int
give(struct search *s, uint64_t id, struct bytes raw, enum store_key key, struct bytes v,
    struct err *err)
{
	_cleanup_(record_view_free) const struct record *r = NULL;

	if (record_decode_view(raw, id, &r, err) < 0)
		return -1;
	if (!really_has(r, key, v))
		return 0;
	if (!s->once)
		add_number(&s->given, id);
	if (s->given.failed)
		return err_nomem(err);
	return s->fn(r, s->arg, err);
}

static int
give_all(struct search *s, const struct numbers *ids, enum store_key key, struct bytes v,
    struct err *err)
{
	size_t before = s->given.n; /* by another key */
	int rc = 0;

	for (size_t i = 0; i < ids->n && rc == 0; i++) {
		uint64_t id = ids->v[i];
		struct bytes raw;
		bool found;

		if (has_number(&s->given, before, id))
			continue;
		if (get_led_to(s->t, id, &raw, &found, err) < 0)
			return -1;
		if (found)
			rc = give(s, id, raw, key, v, err);
	}
	return rc;
}

static int
visit(struct search *s, enum store_key key, struct bytes v, struct err *err)
{
	_cleanup_(numbers_done) struct numbers ids = {0};
	struct bytes raw;
	bool found = false;
	uint64_t home = 0;

	if (key == KEY_SOURCE_GUID && at_home(s->t, v, &home, &raw, &found, err) < 0)
		return -1;
	if (found)
		return give(s, home, raw, key, v, err);
	if (find_ids(s->t, store_key_hash(key, v), &ids, err) < 0)
		return -1;
	return give_all(s, &ids, key, v, err);
}

/* Turns the text of a key into what is hashed and calls visit(); a text that cannot be such a key
 * finds nothing. */
static int
visit_text(struct search *s, enum store_key key, const char *value, struct err *err)
{
	_cleanup_(free) char *norm = NULL;
	uint8_t sid[SID_MAX_LEN];
	struct bytes v = bytes_of(value);
	struct err e = {0};
	struct guid g;

	switch (key) {
	case KEY_SOURCE_GUID:
	case KEY_TARGET_GUID:
		if (!guid_parse(value, &g))
			return 0;
		v = guid_bytes(&g);
		break;
	case KEY_SID:
		if (!sid_parse(value, sid, &v.len))
			return 0;
		v.data = sid;
		break;
	case KEY_DN:
		norm = strchr(value, '=') ? dn_normalize(value, &e) : NULL;
		if (!norm)
			return e.src == ERR_SYS ? err_nomem(err) : 0;
		v = bytes_of(norm);
		break;
	case KEY_ADDRESS:
	case KEY_X500:
	case KEY_ALIAS: break;
	}
	return visit(s, key, v, err);
}

int
store_lookup(struct store_txn *t, enum store_key key, const char *value, store_record_fn *fn,
    void *arg, struct err *err)
{
	struct search s = {.t = t, .fn = fn, .arg = arg, .once = true};

	return visit_text(&s, key, value, err) < 0 ? -1 : 0;
}

int
store_lookup_guid(struct store_txn *t, enum side side, const struct guid *g, store_record_fn *fn,
    void *arg, struct err *err)
{
	struct search s = {.t = t, .fn = fn, .arg = arg, .once = true};
	enum store_key key = side == SOURCE ? KEY_SOURCE_GUID : KEY_TARGET_GUID;

	return visit(&s, key, guid_bytes(g), err) < 0 ? -1 : 0;
}

int
store_lookup_who(
    struct store_txn *t, const char *who, store_record_fn *fn, void *arg, struct err *err)
{
	static const enum store_key order[] = {
	    KEY_SOURCE_GUID, KEY_TARGET_GUID, KEY_SID, KEY_DN, KEY_ADDRESS, KEY_X500, KEY_ALIAS};
	_cleanup_(search_done) struct search s = {.t = t, .fn = fn, .arg = arg};
	int rc = 0;

	if (str_starts_nocase(who, "smtp:") || str_starts_nocase(who, "x500:"))
		who += 5;
	/* One sort of identifier decides: an alias that looks like another's address is not asked.
	 */
	for (size_t i = 0; i < ARRAY_SIZE(order) && rc == 0; i++) {
		if (s.given.n && order[i] != KEY_TARGET_GUID)
			break;
		rc = visit_text(&s, order[i], who, err);
	}
	return rc < 0 ? -1 : 0;
}
