/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_JSON_H
#define GALSYNC_DAEMON_VERBS_JSON_H

/* Values as the answers have them; galsync-control(7) names the members. */

#include "dsa/daemon/verbs.h"

json_t *verbs_number(uint64_t n);
/* Seconds since the epoch as text, in UTC; null for 0. */
json_t *verbs_time(int64_t t);
/* The state of all workers, an array. */
json_t *verbs_links(struct verbs *v);

#endif
