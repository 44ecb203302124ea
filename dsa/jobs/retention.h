/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_RETENTION_H
#define GALSYNC_JOBS_RETENTION_H

/*
 * What is removed from the journal as it grows: entries older than journal_days, and the oldest
 * ones while it takes more than journal_size_mb. What is under way stays, and so does what is
 * younger than two days: a cycle asks the journal on which server a counterpart was created, for a
 * day.
 *
 * After the wall clock was set nothing goes for its age, and for the journal's size only what is
 * more than twice journal_size_mb, until the clock has been trusted for two days (proven_time.h).
 *
 * The work is cut into pieces of some hundred entries, each a write transaction of its own, so that
 * nothing else waits long for the map. A daemon that ends between two pieces leaves a whole
 * journal.
 */

#include <stddef.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/config/conf.h"
#include "mapping/store.h"

/* Removes up to PIECES pieces (0: all) of what is too much at time NOW (seconds since the epoch).
 * *RET_REMOVED entries. To be called when a cycle has succeeded: then the clock is right, or no
 * server would have let it in. */
int retention_run(struct store *s, const struct conf *c, int64_t now, size_t pieces,
    size_t *ret_removed, struct err *err) MUST_CHECK;

#endif
