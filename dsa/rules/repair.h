/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_REPAIR_H
#define GALSYNC_RULES_REPAIR_H

/*
 * The redirection of a mailbox that others changed: what puts it right, towards the active side
 * that both objects show (active_side.h), and which of a cycle's changes are about a redirection
 * that was in place. Pure.
 *
 *   active   state of the pair                          what is changed
 *   source   the source leads to the target or to       the source's targetAddress and marker go
 *            itself, or has the marker
 *   source   there is no target yet                     the same
 *   source   else                                       nothing
 *   target   the target redirects                       its targetAddress goes, first
 *   target   the source does not lead to its address,   the source's targetAddress, marker and
 *            or lacks marker or guard                   guard come
 *
 * A redirection to a third place stays. With the source active the target's own redirection is no
 * repair: it is projected. The changes
 * are those of a turn (turn.h): differences, as compare-and-set, that clear before they set. Each
 * side is looked at as it will be when its redirect address was written.
 *
 * Of a pair that is not synchronized any more, or that is in conflict, nothing is put right but
 * that mail goes round: a targetAddress goes, and nothing else of it.
 *
 *   feed -> entry -> match -> project -> [diff] -> plan -> exec -> record
 */

#include "dsa/directory/change.h"
#include "dsa/rules/project.h"
#include "redirect/active_side.h"
#include "redirect/turn.h"

struct repair {
	size_t n;
	struct {
		enum side side;
		struct change *change; /* not empty */
	} fix[TURN_CHANGES];	       /* in the order in which they are made */
	bool broken[SIDES];	       /* the redirection of that side's object is wrong */
};
void repair_done(struct repair *r);
static inline void
repair_donep(struct repair *r)
{
	repair_done(r);
}

/* What puts the redirection of the pair IN right. Nothing for what has no redirection. Of a pair
 * whose counterpart is to be created: before that is there, the source does not lead to it. NOW,
 * seconds since the epoch, is for the marker. RET must be zeroed. ERR_DATA if a redirect address
 * cannot be made. */
int repair_plan(
    const struct project_in *in, int64_t now, struct repair *ret, struct err *err) MUST_CHECK;

/* The change that ends the circle in which mail goes because of the targetAddress of SIDE
 * (active_goes_round()), owned by the caller; *RET NULL if it goes in none. A is the verdict on
 * both OBJECTS. */
int repair_end_circle(const struct active_side *a, const struct entry *const objects[SIDES],
    enum side side, struct change **ret, struct err *err) MUST_CHECK;
/* Does CHANGE, of the object that redirects to TO, take that redirection away? */
bool repair_takes_away(const struct change *change, struct bytes to);

/* Was a redirection of the pair in place? OLD is its record as stored, RECORD the one to be. A
 * first redirection is none, and neither is that of another counterpart than before. */
bool repair_was_in_place(
    const struct project_in *in, const struct record *old, const struct record *record);
/* Is CHANGE, a modify of the counterpart, about a redirection that was in place: does it take one
 * away, or bring one where OLD knows one? *BROKEN becomes true if that one is not there any more:
 * it was taken away. */
bool repair_is_about(const struct project_in *in, const struct record *old,
    const struct change *change, bool *broken);
/* Does CHANGE, a modify of the counterpart, which has a mailbox, bring a redirection, while OLD,
 * its record as stored, knows of none there ever was? */
bool repair_is_first(
    const struct project_in *in, const struct record *old, const struct change *change);
#endif
