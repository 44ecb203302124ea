/* SPDX-License-Identifier: MIT */
#include "dsa/view/view_wave.h"

#include <stdlib.h>
#include <string.h>

#include "dsa/base/json.h"
#include "dsa/base/list.h"

static const char *const result_names[] = {
    [WAVE_OPEN] = "open", [WAVE_SUCCEEDED] = "done", [WAVE_FAILED] = "failed"};
_Static_assert(ARRAY_SIZE(result_names) == WAVE_RESULT_MAX, "a name for each result");

const char *
view_wave_result_name(enum wave_result r)
{
	return result_names[r];
}

void
view_wave_members_done(struct view_wave_members *m)
{
	for (size_t i = 0; i < m->n; i++)
		wave_member_done(&m->v[i]);
	free(TAKE(m->v));
	m->n = m->cap = 0;
}

static int
take_member(const struct wave_member *m, void *arg, struct err *err)
{
	struct view_wave_members *all = arg;
	struct wave_member *to;

	if (list_grow(all->v, all->n, all->cap) < 0)
		return err_nomem(err);
	to = &all->v[all->n++];
	*to = *m;
	to->dn = strdup(m->dn);
	to->text = strdup(m->text);
	return to->dn && to->text ? 0 : err_nomem(err);
}

static int
by_line(const void *x, const void *y)
{
	uint32_t p = ((const struct wave_member *)x)->line;
	uint32_t q = ((const struct wave_member *)y)->line;

	return p < q ? -1 : p > q;
}

int
view_wave_members_read(
    struct store_txn *t, uint32_t id, struct view_wave_members *ret, struct err *err)
{
	if (wave_each_member(t, id, take_member, ret, err) < 0)
		return -1;
	if (ret->n)
		qsort(ret->v, ret->n, sizeof *ret->v, by_line);
	return 0;
}

static bool
is(const json_t *o, const char *key, const char *value)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s && strcmp(s, value) == 0;
}

const char *
view_wave_waits(const json_t *links, const struct wave *w, const char *link)
{
	if (!wave_is_open(w->state))
		return "";
	if (!links)
		return "galsyncd does not answer";
	for (size_t i = 0; i < json_array_size(links); i++) {
		const json_t *o = json_array_get(links, i);

		if (is(o, "link", link))
			return is(o, "state", "paused") ? "the link is paused" : w->why;
	}
	return "the link is not in the configuration of galsyncd";
}

json_t *
view_wave(const struct wave *w, const char *link, const char *waits)
{
	json_t *o = json_object();

	json_put_member(&o, "id", json_of_count(w->id));
	json_put_member(&o, "name", json_of_text(w->name));
	json_put_member(&o, "link", json_of_text(link));
	json_put_member(&o, "turn", json_of_text(w->undo ? "undo" : "switch"));
	json_put_member(&o, "force", json_boolean(w->force));
	json_put_member(&o, "state", json_of_text(wave_state_name(w->state)));
	json_put_member(&o, "at", json_of_time(w->at));
	json_put_member(&o, "planned", json_of_time(w->planned_at));
	json_put_member(&o, "started", json_of_time(w->started_at));
	json_put_member(&o, "ended", json_of_time(w->ended_at));
	json_put_member(&o, "waits", json_of_text(waits));
	json_put_member(&o, "mailboxes", json_of_count(w->total));
	json_put_member(&o, "done", json_of_count(w->succeeded));
	json_put_member(&o, "failed", json_of_count(w->failed));
	return o;
}

static json_t *
view_member(const struct wave_member *m)
{
	char guid[GUID_TEXT_SIZE];
	json_t *o = json_object();

	guid_format(&m->source, guid);
	json_put_member(&o, "line", json_of_count(m->line));
	json_put_member(&o, "guid", json_of_text(guid));
	json_put_member(&o, "dn", json_of_text(m->dn));
	json_put_member(&o, "result", json_of_text(result_names[m->result]));
	json_put_member(&o, "at", json_of_time(m->at));
	json_put_member(&o, "text", json_of_text(m->text));
	return o;
}

json_t *
view_wave_show(const struct wave *w, const char *link, const char *waits,
    const struct view_wave_members *members)
{
	json_t *o = view_wave(w, link, waits), *results = json_array();

	for (size_t i = 0; i < members->n; i++)
		json_add_item(&results, view_member(&members->v[i]));
	json_put_member(&o, "results", results);
	return o;
}

json_t *
view_wave_problem(int64_t line, const char *who, const char *text)
{
	json_t *o = json_object();

	json_put_member(&o, "line", json_integer(line));
	json_put_member(&o, "who", json_of_text(who));
	json_put_member(&o, "text", json_of_text(text));
	return o;
}

void
view_wave_answer(json_t **o, const struct wave *w, const char *link, bool had)
{
	json_put_member(o, "wave", json_of_count(w->id));
	json_put_member(o, "link", json_of_text(link));
	json_put_member(o, "mailboxes", json_of_count(w->total));
	if (had)
		json_put_member(o, "ended", json_of_count((uint64_t)w->succeeded + w->failed));
	json_put_member(o, "at", json_of_time(w->at));
}
