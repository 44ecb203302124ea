/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_TELL_HOOK_H
#define GALSYNC_CYCLE_TELL_HOOK_H

/*
 * What the hook hears of a cycle: what was turned elsewhere, what was created or matched for the
 * first time, and what left. An event is in the transaction that records what it tells of.
 *
 *   feed -> entry -> match -> project -> diff -> plan -> exec -> [record]
 */

#include "dsa/cycle/state.h"
#include "dsa/exec/plan_step.h"

/* Step S is done; BEFORE is the record that the map had of it before that, or NULL. What a new map
 * finds again by its stamps is nothing new. */
int tell_hook(struct cycle *c, struct store_txn *t, const struct plan_step *s,
    const struct record *before, struct err *err) MUST_CHECK;

#endif
