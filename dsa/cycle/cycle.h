/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_CYCLE_H
#define GALSYNC_CYCLE_CYCLE_H

/*
 * One cycle over a link, full or delta. The order of the phases, and what a crash between any two
 * of them leaves behind, is in cycle.c; what a delta looks at is in delta.c.
 */

#include <stdio.h>

#include "dsa/base/err.h"
#include "dsa/config/conf.h"
#include "dsa/cycle/decision.h"
#include "dsa/directory/dir.h"
#include "dsa/run/event.h"
#include "mapping/store.h"

struct change;

enum cycle_phase {
	CYCLE_CONNECT,
	CYCLE_READ, /* both sides; TOTAL unknown (0) */
	CYCLE_DECIDE,
	CYCLE_PLAN,
	CYCLE_APPLY,
	CYCLE_CONFIRM,
	CYCLE_PHASE_MAX
};
const char *cycle_phase_name(enum cycle_phase p);

/* What happened, for the summary. Objects are counted once each. */
struct cycle_result {
	uint64_t number; /* of the cycle in the journal; 0 in plan mode */
	uint64_t read[SIDES];
	uint64_t out[SCOPE_MAX];     /* source objects by verdict; [SCOPE_IN]: in scope */
	uint64_t created[SHAPE_MAX]; /* target objects to be created, or created */
	uint64_t promoted;	     /* contacts replaced by users */
	uint64_t matched;	 /* counterparts found in this cycle that the map did not have */
	uint64_t updated[SIDES]; /* existing objects changed, by side */
	uint64_t references;	 /* second-pass changes: members and others */
	uint64_t renamed, left[LEAVE_DELETE + 1];
	uint64_t unchanged;
	uint64_t conflicts; /* of the link, or of the objects that the cycle was asked for */
	uint64_t problems, failed, waiting;
	uint64_t drift;		   /* objects planned again because the directory had moved on */
	uint64_t changes, applied; /* directory changes planned, and done */
	uint64_t ready, switched;  /* mailboxes whose readiness was seen, and of them switched */
	uint64_t phase_ms[CYCLE_PHASE_MAX];
	bool delta; /* only what changed was looked at */
	bool held;  /* a limit holds something until an operator decides: */
	char held_why[400];
	uint64_t held_asked; /* of the objects that the cycle was asked for */
};

struct cycle_options {
	bool plan_only;	      /* write to no directory and not to the map */
	FILE *plan_to;	      /* LDIF of the plan goes here, or NULL */
	const char *work_dir; /* for the working sets */
	/* A delta looks at these source objects too, whether they changed or not. */
	const struct guid *objects;
	size_t n_objects;
	/* The dummy addresses on the sources of OBJECTS are wanted (a toggle is under way); all
	 * others are left over from something that was interrupted, and removed. */
	bool toggling;
	int64_t map_size_mb;
	/* Called now and then from the cycle's thread; may be NULL. */
	void (*progress)(enum cycle_phase phase, uint64_t done, uint64_t total, void *arg);
	/* Called for each thing that happens, from the cycle's thread; may be NULL. What E points
	 * to is lent. */
	cycle_event_fn *tell;
	void *arg;
};

/* Runs one full cycle. The directories are opened if they are closed. STORE may be NULL in plan
 * mode (no map yet). On -1 *RET holds what was done until then; everything written is recorded in
 * the map, and a repeated run goes on from there. An entry's failure is not the cycle's: see
 * ret->failed. */
int cycle_full(const struct conf_link *link, struct dir *source, struct dir *target,
    struct store *store, const struct cycle_options *opt, struct cycle_result *ret,
    struct err *err) MUST_CHECK;

/* Runs one delta cycle: what changed on either side since the last cycle. *RET_FULL true: nothing
 * was done, because a full cycle is needed (there was none yet, a cursor is lost, or so much
 * changed that it is cheaper); the reason is noted. With nothing to do the number of requests is
 * constant. */
int cycle_delta(const struct conf_link *link, struct dir *source, struct dir *target,
    struct store *store, const struct cycle_options *opt, struct cycle_result *ret, bool *ret_full,
    struct err *err) MUST_CHECK;

/* Tells of CHANGE, which the server acknowledged: for what writes to a directory beside a cycle.
 * WHERE has the side and what else is known. */
void cycle_tell_change(const struct cycle_options *opt, const struct cycle_event *where,
    const struct change *change, const char *reason);

/* The same of a turn that was interrupted and has been finished, or ended. */
void cycle_tell_resumed(const struct cycle_options *opt, const struct guid *source, const char *dn,
    bool ok, const char *text);

/* Writes the summary as lines of text, or as one JSON object. */
void cycle_print_summary(
    const struct conf_link *link, const struct cycle_result *r, bool plan_only, FILE *to);
char *cycle_summary_json(const struct conf_link *link, const struct cycle_result *r) MUST_CHECK;

#endif
