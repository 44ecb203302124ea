/* SPDX-License-Identifier: MIT */
/*
 * Kept in `meta` as "time": proven time, CLOCK_BOOTTIME and wall clock of one moment, the proven
 * time at which the clocks parted plus one (0: never), u64 each; and the id of the boot.
 */
#include "mapping/proven_time.h"

#include <string.h>

#include "dsa/base/clock.h"
#include "mapping/store_db.h"

#define KEY "time"
#define UNPROVEN_S 600
#define PARTED_S 3600
#define SETTLED_S ((int64_t)2 * 86400)

struct moment {
	int64_t proven, boot, wall;
	int64_t parted; /* plus one; 0: never */
	char id[CLOCK_BOOT_ID_SIZE];
};

static int
load(struct store_txn *t, struct moment *ret, bool *found, struct err *err)
{
	struct bytes raw, id;
	struct reader r;

	*ret = (struct moment){.id = ""};
	if (store_db_get(t, DB_META, bytes_of(KEY), &raw, found, err) < 0)
		return -1;
	if (!*found)
		return 0;
	r = reader_of(raw);
	ret->proven = (int64_t)reader_u64(&r);
	ret->boot = (int64_t)reader_u64(&r);
	ret->wall = (int64_t)reader_u64(&r);
	ret->parted = (int64_t)reader_u64(&r);
	id = reader_bytes(&r);
	/* What is damaged begins anew: the limits then wait for longer. */
	if (r.failed || id.len >= sizeof ret->id || ret->proven < 0 || ret->parted < 0) {
		*found = false;
		*ret = (struct moment){.id = ""};
		return 0;
	}
	if (id.len)
		memcpy(ret->id, id.data, id.len);
	return 0;
}

static int64_t
at_most(int64_t n, int64_t most)
{
	return n < most ? n : most;
}

/* How much of the time from OLD to NOW is proven. */
static int64_t
proven_between(const struct moment *old, const struct moment *now)
{
	int64_t s;

	if (*now->id && strcmp(now->id, old->id) == 0)
		s = now->boot - old->boot;
	else
		s = at_most(now->wall - old->wall, now->boot + UNPROVEN_S);
	return s > 0 ? s : 0;
}

/* This moment, as it follows OLD. */
static struct moment
moment_after(const struct moment *old)
{
	struct moment now = {.boot = clock_boot_s(), .wall = clock_realtime_s(), .id = ""};
	int64_t s, off;

	clock_boot_id(now.id);
	s = proven_between(old, &now);
	off = now.wall - old->wall - s;
	now.proven = old->proven + s;
	now.parted = off > PARTED_S || off < -PARTED_S ? now.proven + 1 : old->parted;
	return now;
}

static int
put(struct store_txn *t, const struct moment *m, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	buf_add_u64(&b, (uint64_t)m->proven);
	buf_add_u64(&b, (uint64_t)m->boot);
	buf_add_u64(&b, (uint64_t)m->wall);
	buf_add_u64(&b, (uint64_t)m->parted);
	buf_add_bytes(&b, bytes_of(m->id));
	if (b.failed)
		return err_nomem(err);
	return store_db_put(t, DB_META, bytes_of(KEY), buf_bytes(&b), err);
}

/* Now, as it follows from the moment that the map has; a map without one begins now. */
static int
find_now(struct store_txn *t, struct moment *ret, struct err *err)
{
	struct moment old;
	bool found;

	if (load(t, &old, &found, err) < 0)
		return -1;
	if (!found) {
		old.boot = clock_boot_s();
		old.wall = clock_realtime_s();
		clock_boot_id(old.id);
	}
	*ret = moment_after(&old);
	return 0;
}

int
store_proven_s(struct store_txn *t, int64_t *ret, struct err *err)
{
	struct moment now;

	if (find_now(t, &now, err) < 0)
		return -1;
	*ret = now.proven;
	return 0;
}

int
store_keep_time(struct store_txn *t, struct err *err)
{
	struct moment now;

	return find_now(t, &now, err) < 0 ? -1 : put(t, &now, err);
}

int
store_clock_is_settled(struct store_txn *t, bool *ret, struct err *err)
{
	struct moment now;

	if (find_now(t, &now, err) < 0)
		return -1;
	*ret = !now.parted || now.proven - (now.parted - 1) >= SETTLED_S;
	return 0;
}

int
store_pass_time(struct store_txn *t, int64_t s, int64_t wall_s, struct err *err)
{
	struct moment now;

	if (find_now(t, &now, err) < 0)
		return -1;
	now.boot -= s;
	now.wall -= s + wall_s;
	return put(t, &now, err);
}
