/* SPDX-License-Identifier: MIT */
/* show, map lookup, map export: the records of the map, for people and for programs. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/csv.h"
#include "dsa/base/json.h"
#include "dsa/ctl/ctl.h"
#include "dsa/ctl/resolved.h"
#include "dsa/ctl/shown.h"
#include "dsa/ctl/walk.h"
#include "dsa/directory/dn.h"
#include "dsa/directory/sid.h"
#include "dsa/rules/client.h"
#include "dsa/view/view_conflict.h"
#include "dsa/view/view_record.h"

struct walk {
	struct ctl *c;
	json_t *array; /* with --json */
	uint64_t n;
};

static void
print_moment(const char *what, int64_t at)
{
	char text[CLOCK_TEXT_SIZE] = "never";

	if (at)
		clock_format_local(at, text);
	(void)printf("  %-12s %s\n", what, text);
}

static void
print_side(const char *name, const struct record_side *s)
{
	char guid[GUID_TEXT_SIZE], sid[SID_TEXT_SIZE] = "";

	guid_format(&s->guid, guid);
	(void)printf("  %-12s %s\n", name, shown(s->dn));
	(void)printf("  %-12s %s\n", "", guid);
	if (sid_format(s->sid, sid))
		(void)printf("  %-12s %s\n", "", sid);
	for (size_t i = 0; i < s->n_legacy_dns; i++)
		(void)printf("  %-12s %s\n", "", shown(s->legacy_dns[i]));
}

static void
print_why(const struct guid *source)
{
	char guid[GUID_TEXT_SIZE];

	guid_format(source, guid);
	(void)printf("  %-12s galsyncctl explain %s\n", "why", guid);
}

static int
add_conflict(struct walk *w, uint32_t link, const struct conflict *x, struct err *err)
{
	_cleanup_(free) char *flow = ctl_link_name(w->c, link);
	unsigned possible;

	if (view_conflict_possible(w->c->txn, link, x, &possible, err) < 0)
		return -1;
	json_add_item(&w->array, view_conflict(x, flow ? flow : "?", possible));
	return 0;
}

/* The record that was added last is in conflict about something. */
static int
note_conflict(struct walk *w, uint32_t link, const struct conflict *x, struct err *err)
{
	_cleanup_(free) char *flow = ctl_link_name(w->c, link);
	json_t *last = json_array_get(w->array, json_array_size(w->array) - 1);
	unsigned possible;

	if (view_conflict_possible(w->c->txn, link, x, &possible, err) < 0)
		return -1;
	return json_object_set_new(
		   last, "conflict", view_conflict(x, flow ? flow : "?", possible)) < 0
		   ? err_nomem(err)
		   : 0;
}

