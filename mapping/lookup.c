/* SPDX-License-Identifier: MIT */
/* By what records are found. A key is a 64-bit hash; what it leads to is verified. */
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/sid.h"
#include "mapping/store_priv.h"

/* More objects than this never share an address or an alias in a healthy map. */
#define MAX_HITS 64

uint64_t
store_key_hash(enum store_key key, struct bytes v)
{
	return bytes_hash_nocase(v, 0xd6e8feb86659fd93ULL * (uint64_t)key);
}

/* The keys of one record, sorted, each once. */
struct key_list {
	uint64_t *v;
	size_t n, cap;
	bool failed;
};

static void
key_list_done(struct key_list *l)
{
	free(l->v);
}

static inline void
key_list_donep(struct key_list *l)
{
	key_list_done(l);
}

static void
add_key(struct key_list *l, enum store_key key, struct bytes v)
{
	if (!v.len || l->failed)
		return;
	if (list_grow(l->v, l->n, l->cap) < 0) {
		l->failed = true;
		return;
	}
	l->v[l->n++] = store_key_hash(key, v);
}

static void
add_dn(struct key_list *l, const char *dn)
{
	struct err ignored;
	_cleanup_(free) char *norm = *dn ? dn_normalize(dn, &ignored) : NULL;

	if (norm)
		add_key(l, KEY_DN, bytes_of(norm));
}

static int
compare_u64(const void *x, const void *y)
{
	uint64_t p = *(const uint64_t *)x, q = *(const uint64_t *)y;

	return p < q ? -1 : p > q;
}

static void
keys_of(const struct record *r, struct key_list *l)
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

static bool
has_hash(const struct key_list *l, uint64_t h)
{
	return l->n && bsearch(&h, l->v, l->n, sizeof h, compare_u64);
}

int
store_keys_update(struct store_txn *t, const struct record *old, const struct record *now,
    uint64_t id, struct err *err)
{
	_cleanup_(key_list_done) struct key_list gone = {0}, there = {0};
	struct bytes value = {&id, sizeof id};

	if (old)
		keys_of(old, &gone);
	if (now)
		keys_of(now, &there);
	if (gone.failed || there.failed)
		return err_nomem(err);
	for (size_t i = 0; i < gone.n; i++)
		if (!has_hash(&there, gone.v[i]) &&
		    store_db_delete(t, DB_KEY, (struct bytes){&gone.v[i], 8}, value, err) < 0)
			return -1;
	for (size_t i = 0; i < there.n; i++)
		if (!has_hash(&gone, there.v[i]) &&
		    store_db_put(t, DB_KEY, (struct bytes){&there.v[i], 8}, value, err) < 0)
			return -1;
	return 0;
}

/* The record ids kept under HASH. */
static int
find_ids(struct store_txn *t, uint64_t hash, uint64_t ret[MAX_HITS], size_t *ret_n, struct err *err)
{
	MDB_val k = {sizeof hash, &hash}, v;
	int rc = t->keys ? 0 : mdb_cursor_open(t->txn, t->s->db[DB_KEY], &t->keys);

	*ret_n = 0;
	if (rc)
		return store_fail(t->s, rc, "look-up", err);
	for (rc = mdb_cursor_get(t->keys, &k, &v, MDB_SET); rc == 0 && *ret_n < MAX_HITS;
	     rc = mdb_cursor_get(t->keys, &k, &v, MDB_NEXT_DUP))
		memcpy(&ret[(*ret_n)++], v.mv_data, sizeof *ret);
	return rc && rc != MDB_NOTFOUND ? store_fail(t->s, rc, "look-up", err) : 0;
}

/* The record ID if its GUID on SIDE is G and its link is LINK (0: any). *RAW is valid until the
 * next write. */
static int
get_matching(struct store_txn *t, uint64_t id, uint32_t link, enum side side, const struct guid *g,
    struct bytes *raw, bool *ret, struct err *err)
{
	const uint8_t *p;

	if (store_db_get(t, DB_RECORD, (struct bytes){&id, 8}, raw, ret, err) < 0)
		return -1;
	p = raw->data;
	*ret = *ret && raw->len >= RECORD_GUID_OFFSET + (size_t)2 * GUID_LEN &&
	       memcmp(p + RECORD_GUID_OFFSET + (size_t)side * GUID_LEN, g->octets, GUID_LEN) == 0;
	if (*ret && link) {
		struct reader r = reader_of((struct bytes){p + RECORD_GUID_OFFSET - 4, 4});

		*ret = reader_u32(&r) == link;
	}
	return 0;
}

int
store_find_guid(struct store_txn *t, uint32_t link, enum side side, const struct guid *g,
    struct record **ret, struct err *err)
{
	uint64_t ids[MAX_HITS], home = link ? store_home(link, g) : 0;
	struct bytes raw;
	size_t n = 0;
	bool found = false;

