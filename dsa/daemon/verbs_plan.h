/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_PLAN_H
#define GALSYNC_DAEMON_VERBS_PLAN_H

/* A plan for a client to read, and the steps of a saved one, to be made. */

#include "dsa/daemon/verbs.h"

verb_fn verb_plan, verb_apply_add, verb_apply;

#endif
