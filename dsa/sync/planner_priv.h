/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_SYNC_PLANNER_PRIV_H
#define GALSYNC_SYNC_PLANNER_PRIV_H

/* Shared by planner.c and its parts (planner_addresses.c). */

#include "dsa/sync/planner.h"

/* One object being planned; the chain of parents is the stack of the recursion. */
struct planning {
	struct cycle *c;
	uint32_t index;
	unsigned depth;
	const struct planning *parent;
	struct decision *d;
	struct project_in in;
	struct plan_step *step;
	bool stored;	      /* STEP has something to do and is in the plan */
	bool turned;	      /* STEP turns mail to the active side */
	bool broken[SIDES];   /* somebody changed the redirection of that side's object */
	struct change *links; /* references for a later phase */
	struct buf problems;
	struct err *err;
};

/* planner_addresses.c */

/* Takes out of WANT's proxyAddresses what another object of SIDE holds, or what another source
 * object carries too. PRESENT is the object as it is, number SELF, or NULL: what it has already
 * stays. The primary address and ESSENTIAL, the redirect address, must be had: without them the
 * whole object is in conflict (*RET_BLOCKED). */
int planning_check_addresses(struct planning *p, enum side side, struct entry *want,
    const struct entry *present, uint32_t self, const char *essential,
    bool *ret_blocked) MUST_CHECK;
/* A matched object may have its address in `mail` alone: mail to it goes on arriving. CHANGE adds
 * the address that it is about to take from there; the value is not ours, so it is no part of WANT.
 */
int planning_keep_mail(struct planning *p, const struct entry *want, const struct entry *target,
    const struct record *record, struct change *change) MUST_CHECK;

#endif
