/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_explain.h"

#include <stdlib.h>
#include <syslog.h>

#include "dsa/base/json.h"
#include "dsa/view/view_client.h"
#include "dsa/view/view_conflict.h"
#include "dsa/view/view_record.h"

static json_t *
view_guid(const struct guid *g)
{
	char text[GUID_TEXT_SIZE];

	guid_format(g, text);
	return json_of_text(text);
}

json_t *
view_explain_hits(const struct conf_link *link, const struct explaining *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < e->n_hits; i++) {
		const struct explaining_hit *h = &e->hits[i];
		json_t *o = json_object();

		json_put_member(&o, "origin", json_of_text(side_name(h->origin)));
		json_put_member(&o, "forest",
		    json_of_text((h->side == SOURCE ? link->source : link->target)->name));
		json_put_member(&o, "dn", json_of_text(h->dn));
		json_put_member(&o, "guid", view_guid(&h->source));
		json_put_member(&o, "name", json_of_text(h->name));
		json_put_member(&o, "kind", json_of_text(kind_name(h->kind)));
		json_put_member(&o, "address", json_of_text(h->address));
		json_add_item(&list, o);
	}
	return list;
}

static json_t *
view_forests(const struct explain *x)
{
	json_t *list = json_array();

	json_add_item(&list, json_of_text(x->link->source->name));
	json_add_item(&list, json_of_text(x->link->target->name));
	return list;
}

static json_t *
view_scope(const struct explain *x)
{
	json_t *o;

	if (!x->read)
		return json_null();
	o = json_object();
	json_put_member(&o, "in", json_boolean(x->d.verdict == SCOPE_IN));
	json_put_member(&o, "verdict", json_of_text(scope_verdict_name(x->d.verdict)));
	json_put_member(&o, "why", json_of_text((const char *)x->why.data));
	return o;
}

static json_t *
view_counterpart(const struct explain *x)
{
	const struct decision *d = &x->d;
	const struct entry *target = x->object[TARGET];
	bool decided = x->read && decision_has_target(d);
	json_t *o;

	if (!decided && !target)
		return json_null();
	o = json_object();
	json_put_member(&o, "dn", json_of_text(target ? target->dn : d->target_dn));
	json_put_member(&o, "shape", json_of_text(decided ? shape_name(d->shape) : NULL));
	json_put_member(&o, "rule", json_of_text(decided ? match_method_name(d->rule) : NULL));
	json_put_member(&o, "evidence", json_of_text(d->evidence));
	/* What was found may be in conflict, or skipped, before there is a record of it. */
	json_put_member(
	    &o, "created", json_boolean(decided || !x->record ? d->created : x->record->created));
	json_put_member(&o, "exists", json_boolean(target != NULL));
	return o;
}

static json_t *
view_names(const struct explain *x)
{
	const struct decision *d = &x->d;
	json_t *o;

	if (d->state != DECIDE_CREATE && d->state != DECIDE_PROMOTE)
		return json_null();
	o = json_object();
	json_put_member(&o, "rdn", json_of_text(d->rdn_value));
	json_put_member(&o, "sam_account_name", json_of_text(d->sam));
	json_put_member(&o, "user_principal_name", json_of_text(d->upn));
	return o;
}

static json_t *
view_conflict_of(const struct decision *d)
{
	const char *help = conflict_reason_help(d->reason);
	json_t *o, *candidates;

	if (!d->in_conflict)
		return json_null();
	candidates = json_array();
	for (size_t i = 0; i < DECISION_CANDIDATES && d->candidates[i]; i++)
		json_add_item(&candidates, json_of_text(d->candidates[i]));
	o = json_object();
	json_put_member(&o, "reason", json_of_text(conflict_reason_name(d->reason)));
	json_put_member(&o, "what", json_of_text(d->what));
	json_put_member(&o, "candidates", candidates);
	json_put_member(&o, "help", json_of_text(help));
	json_put_member(&o, "resolutions",
	    view_possible(resolution_possible(d->reason, decision_has_target(d))));
	return o;
}

static json_t *
view_held_of(const struct explain *x)
{
	static const char *const names[] = {[EXPLAIN_FREE] = "",
	    [EXPLAIN_HELD] = "held",
	    [EXPLAIN_APPROVED] = "approved",
	    [EXPLAIN_REJECTED] = "rejected"};
	json_t *list = json_array();

	for (size_t k = HELD_NOTHING + 1; k < HELD_KIND_MAX; k++) {
		json_t *o;

		if (x->held[k] == EXPLAIN_FREE)
			continue;
		o = json_object();
		json_put_member(&o, "limit", json_of_text(held_kind_name((enum held_kind)k)));
		json_put_member(&o, "verdict", json_of_text(names[x->held[k]]));
		json_put_member(&o, "since", json_of_time(x->held_since[k]));
		json_add_item(&list, o);
	}
	return list;
}

static json_t *
view_wave_of(const struct explaining *e)
{
	json_t *o;

	if (!e->wave)
		return json_null();
	o = json_object();
	json_put_member(&o, "id", json_of_count(e->wave));
	json_put_member(&o, "at", json_of_time(e->wave_at));
	json_put_member(&o, "undo", json_boolean(e->wave_undoes));
	return o;
}

