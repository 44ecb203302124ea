/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_TOGETHER_H
#define GALSYNC_JOBS_TOGETHER_H

/*
 * Which mailboxes of a link work for each other (dsa/rules/together.h), read live from the source:
 * delegates, send on behalf, assistants, forwarding, and shared mailboxes and rooms with their
 * delegates. Rights that a mailbox has in its own security descriptor are not read.
 */

#include "dsa/rules/together.h"
#include "dsa/run/run.h"

/* Who is asked about: what BASE and FILTER select (NULL: the domain; everything), or the N OBJECTS;
 * without any of these all mailboxes. */
struct together_order {
	const char *base, *filter;
	const struct guid *objects;
	size_t n;
};

struct together_mailbox {
	struct guid guid;
	char *dn, *name, *mail; /* NAME and MAIL: "" if there is none */
	char details[12];	/* msExchRecipientTypeDetails, or "" */
	bool known;		/* the map has it, as a user that has not left */
	bool switched;
};

struct together {
	struct together_mailbox *v;
	size_t n, cap;
	bool *moves; /* by mailbox: known, and not switched */
	bool *asked;
	struct together_tie *ties; /* between known ones */
	size_t n_ties, cap_ties;
	size_t *set; /* by mailbox: the first of its set */
};
void together_done(struct together *t);
static inline void
together_donep(struct together *t)
{
	together_done(t);
}

/* RET is zeroed at first, and the caller's to release, also after a failure. */
int together_run(struct run *run, const struct together_order *o, struct together *ret,
    struct err *err) MUST_CHECK;

#endif
