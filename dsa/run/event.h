/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_RUN_EVENT_H
#define GALSYNC_RUN_EVENT_H

/*
 * What happens in a run, for an observer of it: a journal of lines, a terminal, a client. There
 * is one observer for everything that runs over a link (a cycle, a switch, a toggle, a look), and
 * it gets three sorts of things:
 *
 *   event      something happened, or is so
 *   progress   how far the run is
 *   result     how it ended for one of the objects that the run was asked for
 *
 * A run does not judge what was said before: it says what is so, each time it meets it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dsa/base/err.h"
#include "dsa/directory/change.h"
#include "dsa/directory/guid.h"
#include "mapping/record.h"

struct finish_blocker;
struct run;

enum run_event_kind {
	RUN_MESSAGE,	/* what an operator should know and has no kind of its own */
	RUN_CONNECTED,	/* SIDE is open */
	RUN_LOST,	/* the connection to SIDE broke, or cannot be made: ERR */
	RUN_FEED,	/* how changes of SIDE are found: BY_USN */
	RUN_BEGUN,	/* the cycle has its number */
	RUN_NEEDS_FULL, /* a delta is not possible */
	RUN_CHANGED,	/* SIDE acknowledged a change: OP, ATTRS, TEXT says more */
	RUN_REFUSED,	/* an object could not be written: ERR if SIDE refused OP */
	RUN_ACCEPTED,	/* an object that was refused before is written, or needs it no more */
	RUN_CONFLICT,	/* an object is in conflict */
	RUN_RESOLVED,	/* and no longer is */
	RUN_HELD,	/* a limit holds changes */
	RUN_BROKEN,	/* an invariant is broken in the directories; TEXT says what is done */
	RUN_MOVED,	/* a mailbox was turned, but not by galsync */
	RUN_WAVE,	/* a wave begins, goes on, waits or has ended */
	RUN_MAP_LOST,	/* the map knew the link once, and does not any more */
	RUN_DECIDED,	/* what a cycle decided about an object, for who wants to know */
	RUN_EVENT_MAX
};

struct run_event {
	enum run_event_kind kind;
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

enum run_phase {
	RUN_PHASE_CONNECT,
	RUN_PHASE_WAIT, /* for other links into the target forest */
	RUN_PHASE_READ, /* both sides; TOTAL unknown (0) */
	RUN_PHASE_DECIDE,
	RUN_PHASE_PLAN,
	RUN_PHASE_APPLY,
	RUN_PHASE_CONFIRM,
	RUN_PHASE_MAX
};
/* "connect", "read", ... */
const char *run_phase_name(enum run_phase p);

/* How it ended for the object with this source GUID: OK and "" or a remark, or why not. */
struct run_result {
	const struct guid *source;
	const char *dn; /* "" if it is not known */
	bool ok;
	const char *text;
	/* Of a mailbox that cannot be finished (redirect/finish.h): why not, else NULL. */
	const struct finish_blocker *blockers;
	size_t n_blockers;
};

/* Each may be NULL. They are called from the run's thread. What they get is lent. */
struct run_observer {
	void (*event)(const struct run_event *e, void *arg);
	void (*progress)(enum run_phase phase, uint64_t done, uint64_t total, void *arg);
	void (*result)(const struct run_result *r, void *arg);
	/* Asked again and again while a cycle waits for another link: true ends it with an
	 * error before it has done anything, because there is something better to do. */
	bool (*gives_way)(void *arg);
	void *arg;
	bool decisions; /* wants RUN_DECIDED: some for each object that a cycle looks at */
};

/* Reports E, whose text is made of FMT. What the run knows is filled in: cycle (if 0), delta, the
 * peer of a side, and the link's name as dn if that is NULL. */
void run_event(const struct run *run, const struct run_event *e, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Reports an event without a kind of its own. */
void run_message(const struct run *run, int level, const struct guid *source, const char *dn,
    const char *fmt, ...) PRINTF_LIKE(5, 6);
/* Reports a decision about the source object SOURCE, named DN, if the observer wants decisions. */
void run_decided(const struct run *run, const struct guid *source, const char *dn, const char *fmt,
    ...) PRINTF_LIKE(4, 5);
/* Reports that SIDE's connection broke or cannot be made, if that is what ERR is. */
void run_lost(const struct run *run, enum side side, const struct err *err);
/* Reports CHANGE, which the server of SIDE acknowledged. CYCLE is the number under which it is in
 * the journal, 0 if it is in none; SOURCE is NULL if it is about several objects. */
void run_changed(const struct run *run, uint64_t cycle, enum side side, const struct guid *source,
    const struct change *change, const char *reason);
void run_progress(const struct run *run, enum run_phase phase, uint64_t done, uint64_t total);
void run_report_result(const struct run *run, const struct run_result *r);
/* The same for one without blockers. */
void run_result(
    const struct run *run, const struct guid *source, const char *dn, bool ok, const char *text);

#endif
