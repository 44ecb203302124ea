/* SPDX-License-Identifier: MIT */
/* What a limit holds: approve and reject, and what the map says of it. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
#include "dsa/ctl/shown.h"
#include "dsa/view/view_held.h"

/* ---- who ---- */

struct held_walk {
	struct ctl *c;
	uint32_t link;
	const char *name; /* of LINK */
	json_t *array;	  /* with --json */
	uint64_t n;
};

static void
print_row(const char *limit, const char *verdict, const char *since, const char *dn)
{
	(void)printf("%-15s %-9s %-26s %s\n", limit, verdict, since, dn);
}

/* What waits without a record is a first match: its conflict says who it is. */
static int
find_match(
    const struct held_walk *w, const struct store_held *h, struct conflict *ret, struct err *err)
{
	char guid[GUID_TEXT_SIZE];
	bool found;

	if (store_find_conflict(w->c->txn, w->link, &h->source, ret, &found, err) < 0)
		return -1;
	if (found)
		return 0;
	guid_format(&h->source, guid);
	*ret = (struct conflict){.source = h->source, .source_dn = strdup(guid)};
	return ret->source_dn && (ret->what = strdup("")) ? 0 : err_nomem(err);
}

static int
list_one(const struct store_held *h, void *arg, struct err *err)
{
	struct held_walk *w = arg;
	_cleanup_(record_free) struct record *r = NULL;
	_cleanup_(conflict_done) struct conflict match = {.n_candidates = 0};
	char since[CLOCK_TEXT_SIZE];

	if (store_find_guid(w->c->txn, w->link, SOURCE, &h->source, &r, err) < 0)
		return -1;
	if (!r && find_match(w, h, &match, err) < 0)
		return -1;
	if (w->c->json) {
		json_add_item(&w->array,
		    r ? view_held_record(h, r, w->name) : view_held_match(h, &match, w->name));
		return 0;
	}
	if (w->n++ == 0)
		print_row("LIMIT", "VERDICT", "SINCE", "SOURCE");
	clock_format_local(h->since, since);
	print_row(held_kind_name(h->kind), held_verdict_name(h->verdict), since,
	    shown(r ? r->side[SOURCE].dn : match.source_dn));
	if (!r && match.n_candidates)
		(void)printf(
		    "%53s %s, by %s\n", "with", shown(match.candidates[0]), shown(match.what));
	return 0;
}

enum ctl_status
ctl_list_held(struct ctl *c, const uint32_t flows[SIDES])
{
	struct err err;
	struct held_walk w = {.c = c, .array = c->json ? json_array() : NULL};

	/* Link numbers are given out from 1 without gaps. */
	for (w.link = flows[SOURCE] ? flows[SOURCE] : 1;; w.link++) {
		_cleanup_(free) char *name = NULL;
		bool other = flows[SOURCE] && w.link != flows[SOURCE] && w.link != flows[TARGET];

		if (store_link_name(c->txn, w.link, &name, &err) < 0 ||
		    (!other && (w.name = name) &&
			store_each_held(c->txn, w.link, list_one, &w, &err) < 0)) {
			json_decref(w.array);
			return ctl_fail(&err);
		}
		if (!name)
			break;
	}
	return c->json ? ctl_print_json(w.array) : CTL_DONE;
}

/* ---- how many ---- */

void
ctl_print_held(const struct view_held *v)
{
	for (size_t k = HELD_NOTHING + 1; k < HELD_KIND_MAX; k++) {
		const uint64_t *n = v->n[k];

		if (n[HELD_WAITS] || n[HELD_APPROVED] || n[HELD_REJECTED])
			(void)printf("  %-14s %llu held, %llu approved, %llu rejected\n",
			    held_kind_name((enum held_kind)k), (unsigned long long)n[HELD_WAITS],
			    (unsigned long long)n[HELD_APPROVED],
			    (unsigned long long)n[HELD_REJECTED]);
	}
}

/* ---- approve, reject ---- */

static enum ctl_status
print_decided(struct ctl *c, const char *verb, json_t *answer)
{
	const json_t *decided = json_object_get(answer, "decided");

	if (c->json)
		return ctl_print_json(json_incref(answer));
	for (size_t k = HELD_NOTHING + 1; k < HELD_KIND_MAX; k++) {
		const char *kind = held_kind_name((enum held_kind)k);

		if (number_of(decided, kind))
			(void)printf("%lld %s %s\n", (long long)number_of(decided, kind), kind,
			    strcmp(verb, "approve") == 0 ? "approved" : "rejected");
	}
	return CTL_DONE;
}

enum ctl_status
ctl_verb_decide(struct ctl *c, int argc, char **argv)
{
	_cleanup_(json_release) json_t *objects = json_array(), *answer = NULL;
	const char *link, *kind = NULL;
	enum ctl_status status;
	char usage[96];
	int n = 1;
	json_t *o;

	(void)snprintf(
	    usage, sizeof usage, "%s [--link LINK] [--kind KIND] [--file FILE] [WHO...]", argv[0]);
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--kind") == 0 && i + 1 < argc && !kind)
			kind = argv[++i];
		else
			argv[n++] = argv[i];
	status = ctl_read_args(n, argv, usage, &link, &objects);
	if (status != CTL_DONE)
		return status;
	if (kind && held_kind_of(kind) == HELD_NOTHING)
		return ctl_usage(
		    "%s: no kind '%.64s'; the kinds are: deletes redirections switches matches "
		    "member_removals primary_changes undone",
		    argv[0], kind);
	o = ctl_request(argv[0], link);
	if (kind)
		json_put_member(&o, "kind", json_string(kind));
	if (json_array_size(objects))
		json_put_member(&o, "objects", TAKE(objects));
	status = ctl_ask(c, o, &answer);
	return status == CTL_DONE ? print_decided(c, argv[0], answer) : status;
}
