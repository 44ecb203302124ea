/* SPDX-License-Identifier: MIT */
#include "dsa/daemon/hook_rule.h"

const struct hook_limits hook_limits_default = {.first_pause_s = 30,
    .last_pause_s = 3600,
    .give_up_s = 86400,
    .keep_s = 604800,
    .grace_ms = 5000};

static int64_t
pause_s(const struct hook_limits *l, uint32_t attempts)
{
	int64_t s = l->first_pause_s;

	while (attempts-- > 1 && s < l->last_pause_s)
		s *= 2;
	return s < l->last_pause_s ? s : l->last_pause_s;
}

void
hook_rule_failed(const struct hook_limits *l, struct store_event *e, int64_t now)
{
	e->attempts++;
	if (!e->since)
		e->since = now;
	e->next = now + pause_s(l, e->attempts);
	e->given_up = now - e->since >= l->give_up_s;
}

enum hook_todo
hook_rule_next(struct hook_walk *w, const struct store_event *e)
{
	bool same = e->link == w->link && guid_equal(&e->source, &w->source);

	if (!same)
		w->behind = false;
	w->link = e->link;
	w->source = e->source;
	if (e->damaged || (e->given_up && w->now - e->next >= w->limits->keep_s))
		return HOOK_FORGET;
	if (e->given_up)
		return HOOK_NOTHING;
	if (w->behind)
		return HOOK_NOTHING;
	w->behind = true;
	/* A clock that was set back must not make it wait for longer than any pause is. */
	return e->next <= w->now || e->next > w->now + w->limits->last_pause_s ? HOOK_NOW
									       : HOOK_LATER;
}
