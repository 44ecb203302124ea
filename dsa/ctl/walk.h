/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CTL_WALK_H
#define GALSYNC_CTL_WALK_H

/* What the verbs that print many correspondences share. */

#include "dsa/ctl/ctl.h"
#include "dsa/view/view_record.h"

/* Calls FN with all records of FLOWS. PRINTS: it prints them, so what there is goes out in
 * portions, between which no transaction is open. */
int ctl_walk_records(struct ctl *c, const uint32_t flows[SIDES], bool prints, store_record_fn *fn,
    void *arg, struct err *err) MUST_CHECK;
/* R as it is shown. */
void ctl_turn(struct ctl *c, const struct record *r, struct view_turned *ret);

#endif
