/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_OVERVIEW_H
#define GALSYNC_VIEW_VIEW_OVERVIEW_H

/*
 * Where a migration stands, on one page: each link, how far the mailboxes are, and a time line of
 * those that were switched against what the waves planned. galsync-portal(8) names the members.
 */

#include <jansson.h>

#include "dsa/view/roster.h"

/* STATUS is the daemon's answer to `status`, NULL: it does not answer. *RET is the caller's to
 * release. */
int view_overview(struct roster *r, struct store_txn *t, const json_t *status, int64_t now,
    json_t **ret, struct err *err) MUST_CHECK;
/* The waves, newest first, with what each waits for. *RET is the caller's to release. */
int view_waves(struct store_txn *t, const json_t *status, int64_t now, json_t **ret,
    struct err *err) MUST_CHECK;
/* Wave ID with its mailboxes; *RET NULL: there is none. */
int view_wave_one(struct store_txn *t, uint32_t id, const json_t *status, int64_t now, json_t **ret,
    struct err *err) MUST_CHECK;

/* ---- the time line, which is pure ---- */

/* A moment at which N more mailboxes were switched, or were to be. */
struct overview_step {
	int64_t at; /* seconds since the epoch */
	uint64_t n;
	bool planned;
};
/* The N steps, in any order (they are sorted), as a list with an item for each day on which
 * something happened, and for today: `day` (its beginning in UTC), `switched` and `planned` up to
 * its end. NULL without memory. */
json_t *view_time_line(struct overview_step *steps, size_t n, int64_t now) MUST_CHECK;

#endif
