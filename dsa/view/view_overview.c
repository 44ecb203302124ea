/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_overview.h"

#include <string.h>

#include "dsa/base/json.h"
#include "dsa/base/list.h"
#include "dsa/view/view_link.h"
#include "dsa/view/view_wave.h"

#define DAY INT64_C(86400)

/* ---- the links ---- */

static int
add_links(struct store_txn *t, const json_t *status, json_t **list, struct err *err)
{
	const json_t *links = json_object_get(status, "links");
	json_t *configuration = json_object_get(status, "configuration");

	for (uint32_t id = 1;; id++) {
		_cleanup_(view_link_done) struct view_link v = {0};
		_cleanup_(free) char *name = NULL;

		if (store_link_name(t, id, &name, err) < 0)
			return -1;
		if (!name)
			return 0;
		if (view_link_read(t, id, name, &v, err) < 0)
			return -1;
		json_add_item(list, view_link(&v, view_link_daemon(links, name), configuration));
	}
}

/* ---- how far the mailboxes are ---- */

struct totals {
	uint64_t mailboxes, sum, by_step[PROGRESS_STEP_MAX], failed[PROGRESS_STEP_MAX];
	bool asked[PROGRESS_STEP_MAX];
	struct overview_step *steps;
	size_t n, cap;
};

static void
totals_donep(struct totals *x)
{
	free(x->steps);
}

static int
add_step(struct totals *x, int64_t at, uint64_t n, bool planned, struct err *err)
{
	if (list_grow(x->steps, x->n, x->cap) < 0)
		return err_nomem(err);
	x->steps[x->n++] = (struct overview_step){at, n, planned};
	return 0;
}

static int
count_row(struct totals *x, const struct roster_row *row, struct err *err)
{
	enum progress steps[PROGRESS_STEP_MAX];

	if (!row->facts.mailbox || row->facts.state == RECORD_LEFT)
		return 0;
	progress_judge(&row->facts, steps);
	x->mailboxes++;
	x->sum += progress_percent(steps);
	for (size_t i = 0; i < PROGRESS_STEP_MAX; i++) {
		x->by_step[i] += steps[i] == PROGRESS_DONE;
		x->failed[i] += steps[i] == PROGRESS_BROKEN;
		x->asked[i] |= steps[i] != PROGRESS_NONE;
	}
	return row->facts.switched && row->switched_at
		   ? add_step(x, row->switched_at, 1, false, err)
		   : 0;
}

static int
plan_wave(const struct wave *w, void *arg, struct err *err)
{
	return w->undo || w->state == WAVE_CANCELLED ? 0
						     : add_step(arg, w->at, w->total, true, err);
}

static json_t *
steps_json(const struct totals *x)
{
	json_t *list = json_array();

	for (size_t i = 0; i < PROGRESS_STEP_MAX; i++) {
		json_t *o = json_object();

		if (!x->asked[i]) {
			json_decref(o);
			continue;
		}
		json_put_member(
		    &o, "step", json_of_text(progress_step_name((enum progress_step)i)));
		json_put_member(&o, "done", json_of_count(x->by_step[i]));
		json_put_member(&o, "failed", json_of_count(x->failed[i]));
		json_put_member(&o, "total", json_of_count(x->mailboxes));
		json_add_item(&list, o);
	}
	return list;
}

/* ---- the time line ---- */

static int
by_time(const void *p, const void *q)
{
	const struct overview_step *x = p, *y = q;

	return x->at < y->at ? -1 : x->at > y->at;
}

static int64_t
day_of(int64_t at)
{
	return at < INT64_MIN + DAY ? INT64_MIN : at - ((at % DAY) + DAY) % DAY;
}

