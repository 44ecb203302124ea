/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_CIRCLES_H
#define GALSYNC_CYCLE_CIRCLES_H

/*
 * Mail that goes round: two objects that redirect to each other, or one that redirects to itself.
 * Whatever else is done about a correspondence of the map, or not done because its source left, it
 * is finished, in conflict, held or rejected, this is ended, towards the active side
 * (active_side.h).
 *
 * It is the last look of the planning pass, at what the cycle knows of (a full one: all, a delta:
 * what it is about), and asks one thing: does a step of the plan end it? What is synchronized has
 * such a step, with all else that puts its redirection right (repair.h). Of anything else the
 * targetAddress goes that makes mail go round, and nothing but that is written, in either directory
 * or in the map. No limit holds it, and none counts it, as with what is synchronized.
 *
 * Left alone, and told, is what is not galsync's to end: a source object outside the bases, an
 * object of another link, a privileged one. And so is the source of a pair in scope that has lost
 * its mailbox before it was switched: without its targetAddress it would be no recipient any more,
 * and leave.
 *
 *   feed -> entry -> match -> project -> diff -> [plan] -> exec -> record
 */

#include "dsa/cycle/state.h"

/* When everything is planned, and what is too much is held. */
int circles_plan_all(struct cycle *c, struct err *err) MUST_CHECK;
/* The same for one correspondence in a later round, of SOURCE: both objects are read again first.
 */
int circles_plan_again(struct cycle *c, const struct guid *source, struct err *err) MUST_CHECK;

#endif
