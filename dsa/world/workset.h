/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_WORLD_WORKSET_H
#define GALSYNC_WORLD_WORKSET_H

/*
 * The working set of one side during a cycle: every entry that was read, found by number or by
 * key, and what was decided about it. A small one is in memory. One that grows moves into a
 * temporary file without a name below the state directory (an LMDB environment without syncs), so
 * that memory does not grow with the directory, links do not meet, and a crash leaves nothing
 * behind. One thread at a time may use it.
 *
 * Entries are numbered from 0 in the order they were added.
 */

#include <stddef.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"
#include "dsa/directory/entry.h"

struct workset;

/* What else may be kept by number: the decision about a source entry, what claims a target entry,
 * the steps of the plan, and the hashes of keys that a delta has searched for. */
enum workset_blob { WORKSET_DECISION, WORKSET_CLAIM, WORKSET_PLAN, WORKSET_SEEN, WORKSET_BLOB_MAX };

/* Makes an empty working set. DIR is where its file will be, of at most MAX_MB megabytes, once it
 * needs one: that may fail in any call that adds to it. NAME is for messages. */
int workset_open(const char *dir, const char *name, int64_t max_mb, struct workset **ret,
    struct err *err) MUST_CHECK;
void workset_free(struct workset *w);
DEFINE_CLEANUP(struct workset *, workset_free)

/* W, which is empty, gets the entries of FROM under their numbers, and no keys and blobs. FROM is
 * of no use any more but to be freed, also after a failure. */
int workset_take_entries(struct workset *w, struct workset *from, struct err *err) MUST_CHECK;

uint32_t workset_count(const struct workset *w);
/* Stores a copy of E and gives its number. */
int workset_add(
    struct workset *w, const struct entry *e, uint32_t *ret, struct err *err) MUST_CHECK;
int workset_replace(
    struct workset *w, uint32_t index, const struct entry *e, struct err *err) MUST_CHECK;
/* A fresh copy of entry INDEX. */
int workset_get(struct workset *w, uint32_t index, struct entry **ret, struct err *err) MUST_CHECK;
/* entry_decode_guid() of entry INDEX. */
int workset_get_guid(struct workset *w, uint32_t index, struct guid *ret, bool *ret_named,
    struct err *err) MUST_CHECK;

/* Makes INDEX findable under HASH; the same pair twice is kept once. */
int workset_add_key(struct workset *w, uint64_t hash, uint32_t index, struct err *err) MUST_CHECK;
/* Numbers that a look-up found; zeroed at first, reusable. */
struct workset_hits {
	uint32_t *v;
	size_t n, cap;
};
void workset_hits_done(struct workset_hits *h);
static inline void
workset_hits_donep(struct workset_hits *h)
{
	workset_hits_done(h);
}
/* Appends INDEX; -1: no memory. */
int workset_add_hit(struct workset_hits *h, uint32_t index) MUST_CHECK;
/* All the numbers kept under HASH, ascending, into RET (emptied first). */
int workset_find(
    struct workset *w, uint64_t hash, struct workset_hits *ret, struct err *err) MUST_CHECK;

/* KEY is any number; for decisions and claims the entry's. Replaces what was there. */
int workset_put_blob(struct workset *w, enum workset_blob sort, uint64_t key, struct bytes value,
    struct err *err) MUST_CHECK;
/* Copies the blob into RET (reset first). *FOUND false and RET empty if there is none. */
int workset_get_blob(struct workset *w, enum workset_blob sort, uint64_t key, struct buf *ret,
    bool *found, struct err *err) MUST_CHECK;
/* The smallest key >= FROM of this sort; *FOUND false if there is none. */
int workset_next_blob(struct workset *w, enum workset_blob sort, uint64_t from, uint64_t *ret_key,
    struct buf *ret, bool *found, struct err *err) MUST_CHECK;

#endif
