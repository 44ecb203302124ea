/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_DECIDE_H
#define GALSYNC_CYCLE_DECIDE_H

/*
 * The deciding pass: what becomes of each source object, its counterpart, and its names.
 *
 *   feed -> entry -> [match] -> project -> diff -> plan -> exec -> record
 */

#include "dsa/cycle/state.h"

/* Decides about every source entry. */
int decide_all(struct cycle *c, struct err *err) MUST_CHECK;
/* The same for the entries from number FROM on. */
int decide_from(struct cycle *c, uint32_t from, struct err *err) MUST_CHECK;
int decide_one(struct cycle *c, uint32_t index, const struct entry *source, struct decision *ret,
    struct err *err) MUST_CHECK;
/* Makes D, which was decided anew while the cycle runs, a conflict if it waits for an operator and
 * the limit holds such. */
int decide_hold_match(struct cycle *c, struct decision *d, struct err *err) MUST_CHECK;
int cycle_get_decision(
    struct cycle *c, uint32_t index, struct decision *ret, bool *found, struct err *err) MUST_CHECK;
/* The decision about the source object with GUID G; *FOUND false if it was not read. */
int cycle_find_decision(struct cycle *c, const struct guid *g, struct decision *ret, bool *found,
    struct err *err) MUST_CHECK;
int cycle_put_decision(
    struct cycle *c, uint32_t index, const struct decision *d, struct err *err) MUST_CHECK;
/* Tells an observer that wants decisions of D. */
void decide_tell(const struct cycle *c, const struct decision *d);
/* decide_names.c: names for what D creates, taken by no other object, and claimed. */
int decide_names(struct cycle *c, uint32_t index, const struct entry *source, struct decision *d,
    struct err *err) MUST_CHECK;

#endif
