/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_WAVES_H
#define GALSYNC_JOBS_WAVES_H

/*
 * Runs the waves of a link (mapping/wave.h) when they are due, a slice of mailboxes at a time:
 *
 *   both directories answer -> the wave is running -> a slice is turned -> its results are stored
 *                                   ^                                            |
 *                                   +------------ mailboxes are left ------------+--> done
 *
 * Until both directories answer a wave that is due waits, and says what for. A crash leaves a
 * running wave whose last slice has no results: its mailboxes are turned once more, which does
 * nothing to those that were (turn_run.h). A mailbox that cannot be turned harms no other. Between
 * two slices a wave may be cancelled: what has been turned stays so.
 *
 * In a map that was made anew, or put back from a copy, no wave begins or goes on before a cycle of
 * the link was completed.
 *
 * It is due by the clock of the calendar, which may be turned: so ask often, at least every few
 * seconds.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dsa/run/run.h"

#define WAVES_NEVER INT64_MAX
/* A wave that begins so much after its time is called late. */
#define WAVES_LATE_S 60

/* When the next wave of the link named LINK is due, in seconds since the epoch; 0: it is running.
 * WAVES_NEVER if there is none, or the map cannot be read: then a cycle will say so. */
int64_t waves_due(struct store *store, const char *link);
/* Runs the next slice of the wave of RUN's link that is due at NOW. *CURRENT is the wave that this
 * process has begun or taken up, 0 at first; kept for the next call. The observer gets the wave's
 * beginning, waiting and end as events, and a result for each mailbox. *RET_RAN false: there is
 * none, and nothing was done. -1 if it waits: for a directory, or the map. */
int waves_run(
    struct run *run, uint32_t *current, int64_t now, bool *ret_ran, struct err *err) MUST_CHECK;

#endif
