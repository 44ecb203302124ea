/* SPDX-License-Identifier: MIT */
/* What the map knows of a link as a whole: its number, its last summary, where its deltas start;
 * and of a forest: its schema. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "mapping/store_db.h"

int
store_link_name(struct store_txn *t, uint32_t id, char **ret, struct err *err)
{
	char key[32];
	struct bytes v;
	bool found;

	*ret = NULL;
	(void)snprintf(key, sizeof key, "link/%u", id);
	if (store_db_get(t, DB_META, bytes_of(key), &v, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	*ret = bytes_dup(v);
	return *ret ? 0 : err_nomem(err);
}

int
store_link_id(struct store_txn *t, const char *name, uint32_t *ret, struct err *err)
{
	char key[32];

	*ret = 0;
	for (uint32_t id = 1;; id++) {
		_cleanup_(free) char *known = NULL;

		if (store_link_name(t, id, &known, err) < 0)
			return -1;
		if (!known && t->mode == STORE_READ)
			return 0;
		if (!known) {
			(void)snprintf(key, sizeof key, "link/%u", id);
			if (store_db_put(t, DB_META, bytes_of(key), bytes_of(name), err) < 0)
				return -1;
			t->links_known = false;
			store_keep(t, KEPT_MORE);
		}
		if (!known || strcmp(known, name) == 0) {
			*ret = id;
			return 0;
		}
	}
}

bool
store_is_return(const char *name, size_t *ret_len)
{
	static const size_t n = sizeof STORE_RETURN_SUFFIX - 1;
	size_t len = strlen(name);
	bool yes = len > n && strcmp(name + len - n, STORE_RETURN_SUFFIX) == 0;

	*ret_len = yes ? len - n : len;
	return yes;
}

/* Without giving it out. */
static int
find_number(struct store_txn *t, const char *name, uint32_t *ret, struct err *err)
{
	*ret = 0;
	for (uint32_t id = 1; *ret == 0; id++) {
		_cleanup_(free) char *known = NULL;

		if (store_link_name(t, id, &known, err) < 0)
			return -1;
		if (!known)
			return 0;
		if (strcmp(known, name) == 0)
			*ret = id;
	}
	return 0;
}

int
store_flow_ids(struct store_txn *t, const char *name, uint32_t ret[SIDES], struct err *err)
{
	_cleanup_(free) char *back = str_printf("%s" STORE_RETURN_SUFFIX, name);

	if (!back)
		return err_nomem(err);
	return find_number(t, name, &ret[SOURCE], err) < 0
		   ? -1
		   : find_number(t, back, &ret[TARGET], err);
}

int
store_put_summary(struct store_txn *t, uint32_t link, const char *json, struct err *err)
{
	char key[32];

	(void)snprintf(key, sizeof key, "summary/%u", link);
	return store_db_put(t, DB_META, bytes_of(key), bytes_of(json), err);
}

int
store_clear_summary(struct store_txn *t, uint32_t link, struct err *err)
{
	char key[32];

	(void)snprintf(key, sizeof key, "summary/%u", link);
	return store_db_delete(t, DB_META, bytes_of(key), (struct bytes){NULL, 0}, err);
}

/* A copy of the value; data NULL if there is none. */
static int
get_copy(
    struct store_txn *t, enum store_db db, struct bytes key, struct bytes *ret, struct err *err)
{
	struct bytes v;
	bool found;

	*ret = (struct bytes){NULL, 0};
	if (store_db_get(t, db, key, &v, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	ret->data = bytes_dup(v);
	ret->len = v.len;
	return ret->data ? 0 : err_nomem(err);
}

int
store_get_summary(struct store_txn *t, uint32_t link, char **ret, struct err *err)
{
	struct bytes v;
	char key[32];

	(void)snprintf(key, sizeof key, "summary/%u", link);
	if (get_copy(t, DB_META, bytes_of(key), &v, err) < 0)
		return -1;
	*ret = (char *)(uintptr_t)v.data;
	return 0;
}

/* Names of forests are of any length, keys of LMDB are not. */
static void
forest_key(const char *forest, char ret[32])
{
	(void)snprintf(
	    ret, 32, "forest/%016llx", (unsigned long long)bytes_hash(bytes_of(forest), 0));
}

int
store_put_forest(struct store_txn *t, const char *forest, struct bytes v, struct err *err)
{
	char key[32];

	forest_key(forest, key);
	return store_db_put(t, DB_META, bytes_of(key), v, err);
}

int
store_get_forest(struct store_txn *t, const char *forest, struct buf *ret, struct err *err)
{
	struct bytes v;
	char key[32];
	bool found;

	forest_key(forest, key);
	if (store_db_get(t, DB_META, bytes_of(key), &v, &found, err) < 0)
		return -1;
	if (found)
		buf_add(ret, v.data, v.len);
	return ret->failed ? err_nomem(err) : 0;
}

int
store_put_cursor(
    struct store_txn *t, uint32_t link, enum side side, struct bytes cursor, struct err *err)
{
	uint8_t key[5];

	store_be32(link, key);
	key[4] = (uint8_t)side;
	return store_db_put(t, DB_CURSOR, (struct bytes){key, sizeof key}, cursor, err);
}

int
store_clear_cursors(struct store_txn *t, uint32_t link, struct err *err)
{
	for (int side = SOURCE; side < SIDES; side++) {
		uint8_t key[5];

		store_be32(link, key);
		key[4] = (uint8_t)side;
		if (store_db_delete(t, DB_CURSOR, (struct bytes){key, sizeof key},
			(struct bytes){NULL, 0}, err) < 0)
			return -1;
	}
	return 0;
}

int
store_get_cursor(
    struct store_txn *t, uint32_t link, enum side side, struct bytes *ret, struct err *err)
{
	uint8_t key[5];

	store_be32(link, key);
	key[4] = (uint8_t)side;
	return get_copy(t, DB_CURSOR, (struct bytes){key, sizeof key}, ret, err);
}
