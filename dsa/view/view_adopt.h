/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_ADOPT_H
#define GALSYNC_VIEW_VIEW_ADOPT_H

/*
 * What an adoption (jobs/adopt.h) found, as members of its answer:
 *
 *   results           a list with an object for each key, those that are not adopted first:
 *     ok              true if it is a pair, or one that the map has
 *     verdict         rules/adopt.h: "pair", "alone", ...
 *     tool, key       whose key it is, and which
 *     why             it is not adopted; "" if it is
 *     guid            of the first source object that carries the key; "" if none does
 *     source, target  DNs of the objects that carry it, at most 4 of each,
 *     n_source, n_target   and how many there are
 *     active          "source" or "target": of a pair the side whose mailbox is used; else null
 *     redirection     of a pair: "none", "ours", "turned", "set" or "away"; else null
 *   unlisted          how many keys there are beyond those
 *   recorded          true if the pairs were recorded, false if this was a plan
 *   summary           counts:
 *     pairs           keys that are adopted
 *     by_verdict      an object: keys of each verdict that has any
 *     source_active, target_active   of the pairs
 *     loops           pairs of which both sides redirect to each other
 *     stamps          target objects that get a stamp of galsync
 *     redirections    an object: pairs by what becomes of their redirection
 *     read_source, read_target       objects
 *     keyed_source, keyed_target     of them carry a key
 *     unreadable_source, unreadable_target   have a value that is no key
 *     ms              milliseconds that it took
 *
 * An answer is one line of a bounded length: of the keys that are adopted, and of the others, 1,000
 * or half a MiB are listed.
 */

#include <jansson.h>

#include "dsa/jobs/adopt.h"

/* Findings are collected while the job runs. */
struct view_adopt {
	json_t *listed[2]; /* what is not adopted, and what is; NULL: there was no memory */
	size_t octets[2];  /* of each as text */
	uint64_t unlisted;
};
void view_adopt_init(struct view_adopt *v);
void view_adopt_done(struct view_adopt *v);
static inline void
view_adopt_donep(struct view_adopt *v)
{
	view_adopt_done(v);
}

/* For adopt_options.found; ARG is the struct view_adopt. */
void view_adopt_found(const struct adopt_finding *f, void *arg);
/* The answer's members: what was collected, which is not V's any more, and the counts of R. NULL
 * without memory. */
json_t *view_adopt(struct view_adopt *v, const struct adopt_result *r, bool recorded) MUST_CHECK;
/* Is there a key of which nothing was adopted? */
bool view_adopt_is_partial(const struct adopt_result *r);

#endif
