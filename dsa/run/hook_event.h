/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RUN_TURN_EVENT_H
#define GALSYNC_RUN_TURN_EVENT_H

/* The event that a link's hook program gets of a turned mailbox (mapping/event.h). */

#include "dsa/run/run.h"
#include "mapping/event.h"

/* Adds to T the event KIND about the correspondence R, which is as it is after the turn. SIDE has
 * both objects as they were read, NULL where one was not. Without effect if RUN's link has no hook.
 */
int turn_event_store(const struct run *run, struct store_txn *t, enum event_kind kind,
    const struct record *r, const struct entry *const side[SIDES], struct err *err) MUST_CHECK;

#endif
