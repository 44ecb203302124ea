/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_VERIFY_H
#define GALSYNC_VIEW_VIEW_VERIFY_H

/*
 * What a verify (jobs/verify.h) found, as members of its answer:
 *
 *   results           a list with an object for each thing that is broken:
 *     guid            of the source object; "" if the object is in no correspondence
 *     side            "source" or "target": of the object
 *     forest          its name
 *     dn              of the object
 *     invariant       which one is broken (redirect/audit.h, galsyncctl(8))
 *     ok              false
 *     there           what is there
 *     should_be       and what should be
 *   unlisted          how many findings there are beyond those
 *   summary           counts:
 *     checked         correspondences,
 *     not_written_yet of them the target is not written yet: they are not judged
 *     left            of those that are checked, left or finished: judged is only that nothing
 * loops broken          of them something is wrong with findings        things that are broken
 *     read_source, read_target   objects
 *     reply_names     names that old replies go to, and
 *     reply_names_missing        those that do not resolve
 *     ms              milliseconds that it took
 *     per_second      correspondences checked in a second
 *     by_invariant    an object: findings of each invariant that has any
 *
 * Of what is missing for a native move (redirect/move_ready.h) they are:
 *
 *   results           a list with guid, side, forest, dn, ok, there and should_be as above, and
 *     attribute       what is missing
 *   unlisted          as above
 *   summary           checked, not_written_yet, findings, read_source, read_target, ms and
 *                     per_second as above, and
 *     ready           correspondences that lack nothing
 *     not_ready       and those that do
 *     by_attribute    an object: findings of each attribute that has any
 *
 * An answer is one line of a bounded length: the list ends at 1,000 findings or a MiB.
 */

#include <jansson.h>

#include "dsa/jobs/verify.h"

/* Findings are collected while the verify runs. */
struct view_verify {
	const struct conf_link *link;
	json_t *results; /* NULL: there was no memory */
	size_t octets;	 /* of RESULTS as text */
	uint64_t found, unlisted;
};
/* LINK is borrowed. */
void view_verify_init(struct view_verify *v, const struct conf_link *link);
void view_verify_done(struct view_verify *v);
static inline void
view_verify_donep(struct view_verify *v)
{
	view_verify_done(v);
}

/* For verify_options.found and .missing; ARG is the struct view_verify. */
void view_verify_found(const struct audit_finding *f, void *arg);
void view_verify_missing(const struct move_ready_finding *f, void *arg);
/* The answer's members: what was collected, which is not V's any more, and the counts of R. NULL
 * without memory. */
json_t *view_verify(struct view_verify *v, const struct verify_result *r) MUST_CHECK;
json_t *view_verify_moves(struct view_verify *v, const struct verify_result *r) MUST_CHECK;

#endif
