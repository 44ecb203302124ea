/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_STORE_H
#define GALSYNC_MAPPING_STORE_H

/*
 * The map, where the flow ends (records, journal, conflicts, and the cursors where the next feed
 * begins):
 *
 *   feed -> entry -> match -> project -> diff -> plan -> exec -> [record]
 *
 * On disk it is one LMDB environment, DIR/map.mdb with its lock file. Named databases:
 *
 *   meta        format version, link names and ids, counters
 *   record      record id -> encoded record (record.c)
 *   key         64-bit hash of (key kind, normalized value) -> record ids (sorted duplicates)
 *   cursor      link and forest -> where the next delta starts (opaque octets)
 *   waiting     references to what is not there yet; wanted: the same by what they wait for
 *   conflict    link and source GUID -> conflict; involved: the same by candidate
 *   retry       link and source GUID -> what failed, and when it is tried again
 *   operation   link and source GUID -> a switch, undo, toggle or finish under way
 *   journal     change number -> journal entry (journal.h)
 *   event       link, source GUID and number -> what a hook program is to be told (event.h)
 *   wave        wave number -> wave; mailbox: wave number and source GUID -> result (wave.h)
 *   held        link, kind and source GUID -> what an operator said; spent: what limits count
 * (held.h)
 *   resolution  link and source GUID -> what an operator said about a conflict (resolution.h)
 *   membership  link and source GUID -> a change of the marker group that is still to be made
 *   client      link, source GUID and machine -> what that machine reported (client_report.h)
 *
 * Beside it is a small file of what only the map knows (keepsake.h).
 *
 * One process writes; any number read at the same time, each through its own store_open() with
 * STORE_READ. All memory handed out is copied: nothing points into LMDB. A transaction belongs to
 * the thread that began it. The writer has places among the readers of its own (store_readers.c).
 * Commits are durable (fsync). Read transactions are short: a long one
 * keeps the file from reusing its pages.
 *
 * Every function that gives something to a callback FN goes on while that returns 0. 1 ends it,
 * with success; -1 ends it with the error that FN has set in its ERR, which is the caller's.
 *
 * Full disk, full map: the commit fails with ERR_LMDB (or ERR_SYS), ERR_LINK, ERR_LATER; the map
 * stays as it was before the transaction. A map of a newer format version is refused with
 * ERR_DAEMON, ERR_NEVER, naming both versions; nothing is written to it.
 *
 * A damaged map is never believed. Before LMDB opens the file, its first pages and its size are
 * looked at, and by the writer every page (pages.h). Every value has a check sum that is compared
 * whenever it is read; the writer compares them all when it opens the map, but for those of the
 * journal. What fails is ERR_DAEMON, ERR_NEVER and names the place; nothing is decided on it. What
 * comes too late for that ends the process with a word (last_word.h).
 *
 * A map of format 1 has no sums, and one of format 2 no record that knows what was written on its
 * source. They are read and written as they are, until store_seal() makes them of this format.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"
#include "dsa/directory/guid.h"
#include "mapping/record.h"

#define STORE_FORMAT 3

struct store;
struct store_txn;

enum store_mode { STORE_READ, STORE_WRITE };
enum store_key { /* by what a record is found; the numbers are part of the disk format */
	KEY_SOURCE_GUID = 1,
	KEY_TARGET_GUID = 2,
	KEY_DN = 3,	 /* of either side, normalized */
	KEY_SID = 4,	 /* of either side */
	KEY_ADDRESS = 5, /* smtp address of either side */
	KEY_X500 = 6,	 /* legacyExchangeDN of either side */
	KEY_ALIAS = 7
};

/* Opens (STORE_WRITE: and creates) the map in directory DIR. MAP_SIZE_MB bounds the file. DIR, the
 * folders above it and the files in it must be such that only root and their owner may write them
 * (trust.h); root takes on that owner's identity before (identity.h). A second
 * writer is refused with a message that says so (a lock on DIR/writer.lock). With STORE_READ a
 * map that does not exist is ERR_SYS/ENOENT. */
