/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_REDIRECT_ACTIVE_SIDE_H
#define GALSYNC_REDIRECT_ACTIVE_SIDE_H

/*
 * Whose mailbox the owner uses, read from both objects as they are. Pure. It is the one rule for
 * that: the plan, the switch, the toggle, verify, trace, readiness and a map that is made anew
 * ask it. The map is the last witness, so a lost, old or wrong map leads no mail astray.
 *
 *   S leads to T  T leads to S  mailbox on        the active side is
 *   no            yes           S, both, neither  the source
 *   no            yes           T only            the source, which has lost its mailbox: told
 *   yes           no            both, T only      the target
 *   yes           no            S only            the source: S redirects to nobody
 *   yes           no            neither           what the witnesses say
 *   no            no            both, neither     what the witnesses say: half of a turn
 *   no            no            S only            the source
 *   no            no            T only            the target
 *   yes           yes           S only, T only    the one that has a mailbox: a loop
 *   yes           yes           both, neither     what the witnesses say: a loop
 *
 * The witnesses, in this order: the side in the stamp on T, the marker on S, the map. If none of
 * them says anything, the source is the active side: nothing was ever switched. A loop of what is
 * finished is ended towards the target, if that has a mailbox: there its owner is, whatever they
 * say.
 *
 * A redirection to a third place counts as none, and the object is left alone. One to the object
 * itself counts as none, and goes. A mailbox in a cloud tenant, whose targetAddress leads into the
 * tenant, is a mailbox without a redirection (tenant.h), and so does the source lead to it by that.
 * What is no user has no mailbox: its source is active.
 */

#include <stdbool.h>

#include "dsa/directory/entry.h"
#include "mapping/record.h"

struct active_conf {
	const char *redirect_domain[SIDES]; /* or NULL */
	/* The redirect domains of tools whose estate is adopted, NULL-terminated, or NULL: what
	 * they redirected leads where a redirection of galsync's would lead. */
	const char *const *adopted[SIDES];
	const char *routing_domain;   /* to the target's tenant, or NULL: any may be */
	const char *stamp_attribute;  /* on the target, or NULL: not asked */
	const char *marker_attribute; /* on the source, or NULL: not asked */
};

/* Where the targetAddress of an object leads. */
enum active_leads {
	LEADS_NOWHERE,
	LEADS_ACROSS, /* to its counterpart */
	LEADS_HOME,   /* to itself */
	LEADS_AWAY    /* to a third place */
};

enum active_witness { WITNESS_SILENT, WITNESS_SOURCE, WITNESS_TARGET };

/* What the rule looks at. */
struct active_facts {
	bool mailbox[SIDES];
	enum active_leads leads[SIDES];
	enum active_witness stamp, marker, map;
	bool finished; /* the map says that nothing is done to the pair any more */
};

struct active_side {
	enum side side; /* the verdict */
	struct active_facts facts;
	bool is_loop; /* both redirect to each other */
	bool lost;    /* the source is the active side and has no mailbox, but the target has one */
	/* The map says otherwise, and galsync's own stamp does not vouch for the verdict: the
	 * mailbox was turned by an administrator, another tool, or Exchange itself. */
	bool moved;
	int64_t
	    since; /* when it was switched, by the marker; seconds since the epoch, 0: unknown */
};

/* The verdict on F. */
struct active_side active_side_judge(const struct active_facts *f);
/* Was the mailbox in use taken away? A witness says that the owner uses the target, which has no
 * mailbox any more, and the source still sends mail there. It is the owner's mail that is gone, so
 * nothing makes another, empty one in its place. */
bool active_is_purged(const struct active_side *a);
/* Does mail go round because of the targetAddress of SIDE, and must that go? Either it leads to an
 * address that the object itself has; or both lead to one that the other has, and SIDE is the
 * active side. So is what is not synchronized any more judged, for whose redirections others
 * answer: an address in a redirect domain that neither object has leads to another object. A is the
 * verdict on both OBJECTS. */
bool active_goes_round(
    const struct active_side *a, const struct entry *const objects[SIDES], enum side side);
/* The verdict on the objects as they were read; either may be NULL: it is gone. RECORD is what the
 * map knows, or NULL; of a record that was never synchronized the active side is no witness. The
 * attributes that are read: those of turn_attrs (turn.h), the marker of the source, and of the
 * target msExchRecipientTypeDetails and the stamp. */
struct active_side active_side_of(const struct active_conf *conf,
    const struct entry *const side[SIDES], const struct record *record);
/* Is E, the object of SIDE, a user with a mailbox: in a database of its forest or, on the target,
 * in the tenant of a hybrid organization? */
bool active_has_mailbox(const struct entry *e, enum side side);
/* Is the targetAddress TO (NULL: none) in one of the ADOPTED domains of a side? */
bool active_is_adopted(const char *to, const char *const *adopted);
/* True if the targetAddress TO (NULL: none) is an address of E (NULL: is not asked), or in DOMAIN
 * (NULL: none), the redirect domain of E's forest. */
bool active_leads_to(const char *to, const struct entry *e, const char *domain);
/* Is V a marker that galsync set on a source object? */
bool active_is_marker(const char *v);

#endif
