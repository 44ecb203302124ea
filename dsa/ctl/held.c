/* SPDX-License-Identifier: MIT */
/* What a limit holds: approve and reject, and what the map says of it. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
#include "mapping/held.h"

/* ---- who ---- */

struct held_walk {
	struct ctl *c;
	uint32_t link;
	json_t *array; /* with --json */
	uint64_t n;
};

static void
print_row(const char *limit, const char *verdict, const char *since, const char *dn)
{
	(void)printf("%-13s %-9s %-26s %s\n", limit, verdict, since, dn);
}

static json_t *
row_json(struct ctl *c, const struct store_held *h, const struct record *r)
{
	json_t *o = ctl_record_json(c, r);
	char since[CLOCK_TEXT_SIZE];

	clock_format_utc(h->since, since);
	(void)json_object_set_new(o, "held",
	    json_pack("{s:s, s:s, s:s}", "limit", held_kind_name(h->kind), "verdict",
		held_verdict_name(h->verdict), "since", since));
	return o;
}

static int
list_one(const struct store_held *h, void *arg, struct err *err)
{
	struct held_walk *w = arg;
	_cleanup_(record_free) struct record *r = NULL;
	char since[CLOCK_TEXT_SIZE];

	if (store_find_guid(w->c->txn, w->link, SOURCE, &h->source, &r, err) < 0)
		return -1;
	if (!r)
		return 0;
	if (w->array) {
		(void)json_array_append_new(w->array, row_json(w->c, h, r));
		return 0;
	}
	if (w->n++ == 0)
		print_row("LIMIT", "VERDICT", "SINCE", "SOURCE");
	clock_format_local(h->since, since);
	print_row(
	    held_kind_name(h->kind), held_verdict_name(h->verdict), since, r->side[SOURCE].dn);
	return 0;
}

enum ctl_status
ctl_list_held(struct ctl *c, uint32_t link)
{
	struct err err;
	struct held_walk w = {.c = c, .array = c->json ? json_array() : NULL};

	/* Link numbers are given out from 1 without gaps. */
	for (w.link = link ? link : 1;; w.link++) {
		_cleanup_(free) char *name = NULL;

		if (store_link_name(c->txn, w.link, &name, &err) < 0 ||
		    (name && store_each_held(c->txn, w.link, list_one, &w, &err) < 0)) {
			json_decref(w.array);
			return ctl_fail(&err);
		}
		if (link || !name)
			break;
	}
	return c->json ? ctl_print_json(w.array) : CTL_DONE;
}

/* ---- how many ---- */

struct held_counts {
	size_t n[HELD_KIND_MAX][HELD_REJECTED + 1];
};

static int
count_one(const struct store_held *h, void *arg, struct err *err)
{
	struct held_counts *counts = arg;

	(void)err;
	counts->n[h->kind][h->verdict]++;
	return 0;
}

enum ctl_status
ctl_print_held(struct ctl *c, uint32_t link)
{
	struct held_counts counts = {0};
	struct err err;

	if (store_each_held(c->txn, link, count_one, &counts, &err) < 0)
		return ctl_fail(&err);
	for (size_t k = HELD_NOTHING + 1; k < HELD_KIND_MAX; k++) {
		const size_t *n = counts.n[k];

		if (n[HELD_WAITS] || n[HELD_APPROVED] || n[HELD_REJECTED])
			(void)printf("  %-14s %zu held, %zu approved, %zu rejected\n",
			    held_kind_name((enum held_kind)k), n[HELD_WAITS], n[HELD_APPROVED],
			    n[HELD_REJECTED]);
	}
	return CTL_DONE;
}

enum ctl_status
ctl_held_json(struct ctl *c, uint32_t link, json_t **ret)
{
	struct held_counts counts = {0};
	struct err err;

	if (store_each_held(c->txn, link, count_one, &counts, &err) < 0)
		return ctl_fail(&err);
	*ret = json_object();
	for (size_t k = HELD_NOTHING + 1; k < HELD_KIND_MAX; k++)
		(void)json_object_set_new(*ret, held_kind_name((enum held_kind)k),
		    json_pack("{s:I, s:I, s:I}", "held", (json_int_t)counts.n[k][HELD_WAITS],
			"approved", (json_int_t)counts.n[k][HELD_APPROVED], "rejected",
			(json_int_t)counts.n[k][HELD_REJECTED]));
	return CTL_DONE;
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
	status = ctl_read_args(n, argv, usage, &link, objects);
	if (status != CTL_DONE)
		return status;
	if (kind && held_kind_of(kind) == HELD_NOTHING)
		return ctl_usage(
		    "%s: no kind '%.64s'; the kinds are: deletes redirections switches", argv[0],
		    kind);
	o = ctl_request(argv[0], link);
	if (o && kind)
		(void)json_object_set_new(o, "kind", json_string(kind));
	if (o && json_array_size(objects))
		(void)json_object_set(o, "objects", objects);
	status = ctl_ask(c, o, &answer);
	return status == CTL_DONE ? print_decided(c, argv[0], answer) : status;
}
