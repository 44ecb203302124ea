/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CYCLE_EXPLAIN_H
#define GALSYNC_CYCLE_EXPLAIN_H

/*
 * What a cycle makes of one source object, and why, for who asks. Nothing is judged here: a cycle
 * runs over that object alone, decides and plans as any cycle does, and what it came to is taken
 * down before it ends (cycle_options.look_at). So an answer cannot differ from what is done.
 *
 *   feed -> entry -> match -> project -> diff -> plan -> [what it came to]
 */

#include "dsa/cycle/cycle.h"
#include "dsa/exec/plan_step.h"
#include "dsa/rules/table.h"

struct explain_step {
	struct plan_step *step;
	bool held; /* by a limit: it is not carried out */
};

/* A row of the table that is about the object. */
struct explain_row {
	struct row row; /* it borrows from the link */
	bool back;	/* what flows back: its `attr` is the source object's */
	bool flows;	/* in this direction, by the side that has the authority now */
};

enum explain_held { EXPLAIN_FREE, EXPLAIN_HELD, EXPLAIN_APPROVED, EXPLAIN_REJECTED };

struct explain {
	const struct conf_link *link; /* the flow */
	struct guid source;
	bool read;	   /* the source object is there; else D is zeroed but for its target */
	struct decision d; /* about it */
	struct buf why;	   /* of the scope: a text (scope_explain()) */
	struct entry *object[SIDES]; /* as they were read; NULL: not there, or none */
	struct resolution said;	     /* what an operator said about a conflict of it */
	struct record *record;	     /* as the map has it, or NULL */
	enum side active, lead;	     /* as project_in has them */
	enum explain_held held[HELD_KIND_MAX];
	int64_t held_since[HELD_KIND_MAX]; /* 0: it is not in the map */
	struct explain_row *rows;
	size_t n_rows, cap_rows;
	struct explain_step *steps; /* that are about it, in their order */
	size_t n_steps, cap_steps;
	size_t n_others; /* steps about other objects, which it drags along */
};

void explain_done(struct explain *x);
static inline void
explain_donep(struct explain *x)
{
	explain_done(x);
}
/* Runs the cycle over SOURCE, of the flow of RUN, which has a map, as if ASSUMED (NULL: nothing)
 * had been said about it. RET is zeroed at first. What RUN observes is what the cycle says; with
 * decisions also why. */
int explain_run(const struct run *run, const struct guid *source, const struct resolution *assumed,
    struct explain *ret, struct err *err) MUST_CHECK;
/* The values that ATTR of the object of SIDE has once what is planned and not held is done; *RET
 * is an entry with nothing but ATTR, without that if it has none. The caller frees. */
int explain_after(const struct explain *x, enum side side, const char *attr, struct entry **ret,
    struct err *err) MUST_CHECK;

#endif
