/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_TURN_PRIV_H
#define GALSYNC_JOBS_TURN_PRIV_H

/* What turn_run.c, which turns mailboxes, turn_read.c, which reads them, turn_look.c, which only
 * looks, and turn_group.c, which keeps the marker group, share. */

#include "dsa/exec/exec.h"
#include "dsa/jobs/turn_run.h"

#define CHUNK EXEC_BATCH_MAX
#define TRIES 3 /* when the same objects change meanwhile */

/* In this order: from FAILED on a mailbox is not read again. */
enum state { STATE_NEW, STATE_READY, STATE_RUNNING, STATE_CHANGED, STATE_FAILED, STATE_ENDED };

/* What is still to be done about the marker group. */
enum membership { MEMBER_ANY, MEMBER_YES, MEMBER_NO };

struct chunk;

struct mailbox {
	const struct chunk *chunk;
	enum turn turn;
	struct guid source;
	struct record *record;
	struct entry *side[SIDES];
	size_t holders[SIDES];
	struct plan_step *step; /* READY: what is to be written */
	size_t made;		/* changes, in all attempts */
	bool begun;		/* by an earlier run */
	bool already;		/* nothing had to be changed */
	bool turned_back;	/* it could not be finished: the way back is on */
	bool taken_away;	/* the way back cannot be gone: only what was set goes */
	enum side was;		/* the active side that the record knows */
	enum membership member;
	enum membership owed; /* what of that could not be done */
	enum state state;
	struct err err; /* FAILED because of a change: why, and what that means */
	enum settle failure;
	char why[400], first_why[440], group_why[600];
};

struct chunk {
	struct run *run;
	struct turn_conf conf;
	struct mailbox m[CHUNK];
	size_t n;
	size_t given; /* how many were looked at for the executor */
	bool resuming;
	bool force; /* of the order */
};

/* Frees what the mailboxes of C hold. */
void turn_chunk_clear(struct chunk *c);
/* Gets the records of C's mailboxes from the map; NULL where there is none. */
int turn_find_records(struct chunk *c, struct err *err) MUST_CHECK;
/* Forgets what was read of M, and the changes that follow from it. */
void turn_forget_reads(struct mailbox *m);
/* Reads both sides of every mailbox of C that is not at its end; with HOLDERS also what holds the
 * redirect addresses. */
int turn_read(struct chunk *c, bool holders, struct err *err) MUST_CHECK;
/* What turn_check() wants to know of M, which was read. */
struct turn_facts turn_facts_of(const struct mailbox *m);
/* Brings the marker group to what the mailboxes' `member` asks for, which is MEMBER_ANY afterwards.
 * If the group cannot be changed that is what they are `owed`, and their `group_why` says so; -1
 * only if nothing more can be done. */
int turn_change_group(struct chunk *c, struct err *err) MUST_CHECK;
/* Puts down what M is owed, or that it is owed nothing. */
int turn_put_owed(struct store_txn *t, const struct mailbox *m, struct err *err) MUST_CHECK;
/* Changes the group where that failed before and it is time to try again. */
int turn_pay_owed(struct run *run, const struct turn_conf *conf, struct err *err) MUST_CHECK;
/* True if ERR ends everything, and not only what was asked for. */
bool turn_is_fatal(const struct err *err);

#endif
