/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_OTHER_FLOW_H
#define GALSYNC_CYCLE_OTHER_FLOW_H

/*
 * Several flows run between the forests: two of a link that has return contacts, and those of other
 * links. Each projects references to what the others made: the manager of a counterpart may be a
 * native, that of a return contact a counterpart, a member one of a third forest. When a
 * counterpart goes, the directory ends every reference to it without a word about the objects that
 * had it. So who makes it go, or finds it gone, puts these down for the flows that they belong to.
 * The same where a reference waits for what another flow makes.
 *
 *   feed -> entry -> match -> project -> diff -> [plan] -> exec -> record
 */

#include "dsa/cycle/state.h"

/* The back links of what the table translates; NULL-terminated. */
extern const char *const other_flow_back_links[];

/* E of SIDE, read with other_flow_back_links, comes or goes: what refers to it and is another
 * flow's, on either side of that, is an object that the next delta of that flow looks at. Without
 * effect if there is no other flow, or if nothing is to be written. Safe to repeat. */
int other_flow_note(
    struct cycle *c, enum side side, const struct entry *e, struct err *err) MUST_CHECK;
/* The same of the object G of SIDE, which is read for it; none is no error. */
int other_flow_note_of(
    struct cycle *c, enum side side, const struct guid *g, struct err *err) MUST_CHECK;
/* The record BEFORE, or NULL, of this cycle's flow becomes NOW in T. If a counterpart that is there
 * comes by that, what waits in other flows for one of the two sides, by its name or its SID, is
 * looked at by their next deltas. Without a request; safe to repeat. */
int other_flow_wake(struct cycle *c, struct store_txn *t, const struct record *before,
    const struct record *now, struct err *err) MUST_CHECK;
/* Is that why a retry, WHY, is there? Who is looked at for that puts nothing down itself: else two
 * flows would go on telling each other for ever. */
bool other_flow_is_note(const char *why);

#endif
