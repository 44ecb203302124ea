/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RUN_EVENT_H
#define GALSYNC_RUN_EVENT_H

/*
 * What happens in a cycle, for whoever keeps a journal of it or tells people. The cycle does not
 * judge what was told before: it tells what is so, in every cycle that meets it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/directory/guid.h"
#include "mapping/record.h"

enum cycle_event_kind {
	CYCLE_NOTE,	  /* what an operator should know and has no kind of its own */
	CYCLE_CONNECTED,  /* SIDE is open */
	CYCLE_LOST,	  /* the connection to SIDE broke, or cannot be made: ERR */
	CYCLE_FEED,	  /* how changes of SIDE are found: BY_USN */
	CYCLE_BEGUN,	  /* the cycle has its number */
	CYCLE_NEEDS_FULL, /* a delta is not possible */
	CYCLE_CHANGED,	  /* SIDE acknowledged a change: OP, ATTRS, TEXT says more */
	CYCLE_REFUSED,	  /* an object could not be written: ERR if SIDE refused OP */
	CYCLE_ACCEPTED,	  /* an object that was refused before is written, or needs it no more */
	CYCLE_CONFLICT,	  /* an object is in conflict */
	CYCLE_RESOLVED,	  /* and no longer is */
	CYCLE_HELD,	  /* a limit holds changes */
	CYCLE_BROKEN,	  /* an invariant is broken in the directories; TEXT says what is done */
	CYCLE_EVENT_MAX
};

struct cycle_event {
	enum cycle_event_kind kind;
	int level;		   /* of syslog: what the text means to people */
	const char *text;	   /* may be "" */
	uint64_t cycle;		   /* number in the map's journal, 0: has none */
	bool delta;		   /* the cycle looks at what changed only */
	const char *dn;		   /* the object it is about, or the link's name */
	const struct guid *source; /* of the source object, or NULL */
	/* CONNECTED, LOST, FEED, and what has an OP: */
	enum side side;
	const char *peer; /* the server of SIDE, or NULL */
	const char *op, *attrs;
	const struct err *err; /* or NULL */
	bool again;	       /* CONFLICT, REFUSED: the map knew of it, with this reason */
	bool by_usn;	       /* FEED */
};
typedef void cycle_event_fn(const struct cycle_event *e, void *arg);

#endif
