/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_WORLD_SCRATCH_H
#define GALSYNC_WORLD_SCRATCH_H

/*
 * A large working set: an LMDB environment without syncs in a file without a name. It has the rows
 * of a shelf (shelf.h). An error of a write is final: every later call fails.
 *
 * Its lists and its first pages cost 4 MB of memory and a hundred system calls before the first
 * value is in it. That is why a small working set is on a shelf.
 */

#include <stddef.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"
#include "dsa/world/shelf.h"

struct scratch;

/* An empty one in directory DIR, of at most MAX_MB megabytes; NAME is for messages. */
int scratch_open(const char *dir, const char *name, int64_t max_mb, struct scratch **ret,
    struct err *err) MUST_CHECK;
void scratch_free(struct scratch *s);
DEFINE_CLEANUP(struct scratch *, scratch_free)

/* As shelf_put() and shelf_add_pair(). */
int scratch_put(
    struct scratch *s, size_t row, uint64_t key, struct bytes value, struct err *err) MUST_CHECK;
int scratch_add_pair(struct scratch *s, uint64_t hash, uint32_t number, struct err *err) MUST_CHECK;
/* Puts everything of SHELF into it. */
int scratch_put_shelf(struct scratch *s, const struct shelf *shelf, struct err *err) MUST_CHECK;

/* As shelf_keep(). */
int scratch_keep(struct scratch *s, size_t row, struct err *err) MUST_CHECK;

/* The value under KEY, borrowed until the next write; *FOUND false if there is none. */
int scratch_get(struct scratch *s, size_t row, uint64_t key, struct bytes *ret, bool *found,
    struct err *err) MUST_CHECK;
/* The same of the first key that is not less than *KEY; *KEY becomes that key. */
int scratch_seek(struct scratch *s, size_t row, uint64_t *key, struct bytes *ret, bool *found,
    struct err *err) MUST_CHECK;
/* As workset_find(). */
struct workset_hits;
int scratch_find(
    struct scratch *s, uint64_t hash, struct workset_hits *ret, struct err *err) MUST_CHECK;

#endif
