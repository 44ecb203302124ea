/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_REDIRECT_TURN_H
#define GALSYNC_REDIRECT_TURN_H

/*
 * The turn of one mailbox: the switch to the target, and the undo back to the source. Pure: what
 * must be true before, and what is changed on either side.
 *
 *              switch                                   undo
 *   first      target: targetAddress goes, the stamp    source: targetAddress and marker go
 *              says "target"
 *   second     source: targetAddress and marker come    target: targetAddress comes, the stamp
 *                                                       says "source"
 *
 * The first change takes a redirection away and the second sets the other one, so at no moment do
 * both sides redirect; between the two neither does, and each organization delivers to its own
 * mailbox. What goes from a target whose mailbox is in a tenant makes room for the address in the
 * routing domain, which leads there and is no redirection. Each change is one compare-and-set
 * modify. Both are differences from what is there: a turn that was interrupted is finished by
 * asking for the same changes again.
 *
 * The side that is passive afterwards gets msExchCalendarRepairDisabled TRUE (the Calendar Repair
 * Assistant and a calendar synchronization race), the active one loses it if galsync set it.
 *
 * In the flow this is project and diff of a switch; its changes go to exec like those of a cycle.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/directory/change.h"
#include "dsa/directory/entry.h"
#include "mapping/record.h"

enum turn { TURN_SWITCH, TURN_UNDO };
#define TURN_CHANGES 2

struct turn_conf {
	const char *redirect_domain[SIDES];
	const char *routing_domain;   /* to the target's tenant (tenant.h), or NULL */
	const char *stamp_attribute;  /* on the target object: match.h; NULL: it is left alone */
	const char *marker_attribute; /* on the source object: "galsync:switched:<time>:<GUID>" */
	const char *marker_group;     /* DN, or NULL */
};

/* What has to be read of either side, NULL-terminated, beside the attributes of stamp and marker.
 */
extern const char *const turn_attrs[];

/* One mailbox as it was read. An entry may be NULL: it is gone. */
struct turn_facts {
	const struct record *record;
	const struct entry *side[SIDES];
	/* How many objects of the forest hold the side's redirect address, found by a search. */
	size_t holders[SIDES];
	bool begun; /* the turn is under way already: what is pending does not stop it */
	bool force; /* nor does it matter that Exchange has not finished the mailbox */
};

/* The redirect address that the mailbox of side OF carries in DOMAIN, without type; NULL if it has
 * none. Of several, which another alias leaves behind, it is the one that the other side redirects
 * to, else that of the source's alias, else the first by the alphabet. SOURCE and TARGET may be
 * NULL. Borrowed. */
const char *turn_redirect_address(
    const struct entry *source, const struct entry *target, enum side of, const char *domain);
/* Why a mailbox must not be switched yet because of Exchange, as R says and the target object as it
 * was read (NULL: it was not); NULL if it may. */
const char *turn_unfinished(const struct record *r, const struct entry *target);
/* False if the turn must not begin, with the reason in WHY. *DONE: it is as wanted already. */
bool turn_check(const struct turn_conf *conf, enum turn turn, const struct turn_facts *f,
    bool *done, char *why, size_t size);

/* Everything that must be true before a turn, by number: "map", "settled", "source_mailbox", ... */
#define TURN_NEEDS 17
#define TURN_WHY_SIZE 400
const char *turn_need_name(size_t i);
typedef void turn_need_fn(size_t need, bool ok, const char *why, void *arg);
/* The same as turn_check(), without an end at the first that is not so: FN is called for each that
 * can be asked, in their order. What an object must have is not asked of one that is gone, and
 * nothing behind the map of what is not in it, or is as wanted already. */
void turn_check_each(const struct turn_conf *conf, enum turn turn, const struct turn_facts *f,
    bool *done, turn_need_fn *fn, void *arg);
/* The changes in their order, owned by the caller; an empty one is NULL. NOW is for the marker.
 * ERR_DATA if the side that mail is to go to has no address in its redirect domain. */
int turn_changes(const struct turn_conf *conf, enum turn turn, const struct turn_facts *f,
    int64_t now, struct change *ret[TURN_CHANGES], struct err *err) MUST_CHECK;
/* Where change I of the turn is made. */
enum side turn_side(enum turn turn, size_t i);
/* When the way back TURN cannot be gone (a side is gone, or it was redirected by others): its first
 * change alone, which takes away what galsync set. *RET NULL if there is nothing of the kind. */
int turn_take_away(const struct turn_conf *conf, enum turn turn, const struct turn_facts *f,
    struct change **ret, struct err *err) MUST_CHECK;
/* Does the MARKER of a source object (NULL: none) say that galsync set the guard on it? */
bool turn_marker_guards(const char *marker);
/* If C sets the guard of SIDE, R remembers that it is galsync's. To be stored before C is made. */
int turn_note_guard(
    const struct change *c, enum side side, struct record *r, bool *ret_noted) MUST_CHECK;
/* Did galsync set the guard on SIDE's object? On SOURCE the object is there. */
bool turn_guard_is_ours(const struct turn_conf *conf, const struct turn_facts *f, enum side side);
/* False if the source object (NULL: gone) has no room for the marker: the attribute has a
 * foreign value, which stays. */
bool turn_can_mark(const struct turn_conf *conf, const struct entry *source);
/* True if both sides are as they must be after the turn; else WHY says what is not. */
bool turn_verify(const struct turn_conf *conf, enum turn turn, const struct turn_facts *f,
    char *why, size_t size);

#endif
