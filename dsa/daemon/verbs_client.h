/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_CLIENT_H
#define GALSYNC_DAEMON_VERBS_CLIENT_H

/* The verb by which a tool reports what became of a user's profile (mapping/client_report.h). */

#include "dsa/daemon/verbs.h"

verb_fn verb_client;

#endif
