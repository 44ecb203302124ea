/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_RESOLVE_H
#define GALSYNC_DAEMON_VERBS_RESOLVE_H

/* The verbs by which an operator says what becomes of an object in conflict. */

#include "dsa/daemon/verbs.h"

verb_fn verb_conflict_resolve, verb_conflict_reopen;

#endif