int store_open(const char *dir, enum store_mode mode, int64_t map_size_mb, struct store **ret,
    struct err *err) MUST_CHECK;
void store_close(struct store *s);
DEFINE_CLEANUP(struct store *, store_close)
/* Makes a map of an older format one of this galsync's, in one transaction: one of format 1 gets
 * its check sums. *RET_DONE: it was an older one. A map that has no room for them fails as any
 * write does, and stays as it was. */
int store_seal(struct store *s, bool *ret_done, struct err *err) MUST_CHECK;

int store_begin(
    struct store *s, enum store_mode mode, struct store_txn **ret, struct err *err) MUST_CHECK;
/* Ends the transaction in any case. */
int store_commit(struct store_txn *t, struct err *err) MUST_CHECK;
void store_abort(struct store_txn *t);
DEFINE_CLEANUP(struct store_txn *, store_abort)

/* The number of the link named NAME; given out on first use (write transaction). In a read
 * transaction an unknown name gives 0. Numbers start at 1 and are never reused. */
int store_link_id(struct store_txn *t, const char *name, uint32_t *ret, struct err *err) MUST_CHECK;
/* The name of link ID, caller frees; NULL in *ret if there is none. */
int store_link_name(struct store_txn *t, uint32_t id, char **ret, struct err *err) MUST_CHECK;

/* The return flow of a link has a number of its own: under the link's name with this behind it,
 * which no configured name has. In its records SOURCE is the side of the originals, as everywhere:
 * there, the link's target. */
#define STORE_RETURN_SUFFIX "/return"
/* Is NAME that of a return flow? *RET_LEN octets of it are the name of its link. */
bool store_is_return(const char *name, size_t *ret_len);
/* The numbers of the link NAME and of its return flow, by the side of their originals; 0: the map
 * does not know it. */
int store_flow_ids(
    struct store_txn *t, const char *name, uint32_t ret[SIDES], struct err *err) MUST_CHECK;

/* Stores R: a new one gets its id, an old one (r->id set) is replaced, and the keys follow. */
int store_put(struct store_txn *t, struct record *r, struct err *err) MUST_CHECK;
int store_delete(struct store_txn *t, uint64_t id, struct err *err) MUST_CHECK;
int store_get(struct store_txn *t, uint64_t id, struct record **ret, struct err *err) MUST_CHECK;
/* The record of LINK with this source or target GUID (which is unique within a link; LINK 0: any
 * link, the first found). *ret NULL if there is none. */
int store_find_guid(struct store_txn *t, uint32_t link, enum side side, const struct guid *g,
    struct record **ret, struct err *err) MUST_CHECK;
/* Calls FN with each record that has VALUE under KEY (verified, not only by hash). VALUE as text:
 * a DN in any spelling, an address without prefix, "S-1-5-...", a GUID, an alias, a
 * legacyExchangeDN. R is borrowed. */
typedef int store_record_fn(const struct record *r, void *arg, struct err *err);
int store_lookup(struct store_txn *t, enum store_key key, const char *value, store_record_fn *fn,
    void *arg, struct err *err) MUST_CHECK;
/* The same by the GUID of either side, without its text: the cheapest look-up. */
int store_lookup_guid(struct store_txn *t, enum side side, const struct guid *g,
    store_record_fn *fn, void *arg, struct err *err) MUST_CHECK;
/* The same for a value of unknown sort (WHO of the command line): GUID, SID, DN, address (with or
 * without smtp:/X500: prefix), legacyExchangeDN, then alias; each record once. */
int store_lookup_who(struct store_txn *t, const char *who, store_record_fn *fn, void *arg,
    struct err *err) MUST_CHECK;
/* All records of LINK (0: of all links) in id order. */
int store_each(
    struct store_txn *t, uint32_t link, store_record_fn *fn, void *arg, struct err *err) MUST_CHECK;
/* The same from the record behind ID on, in the order of the map. */
int store_each_after(struct store_txn *t, uint32_t link, uint64_t id, store_record_fn *fn,
    void *arg, struct err *err) MUST_CHECK;
