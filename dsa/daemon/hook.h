/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_HOOK_H
#define GALSYNC_DAEMON_HOOK_H

/*
 * Delivers the events of the map (mapping/event.h) to the links' hook programs: a thread of its
 * own, so that neither a worker nor the main loop ever waits for a hook.
 *
 *   in the map --due--> running (at most HOOKS_AT_ONCE) --exit 0--> removed
 *       ^                  |  |
 *       |                  |  +-- fails, hangs: noted with the next attempt, or given up
 *       +--stop, crash-----+
 *
 * An event leaves the map only when its hook has ended with 0: whatever dies in between, it is
 * delivered again. What a hook does cannot harm the switch that it is told of.
 */

#include "dsa/config/conf.h"
#include "dsa/daemon/hook_rule.h"

#define HOOKS_AT_ONCE 4

struct hook;

/* LIMITS (which outlives it) NULL: the defaults. Nothing is delivered before hook_configure(). */
int hook_start(struct store *store, const struct hook_limits *limits, struct hook **ret,
    struct err *err) MUST_CHECK;
/* Takes over which link has which hook. Those that run go on as they began. */
int hook_configure(struct hook *h, const struct conf *conf, struct err *err) MUST_CHECK;
/* There may be new events. From any thread. */
void hook_wake(struct hook *h);
/* Running hooks are ended, and their events stay for the next start. Returns within seconds. */
void hook_stop(struct hook *h);
DEFINE_CLEANUP(struct hook *, hook_stop)

#endif