json_t *
view_time_line(struct overview_step *steps, size_t n, int64_t now)
{
	int64_t today = day_of(now);
	uint64_t switched = 0, planned = 0;
	json_t *list = json_array();
	bool told = false; /* today */

	if (n)
		qsort(steps, n, sizeof *steps, by_time);
	for (size_t i = 0; list && (i < n || !told);) {
		int64_t day = i < n ? day_of(steps[i].at) : today;
		json_t *o = json_object();

		if (!told && day > today)
			day = today;
		for (; i < n && day_of(steps[i].at) <= day; i++)
			*(steps[i].planned ? &planned : &switched) += steps[i].n;
		told |= day >= today;
		json_put_member(&o, "day", json_of_time(day));
		json_put_member(
		    &o, "switched", day > today ? json_null() : json_of_count(switched));
		json_put_member(&o, "planned", json_of_count(planned));
		json_add_item(&list, o);
	}
	return list;
}

static int
count_all(struct totals *x, struct roster *r, struct store_txn *t, struct err *err)
{
	struct roster_row *const *rows = roster_rows(r);

	for (size_t i = 0; i < roster_count(r); i++)
		if (count_row(x, rows[i], err) < 0)
			return -1;
	return wave_each(t, 0, plan_wave, x, err);
}

int
view_overview(struct roster *r, struct store_txn *t, const json_t *status, int64_t now,
    json_t **ret, struct err *err)
{
	_cleanup_(totals_done) struct totals x = {.mailboxes = 0};
	json_t *links = json_array(), *o;

	if (count_all(&x, r, t, err) < 0 || add_links(t, status, &links, err) < 0) {
		json_decref(links);
		return -1;
	}
	o = json_object();
	json_put_member(&o, "at", json_of_time(now));
	json_put_member(&o, "answers", json_boolean(status));
	json_put_member(&o, "program", json_of_text(GALSYNC_VERSION));
	json_put_member(&o, "links", links);
	json_put_member(&o, "mailboxes", json_of_count(x.mailboxes));
	json_put_member(&o, "percent", json_of_count(x.mailboxes ? x.sum / x.mailboxes : 0));
	json_put_member(&o, "steps", steps_json(&x));
	json_put_member(&o, "days", view_time_line(x.steps, x.n, now));
	*ret = o;
	return o ? 0 : err_nomem(err);
}

/* ---- waves ---- */

struct waves_walk {
	struct store_txn *t;
	const json_t *links;
	json_t *list;
};

static int
add_wave(const struct wave *w, void *arg, struct err *err)
{
	struct waves_walk *x = arg;
	_cleanup_(free) char *name = NULL;

	if (store_link_name(x->t, w->link, &name, err) < 0)
		return -1;
	return json_array_insert_new(x->list, 0,
		   view_wave(
		       w, name ? name : "?", view_wave_waits(x->links, w, name ? name : "?"))) < 0
		   ? err_nomem(err)
		   : 0;
}

int
view_waves(struct store_txn *t, const json_t *status, int64_t now, json_t **ret, struct err *err)
{
	struct waves_walk x = {t, json_object_get(status, "links"), json_array()};
	json_t *o;

	if (!x.list || wave_each(t, 0, add_wave, &x, err) < 0) {
		json_decref(x.list);
		return -1;
	}
	o = json_object();
	json_put_member(&o, "at", json_of_time(now));
	json_put_member(&o, "items", x.list);
	*ret = o;
	return o ? 0 : err_nomem(err);
}

int
view_wave_one(struct store_txn *t, uint32_t id, const json_t *status, int64_t now, json_t **ret,
    struct err *err)
{
	_cleanup_(view_wave_members_done) struct view_wave_members members = {0};
	_cleanup_(wave_done) struct wave w = {.id = 0};
	_cleanup_(free) char *name = NULL;
	const json_t *links = json_object_get(status, "links");
	bool found;

	*ret = NULL;
	if (wave_get(t, id, &w, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	if (store_link_name(t, w.link, &name, err) < 0 ||
	    view_wave_members_read(t, id, &members, err) < 0)
		return -1;
	*ret = view_wave_show(
	    &w, name ? name : "?", view_wave_waits(links, &w, name ? name : "?"), &members);
	json_put_member(ret, "read", json_of_time(now));
	return *ret ? 0 : err_nomem(err);
}