/* How often the map was written when T began: what was read in another transaction of the same
 * number is still so. */
uint64_t store_txn_number(const struct store_txn *t);
/* Calls FN with the number and the mark of every record, by ascending numbers: a record has the
 * mark that it had as long as nothing in it changes. Nothing is decoded, and no sum is compared:
 * for who keeps what it read, and reads by store_get() what has another mark. */
typedef int store_mark_fn(uint64_t id, uint64_t mark, void *arg, struct err *err);
/* Where in memory records were, to be fetched early in the next walk; zeros at first. Nothing is
 * read by it. */
struct store_places {
	struct store_place {
		const void *key, *end;
	} * v;
	size_t n, cap;
};
void store_places_done(struct store_places *p);
int store_each_mark(struct store_txn *t, struct store_places *places, store_mark_fn *fn, void *arg,
    struct err *err) MUST_CHECK;
struct store_counts {
	uint64_t records, by_state[RECORD_STATE_MAX], created, matched, waiting_refs, conflicts;
	uint64_t bytes_used, bytes_max; /* of the file */
};
/* Counts of LINK (0: all). Constant time but for by_state, created and matched, which are kept as
 * counters in meta by store_put() and store_delete(). */
int store_count(
    struct store_txn *t, uint32_t link, struct store_counts *ret, struct err *err) MUST_CHECK;

/* A reference from one source object to another that has no counterpart yet. */
struct waiting_ref {
	struct guid referrer; /* source GUID of the object that refers */
	char *attr;	      /* the target attribute that will get the value */
	char *wanted;	      /* what is referred to: its DN, normalized, or the SID, as text, of
			       * what a foreign security principal stands for */
};
/* Replaces all waiting references of REFERRER by the N given (0 to clear). */
int store_put_waiting(struct store_txn *t, uint32_t link, const struct guid *referrer,
    const struct waiting_ref *refs, size_t n, struct err *err) MUST_CHECK;
typedef int store_waiting_fn(const struct waiting_ref *w, void *arg, struct err *err);
/* Those that wait for WANTED_DN (normalized), or all of LINK if it is NULL. */
int store_each_waiting(struct store_txn *t, uint32_t link, const char *wanted, store_waiting_fn *fn,
    void *arg, struct err *err) MUST_CHECK;

enum conflict_reason {
	CONFLICT_AMBIGUOUS, /* two candidates */
	CONFLICT_TAKEN,	    /* the only candidate is the counterpart of another object */
	CONFLICT_KIND,	    /* the only candidate is of another kind */
	CONFLICT_ADDRESS,   /* an address is held by another object of that forest */
	CONFLICT_NAME,	    /* no free name was found */
	CONFLICT_STAMP,	    /* the only candidate has a foreign value where its stamp belongs */
	CONFLICT_ADOPT,	    /* it carries another tool's key, and its pair was not adopted */
	CONFLICT_REFUSED,   /* the only candidate may not be anybody's counterpart, or not there */
	CONFLICT_MATCH,	    /* a first match that an operator has to approve */
	CONFLICT_FOREIGN,   /* an address of the other organization's own */
	CONFLICT_UNDONE,    /* its creation was undone, and is kept off */
	CONFLICT_REASON_MAX
};
/* What a CONFLICT_UNDONE is about. */
#define CONFLICT_UNDONE_WHAT "its creation was undone"
struct conflict {
	struct guid source;
	enum conflict_reason reason;
	char *source_dn;
	char *what;	   /* the rule and the value: "mail jose@acme.example" */
	char **candidates; /* DNs of all objects involved, of either forest */
	/* Their GUIDs; zero, or NULL for all: not known. */
	struct guid *candidate_guids;
	size_t n_candidates;
	int64_t since; /* seconds since the epoch; kept when the same conflict is put again */
};
const char *conflict_reason_name(enum conflict_reason r); /* "ambiguous", "taken", ... */
/* What ends a conflict of this reason, a sentence without its end. NULL: that depends on the
 * objects involved. */
