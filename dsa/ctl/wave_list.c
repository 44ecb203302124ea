/* SPDX-License-Identifier: MIT */
/* wave list, wave show: what the map says of waves. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/ctl/ctl.h"
#include "dsa/ctl/wave_priv.h"
#include "mapping/wave.h"

void
wave_format_time(int64_t at, char ret[WAVE_TIME_SIZE])
{
	char local[CLOCK_TEXT_SIZE], utc[CLOCK_TEXT_SIZE];

	clock_format_local(at, local);
	clock_format_utc(at, utc);
	(void)snprintf(ret, WAVE_TIME_SIZE, "%s (%s)", local, utc);
}

bool
wave_parse_id(const char *text, uint32_t *ret)
{
	int64_t id;

	if (!text || !str_to_i64(text, &id) || id < 1 || id > UINT32_MAX)
		return false;
	*ret = (uint32_t)id;
	return true;
}

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* ---- list ---- */

struct listing {
	struct ctl *c;
	json_t *links; /* of the daemon, or NULL if none answers */
	json_t *array; /* with --json */
	int64_t now;
	uint64_t n;
};

/* What keeps an open wave from going on, as far as the map does not say it. */
static const char *
waits_for(const struct listing *l, const struct wave *w, const char *link)
{
	if (!wave_is_open(w->state))
		return "";
	if (!l->links)
		return "galsyncd does not answer";
	for (size_t i = 0; i < json_array_size(l->links); i++) {
		const json_t *o = json_array_get(l->links, i);

		if (strcmp(text_of(o, "link"), link) == 0)
			return strcmp(text_of(o, "state"), "paused") == 0 ? "the link is paused"
									  : w->why;
	}
	return "the link is not in the configuration of galsyncd";
}

static json_t *
wave_json(const struct listing *l, const struct wave *w, const char *link)
{
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:I, s:I, s:I}", "id",
	    (json_int_t)w->id, "name", w->name, "link", link, "turn", w->undo ? "undo" : "switch",
	    "state", wave_state_name(w->state), "at", ctl_moment(w->at), "planned",
	    ctl_moment(w->planned_at), "started", ctl_moment(w->started_at), "ended",
	    ctl_moment(w->ended_at), "waits", waits_for(l, w, link), "mailboxes",
	    (json_int_t)w->total, "done", (json_int_t)w->succeeded, "failed",
	    (json_int_t)w->failed);
}

static void
print_wave(const struct listing *l, const struct wave *w, const char *link)
{
	const char *waits = waits_for(l, w, link);
	char at[CLOCK_TEXT_SIZE], utc[CLOCK_TEXT_SIZE];

	clock_format_local(w->at, at);
	clock_format_utc(w->at, utc);
	if (l->n == 0)
		(void)printf("%5s %-9s %-25s  %-20s  %-6s %9s %6s %6s  %s\n", "ID", "STATE", "AT",
		    "UTC", "TURN", "MAILBOXES", "DONE", "FAILED", "LINK, NAME");
	(void)printf("%5u %-9s %-25s  %-20s  %-6s %9u %6u %6u  %s%s%s\n", w->id,
	    wave_state_name(w->state), at, utc, w->undo ? "undo" : "switch", w->total, w->succeeded,
	    w->failed, link, *w->name ? ", " : "", w->name);
	if (*waits)
		(void)printf("      %s: %s\n", w->at <= l->now ? "waits" : "would wait", waits);
}

static int
list_one(const struct wave *w, void *arg, struct err *err)
{
	struct listing *l = arg;
	_cleanup_(free) char *link = ctl_link_name(l->c, w->link);

	(void)err;
	if (l->array)
		(void)json_array_append_new(l->array, wave_json(l, w, link ? link : "?"));
	else
		print_wave(l, w, link ? link : "?");
	l->n++;
	return 0;
}

enum ctl_status
ctl_verb_wave_list(struct ctl *c, int argc, char **argv)
{
	struct listing l = {.c = c, .now = clock_realtime_s()};
	enum ctl_status status;
	struct err err;
	uint32_t link;

	if (argc > 3)
		return ctl_usage("wave list takes at most one LINK");
	status = ctl_link(c, argc == 3 ? argv[2] : NULL, &link);
	if (status != CTL_DONE)
		return status;
	l.links = ctl_daemon_links(c);
	l.array = c->json ? json_array() : NULL;
	if (wave_each(c->txn, link, list_one, &l, &err) < 0)
		status = ctl_fail(&err);
	else if (c->json)
		status = ctl_print_json(json_incref(l.array));
	json_decref(l.array);
	json_decref(l.links);
	return status;
}

