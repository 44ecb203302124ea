/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RUN_SIDES_H
#define GALSYNC_RUN_SIDES_H

/* Both forests at the same time. */

#include "dsa/base/err.h"
#include "dsa/directory/dir.h"
#include "mapping/record.h"

/* Takes ownership of E. The calls for one side come one after the other, those for the two sides at
 * the same time: the target's from a thread of its own. */
typedef int sides_entry_fn(enum side side, struct entry *e, void *arg, struct err *err);
/* Reads what FILTER finds in both domains, ATTRS of each side. If one side fails the other one ends
 * too, and goes on being usable. The first error is given, with the forest's name, and in
 * *RET_FAILED (may be NULL) the side. */
int sides_read(struct dir *const dir[SIDES], const char *filter,
    const char *const *const attrs[SIDES], sides_entry_fn *fn, void *arg, enum side *ret_failed,
    struct err *err) MUST_CHECK;

/* Calls FN for both sides at once, the target's in a thread of its own, and waits for both. -1 with
 * the source's error, or else the target's. */
typedef int sides_fn(enum side side, void *arg, struct err *err);
int sides_run(sides_fn *fn, void *arg, struct err *err) MUST_CHECK;

#endif
