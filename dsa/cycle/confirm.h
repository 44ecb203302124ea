/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_CONFIRM_H
#define GALSYNC_CYCLE_CONFIRM_H

/*
 * After the writes: an add does not tell the GUID of what it created, so all of them are learned in
 * one read, by their stamps, instead of one read for each.
 */

#include "dsa/cycle/state.h"

/* Remembers where the target is before the first write. */
int births_new(struct run *run, struct births **ret, struct err *err) MUST_CHECK;
void births_free(struct births *b);
DEFINE_CLEANUP(struct births *, births_free)
/* The counterpart of the source object SOURCE was created. */
int births_add(struct cycle *c, const struct guid *source, struct err *err) MUST_CHECK;
/* Does the target's server that answers now know all that this cycle wrote? */
bool births_same_server(const struct cycle *c);
/* Learns the GUIDs and SIDs of what was created, if anything was. */
int cycle_confirm(struct cycle *c, struct err *err) MUST_CHECK;

#endif