/* What an operator said about a conflict of R's object. */
static int
show_resolution(struct walk *w, const struct record *r, struct err *err)
{
	_cleanup_(resolution_done) struct resolution x = {.as = RESOLVED_NOT};
	_cleanup_(free) char *flow = ctl_link_name(w->c, r->link);
	json_t *last = json_array_get(w->array, json_array_size(w->array) - 1);
	bool found;

	if (store_find_resolution(w->c->txn, r->link, &r->side[SOURCE].guid, &x, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	if (!w->c->json)
		ctl_print_resolution(&x);
	else if (json_object_set_new(last, "resolved", view_resolution(&x, flow ? flow : "?")) < 0)
		return err_nomem(err);
	return 0;
}

/* What keeps R's object, or a part of it, from being synchronized, and what says more. */
static int
show_why(struct walk *w, const struct record *r, struct err *err)
{
	_cleanup_(conflict_done) struct conflict x = {.reason = CONFLICT_AMBIGUOUS};
	bool found;

	if (show_resolution(w, r, err) < 0 ||
	    store_find_conflict(w->c->txn, r->link, &r->side[SOURCE].guid, &x, &found, err) < 0)
		return -1;
	if (w->c->json)
		return found ? note_conflict(w, r->link, &x, err) : 0;
	if (found)
		(void)printf(
		    "  %-12s %s: %s\n", "conflict", conflict_reason_name(x.reason), shown(x.what));
	if (record_has_left(r))
		(void)printf(
		    "  %-12s the source object is gone, hidden, or out of scope\n", "left");
	if (found || record_has_left(r) || r->state == RECORD_ERROR)
		print_why(&r->side[SOURCE].guid);
	return 0;
}

static void
show_report(const struct client_report *x, size_t i)
{
	char at[CLOCK_TEXT_SIZE];

	clock_format_local(x->at, at);
	(void)printf("  %-12s %s%s%s, %s%s%s\n", i ? "" : "client", client_result_name(x->result),
	    *x->machine ? " on " : "", x->machine, at, *x->text ? ": " : "", shown(x->text));
}

/* What the computers of R's user reported. */
static int
show_client(struct walk *w, const struct record *r, struct err *err)
{
	_cleanup_(client_reports_done) struct client_reports all = {.n = 0};
	struct client_verdict v;

	if (store_get_clients(w->c->txn, r->link, &r->side[SOURCE].guid, &all, err) < 0)
		return -1;
	v = client_judge(&all, r);
	for (size_t i = 0; i < all.n; i++)
		show_report(&all.v[i], i);
	if (v.several)
		(void)printf("  %-12s its profile was updated on several machines\n", "NOTICE");
	return 0;
}

static int
show_one(const struct record *r, void *arg, struct err *err)
{
	struct walk *w = arg;
	struct view_turned t;

	w->n++;
	if (w->c->json) {
		ctl_add_record(w->c, &w->array, r);
		return show_why(w, r, err);
	}
	ctl_turn(w->c, r, &t);
	(void)printf("%s%s %s%s, link %s\n", w->n > 1 ? "\n" : "", kind_name(r->kind), r->alias,
	    t.origin == TARGET ? ", a native of the target" : "", t.link);
	(void)printf("  %-12s %s\n", "state", record_state_name(r->state));
	(void)printf("  %-12s %s\n", "active side", side_name(t.r.active));
	(void)printf("  %-12s %s%s%s\n", "counterpart", r->created ? "created" : "matched by ",
	    r->created ? "" : match_method_name(r->rule), "");
	if (*r->evidence)
		(void)printf("  %-12s %s\n", "evidence", shown(r->evidence));
	print_side("source", &t.r.side[SOURCE]);
	print_side("target", &t.r.side[TARGET]);
	for (size_t i = 0; i < r->n_addresses; i++)
		(void)printf("  %-12s %s\n", i ? "" : "addresses", shown(r->addresses[i]));
	print_moment("first seen", r->created_at);
	print_moment("last written", r->synced_at);
	print_moment("switched", r->switched_at);
	if (*r->last_error)
		(void)printf("  %-12s %s\n", "problem", shown(r->last_error));
	if (show_client(w, r, err) < 0)
		return -1;
	return show_why(w, r, err);
}

static enum ctl_status
nobody(const char *who)
{
	(void)fprintf(stderr, "galsyncctl: the map knows no '%s'\n", shown(who));
	return CTL_FAILED;
}

/* Is X about the object that WHO names? */
static bool
is_named(const struct conflict *x, const char *who)
{
	struct guid g;

	return guid_parse(who, &g) ? guid_equal(&g, &x->source)
				   : strchr(who, '=') && dn_equal(x->source_dn, who);
}

struct conflicts {
	struct walk *w;
	const char *who;
	uint64_t n, resolved;
};

static int
show_conflict(uint32_t link, const struct conflict *x, void *arg, struct err *err)
{
	struct conflicts *s = arg;

	if (!is_named(x, s->who))
		return 0;
	s->n++;
	if (s->w->c->json)
		return add_conflict(s->w, link, x, err);
	(void)printf("%s\n  %-12s not synchronized: in conflict (%s): %s\n", shown(x->source_dn),
	    "state", conflict_reason_name(x->reason), shown(x->what));
	print_why(&x->source);
	return 0;
}

/* One that an operator left alone, or whose conflict the next cycle ends. */
static int
show_resolved(uint32_t link, const struct resolution *x, void *arg, struct err *err)
{
	struct conflicts *s = arg;
	_cleanup_(free) char *flow = ctl_link_name(s->w->c, link);
	const struct conflict named = {.source = x->source, .source_dn = x->source_dn};

	(void)err;
	if (!is_named(&named, s->who))
		return 0;
	s->resolved++;
	if (s->w->c->json) {
		json_add_item(&s->w->array, view_resolution(x, flow ? flow : "?"));
		return 0;
	}
	if (!s->n)
		(void)printf("%s\n", shown(x->source_dn));
	ctl_print_resolution(x);
	print_why(&x->source);
	return 0;
}

/* One that has no counterpart: it is in conflict, or the map knows nothing of it. */
static enum ctl_status
show_unknown(struct walk *w, const char *who)
{
	struct conflicts s = {.w = w, .who = who};
	struct err err;

	if (store_each_conflict(w->c->txn, 0, show_conflict, &s, &err) < 0 ||
	    store_each_resolution(w->c->txn, 0, show_resolved, &s, &err) < 0)
		return ctl_fail(&err);
	if (s.n || s.resolved)
		return s.n ? CTL_HELD : CTL_DONE;
	(void)nobody(who);
	(void)fprintf(stderr,
	    "galsyncctl: it may be hidden, outside the scopes, or in conflict: 'galsyncctl explain "
	    "%s' asks the directories\n",
	    shown(who));
	return CTL_FAILED;
}

enum ctl_status
ctl_verb_show(struct ctl *c, int argc, char **argv)
{
	struct walk w = {.c = c};
	enum ctl_status status = CTL_DONE;
	struct err err;

	if (argc != 2)
		return ctl_usage("show takes one WHO");
	w.array = c->json ? json_array() : NULL;
	if (store_lookup_who(c->txn, argv[1], show_one, &w, &err) < 0) {
		json_decref(w.array);
		return ctl_fail(&err);
	}
	if (w.n == 0)
		status = show_unknown(&w, argv[1]);
	if (c->json && status != CTL_FAILED)
		return ctl_print_json(w.array) == CTL_DONE ? status : CTL_FAILED;
	json_decref(w.array);
	return status;
}

static int
lookup_one(const struct record *r, void *arg, struct err *err)
{
	struct walk *w = arg;
	char source[GUID_TEXT_SIZE], target[GUID_TEXT_SIZE];
	struct view_turned t;

	(void)err;
	w->n++;
	if (w->c->json) {
		ctl_add_record(w->c, &w->array, r);
		return 0;
	}
	ctl_turn(w->c, r, &t);
	guid_format(&t.r.side[SOURCE].guid, source);
	guid_format(&t.r.side[TARGET].guid, target);
	(void)printf("%s\t%s\t%s\t%s\t%s\n", side_name(t.r.active), source,
	    shown(t.r.side[SOURCE].dn), target, shown(t.r.side[TARGET].dn));
	return 0;
}

static void
add_cell(struct buf *row, const char *s)
{
	csv_add_cell(row, shown(s), ',');
}

/* Many values in one cell. */
static void
add_list(struct buf *row, char *const *v, size_t n)
{
	_cleanup_(buf_done) struct buf cell = {0};

	buf_add_str(&cell, "");
	for (size_t i = 0; i < n; i++)
		csv_add_value(&cell, shown(v[i]));
	row->failed |= cell.failed;
	if (!cell.failed)
		csv_add_cell(row, (const char *)cell.data, ',');
}

static void
add_side(struct buf *row, const struct record_side *s)
{
	char guid[GUID_TEXT_SIZE], sid[SID_TEXT_SIZE] = "";

	guid_format(&s->guid, guid);
	(void)sid_format(s->sid, sid);
	add_cell(row, guid_is_zero(&s->guid) ? "" : guid);
	add_cell(row, s->dn);
	add_cell(row, sid);
	add_list(row, s->legacy_dns, s->n_legacy_dns);
}

static void
add_row(struct buf *row, const struct view_turned *t)
{
	const struct record *r = &t->r;
	char when[CLOCK_TEXT_SIZE] = "";

	add_cell(row, t->link);
	add_cell(row, kind_name(r->kind));
	add_cell(row, record_state_name(r->state));
	add_cell(row, side_name(r->active));
	add_cell(row, r->created ? "created" : "matched");
	add_cell(row, match_method_name(r->rule));
	add_cell(row, r->evidence);
	add_side(row, &r->side[SOURCE]);
	add_side(row, &r->side[TARGET]);
	add_cell(row, r->alias);
	add_list(row, r->addresses, r->n_addresses);
	if (r->synced_at)
		clock_format_utc(r->synced_at, when);
	add_cell(row, when);
	add_cell(row, r->last_error);
	csv_add_cell(row, side_name(t->origin), '\n');
}

static int
export_one(const struct record *r, void *arg, struct err *err)
{
	struct walk *w = arg;
	_cleanup_(buf_done) struct buf row = {0};
	struct view_turned t;

	if (w->c->json) {
		ctl_add_record(w->c, &w->array, r);
		return 0;
	}
	ctl_turn(w->c, r, &t);
	if (w->n++ == 0)
		(void)puts(
		    "link,kind,state,active,created,rule,evidence,source_guid,source_dn,source_sid,"
		    "source_legacy_dns,target_guid,target_dn,target_sid,target_legacy_dns,alias,"
		    "addresses,synced_at,last_error,origin");
	add_row(&row, &t);
	if (row.failed)
		return err_nomem(err);
	(void)fwrite(row.data, 1, row.len, stdout);
	return 0;
}

enum ctl_status
ctl_verb_map(struct ctl *c, int argc, char **argv)
{
	struct walk w = {.c = c};
	bool lookup = argc == 3 && strcmp(argv[1], "lookup") == 0;
	bool resolved = false;
	enum ctl_status status;
	uint32_t flows[SIDES];
	struct err err;
	int rc;

	if (!lookup && argc > 2 && strcmp(argv[argc - 1], "--resolved") == 0) {
		resolved = true;
		argc--;
	}
	if (!lookup && !(argc >= 2 && argc <= 3 && strcmp(argv[1], "export") == 0))
		return ctl_usage("map takes 'lookup WHO', 'export [LINK] [--resolved]', 'backup "
				 "FILE', 'check' or "
				 "'rebuild [LINK] [--plan]'");
	if (!lookup && (status = ctl_flows(c, argc == 3 ? argv[2] : NULL, flows)) != CTL_DONE)
		return status;
	if (resolved)
		return ctl_export_resolutions(c, flows);
	w.array = c->json ? json_array() : NULL;
	rc = lookup ? store_lookup_who(c->txn, argv[2], lookup_one, &w, &err)
		    : ctl_walk_records(c, flows, true, export_one, &w, &err);
	if (rc < 0 || (lookup && w.n == 0)) {
		json_decref(w.array);
		return rc < 0 ? ctl_fail(&err) : nobody(argv[2]);
	}
	return c->json ? ctl_print_json(w.array) : CTL_DONE;
}
