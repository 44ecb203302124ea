/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_PORTAL_SERVER_H
#define GALSYNC_PORTAL_SERVER_H

/*
 * HTTP. GET and HEAD of a fixed set of paths are answered, everything else is refused: other
 * methods, bodies, paths with tricks in them, parameters that are not known, what is too long, and,
 * where there is a token, clients that do not show it.
 *
 * A client costs SERVER_MEMORY octets and a file descriptor, and there are at most SERVER_CLIENTS
 * of them: others wait. A slow one holds no thread. Who says nothing for SERVER_TIMEOUT_S seconds
 * is let go. So is a client whose request is not complete REQUEST_MS behind the connection or the
 * answer before it, or that has not taken an answer ANSWER_MS behind its request: else a few
 * clients that send or read an octet now and then would keep everybody out.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dsa/portal/source.h"

#define SERVER_CLIENTS 200
#define SERVER_THREADS 4
#define SERVER_TIMEOUT_S 20
#define SERVER_MEMORY (16 << 10)
#define SERVER_REQUEST_MS 20000
#define SERVER_ANSWER_MS 600000

struct server_options {
	int fd;		    /* a listening socket, taken over */
	const char *token;  /* that clients show; NULL: none */
	bool local_names;   /* answer to names of this machine alone (request_host_is_local()) */
	int64_t request_ms; /* how long a request may take to come, */
	int64_t answer_ms;  /* and an answer to be made and taken */
};

struct server;

/* O's token must outlive it. Answers at once. */
int server_start(struct source *s, const struct server_options *o, struct server **ret,
    struct err *err) MUST_CHECK;
/* Lets those go that are late. To be called now and then, from any thread. */
void server_cut_late(struct server *s);
/* Ends all connections. */
void server_stop(struct server *s);
DEFINE_CLEANUP(struct server *, server_stop)

#endif
