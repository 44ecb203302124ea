/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_TOGETHER_H
#define GALSYNC_VIEW_VIEW_TOGETHER_H

/*
 * Which mailboxes must move together, as members of the answer to `wave-suggest`:
 *
 *   asked      how many mailboxes were asked about that can be switched; `mailboxes` has them
 *   mailboxes  those, and what must go with them: a list of objects
 *     guid, dn, name, mail
 *     set      a number: who has the same moves together
 *     asked    true: it was asked about; false: it is here because of another one
 *   ties       between mailboxes of one set: a list of objects
 *     from, to the GUIDs of both
 *     set      that of both
 *     tie      "delegate", "send-on-behalf", ... (dsa/rules/together.h)
 *     breaks   what `to` cannot do while both are in different organizations
 *     split    true: one of both was asked about, and the other was not
 *   sets       how many sets of two mailboxes or more there are
 *   splits     how many ties are split
 *   unlisted   mailboxes and ties that the answer had no room for
 */

#include <jansson.h>

#include "dsa/jobs/together.h"

/* At most MOST mailboxes and as many ties are listed. *RET_SPLIT: something is. NULL without
 * memory. */
json_t *view_together(const struct together *t, size_t most, bool *ret_split) MUST_CHECK;

#endif
