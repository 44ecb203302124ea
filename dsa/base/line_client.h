/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_LINE_CLIENT_H
#define GALSYNC_BASE_LINE_CLIENT_H

/* A connection to the control socket of the running daemon: objects out, objects in, a line each.
 */

#include <stdbool.h>

#include "dsa/base/err.h"
#include "dsa/base/json.h"

struct client;

/* -1 with ERR_SYS if no daemon listens at PATH. */
int client_connect(const char *path, struct client **ret, struct err *err) MUST_CHECK;
void client_close(struct client *c);
DEFINE_CLEANUP(struct client *, client_close)
/* No write and no wait takes longer than TIMEOUT_MS from now on; 0: as long as it takes. */
int client_limit(struct client *c, int timeout_ms, struct err *err) MUST_CHECK;
/* Sends REQUEST (taken over). */
int client_ask(struct client *c, json_t *request, struct err *err) MUST_CHECK;
/* The next object, waited for; the caller releases it. -1 if the daemon ended the connection. */
int client_next(struct client *c, json_t **ret, struct err *err) MUST_CHECK;
/* Waits until client_next() may have something, or FD (-1: none) is readable: then false. */
bool client_poll(struct client *c, int fd);

#endif
