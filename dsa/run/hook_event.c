/* SPDX-License-Identifier: MIT */
#include "dsa/run/turn_event.h"

#include "dsa/base/clock.h"
#include "redirect/event_body.h"

int
turn_event_store(const struct run *run, struct store_txn *t, enum event_kind kind,
    const struct record *r, const struct entry *const side[SIDES], struct err *err)
{
	const struct conf_link *link = run->link;
	struct event_facts f = {.kind = kind,
	    .link = link->name,
	    .at = clock_realtime_s(),
	    .redirect_domain = {link->source->redirect_domain, link->target->redirect_domain},
	    .record = r,
	    .side = {side[SOURCE], side[TARGET]}};
	struct store_event e = {
	    .link = run->link_id, .source = r->side[SOURCE].guid, .kind = kind, .at = f.at};
	_cleanup_(free) char *body = NULL;

	if (!link->hook)
		return 0;
	for (size_t i = 0; i < SIDES; i++) {
		const struct dir_info *info = run->dir[i]->ops->info(run->dir[i]);

		f.forest[i] = run->dir[i]->name;
		f.server[i] = info ? info->server : NULL;
	}
	body = event_body(&f);
	if (!body)
		return err_nomem(err);
	e.dn = side[SOURCE] ? side[SOURCE]->dn : r->side[SOURCE].dn;
	e.body = body;
	return store_add_event(t, &e, err);
}
