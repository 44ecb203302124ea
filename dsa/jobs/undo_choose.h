/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_UNDO_CHOOSE_H
#define GALSYNC_JOBS_UNDO_CHOOSE_H

/*
 * Which changes an undo is about: one, those of a cycle or of a wave that were made, or those about
 * an object. Of the latter what was taken back already, and what took it back, is not meant again:
 * it would be done once more, and taken back once more.
 *
 * It may look through the whole journal: no work for who must answer others meanwhile.
 */

#include "mapping/journal.h"

/* One of these, the others are 0 or NULL. */
struct undo_query {
	uint64_t change, cycle;
	uint32_t wave;
	const char *who; /* as journal_find_who() takes it */
};

/* The numbers of those of FLOWS, as store_flow_ids() gives them; the caller frees. */
int undo_choose(struct store_txn *t, const uint32_t flows[SIDES], const struct undo_query *q,
    uint64_t **ret, size_t *ret_n, struct err *err) MUST_CHECK;

#endif