const char *conflict_reason_help(enum conflict_reason r);
/* Frees what C holds (of a decoded one). */
void conflict_done(struct conflict *c);
static inline void
conflict_donep(struct conflict *c)
{
	conflict_done(c);
}
/* The encoding, for tests and fuzzing; any octets are survived. */
void conflict_encode(const struct conflict *c, struct buf *ret);
int conflict_decode(
    struct bytes raw, const struct guid *source, struct conflict *ret, struct err *err) MUST_CHECK;
/* Without effect on the map if it has this very conflict. */
int store_put_conflict(
    struct store_txn *t, uint32_t link, const struct conflict *c, struct err *err) MUST_CHECK;
/* The conflict of SOURCE, to be released with conflict_done(). *FOUND false: it is in none. */
int store_find_conflict(struct store_txn *t, uint32_t link, const struct guid *source,
    struct conflict *ret, bool *found, struct err *err) MUST_CHECK;
/* No error if there is none. */
int store_clear_conflict(
    struct store_txn *t, uint32_t link, const struct guid *source, struct err *err) MUST_CHECK;
typedef int store_conflict_fn(uint32_t link, const struct conflict *c, void *arg, struct err *err);
int store_each_conflict(struct store_txn *t, uint32_t link, store_conflict_fn *fn, void *arg,
    struct err *err) MUST_CHECK;
typedef int store_source_fn(const struct guid *source, void *arg, struct err *err);
/* The source objects whose conflicts have the object INVOLVED among their candidates. */
int store_each_involved(struct store_txn *t, uint32_t link, const struct guid *involved,
    store_source_fn *fn, void *arg, struct err *err) MUST_CHECK;
/* The source objects in conflict, each once: those behind AFTER in the order of the map, and then
 * those from its beginning on. Costs what FN takes, not what there is. */
int store_each_conflict_after(struct store_txn *t, uint32_t link, const struct guid *after,
    store_source_fn *fn, void *arg, struct err *err) MUST_CHECK;
/* How far LINK's deltas have come in looking through the conflicts; zero if they did not begin. */
int store_put_conflict_place(
    struct store_txn *t, uint32_t link, const struct guid *place, struct err *err) MUST_CHECK;
int store_get_conflict_place(
    struct store_txn *t, uint32_t link, struct guid *ret, struct err *err) MUST_CHECK;

/* An object whose last write failed, or that is to be looked at again. */
struct store_retry {
	struct guid source;
	char *dn, *why;
	uint32_t attempts;   /* that failed */
	int64_t since, next; /* seconds since the epoch: the first failure of this reason in a row,
				the next attempt */
	int64_t next_proven; /* the latter by proven time (proven_time.h) */
};
/* Notes that a write for SOURCE failed at time NOW, for the first time or once more: the next
 * attempt is due after a pause that doubles from 5 seconds up to an hour. */
int store_put_retry(struct store_txn *t, uint32_t link, const struct guid *source, const char *dn,
    const char *why, int64_t now, struct err *err) MUST_CHECK;
/* Notes that the next delta is to look at SOURCE, because of WHY, though nothing failed. What is
 * tried again anyway stays as it is. */
int store_look_again(struct store_txn *t, uint32_t link, const struct guid *source, const char *dn,
    const char *why, int64_t now, struct err *err) MUST_CHECK;
/* The entry of SOURCE; *FOUND false if there is none. What RET holds is freed by
 * store_retry_done(). */
int store_find_retry(struct store_txn *t, uint32_t link, const struct guid *source,
    struct store_retry *ret, bool *found, struct err *err) MUST_CHECK;
void store_retry_done(struct store_retry *r);
/* No error if there is none. */
int store_clear_retry(
    struct store_txn *t, uint32_t link, const struct guid *source, struct err *err) MUST_CHECK;
/* R is borrowed. */
typedef int store_retry_fn(const struct store_retry *r, void *arg, struct err *err);
/* Those due at time NOW, or by proven time, or all if NOW is 0. */
int store_each_retry(struct store_txn *t, uint32_t link, int64_t now, store_retry_fn *fn, void *arg,
    struct err *err) MUST_CHECK;

