/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_JOURNAL_PRIV_H
#define GALSYNC_MAPPING_JOURNAL_PRIV_H

/* The part of an entry that is of fixed size and comes first, for those who look at many and mean
 * few. */

#include "mapping/journal.h"

struct journal_head {
	uint64_t number;
	uint8_t format;
	uint64_t cycle;
	uint32_t link;
	enum side side;
	struct guid source;
	int64_t at;
	struct asker asked;
	uint64_t undoes;
};

/* Reads the head of entry NUMBER. Of one that is damaged there are zeros from somewhere on, and R
 * says so. */
struct journal_head journal_read_head(struct reader *r, uint64_t number);

#endif
