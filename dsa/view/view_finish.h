/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_FINISH_H
#define GALSYNC_VIEW_VIEW_FINISH_H

/*
 * How the end of coexistence went (jobs/finish.h), as members of its answer:
 *
 *   results    an object for each mailbox (view_result.h)
 *   unlisted   how many mailboxes there are beyond those
 *   summary    counts:
 *     done     mailboxes that are finished, or would be
 *     blocked  that cannot be finished yet
 *     failed   that a directory refused
 */

#include <jansson.h>

#include "dsa/jobs/finish.h"

/* RESULTS is taken over; NULL if it is, or without memory. */
json_t *view_finish(json_t *results, uint64_t unlisted, const struct finish_counts *n) MUST_CHECK;

#endif
