/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_REPLAN_H
#define GALSYNC_CYCLE_REPLAN_H

/*
 * When the directory has moved on since it was read: the objects concerned are read again, and
 * decided and planned as if they had been read so in the first place, as the steps of a new round.
 * So the flow has one way back, from exec to entry. The same for what waits until another object
 * has let go of something.
 *
 * There are rounds until nothing is to be planned again. That ends, for each object is planned
 * again only a few times because of what others do to the directory, and else as long as what it
 * waits for becomes less (plan_release.c).
 */

#include "dsa/cycle/state.h"

int replan_new(struct replan **ret, struct err *err) MUST_CHECK;
void replan_free(struct replan *r);
enum replan_reason {
	REPLAN_DRIFT, /* it is not what was read */
	/* One of its changes was refused for good: the others are made without that, each by itself
	 * where they can be. */
	REPLAN_APART,
	/* Of one that left: there are objects below its counterpart. They go first if that is
	 * configured; else, or if that did not help, the counterpart is hidden. */
	REPLAN_NONLEAF,
	REPLAN_TAKES,  /* another object had to let go of something first */
	REPLAN_CIRCLE, /* mail goes round because of it (circles.h): nothing else of it is planned
			*/
	REPLAN_WAITED  /* for something else of this cycle: nothing has changed meanwhile */
};
/* Source entry SOURCE is to be planned again for REASON, because of WHY; WORLD_NONE: one that left,
 * by its GUID LEFT. What was tried often enough is given up at the end of the cycle. */
int replan_add(struct cycle *c, uint32_t source, const struct guid *left, enum replan_reason reason,
    const char *why, struct err *err) MUST_CHECK;
/* *RET: the object SOURCE, which waits for as much as before, may be planned once more: something
 * of the round before had failed, and it was not tried too often. */
int replan_may_try(
    struct cycle *c, const struct guid *source, bool *ret, struct err *err) MUST_CHECK;
/* A connection broke: a server may have forgotten what it did. */
void replan_note_lost(struct cycle *c);
bool replan_is_needed(const struct cycle *c);
/* One round: reads, decides and plans again what was added, and what the server has forgotten of
 * what that refers to. */
int replan_run(struct cycle *c, struct err *err) MUST_CHECK;
/* There is no further round: what is no more as it was read is given up, and what only waits for
 * others is left for the next cycle. */
int replan_stop(struct cycle *c, struct err *err) MUST_CHECK;
/* What was tried often enough was not written: it is counted, reported, remembered on its
 * record, and put down to be tried again. That the directory kept changing is said of what was seen
 * to change. */
int replan_give_up(struct cycle *c, struct err *err) MUST_CHECK;

#endif
