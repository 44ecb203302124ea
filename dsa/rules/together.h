/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_TOGETHER_H
#define GALSYNC_RULES_TOGETHER_H

/*
 * Who must move together: mailboxes that work for each other, and what no longer works between two
 * of them that are in different organizations. Pure: mailboxes are numbers here, and ties join two
 * of them. What moved already and what is no mailbox of the link joins nothing.
 */

#include <stdbool.h>
#include <stddef.h>

#include "dsa/base/err.h"

enum tie {
	TIE_DELEGATE,	    /* FROM's mailbox is opened by TO (msExchDelegateListLink) */
	TIE_SEND_ON_BEHALF, /* TO sends on behalf of FROM (publicDelegates) */
	TIE_ASSISTANT,	    /* TO is FROM's assistant (assistant) */
	TIE_FORWARD,	    /* FROM's mail goes on to TO (altRecipient) */
	TIE_SHARED,	    /* FROM is a shared mailbox, and TO works in it */
	TIE_RESOURCE,	    /* FROM is a room or equipment, and TO manages its bookings */
	TIE_MAX
};
/* "delegate", "send-on-behalf", "assistant", "forward", "shared", "resource". */
const char *tie_name(enum tie t);
/* What does not work while FROM and TO are in different organizations, a sentence without its end:
 * it begins with what TO cannot do with FROM. */
const char *tie_breaks(enum tie t);
/* The tie by an attribute that names a delegate (ATTR_TIE is what it says of an ordinary mailbox),
 * of a mailbox with msExchRecipientTypeDetails DETAILS, or "". */
enum tie tie_of(enum tie attr_tie, const char *details);

struct together_tie {
	size_t from, to;
	enum tie tie;
};

/* The connected sets of N mailboxes by N_TIES ties: *RET[i] is the number of the set that mailbox i
 * is in, which is that of the first mailbox in it. Only those with MOVES[i] are joined; any other
 * is a set of its own. The caller frees *RET. Neither the order of the ties nor what is said twice
 * matters; a tie to itself is none. */
int together_sets(size_t n, const bool *moves, const struct together_tie *ties, size_t n_ties,
    size_t **ret, struct err *err) MUST_CHECK;

/* Does TIE break when those with IN[i] move, and the others of MOVES do not? */
bool together_splits(const struct together_tie *tie, const bool *moves, const bool *in);

#endif
