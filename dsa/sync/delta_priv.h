/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_SYNC_DELTA_PRIV_H
#define GALSYNC_SYNC_DELTA_PRIV_H

/* The parts of a delta cycle (delta.c) for cycle.c, which runs them in order. */

#include "dsa/sync/cycle_priv.h"

struct delta {
	struct cycle *c;
	struct guid_list changed[SIDES]; /* as the feeds said */
	struct guid_list named[SIDES];	 /* of these, what is new, renamed or moved */
	struct guid_list concerned;	 /* source GUIDs */
	struct buf cursor[SIDES];	 /* to be stored at the end */
	bool too_many;			 /* a full cycle is cheaper */
};

/* Hears what changed on each side since its CURSOR (empty: only gets a cursor for now), both at
 * once. *RET_LOST is a side whose server cannot tell that, or SIDES. */
int delta_listen(struct delta *x, const struct bytes cursor[SIDES], enum side *ret_lost,
    struct err *err) MUST_CHECK;
/* Fills x->concerned. */
int delta_concerned(struct delta *x, struct err *err) MUST_CHECK;
/* Reads the concerned from number FROM on into the working sets, and at the same time their
 * recorded counterparts; then the candidates of those who have none. */
int delta_fetch(struct delta *x, size_t from, struct err *err) MUST_CHECK;
/* Adds to x->concerned who is concerned because of what was decided about the source entries from
 * FROM_INDEX and the concerned from FROM on. */
int delta_followers(struct delta *x, uint32_t from_index, size_t from, struct err *err) MUST_CHECK;
void delta_done(struct delta *x);

#endif
