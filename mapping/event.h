/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_EVENT_H
#define GALSYNC_MAPPING_EVENT_H

/*
 * Events that a hook program is to be told of. An event is added in the transaction that records
 * what it tells of and removed when it was delivered, so that it is delivered at least once
 * whatever happens in between. Those of one mailbox are kept, and given out, in their order.
 *
 * Layout: event.c. Any octets are survived: an event that cannot be read is given out as damaged.
 */

#include "mapping/store.h"

enum event_kind {
	EVENT_SWITCHED = 1,
	EVENT_UNDONE,
	EVENT_MOVED,	/* turned, in either direction, but not by galsync */
	EVENT_CREATED,	/* a counterpart was made */
	EVENT_MATCHED,	/* one that was there was found */
	EVENT_LEFT,	/* the object left the synchronization */
	EVENT_REPORTED, /* the client of a switched mailbox (client_report.h) */
	EVENT_WAVE,	/* a wave has ended; it is about no object, and its source is zero */
	EVENT_KIND_MAX
};
/* "switched", "undone", "moved", "created", "matched", "left", "reported", "wave". */
const char *event_kind_name(enum event_kind k);
/* EVENT_KIND_MAX: there is none of that name. */
enum event_kind event_kind_from_name(const char *name);
/* Is it about a mailbox that was turned? Such an event outlives a lost map (keepsake.h); the others
 * may be lost with it: what they tell of is in the directories. */
bool event_is_turn(enum event_kind k);

struct store_event {
	uint64_t number; /* given by store_add_event(): grows, never reused */
	uint32_t link;
	struct guid source; /* whose mailbox it is about */
	enum event_kind kind;
	int64_t at;	     /* seconds since the epoch: when it happened */
	uint32_t attempts;   /* that failed */
	int64_t since, next; /* of the first failure, 0: none; of the next attempt, 0: at once */
	bool given_up;	     /* it is kept to be seen, and not tried any more */
	char *dn;	     /* of the source, for messages */
	char *body;	     /* what is told: text */
	char *error;	     /* why the last attempt failed, "" if none did */
	bool damaged;	     /* only number, link and source are known; not stored */
};
/* Frees what E holds. */
void event_done(struct store_event *e);

/* Adds E and sets its number. */
int store_add_event(struct store_txn *t, struct store_event *e, struct err *err) MUST_CHECK;
/* For an event that comes from elsewhere, and has its number: adds it, and none of a lower number
 * is given out any more. */
int store_take_event(struct store_txn *t, const struct store_event *e, struct err *err) MUST_CHECK;
/* Writes E, which has its number. */
int store_put_event(struct store_txn *t, const struct store_event *e, struct err *err) MUST_CHECK;
/* No error if it is not there. */
int store_delete_event(
    struct store_txn *t, const struct store_event *e, struct err *err) MUST_CHECK;
/* Those of LINK (0: all): by link, by mailbox, and of one mailbox by number. E is borrowed, FN may
 * TAKE() its strings. */
typedef int store_event_fn(struct store_event *e, void *arg, struct err *err);
int store_each_event(
    struct store_txn *t, uint32_t link, store_event_fn *fn, void *arg, struct err *err) MUST_CHECK;

/* The encoding, for tests and fuzzing. Decoding fills all but number, link and source; -1 without
 * memory only: what cannot be read is `damaged`. */
void event_encode(const struct store_event *e, struct buf *ret);
int event_decode(struct bytes raw, struct store_event *ret, struct err *err) MUST_CHECK;

#endif
