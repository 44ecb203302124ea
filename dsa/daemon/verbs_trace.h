/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_TRACE_H
#define GALSYNC_DAEMON_VERBS_TRACE_H

/* The verb that follows a mail through both organizations. */

#include "dsa/daemon/verbs.h"

verb_fn verb_trace;

#endif
