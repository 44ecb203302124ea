/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_READING_H
#define GALSYNC_CYCLE_READING_H

/*
 * What a full cycle reads: both forests whole, or what the full cycle of the link's other flow has
 * left of that (dsa/world/reading.h):
 *
 *   cursors --> both forests, whole --> the first flow --> its entries, and the cursors
 *                                                            |
 *   cursors <-- what changed since, read again <-- the lock of the second flow's target
 *      |
 *      +------> the second flow
 *
 * The feeds tell what changed between the first reading and the lock: what the first flow wrote,
 * and what other links and other people did meanwhile. So the second flow sees what it would see if
 * it read everything itself, and the cursors that its first delta begins with are from after that.
 * Without feeds by DirSync, on another server than the one that was read, and where an attribute
 * was not read, everything is read again. A plan writes nothing: both flows are planned over what
 * is there at one time.
 *
 *   [feed] -> [entry] -> match -> project -> diff -> plan -> exec -> record
 */

#include "dsa/cycle/state.h"

/* What a full cycle left. Begin with zeros. */
struct shared_reading {
	struct world_reading *world; /* NULL: nothing */
	/* From before it was read, and the database instances that gave them, by the sides of the
	 * cycle that read. Empty after a plan. */
	struct buf cursor[SIDES];
	char told_by[SIDES][GUID_TEXT_SIZE];
};
void shared_reading_done(struct shared_reading *r);
static inline void
shared_reading_donep(struct shared_reading *r)
{
	shared_reading_done(r);
}

/* Fills C's empty world, and gets the cursors that the next delta begins with, unless C is only
 * planned or only a part of its plan is carried out. */
int reading_read(struct cycle *c, struct err *err) MUST_CHECK;
/* C has ended, and is of no use any more but to be freed: C->opt->leaves gets what it read, if it
 * read everything and a second flow can begin with that. */
void reading_leave(struct cycle *c);

#endif
