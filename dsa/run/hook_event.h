/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RUN_HOOK_EVENT_H
#define GALSYNC_RUN_HOOK_EVENT_H

/* The events that a link's hook program gets (mapping/event.h). */

#include "dsa/run/run.h"
#include "mapping/client_report.h"
#include "mapping/event.h"
#include "mapping/wave.h"

/* Is RUN's link to tell its hook of events of KIND? */
bool hook_event_is_wanted(const struct run *run, enum event_kind kind);
/* Adds to T the event KIND about the correspondence R, which is as it is after that. SIDE has both
 * objects as they were read or made, NULL where one was not. Without effect if it is not wanted. Of
 * a return flow the body has the sides of the link: what is its source is the link's target. */
int hook_event_store(const struct run *run, struct store_txn *t, enum event_kind kind,
    const struct record *r, const struct entry *const side[SIDES], struct err *err) MUST_CHECK;
/* The same for EVENT_WAVE: W has ended, as T has it. */
int hook_event_store_wave(
    const struct run *run, struct store_txn *t, const struct wave *w, struct err *err) MUST_CHECK;
/* The same for EVENT_REPORTED: the client of R's mailbox reported C. */
int hook_event_store_client(const struct run *run, struct store_txn *t, const struct record *r,
    const struct client_report *c, struct err *err) MUST_CHECK;

#endif
