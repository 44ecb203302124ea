/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_TURN_RUN_H
#define GALSYNC_JOBS_TURN_RUN_H

/*
 * Carries out turns (turn.h) of many mailboxes: reads both sides, checks, writes the operation and
 * its intents down, makes the changes, reads both sides again, and records. What a crash leaves is
 * in turn_run.c.
 */

#include "mapping/store.h"
#include "redirect/turn.h"

struct dir;

struct turn_env {
	struct turn_conf conf;
	struct dir *dir[SIDES];
	struct store *store;
	uint32_t link;
	size_t window[SIDES]; /* changes under way at once */
	/* The link's name if a hook program is to be told: an event is put down together with the
	 * record of each mailbox that changes sides. NULL: nobody is told. */
	const char *tell_as;
	/* Tells how it ended for each mailbox: OK and "" or "already ...", or why not. */
	void (*result)(
	    const struct guid *source, const char *dn, bool ok, const char *text, void *arg);
	/* Told of each change that the server acknowledged, with the number under which it is in
	 * the journal's cycles (0: in none); SOURCE is NULL if it is about several. May be NULL. */
	void (*changed)(uint64_t cycle, enum side side, const struct guid *source,
	    const struct change *change, const char *reason, void *arg);
	void (*progress)(size_t done, size_t total, void *arg);
	void *arg;
};

/* Turns the mailboxes of the N source GUIDs. -1 only if nothing more can be done (a connection or
 * the map is lost); what was begun is finished by turn_resume(). A mailbox that cannot be turned
 * harms no other. */
int turn_run(struct turn_env *env, enum turn turn, const struct guid *sources, size_t n,
    struct err *err) MUST_CHECK;
/* Finishes what a crash or an outage interrupted. Must be done before any cycle of the link: a
 * cycle would take the half-done turn for somebody's mistake. */
int turn_resume(struct turn_env *env, struct err *err) MUST_CHECK;

#endif
