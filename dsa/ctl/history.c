/* SPDX-License-Identifier: MIT */
/* history: what the journal has of an object, a cycle, a wave or a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/str.h"
#include "dsa/base/when.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
#include "dsa/ctl/shown.h"
#include "dsa/view/view_change.h"

#define USAGE "history WHO | --cycle N | --wave N | --since TIME [LINK]"

/* ---- what is asked for ---- */

struct asked_for {
	const char *who, *link;
	struct journal_query q;
	unsigned named;		 /* how many of cycle, wave and time */
	char why[WHEN_WHY_SIZE]; /* it is not understood */
};

static bool
take_number(const char *text, int64_t max, int64_t *ret)
{
	return str_to_i64(text, ret) && *ret > 0 && *ret <= max;
}

/* The option at *AT, which moves to its value. False if it is none, or its value is nothing of the
 * kind. */
static bool
take_option(int argc, char **argv, int *at, struct asked_for *a)
{
	int i = *at;
	const char *value = i + 1 < argc ? argv[i + 1] : "";
	int64_t n;

	*at = i + 1;
	a->named++;
	if (strcmp(argv[i], "--since") == 0)
		return when_parse_since(
		    value, clock_realtime_s(), &a->q.since, a->why, sizeof a->why);
	if (strcmp(argv[i], "--cycle") == 0 && take_number(value, INT64_MAX, &n))
		a->q.cycle = (uint64_t)n;
	else if (strcmp(argv[i], "--wave") == 0 && take_number(value, UINT32_MAX, &n))
		a->q.wave = (uint32_t)n;
	else
		return false;
	return true;
}

static enum ctl_status
take_args(int argc, char **argv, struct asked_for *a)
{
	const char *words[2] = {NULL, NULL};
	size_t n = 0;

	(void)snprintf(a->why, sizeof a->why, "%s", USAGE);
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-' && n < ARRAY_SIZE(words))
			words[n++] = argv[i];
		else if (argv[i][0] != '-' || !take_option(argc, argv, &i, a))
			return ctl_usage("%s", a->why);
	}
	a->who = a->named ? NULL : words[0];
	a->link = a->named ? words[0] : words[1];
	if (a->named + (a->who != NULL) != 1 || (a->named && words[1]))
		return ctl_usage(USAGE);
	return CTL_DONE;
}

/* ---- printing ---- */

static void
print_line(const char *name, const char *value)
{
	if (*value)
		(void)printf("  %-12s %s\n", name, value);
}

/* One value in the place of one is a line; else a line for each, with its sign. */
static void
print_attribute(const json_t *a)
{
	const json_t *old = json_object_get(a, "old"), *new = json_object_get(a, "new");
	size_t n = json_array_size(old), m = json_array_size(new);
	const char *name = text_of(a, "name");

	if (n <= 1 && m <= 1) {
		(void)printf("    %s: %s -> %s\n", name,
		    n ? shown(json_string_value(json_array_get(old, 0))) : "(none)",
		    m ? shown(json_string_value(json_array_get(new, 0))) : "(none)");
		return;
	}
	(void)printf("    %s:\n", name);
	for (size_t i = 0; i < n; i++)
		(void)printf("      - %s\n", shown(json_string_value(json_array_get(old, i))));
	for (size_t i = 0; i < m; i++)
		(void)printf("      + %s\n", shown(json_string_value(json_array_get(new, i))));
}

static void
print_outcome(const json_t *o)
{
	const char *error = text_of(o, "error");

	(void)printf(
	    "  %-12s %s%s%s\n", "outcome", text_of(o, "outcome"), *error ? ": " : "", error);
}

static void
print_change(const json_t *o)
{
	const json_t *attributes = json_object_get(o, "attributes");

	(void)printf("change %lld, cycle %lld, %s\n", number_of(o, "number"), number_of(o, "cycle"),
	    time_of(o, "at"));
	(void)printf("  %-12s %s\n", text_of(o, "operation"), text_of(o, "dn"));
	print_line("new name", text_of(o, "new_rdn"));
	print_line("new parent", text_of(o, "new_parent"));
	(void)printf("  %-12s %s, %s %s%s%s\n", "link", text_of(o, "link"), text_of(o, "side"),
	    text_of(o, "forest"), *text_of(o, "server") ? ", server " : "", text_of(o, "server"));
	print_line("rule", text_of(o, "rule"));
	print_line("asked by", text_of(o, "asked_by"));
	if (number_of(o, "undoes"))
		(void)printf("  %-12s change %lld\n", "undoes", number_of(o, "undoes"));
	print_outcome(o);
	for (size_t i = 0; i < json_array_size(attributes); i++)
		print_attribute(json_array_get(attributes, i));
}

/* ---- finding ---- */

struct walk {
	struct ctl *c;
	json_t *array; /* with --json */
	struct journal_query q;
	bool more; /* behind q.after */
	uint64_t n;
};

static int
give(const struct journal_entry *e, void *arg, struct err *err)
{
	struct walk *w = arg;
	_cleanup_(free) char *flow = ctl_link_name(w->c, e->link);
	_cleanup_(json_release) json_t *o = view_change(e, flow ? flow : "?");

	if (!o)
		return err_nomem(err);
	w->q.after = e->number;
	w->n++;
	if (w->c->json) {
		json_add_item(&w->array, TAKE(o));
		return 0;
	}
	if (w->n > 1)
		(void)putchar('\n');
	print_change(o);
	w->more = ctl_output_is_much();
	return w->more;
}

/* In portions: no transaction is open while one is printed. */
static int
walk_all(struct walk *w, struct err *err)
{
	do {
		struct journal_query q = w->q;

		w->more = false;
		if (journal_find(w->c->txn, &q, give, w, err) < 0)
			return -1;
		if (w->more && ctl_output_next(w->c, err) < 0)
			return -1;
	} while (w->more);
	return 0;
}

/* Of several objects one after the other. */
static int
walk_who(struct walk *w, const char *who, struct err *err)
{
	struct guid_list l = {0};
	int rc = journal_find_who(w->c->txn, who, &l, err);

	for (size_t i = 0; rc == 0 && i < l.n; i++) {
		w->q.after = 0;
		w->q.source = &l.v[i];
		rc = walk_all(w, err);
	}
	free(l.v);
	return rc;
}

static enum ctl_status
nothing(const struct asked_for *a)
{
	(void)fprintf(stderr, "galsyncctl: the journal has nothing of %s%s\n",
	    a->who ? shown(a->who) : "that", a->link ? " in that link" : "");
	return CTL_FAILED;
}

enum ctl_status
ctl_verb_history(struct ctl *c, int argc, char **argv)
{
	struct asked_for a = {.named = 0};
	struct walk w = {.c = c};
	enum ctl_status status = take_args(argc, argv, &a);
	struct err err;

	if (status == CTL_DONE)
		status = ctl_flows(c, a.link, a.q.link);
	if (status != CTL_DONE)
		return status;
	w.q = a.q;
	w.array = c->json ? json_array() : NULL;
	if ((a.who ? walk_who(&w, a.who, &err) : walk_all(&w, &err)) < 0) {
		json_decref(w.array);
		return ctl_fail(&err);
	}
	if (w.n == 0) {
		json_decref(w.array);
		return nothing(&a);
	}
	return c->json ? ctl_print_json(w.array) : CTL_DONE;
}
