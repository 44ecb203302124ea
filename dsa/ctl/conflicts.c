/* SPDX-License-Identifier: MIT */
/* conflicts: what the map says of them, and what an operator says, by way of the daemon. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
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
	const char *link, *who, *with;
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
		else if (strcmp(argv[i], "--create") == 0)
			a.create = true;
		else if (strcmp(argv[i], "--ignore") == 0)
			a.ignore = true;
		else if (argv[i][0] == '-' || a.who)
			a.wrong = true;
		else
			a.who = argv[i];
	}
	a.wrong |= !a.who;
	return a;
}

enum ctl_status
ctl_verb_resolve(struct ctl *c, int argc, char **argv)
{
	bool reopen = argc > 1 && strcmp(argv[1], "reopen") == 0;
	const struct resolve_args a = take_args(argc, argv);
	json_t *o;

	if (a.wrong || (a.with != NULL) + a.create + a.ignore != !reopen)
		return ctl_usage("%s", reopen ? "conflicts reopen [--link LINK] WHO"
					      : "conflicts resolve [--link LINK] WHO --with TARGET "
						"| --create | --ignore");
	o = ctl_request(reopen ? "conflict-reopen" : "conflict-resolve", a.link);
	json_put_member(&o, "object", json_string(a.who));
	if (a.with)
		json_put_member(&o, "with", json_string(a.with));
	if (a.create)
		json_put_member(&o, "create", json_true());
	if (a.ignore)
		json_put_member(&o, "ignore", json_true());
	return ctl_report(c, o, print_answer);
}
