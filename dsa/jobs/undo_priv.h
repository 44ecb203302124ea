/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_UNDO_PRIV_H
#define GALSYNC_JOBS_UNDO_PRIV_H

/* What undo.c, which takes changes back, undo_read.c, which reads what they are about, and
 * undo_note.c, which keeps the map in step, share. */

#include "dsa/jobs/undo.h"
#include "dsa/rules/undo.h"
#include "mapping/resolution.h"

/* An object as it is, or, in a dry run, as it would be by now. */
struct undo_object {
	const struct dir *dir;
	struct guid guid;    /* zero: it would be made */
	struct entry *entry; /* NULL: it would be gone */
};

/* What would have been said about an object in conflict by now. */
struct undo_said {
	uint32_t link;
	struct guid source;
	enum resolved_as as;
	struct guid target;
};

struct undoing {
	struct run flow[SIDES]; /* the link's, by the side of its originals */
	size_t n_flows;
	bool dry_run;
	struct undo_counts *counts;
	struct undo_object *pretended;
	size_t n_pretended, cap_pretended;
	struct undo_said *said; /* in a dry run */
	size_t n_said, cap_said;
};

/* One change. */
struct undo_change {
	struct run *run; /* its flow */
	struct journal_entry *entry;
	struct record *record; /* of its correspondence, or NULL */
	bool again;	       /* it is itself an undo: what is done is done again */
	bool cut;	       /* a change of that chain is in the journal no more */
	struct entry *now, *partner;
	struct entry *tombstone; /* that OUT brings back, or NULL */
	struct undo_out out;
	char refused[400]; /* why the server does not bring it back; "": it was not asked */
	char text[400];	   /* why it failed */
};
void undo_change_done(struct undo_change *c);
/* Is there an object because of C? */
bool undo_made_object(const struct undo_change *c);
static inline void
undo_change_donep(struct undo_change *c)
{
	undo_change_done(c);
}

/* undo_read.c: reads what C is about, decides, and leaves what others would lose by it: C->out. */
int undo_look(struct undoing *u, struct undo_change *c, struct err *err) MUST_CHECK;
/* Remembers, in a dry run, what C would do. */
int undo_note_pretended(struct undoing *u, struct undo_change *c, struct err *err) MUST_CHECK;

/* undo_note.c: entry NUMBER of the journal with what the map knows of it; C->entry NULL if there
 * is none. */
int undo_load(
    struct undoing *u, uint64_t number, struct undo_change *c, struct err *err) MUST_CHECK;
/* In the transaction of the intent of what takes C back: it is kept off. */
int undo_note_intent(struct store_txn *t, const struct undo_change *c, struct err *err) MUST_CHECK;
/* In the transaction of the outcome: WRITTEN was done. */
int undo_note_done(struct store_txn *t, struct undo_change *c, const struct change *written,
    struct err *err) MUST_CHECK;
/* What C created is gone, and the map does not know that yet. */
int undo_note_gone(struct undo_change *c, struct err *err) MUST_CHECK;
/* undo_resolution.c: takes C, what an operator said about a conflict, back, or, in a dry run,
 * would. RET_TEXT, borrowed from C or constant, tells of it. *RET_LEFT: another thing was said
 * since. */
int undo_resolution(struct undoing *u, struct undo_change *c, bool *ret_left, const char **ret_text,
    struct err *err) MUST_CHECK;
/* What took C back made an object, or brought it back: its record gets the GUID. */
int undo_note_made(struct undo_change *c, struct err *err) MUST_CHECK;

#endif
