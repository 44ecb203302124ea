/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_LOOK_H
#define GALSYNC_DAEMON_VERBS_LOOK_H

/* Dry runs: what a switch or a wave needs, and what of that is not so. */

#include "dsa/daemon/verbs.h"

verb_fn verb_switch_plan, verb_wave_check;

#endif
