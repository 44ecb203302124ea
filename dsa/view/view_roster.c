/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_roster.h"

#include <string.h>

#include "dsa/base/json.h"
#include "dsa/directory/dn.h"
#include "dsa/view/view_change.h"
#include "dsa/view/view_client.h"
#include "dsa/view/view_conflict.h"
#include "dsa/view/view_record.h"
#include "dsa/view/view_wave.h"
#include "mapping/held.h"
#include "mapping/journal.h"

/* ---- a row ---- */

json_t *
view_steps(const struct progress_facts *f)
{
	enum progress steps[PROGRESS_STEP_MAX];
	json_t *o = json_object();

	progress_judge(f, steps);
	for (size_t i = 0; i < PROGRESS_STEP_MAX; i++)
		if (steps[i] != PROGRESS_NONE)
			json_put_member(&o, progress_step_name((enum progress_step)i),
			    json_of_text(progress_name(steps[i])));
	return o;
}

/* What people call it: the value of its RDN. */
static json_t *
name_of(const struct record *r)
{
	struct err err;
	_cleanup_(free) char *name = dn_rdn_value(r->side[SOURCE].dn, &err);

	return json_of_text(name ? name : r->side[SOURCE].dn);
}

json_t *
view_row(const struct record *r, const char *flow, const struct roster_row *row)
{
	struct view_turned turned;
	char guid[GUID_TEXT_SIZE];
	json_t *o = json_object();

	view_turn(r, flow, &turned);
	guid_format(&r->side[SOURCE].guid, guid);
	json_put_member(&o, "guid", json_of_text(guid));
	view_put_flow(&o, flow);
	json_put_member(&o, "name", name_of(r));
	json_put_member(&o, "alias", json_of_text(r->alias));
	json_put_member(&o, "address", json_of_text(r->n_addresses ? r->addresses[0] : ""));
	json_put_member(&o, "kind", json_of_text(kind_name(r->kind)));
	json_put_member(&o, "state", json_of_text(record_state_name(r->state)));
	json_put_member(&o, "active", json_of_text(side_name(turned.r.active)));
	json_put_member(&o, "percent", json_of_count(row ? roster_percent(row) : 0));
	json_put_member(&o, "wave", row && row->wave ? json_of_count(row->wave) : json_null());
	json_put_member(&o, "ou", json_of_text(dn_parent(r->side[SOURCE].dn)));
	json_put_member(&o, "counterpart", json_of_text(r->side[TARGET].dn));
	json_put_member(&o, "synced_at", json_of_time(r->synced_at));
	json_put_member(&o, "switched_at", json_of_time(r->switched_at));
	json_put_member(&o, "last_error", json_of_text(r->last_error));
	return o;
}

int
view_rows(struct roster *r, struct store_txn *t, const uint64_t *ids, size_t n, json_t **ret,
    struct err *err)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < n; i++) {
		_cleanup_(record_free) struct record *rec = NULL;
		_cleanup_(free) char *flow = NULL;

		if (store_get(t, ids[i], &rec, err) < 0 ||
		    (rec && store_link_name(t, rec->link, &flow, err) < 0)) {
			json_decref(list);
			return -1;
		}
		if (rec)
			json_add_item(
			    &list, view_row(rec, flow ? flow : "?", roster_find(r, ids[i])));
	}
	*ret = list;
	return list ? 0 : err_nomem(err);
}

int
view_list(struct roster *r, struct store_txn *t, const struct roster_query *q, int64_t now,
    json_t **ret, struct err *err)
{
	_cleanup_(roster_page_done) struct roster_page page = {.ids = NULL};
	json_t *items, *o;

	if (roster_query(r, t, q, false, &page, err) < 0 ||
	    view_rows(r, t, page.ids, page.n, &items, err) < 0)
		return -1;
	o = json_object();
	json_put_member(&o, "at", json_of_time(now));
	json_put_member(&o, "found", json_of_count(page.found));
	json_put_member(&o, "page", json_of_count((uint64_t)page.page));
	json_put_member(&o, "pages", json_of_count((uint64_t)page.pages));
	json_put_member(&o, "items", items);
	*ret = o;
	return o ? 0 : err_nomem(err);
}

/* ---- all of one ---- */

struct one {
	struct roster *r;
	struct store_txn *t;
	const struct guid *original;
	const char *flow;
	uint32_t link;
	json_t *list;
};

static int
add_held(const struct store_held *h, void *arg, struct err *err)
{
	struct one *x = arg;
	json_t *o;

	(void)err;
	if (!guid_equal(&h->source, x->original))
		return 0;
	o = json_object();
	json_put_member(&o, "limit", json_of_text(held_kind_name(h->kind)));
	json_put_member(&o, "verdict", json_of_text(held_verdict_name(h->verdict)));
	json_put_member(&o, "since", json_of_time(h->since));
	json_add_item(&x->list, o);
	return 0;
}

static int
find_member(const struct wave_member *m, void *arg, struct err *err)
{
	struct one *x = arg;
	json_t *last = json_array_get(x->list, json_array_size(x->list) - 1);

	(void)err;
	if (!guid_equal(&m->source, x->original))
		return 0;
	/* The wave was added before; this marks it as one of ours. */
	(void)json_object_set_new(last, "result", json_of_text(view_wave_result_name(m->result)));
	(void)json_object_set_new(last, "ended", json_of_time(m->at));
	(void)json_object_set_new(last, "text", json_of_text(m->text));
	return 1;
}

