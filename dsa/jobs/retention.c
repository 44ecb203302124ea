/* SPDX-License-Identifier: MIT */
#include "dsa/jobs/retention.h"

#include "mapping/journal.h"
#include "mapping/proven_time.h"

#define DAY_S 86400
#define MIN_AGE_S ((int64_t)2 * DAY_S)
#define PIECE 500

/* Most of the time nothing is: no writer has to wait for the answer. */
static int
is_too_much(struct store *s, struct journal_limits *l, bool *ret, struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct journal_size n;
	bool settled;

	if (store_begin(s, STORE_READ, &t, err) < 0 || journal_measure(t, &n, err) < 0 ||
	    store_clock_is_settled(t, &settled, err) < 0)
		return -1;
	if (!settled) {
		l->max_age_s = l->now;
		l->max_octets *= 2;
	}
	*ret = n.entries && (n.octets > l->max_octets || n.oldest < l->now - l->max_age_s);
	return 0;
}

static int
remove_piece(struct store *s, const struct journal_limits *l, uint64_t *from, size_t *removed,
    struct err *err)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	size_t n = 0;

	if (store_begin(s, STORE_WRITE, &t, err) < 0 ||
	    journal_trim(t, l, PIECE, from, &n, err) < 0 || (n && store_commit(TAKE(t), err) < 0))
		return -1;
	*removed += n;
	return 0;
}

int
retention_run(struct store *s, const struct conf *c, int64_t now, size_t pieces,
    size_t *ret_removed, struct err *err)
{
	struct journal_limits l = {.now = now,
	    .max_age_s = (int64_t)c->journal_days * DAY_S,
	    .max_octets = (uint64_t)c->journal_size_mb << 20,
	    .min_age_s = MIN_AGE_S};
	size_t removed = 0, done = 0;
	uint64_t from = 0;
	bool more = false;

	if (is_too_much(s, &l, &more, err) < 0)
		return -1;
	while (more && (!pieces || done++ < pieces)) {
		if (remove_piece(s, &l, &from, &removed, err) < 0)
			return err_ctx(err, "removal of old journal entries");
		more = from != 0;
	}
	*ret_removed = removed;
	return 0;
}
