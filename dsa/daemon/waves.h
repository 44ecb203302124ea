/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_WAVES_H
#define GALSYNC_DAEMON_WAVES_H

/* The waves of a link (dsa/jobs/waves.h) as a worker runs them: by the clock, and logged. */

#include "dsa/jobs/waves.h"

/* Sets what W tells to log lines about its link. */
void waves_log(struct waves *w);
/* How long until the next wave is due: 0 at once, INT64_MAX if there is none. */
int64_t waves_wait_ms(const struct waves *w);
/* The pause of a worker that failed, shortened where a wave is due or will be: it begins as soon as
 * both directories answer. */
int64_t waves_pause_ms(const struct waves *w, int64_t pause_ms);

#endif
