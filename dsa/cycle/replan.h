/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_REPLAN_H
#define GALSYNC_CYCLE_REPLAN_H

/*
 * When the directory has moved on since it was read: the objects concerned are read again, and
 * decided and planned as if they had been read so in the first place, as the steps of a new round.
 * A few rounds of that are enough unless the very same objects are written to all the time. So the
 * flow has one way back, from exec to entry.
 */

#include "dsa/cycle/state.h"

int replan_new(struct replan **ret, struct err *err) MUST_CHECK;
void replan_free(struct replan *r);
/* Source entry SOURCE is to be planned again because of WHY; WORLD_NONE: one that left, by its GUID
 * LEFT. */
int replan_add(struct cycle *c, uint32_t source, const struct guid *left, const char *why,
    struct err *err) MUST_CHECK;
/* A connection broke: a server may have forgotten what it did. */
void replan_note_lost(struct cycle *c);
bool replan_is_needed(const struct cycle *c);
/* One round: reads, decides and plans again what was added, and what the server has forgotten of
 * what that refers to. */
int replan_run(struct cycle *c, struct err *err) MUST_CHECK;
/* What is still to be planned again was not written, because of WHAT: it is counted, reported, and
 * put down to be tried again. */
int replan_give_up(struct cycle *c, const char *what, struct err *err) MUST_CHECK;

#endif
