/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_H
#define GALSYNC_DAEMON_VERBS_H

/*
 * What a client may ask of the running daemon, and the answers; galsync-control(7) documents both.
 *
 * A verb is a function of one of the verbs_*.c. It answers the client at once, or refuses, or lets
 * it wait for a worker (verbs_wait.h). verbs.c has the table of them.
 */

#include "dsa/daemon/control.h"
#include "dsa/daemon/worker.h"
#include "dsa/view/view_configuration.h"

/* The workers as the verbs see them; the service's. */
struct verbs {
	struct worker **workers;
	size_t n_workers;
	struct store *store;
	const char *state_directory;
	struct control *control;
	int64_t started_at;
	struct view_configuration configuration;
};

/* A verb carries out REQUEST, the whole JSON object, for C. */
typedef void verb_fn(struct verbs *v, struct client *c, const json_t *request);

/* Handles one request; ARG is the struct verbs. */
void verbs_request(struct client *c, const json_t *request, void *arg);
/* The worker of the link called LINK (NULL: no name), or NULL. */
struct worker *verbs_find_worker(struct verbs *v, const char *link);
/* The worker of the link that the request names; the only one if it names none. NULL: refused. */
struct worker *verbs_worker(struct verbs *v, struct client *c, const json_t *request);
/* The member NAME of REQUEST, which is true or false; false if it is absent. False with a refusal
 * if it is anything else: a text that means true to its writer must not make a dry run a real one.
 */
bool verbs_take_flag(struct client *c, const json_t *request, const char *name, bool *ret);

/* Sends C the event `state`: what all workers are doing. */
void verbs_send_state(struct verbs *v, struct client *c);

#endif
