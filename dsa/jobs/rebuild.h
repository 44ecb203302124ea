/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_REBUILD_H
#define GALSYNC_JOBS_REBUILD_H

/*
 * The map of a link made anew from the directories alone (rules/rebuild.h). Both forests are read
 * whole; each target object with a stamp is judged together with the source object that the stamp
 * names; the report is complete before the first write. Then the link's records are made what the
 * directories say. Journal, waves, what is held and events stay; the cursors go, so that the next
 * cycle is a full one. The directories are not written to.
 *
 * It also happens by itself, at the beginning of a full cycle, when the map knows nothing of the
 * link but the target has objects with stamps: the map was lost, or the link has another name.
 */

#include "dsa/rules/rebuild.h"
#include "dsa/run/run.h"

/* What an operator should look at. */
struct rebuild_finding {
	enum rebuild_count what;   /* what it is counted as */
	const struct guid *source; /* of the source object */
	const char *dn[SIDES];	   /* "" if not known */
};

struct rebuild_options {
	bool plan_only; /* write nothing: the report alone */
	/* Called for each finding before anything is written, or NULL. */
	void (*found)(const struct rebuild_finding *f, void *arg);
	void *arg;
};

/* Rebuilds the records of RUN's link. Opens what is closed, and finishes turns that were
 * interrupted, unless it is a plan. The observer gets the progress and, before the first write, the
 * report as a message. Repeating it is harmless. */
int rebuild_run(struct run *run, const struct rebuild_options *opt, struct rebuild_report *ret,
    struct err *err) MUST_CHECK;
/* The same if the map of RUN's link is lost, or a rebuild of it was interrupted; else without
 * effect. The directories are open, interrupted turns are finished, and RUN has its link_id. The
 * report and the findings are messages. */
int rebuild_if_lost(struct run *run, struct err *err) MUST_CHECK;

#endif
