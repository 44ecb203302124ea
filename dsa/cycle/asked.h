/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_ASKED_H
#define GALSYNC_CYCLE_ASKED_H

/* The objects that a cycle was asked for: who asks for one wants to know that nothing was done. */

#include "dsa/cycle/state.h"

/* Counts in RES those that are not synchronized, because they are not there, not in scope, or
 * without a counterpart, and says why of the first of them. To be called when all is decided;
 * without effect for a toggle, which judges its objects itself. Reads the source for what it did
 * not give. */
int asked_judge(struct cycle *c, struct err *err) MUST_CHECK;

#endif
