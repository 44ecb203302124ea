/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_TURN_LOOK_H
#define GALSYNC_JOBS_TURN_LOOK_H

/*
 * A dry run of a turn: reads both sides of each mailbox as the turn does (turn_read.c), and asks
 * for all that must be true before it by the same rule (redirect/turn.h). Nothing is written, in
 * the directories or in the map. What a turn would do before all others, to finish what was
 * interrupted, is told only.
 */

#include "dsa/jobs/turn_run.h"

/* One mailbox. */
struct turn_looked {
	const struct guid *source;
	const char *dn; /* "" if it is not known */
	bool ok;	/* it could be turned now, or is as wanted already */
	bool already;
	const char *remark; /* "" if there is none */
	struct {
		bool asked, ok;
		char why[TURN_WHY_SIZE]; /* asked and not OK */
	} need[TURN_NEEDS];
};

/* L is lent. 0 or -1. */
typedef int turn_looked_fn(const struct turn_looked *l, void *arg, struct err *err);
/* Opens the directories and calls FN for each mailbox of O. -1 if they, or the map, cannot be read.
 */
int turn_look(struct run *run, const struct turn_order *o, turn_looked_fn *fn, void *arg,
    struct err *err) MUST_CHECK;

#endif
