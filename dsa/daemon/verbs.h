/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_H
#define GALSYNC_DAEMON_VERBS_H

/*
 * What a client may ask of the running daemon, and the answers; galsync-control(7) documents both.
 */

#include "dsa/daemon/control.h"
#include "dsa/daemon/worker.h"

/* The workers as the verbs see them; the service's. */
struct verbs {
	struct worker **workers;
	size_t n_workers;
	struct store *store;
	const char *state_directory;
	struct control *control;
	int64_t started_at;
};

/* Handles one request; ARG is the struct verbs. */
void verbs_request(struct client *c, const json_t *request, void *arg);
/* More of a plan, when C has room for it. */
void verbs_drained(struct client *c, void *arg);
/* The workers' state has changed: tells who watches, and answers who waits for it. */
void verbs_changed(struct verbs *v);

#endif
