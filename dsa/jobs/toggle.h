/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_TOGGLE_H
#define GALSYNC_JOBS_TOGGLE_H

/*
 * The proxy toggle: a dummy address is added to source objects, a delta cycle handles them again
 * (and writes whatever their counterparts have lost, the mailbox too), and the dummy is removed.
 *
 *   check -> write down -> add -> delta -> verify the counterpart -> remove -> verify -> forget
 *              |            |       |             |                    |          |
 *   a crash leaves:         +-------+-------------+--------------------+----------+  an operation
 *
 * The dummy is secondary, in toggle_domain, and never reaches the target. While the operation is in
 * the map, toggle_resume() removes the dummy; every cycle begins with that. All writes add or
 * remove the one value: what others do to the same attribute meanwhile stays. If somebody made the
 * dummy the primary address it is left to him: an object without a primary address is worse.
 */

#include "dsa/config/conf.h"
#include "dsa/cycle/cycle.h"
#include "dsa/jobs/turn_run.h"

typedef void toggle_result_fn(
    const struct guid *source, const char *dn, bool ok, const char *text, void *arg);

/* Toggles the N sources. OPT is for the delta cycle; its `objects` and `toggling` are set here. A
 * mailbox that is switched is refused. -1 only if nothing more can be done. */
int toggle_run(const struct conf_link *link, struct dir *const dir[SIDES], struct store *store,
    const struct guid *sources, size_t n, const struct cycle_options *opt, toggle_result_fn *result,
    void *arg, struct err *err) MUST_CHECK;
/* Tells for each of the N sources what toggle_run() would do, or why it would refuse. Writes
 * nothing. */
int toggle_plan(const struct conf_link *link, struct dir *const dir[SIDES], struct store *store,
    const struct guid *sources, size_t n, toggle_result_fn *result, void *arg,
    struct err *err) MUST_CHECK;
/* Removes what an interrupted toggle left; must be done before a cycle. Of ENV the source's
 * directory, the map, the link, and who is told of changes are used. */
int toggle_resume(
    const struct conf_link *link, const struct turn_env *env, struct err *err) MUST_CHECK;

/* sweep.c: finds every address in toggle_domain on both sides and removes it where it is a leftover
 * (DRY_RUN: only tells): a secondary address of an object that is in the map, in a scope, or in a
 * target_ou, and that no toggle of another link owns just now. RESULT gets each value,
 * OPT is told of what is written. */
int toggle_sweep(const struct conf_link *link, struct dir *const dir[SIDES], struct store *store,
    bool dry_run, const struct cycle_options *opt, toggle_result_fn *result, void *arg,
    struct err *err) MUST_CHECK;

#endif
