/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_EXEC_EXEC_PRIV_H
#define GALSYNC_EXEC_EXEC_PRIV_H

/* What apply.c, which runs the steps, and outcome.c, which records how they ended, share. */

#include "dsa/cycle/cycle_priv.h"
#include "dsa/exec/plan.h"

enum step_state {
	STEP_WAITING, /* for steps before it */
	STEP_READY,   /* the next change may be sent */
	STEP_RUNNING, /* a change is under way */
	STEP_DONE,
	STEP_FAILED,
	STEP_RECORDED /* the outcome is in the journal and the map */
};

struct running {
	struct plan_step *step;
	struct cycle *c;
	uint64_t journal[PLAN_MAX_CHANGES];
	size_t next; /* the change that is under way, or to be sent */
	enum step_state state;
	size_t size;	/* octets of the stored step, a measure of the memory it takes */
	struct err err; /* FAILED: why */
};

/* Writes the intents of R's changes to the journal, and its record, as pending, to the map. */
int outcome_intend(struct store_txn *t, struct running *r, struct err *err) MUST_CHECK;
/* Records how R ended (DONE or FAILED). What met drift is put down to be planned again. */
int outcome_record(struct store_txn *t, struct running *r, struct err *err) MUST_CHECK;

#endif
