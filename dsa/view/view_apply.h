/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_APPLY_H
#define GALSYNC_VIEW_VIEW_APPLY_H

/*
 * What became of the steps of a saved plan, as JSON: members of the answer to `apply`.
 *
 *   results    what was refused, an item of view_result.h each
 *   cycle      the number of the cycle in the journal, of the forward flow
 *   made       steps that were carried out
 *   changes    changes of these
 *   refused    steps that were not
 *   others     steps of the present plan that the file does not have, and that were not made
 *   unlisted   refused steps for which `results` has no room
 */

#include <jansson.h>

#include "dsa/cycle/summary.h"
#include "dsa/exec/plan_choice.h"

struct view_apply {
	uint64_t made, changes, refused, unlisted;
};

/* CHOICE is closed; R are the results of its cycles; at most MOST items are listed. NULL without
 * memory. */
json_t *view_apply(const struct plan_choice *choice, const struct cycle_result r[SIDES],
    size_t most, struct view_apply *ret) MUST_CHECK;

#endif
