/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_LOOK_H
#define GALSYNC_VIEW_VIEW_LOOK_H

/*
 * What a dry run of a turn found, as JSON: members of the answer to `switch-plan` and `wave-check`.
 *
 *   turn       "switch" or "undo"
 *   results    an item for each mailbox, in the order in which they were named:
 *     guid       of the source object
 *     dn         of it, or "" if it is not known
 *     ok         true: it could be turned now
 *     text       a remark, or ""
 *     checks     an object with a member for each thing that must be true before: true; a text that
 *                says what is not so; or null where it could not be asked. Of what is not in the
 *                map, or as wanted already, that is all but "map".
 *   checked    mailboxes
 *   broken     of these, those that could not be turned
 *   already    those that are as wanted
 *   unlisted   those for which `results` has no room; half of it is for those that are broken
 */

#include <jansson.h>

#include "dsa/jobs/turn_look.h"

struct view_look {
	json_t *results;
	size_t most; /* of them */
	uint64_t checked, broken, already, unlisted;
};

void view_look_init(struct view_look *v, size_t most);
void view_look_done(struct view_look *v);
static inline void
view_look_donep(struct view_look *v)
{
	view_look_done(v);
}
/* turn_looked_fn; ARG is the struct view_look. */
int view_look_looked(const struct turn_looked *l, void *arg, struct err *err) MUST_CHECK;
/* V is used up. NULL without memory. */
json_t *view_look(struct view_look *v, enum turn turn) MUST_CHECK;

#endif
