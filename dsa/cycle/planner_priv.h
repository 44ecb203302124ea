/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_PLANNER_PRIV_H
#define GALSYNC_CYCLE_PLANNER_PRIV_H

/* Shared by planner.c and its parts (planner_addresses.c, planner_redirect.c). */

#include "dsa/cycle/planner.h"

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

/* planner_redirect.c */

/* Plans what puts the redirection right (repair.h) if ACTIVE is the active side. With the source
 * active, what it must not have goes before the target gets its own redirection; with the target
 * active it comes after the target has got its redirect address. */
int planning_redirect(struct planning *p, enum side active) MUST_CHECK;
/* No limit and nobody's rejection lets a loop be. OLD is the stored record, RECORD the one to be.
 * *RET_LEFT: an operator rejected it, so the object is left as it is. Half of what is to be done to
 * it would not be safe. */
int planning_limit_redirection(struct planning *p, const struct record *old,
    const struct record *record, bool *ret_left, struct err *err) MUST_CHECK;

#endif
