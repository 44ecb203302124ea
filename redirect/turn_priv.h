/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_REDIRECT_TURN_PRIV_H
#define GALSYNC_REDIRECT_TURN_PRIV_H

/* What turn_run.c, which turns mailboxes, and turn_read.c, which reads them, share. */

#include "redirect/turn_run.h"

#define CHUNK 256

/* In this order: from FAILED on a mailbox is not read again. */
enum state { STATE_NEW, STATE_READY, STATE_RUNNING, STATE_CHANGED, STATE_FAILED, STATE_ENDED };

struct mailbox {
	struct turn_env *env;
	enum turn turn;
	struct guid source;
	struct record *record;
	enum side recorded; /* the active side that the map has */
	struct entry *side[SIDES];
	size_t holders[SIDES];
	struct change *change[TURN_CHANGES];
	uint64_t journal[TURN_CHANGES], cycle;
	size_t next; /* the change under way, or to be sent */
	size_t made;
	bool turned_back; /* it could not be finished: the way back is on */
	enum state state;
	struct err err;
	char why[400], first_why[440];
};

struct chunk {
	struct turn_env *env;
	struct mailbox m[CHUNK];
	size_t n;
	bool resuming;
};

/* Forgets what was read of M, and the changes that follow from it. */
void turn_forget_reads(struct mailbox *m);
/* Reads both sides of every mailbox of C that is not at its end; with HOLDERS also who holds the
 * redirect addresses. */
int turn_read(struct chunk *c, bool holders, struct err *err) MUST_CHECK;

#endif
