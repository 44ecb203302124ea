/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_DELTA_H
#define GALSYNC_CYCLE_DELTA_H

/*
 * What a delta cycle is about. A full cycle has one too: for its cursors. The order of the calls is
 * in cycle.c, the flow in delta.c.
 */

#include "dsa/cycle/state.h"
#include "dsa/directory/guid_set.h"

/* From so many changed objects on, reading everything is cheaper than asking for each. */
#define DELTA_MANY 2000

struct delta {
	struct cycle *c;
	struct guid_list changed[SIDES]; /* as the feeds said */
	struct guid_list named[SIDES];	 /* of these, what is new, renamed or moved */
	/* Source GUIDs, each once: an object that is concerned by several ways is looked at once in
	 * a cycle, so a delta ends. */
	struct guid_list concerned;
	struct guid_set known;	    /* the same */
	struct guid_set told_of;    /* those that the other flow has put down (other_flow.h) */
	struct guid_set named_anew; /* source objects that a changed target object names */
	/* Objects of each side that come or go, whose back links are to be read; and of these,
	 * those of which that is news to the other flow. */
	struct guid_list followed[SIDES];
	struct guid_set news[SIDES];
	struct guid_list emptied;	     /* groups of the target that may be deleted */
	struct buf cursor[SIDES];	     /* where the next delta starts; empty: as before */
	struct guid conflict_place;	     /* where the next delta goes on looking at conflicts */
	bool too_many;			     /* a full cycle is cheaper */
	char told_by[SIDES][GUID_TEXT_SIZE]; /* the database instance that told, "" if not shown */
};

int delta_new(struct cycle *c, struct delta **ret, struct err *err) MUST_CHECK;
void delta_free(struct delta *x);
/* The source objects that a delta is about. */
const struct guid_list *delta_about(const struct cycle *c);
/* Hears what changed on each side since its CURSOR (empty: only gets a cursor for now), both at
 * once. *RET_LOST is a side whose server cannot tell that, or SIDES. */
int delta_listen(struct delta *x, const struct bytes cursor[SIDES], enum side *ret_lost,
    struct err *err) MUST_CHECK;
/* Is each directory still connected to the server that told what changed? If not, what was read may
 * be from before that: the other server had not received it yet. */
bool delta_reads_what_was_told(const struct delta *x);
/* Fills x->concerned. */
int delta_concerned(struct delta *x, struct err *err) MUST_CHECK;
/* Fills it with what the cycle was asked for alone, whatever changed. */
int delta_concern_asked(struct delta *x, struct err *err) MUST_CHECK;
/* Reads the concerned from number FROM on into the working sets, and at the same time their
 * recorded counterparts; then the candidates of those that have none. */
int delta_fetch(struct delta *x, size_t from, struct err *err) MUST_CHECK;
/* Reads what the source entry E refers to, as far as no record has that name. Without effect in a
 * full cycle. */
int delta_fetch_references(struct cycle *c, const struct entry *e, struct err *err) MUST_CHECK;
/* delta_followers.c: adds to x->concerned what is concerned because of what was decided about the
 * source entries from FROM_INDEX and the concerned from FROM on. */
int delta_followers(struct delta *x, uint32_t from_index, size_t from, struct err *err) MUST_CHECK;

/* delta_nesting.c: adds those groups whose type may have to be another one because of the group of
 * source entry INDEX, about which D was decided. */
int delta_add_nested(
    struct delta *x, uint32_t index, const struct decision *d, struct err *err) MUST_CHECK;
/* R's source goes: if R is of a group that is deleted with it, it is put down for the next call. */
int delta_note_emptied(struct delta *x, const struct record *r, struct err *err) MUST_CHECK;
/* Adds the groups in those that were put down, and none is put down any more. */
int delta_add_emptied(struct delta *x, struct err *err) MUST_CHECK;

/* delta_conflicts.c: adds to x->concerned the objects whose conflicts must be
 * looked at because of those and of what changed in the target; and if ANYTHING changed, some of
 * the others: conflict_place is where the next delta goes on. */
int delta_add_conflicts(struct delta *x, bool anything, struct err *err) MUST_CHECK;
/* Adds those in conflict about the counterpart that D has found by soft evidence. */
int delta_add_rivals(struct delta *x, const struct decision *d, struct err *err) MUST_CHECK;

/* delta_heirs.c: adds those that have a contact in the target, and that a changed user or group
 * there names. Reads what changed there and is no counterpart, if the link makes such contacts. */
int delta_add_heirs(struct delta *x, struct err *err) MUST_CHECK;
/* Is SOURCE one of them? Then what names it is looked for, as in a full cycle. */
bool delta_looks_for_heir(const struct cycle *c, const struct guid *source);

/* What is below a container that is new, or called otherwise, is called otherwise too: adds to RET
 * the recipients below those objects of NAMED, in the domain of D, that are containers. */
int delta_add_below(struct dir *d, const struct guid_list *named, struct guid_list *ret,
    struct err *err) MUST_CHECK;

/* SOURCE is concerned; of no effect if it is already. */
int delta_concern(struct delta *x, const struct guid *source, struct err *err) MUST_CHECK;

#endif
