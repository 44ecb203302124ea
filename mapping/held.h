/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_HELD_H
#define GALSYNC_MAPPING_HELD_H

/*
 * What a limit holds until an operator decides, object by object, and what was done within the
 * limits of the last 24 hours.
 *
 * A cycle writes down the objects it holds. An operator approves or rejects them. The entry of an
 * object goes when a cycle has looked at the object and nothing of that kind is to be done to it
 * any more.
 *
 * Layout: held.c.
 */

#include "mapping/store.h"

/* The numbers are part of the disk format. */
enum held_kind {
	HELD_NOTHING, /* no limit is about it */
	HELD_DELETES, /* the source left: its counterpart is to be deleted, hidden or disabled */
	HELD_REDIRECTIONS, /* a redirection that was in place is to be changed by a cycle */
	HELD_SWITCHES,	   /* a mailbox is to be switched because it is ready */
	/* a first match with an object that has a mailbox of its own or is a security group, or the
	 * first redirection of a mailbox that was there before */
	HELD_MATCHES,
	/* No limit: what was written of it was taken back, and is kept off until an operator
	 * approves. Nothing else is written for its object either. */
	HELD_UNDONE,
	HELD_MEMBER_REMOVALS, /* members of a group are to be removed: each of them counts */
	HELD_PRIMARY_CHANGES, /* the primary address of a counterpart that is there is to change */
	HELD_KIND_MAX
};
/* Several kinds: a bit for each. */
#define HELD_BIT(k) (1U << (k))
static inline bool
held_is_limit(enum held_kind k)
{
	return k != HELD_NOTHING && k != HELD_UNDONE;
}
/* As the keys of the limits: "deletes", "redirections", "switches", "matches", "member_removals",
 * "primary_changes"; and "undone". */
const char *held_kind_name(enum held_kind k);
/* HELD_NOTHING for any other name. */
enum held_kind held_kind_of(const char *name);

enum held_verdict { HELD_WAITS = 1, HELD_APPROVED, HELD_REJECTED };
/* "held", "approved", "rejected". */
const char *held_verdict_name(enum held_verdict v);

struct store_held;
/* Is it the word of an operator, which outlives the map (keepsake.h)? */
bool held_is_said(const struct store_held *h);
struct store_held {
	struct guid source;
	enum held_kind kind;
	enum held_verdict verdict;
	int64_t since;	    /* seconds since the epoch: when it was first held */
	struct guid target; /* of HELD_MATCHES: the match with this object; else zero */
	uint32_t amount;    /* of HELD_MEMBER_REMOVALS: how many; else, or not known, 0: one */
};
/* Against how much of its limit H counts. */
static inline uint64_t
held_amount(const struct store_held *h)
{
	return h->amount ? h->amount : 1;
}

/* A growing list; begin with zeros, and free V. */
struct held_list {
	struct store_held *v;
	size_t n, cap;
};
/* -1 without memory. */
int held_list_add(struct held_list *l, const struct store_held *h) MUST_CHECK;

int store_put_held(
    struct store_txn *t, uint32_t link, const struct store_held *h, struct err *err) MUST_CHECK;
/* *FOUND false if there is none. */
int store_find_held(struct store_txn *t, uint32_t link, enum held_kind kind,
    const struct guid *source, struct store_held *ret, bool *found, struct err *err) MUST_CHECK;
/* No error if there is none. */
int store_clear_held(struct store_txn *t, uint32_t link, enum held_kind kind,
    const struct guid *source, struct err *err) MUST_CHECK;
/* Those of LINK by kind. H is borrowed. What cannot be read is left out: it is held again by the
 * next cycle that meets it. */
typedef int store_held_fn(const struct store_held *h, void *arg, struct err *err);
int store_each_held(
    struct store_txn *t, uint32_t link, store_held_fn *fn, void *arg, struct err *err) MUST_CHECK;

/* An operator decides V (approved or rejected) about KIND, HELD_NOTHING: all kinds: about those
 * that wait, or, if SOURCE is not NULL, about that object, whatever was decided about it before.
 * RET counts them by kind. If there are any, the next cycle has to look at all objects. */
int store_decide_held(struct store_txn *t, uint32_t link, enum held_kind kind,
    const struct guid *source, enum held_verdict v, size_t ret[HELD_KIND_MAX],
    struct err *err) MUST_CHECK;
/* How often that was so in the life of LINK, and how often it was when the last cycle that looked
 * at all objects began. */
int store_get_decided(struct store_txn *t, uint32_t link, uint64_t *ret_decided,
    uint64_t *ret_carried_out, struct err *err) MUST_CHECK;
int store_put_carried_out(
    struct store_txn *t, uint32_t link, uint64_t n, struct err *err) MUST_CHECK;

/* N more objects had KIND done to them, or N more members were removed, at NOW (seconds since the
 * epoch), within the limits. */
int store_add_spent(struct store_txn *t, uint32_t link, enum held_kind kind, int64_t now,
    uint64_t n, struct err *err) MUST_CHECK;
/* How many had in the 24 hours before NOW, counted by whole hours. They are over when the wall
 * clock says so and as much time is proven (proven_time.h): a clock that is set frees no limit. */
int store_get_spent(struct store_txn *t, uint32_t link, enum held_kind kind, int64_t now,
    uint64_t *ret, struct err *err) MUST_CHECK;

/* The same, hour by hour: in hour HOUR of the epoch N were done. Puts one, in the place of what was
 * there; gives those of LINK. */
struct store_spent {
	enum held_kind kind;
	uint64_t hour, n;
};
int store_put_spent(
    struct store_txn *t, uint32_t link, const struct store_spent *x, struct err *err) MUST_CHECK;
typedef int store_spent_fn(const struct store_spent *x, void *arg, struct err *err);
int store_each_spent(
    struct store_txn *t, uint32_t link, store_spent_fn *fn, void *arg, struct err *err) MUST_CHECK;

#endif
