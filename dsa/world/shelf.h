/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_WORLD_SHELF_H
#define GALSYNC_WORLD_SHELF_H

/*
 * A small ordered map in memory. It holds a working set until that is worth a file (scratch.h).
 *
 * Row 0 to SHELF_ROWS - 1 map a key to a value, each in the order of its keys. One more row,
 * SHELF_PAIRS, maps a hash to any number of numbers. An insertion moves what is behind it, so its
 * cost grows with the row: the owner watches shelf_size().
 */

#include <stddef.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"

#define SHELF_ROWS 5
#define SHELF_PAIRS SHELF_ROWS

struct shelf_item {
	uint64_t key;
	uint32_t number;    /* of a pair; else 0 */
	struct bytes value; /* owned by the shelf; of a pair: empty */
};

struct shelf;

/* An empty shelf; NULL: no memory. */
struct shelf *shelf_new(void);
void shelf_free(struct shelf *s);
DEFINE_CLEANUP(struct shelf *, shelf_free)

/* Copies VALUE into ROW under KEY, instead of what is there. */
int shelf_put(
    struct shelf *s, size_t row, uint64_t key, struct bytes value, struct err *err) MUST_CHECK;
/* Adds the pair; nothing happens if it is there. */
int shelf_add_pair(struct shelf *s, uint64_t hash, uint32_t number, struct err *err) MUST_CHECK;

/* Drops everything but ROW. */
void shelf_keep(struct shelf *s, size_t row);

/* The items of ROW whose keys are not less than FROM, ascending by key and then by number, and how
 * many there are; NULL if none. Borrowed until the next shelf_put() or shelf_add_pair(). */
const struct shelf_item *shelf_from(
    const struct shelf *s, size_t row, uint64_t from, size_t *ret_n);
/* About how many octets of memory it takes. */
size_t shelf_size(const struct shelf *s);

#endif
