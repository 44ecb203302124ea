/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_PROVEN_TIME_H
#define GALSYNC_MAPPING_PROVEN_TIME_H

/*
 * How much time has passed in the life of a map, whatever the wall clock says.
 *
 * The wall clock can be set: forward, and a day's limits would be free again; back, and what was to
 * be done in a minute would wait for a year. Proven time is a count of seconds that only grows. It
 * grows by CLOCK_BOOTTIME of the kernel, also while the daemon does not run, as long as the machine
 * was not started anew. Over a start of the machine it grows by what the wall clock says, but not
 * by more than the machine runs already and ten minutes: the rest is not proven.
 *
 * Who trusts which clock:
 *
 * - The limits of 24 hours (held.h) are free again when both clocks say so.
 * - A pause after a failure (store_put_retry(), store_put_membership(), events of the hook) is over
 *   when either clock says so; by the wall clock also when it lies further ahead than any pause is.
 * - The journal is not trimmed by age for two days of proven time after the clocks have parted by
 *   more than an hour, nor by size until it takes twice what it may (retention.h). That is so after
 *   each longer outage of the machine too, and harms nothing.
 * - Waves are due by the wall clock: that is what an operator asked for.
 * - Whether something made on one server may still come to another is asked by the wall clock
 *   (RUN_REPLICATION_S): at worst an object is looked for, or planned, again. Kerberos lets nobody
 *   in whose clock is wrong by five minutes.
 * - Times that are only shown or written (created_at, since, memory.json) are the wall clock's.
 */

#include "mapping/store.h"

/* Seconds of proven time; 0 before the first store_keep_time(). */
int store_proven_s(struct store_txn *t, int64_t *ret, struct err *err) MUST_CHECK;
/* Writes down how far both clocks are. To be called at each end of a cycle. */
int store_keep_time(struct store_txn *t, struct err *err) MUST_CHECK;
/* *RET false if the clocks have parted within the last two days of proven time. */
int store_clock_is_settled(struct store_txn *t, bool *ret, struct err *err) MUST_CHECK;
/* As if S seconds of proven time more had passed, for tests; as if the wall clock had been set by
 * WALL_S since. */
int store_pass_time(struct store_txn *t, int64_t s, int64_t wall_s, struct err *err) MUST_CHECK;

#endif
