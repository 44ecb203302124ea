/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_GROUP_MEMBERS_H
#define GALSYNC_JOBS_GROUP_MEMBERS_H

/*
 * The members of a group and of its counterpart, as both directories have them at this moment: each
 * correspondence once, and what has none. Who corresponds is known by the map, which finds a member
 * by its name. Nothing is written, and nothing is read of the members themselves.
 */

#include "dsa/run/run.h"

/* Sides are those of the link. */
struct group_member {
	uint64_t record; /* 0: the map has none */
	struct guid original;
	enum kind kind;	 /* with a record */
	char *name;	 /* the value of its RDN */
	char *dn[SIDES]; /* as the group has it, or as the map has it if it is no member; or NULL */
	bool in[SIDES];	 /* it is a member there */
	bool alone;	 /* it has no counterpart */
};

struct group_members {
	/* Those first that are not members on both sides; then by name. */
	struct group_member *v;
	size_t n, cap;
	bool there[SIDES]; /* the group, or its counterpart, is */
	size_t in[SIDES], both, alone;
};
void group_members_done(struct group_members *m);
static inline void
group_members_donep(struct group_members *m)
{
	group_members_done(m);
}

/* Of the group with the original GROUP, of either flow. One that the map does not know is nowhere.
 * RET is zeroed at first, and the caller's to release, also after a failure. */
int group_members_run(const struct run *run, const struct guid *group, struct group_members *ret,
    struct err *err) MUST_CHECK;

#endif
