/* SPDX-License-Identifier: MIT */
/* conflicts: what the map says of them, and what an operator says, by way of the daemon. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/csv.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
#include "dsa/ctl/resolve_file.h"
#include "dsa/ctl/resolved.h"
#include "dsa/ctl/shown.h"
#include "dsa/view/view_conflict.h"

struct conflict_walk {
	struct ctl *c;
	json_t *array;
	uint64_t n;
};

/* ---- what waits ---- */

static void
print_possible(unsigned possible)
{
	static const char *const said[] = {[RESOLVED_WITH] = "--with TARGET",
	    [RESOLVED_CREATE] = "--create",
	    [RESOLVED_IGNORE] = "--ignore"};
	const char *between = "";

	(void)printf("  resolve      ");
	for (size_t i = RESOLVED_WITH; i < RESOLVED_MAX; i++)
		if (possible & RESOLVED_BIT(i)) {
			(void)printf("%s%s", between, said[i]);
			between = " | ";
		}
	(void)puts("");
}

static void
print_conflict(const struct conflict *x, const char *link, unsigned possible, bool first)
{
	const char *help = conflict_reason_help(x->reason);
	char since[CLOCK_TEXT_SIZE];

	clock_format_local(x->since, since);
	(void)printf("%s%s\n  reason       %s: %s\n", first ? "" : "\n", shown(x->source_dn),
	    conflict_reason_name(x->reason), shown(x->what));
	for (size_t i = 0; i < x->n_candidates; i++)
		(void)printf("  candidate    %s\n", shown(x->candidates[i]));
	if (help)
		(void)printf("  help         %s\n", help);
	print_possible(possible);
	(void)printf("  since        %s, link %s\n", since, link);
}

static int
one_conflict(uint32_t link, const struct conflict *x, void *arg, struct err *err)
{
	struct conflict_walk *w = arg;
	_cleanup_(free) char *name = ctl_link_name(w->c, link);
	unsigned possible;

	if (view_conflict_possible(w->c->txn, link, x, &possible, err) < 0)
		return -1;
	w->n++;
	if (w->c->json)
		json_add_item(&w->array, view_conflict(x, name ? name : "?", possible));
	else
		print_conflict(x, name ? name : "?", possible, w->n == 1);
	return 0;
}

static int
walk_conflicts(struct conflict_walk *w, const uint32_t flows[SIDES], struct err *err)
{
	if (store_each_conflict(w->c->txn, flows[SOURCE], one_conflict, w, err) < 0)
		return -1;
	return flows[TARGET] ? store_each_conflict(w->c->txn, flows[TARGET], one_conflict, w, err)
			     : 0;
}

/* ---- what was said ---- */

static int
one_resolution(uint32_t link, const struct resolution *r, void *arg, struct err *err)
{
	struct conflict_walk *w = arg;
	_cleanup_(free) char *name = ctl_link_name(w->c, link);

	(void)err;
	if (w->c->json) {
		json_add_item(&w->array, view_resolution(r, name ? name : "?"));
		return 0;
	}
	(void)printf("%s%s\n", w->n++ ? "\n" : "", shown(r->source_dn));
	ctl_print_resolution(r);
	(void)printf(
	    "  %-12s %s\n  %-12s %s\n", "conflict", shown(r->evidence), "link", name ? name : "?");
	return 0;
}

static int
walk_resolutions(struct conflict_walk *w, const uint32_t flows[SIDES], struct err *err)
{
	if (store_each_resolution(w->c->txn, flows[SOURCE], one_resolution, w, err) < 0)
		return -1;
	return flows[TARGET]
		   ? store_each_resolution(w->c->txn, flows[TARGET], one_resolution, w, err)
		   : 0;
}

/* A line of the file that resolve_file.h reads. */
static int
export_one(uint32_t link, const struct resolution *r, void *arg, struct err *err)
{
	struct conflict_walk *w = arg;
	_cleanup_(free) char *name = ctl_link_name(w->c, link);
	_cleanup_(buf_done) struct buf row = {0};
	char source[GUID_TEXT_SIZE], target[GUID_TEXT_SIZE] = "", at[CLOCK_TEXT_SIZE], by[16];
	size_t len;
	bool is_return = name && store_is_return(name, &len);

	if (!name)
		return err_nomem(err);
	if (is_return)
		name[len] = '\0';
	guid_format(&r->source, source);
	if (r->as == RESOLVED_WITH)
		guid_format(&r->target, target);
	clock_format_utc(r->at, at);
	(void)snprintf(by, sizeof by, "%u", r->by);
	if (w->n++ == 0)
		(void)puts("source,resolution,target,link,origin,source_dn,target_dn,by,at,"
			   "evidence");
	csv_add_cell(&row, source, ',');
	csv_add_cell(&row, resolved_as_name(r->as), ',');
	csv_add_cell(&row, target, ',');
	csv_add_cell(&row, name, ',');
	csv_add_cell(&row, side_name(is_return ? TARGET : SOURCE), ',');
	csv_add_cell(&row, r->source_dn, ',');
	csv_add_cell(&row, r->target_dn, ',');
	csv_add_cell(&row, by, ',');
	csv_add_cell(&row, at, ',');
	csv_add_cell(&row, r->evidence, '\n');
	if (row.failed)
		return err_nomem(err);
	(void)fwrite(row.data, 1, row.len, stdout);
	return 0;
}

