/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_HELD_H
#define GALSYNC_VIEW_VIEW_HELD_H

/*
 * What a limit holds (mapping/held.h), as JSON and as counts.
 *
 * An item of `galsyncctl --json list --held` is a correspondence (view_record.h), or of a first
 * match a conflict (view_conflict.h), with one member more:
 *
 *   held         an object:
 *     limit      "deletes", "redirections", "switches", "matches", "member_removals",
 *                "primary_changes" or "undone"
 *     verdict    "held", "approved" or "rejected"
 *     since      when it was first held; text in UTC
 *
 * The counts of a link are the member `held` of `galsyncctl --json status`: an object with a member
 * for each limit, an object with the counts `held`, `approved` and `rejected`.
 *
 * The answer to `approve` and `reject` has the member `decided`: an object with a count for each
 * limit.
 */

#include <jansson.h>

#include "mapping/held.h"

struct view_held {
	uint64_t n[HELD_KIND_MAX][HELD_REJECTED + 1]; /* by kind and verdict */
};

/* Counts what is held of LINK. */
int view_held_count(
    struct store_txn *t, uint32_t link, struct view_held *ret, struct err *err) MUST_CHECK;

/* All of these give NULL without memory. H is about R, whose link is called LINK. */
json_t *view_held_record(
    const struct store_held *h, const struct record *r, const char *link) MUST_CHECK;
json_t *view_held_counts(const struct view_held *v) MUST_CHECK;
/* H is a first match, which has no record: C is its conflict. */
json_t *view_held_match(
    const struct store_held *h, const struct conflict *c, const char *link) MUST_CHECK;
/* N by kind, as store_decide_held() counts. */
json_t *view_held_decided(const size_t n[HELD_KIND_MAX]) MUST_CHECK;

#endif
