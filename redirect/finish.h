/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_REDIRECT_FINISH_H
#define GALSYNC_REDIRECT_FINISH_H

/*
 * The end of coexistence for one mailbox that was switched: what still depends on its source, and
 * what is taken away when nothing does. Pure.
 *
 * It must be switched, with both objects wholly as a switch leaves them: the source redirects to an
 * address of the target, which redirects nowhere. Nothing may be under way with it, or wait. And
 * what reaches the source's mailbox must reach the target's without it:
 *
 *   names       every legacyExchangeDN and X500 address that the source has, or that the map
 *               remembers of it, is one of the target's
 *   addresses   every SMTP address of the source is one of the target's, but for those in its
 *               redirect domain and in the toggle domain
 *   references  in the target forest nothing redirects to an address that only the source has, no
 *               group has a member that does, and nothing forwards to such an object; in the source
 *               forest nothing forwards to the source object that is itself in use
 *
 * Then the marker and the guard on the source go, and the stamp and the guard on the target, each
 * only if it is galsync's. The redirection of the source, its membership in groups, and all
 * addresses stay. Both changes are differences from what is there.
 */

#include <stdbool.h>
#include <stddef.h>

#include "dsa/base/err.h"
#include "dsa/directory/change.h"
#include "mapping/held.h"
#include "redirect/address.h"
#include "redirect/turn.h"

struct finish_conf {
	const struct turn_conf *turn;
	const char *toggle_domain;
};

/* An object that refers to the mailbox, as a search found it. */
struct finish_reference {
	enum side side; /* of the object */
	char *dn;
	/* "targetAddress": an address that only the source has. "member": an object with such a
	 * targetAddress. "altRecipient": the same, or on SOURCE the source object. */
	const char *attribute;
	char *value;
};

/* One mailbox as it was read. */
struct finish_facts {
	const struct record *record;
	const struct entry *side[SIDES]; /* NULL: it is gone. The attributes are turn_attrs. */
	const struct finish_reference *references;
	size_t n_references;
	bool under_way;	  /* a switch, an undo, a toggle or a finish of it is written down */
	bool in_conflict; /* one is recorded */
	bool is_held;	  /* a limit holds a change of it, or it is approved and not made yet */
	uint32_t wave;	  /* in which it waits, 0: in none */
};

/* What keeps it from being finished, one thing each. */
struct finish_blocker {
	char *dn;	 /* of the object */
	char *attribute; /* "" if it is none */
	char *value;	 /* of the attribute; "" if it is none, or what is missing */
	char *why;
};
struct finish_blockers {
	struct finish_blocker *v;
	size_t n, cap;
};
void finish_blockers_done(struct finish_blockers *b);
static inline void
finish_blockers_donep(struct finish_blockers *b)
{
	finish_blockers_done(b);
}

/* The correspondence was finished for good: there is nothing to judge and nothing to do. */
bool finish_is_done(const struct record *r);
/* Adds all that blocks to RET; nothing if it can be finished. */
int finish_judge(const struct finish_conf *conf, const struct finish_facts *f,
    struct finish_blockers *ret, struct err *err) MUST_CHECK;
/* Adds the SMTP addresses ("smtp:...") that only the source has, its redirect address among them:
 * what redirects to one of them depends on the source. */
int finish_addresses(const struct finish_facts *f, const struct finish_conf *conf,
    struct address_list *ret, struct err *err) MUST_CHECK;
/* What is taken away on each side, owned by the caller; an empty one is NULL. */
int finish_changes(const struct finish_conf *conf, const struct finish_facts *f,
    struct change *ret[SIDES], struct err *err) MUST_CHECK;
/* Makes R the record of one that is finished for good. */
void finish_note(struct record *r);

#endif
