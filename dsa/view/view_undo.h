/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_UNDO_H
#define GALSYNC_VIEW_VIEW_UNDO_H

/*
 * How it went to take changes back, as JSON: members of the answer to `undo`.
 *
 *   results    a list of what view_result.h has, one for each change; blockers are what is left
 *   unlisted   how many more there are than an answer has room for
 *   summary    an object with the counts `done`, `left` and `failed`
 */

#include <jansson.h>

#include "dsa/jobs/undo.h"

/* RESULTS is taken over. NULL without memory. */
json_t *view_undo(json_t *results, uint64_t unlisted, const struct undo_counts *n) MUST_CHECK;

#endif
