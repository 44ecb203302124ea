/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_TOLD_H
#define GALSYNC_BASE_TOLD_H

/*
 * What was told already: a daemon that meets the same condition in every cycle says so once, and
 * again when it comes back or its text changes.
 *
 * Only a 64-bit hash is kept of each line, so the memory is bounded (512 KiB) and one line in a
 * life may be taken for another. When the set is full it is emptied: then lines are told once more.
 *
 *   told_begin()    a round in which everything that is still so is met again
 *   told_before()   for each line
 *   told_end()      what was not met in the round is forgotten
 *
 * Between two rounds lines are told and remembered, and nothing is forgotten.
 */

#include "dsa/base/mem.h"

#define TOLD_MAX 32768

struct told {
	uint64_t *slot; /* a hash, its lowest bit: met in this round; 0: empty */
	size_t n, cap;
};

void told_done(struct told *t);
/* True if TEXT was told of whatever ID names. Without memory nothing was ever told. */
bool told_before(struct told *t, struct bytes id, const char *text);
void told_begin(struct told *t);
void told_end(struct told *t);

#endif
