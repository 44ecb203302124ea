/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_REBUILD_H
#define GALSYNC_VIEW_VIEW_REBUILD_H

/*
 * What a rebuild of the map (jobs/rebuild.h) found, as members of its answer:
 *
 *   results           a list with an object for each thing that an operator should look at:
 *     guid            of the source object
 *     source          its DN; "" if it is not known
 *     target          DN of the target object
 *     what            the count that it is a part of
 *     text            what that means
 *   unlisted          how many there are beyond those
 *   report            counts: an object with a member for each
 *   texts             an object with the meaning of each count
 *   by_kind           an object: correspondences of each kind that has any
 *   written           true; false for a plan
 *
 * An answer is one line of a bounded length: the list ends at 1,000 findings or a MiB.
 */

#include <jansson.h>

#include "dsa/jobs/rebuild.h"

/* Findings are collected while the rebuild runs. Begins with zeros. */
struct view_rebuild {
	json_t *results; /* NULL: there are none, or there was no memory */
	bool failed;
	size_t octets; /* of RESULTS as text */
	uint64_t unlisted;
};
void view_rebuild_done(struct view_rebuild *v);
static inline void
view_rebuild_donep(struct view_rebuild *v)
{
	view_rebuild_done(v);
}

/* For rebuild_options.found; ARG is the struct view_rebuild. */
void view_rebuild_found(const struct rebuild_finding *f, void *arg);
/* The answer's members: what was collected, which is not V's any more, and the counts of R. NULL
 * without memory. */
json_t *view_rebuild(
    struct view_rebuild *v, const struct rebuild_report *r, bool written) MUST_CHECK;

#endif
