/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_ONCE_H
#define GALSYNC_DAEMON_ONCE_H

/*
 * `galsyncd --once`: one cycle over each link, then the end.
 */

#include <stdbool.h>

#include "dsa/config/conf.h"

/* Exit statuses of both programs (galsyncd(8), galsyncctl(8)). */
enum exit_status { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_HELD = 3 };

/* True if LINK is NULL or a link of CONF. Else standard error says which there are. */
bool once_has_link(const struct conf *conf, const char *link);
/* Runs a cycle over the link named LINK, or over all if it is NULL: a delta where that is possible,
 * or with FULL a full one. PLAN: only prints what it would do, as LDIF on standard output. Returns
 * an exit status: the worst of the links'. */
enum exit_status once_run(const struct conf *conf, const char *link, bool full, bool plan);

#endif
