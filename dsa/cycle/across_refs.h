/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_ACROSS_REFS_H
#define GALSYNC_CYCLE_ACROSS_REFS_H

/*
 * What a reference becomes that names no object of this flow: the map knows the object by another
 * flow. A group of the source that has a return contact as a member has the native itself in the
 * target; one that has a person of a third forest has that person's object in the target. The same
 * is true of what flows back: a native that the target refers to is its return contact at the
 * source.
 *
 *   the object named is            the value on the other side is
 *   the other flow's counterpart   the original, if that is there; else the original's
 *                                  counterpart there, by whatever flow leads there
 *   the other flow's original      its counterpart, by a flow that leads there
 *   a foreign security principal   the object that has its SID, if that is there; else what the map
 *                                  knows of that object there, by this flow or another
 *
 *   feed -> entry -> match -> [project] -> diff -> plan -> exec -> record
 */

#include "dsa/cycle/state.h"

/* The object of the other side for DN of side FROM. 1: *RET_DN is its name, the caller's, and *RET
 * (unless NULL) its GUID. 0: no flow knows one, or it was asked for and is not read yet. */
int across_refs_resolve(struct cycle *c, enum side from, const char *dn, char **ret_dn,
    struct guid *ret, struct err *err) MUST_CHECK;
/* Before *DN, the name of the object G of SIDE as the map has it, is written: the present name
 * instead, which a delta reads of the target for it. 1: it is. 0: it was not read; of the target
 * that means that G is gone, and another object may have its name, or that it was put down to be
 * read. */
int across_refs_renew(
    struct cycle *c, enum side side, const struct guid *g, char **dn, struct err *err) MUST_CHECK;
/* The GUID of what is named DN on SIDE. False: neither what was read nor the map knows it; of the
 * target that a delta has not read yet, it is put down to be read. */
bool across_refs_who(struct cycle *c, enum side side, const char *dn, struct guid *ret);

#endif
