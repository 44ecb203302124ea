/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_LEAVE_H
#define GALSYNC_CYCLE_LEAVE_H

/*
 * Correspondences whose source left: it was deleted, or it is hidden, disabled or out of scope.
 *
 * That an entry was not in the complete read of the source is only half of the proof: its GUID is
 * looked up as well, so that an answer the server cut short can never look like a departure. And a
 * limit holds all leave actions of a cycle in which too many leave at once.
 *
 *   feed -> entry -> [match] -> project -> diff -> plan -> exec -> record
 */

#include "dsa/cycle/state.h"

/* Plans what happens to the counterparts of all that left. Part of the deciding pass: the proof is
 * read. */
int leave_plan_all(struct cycle *c, struct err *err) MUST_CHECK;
enum leave_way {
	LEAVE_ALONE, /* as configured */
	/* There are objects below its counterpart: it is hidden, unless delete_children says that
	 * they are deleted first. */
	LEAVE_WITH_CHILDREN,
	LEAVE_HIDDEN /* they cannot be: it is hidden */
};
/* The same for one of them, which was planned before, in this WAY. WHY: what the directory said to
 * the deletion; the record of one that is hidden instead keeps that as its error. */
int leave_plan_one(struct cycle *c, const struct guid *source, enum leave_way way, const char *why,
    struct err *err) MUST_CHECK;
/* What the source lacks, it must lack by GUID too: *RET_MISSED says that it does not. */
int leave_prove_gone(struct cycle *c, const struct guid *g, bool *ret_gone, bool *ret_missed,
    struct err *err) MUST_CHECK;

#endif
