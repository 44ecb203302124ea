/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_VERBS_OBJECT_H
#define GALSYNC_DAEMON_VERBS_OBJECT_H

/* The verbs that a worker carries out for objects, or for all of a link. */

#include "dsa/daemon/verbs.h"

verb_fn verb_resync, verb_map_rebuild, verb_switch, verb_undo_switch, verb_proxy_toggle,
    verb_verify, verb_adopt, verb_adopt_plan;

/* The source object of LINK that WHO names, by verbs_identify_one() with FRESH, unless nothing is
 * done to it any more. False: C is refused. */
bool verbs_take_object(
    struct verbs *v, struct client *c, const char *link, const char *who, struct guid *ret);

#endif
