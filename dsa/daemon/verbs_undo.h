/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_UNDO_H
#define GALSYNC_DAEMON_VERBS_UNDO_H

/* The verb that takes changes of the journal back. */

#include "dsa/daemon/verbs.h"

verb_fn verb_undo;

#endif
