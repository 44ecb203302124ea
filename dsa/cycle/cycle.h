/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_CYCLE_H
#define GALSYNC_CYCLE_CYCLE_H

/*
 * One cycle over a link, full or delta: the whole flow.
 *
 *   phase     part of the flow
 *   read      feed -> entry
 *   decide    match
 *   plan      project -> diff -> plan
 *   apply     exec -> record
 *   confirm   record: the GUIDs of what was created
 *
 * The phases are those of the progress. Their order, and what a crash between any two of them
 * leaves behind, is in cycle.c; what a delta looks at is in delta.c.
 */

#include <stdio.h>

#include "dsa/base/err.h"
#include "dsa/cycle/decision.h"
#include "dsa/cycle/summary.h"
#include "dsa/directory/guid.h"
#include "dsa/rules/ready.h"
#include "dsa/run/run.h"
#include "mapping/resolution.h"

/* What became ready in a cycle (ready.h), and was not switched by it. */
struct cycle_ready {
	struct guid_list of[READY_MAX]; /* source GUIDs by verdict */
	bool link_is_held;		/* by another limit: nothing is switched meanwhile */
};

void cycle_ready_done(struct cycle_ready *r);

struct plan_choice;

enum plan_form {
	PLAN_FORM_LDIF, /* conflicts, and what is held, are comments */
	PLAN_FORM_LINES /* lines of plan_text.h, without the first and the last two */
};
struct cycle;
struct shared_reading;
/* Gets a cycle that has decided and planned, and does nothing more. */
typedef int cycle_look_fn(struct cycle *c, void *arg, struct err *err);

struct cycle_options {
	bool plan_only; /* write to no directory and not to the map */
	FILE *plan_to;	/* the plan goes here, or NULL */
	enum plan_form plan_form;
	/* Carry out these steps of the plan and no others, in one round; what became of each is
	 * noted there. No cursor advances: what is left undone is found again. NULL: all. */
	struct plan_choice *only;
	/* A delta looks at these source objects too, whether they changed or not; with `plan_only`
	 * at these alone, and what they drag along. */
	const struct guid *objects;
	size_t n_objects;
	/* What the servers told since then about changes is new enough (shared_feed.h); 0: they are
	 * asked. */
	int64_t told_since_us;
	/* When a server told that something changed, which is why there is this cycle (monotonic);
	 * 0: none did. */
	int64_t heard_us;
	/* The dummy addresses on the sources of OBJECTS are wanted (a toggle is under way); all
	 * others are left over from something that was interrupted, and removed. */
	bool toggling;
	/* What a full cycle reads, for that of the return flow after it (reading.h): the one leaves
	 * it here, and the other one begins with it. NULL: each reads for itself. */
	struct shared_reading *leaves, *takes;
	/* Which mailboxes became ready is put here; NULL: not looked for. */
	struct cycle_ready *ready;
	/* With `plan_only`, in a delta: this source object alone is looked at, and what it drags
	 * along, whatever changed; and as in a cycle that nobody asked for it, which a limit holds.
	 * LOOK gets what it came to. NULL: none. */
	const struct guid *look_at;
	cycle_look_fn *look;
	void *look_arg;
	/* As if an operator had said this about LOOK_AT; NULL: what the map says. */
	const struct resolution *assume;
};

/* A full or (IS_DELTA) a delta cycle over RUN, which must not have another one at the time. RET
 * holds, also after a failure, what was done until then; everything written is recorded in the map,
 * and a repeated run goes on from there. An entry's failure is not the cycle's: see RET->failed.
 * RUN, OPT and RET are borrowed. */
int cycle_new(struct run *run, bool is_delta, const struct cycle_options *opt,
    struct cycle_result *res, struct cycle **ret, struct err *err) MUST_CHECK;
void cycle_free(struct cycle *c);
DEFINE_CLEANUP(struct cycle *, cycle_free)
/* Opens what is closed and knows schema and rights. To be called first. What an interrupted run
 * left must be settled between this and cycle_run(): the cycle would take it for a mistake of
 * others. */
int cycle_connect(struct cycle *c, struct err *err) MUST_CHECK;
/* Reads, decides, plans, applies and confirms. *RET_FULL true: this was a delta and nothing was
 * done, because a full cycle is needed (there was none yet, a cursor is lost, or so much changed
 * that it is cheaper); the reason is reported. With nothing to do the number of requests is
 * constant. */
int cycle_run(struct cycle *c, bool *ret_full, struct err *err) MUST_CHECK;
/* The last transaction: the summary, what is held, and the cursors, which advance with it. Without
 * effect after a plan, where not all of it was to be done, and after a delta that heard of nothing.
 */
int cycle_finish(struct cycle *c, struct err *err) MUST_CHECK;

#endif
