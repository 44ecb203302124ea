/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_ROSTER_PRIV_H
#define GALSYNC_VIEW_ROSTER_PRIV_H

/* The inside of a roster: roster.c fills it, roster_sort.c keeps its orders. */

#include "dsa/view/roster.h"

struct roster_sorted {
	struct roster_row **v;
	size_t n;
	uint64_t age; /* of the roster when it was sorted */
};

struct roster {
	struct roster_row **rows; /* by their ids */
	size_t n;
	struct roster_ou **ous; /* by their texts */
	size_t n_ous, cap_ous;
	struct roster_row **dead; /* that an order may still have */
	size_t n_dead, cap_dead;
	struct roster_row **fresh; /* that an order may not have yet; some are dead by now */
	size_t n_fresh, cap_fresh;
	struct store_places places; /* of their records */
	struct roster_sorted order[ROSTER_ORDER_MAX];
	uint64_t number; /* of the transaction that it was filled from */
	bool filled;
	uint64_t age; /* how often it was changed */
	uint64_t waves_sum;
	bool waves_known;
	uint32_t known_link; /* of the flow that was looked up last, whether it is a return flow */
	bool known_return;
};

#endif
