/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_PORTAL_SERVER_H
#define GALSYNC_PORTAL_SERVER_H

/*
 * HTTP. GET and HEAD of a fixed set of paths are answered, everything else is refused: other
 * methods, bodies, paths with tricks in them, parameters that are not known, what is too long, and,
 * where there is a token, clients that do not show it.
 *
 * A client costs SERVER_MEMORY octets and a file descriptor for as long as it says something every
 * SERVER_TIMEOUT_S seconds, and there are at most SERVER_CLIENTS of them: others wait. A slow one
 * holds no thread.
 */

#include <stdbool.h>

#include "dsa/portal/source.h"

#define SERVER_CLIENTS 200
#define SERVER_THREADS 4
#define SERVER_TIMEOUT_S 20
#define SERVER_MEMORY (16 << 10)

struct server_options {
	int fd;		   /* a listening socket, taken over */
	const char *token; /* that clients show; NULL: none */
	bool local_names;  /* answer to names of this machine alone (request_host_is_local()) */
};

struct server;

/* O's token must outlive it. Answers at once. */
int server_start(struct source *s, const struct server_options *o, struct server **ret,
    struct err *err) MUST_CHECK;
/* Ends all connections. */
void server_stop(struct server *s);
DEFINE_CLEANUP(struct server *, server_stop)

#endif
