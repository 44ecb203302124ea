/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_INSPECT_H
#define GALSYNC_DAEMON_INSPECT_H

/* What writes to no directory: verify, trace, explain, find, members and adopt, and what they found
 * as members of the answer to the client. An answer is bounded: what is too much is counted. */

#include <jansson.h>

#include "dsa/run/run.h"

/* Verifies the N sources, or all if N is 0. *RET_BAD: something is broken. MOVES: what is missing
 * for a native move, and nothing else. */
int inspect_verify(struct run *run, bool moves, const struct guid *sources, size_t n, json_t **ret,
    bool *ret_bad, struct err *err) MUST_CHECK;
/* Adopts the pairs of other tools, or only tells of them. *RET_BAD: there are keys of which nothing
 * was adopted. */
int inspect_adopt(
    struct run *run, bool plan_only, json_t **ret, bool *ret_bad, struct err *err) MUST_CHECK;
/* Follows ADDRESS sent in each organization of FROM, which has a bit for each side. *RET_BAD: a way
 * ends nowhere, in a circle, or at two objects. */
int inspect_trace(const struct run *run, const char *address, unsigned from, json_t **ret,
    bool *ret_bad, struct err *err) MUST_CHECK;
/* Explains WHO, and ATTRIBUTE (NULL: all). *RET_BAD: it is in conflict, or something of it is held.
 */
int inspect_explain(const struct run *run, const char *who, const char *attribute, json_t **ret,
    bool *ret_bad, struct err *err) MUST_CHECK;
/* Who is called TEXT in either forest: text, at, hits, more. */
int inspect_find(const struct run *run, const char *text, json_t **ret, struct err *err) MUST_CHECK;
/* The members of GROUP (view_members.h): page PAGE, from 1 on, of SIZE. */
int inspect_members(const struct run *run, const struct guid *group, uint64_t page, uint64_t size,
    json_t **ret, struct err *err) MUST_CHECK;

#endif
