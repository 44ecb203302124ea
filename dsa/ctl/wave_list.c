/* SPDX-License-Identifier: MIT */
/* wave list, wave show: what the map says of waves. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
#include "dsa/ctl/shown.h"
#include "dsa/ctl/wave_priv.h"
#include "dsa/view/view_wave.h"

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

/* ---- list ---- */

struct listing {
	struct ctl *c;
	json_t *links; /* of the daemon, or NULL if none answers */
	json_t *array; /* with --json */
	int64_t now;
	uint64_t n;
};

static void
print_wave(const struct listing *l, const struct wave *w, const char *link)
{
	const char *waits = view_wave_waits(l->links, w, link);
	char at[CLOCK_TEXT_SIZE];

	clock_format_local(w->at, at);
	if (l->n == 0)
		(void)printf("%5s %-9s %-25s  %-6s %9s %6s %6s  %s\n", "ID", "STATE", "AT", "TURN",
		    "MAILBOXES", "DONE", "FAILED", "LINK, NAME");
	(void)printf("%5u %-9s %-25s  %-6s %9u %6u %6u  %s%s%s\n", w->id, wave_state_name(w->state),
	    at, w->undo ? "undo" : "switch", w->total, w->succeeded, w->failed, link,
	    *w->name ? ", " : "", shown(w->name));
	if (*waits)
		(void)printf(
		    "      %s: %s\n", w->at <= l->now ? "waits" : "would wait", shown(waits));
}

static int
list_one(const struct wave *w, void *arg, struct err *err)
{
	struct listing *l = arg;
	_cleanup_(free) char *name = ctl_link_name(l->c, w->link);
	const char *link = name ? name : "?";

	(void)err;
	if (l->c->json)
		json_add_item(&l->array, view_wave(w, link, view_wave_waits(l->links, w, link)));
	else
		print_wave(l, w, link);
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
		status = ctl_print_json(TAKE(l.array));
	json_decref(l.array);
	json_decref(l.links);
	return status;
}

/* ---- show ---- */

static void
print_moment(const char *what, int64_t at)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format_local(at, text);
	if (at)
		(void)printf("  %-9s %s\n", what, text);
}

static void
print_whole(const struct listing *l, const struct wave *w, const char *link,
    const struct view_wave_members *all)
{
	const char *waits = view_wave_waits(l->links, w, link);

	(void)printf("wave %u%s%s\n  %-9s %s\n  %-9s %s%s\n  %-9s %s: %u done, %u failed, %u of "
		     "%u left\n",
	    w->id, *w->name ? ": " : "", shown(w->name), "link", link, "turn",
	    w->undo ? "undo" : "switch",
	    w->force ? ", forced: also mailboxes that Exchange has not finished" : "", "state",
	    wave_state_name(w->state), w->succeeded, w->failed, w->total - w->succeeded - w->failed,
	    w->total);
	if (*waits)
		(void)printf("  %-9s %s\n", w->at <= l->now ? "waits" : "would wait", shown(waits));
	print_moment("planned", w->planned_at);
	print_moment("at", w->at);
	print_moment("started", w->started_at);
	print_moment("ended", w->ended_at);
	for (size_t i = 0; i < all->n; i++) {
		const struct wave_member *m = &all->v[i];

		(void)printf("%-6s %s%s%s\n",
		    m->result == WAVE_FAILED ? "FAILED" : view_wave_result_name(m->result),
		    shown(m->dn), *m->text ? ": " : "", shown(m->text));
	}
}

static enum ctl_status
show(struct ctl *c, const struct wave *w, const struct view_wave_members *all)
{
	struct listing l = {.c = c, .now = clock_realtime_s()};
	_cleanup_(json_release) json_t *links = ctl_daemon_links(c);
	_cleanup_(free) char *name = ctl_link_name(c, w->link);
	const char *link = name ? name : "?";

	l.links = links;
	if (c->json)
		return ctl_print_json(
		    view_wave_show(w, link, view_wave_waits(l.links, w, link), all));
	print_whole(&l, w, link, all);
	return CTL_DONE;
}

enum ctl_status
ctl_verb_wave_show(struct ctl *c, int argc, char **argv)
{
	_cleanup_(view_wave_members_done) struct view_wave_members all = {0};
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
	if (view_wave_members_read(c->txn, id, &all, &err) < 0)
		return ctl_fail(&err);
	return show(c, &w, &all);
}
