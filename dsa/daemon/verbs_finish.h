/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_FINISH_H
#define GALSYNC_DAEMON_VERBS_FINISH_H

/* The end of coexistence (jobs/finish.h) of named mailboxes, of a wave, or of a link. */

#include "dsa/daemon/verbs.h"

verb_fn verb_finish;

#endif