static int
add_wave(const struct wave *w, void *arg, struct err *err)
{
	struct one *x = arg;
	size_t n;

	if (w->link != x->link)
		return 0;
	json_add_item(&x->list, view_wave(w, x->flow, w->why));
	if (!x->list)
		return err_nomem(err);
	if (wave_each_member(x->t, w->id, find_member, x, err) < 0)
		return -1;
	n = json_array_size(x->list);
	if (!json_object_get(json_array_get(x->list, n - 1), "result"))
		(void)json_array_remove(x->list, n - 1);
	return 0;
}

/* The changes as they come, the last ones of them: newest first. */
static int
add_change(const struct journal_entry *e, void *arg, struct err *err)
{
	struct one *x = arg;

	(void)err;
	if (json_array_insert_new(x->list, 0, view_change(e, x->flow)) < 0)
		return err_nomem(err);
	if (json_array_size(x->list) > VIEW_CHANGES)
		(void)json_array_remove(x->list, VIEW_CHANGES);
	return 0;
}

static int
start(struct one *x, struct err *err)
{
	x->list = json_array();
	return x->list ? 0 : err_nomem(err);
}

static int
add_waiting(const struct waiting_ref *w, void *arg, struct err *err)
{
	struct one *x = arg;
	json_t *o;

	(void)err;
	if (!guid_equal(&w->referrer, x->original))
		return 0;
	o = json_object();
	json_put_member(&o, "attribute", json_of_text(w->attr));
	json_put_member(&o, "dn", json_of_text(w->wanted));
	json_add_item(&x->list, o);
	return 0;
}

static int
put_lists(struct one *x, json_t **o, struct err *err)
{
	if (start(x, err) < 0 || store_each_held(x->t, x->link, add_held, x, err) < 0)
		return -1;
	json_put_member(o, "held", TAKE(x->list));
	if (start(x, err) < 0 || store_each_waiting(x->t, x->link, NULL, add_waiting, x, err) < 0)
		return -1;
	json_put_member(o, "waiting", TAKE(x->list));
	if (start(x, err) < 0 || wave_each(x->t, 0, add_wave, x, err) < 0)
		return -1;
	json_put_member(o, "waves", TAKE(x->list));
	if (start(x, err) < 0 || journal_each_of(x->t, x->original, add_change, x, err) < 0)
		return -1;
	json_put_member(o, "changes", TAKE(x->list));
	return 0;
}

static int
put_troubles(struct one *x, json_t **o, struct err *err)
{
	_cleanup_(conflict_done) struct conflict c = {.reason = CONFLICT_AMBIGUOUS};
	struct store_retry retry = {.dn = NULL};
	bool conflict, again;
	unsigned possible = 0;
	json_t *r = json_null();

	if (store_find_conflict(x->t, x->link, x->original, &c, &conflict, err) < 0 ||
	    (conflict && view_conflict_possible(x->t, x->link, &c, &possible, err) < 0) ||
	    store_find_retry(x->t, x->link, x->original, &retry, &again, err) < 0)
		return -1;
	json_put_member(
	    o, "conflict", conflict ? view_conflict(&c, x->flow, possible) : json_null());
	if (again) {
		r = json_object();
		json_put_member(&r, "why", json_of_text(retry.why));
		json_put_member(&r, "attempts", json_of_count(retry.attempts));
		json_put_member(&r, "since", json_of_time(retry.since));
		json_put_member(&r, "next", json_of_time(retry.next));
		store_retry_done(&retry);
	}
	json_put_member(o, "retry", r);
	return 0;
}

static int
build(struct one *x, const struct record *rec, int64_t now, json_t **ret, struct err *err)
{
	const struct roster_row *row = roster_find(x->r, rec->id);
	json_t *o = json_object(), *client = NULL;

	json_put_member(&o, "at", json_of_time(now));
	json_put_member(&o, "row", view_row(rec, x->flow, row));
	json_put_member(&o, "record", view_record(rec, x->flow));
	json_put_member(&o, "steps", row ? view_steps(&row->facts) : json_object());
	if (view_client_read(x->t, rec, &client, err) < 0 || put_troubles(x, &o, err) < 0 ||
	    put_lists(x, &o, err) < 0) {
		json_decref(client);
		json_decref(o);
		json_decref(TAKE(x->list));
		return -1;
	}
	json_put_member(&o, "client", client);
	*ret = o;
	return o ? 0 : err_nomem(err);
}

int
view_one(struct roster *r, struct store_txn *t, const struct guid *original, int64_t now,
    json_t **ret, struct err *err)
{
	_cleanup_(record_free) struct record *rec = NULL;
	_cleanup_(free) char *flow = NULL;
	struct one x = {.r = r, .t = t, .original = original};

	*ret = NULL;
	if (store_find_guid(t, 0, SOURCE, original, &rec, err) < 0)
		return -1;
	if (!rec)
		return 0;
	if (store_link_name(t, rec->link, &flow, err) < 0)
		return -1;
	x.link = rec->link;
	x.flow = flow ? flow : "?";
	return build(&x, rec, now, ret, err);
}
