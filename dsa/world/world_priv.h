/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_WORLD_WORLD_PRIV_H
#define GALSYNC_WORLD_WORLD_PRIV_H

/* The world's own state: world.c has the entries, find.c the look-ups, demand.c what a delta reads,
 * world_ou.c the OUs. */

#include "dsa/world/world.h"

/* In a key index a number with this bit is no entry but the claim of the source entry with the
 * other bits. */
#define CLAIM_BIT 0x80000000U

/* What is put down to be searched. */
struct demand {
	struct buf filter; /* the assertions so far */
	size_t n;	   /* of them */
	char **filters;	   /* full ones */
	size_t n_filters, cap_filters;
	uint32_t fetched; /* how often what was put down was read */
};

struct known_ou {
	char *norm;
	bool there;
};

/* What an entry's place among all others comes from. */
struct world_age {
	uint64_t created; /* whenCreated as a number; 0: unknown */
	struct guid guid;
};

struct world {
	const struct run *run;
	const struct table *table;
	struct store_txn *map; /* or NULL */
	/* What is read of the objects of a side if that is more than the table's, and those of them
	 * that are not the table's, borrowed; NULL-terminated. */
	const char **wide[SIDES], **others[SIDES];
	struct world_names former[SIDES]; /* kept if `wide` is given */
	bool is_alone, is_shared;	  /* known: no other link, or another one, is in the map */
	struct workset *ws[SIDES];
	uint64_t n_read[SIDES];
	struct world_age *ages[SIDES]; /* by number */
	size_t n_ages[SIDES], cap_ages[SIDES];
	struct demand demand[SIDES];
	bool may_read;
	size_t unknown;
	struct known_ou *ous;
	size_t n_ous, cap_ous;
	char **asked_ous;
	size_t n_asked_ous, cap_asked_ous;
	struct guard *guard; /* of the target, or NULL: not read yet */
};

/* world.c: sorts the N numbers at V by age; those with CLAIM_BIT come last. */
void world_sort(const struct world *w, enum side side, uint32_t *v, size_t n);
/* The attribute in which objects of SIDE carry galsync's stamps. */
const char *world_stamp_attr(const struct world *w, enum side side);
/* Adds E unless it is there. */
int world_take(struct world *w, enum side side, struct entry *e, struct err *err) MUST_CHECK;
/* demand.c: VALUE under KEY needs no search any more. */
int world_mark_read(
    struct world *w, enum side side, unsigned key, struct bytes value, struct err *err) MUST_CHECK;
/* Before Q is looked up. *RET false: nothing is known of it yet. */
int world_ask(struct world *w, const struct world_query *q, bool *ret, struct err *err) MUST_CHECK;
void world_demand_done(struct demand *d);
/* world_ou.c: reads what was put down. */
int world_fetch_ous(struct world *w, struct err *err) MUST_CHECK;
/* Another request has shown whether OU (any spelling) is THERE. Without effect if that is known. */
int world_note_ou(struct world *w, const char *ou, bool there, struct err *err) MUST_CHECK;

#endif
