/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RULES_PROGRESS_H
#define GALSYNC_RULES_PROGRESS_H

/*
 * How far the migration of one recipient is: a few steps in their order, and the percentage of
 * them. Pure. It is said of what the map knows, so it costs nothing, and it is as old as the last
 * cycle that looked at the object: what must be true of both directories at this moment is asked by
 * a dry run of the switch (jobs/turn_look.h).
 *
 *   matched      it has a counterpart
 *   mailbox      the counterpart's mailbox is there, and Exchange has finished it
 *   x500         the counterpart has the source's legacyExchangeDN: old replies arrive
 *   redirection  both sides were seen with addresses and targetAddress as they must be
 *   ready        nothing keeps it from being switched
 *   switched     its owner uses the target
 *   marked       marker and marker group say so
 *   client       the owner's machine has reported that its profile was updated
 *
 * A contact or a group has no mailbox: of it only the first, and "x500" and "redirection", are
 * asked. Nobody is asked for a report where no machine ever gave one.
 */

#include <stdbool.h>

#include "mapping/record.h"

enum progress_step {
	PROGRESS_MATCHED,
	PROGRESS_MAILBOX,
	PROGRESS_X500,
	PROGRESS_REDIRECTION,
	PROGRESS_READY,
	PROGRESS_SWITCHED,
	PROGRESS_MARKED,
	PROGRESS_CLIENT,
	PROGRESS_STEP_MAX
};
/* "matched", "mailbox", ... */
const char *progress_step_name(enum progress_step s);

enum progress {
	PROGRESS_OPEN, /* still to come */
	PROGRESS_DONE,
	PROGRESS_BROKEN, /* it was tried, and failed */
	PROGRESS_NONE,	 /* not asked of such a recipient */
	PROGRESS_MAX
};
/* "open", "done", "failed", "none". */
const char *progress_name(enum progress p);

enum progress_client {
	PROGRESS_CLIENT_UNUSED, /* no machine of the link ever reported */
	PROGRESS_CLIENT_SILENT, /* not this one */
	PROGRESS_CLIENT_OK,
	PROGRESS_CLIENT_FAILED
};

struct progress_facts {
	bool mailbox; /* of a kind that has a mailbox */
	bool matched; /* the target object is there */
	enum record_state state;
	bool x500;     /* the map knows that each legacyExchangeDN was written */
	bool kept;     /* a conflict or a limit keeps it */
	bool switched; /* the target is active */
	bool owes;     /* the marker group is still to be changed */
	enum progress_client client;
};

/* The facts that R tells; what R does not know is false, or unused. */
struct progress_facts progress_facts_of(const struct record *r);
void progress_judge(const struct progress_facts *f, enum progress ret[PROGRESS_STEP_MAX]);
/* Of the steps that are asked, how many are done: 0 to 100, rounded down, so that 100 is all. */
unsigned progress_percent(const enum progress steps[PROGRESS_STEP_MAX]);

#endif
