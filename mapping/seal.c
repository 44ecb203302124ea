/* SPDX-License-Identifier: MIT */
/*
 * A map of format 1 gets its sums; one of format 2 has them, and is of this format as soon as it
 * says so, since its records are what they are in this format too. The values are written again one
 * after the other, each found by its key: a cursor does not survive what is written. The index of
 * the records is made anew, since another galsync may have normalized names in another way.
 */
#include <string.h>

#include "mapping/store_db.h"
#include "mapping/store_keys.h"

struct place {
	enum store_db db;
	struct buf key, value; /* of the pair that comes next */
	bool found, behind;    /* behind: not the one at the key, but the next */
};

static int
take_next(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct place *p = arg;

	if (p->behind && bytes_equal(key, buf_bytes(&p->key)))
		return 0;
	buf_reset(&p->key);
	buf_reset(&p->value);
	buf_add(&p->key, key.data, key.len);
	buf_add(&p->value, value.data, value.len);
	p->found = true;
	return p->key.failed || p->value.failed ? err_nomem(err) : 1;
}

static int
seal_pairs(struct store_txn *t, struct place *p, struct err *err)
{
	for (;;) {
		int rc;

		p->found = false;
		t->s->sealed = false;
		rc = store_db_each_from(
		    t, p->db, (struct bytes){NULL, 0}, buf_bytes(&p->key), take_next, p, err);
		t->s->sealed = true;
		if (rc < 0 || !p->found)
			return rc;
		p->behind = true;
		if (store_db_put(t, p->db, buf_bytes(&p->key), buf_bytes(&p->value), err) < 0)
			return -1;
	}
}

static int
put_keys(const struct record *r, void *arg, struct err *err)
{
	return store_keys_update(arg, NULL, r, r->id, err);
}

static int
seal_index(struct store_txn *t, enum store_db db, struct err *err)
{
	if (db != DB_KEY)
		return store_sum_pairs(t, db, &t->pairs[db], err);
	if (store_db_clear(t, db, err) < 0)
		return -1;
	return store_each(t, 0, put_keys, t, err);
}

static int
seal_all(struct store_txn *t, struct err *err)
{
	int rc = 0;

	t->s->sealed = true;
	/* The values first: the sums of the indices are among them. */
	for (size_t i = 0; rc == 0 && i < DB_MAX; i++) {
		struct place p = {.db = (enum store_db)i};

		if (!store_is_index(p.db))
			rc = seal_pairs(t, &p, err);
		buf_done(&p.key);
		buf_done(&p.value);
	}
	for (size_t i = 0; rc == 0 && i < DB_MAX; i++)
		if (store_is_index((enum store_db)i))
			rc = seal_index(t, (enum store_db)i, err);
	return rc < 0 ? -1 : store_put_format(t, err);
}

static int
bring_up(struct store_txn *t, struct err *err)
{
	return t->s->sealed ? store_put_format(t, err) : seal_all(t, err);
}

int
store_seal(struct store *s, bool *ret_done, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;

	*ret_done = false;
	if (s->sealed && !s->outdated)
		return 0;
	if (store_begin(s, STORE_WRITE, &t, err) < 0)
		return -1;
	if (bring_up(t, err) < 0 || store_commit(TAKE(t), err) < 0) {
		s->sealed = s->outdated;
		return -1;
	}
	s->outdated = false;
	*ret_done = true;
	return 0;
}
