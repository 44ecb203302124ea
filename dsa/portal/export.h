/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_PORTAL_EXPORT_H
#define GALSYNC_PORTAL_EXPORT_H

/* A list as CSV, of any length, in portions: between two of them nothing is held but the numbers of
 * the records, so a client that reads slowly costs little. */

#include "dsa/portal/source.h"

struct export;

/* The most that are under way at a time: each has 8 octets for each record. */
#define EXPORT_MAX 8

/* What R's query means. ERR_SYS with EBUSY: there are EXPORT_MAX already. */
int export_new(struct source *s, const struct portal_request *r, struct export **ret,
    struct err *err) MUST_CHECK;
void export_free(struct export *x);
/* The next octets, at most SIZE, into RET; 0: that was all; -1: it cannot go on. */
ssize_t export_next(struct export *x, char *ret, size_t size);

#endif
