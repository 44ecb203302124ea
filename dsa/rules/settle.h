/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_SETTLE_H
#define GALSYNC_RULES_SETTLE_H

/*
 * What became of a change that was sent and did not simply succeed. Pure.
 *
 *   failure                                          verdict
 *   the connection broke, the server gave up         UNKNOWN: the object itself tells
 *   a stop of the program came first                 UNSENT
 *   66 of a delete: there are objects below it       REFUSED
 *   the object is not what was read                  DRIFT: read again, plan again
 *   19 or 53 at the first look, but of a delete      DRIFT
 *   anything else                                    REFUSED
 *
 * Some servers say with results that mean "never" elsewhere that the directory has moved on: the
 * removal of a member that is no longer one (53), a second value for an attribute that was empty
 * (19), a reference to what is gone (19). One more look decides.
 *
 *   feed -> entry -> match -> project -> diff -> plan -> [exec] -> record
 */

#include <stdbool.h>

#include "dsa/base/err.h"
#include "dsa/directory/change.h"
#include "dsa/directory/entry.h"

enum settle { SETTLE_UNKNOWN, SETTLE_UNSENT, SETTLE_DRIFT, SETTLE_REFUSED, SETTLE_MAX };

/* Judges the failure ERR of a change OP. FIRST_LOOK: the object was not read again because of such
 * a failure yet, or what was read since may be forgotten by a server that died. */
enum settle settle_failure(const struct err *err, enum change_op op, bool first_look);
/* Was CHANGE made? NOW is its object with all attributes (of an add: whatever has its name), or
 * NULL if there is none. An add was made if the object has the classes and the stamp that it gave:
 * another object may have taken the name. */
bool settle_was_made(const struct change *change, const struct entry *now);

#endif
