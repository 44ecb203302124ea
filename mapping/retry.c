/* SPDX-License-Identifier: MIT */
/* Objects whose last write failed. A value is: attempts, since, next, DN, the reason, and next by
 * proven time, which older maps do not have. */
#include <string.h>

#include "mapping/proven_time.h"
#include "mapping/store_db.h"

#define FIRST_PAUSE_S 5
#define LAST_PAUSE_S 3600

int64_t
store_pause_s(uint32_t attempts)
{
	int64_t s = FIRST_PAUSE_S;

	while (attempts-- > 1 && s < LAST_PAUSE_S)
		s *= 2;
	return s < LAST_PAUSE_S ? s : LAST_PAUSE_S;
}

bool
store_pause_is_over(int64_t next, int64_t now)
{
	return next <= now || next > now + LAST_PAUSE_S;
}

static int
decode(struct bytes raw, struct store_retry *ret, struct err *err)
{
	struct reader r = reader_of(raw);

	ret->attempts = reader_u32(&r);
	ret->since = (int64_t)reader_u64(&r);
	ret->next = (int64_t)reader_u64(&r);
	ret->dn = bytes_dup(reader_bytes(&r));
	ret->why = bytes_dup(reader_bytes(&r));
	ret->next_proven = reader_left(&r) ? (int64_t)reader_u64(&r) : INT64_MAX;
	if (!ret->dn || !ret->why)
		return err_nomem(err);
	return r.failed ? err_set(err, ERR_DATA, ERR_LINK, ERR_NEVER, 0, "map: damaged retry") : 0;
}

void
store_retry_done(struct store_retry *r)
{
	free(TAKE(r->dn));
	free(TAKE(r->why));
}

int
store_find_retry(struct store_txn *t, uint32_t link, const struct guid *source,
    struct store_retry *ret, bool *found, struct err *err)
{
	uint8_t key[LINK_GUID_LEN];
	struct bytes raw;

	store_link_guid(link, source, key);
	if (store_db_get(t, DB_RETRY, (struct bytes){key, sizeof key}, &raw, found, err) < 0)
		return -1;
	if (!*found)
		return 0;
	ret->source = *source;
	if (decode(raw, ret, err) < 0) {
		store_retry_done(ret);
		return -1;
	}
	return 0;
}

/* R with a pause of so many seconds from NOW on. */
static int
put(struct store_txn *t, uint32_t link, const struct store_retry *r, int64_t now, int64_t pause_s,
    struct err *err)
{
	uint8_t key[LINK_GUID_LEN];
	_cleanup_(buf_done) struct buf b = {0};
	int64_t proven;

	store_link_guid(link, &r->source, key);
	if (store_keep_time(t, err) < 0 || store_proven_s(t, &proven, err) < 0)
		return -1;
	buf_add_u32(&b, r->attempts);
	buf_add_u64(&b, (uint64_t)r->since);
	buf_add_u64(&b, (uint64_t)(now + pause_s));
	buf_add_bytes(&b, bytes_of(r->dn));
	buf_add_bytes(&b, bytes_of(r->why));
	buf_add_u64(&b, (uint64_t)(proven + pause_s));
	if (b.failed)
		return err_nomem(err);
	return store_db_put(t, DB_RETRY, (struct bytes){key, sizeof key}, buf_bytes(&b), err);
}

int
store_put_retry(struct store_txn *t, uint32_t link, const struct guid *source, const char *dn,
    const char *why, int64_t now, struct err *err)
{
	struct store_retry old = {0}, r = {.source = *source, .since = now};
	bool found;

	if (store_find_retry(t, link, source, &old, &found, err) < 0)
		return -1;
	if (found && strcmp(old.why, why) == 0)
		r.since = old.since;
	store_retry_done(&old);
	r.attempts = old.attempts + 1;
	r.dn = (char *)(uintptr_t)dn;
	r.why = (char *)(uintptr_t)why;
	return put(t, link, &r, now, store_pause_s(r.attempts), err);
}

int
store_look_again(struct store_txn *t, uint32_t link, const struct guid *source, const char *dn,
    const char *why, int64_t now, struct err *err)
{
	struct store_retry old = {0}, r = {.source = *source, .since = now};
	bool found;

	if (store_find_retry(t, link, source, &old, &found, err) < 0)
		return -1;
	store_retry_done(&old);
	r.dn = (char *)(uintptr_t)dn;
	r.why = (char *)(uintptr_t)why;
	return found ? 0 : put(t, link, &r, now, 0, err);
}

int
store_clear_retry(struct store_txn *t, uint32_t link, const struct guid *source, struct err *err)
{
	uint8_t key[LINK_GUID_LEN];

	store_link_guid(link, source, key);
	return store_db_delete(
	    t, DB_RETRY, (struct bytes){key, sizeof key}, (struct bytes){NULL, 0}, err);
}

struct walk {
	int64_t now, proven;
	store_retry_fn *fn;
	void *arg;
};

static int
give(struct bytes key, struct bytes value, void *arg, struct err *err)
{
	struct store_retry r = {0};
	struct walk *w = arg;
	int rc;

	if (key.len != LINK_GUID_LEN)
		return 0;
	memcpy(r.source.octets, (const uint8_t *)key.data + 4, GUID_LEN);
	rc = decode(value, &r, err);
	if (rc == 0 &&
	    (!w->now || store_pause_is_over(r.next, w->now) || r.next_proven <= w->proven))
		rc = w->fn(&r, w->arg, err);
	store_retry_done(&r);
	return rc;
}

int
store_each_retry(
    struct store_txn *t, uint32_t link, int64_t now, store_retry_fn *fn, void *arg, struct err *err)
{
	struct walk w = {.now = now, .fn = fn, .arg = arg};
	uint8_t key[4];

	if (store_proven_s(t, &w.proven, err) < 0)
		return -1;
	store_be32(link, key);
	return store_db_each(t, DB_RETRY, (struct bytes){key, sizeof key}, give, &w, err);
}
