/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_DAEMON_HOOK_RULE_H
#define GALSYNC_DAEMON_HOOK_RULE_H

/*
 * Which events are to be delivered now, and what a failure means. Pure.
 *
 * Of each mailbox only the oldest event that was not given up is looked at: "undone" is never
 * delivered before its "switched". A failed event is tried again after a pause that doubles, until
 * it has failed for so long that it is given up; it is then kept for a while, to be seen.
 */

#include "mapping/event.h"

struct hook_limits {
	int64_t first_pause_s, last_pause_s;
	int64_t give_up_s; /* after the first failure */
	int64_t keep_s;	   /* what was given up */
	int64_t grace_ms;  /* between SIGTERM and SIGKILL */
};
/* 30 seconds doubling to an hour, for a day; kept for a week; 5 seconds. */
extern const struct hook_limits hook_limits_default;

/* Notes in E that its delivery failed at NOW. */
void hook_rule_failed(const struct hook_limits *l, struct store_event *e, int64_t now);

enum hook_todo {
	HOOK_LATER, /* not due, or behind another one: e->next says when, if it is not behind */
	HOOK_NOW,
	HOOK_FORGET, /* damaged, or given up long ago */
	HOOK_NOTHING
};
/* Fed with all events in the order of store_each_event(). */
struct hook_walk {
	const struct hook_limits *limits;
	int64_t now;
	uint32_t link; /* whose mailbox the last event was about */
	struct guid source;
	bool behind; /* another of that mailbox comes first */
};
enum hook_todo hook_rule_next(struct hook_walk *w, const struct store_event *e);

#endif