static json_t *
view_retry(const struct explaining *e)
{
	json_t *o;

	if (!e->retry_why)
		return json_null();
	o = json_object();
	json_put_member(&o, "why", json_of_text(e->retry_why));
	json_put_member(&o, "attempts", json_of_count(e->attempts));
	json_put_member(&o, "next", json_of_time(e->retry_at));
	return o;
}

static json_t *
view_waiting(const struct explain *x)
{
	json_t *list = json_array();

	for (size_t i = 0; i < x->n_steps; i++)
		for (size_t j = 0; j < x->steps[i].step->n_waiting; j++) {
			const struct waiting_ref *w = &x->steps[i].step->waiting[j];
			json_t *o = json_object();

			json_put_member(&o, "attribute", json_of_text(w->attr));
			json_put_member(&o, "dn", json_of_text(w->wanted));
			json_add_item(&list, o);
		}
	return list;
}

static json_t *
view_change(const struct explain *x, const struct plan_change *pc, bool held)
{
	struct buf attrs = {0};
	char *names;
	json_t *o = json_object();

	if (pc->change->entry)
		for (size_t i = 0; i < pc->change->entry->n_attrs; i++)
			buf_printf(&attrs, "%s%s", i ? " " : "", pc->change->entry->attrs[i].name);
	else
		change_attrs(pc->change, &attrs);
	names = buf_take_str(&attrs);
	json_put_member(&o, "forest",
	    json_of_text((pc->side == SOURCE ? x->link->source : x->link->target)->name));
	json_put_member(&o, "op", json_of_text(change_op_name(pc->change->op)));
	json_put_member(&o, "dn", json_of_text(pc->change->dn));
	json_put_member(&o, "reason", json_of_text(pc->reason));
	json_put_member(&o, "held", json_boolean(held));
	json_put_member(&o, "attributes", names ? json_of_text(names) : NULL);
	free(names);
	return o;
}

static json_t *
view_changes(const struct explain *x)
{
	json_t *list = json_array();

	for (size_t i = 0; i < x->n_steps; i++)
		for (size_t j = 0; j < x->steps[i].step->n_changes; j++)
			json_add_item(
			    &list, view_change(x, &x->steps[i].step->changes[j], x->steps[i].held));
	return list;
}

/* What it says, or (HOW) how it came to that. */
static json_t *
view_said(const struct explaining *e, bool how)
{
	json_t *list = json_array();

	for (size_t i = 0; i < e->n_notes; i++)
		if ((e->notes[i].level == LOG_DEBUG) == how)
			json_add_item(&list, json_of_text(e->notes[i].text));
	return list;
}

static void
put_state(json_t **o, const struct conf_link *link, const struct explaining *e)
{
	const struct explain *x = &e->x;

	json_put_member(o, "link", json_of_text(link->name));
	json_put_member(o, "origin", json_of_text(side_name(e->hits[0].origin)));
	json_put_member(o, "verdict", json_of_text(view_explain_verdict(e)));
	if (e->no_flow)
		return;
	json_put_member(o, "forests", view_forests(x));
	json_put_member(o, "scope", view_scope(x));
	json_put_member(o, "counterpart", view_counterpart(x));
	json_put_member(o, "names", view_names(x));
	json_put_member(o, "conflict", view_conflict_of(&x->d));
	json_put_member(o, "resolved",
	    x->said.as == RESOLVED_NOT ? json_null() : view_resolution(&x->said, x->link->name));
	json_put_member(
	    o, "record", x->record ? view_record(x->record, x->link->name) : json_null());
	json_put_member(o, "left", json_of_time(e->left_at));
	json_put_member(o, "held", view_held_of(x));
	json_put_member(o, "wave", view_wave_of(e));
	json_put_member(o, "retry", view_retry(e));
	json_put_member(o, "client", view_client(&e->clients, x->record));
	json_put_member(o, "waiting", view_waiting(x));
	json_put_member(o, "changes", view_changes(x));
	json_put_member(o, "others", json_of_count(x->n_others));
}

json_t *
view_explain(const struct conf_link *link, const char *who, const char *attribute,
    const struct explaining *e, struct err *err)
{
	_cleanup_(buf_done) struct buf sentence = {0};
	json_t *o = json_object(), *rows;

	view_explain_sentence(link, who, e, &sentence);
	json_put_member(&o, "who", json_of_text(who));
	json_put_member(
	    &o, "sentence", sentence.failed ? NULL : json_of_text((const char *)sentence.data));
	json_put_member(&o, "hits", view_explain_hits(link, e));
	json_put_member(&o, "summary", json_null());
	if (e->n_hits == 1) {
		put_state(&o, link, e);
		rows = e->no_flow ? json_array() : view_explain_rows(e, attribute, err);
		if (!rows) {
			json_decref(o);
			return NULL;
		}
		json_put_member(&o, "attributes", rows);
		json_put_member(&o, "notes", view_said(e, false));
		json_put_member(&o, "decisions", view_said(e, true));
	}
	if (!o)
		(void)err_nomem(err);
	return o;
}
