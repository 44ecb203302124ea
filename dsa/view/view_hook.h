/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_VIEW_VIEW_HOOK_H
#define GALSYNC_VIEW_VIEW_HOOK_H

/*
 * What waits for a link's hook program (mapping/event.h), as counts and as JSON: the member `hook`
 * of `galsyncctl --json status`.
 *
 *   waiting    events to be delivered; of them
 *   failing    those whose last attempt failed
 *   given_up   events that are not tried any more
 *   error      of the attempt that failed last, or null
 */

#include <jansson.h>

#include "mapping/event.h"

struct view_hook {
	uint64_t waiting, failing, given_up;
	char *error; /* or NULL */
};
void view_hook_done(struct view_hook *v);
static inline void
view_hook_donep(struct view_hook *v)
{
	view_hook_done(v);
}

/* Counts the events of the link NAME, in both its flows. RET is the caller's to release with
 * view_hook_done(). */
int view_hook_count(
    struct store_txn *t, const char *name, struct view_hook *ret, struct err *err) MUST_CHECK;
/* NULL without memory. */
json_t *view_hook(const struct view_hook *v) MUST_CHECK;

#endif
