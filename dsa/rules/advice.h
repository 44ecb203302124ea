/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_ADVICE_H
#define GALSYNC_RULES_ADVICE_H

/*
 * What an operator can do about a write that the directory refused, from the refusal, the change
 * and the object as it was read. Pure.
 *
 *   refusal                                        advice is about
 *   50, the object has adminCount                  AdminSDHolder: no grant on an OU reaches it
 *   50                                             the grant, or an access list of its own
 *   66 of a delete                                 what lies below it
 *   53 of a change of groupType                    what the group contains, or is in
 *   11 (a limit of the server)                     the number of values
 *   anything else                                  nothing: the server's words stand alone
 *
 *   feed -> entry -> match -> project -> diff -> plan -> [exec] -> record
 */

#include "dsa/base/err.h"
#include "dsa/directory/change.h"
#include "dsa/directory/entry.h"

/* What to do about ERR, which CHANGE met; E is the object as it was read, or NULL. "" if there is
 * nothing to say. Static. */
const char *advice_of(const struct err *err, const struct change *change, const struct entry *e);

#endif