enum ctl_status
ctl_export_resolutions(struct ctl *c, const uint32_t flows[SIDES])
{
	struct conflict_walk w = {.c = c, .array = c->json ? json_array() : NULL};
	store_resolution_fn *fn = c->json ? one_resolution : export_one;
	struct err err;

	if (store_each_resolution(c->txn, flows[SOURCE], fn, &w, &err) < 0 ||
	    (flows[TARGET] && store_each_resolution(c->txn, flows[TARGET], fn, &w, &err) < 0)) {
		json_decref(w.array);
		return ctl_fail(&err);
	}
	return c->json ? ctl_print_json(w.array) : CTL_DONE;
}

void
ctl_print_resolution(const struct resolution *r)
{
	char at[CLOCK_TEXT_SIZE];

	clock_format_local(r->at, at);
	(void)printf("  %-12s %s%s%s\n  %-12s user %u, %s\n", "resolved", resolved_as_name(r->as),
	    r->as == RESOLVED_WITH ? " " : "", r->as == RESOLVED_WITH ? shown(r->target_dn) : "",
	    "by", r->by, at);
}

/* ---- the verbs ---- */

enum ctl_status
ctl_verb_conflicts(struct ctl *c, int argc, char **argv)
{
	struct conflict_walk w = {.c = c};
	const char *link = NULL;
	bool resolved = false;
	enum ctl_status status;
	uint32_t flows[SIDES];
	struct err err;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--resolved") == 0)
			resolved = true;
		else if (link || argv[i][0] == '-')
			return ctl_usage(
			    "conflicts [LINK] [--resolved] | resolve WHO ... | reopen WHO");
		else
			link = argv[i];
	status = ctl_flows(c, link, flows);
	if (status != CTL_DONE)
		return status;
	w.array = c->json ? json_array() : NULL;
	if ((resolved ? walk_resolutions(&w, flows, &err) : walk_conflicts(&w, flows, &err)) < 0) {
		json_decref(w.array);
		return ctl_fail(&err);
	}
	status = c->json ? ctl_print_json(w.array) : CTL_DONE;
	return status == CTL_DONE && w.n && !resolved ? CTL_HELD : status;
}

static void
print_answer(const json_t *answer)
{
	ctl_print_results(json_object_get(answer, "results"), false);
}

struct resolve_args {
	const char *link, *who, *with, *file;
	bool create, ignore, wrong;
};

static struct resolve_args
take_args(int argc, char **argv)
{
	struct resolve_args a = {.wrong = false};

	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--link") == 0 && i + 1 < argc && !a.link)
			a.link = argv[++i];
		else if (strcmp(argv[i], "--with") == 0 && i + 1 < argc && !a.with)
			a.with = argv[++i];
		else if (strcmp(argv[i], "--file") == 0 && i + 1 < argc && !a.file)
			a.file = argv[++i];
		else if (strcmp(argv[i], "--create") == 0)
			a.create = true;
		else if (strcmp(argv[i], "--ignore") == 0)
			a.ignore = true;
		else if (argv[i][0] == '-' || a.who)
			a.wrong = true;
		else
			a.who = argv[i];
	}
	a.wrong |= (a.who != NULL) + (a.file != NULL) != 1;
	return a;
}

static json_t *
request_of(const char *link, const char *who, enum resolved_as as, const char *target)
{
	json_t *o = ctl_request(as == RESOLVED_NOT ? "conflict-reopen" : "conflict-resolve", link);

	json_put_member(&o, "object", json_string(who));
	if (as == RESOLVED_WITH)
		json_put_member(&o, "with", json_string(target));
	else if (as != RESOLVED_NOT)
		json_put_member(&o, resolved_as_name(as), json_true());
	return o;
}

/* Each line is asked for as by hand, and one that is refused keeps no other from it. */
static enum ctl_status
resolve_all(struct ctl *c, const char *path, const char *link)
{
	_cleanup_(resolve_file_done) struct resolve_file f = {.n = 0};
	enum ctl_status all = CTL_DONE;
	struct err err;

	if (resolve_file_read(path, &f, &err) < 0)
		return ctl_fail(&err);
	for (size_t i = 0; i < f.n; i++) {
		const struct resolve_line *l = &f.v[i];
		enum ctl_status one = ctl_report(
		    c, request_of(link ? link : l->link, l->who, l->as, l->target), print_answer);

		if (one == CTL_UNREACHABLE)
			return one;
		all = one == CTL_DONE ? all : one;
	}
	return all;
}

enum ctl_status
ctl_verb_resolve(struct ctl *c, int argc, char **argv)
{
	bool reopen = argc > 1 && strcmp(argv[1], "reopen") == 0;
	const struct resolve_args a = take_args(argc, argv);
	enum resolved_as as = a.with	 ? RESOLVED_WITH
			      : a.create ? RESOLVED_CREATE
			      : a.ignore ? RESOLVED_IGNORE
					 : RESOLVED_NOT;
	int said = (a.with != NULL) + a.create + a.ignore;

	if (a.wrong || (reopen && a.file) || said != !(reopen || a.file))
		return ctl_usage("%s", reopen ? "conflicts reopen [--link LINK] WHO"
					      : "conflicts resolve [--link LINK] WHO --with TARGET "
						"| --create | --ignore, or --file FILE");
	if (a.file)
		return resolve_all(c, a.file, a.link);
	return ctl_report(c, request_of(a.link, a.who, as, a.with), print_answer);
}
