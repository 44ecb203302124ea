/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_STANDING_H
#define GALSYNC_JOBS_STANDING_H

/*
 * Why an object is not, or not any more, in a correspondence of a link: in words, from the map and
 * the live source. "it is not synchronized: hidden", "it could not be written, and is tried again:
 * ...", "its source object 'CN=Jo,...' is gone", "it
 * was an address of 'CN=Jo,...', which has left the synchronization: outside the bases".
 *
 * The directories of the run are open. *RET is NULL where there is nothing to say, or the caller's
 * to free.
 */

#include "dsa/run/run.h"

/* Of the object with GUID G of SIDE. Nothing is said of what is synchronized, nor of what is in the
 * target and no counterpart. */
int standing_of_object(const struct run *run, enum side side, const struct guid *g, char **ret,
    struct err *err) MUST_CHECK;
/* Of ADDRESS, which no object has: whose the map says that it is, or was. */
int standing_of_address(
    const struct run *run, const char *address, char **ret, struct err *err) MUST_CHECK;

#endif
