/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_CTL_CLIENT_H
#define GALSYNC_CTL_CLIENT_H

/* A connection to the control socket of the running daemon: objects out, objects in. */

#include <stdbool.h>

#include "dsa/base/err.h"
#include "dsa/base/json.h"

struct client;

/* -1 with ERR_SYS if no daemon listens at PATH. */
int client_connect(const char *path, struct client **ret, struct err *err) MUST_CHECK;
void client_close(struct client *c);
DEFINE_CLEANUP(struct client *, client_close)
/* Sends REQUEST (taken over). */
int client_ask(struct client *c, json_t *request, struct err *err) MUST_CHECK;
/* The next object, waited for; the caller releases it. -1 if the daemon ended the connection. */
int client_next(struct client *c, json_t **ret, struct err *err) MUST_CHECK;
/* Waits until client_next() may have something, or FD (-1: none) is readable: then false. */
bool client_wait(struct client *c, int fd);

/* A member of an object, or "" and 0. A text is as shown() gives it. */
const char *text_of(const json_t *o, const char *key);
/* A member that is a time, in the local zone with its offset; a text that is none as it is. It
 * lives as what shown() gives. */
const char *time_of(const json_t *o, const char *key);

static inline long long
number_of(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

#endif
