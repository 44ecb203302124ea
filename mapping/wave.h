/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_WAVE_H
#define GALSYNC_MAPPING_WAVE_H

/*
 * Waves: sets of mailboxes of a link that are switched, or turned back, together at a time. They
 * live in the map, in two databases (layout: wave.c), so that they outlive the daemon.
 *
 *   planned --its time has come--> running --every mailbox has ended--> done
 *      |                              |
 *      +-----------cancel-------------+--> cancelled (what has ended stays as it is)
 *
 * A mailbox of a wave has a result when it was turned or could not be. A wave keeps its time, its
 * mailboxes and their results for good.
 *
 * A `struct wave` or `struct wave_member` from the store is the callback's only until it returns,
 * but for wave_get() and wave_next(), whose caller ends it with wave_done().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"
#include "dsa/directory/guid.h"

struct store_txn;

enum wave_state { WAVE_PLANNED, WAVE_RUNNING, WAVE_DONE, WAVE_CANCELLED, WAVE_STATE_MAX };
/* "planned", "running", "done", "cancelled". */
const char *wave_state_name(enum wave_state s);
/* True for planned and running ones: they will do something. */
static inline bool
wave_is_open(enum wave_state s)
{
	return s == WAVE_PLANNED || s == WAVE_RUNNING;
}

/* All times are seconds since the epoch, 0: not yet. */
struct wave {
	uint32_t id;   /* given by wave_add(), from 1, never reused */
	uint32_t link; /* store_link_id() */
	bool undo;     /* back to the source */
	bool force;    /* also mailboxes that Exchange has not finished */
	enum wave_state state;
	int64_t at; /* when it is due */
	int64_t planned_at, started_at, ended_at;
	uint32_t total, succeeded, failed; /* mailboxes; the rest has not ended */
	char *name;			   /* "" if it has none */
	char *why;			   /* what a wave that is due waits for, "" if nothing */
};

enum wave_result { WAVE_OPEN, WAVE_SUCCEEDED, WAVE_FAILED, WAVE_RESULT_MAX };

struct wave_member {
	struct guid source;
	uint32_t
	    line; /* in the file that it was planned with; mailboxes are turned in this order */
	enum wave_result result;
	int64_t at; /* when it ended */
	char *dn;   /* of the source object */
	char *text; /* of the result: "" or why not */
};

/* Frees what W holds, and not W. */
void wave_done(struct wave *w);
static inline void
wave_donep(struct wave *w)
{
	wave_done(w);
}

/* The encodings; any octets are survived. The id and the GUID are not part of them. */
void wave_encode(const struct wave *w, struct buf *ret);
int wave_decode(struct bytes raw, uint32_t id, struct wave *ret, struct err *err) MUST_CHECK;
void wave_member_done(struct wave_member *m);
void wave_member_encode(const struct wave_member *m, struct buf *ret);
int wave_member_decode(struct bytes raw, const struct guid *source, struct wave_member *ret,
    struct err *err) MUST_CHECK;

/* Puts down a new wave of the N mailboxes, which are different ones, and sets W's id and total. */
int wave_add(struct store_txn *t, struct wave *w, const struct wave_member *members, size_t n,
    struct err *err) MUST_CHECK;
/* For waves that come from elsewhere, and have their id: puts W down, and none of a lower number is
 * given out any more. Each mailbox is put by itself; the caller counts them. */
int wave_take(struct store_txn *t, const struct wave *w, struct err *err) MUST_CHECK;
int wave_take_member(
    struct store_txn *t, uint32_t id, const struct wave_member *m, struct err *err) MUST_CHECK;
/* With its mailboxes. No error if there is none. */
int wave_delete(struct store_txn *t, uint32_t id, struct err *err) MUST_CHECK;
/* Replaces the wave of W's id; its mailboxes are not touched. */
int wave_put(struct store_txn *t, const struct wave *w, struct err *err) MUST_CHECK;
/* *FOUND false if there is none. */
int wave_get(
    struct store_txn *t, uint32_t id, struct wave *ret, bool *found, struct err *err) MUST_CHECK;
/* The open wave of LINK that comes first: one that is running, else by its time, then by its id. */
int wave_next(
    struct store_txn *t, uint32_t link, struct wave *ret, bool *found, struct err *err) MUST_CHECK;
/* The waves of LINK (0: all), oldest first. FN as in store.h. */
typedef int wave_fn(const struct wave *w, void *arg, struct err *err);
int wave_each(
    struct store_txn *t, uint32_t link, wave_fn *fn, void *arg, struct err *err) MUST_CHECK;
/* The mailboxes of wave ID, in no order that matters. FN as above. */
typedef int wave_member_fn(const struct wave_member *m, void *arg, struct err *err);
int wave_each_member(
    struct store_txn *t, uint32_t id, wave_member_fn *fn, void *arg, struct err *err) MUST_CHECK;
/* How a mailbox of a wave ended: OK and "" or a remark, or why not. */
struct wave_outcome {
	struct guid source;
	bool ok;
	int64_t at; /* seconds since the epoch */
	const char *text;
};
/* Ends the mailbox of wave W, and counts it in *W, which the caller puts. *FOUND false, and nothing
 * done, if the wave has no such mailbox, or it has ended well already. */
int wave_end_member(struct store_txn *t, struct wave *w, const struct wave_outcome *o, bool *found,
    struct err *err) MUST_CHECK;
/* The open wave of LINK in which the mailbox has not ended yet, 0 if there is none. */
int wave_holding(struct store_txn *t, uint32_t link, const struct guid *source, uint32_t *ret,
    struct err *err) MUST_CHECK;

#endif
