/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RUN_GUARD_H
#define GALSYNC_RUN_GUARD_H

/*
 * Who is in a privileged group of a forest, by whatever way: as a member, as a member of a member,
 * or by its primary group. Privileged groups are those that AD protects (adminCount, MS-ADTS
 * 3.1.1.6.1.2: Administrators, Domain Admins, Enterprise Admins, Schema Admins, the operators, and
 * what a member of them is) and Group Policy Creator Owners. AD marks their members itself
 * (adminCount 1), but only once an hour, and not every server does: so the groups are asked.
 */

#include "dsa/base/err.h"
#include "dsa/run/run.h"

struct guard;

/* Reads them in the domain of SIDE, which is open: one request for each level of nesting. */
int guard_read(
    const struct run *run, enum side side, struct guard **ret, struct err *err) MUST_CHECK;
void guard_free(struct guard *g);
DEFINE_CLEANUP(struct guard *, guard_free)
/* Is the object named DN_NORM (dn_normalize()) in one of them? */
bool guard_has(const struct guard *g, const char *dn_norm);

#endif
