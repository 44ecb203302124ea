/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_MAPPING_JOURNAL_H
#define GALSYNC_MAPPING_JOURNAL_H

/*
 * The journal: what galsync was about to write, what was there before, and how it ended. The
 * intent is committed before the change is sent and the outcome after it, so that a crash leaves
 * intents without outcome: those, and only those, must be checked against the directory.
 *
 *   feed -> entry -> match -> project -> diff -> plan -> [exec] -> record
 *
 * Values of more than 4 KiB are kept by size and SHA-256 (digest.h) in what was to be written, and
 * in what was there before too but for the last change of that attribute of that object.
 *
 * Entries are numbered without gaps in order of intent. They live in the store's `journal`
 * database; journal_trim() removes old ones, whose pages are used again.
 */

#include "dsa/base/err.h"
#include "dsa/directory/change.h"
#include "dsa/directory/entry.h"
#include "mapping/store.h"

enum journal_outcome {
	JOURNAL_OPEN, /* intent only: sent or about to be sent, outcome unknown */
	JOURNAL_DONE,
	JOURNAL_FAILED, /* the server refused; ERROR says why */
	JOURNAL_STALE	/* the directory had moved on; nothing was written */
};
/* "open", "done", "failed", "stale". */
const char *journal_outcome_name(enum journal_outcome o);

/* Who asked for a change. */
enum asked_by {
	ASKED_BY_NOBODY, /* galsync by itself, or the entry is of a release that did not note it */
	ASKED_BY_USER,	 /* who has the user id ID, over the control socket */
	ASKED_BY_WAVE	 /* the wave with the number ID */
};
struct asker {
	enum asked_by by;
	uint32_t id;
};

struct journal_entry {
	uint64_t number; /* given by journal_intend() */
	uint64_t cycle;	 /* the run it belongs to */
	uint32_t link;
	enum side side;	    /* the forest written to */
	struct guid source; /* source GUID of the correspondence it is about, or zero */
	int64_t at;	    /* seconds since the epoch, of the intent */
	struct asker asked; /* who asked for it */
	uint64_t undoes;    /* the entry whose change this one takes back, 0: none */
	enum journal_outcome outcome;
	struct change *change; /* what was to be written: owned */
	struct entry *before;  /* before-image of the attributes written, NULL for an add: owned */
	char *reason;	       /* the rule: "create", "project", "x500", ...: owned */
	char *server;	       /* dnsHostName of the DC written to: owned */
	char *error;	       /* the server's words, or NULL: owned */
};

struct journal_entry *journal_entry_new(void) MUST_CHECK;
void journal_entry_free(struct journal_entry *e);
DEFINE_CLEANUP(struct journal_entry *, journal_entry_free)

/* The number for a new cycle of LINK: larger than any before. */
int journal_begin_cycle(
    struct store_txn *t, uint32_t link, uint64_t *ret, struct err *err) MUST_CHECK;
/* Writes the intent and sets e->number. */
int journal_intend(struct store_txn *t, struct journal_entry *e, struct err *err) MUST_CHECK;
/* Records how NUMBER ended. ERROR may be NULL. */
int journal_finish(struct store_txn *t, uint64_t number, enum journal_outcome outcome,
    const char *error, struct err *err) MUST_CHECK;
/* As in store.h. */
typedef int journal_fn(const struct journal_entry *e, void *arg, struct err *err);
/* Entries still JOURNAL_OPEN of LINK (0: all), oldest first: kept in a list of their own, so this
 * costs nothing on a healthy map. */
int journal_each_open(
    struct store_txn *t, uint32_t link, journal_fn *fn, void *arg, struct err *err) MUST_CHECK;
/* Entries about the correspondence of source GUID, oldest first. */
int journal_each_of(struct store_txn *t, const struct guid *source, journal_fn *fn, void *arg,
    struct err *err) MUST_CHECK;
/* All entries of one cycle, oldest first; CYCLE 0: all. */
int journal_each(
    struct store_txn *t, uint64_t cycle, journal_fn *fn, void *arg, struct err *err) MUST_CHECK;

/* Which entries are meant. What is 0 or NULL is no matter. */
struct journal_query {
	uint64_t after; /* those behind this number */
	uint64_t cycle;
	uint32_t wave;	      /* that asked for them */
	int64_t since;	      /* seconds since the epoch */
	uint32_t link[SIDES]; /* one of these flows */
	const struct guid *source;
};
/* Those that Q means, oldest first. */
int journal_find(struct store_txn *t, const struct journal_query *q, journal_fn *fn, void *arg,
    struct err *err) MUST_CHECK;
/* The source objects that WHO may mean, each once. Records say so as in store_lookup_who(), also of
 * those that left. Where there is none the journal does: who was named so when it was written, by
 * GUID, DN, address, legacyExchangeDN, alias, or logon name. */
int journal_find_who(
    struct store_txn *t, const char *who, struct guid_list *ret, struct err *err) MUST_CHECK;
/* Entry NUMBER; *RET NULL if there is none, or not any more. */
int journal_get(
    struct store_txn *t, uint64_t number, struct journal_entry **ret, struct err *err) MUST_CHECK;

/* How large the journal is, all links together. */
struct journal_size {
	uint64_t entries;
	uint64_t octets; /* of the map's pages that it takes */
	int64_t oldest;	 /* seconds since the epoch: when the first entry was written; 0: none */
};
int journal_measure(struct store_txn *t, struct journal_size *ret, struct err *err) MUST_CHECK;

/* What is kept of finished entries. */
struct journal_limits {
	int64_t now;	     /* seconds since the epoch */
	int64_t max_age_s;   /* older ones are removed; */
	uint64_t max_octets; /* while the journal takes more, younger ones too, the oldest first, */
	int64_t min_age_s;   /* but none that is younger than this */
};
/* Removes a piece of what L does not keep: at most MAX entries, so that a transaction is short. An
 * entry stays if its outcome is unknown, or if an operation (store_put_operation()) of its
 * correspondence is under way. *FROM is 0 for the first piece, then where the next one begins, and
 * 0 again when there is nothing left to remove. Each piece leaves the journal whole. */
int journal_trim(struct store_txn *t, const struct journal_limits *l, size_t max, uint64_t *from,
    size_t *ret_removed, struct err *err) MUST_CHECK;

/* The encoding, for tests and fuzzing. */
void journal_encode(const struct journal_entry *e, struct buf *ret);
int journal_decode(
    struct bytes raw, uint64_t number, struct journal_entry **ret, struct err *err) MUST_CHECK;

#endif
