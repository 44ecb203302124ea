/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_RECORD_H
#define GALSYNC_MAPPING_RECORD_H

/*
 * One correspondence: a source object and its one counterpart in the target, as it is kept in the
 * map. The two sides are side[SOURCE] and side[TARGET]. Record layout on disk: see record.c.
 * It is where the flow ends, and where the next cycle looks first:
 *
 *   feed -> entry -> match -> project -> diff -> plan -> exec -> [record]
 *
 * A `struct record` from record_new() or from the store owns every string and array in it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"
#include "dsa/directory/guid.h"
#include "dsa/directory/kind.h"
#include "mapping/match.h"
#include "mapping/side.h"

enum record_state {
	RECORD_PENDING, /* decided; the target is not known to be written completely */
	RECORD_SYNCED,	/* both sides were seen as the rules want them */
	RECORD_WAITING, /* as SYNCED, but Exchange has not finished the mailbox yet */
	RECORD_ERROR,	/* the last write failed: see last_error */
	RECORD_LEFT,	/* the source left; its leave action was carried out */
	/* The owner uses the target, and nothing is done to it any more: the source left, or the
	 * coexistence was ended (`ended`). */
	RECORD_FINISHED,
	RECORD_STATE_MAX
};

struct record_side {
	struct guid guid;
	char *dn;	   /* as last seen; "" if unknown */
	struct bytes sid;  /* objectSid, empty for contacts */
	char **legacy_dns; /* every legacyExchangeDN this side ever had, newest first */
	size_t n_legacy_dns;
};

/* Of the values that galsync wrote on the object of a side (while PENDING also of those it is about
 * to write on the target): sorted record_written_hash()es. */
struct record_written {
	uint64_t *v;
	size_t n;
};

struct record {
	uint64_t id;	/* given by the store; 0: not stored yet */
	uint32_t link;	/* store_link_id() */
	enum kind kind; /* of the source object */
	bool created;	/* the target object was created by galsync (else matched) */
	enum match_method rule;
	char *evidence;	  /* what matched: "mail=jose@acme.example", or "" */
	enum side active; /* whose mailbox the owner uses */
	enum record_state state;
	struct record_side side[SIDES];
	char *alias;	  /* mailNickname of the source */
	char **addresses; /* smtp addresses of both sides without prefix, lower case, unique;
			   * the source's primary one first */
	size_t n_addresses;
	struct record_written
	    written[SIDES]; /* only these may be removed from that side's object */
	/* An undo, or the loss of the map, has used its readiness up: only when the readiness
	 * attribute has gone and comes again may it be switched by itself. */
	bool ready_used;
	/* galsync set msExchCalendarRepairDisabled on the source (or is about to). Its marker says
	 * so too, where there is room for one. */
	bool source_guard;
	/* FINISHED for good, because an operator ended its coexistence: it stays so also while its
	 * source is in scope. */
	bool ended;
	int64_t created_at, synced_at, switched_at; /* seconds since the epoch, 0: never */
	char *last_error;			    /* "" if none */
};

struct record *record_new(void) MUST_CHECK;
void record_free(struct record *r);
DEFINE_CLEANUP(struct record *, record_free)
int record_dup(const struct record *r, struct record **ret, struct err *err) MUST_CHECK;
/* "pending", "synced", "waiting", "error", "left", "finished". */
const char *record_state_name(enum record_state s);
/* True if the source object has left the synchronization, or was taken out of it for good. */
static inline bool
record_has_left(const struct record *r)
{
	return r->state == RECORD_LEFT || r->state == RECORD_FINISHED;
}

/* Replaces the string *FIELD of a record by a copy of S. */
int record_set_str(char **field, const char *s) MUST_CHECK;
/* Puts DN in front of the side's legacy_dns unless it is there already (ASCII case ignored). */
int record_add_legacy_dn(struct record_side *s, const char *dn) MUST_CHECK;
/* Forgets number I of them. */
void record_forget_legacy_dn(struct record_side *s, size_t i);
/* Replaces the side's SID by a copy of V. */
int record_set_sid(struct record_side *s, struct bytes v) MUST_CHECK;
void record_clear_addresses(struct record *r);
/* Adds a lower-cased copy unless it is there. ADDRESS without prefix. */
int record_add_address(struct record *r, const char *address) MUST_CHECK;
/* True if ADDRESS, in any case, is one of them. */
bool record_has_address(const struct record *r, const char *address);
/* Sorts all addresses but the first. A server gives values in any order; a record that holds the
 * same must be the same. */
void record_sort_addresses(struct record *r);
/* The hash under which VALUE of attribute ATTR is remembered as written by us (ASCII case of both
 * ignored). It is stored, so it has no key: who chooses values that fall together can only have
 * galsync take another value of the same attribute of that object for its own. */
uint64_t record_written_hash(const char *attr, struct bytes value);
/* Did galsync write it on the object of SIDE? */
bool record_was_written(const struct record *r, enum side side, uint64_t hash);
/* It is remembered no more. Without effect if it was not. */
void record_forget_written(struct record *r, enum side side, uint64_t hash);
/* Takes over N hashes (any order, duplicates allowed) as SIDE's new set. */
int record_set_written(
    struct record *r, enum side side, const uint64_t *hashes, size_t n) MUST_CHECK;
/* Adds N hashes to SIDE's set. */
int record_add_written(
    struct record *r, enum side side, const uint64_t *hashes, size_t n) MUST_CHECK;

/* True if both say the same; the number counts for nothing. */
bool record_equal(const struct record *x, const struct record *y);
void record_encode(const struct record *r, struct buf *ret);
/* Any octets are survived; ID is not part of the encoding. */
int record_decode(struct bytes raw, uint64_t id, struct record **ret, struct err *err) MUST_CHECK;

#endif
