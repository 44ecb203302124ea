/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_SUMMARY_H
#define GALSYNC_CYCLE_SUMMARY_H

/*
 * What happened in a cycle: the counts, and both forms of them.
 *
 * For people they are lines of text. As JSON they are kept in the map with the cycle's last
 * transaction, and told by the daemon: `last_cycle` of `galsyncctl --json status`, `last` of the
 * answer to `status`, `summary` of the answers to `resync` and `plan`. The members, in this order:
 *
 *   link       name of the link
 *   kind       "full" or "delta"
 *   finished   when it ended; text in UTC (RFC 3339)
 *   held       true: a limit holds something
 *   held_why   what, and why; or ""
 *   latency    how long changes took the last time that a server told of some: `ms` from then until
 *              all was written, and `at`, when that was. Kept from cycle to cycle; missing: not yet
 *   cycle, ... the counts, as the table in summary.c and galsync-control(7) name them
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "dsa/config/conf.h"
#include "dsa/rules/scope.h"
#include "dsa/rules/table.h"
#include "dsa/run/event.h"

/* Objects are counted once each. The counts come first; a new one gets a row in the table in
 * summary.c and an item in galsync-control(7). */
struct cycle_result {
	uint64_t number; /* of the cycle in the journal; 0 in plan mode */
	uint64_t read[SIDES];
	uint64_t out[SCOPE_MAX];     /* source objects by verdict; [SCOPE_IN]: in scope */
	uint64_t created[SHAPE_MAX]; /* target objects to be created, or created */
	uint64_t promoted;	     /* contacts replaced by users */
	uint64_t gave_way;	     /* contacts that gave way to real objects, of any sort */
	uint64_t matched;	 /* counterparts found in this cycle that the map did not have */
	uint64_t updated[SIDES]; /* existing objects changed, by side */
	uint64_t references;	 /* second-pass changes: members and others */
	uint64_t renamed, left[LEAVE_DELETE + 1];
	uint64_t unchanged;
	uint64_t conflicts; /* of the link, or of the objects that the cycle was asked for */
	uint64_t problems, failed, waiting;
	/* Natives that may not be given the X500 names of their return contacts. */
	uint64_t unnamed;
	/* Source objects to which something that flows back may not be written. */
	uint64_t denied;
	uint64_t drift;		   /* objects planned again: others wrote, or came first */
	uint64_t changes, applied; /* directory changes planned, and done */
	uint64_t ready, switched;  /* mailboxes whose readiness was seen, and of them switched */
	uint64_t phase_ms[RUN_PHASE_MAX];
	uint64_t latency_ms; /* from when a server told of changes until all was written; 0: none */
	bool delta;	     /* only what changed was looked at */
	bool held;	     /* a limit holds something until an operator decides: */
	char held_why[400];
	uint64_t named;	     /* natives that were given the X500 names of their contacts */
	uint64_t held_asked; /* of the objects that the cycle was asked for */
	uint64_t absent;     /* of these, how many are not synchronized (asked.h) */
	char absent_why[400];
};

/* Writes R to TO as lines of text; what is 0 is left out. */
void cycle_print_summary(
    const struct conf_link *link, const struct cycle_result *r, bool plan_only, FILE *to);
/* R as JSON; the cycle ended at FINISHED_AT, seconds since the epoch. NULL without memory. */
json_t *cycle_summary(
    const struct conf_link *link, const struct cycle_result *r, int64_t finished_at) MUST_CHECK;
/* The same of a link with both flows: R by the side of the originals. What its return flow did, if
 * it has one, is the member `return`, an object like the whole. */
json_t *cycle_link_summary(const struct conf_link *link, const struct cycle_result r[SIDES],
    int64_t finished_at) MUST_CHECK;

#endif
