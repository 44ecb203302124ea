/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_READY_H
#define GALSYNC_RULES_READY_H

/*
 * The automatic switch: a mailbox is switched when the readiness attribute appears on its source
 * object. Pure: what an object's attribute means together with its record.
 *
 * It is the appearance that counts. An undo uses it up: the mailbox is left alone until a cycle has
 * seen the object without the attribute; when it appears again, it is switched again. So it is with
 * a record that was made anew from the stamp because the map was lost: nothing knows any more what
 * became of its readiness.
 *
 *   attribute      record                                      verdict
 *   not there      readiness used up                           AGAIN: from now on it counts again
 *   not there      else                                        NOTHING
 *   there          whatever, the target is active              NOTHING
 *   there          none, but for a stamp of before             USED: it must go and come again
 *   there          readiness used up                           NOTHING
 *   there          else                                        SWITCH
 */

#include <stdbool.h>

#include "dsa/config/conf.h"
#include "dsa/directory/entry.h"
#include "mapping/record.h"

enum ready { READY_NOTHING, READY_SWITCH, READY_AGAIN, READY_USED, READY_MAX };

/* Does the source object carry LINK's readiness attribute, with its value if one is demanded (ASCII
 * case ignored)? */
bool ready_is(const struct conf_link *link, const struct entry *source);
/* RECORD is NULL if the map has none, RULE how the counterpart was found then. ACTIVE is what both
 * objects say (redirect/active_side.h). */
enum ready ready_judge(
    bool is_ready, const struct record *record, enum match_method rule, enum side active);

#endif
