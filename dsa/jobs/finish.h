/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_FINISH_H
#define GALSYNC_JOBS_FINISH_H

/*
 * Ends the coexistence of mailboxes that were switched (redirect/finish.h): reads both objects and
 * what refers to them, and takes marker, membership of the marker group, guards and stamp away
 * where nothing depends on the source any more. The correspondence stays in the map as finished for
 * good: no cycle, turn, toggle or wave does anything to it, also while its source is in scope. What
 * a crash leaves is in finish.c.
 */

#include "dsa/run/run.h"
#include "redirect/finish.h"

struct finish_counts {
	uint64_t done;	  /* or would be; and those that were finished before */
	uint64_t blocked; /* something depends on the source, or waits */
	uint64_t failed;  /* a directory refused */
};

struct finish_options {
	const struct guid *sources; /* of the mailboxes */
	size_t n_sources;	    /* 0: every switched one of the link that is not finished yet */
	bool dry_run;		    /* only tells: nothing is written */
};

/* The observer gets a result for each; what blocks is in its blockers. -1 only if nothing more can
 * be done (a connection or the map is lost): what was begun is finished by finish_resume(). Opens
 * the directories, and, unless it is a dry run, ends what was interrupted first. */
int finish_run(struct run *run, const struct finish_options *opt, struct finish_counts *ret,
    struct err *err) MUST_CHECK;
/* Finishes what a crash or an outage interrupted, as turn_resume() does. The directories are open,
 * and the journal is settled. */
int finish_resume(const struct run *run, struct err *err) MUST_CHECK;

#endif
