/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_STORE_FIXTURE_H
#define GALSYNC_TESTS_STORE_FIXTURE_H

/* A map in a directory of its own, for the tests of what lives in it. Behind cmocka.h. */

#include <dirent.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mapping/store.h"
#include "mapping/store_keys.h"
#include "tests/support/place.h"

struct fixture {
	char dir[256], path[288]; /* the directory, and the map file in it */
	struct store *s;
	struct store_txn *t; /* of fixture_setup_txn() */
	struct buf seen;     /* what a walk gave, as text */
};

static inline void
fixture_open_store(struct fixture *f, int64_t size_mb)
{
	struct err err = {0};

	if (store_open(f->dir, STORE_WRITE, size_mb, &f->s, &err) < 0)
		fail_msg("%s", err.text);
}

/* The directory alone, without a map. */
static inline int
fixture_setup_dir(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	place_make("galsync-map", f->dir, sizeof f->dir);
	(void)snprintf(f->path, sizeof f->path, "%s/map.mdb", f->dir);
	*state = f;
	return 0;
}

static inline int
fixture_setup(void **state)
{
	(void)fixture_setup_dir(state);
	fixture_open_store(*state, 16);
	return 0;
}

/* With a transaction that is open through the whole test, and then given up. */
static inline int
fixture_setup_txn(void **state)
{
	struct fixture *f;
	struct err err;

	(void)fixture_setup(state);
	f = *state;
	assert_int_equal(store_begin(f->s, STORE_WRITE, &f->t, &err), 0);
	return 0;
}

static inline int
fixture_teardown(void **state)
{
	struct fixture *f = *state;
	const struct dirent *e;
	DIR *d;

	store_abort(f->t);
	store_close(f->s);
	buf_done(&f->seen);
	d = opendir(f->dir);
	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static inline struct store_txn *
fixture_begin(struct fixture *f, enum store_mode mode)
{
	struct store_txn *t = NULL;
	struct err err = {0};

	if (store_begin(f->s, mode, &t, &err) < 0)
		fail_msg("%s", err.text);
	return t;
}

static inline void
fixture_commit(struct store_txn *t)
{
	struct err err = {0};

	if (store_commit(t, &err) < 0)
		fail_msg("%s", err.text);
}

static inline struct guid
fixture_guid(uint8_t n, uint8_t side)
{
	return (struct guid){{n, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, side}};
}

/* The N of a GUID. */
static inline unsigned
fixture_number(const struct guid *g)
{
	return g->octets[0];
}

/* What was seen so far. */
static inline const char *
fixture_seen(struct fixture *f)
{
	buf_add_char(&f->seen, '\0');
	return (const char *)f->seen.data;
}

/* The number that the record of source N gets. */
static inline uint64_t
fixture_id(uint32_t link, uint8_t n)
{
	struct guid g = fixture_guid(n, 1);

	return store_home(link, &g);
}

/* Record number N of link LINK, with something under every key: N is in all of them. */
static inline struct record *
fixture_record(uint32_t link, uint8_t n)
{
	uint8_t sid[] = {1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, n, 4, 0, 0};
	struct record *r = record_new();
	char text[80];

	assert_non_null(r);
	r->link = link;
	r->kind = KIND_USER;
	r->rule = MATCH_MAIL;
	r->state = RECORD_SYNCED;
	for (size_t i = 0; i < SIDES; i++) {
		struct record_side *s = &r->side[i];
		const char *forest = i == SOURCE ? "acme" : "globex";

		s->guid = fixture_guid(n, (uint8_t)(i + 1));
		(void)snprintf(
		    text, sizeof text, "CN=User %u,OU=Staff,DC=%s,DC=example", n, forest);
		assert_int_equal(record_set_str(&s->dn, text), 0);
		sid[13] = (uint8_t)(4 + i);
		assert_int_equal(record_set_sid(s, (struct bytes){sid, sizeof sid}), 0);
		(void)snprintf(text, sizeof text, "/o=%s/cn=User%u", forest, n);
		assert_int_equal(record_add_legacy_dn(s, text), 0);
		(void)snprintf(text, sizeof text, "User%u@%s.example", n, forest);
		assert_int_equal(record_add_address(r, text), 0);
	}
	(void)snprintf(text, sizeof text, "User%u", n);
	assert_int_equal(record_set_str(&r->alias, text), 0);
	return r;
}

/* Puts it and gives its id. */
static inline uint64_t
fixture_put(struct store_txn *t, uint32_t link, uint8_t n)
{
	_cleanup_(record_free) struct record *r = fixture_record(link, n);
	struct err err = {0};

	if (store_put(t, r, &err) < 0)
		fail_msg("%s", err.text);
	return r->id;
}

static inline struct record *
fixture_get(struct store_txn *t, uint64_t id)
{
	struct record *r = NULL;
	struct err err = {0};

	if (store_get(t, id, &r, &err) < 0)
		fail_msg("%s", err.text);
	return r;
}

static inline struct store_counts
fixture_count(struct store_txn *t, uint32_t link)
{
	struct store_counts n = {0};
	struct err err = {0};

	assert_int_equal(store_count(t, link, &n, &err), 0);
	return n;
}

static inline uint32_t
fixture_link(struct store_txn *t, const char *name)
{
	struct err err = {0};
	uint32_t id = 0;

	assert_int_equal(store_link_id(t, name, &id, &err), 0);
	return id;
}

/* The map in the file PATH, which nobody has open, has no database DB any more. */
static inline void
fixture_lose_database(const char *path, const char *db)
{
	MDB_txn *txn = NULL;
	MDB_env *env = NULL;
	MDB_dbi dbi;

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 1), 0);
	assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR, 0640), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, db, 0, &dbi), 0);
	assert_int_equal(mdb_drop(txn, dbi, 1), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

/* Which records a walk gave, in order; stops it after STOP_AT (0: never). */
struct hits {
	uint64_t ids[16];
	size_t n, stop_at;
};

static inline int
fixture_note(const struct record *r, void *arg, struct err *err)
{
	struct hits *h = arg;

	(void)err;
	assert_true(h->n < ARRAY_SIZE(h->ids));
	h->ids[h->n++] = r->id;
	return h->n == h->stop_at;
}

/* The whole of a file; NULL: there is none. The caller frees. */
static inline char *
read_text(const char *path)
{
	FILE *f = fopen(path, "re");
	struct buf b = {0};
	char piece[4096];
	size_t n;

	if (!f)
		return NULL;
	while ((n = fread(piece, 1, sizeof piece, f)) > 0)
		buf_add(&b, piece, n);
	(void)fclose(f);
	return buf_take_str(&b);
}

static inline void
write_text(const char *path, struct bytes text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text.data, 1, text.len, f), text.len);
	assert_int_equal(fclose(f), 0);
}

#endif
