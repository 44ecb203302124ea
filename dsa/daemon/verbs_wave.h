/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_WAVE_H
#define GALSYNC_DAEMON_VERBS_WAVE_H

/* The verbs that plan waves and steer them. */

#include "dsa/daemon/verbs.h"

verb_fn verb_wave_add, verb_wave_plan, verb_wave_cancel, verb_wave_reschedule;

#endif
