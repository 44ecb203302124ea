/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_RESOLUTION_H
#define GALSYNC_MAPPING_RESOLUTION_H

/*
 * The map's own list of pairs: what operators have said about objects in conflict, by flow and
 * source GUID. A cycle asks it before the configured match rules (dsa/cycle/candidates.h).
 *
 *   with     that target object is the counterpart, as a line of a CSV of pairs would say
 *   create   none of the candidates is: a counterpart is created
 *   ignore   the object is left alone, and is no conflict any more
 *
 * One stays until an operator takes it back, or says something else. It is kept beside the map too
 * (keepsake.h).
 *
 * Each change of the list is an entry of the journal, of a kind of its own
 * (resolution_is_change()): a modification of RESOLUTION_ATTR, which no directory has, with the
 * text of what was said as its value and what was said before as its before-image. It is done with
 * the transaction that writes it: no directory is asked.
 */

#include "mapping/journal.h"
#include "mapping/store.h"

/* The numbers are part of the disk format. */
enum resolved_as { RESOLVED_NOT, RESOLVED_WITH, RESOLVED_CREATE, RESOLVED_IGNORE, RESOLVED_MAX };
/* "with", "create", "ignore"; of RESOLVED_NOT "nothing". */
const char *resolved_as_name(enum resolved_as as);

struct resolution {
	struct guid source;
	enum resolved_as as;
	struct guid target; /* WITH; else zero */
	uint32_t by;	    /* the user id of who said it */
	int64_t at;	    /* seconds since the epoch */
	/* Never NULL, but for a zeroed one. The names as they were then, TARGET_DN "" if there is
	 * none; the conflict that was settled: "ambiguous: mail=jose@acme.example". */
	char *source_dn, *target_dn, *evidence;
};
void resolution_done(struct resolution *r);
static inline void
resolution_donep(struct resolution *r)
{
	resolution_done(r);
}
/* Do both say the same? Who said it is no matter. */
bool resolution_is_same(const struct resolution *x, const struct resolution *y);

/* What ends a conflict of REASON, a bit (RESOLVED_BIT) for each. HAS_COUNTERPART: the object is
 * synchronized, and only a part of it is in conflict, or what would take its contact's place. */
#define RESOLVED_BIT(as) (1U << (as))
unsigned resolution_possible(enum conflict_reason reason, bool has_counterpart);

/* An operator's word about R's source object takes the place of any other (RESOLVED_NOT: only takes
 * it away), and the journal has it, as a change of the run CYCLE that takes change UNDOES (0: none)
 * back. R's `by` is the user who asks, its `at` now. The object is looked at by the next cycle. */
int store_resolve(struct store_txn *t, uint32_t link, const struct resolution *r, uint64_t cycle,
    uint64_t undoes, struct err *err) MUST_CHECK;
/* The same without the journal and without another look: what a file has. */
int store_put_resolution(
    struct store_txn *t, uint32_t link, const struct resolution *r, struct err *err) MUST_CHECK;
/* *FOUND false: RET is zeroed. */
int store_find_resolution(struct store_txn *t, uint32_t link, const struct guid *source,
    struct resolution *ret, bool *found, struct err *err) MUST_CHECK;
/* Those of LINK (0: all). R is borrowed. */
typedef int store_resolution_fn(
    uint32_t link, const struct resolution *r, void *arg, struct err *err);
int store_each_resolution(struct store_txn *t, uint32_t link, store_resolution_fn *fn, void *arg,
    struct err *err) MUST_CHECK;

#define RESOLUTION_REASON "resolve"
#define RESOLUTION_ATTR "resolution"
/* Is E a change of the list? */
bool resolution_is_change(const struct journal_entry *e);
/* What E said (BEFORE: what was so before it) about its source object; `by`, `at` and the evidence
 * are E's. ERR_DATA: E says it in a way that this galsync does not know. The caller frees. */
int resolution_of_change(
    const struct journal_entry *e, bool before, struct resolution *ret, struct err *err) MUST_CHECK;

/* The encoding, for tests; any octets are survived. */
void resolution_encode(const struct resolution *r, struct buf *ret);
int resolution_decode(struct bytes raw, const struct guid *source, struct resolution *ret,
    struct err *err) MUST_CHECK;

#endif
