/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_RECORDS_H
#define GALSYNC_CYCLE_RECORDS_H

#include "dsa/cycle/state.h"
#include "redirect/active_side.h"

/* The record that has DN on SIDE now, *RET NULL if there is none. */
int cycle_record_by_dn(struct cycle *c, enum side side, const char *dn, struct record **ret,
    struct err *err) MUST_CHECK;
/* The counterpart that R names, if it is there and no other object's; *RET NULL if not. Caller
 * frees it. */
int cycle_find_recorded(struct cycle *c, const struct record *r, uint32_t *ret_index,
    struct entry **ret, struct err *err) MUST_CHECK;

/* Whose mailbox the owner of the pair uses (active_side.h). Each may be NULL. */
struct active_side cycle_active_side(const struct cycle *c, const struct entry *source,
    const struct entry *target, const struct record *record);

#endif
