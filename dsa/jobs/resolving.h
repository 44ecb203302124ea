/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_JOBS_RESOLVING_H
#define GALSYNC_JOBS_RESOLVING_H

/*
 * An operator says what becomes of an object in conflict (mapping/resolution.h), or takes that
 * back.
 *
 * Before it is written down a cycle that writes nothing looks at the object as if it had been said:
 * what that still refuses (who the target object is, an address, a name) is told, and nothing is
 * written down. So the same rules and the same door hold as of a line of a CSV of pairs. The cycle
 * that carries it out looks again.
 *
 * The object may be an original of either flow: a source object, or a native of the target, which
 * gets a return contact.
 */

#include "dsa/cycle/decision.h"
#include "dsa/run/run.h"
#include "mapping/resolution.h"

struct resolve_order {
	const char *who;     /* as explaining_run() takes it */
	enum resolved_as as; /* NOT: what was said before is taken back */
	const char *target;  /* WITH: the same, of the forest of the counterpart */
};

/* The observer gets one result: the object, whether it was done, and why not or what comes now. -1
 * only if nothing could be asked. Opens the directories. */
int resolving_run(struct run *run, const struct resolve_order *o, struct err *err) MUST_CHECK;

/* The pure part: why what a cycle made of it, D, is not what AS and TARGET (of WITH) want, into
 * WHY; false if it is. */
bool resolving_refuses(const struct decision *d, enum resolved_as as, const struct guid *found,
    const struct guid *target, struct buf *why);

#endif
