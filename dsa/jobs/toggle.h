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
 * remove the one value: what others do to the same attribute meanwhile stays. A dummy that
 * was made the primary address meanwhile is left: an object without a primary address is worse.
 */

#include "dsa/run/run.h"

/* Toggles the N sources; the observer gets a result for each. A mailbox that is switched is
 * refused. -1 only if nothing more can be done. */
int toggle_run(struct run *run, const struct guid *sources, size_t n, struct err *err) MUST_CHECK;
/* Reports for each of the N sources what toggle_run() would do, or why it would refuse. Writes
 * nothing. */
int toggle_plan(struct run *run, const struct guid *sources, size_t n, struct err *err) MUST_CHECK;
/* Removes what an interrupted toggle left; must be done before a cycle. The directories are open.
 */
int toggle_resume(const struct run *run, struct err *err) MUST_CHECK;

/* sweep.c: finds every address in toggle_domain on both sides and removes it where it is a leftover
 * (DRY_RUN: only reports): a secondary address of an object that is in the map, in a scope, or in a
 * target_ou, and that no toggle of another link owns just now. The observer gets a result for each
 * value. */
int toggle_sweep(struct run *run, bool dry_run, struct err *err) MUST_CHECK;

#endif
