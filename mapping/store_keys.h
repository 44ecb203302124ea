/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_STORE_KEYS_H
#define GALSYNC_MAPPING_STORE_KEYS_H

/* By what records are found: the hashes of their values, and the number at which a record usually
 * is. lookup.c keeps them. */

#include "mapping/store.h"

/* The number under which the record of LINK and source GUID usually is. */
uint64_t store_home(uint32_t link, const struct guid *source);
/* Under what a value is kept in DB_KEY. */
uint64_t store_key_hash(enum store_key key, struct bytes v);
/* The keys of a record, kept in step with it. */
int store_keys_update(struct store_txn *t, const struct record *old, const struct record *now,
    uint64_t id, struct err *err) MUST_CHECK;

/* How many keys R must have, and how many of these are not there. */
int store_keys_check(struct store_txn *t, const struct record *r, size_t *ret_n,
    size_t *ret_missing, struct err *err) MUST_CHECK;

#endif
