/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_EXEC_EXEC_H
#define GALSYNC_EXEC_EXEC_H

/*
 * The executor: the only writer of the directories. A cycle, a turn, a toggle and a sweep all hand
 * it steps (plan_step.h), and for each step it does this:
 *
 *   1. The intents of its changes, with what they touch as it was, are committed to the journal.
 *   2. Its changes are made, one after the other, the next when the one before was acknowledged.
 *   3. Its outcome is committed to the journal.
 *
 * What else must be true together with 1 or 3 is stored by the caller in the same transaction:
 * `intend` and `ended`. A crash between 1 and 3 leaves open intents, which exec_recover() settles
 * in the next run. The same holds for a change whose outcome a broken connection left unknown.
 *
 * What a failure means is one rule (settle.h). A step that the directory refuses because the object
 * has moved on since it was read ends without harm: the caller reads it and decides again.
 *
 *   feed -> entry -> match -> project -> diff -> plan -> [exec] -> record
 */

#include "dsa/exec/plan_step.h"
#include "dsa/rules/settle.h"
#include "dsa/run/run.h"

/* The most that `batch` may be. */
#define EXEC_BATCH_MAX 256

/* How a step ended. */
struct exec_end {
	struct plan_step *step;
	size_t made;	       /* how many of its changes were acknowledged */
	const struct err *err; /* NULL: all of them; else what became of the next one */
	enum settle failure;   /* and what that means; without ERR of no meaning */
};

struct exec_ops {
	/* Gives the next step, which the executor owns from now on; *RET NULL at the end. Phases
	 * never go back, and numbers ascend within a phase. */
	int (*next)(void *arg, struct plan_step **ret, struct err *err);
	/* In the transaction of the intents, before they are stored: writes down what must be known
	 * if the process dies while S is carried out. 1 with ERR: S must not be carried out any
	 * more. It leaves no intent and ends as one that met drift. NULL: nothing. */
	int (*intend)(struct store_txn *t, struct plan_step *s, void *arg, struct err *err);
	/* In the transaction of the outcome. */
	int (*ended)(struct store_txn *t, const struct exec_end *e, void *arg, struct err *err);
	/* A connection broke, and nothing is under way any more: opens it again, so that the steps
	 * that are left are carried out. NULL: all ends with the error. */
	int (*lost)(void *arg, struct err *err);
	/* Steps in one transaction: each dirties pages of the map, which are anonymous memory. */
	size_t batch;
};

/* Carries out what OPS->next gives. If RUN has no number in the journal (run->cycle is 0) it gets
 * one with the first intent. -1 if the map cannot be written, a callback failed, or a connection
 * was lost for good; that a step was refused is told to OPS->ended only. The directories are open.
 */
int exec_run(struct run *run, const struct exec_ops *ops, void *arg, struct err *err) MUST_CHECK;

/* The same for one step (taken over, also on failure) outside of a plan. 0: it is done. 1: it is
 * not, with ERR; if that says ERR_REREAD the object is to be read again. -1: nothing more can be
 * done, and what became of the step may be unknown. */
int exec_step(struct run *run, struct plan_step *step, struct err *err) MUST_CHECK;

#endif
