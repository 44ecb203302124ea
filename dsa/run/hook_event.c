/* SPDX-License-Identifier: MIT */
#include "dsa/run/hook_event.h"

#include <string.h>

#include "dsa/base/clock.h"
#include "redirect/event_body.h"

bool
hook_event_is_wanted(const struct run *run, enum event_kind kind)
{
	const struct conf_link *l = run->link;

	if (!l->hook)
		return false;
	for (size_t i = 0; i < l->n_hook_events; i++)
		if (strcmp(l->hook_events[i], event_kind_name(kind)) == 0)
			return true;
	return !l->n_hook_events && event_is_turn(kind);
}

int
hook_event_store(const struct run *run, struct store_txn *t, enum event_kind kind,
    const struct record *r, const struct entry *const side[SIDES], struct err *err)
{
	const struct conf_link *forth = run->link->forth, *link = forth ? forth : run->link;
	struct event_facts f = {.kind = kind,
	    .link = link->name,
	    .origin = forth ? TARGET : SOURCE,
	    .at = clock_realtime_s(),
	    .redirect_domain = {link->source->redirect_domain, link->target->redirect_domain},
	    .record = r};
	struct store_event e = {
	    .link = run->link_id, .source = r->side[SOURCE].guid, .kind = kind, .at = f.at};
	_cleanup_(free) char *body = NULL;

	if (!hook_event_is_wanted(run, kind))
		return 0;
	for (int i = SOURCE; i < SIDES; i++) {
		enum side own = forth ? side_other((enum side)i) : (enum side)i;
		const struct dir_info *info = run->dir[own]->ops->info(run->dir[own]);

		f.side[i] = side[own];
		f.forest[i] = run->dir[own]->name;
		f.server[i] = info ? info->server : NULL;
	}
	body = event_body(&f);
	if (!body)
		return err_nomem(err);
	e.dn = side[SOURCE] ? side[SOURCE]->dn : r->side[SOURCE].dn;
	e.body = body;
	return store_add_event(t, &e, err);
}
