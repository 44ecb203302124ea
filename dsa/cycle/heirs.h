/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_HEIRS_H
#define GALSYNC_CYCLE_HEIRS_H

/*
 * Contacts that give way to real objects (dsa/rules/heir.h), as part of a cycle:
 *
 *   plan     finds them (plan_heir.c); what they hold is left out of the plan             nothing
 *   run      what an earlier cycle began goes on                                    open intents
 *   apply    the plan: the stamps that say what inherits from what                   open intents
 *   run      reads both objects, and moves what there is to move, write by write     open intents
 *   replan   the heir's object, with what it has now
 *
 * What matters of it is in the directories alone: what a crash leaves is found by the next plan and
 * goes on where it ended. So it is also when a write is refused: the contact keeps, or gets
 * back, what its heir cannot have, and that is told.
 *
 *   feed -> entry -> match -> project -> diff -> [plan] -> [exec] -> record
 */

#include "dsa/cycle/state.h"

/* As long as a hand-over is under way, the retry of its source object says so: by that a delta
 * finds a contact that holds nothing any more. *RET: the contact that WHY, of a retry, is about. */
bool heirs_names_contact(const char *why, struct guid *ret);

int heirs_new(struct heirs **ret, struct err *err) MUST_CHECK;
void heirs_free(struct heirs *h);
/* CONTACT, of SIDE, gives way to source entry SOURCE, or on the target to its counterpart. Of no
 * effect if that is known. */
int heirs_add(struct cycle *c, uint32_t source, enum side side, const struct entry *contact,
    struct err *err) MUST_CHECK;
/* Moves everything from the contacts that were added to their heirs, as far as the directories say
 * that they are that now: before the plan is carried out, so that what a crash interrupted goes on
 * first; and with LAST after it, for those that the plan has made heirs. -1 if nothing more can be
 * done. */
int heirs_run(struct cycle *c, bool last, struct err *err) MUST_CHECK;

#endif
