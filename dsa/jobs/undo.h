/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_UNDO_H
#define GALSYNC_JOBS_UNDO_H

/*
 * Takes changes back that are in the journal, the last one first (dsa/rules/undo.h). An undo is a
 * cycle of its own in the journal, each of its entries names the one that it takes back, and it can
 * be undone like any other.
 *
 * An object that was deleted is brought back itself, with its objectGUID and SID, as long as there
 * is a tombstone of it. If the server refuses that a new object is made, and that is said.
 *
 * What was taken back is kept off: as long as a change of an object is undone nothing is written
 * for that object by a cycle (HELD_UNDONE), until an operator approves, or the undo is undone.
 *
 * A crash between any two writes:
 *
 *   intent      what is kept off, with the intent                     nothing is written again
 *   change      the value, or the object, is as before                the same; the journal is
 * settled outcome     with the outcome the record of what was made goes     done
 *
 * A record that a crash left of an object that is gone goes when the same is undone again. That an
 * object is kept off is kept outside of the map too (keepsake.h), so that a lost map makes nothing
 * be written again.
 */

#include "dsa/run/run.h"

struct undo_order {
	const uint64_t *changes; /* their numbers in the journal, in any order, each once */
	size_t n;
	bool dry_run; /* only tells: nothing is written */
};

struct undo_counts {
	uint64_t done;	 /* taken back, or would be; and those that need nothing */
	uint64_t left;	 /* of which something is left */
	uint64_t failed; /* a directory refused */
};

/* The observer gets a result for each; what is left is in its blockers. RUN is of the link whose
 * changes these are, in either of its flows. -1 only if nothing more can be done. Opens the
 * directories, and, unless it is a dry run, ends what was interrupted first. */
int undo_run(struct run *run, const struct undo_order *o, struct undo_counts *ret,
    struct err *err) MUST_CHECK;

#endif