/* Something that is done to one mailbox, or to all records of a link, in several steps. It is
 * written down before the first one and forgotten with the last, so that a crash in between is
 * found. */
enum operation_kind {
	OPERATION_SWITCH = 1,
	OPERATION_UNDO = 2,
	OPERATION_TOGGLE = 3,
	OPERATION_REBUILD = 4, /* of the link's records; its source is zero */
	OPERATION_FINISH = 5
};
struct store_operation {
	struct guid source;
	enum operation_kind kind;
	int64_t since;
	char *detail; /* TOGGLE: the dummy address; else "" */
};
int store_put_operation(struct store_txn *t, uint32_t link, const struct store_operation *o,
    struct err *err) MUST_CHECK;
/* No error if there is none. */
int store_clear_operation(
    struct store_txn *t, uint32_t link, const struct guid *source, struct err *err) MUST_CHECK;
typedef int store_operation_fn(const struct store_operation *o, void *arg, struct err *err);
/* O is borrowed. */
int store_each_operation(struct store_txn *t, uint32_t link, store_operation_fn *fn, void *arg,
    struct err *err) MUST_CHECK;

/* A mailbox that was turned while the marker group could not be changed. The map alone knows of it:
 * who is no member although switched may have been taken out by hand, and must not come back. */
struct store_membership {
	struct guid source;
	bool wanted;	   /* a member, or none */
	uint32_t attempts; /* that failed */
	int64_t next;	   /* seconds since the epoch: the next attempt */
};
/* Notes that it failed at time NOW, for the first time or once more; pauses as of a retry. */
int store_put_membership(struct store_txn *t, uint32_t link, const struct guid *source, bool wanted,
    int64_t now, struct err *err) MUST_CHECK;
/* Notes that it is to be done, and was not tried yet: it is due at NOW. */
int store_owe_membership(struct store_txn *t, uint32_t link, const struct guid *source, bool wanted,
    int64_t now, struct err *err) MUST_CHECK;
/* No error if there is none. */
int store_clear_membership(
    struct store_txn *t, uint32_t link, const struct guid *source, struct err *err) MUST_CHECK;
/* M is borrowed. */
typedef int store_membership_fn(const struct store_membership *m, void *arg, struct err *err);
/* Those due at time NOW, or by proven time, or all if NOW is 0. */
int store_each_membership(struct store_txn *t, uint32_t link, int64_t now, store_membership_fn *fn,
    void *arg, struct err *err) MUST_CHECK;

/* The summary of a link's last cycle, for `galsyncctl status`: opaque text (JSON), by link. *ret
 * NULL if there was none; caller frees. */
int store_put_summary(
    struct store_txn *t, uint32_t link, const char *json, struct err *err) MUST_CHECK;
int store_get_summary(struct store_txn *t, uint32_t link, char **ret, struct err *err) MUST_CHECK;
/* No error if there is none. */
int store_clear_summary(struct store_txn *t, uint32_t link, struct err *err) MUST_CHECK;
/* What is kept of FOREST (struct dir_memory): opaque octets. RET is left empty if there is none. */
int store_put_forest(
    struct store_txn *t, const char *forest, struct bytes v, struct err *err) MUST_CHECK;
int store_get_forest(
    struct store_txn *t, const char *forest, struct buf *ret, struct err *err) MUST_CHECK;
/* Where the next delta of LINK starts reading SIDE: opaque octets; data NULL if there is none. The
 * caller frees ret->data. */
int store_put_cursor(struct store_txn *t, uint32_t link, enum side side, struct bytes cursor,
    struct err *err) MUST_CHECK;
int store_get_cursor(struct store_txn *t, uint32_t link, enum side side, struct bytes *ret,
    struct err *err) MUST_CHECK;
/* The next cycle of LINK is a full one. No error if there were none. */
int store_clear_cursors(struct store_txn *t, uint32_t link, struct err *err) MUST_CHECK;

#endif
