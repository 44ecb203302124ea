/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_TOGETHER_H
#define GALSYNC_DAEMON_VERBS_TOGETHER_H

/* The verb that tells who must move together, and selects mailboxes by a group, an OU or a filter
 * (dsa/jobs/together.h). */

#include "dsa/daemon/verbs.h"

verb_fn verb_wave_suggest;

#endif
