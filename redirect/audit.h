/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_REDIRECT_AUDIT_H
#define GALSYNC_REDIRECT_AUDIT_H

/*
 * What must be true of a correspondence at any time, judged from both objects as they are now and
 * its record. Which side is active both objects say (active_side.h), not the record. Pure; each
 * thing that is broken is told with the object, what is there and what should be.
 *
 * A mailbox's redirection is judged where the source is a user with a mailbox; all else of every
 * correspondence. Of one whose source left, or that is finished, only that no mail goes round
 * (active_goes_round()), and that it could leave.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/directory/entry.h"
#include "mapping/record.h"

enum audit_invariant {
	AUDIT_OBJECTS,		/* both objects of a record are there */
	AUDIT_LOOP,		/* never do both sides redirect */
	AUDIT_SELF,		/* and nothing redirects to itself */
	AUDIT_MAP,		/* the map knows which side is active */
	AUDIT_REDIRECTION,	/* the passive side redirects to the active one, which does not */
	AUDIT_MAILBOX,		/* the active side has one, if either has */
	AUDIT_REDIRECT_ADDRESS, /* each side has an address in its own redirect domain */
	AUDIT_FOREIGN_REDIRECT, /* and none in the other one's */
	AUDIT_ADDRESSES,	/* the target has every other address of an active source */
	AUDIT_REPLY,   /* every legacyExchangeDN and X500 that either side ever had, as far as
			* it is known, is its counterpart's legacyExchangeDN or X500 */
	AUDIT_MAIL,    /* mail is the primary SMTP address */
	AUDIT_PRIMARY, /* of which there is one */
	AUDIT_STAMP,   /* on the target, naming the source and the active side */
	AUDIT_GUARD,   /* msExchCalendarRepairDisabled is TRUE on the passive mailbox */
	AUDIT_DUMMY,   /* no address in the toggle domain */
	AUDIT_UNIQUE,  /* no other object in the forest holds an address */
	AUDIT_WRITTEN, /* the last write of the correspondence did not fail */
	AUDIT_MAX
};
/* "objects", "loop", "redirection", ... */
const char *audit_invariant_name(enum audit_invariant i);

#define AUDIT_TEXT_SIZE 320

struct audit_finding {
	enum audit_invariant what;
	enum side side;		   /* of the object */
	const struct guid *source; /* of the correspondence; NULL: the object is in none */
	const char *dn;
	char there[AUDIT_TEXT_SIZE], want[AUDIT_TEXT_SIZE];
};

struct audit_env {
	const char *redirect_domain[SIDES]; /* NULL: of this pair nothing is redirected */
	const char *own_domain[SIDES];	    /* the same in any case: what is in them stays there */
	const char *routing_domain[SIDES];  /* to the tenant of either side, or NULL */
	const char *const *adopted[SIDES];  /* active_side.h */
	const char *toggle_domain;
	const char *stamp_attribute;  /* on the target */
	const char *marker_attribute; /* on the source */
	/* An object of SIDE other than SELF that holds ADDRESS ("smtp:..." or "x500:...", in any
	 * case) in proxyAddresses, or as its legacyExchangeDN: its DN, owned by the caller; NULL if
	 * there is none. FRESH: not one that was asked about before, so that two objects with one
	 * address are told once. */
	int (*holder)(enum side side, struct bytes address, const struct entry *self, bool fresh,
	    char **ret_dn, void *arg, struct err *err);
	void (*found)(const struct audit_finding *f, void *arg);
	void *arg;
};
/* What has to be read of each side, NULL-terminated, beside the marker of the source and the stamp
 * of the target. */
extern const char *const *const audit_attrs[SIDES];

struct audit_pair {
	const struct record *record;
	const struct entry *side[SIDES]; /* NULL: it is gone */
	bool conflict;			 /* one is recorded: an address that another holds may be
					  * missing */
	enum side authority; /* the side that decides about what has no mailbox on either */
};

/* Names that must resolve at the counterpart, and those that do not. */
struct audit_replies {
	uint64_t known, missing;
};

/* Tells found() of all that is broken, and adds to REPLIES. A record without a target's GUID was
 * never written: nothing is judged. */
int audit_pair(const struct audit_env *env, const struct audit_pair *p,
    struct audit_replies *replies, struct err *err) MUST_CHECK;
/* True if E of SIDE, which need not be in any correspondence, has a dummy address; told. */
bool audit_dummies(
    const struct audit_env *env, enum side side, const struct entry *e, const struct guid *source);

#endif
