/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_FINISH_PRIV_H
#define GALSYNC_JOBS_FINISH_PRIV_H

/* What finish.c, which finishes mailboxes, and finish_read.c, which reads them, share. */

#include "dsa/exec/exec.h"
#include "dsa/jobs/finish.h"

/* One mailbox as it was read. */
struct finish_reading {
	struct record *record; /* NULL: it is not in the map */
	struct entry *side[SIDES];
	struct entry *group; /* the marker group with the one member, NULL: it is none */
	struct finish_reference *references;
	size_t n_references, cap_references;
	struct finish_facts facts; /* of all this; borrows from it */
};

/* What the map says of SOURCE; RET is empty. With RESUMING an operation that is written down is its
 * own. */
int finish_look_up(const struct run *run, const struct guid *source, bool resuming,
    struct finish_reading *ret, struct err *err) MUST_CHECK;
/* Reads both objects of R and what refers to them, again if they were read before. Only what has a
 * record. */
int finish_read(const struct run *run, const struct finish_conf *conf, struct finish_reading *r,
    struct err *err) MUST_CHECK;
void finish_reading_done(struct finish_reading *r);

#endif