/* ---- show ---- */

struct members {
	struct wave_member *v;
	size_t n, cap;
};

static int
take_member(const struct wave_member *m, void *arg, struct err *err)
{
	struct members *all = arg;
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
by_member_line(const void *x, const void *y)
{
	uint32_t p = ((const struct wave_member *)x)->line;
	uint32_t q = ((const struct wave_member *)y)->line;

	return p < q ? -1 : p > q;
}

static const char *const result_names[] = {
    [WAVE_OPEN] = "open", [WAVE_SUCCEEDED] = "done", [WAVE_FAILED] = "failed"};
_Static_assert(ARRAY_SIZE(result_names) == WAVE_RESULT_MAX, "a name for each result");

static json_t *
members_json(const struct members *all)
{
	json_t *a = json_array();

	for (size_t i = 0; i < all->n; i++) {
		const struct wave_member *m = &all->v[i];
		char guid[GUID_TEXT_SIZE];

		guid_format(&m->source, guid);
		(void)json_array_append_new(
		    a, json_pack("{s:I, s:s, s:s, s:s, s:o, s:s}", "line", (json_int_t)m->line,
			   "guid", guid, "dn", m->dn, "result", result_names[m->result], "at",
			   ctl_moment(m->at), "text", m->text));
	}
	return a;
}

static void
print_moment(const char *what, int64_t at)
{
	char text[WAVE_TIME_SIZE];

	wave_format_time(at, text);
	if (at)
		(void)printf("  %-9s %s\n", what, text);
}

static void
print_whole(
    const struct listing *l, const struct wave *w, const char *link, const struct members *all)
{
	const char *waits = waits_for(l, w, link);

	(void)printf("wave %u%s%s\n  %-9s %s\n  %-9s %s\n  %-9s %s: %u done, %u failed, %u of %u "
		     "left\n",
	    w->id, *w->name ? ": " : "", w->name, "link", link, "turn", w->undo ? "undo" : "switch",
	    "state", wave_state_name(w->state), w->succeeded, w->failed,
	    w->total - w->succeeded - w->failed, w->total);
	if (*waits)
		(void)printf("  %-9s %s\n", w->at <= l->now ? "waits" : "would wait", waits);
	print_moment("planned", w->planned_at);
	print_moment("at", w->at);
	print_moment("started", w->started_at);
	print_moment("ended", w->ended_at);
	for (size_t i = 0; i < all->n; i++) {
		const struct wave_member *m = &all->v[i];

		(void)printf("%-6s %s%s%s\n",
		    m->result == WAVE_FAILED ? "FAILED" : result_names[m->result], m->dn,
		    *m->text ? ": " : "", m->text);
	}
}

static enum ctl_status
show(struct ctl *c, const struct wave *w)
{
	struct listing l = {.c = c, .now = clock_realtime_s(), .links = ctl_daemon_links(c)};
	_cleanup_(free) char *link = ctl_link_name(c, w->link);
	enum ctl_status status = CTL_DONE;
	struct members all = {0};
	struct err err;

	if (wave_each_member(c->txn, w->id, take_member, &all, &err) < 0) {
		status = ctl_fail(&err);
	} else {
		if (all.n)
			qsort(all.v, all.n, sizeof *all.v, by_member_line);
		if (c->json) {
			json_t *o = wave_json(&l, w, link ? link : "?");

			(void)json_object_set_new(o, "results", members_json(&all));
			status = ctl_print_json(o);
		} else {
			print_whole(&l, w, link ? link : "?", &all);
		}
	}
	for (size_t i = 0; i < all.n; i++)
		wave_member_done(&all.v[i]);
	free(all.v);
	json_decref(l.links);
	return status;
}

enum ctl_status
ctl_verb_wave_show(struct ctl *c, int argc, char **argv)
{
	_cleanup_(wave_done) struct wave w = {0};
	struct err err;
	bool found;
	uint32_t id;

	if (argc != 3 || !wave_parse_id(argv[2], &id))
		return ctl_usage("wave show ID");
	if (wave_get(c->txn, id, &w, &found, &err) < 0)
		return ctl_fail(&err);
	if (!found) {
		(void)fprintf(stderr, "galsyncctl: there is no wave %u\n", id);
		return CTL_FAILED;
	}
	return show(c, &w);
}
