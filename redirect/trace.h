/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_REDIRECT_TRACE_H
#define GALSYNC_REDIRECT_TRACE_H

/*
 * The way of a mail through both organizations, hop by hop, as the two directories have it now.
 * The caller reads: it answers which objects hold an address and what an object is.
 *
 * An organization looks for an object that holds the address (proxyAddresses; `mail` where none
 * has it there). What happens then is the object's:
 *
 *   targetAddress    the mail is sent on to that address, to the organization that accepts its
 *                    domain: the one whose redirect_domain it is, else this one or the other one by
 *                    mail_domains, else it leaves both
 *   group            to each member; a member is an object, not an address
 *   altRecipient     to that object, and to the mailbox too if deliverAndRedirect is TRUE
 *   mailbox          the end
 *
 * An object that is met again on its own way is a loop, in whichever organization. An object that
 * was followed already on another way is not followed twice, so the work is bounded by the number
 * of objects. Disabled, hidden and restrictions of delivery are not looked at.
 *
 * Of the object that has the address, of a mailbox without a correspondence, and of an address that
 * nobody has, it is said why: it has left the synchronization, or was never in it.
 */

#include <stdbool.h>
#include <stddef.h>

#include "dsa/base/err.h"
#include "dsa/directory/entry.h"
#include "dsa/directory/kind.h"
#include "mapping/record.h"

#define TRACE_HOLDERS 8	   /* of one address, that are named */
#define TRACE_MAX_DEPTH 64 /* of groups in groups and redirections */

enum trace_step {
	/* The mail goes on: to the hops below that are one deeper. */
	TRACE_PASSES,	/* no object here has it, but the other organization accepts the domain */
	TRACE_REDIRECT, /* by targetAddress */
	TRACE_FORWARD,	/* by altRecipient */
	TRACE_GROUP,
	/* It ends well, or nothing is sent. */
	TRACE_MAILBOX,
	TRACE_PUBLIC_FOLDER,
	TRACE_LEAVES,  /* a domain that neither organization accepts, or no SMTP address */
	TRACE_SEEN,    /* this object's way was followed above */
	TRACE_SKIPPED, /* a member that is no recipient */
	TRACE_EMPTY,   /* a group without members */
	TRACE_DYNAMIC, /* a group whose members Exchange searches: they are not followed */
	/* It does not arrive, or it is not known where. */
	TRACE_DEAD_END, /* see trace_hop.detail */
	TRACE_COLLISION,
	TRACE_LOOP,
	TRACE_TOO_DEEP,
	TRACE_STEP_MAX
};
#define TRACE_FIRST_BAD TRACE_DEAD_END
/* "redirect", "mailbox", "dead-end", ... */
const char *trace_step_name(enum trace_step s);

/* Is a mailbox the one that its owner uses (active_side.h)? */
enum trace_active { TRACE_NOT_IN_MAP, TRACE_ACTIVE, TRACE_PASSIVE };

struct trace_hop {
	unsigned depth;
	enum side side; /* the organization that has the mail */
	enum trace_step step;
	char *address; /* that was looked for; NULL for a member and a forward */
	char *dn;      /* of the object, NULL if there is none */
	enum kind kind;
	struct guid guid;
	char *detail; /* where it is sent, the mailbox's database, or what is wrong; or NULL */
	size_t members;
	enum trace_active active; /* of a mailbox */
	char *note; /* why its object, or the address that nobody has, is in no correspondence, or
		     * NULL */
};

struct trace {
	struct trace_hop *hops; /* in the order in which they are met */
	size_t n, cap;
	size_t unlisted;	      /* hops that are not in HOPS: there are too many */
	size_t count[TRACE_STEP_MAX]; /* all hops, by step */
};
void trace_done(struct trace *t);
static inline void
trace_donep(struct trace *t)
{
	trace_done(t);
}
/* True if something is wrong with one of the ways. */
bool trace_is_bad(const struct trace *t);

struct trace_forest {
	const char *name;
	char *const *mail_domains;
	size_t n_mail_domains;
	const char *redirect_domain; /* or NULL */
};

struct trace_env {
	struct trace_forest forest[SIDES];
	size_t max_hops; /* to be listed; as many again of the bad ones */
	/* The objects of SIDE that hold ADDRESS ("smtp:..." or "x500:...") in proxyAddresses, mail
	 * or legacyExchangeDN, at most TRACE_HOLDERS of them. The caller frees. */
	int (*holders)(enum side side, const char *address, struct entry **ret, size_t *ret_n,
	    void *arg, struct err *err);
	/* The N objects of SIDE with these names; NULL in RET for one that is not there. */
	int (*objects)(enum side side, const struct bytes *dns, size_t n, struct entry **ret,
	    void *arg, struct err *err);
	int (*active)(enum side side, const struct guid *g, enum trace_active *ret, void *arg,
	    struct err *err);
	/* Why the object G of SIDE is in no correspondence, or in none any more: a sentence without
	 * its end, the caller's to free; NULL: it is in one, or there is nothing to say. */
	int (*standing)(
	    enum side side, const struct guid *g, char **ret, void *arg, struct err *err);
	/* The same of ADDRESS, which no object has. */
	int (*remembered)(const char *address, char **ret, void *arg, struct err *err);
	void *arg;
};
/* What has to be read of every object, NULL-terminated. */
extern const char *const trace_attrs[];

/* Follows ADDRESS (with or without "smtp:"; "x500:..." or "/o=..." too), sent in organization FROM.
 * RET must be empty and is the caller's to free, also after a failure. */
int trace_run(const struct trace_env *env, enum side from, const char *address, struct trace *ret,
    struct err *err) MUST_CHECK;
/* What happens at hop H, for people: "redirects to jo@redirect.globex.example". */
void trace_hop_text(const struct trace_env *env, const struct trace_hop *h, char *ret, size_t size);

#endif
