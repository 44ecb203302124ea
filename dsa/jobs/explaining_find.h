/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_EXPLAINING_FIND_H
#define GALSYNC_JOBS_EXPLAINING_FIND_H

#include "dsa/jobs/explaining.h"

/* Fills E's hits: what WHO names, each original once, live in both forests of RUN, which are open;
 * if nobody is there, those that the map knows by that name. */
int explaining_find(
    const struct run *run, const char *who, struct explaining *e, struct err *err) MUST_CHECK;
/* The one recipient of SIDE that WHO names, live, whatever it is the counterpart of: *RET with its
 * GUID and DN, which the caller frees, is NULL unless *RET_N, how many there are, is 1. */
int explaining_find_one(const struct run *run, enum side side, const char *who, struct entry **ret,
    size_t *ret_n, struct err *err) MUST_CHECK;
/* explaining.c: what a cycle of the flow RUN makes of SOURCE, as if ASSUMED (NULL: nothing) had
 * been said about it: E's x and notes. */
int explaining_look(const struct run *run, const struct guid *source,
    const struct resolution *assumed, struct explaining *e, struct err *err) MUST_CHECK;

#endif
