/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_RECORDS_H
#define GALSYNC_CYCLE_RECORDS_H

#include "dsa/cycle/state.h"
#include "redirect/active_side.h"

/* Calls FN with each record whose object on SIDE was called DN when the record was stored, but for
 * those that left. The name of what is gone, or was renamed since, may be another object's now. */
int cycle_each_by_dn(struct cycle *c, enum side side, const char *dn, store_record_fn *fn,
    void *arg, struct err *err) MUST_CHECK;
/* The one record like that, *RET NULL if there is none, or if there are several: then the directory
 * must be asked whose name it is. */
int cycle_record_by_dn(struct cycle *c, enum side side, const char *dn, struct record **ret,
    struct err *err) MUST_CHECK;
/* The source object of R as it was read; *RET NULL if it was not. Caller frees it. */
int cycle_find_source(
    struct cycle *c, const struct record *r, struct entry **ret, struct err *err) MUST_CHECK;
/* The counterpart that R names, if it is there and no other object's; *RET NULL if not. Caller
 * frees it. */
int cycle_find_recorded(struct cycle *c, const struct record *r, uint32_t *ret_index,
    struct entry **ret, struct err *err) MUST_CHECK;

/* Whose mailbox the owner of the pair uses (active_side.h). Each may be NULL. */
struct active_side cycle_active_side(const struct cycle *c, const struct entry *source,
    const struct entry *target, const struct record *record);

#endif
