/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_TURN_RUN_H
#define GALSYNC_JOBS_TURN_RUN_H

/*
 * Carries out turns (turn.h) of many mailboxes: reads both sides, checks, writes the operation and
 * its intents down, makes the changes, reads both sides again, and records. What a crash leaves is
 * in turn_run.c.
 */

#include "dsa/run/run.h"
#include "redirect/turn.h"

/* What LINK's mailboxes are turned by. It borrows from LINK. */
struct turn_conf turn_conf_of(const struct conf_link *link);
/* What is to be turned. Lent. */
struct turn_order {
	enum turn turn;
	bool force;		    /* see turn_facts */
	const struct guid *sources; /* source GUIDs */
	size_t n;
};

/* Turns the mailboxes of O; the observer gets a result for each. It is a good one too if only the
 * marker group could not be changed, and says so: that is tried again by turn_resume(). -1 only if
 * nothing more can be done (a connection or the map is lost); what was begun is finished by
 * turn_resume(). A mailbox that cannot be turned harms no other. The directories of RUN are open.
 */
int turn_run(const struct run *run, const struct turn_order *o, struct err *err) MUST_CHECK;
/* Finishes what a crash or an outage interrupted, and changes the marker group where that failed,
 * if it is time. Must be done before any cycle of the link: a cycle would take the half-done turn
 * for a mistake. */
int turn_resume(const struct run *run, struct err *err) MUST_CHECK;

#endif
