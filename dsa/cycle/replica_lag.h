/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_REPLICA_LAG_H
#define GALSYNC_CYCLE_REPLICA_LAG_H

/*
 * A domain controller that lacks an object may only not have received it yet. After a failover that
 * must not be taken for a loss: the object would be created a second time.
 *
 * A counterpart that is known is really gone if its tombstone is there, and one that was created is
 * if the very server lacks it that it was created on. A domain with one controller has no secrets.
 * In all other cases the object waits: until it turns up, or for a day, which is more than
 * replication needs; or until an administrator who knows better says `resync --object`.
 */

#include "dsa/cycle/state.h"

int lag_new(struct lag **ret, struct err *err) MUST_CHECK;
void lag_free(struct lag *l);
/* *RET true if the counterpart of SOURCE (R is its record, or NULL), which was not found, may be on
 * another domain controller and only not have reached this one. Reads the target. */
int lag_may_come(struct cycle *c, const struct guid *source, const struct record *r, bool *ret,
    struct err *err) MUST_CHECK;
/* SOURCE is left alone in this cycle; lag_store() reports that and puts it down to be tried again.
 */
int lag_wait_for(struct cycle *c, const struct guid *source, struct err *err) MUST_CHECK;
/* The same of one that is there, but was missing from an answer of the source. */
int lag_note_missed(struct cycle *c, const struct guid *source, struct err *err) MUST_CHECK;
int lag_store(struct cycle *c, struct err *err) MUST_CHECK;

#endif
