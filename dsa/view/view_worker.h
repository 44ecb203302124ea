/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_WORKER_H
#define GALSYNC_VIEW_VIEW_WORKER_H

/*
 * What the worker of a link is doing: the value that a worker keeps up to date, and that value as
 * JSON, an item of `links` in the answer to `status` and in the event `state`, and the member
 * `daemon` of `galsyncctl --json status`. Its members, in this order:
 *
 *   link            name of the link
 *   forests         an object: the names of those of `source` and `target`
 *   state           "idle", "running", "waiting" (after a failure) or "paused"
 *   cycles          finished since the start
 *   failing         true: the last one failed:
 *   error           why, or ""
 *   failing_since   since when, and
 *   next_attempt    when it is tried again; text in UTC, or null
 *   interval_s      the longest time between two of them, in seconds
 *   finished        when the last one that did not fail ended; text in UTC, or null
 *   last            its summary (cycle/summary.h), or null
 *   changes_by      an object: how changes of `source` and of `target` are found, "dirsync" or
 *                   "usn-changed"; null until the first cycle has asked for them
 *   phase           only if it is running: "connect", "read", "decide", "plan", "apply" or
 * "confirm" done, total     and how far it is in that, and of how many (0: unknown)
 */

#include <jansson.h>

#include "dsa/cycle/cycle.h"

enum worker_phase { WORKER_IDLE, WORKER_RUNNING, WORKER_WAITING, WORKER_PAUSED, WORKER_PHASE_MAX };
/* "idle", "running", "waiting", "paused". */
const char *worker_phase_name(enum worker_phase p);

/* How the changes of a side are found; unknown until the first cycle has asked for them. */
enum worker_feed { WORKER_FEED_UNKNOWN, WORKER_FEED_DIRSYNC, WORKER_FEED_USN, WORKER_FEED_MAX };
/* "dirsync", "usn-changed", NULL. */
const char *worker_feed_name(enum worker_feed f);

struct worker_state {
	enum worker_phase phase;
	enum run_phase cycle; /* RUNNING: where it is, how far, and of how many (0: unknown) */
	uint64_t done, total;
	uint64_t cycles;		   /* finished since the start */
	struct cycle_result result[SIDES]; /* of the last one, by flow (sync_link()) */
	enum worker_feed feed[SIDES];
	int64_t finished_at;	     /* seconds since the epoch; 0: none finished yet */
	bool failing;		     /* the last one failed: */
	char error[512];	     /* why, */
	int64_t failing_since, next; /* since when, and when it is tried again */
	int64_t beat_ms;	     /* when it last got on, of clock_monotonic_ms() */
	uint64_t request_done;	     /* number of the last request that was carried out */
};

/* The worker of LINK. NULL without memory. */
json_t *view_worker(const struct conf_link *link, const struct worker_state *s) MUST_CHECK;
/* Adds phase, done and total to *O (json_put_member()): the event `progress` has them too. */
void view_worker_progress(json_t **o, const struct worker_state *s);

#endif