	*ret = NULL;
	/* Nearly always one look-up is enough. */
	if (side == SOURCE && link && get_matching(t, home, link, side, g, &raw, &found, err) < 0)
		return -1;
	if (found)
		return record_decode(raw, home, ret, err);
	if (find_ids(t,
		store_key_hash(side == SOURCE ? KEY_SOURCE_GUID : KEY_TARGET_GUID, guid_bytes(g)),
		ids, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (get_matching(t, ids[i], link, side, g, &raw, &found, err) < 0)
			return -1;
		if (found)
			return record_decode(raw, ids[i], ret, err);
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

struct seen {
	uint64_t ids[MAX_HITS];
	size_t n;
	bool stop;
};

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
	return get_matching(t, *ret_id, 1, SOURCE, &g, raw, ret, err);
}

/* Gives the record ID, encoded as RAW, to FN if it really has the value and was not given before.
 */
static int
give(uint64_t id, struct bytes raw, enum store_key key, struct bytes v, struct seen *seen,
    store_record_fn *fn, void *arg, struct err *err)
{
	_cleanup_(record_view_free) const struct record *r = NULL;

	if (record_decode_view(raw, id, &r, err) < 0)
		return -1;
	if (!really_has(r, key, v))
		return 0;
	if (seen->n < MAX_HITS)
		seen->ids[seen->n++] = id;
	seen->stop = fn(r, arg) != 0;
	return 0;
}

static int
visit(struct store_txn *t, enum store_key key, struct bytes v, struct seen *seen,
    store_record_fn *fn, void *arg, struct err *err)
{
	uint64_t ids[MAX_HITS];
	struct bytes raw;
	size_t n = 0;
	bool found = false;

	if (key == KEY_SOURCE_GUID && at_home(t, v, ids, &raw, &found, err) < 0)
		return -1;
	if (found)
		return give(ids[0], raw, key, v, seen, fn, arg, err);
	if (find_ids(t, store_key_hash(key, v), ids, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n && !seen->stop; i++) {
		bool known = false;

		for (size_t j = 0; j < seen->n; j++)
			known |= seen->ids[j] == ids[i];
		if (known)
			continue;
		if (store_db_get(t, DB_RECORD, (struct bytes){&ids[i], 8}, &raw, &found, err) < 0)
			return -1;
		if (found && give(ids[i], raw, key, v, seen, fn, arg, err) < 0)
			return -1;
	}
	return 0;
}

/* Turns the text of a key into what is hashed and calls visit(); a text that cannot be such a key
 * finds nothing. */
static int
visit_text(struct store_txn *t, enum store_key key, const char *value, struct seen *seen,
    store_record_fn *fn, void *arg, struct err *err)
{
	_cleanup_(free) char *norm = NULL;
	uint8_t sid[SID_MAX_LEN];
	struct bytes v = bytes_of(value);
	struct err ignored;
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
		norm = strchr(value, '=') ? dn_normalize(value, &ignored) : NULL;
		if (!norm)
			return 0;
		v = bytes_of(norm);
		break;
	case KEY_ADDRESS:
	case KEY_X500:
	case KEY_ALIAS: break;
	}
	return visit(t, key, v, seen, fn, arg, err);
}

int
store_lookup(struct store_txn *t, enum store_key key, const char *value, store_record_fn *fn,
    void *arg, struct err *err)
{
	struct seen seen = {.n = 0};

	return visit_text(t, key, value, &seen, fn, arg, err);
}

int
store_lookup_guid(struct store_txn *t, enum side side, const struct guid *g, store_record_fn *fn,
    void *arg, struct err *err)
{
	struct seen seen = {.n = 0};

	return visit(t, side == SOURCE ? KEY_SOURCE_GUID : KEY_TARGET_GUID, guid_bytes(g), &seen,
	    fn, arg, err);
}

int
store_lookup_who(
    struct store_txn *t, const char *who, store_record_fn *fn, void *arg, struct err *err)
{
	static const enum store_key order[] = {
	    KEY_SOURCE_GUID, KEY_TARGET_GUID, KEY_SID, KEY_DN, KEY_ADDRESS, KEY_X500, KEY_ALIAS};
	struct seen seen = {.n = 0};

	if (str_starts_nocase(who, "smtp:") || str_starts_nocase(who, "x500:"))
		who += 5;
	/* One sort of identifier decides: an alias that looks like somebody's address is not asked.
	 */
	for (size_t i = 0; i < ARRAY_SIZE(order) && !seen.stop; i++) {
		if (seen.n && order[i] != KEY_TARGET_GUID)
			break;
		if (visit_text(t, order[i], who, &seen, fn, arg, err) < 0)
			return -1;
	}
	return 0;
}
