/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_JOURNAL_LARGE_H
#define GALSYNC_MAPPING_JOURNAL_LARGE_H

/*
 * Large values (digest.h) in the journal: a user who changes the own photo every minute must not
 * fill the map.
 *
 * What was to be written is kept by size and SHA-256: once it was done nobody needs it, the source
 * has it; and whether it was done the digest can say. What was there before is kept whole, so that
 * it can be put back, but only for the last change of that attribute of that object: when the next
 * one is written down, the entry before is reduced to the digest. So an object has at most one
 * value of each attribute in the journal, however often it changes.
 *
 * Database `large`: GUID of the object written to and a hash of the attribute's name (u64
 * big-endian) -> number of the entry that has the value whole.
 */

#include "mapping/journal.h"

/* Writes E, which is entry NUMBER now, as it is kept, into RET. */
int journal_encode_reduced(
    const struct journal_entry *e, struct buf *ret, struct err *err) MUST_CHECK;
/* E was written as entry NUMBER: what it has whole is reduced in the entries before. */
int journal_reduce_older(struct store_txn *t, const struct journal_entry *e, uint64_t number,
    struct err *err) MUST_CHECK;

#endif
