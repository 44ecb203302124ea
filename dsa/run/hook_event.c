/* SPDX-License-Identifier: MIT */
#include "dsa/run/hook_event.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/json.h"
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

static int
store_event(const struct run *run, struct store_txn *t, struct event_facts *f,
    const struct entry *const side[SIDES], struct err *err)
{
	const struct conf_link *forth = run->link->forth, *link = forth ? forth : run->link;
	const struct record *r = f->record;
	struct store_event e = {
	    .link = run->link_id, .source = r->side[SOURCE].guid, .kind = f->kind};
	_cleanup_(free) char *body = NULL;

	if (!hook_event_is_wanted(run, f->kind))
		return 0;
	f->link = link->name;
	f->origin = forth ? TARGET : SOURCE;
	f->at = e.at = clock_realtime_s();
	f->redirect_domain[SOURCE] = link->source->redirect_domain;
	f->redirect_domain[TARGET] = link->target->redirect_domain;
	for (int i = SOURCE; i < SIDES; i++) {
		enum side own = forth ? side_other((enum side)i) : (enum side)i;
		const struct dir_info *info = run->dir[own]->ops->info(run->dir[own]);

		f->side[i] = side[own];
		f->forest[i] = run->dir[own]->name;
		f->server[i] = info ? info->server : NULL;
	}
	body = event_body(f);
	if (!body)
		return err_nomem(err);
	e.dn = side[SOURCE] ? side[SOURCE]->dn : r->side[SOURCE].dn;
	e.body = body;
	return store_add_event(t, &e, err);
}

int
hook_event_store(const struct run *run, struct store_txn *t, enum event_kind kind,
    const struct record *r, const struct entry *const side[SIDES], struct err *err)
{
	return store_event(run, t, &(struct event_facts){.kind = kind, .record = r}, side, err);
}

int
hook_event_store_client(const struct run *run, struct store_txn *t, const struct record *r,
    const struct client_report *c, struct err *err)
{
	const struct entry *const none[SIDES] = {NULL};
	struct event_facts f = {.kind = EVENT_REPORTED, .record = r, .client = c};

	return store_event(run, t, &f, none, err);
}

static int
add_failure(const struct wave_member *m, void *arg, struct err *err)
{
	(void)err;
	event_wave_failure(arg, m);
	return 0;
}

int
hook_event_store_wave(
    const struct run *run, struct store_txn *t, const struct wave *w, struct err *err)
{
	_cleanup_(json_release) json_t *failures = json_array();
	_cleanup_(free) char *body = NULL;
	char name[32];
	struct store_event e = {.link = w->link, .kind = EVENT_WAVE, .at = w->ended_at};

	if (!hook_event_is_wanted(run, EVENT_WAVE))
		return 0;
	if (wave_each_member(t, w->id, add_failure, &failures, err) < 0)
		return -1;
	body = event_wave_body(run->link->name, w, TAKE(failures));
	if (!body)
		return err_nomem(err);
	(void)snprintf(name, sizeof name, "wave %u", w->id);
	e.dn = name;
	e.body = body;
	return store_add_event(t, &e, err);
}
