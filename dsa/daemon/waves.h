/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_WAVES_H
#define GALSYNC_DAEMON_WAVES_H

/* The waves of a link (dsa/jobs/waves.h) by a worker's clock. */

#include "dsa/jobs/waves.h"

/* How long until the next wave of RUN's link is due: 0 at once, INT64_MAX if there is none. */
int64_t waves_wait_ms(const struct run *run);
/* The pause of a worker that failed, shortened where a wave is due or will be: it begins as soon as
 * both directories answer. */
int64_t waves_pause_ms(const struct run *run, int64_t pause_ms);

#endif
