/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_SYNC_H
#define GALSYNC_JOBS_SYNC_H

/*
 * A synchronization of a link: what an interrupted run left is settled, then comes a cycle, then
 * the switches of those who became ready in it, and last the cursors advance. The cycle is the flow
 * from feed to record; what comes before and after it enters the flow at exec.
 */

#include "dsa/cycle/cycle.h"

/* Runs a delta cycle over RUN, or a full one if FULL is true or a delta is not possible. RET holds
 * what was done, also after a failure. Without a map only a plan is possible. */
int sync_run(struct run *run, bool full, const struct cycle_options *opt, struct cycle_result *ret,
    struct err *err) MUST_CHECK;
/* The same for the whole link of RUN: its forward flow, and then its return flow, which finds what
 * the other one has made. RET has the results by the side that the originals are on; what did not
 * come to its turn, or does not exist, has none: all is 0. Of the objects of OPT each flow gets its
 * own, which for the return flow are the natives that the map knows; one without any does not run.
 */
int sync_link(struct run *run, bool full, const struct cycle_options *opt,
    struct cycle_result ret[SIDES], struct err *err) MUST_CHECK;
/* The same as sync_run(), but *RET_FULL true: a delta was not possible, and nothing was done. */
int sync_delta(struct run *run, const struct cycle_options *opt, struct cycle_result *ret,
    bool *ret_full, struct err *err) MUST_CHECK;

#endif
