/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_EXPLAINING_FIND_H
#define GALSYNC_JOBS_EXPLAINING_FIND_H

#include "dsa/jobs/explaining.h"

/* Fills E's hits: what WHO names, each original once, live in both forests of RUN, which are open;
 * if nobody is there, those that the map knows by that name. */
int explaining_find(
    const struct run *run, const char *who, struct explaining *e, struct err *err) MUST_CHECK;

#endif
