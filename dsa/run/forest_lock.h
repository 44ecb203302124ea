/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RUN_FOREST_LOCK_H
#define GALSYNC_RUN_FOREST_LOCK_H

/*
 * One cycle at a time decides what a target forest gets. Two links into one forest would each find
 * a name or an address free, and give it to two objects. So a cycle holds the lock of its target
 * from before it reads what it decides about until its outcome is in the map.
 *
 * A forest is known by its own name, whatever the configuration calls it. The locks belong to the
 * process, not to a child that it forks: one process writes a map. They are given in the order in
 * which they were asked for, so that a link with much to do does not starve the others. Any thread
 * may use them; a thread may not ask for the lock of a forest that it has already.
 */

#include "dsa/base/err.h"
#include "dsa/base/mem.h"

struct forest_lock;

/* The longest time between two calls of the function below, in milliseconds. */
#define FOREST_LOCK_SLICE_MS 250
/* Called by the one that waits, in its own thread and without any lock: when it begins to wait, and
 * then again and again. HOLDER is the owner of the lock, valid during the call. -1 with ERR: it
 * gives up waiting. */
typedef int forest_lock_wait_fn(const char *holder, void *arg, struct err *err);

/* Takes the lock of the forest NAME (a DN that is the same for all its domains, in any spelling)
 * for OWNER (copied), and waits for it as long as FN says. -1 with FN's error, or if NAME is no DN.
 */
int forest_lock_take(const char *name, const char *owner, forest_lock_wait_fn *fn, void *arg,
    struct forest_lock **ret, struct err *err) MUST_CHECK;
/* Gives it to the one that waits the longest. NULL has no effect. */
void forest_lock_release(struct forest_lock *l);
DEFINE_CLEANUP(struct forest_lock *, forest_lock_release)

#endif
