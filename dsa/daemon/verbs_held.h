/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_HELD_H
#define GALSYNC_DAEMON_VERBS_HELD_H

/* The verbs by which an operator decides about what a limit holds. */

#include "dsa/daemon/verbs.h"

verb_fn verb_approve, verb_reject;

#endif
