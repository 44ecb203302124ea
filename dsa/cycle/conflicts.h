/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_CONFLICTS_H
#define GALSYNC_CYCLE_CONFLICTS_H

/* The conflicts of a cycle's decisions, in the map and for people. */

#include "dsa/cycle/state.h"

/* Stores the conflicts of this cycle's decisions and forgets those that are resolved. */
int cycle_store_conflicts(struct cycle *c, struct err *err) MUST_CHECK;
/* Reports E: ADDRESS is held by HOLDER. WHOLE: that keeps the object from being written. */
void cycle_report_taken(const struct cycle *c, const struct run_event *e, const char *address,
    const char *holder, bool whole);

#endif
