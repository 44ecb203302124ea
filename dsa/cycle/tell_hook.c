/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/tell_hook.h"

#include "dsa/cycle/decide.h"
#include "dsa/run/hook_event.h"

/* EVENT_KIND_MAX: there is nothing to tell. */
static enum event_kind
kind_of_news(const struct plan_step *s, const struct record *before)
{
	if (!s->record || s->phase == PLAN_LINKS)
		return EVENT_KIND_MAX;
	if (s->phase == PLAN_LEAVERS)
		return before && !record_has_left(before) ? EVENT_LEFT : EVENT_KIND_MAX;
	if (s->moved)
		return EVENT_MOVED;
	/* A process may have died behind the add. */
	if (s->creates ||
	    (before && !before->synced_at && guid_is_zero(&before->side[TARGET].guid)))
		return EVENT_CREATED;
	if (s->record->rule == MATCH_STAMP || (before && before->synced_at))
		return EVENT_KIND_MAX;
	return EVENT_MATCHED;
}

/* The object that S adds, or NULL. */
static const struct entry *
made_by(const struct plan_step *s)
{
	for (size_t i = 0; i < s->n_changes; i++)
		if (s->changes[i].side == TARGET && s->changes[i].change->op == CHANGE_ADD)
			return s->changes[i].change->entry;
	return NULL;
}

int
tell_hook(struct cycle *c, struct store_txn *t, const struct plan_step *s,
    const struct record *before, struct err *err)
{
	enum event_kind kind = kind_of_news(s, before);
	_cleanup_(decision_done) struct decision d = {0};
	_cleanup_(entry_free) struct entry *source = NULL, *target = NULL;
	bool found = false;

	if (kind == EVENT_KIND_MAX || !hook_event_is_wanted(c->run, kind))
		return 0;
	if (s->source != WORLD_NONE && (world_get(c->world, SOURCE, s->source, &source, err) < 0 ||
					   cycle_get_decision(c, s->source, &d, &found, err) < 0))
		return -1;
	if (found && d.target != WORLD_NONE &&
	    world_get(c->world, TARGET, d.target, &target, err) < 0)
		return -1;
	return hook_event_store(c->run, t, kind, s->record,
	    (const struct entry *const[SIDES]){source, s->creates ? made_by(s) : target}, err);
}
