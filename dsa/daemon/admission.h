/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_ADMISSION_H
#define GALSYNC_DAEMON_ADMISSION_H

/*
 * Who gets a connection to the control socket. Nobody can shut root out: of the places, some are
 * for administrators, and some of these for root alone. Of the others one user has a few at most;
 * and when they run short, a connection on which nothing is asked gives its place away.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "dsa/daemon/control.h"

#define ADMISSION_READERS 64 /* connections of all together, while those with more come first */
#define ADMISSION_OF_ONE 16  /* of one user who may read alone */
#define ADMISSION_ADMINS 80
#define ADMISSION_ROOT 96
/* How long a connection of a reader is left alone, though places run short. */
#define ADMISSION_IDLE_MS 10000

/* How many there are, without the new one: all, and those of the same user. */
struct admission {
	size_t all, of_user;
};

/* NULL: it may come. Else why not, for the one who asks. */
const char *admission_refusal(enum control_right right, uid_t uid, const struct admission *now);
/* May a connection of RIGHT, on which nothing is asked since IDLE_MS, be ended for a new one? */
bool admission_may_end(enum control_right right, bool waits, int64_t idle_ms);

#endif
