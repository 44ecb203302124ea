/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_PORTAL_TOKEN_H
#define GALSYNC_PORTAL_TOKEN_H

/* The bearer token (RFC 6750) that a client shows. It is never in a log or a message. */

#include <stdbool.h>

#include "dsa/base/err.h"

/* Shorter ones can be guessed. */
#define TOKEN_MIN 16
#define TOKEN_MAX 512

/* Reads the token in the file PATH: one line of TOKEN_MIN to TOKEN_MAX printable characters. The
 * file must be its owner's alone (trust_secret()). *RET is released by token_free(). */
int token_read(const char *path, char **ret, struct err *err) MUST_CHECK;
/* Wipes it. */
void token_free(char *token);
/* Is HEADER, the value of Authorization (NULL: there is none), "Bearer TOKEN"? How long it takes
 * does not tell how much of it is right. */
bool token_is_shown(const char *token, const char *header);

#endif
