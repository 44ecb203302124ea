/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_CONFLICTS_H
#define GALSYNC_CYCLE_CONFLICTS_H

/* The conflicts of a cycle's decisions, in the map and for people. */

#include "dsa/cycle/state.h"

/* The conflict that D says, now. It borrows from D and from the two arrays. */
void conflicts_of(const struct decision *d, char *candidates[DECISION_CANDIDATES],
    struct guid guids[DECISION_CANDIDATES], struct conflict *ret);
/* Stores the conflicts of this cycle's decisions and forgets those that are resolved. */
int conflicts_store(struct cycle *c, struct err *err) MUST_CHECK;
/* The same for the N source entries INDEXES, which were decided and planned again. */
int conflicts_store_again(
    struct cycle *c, const uint32_t *indexes, size_t n, struct err *err) MUST_CHECK;
/* The format of ADDRESS, HOLDER and conflicts_taken_text(). */
#define TAKEN_FORMAT "%s is held by '%s': %s"
/* What happens to the object. WHOLE: that keeps it from being written. */
const char *conflicts_taken_text(bool whole);
/* Reports E: ADDRESS is held by HOLDER. WHOLE: that keeps the object from being written. */
void conflicts_report_taken(const struct cycle *c, const struct run_event *e, const char *address,
    const char *holder, bool whole);

#endif
