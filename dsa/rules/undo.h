/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_UNDO_H
#define GALSYNC_RULES_UNDO_H

/*
 * What is written to take a change of galsync back, what is left, and why. Pure.
 *
 *   change    taken back                                       left
 *   modify    each value that is as it was written             what was changed since
 *   rename    if the object still has the name that was given  another name
 *   add       by a delete, if nobody has used the object       any attribute, reference, child or
 *                                                              logon of others, and a mailbox that
 *                                                              Exchange has finished
 *   delete    by the object itself, from its tombstone, or     values that the journal has no more
 *             by a new object from the before-image
 *
 * What is already as it was before needs nothing. Of an attribute that was written again by a later
 * change of galsync itself the same holds as of one that others wrote: the later one is undone
 * first.
 *
 * Mail comes first. Which mailbox is in use is never taken back here: a switch has its own way
 * back, in a safe order. Of a correspondence that is switched no address, redirection or stamp is
 * touched. A redirection is put back only if the other side redirects nowhere; an address to which
 * the other side redirects stays; a list of addresses has one primary one.
 */

#include "dsa/base/err.h"
#include "dsa/directory/schema.h"
#include "mapping/journal.h"
#include "redirect/finish.h"

/* What is read of its object: everything, and what only comes to those who name it: the back links
 * of who names it. */
extern const char *const undo_attrs[];

struct undo_in {
	const struct journal_entry *entry; /* it was done */
	const struct entry *now;	   /* its object with all attributes; NULL: it is gone */
	/* The other object of its correspondence as it is; NULL: gone, or it is about none. */
	const struct entry *partner;
	const struct record *record;			/* of its correspondence, or NULL */
	const struct schema *schema;			/* of the forest that it was made in */
	const struct attr *own_sids;			/* dir_info, or NULL */
	const char *stamp_attribute, *marker_attribute; /* where the side has them, else NULL */
	bool has_children;
};

struct undo_out {
	struct change *change;	     /* what is to be written, or NULL: nothing */
	struct finish_blockers left; /* what is not taken back, and why */
};
void undo_done(struct undo_out *o);
static inline void
undo_donep(struct undo_out *o)
{
	undo_done(o);
}

/* RET is zeroed. */
int undo_decide(const struct undo_in *in, struct undo_out *ret, struct err *err) MUST_CHECK;
/* RET would make a new object: it brings the old one back instead, which is TOMBSTONE, and what
 * that has lost. */
int undo_bring_back(const struct undo_in *in, const struct entry *tombstone, struct undo_out *ret,
    struct err *err) MUST_CHECK;
/* Takes value V of ATTRIBUTE out of what RET would add, and leaves it because of WHY. With it goes
 * what would be deleted in its place. */
int undo_withhold(struct undo_out *ret, const char *attribute, struct bytes v, const char *why,
    struct err *err) MUST_CHECK;
/* Leaves ATTRIBUTE ("": all) of DN, with what is there now (data NULL: nothing of it). */
int undo_leave(struct undo_out *ret, const char *dn, const char *attribute, struct bytes now,
    const char *why, struct err *err) MUST_CHECK;
/* Changes NOW (a tombstone, if C brings it back) as the server would by C, so that what comes next
 * can be told without it. C is no add and no delete. */
int undo_pretend(struct entry *now, const struct change *c, struct err *err) MUST_CHECK;

#endif
