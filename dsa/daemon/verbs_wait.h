/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_WAIT_H
#define GALSYNC_DAEMON_VERBS_WAIT_H

/*
 * Clients that wait: for a request that a worker carries out, with its progress meanwhile, for the
 * pieces of a plan before its answer, or for every change of state (`watch`). What a client waits
 * for is in its struct client_wait.
 */

#include "dsa/daemon/verbs.h"

/* C waits for request NUMBER of W (0: W has a request already, and C is refused). PLAN_FD, or -1,
 * is taken over: it is sent before the answer. */
void verbs_wait_for(struct client *c, struct worker *w, uint64_t number, int plan_fd);
/* More of a plan, when C has room for it; ARG is the struct verbs. */
void verbs_drained(struct client *c, void *arg);
/* The workers' state has changed: tells the clients that watch, and answers those that wait. */
void verbs_changed(struct verbs *v);

#endif
