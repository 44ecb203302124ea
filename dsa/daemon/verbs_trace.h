/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_TRACE_H
#define GALSYNC_DAEMON_VERBS_TRACE_H

/* The verbs that look for one address or object in both organizations. */

#include "dsa/daemon/verbs.h"

verb_fn verb_trace, verb_explain, verb_find, verb_members;

#endif
