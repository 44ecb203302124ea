/* SPDX-License-Identifier: MIT */
/* status: what the map says of the links as a whole. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/ctl/client.h"
#include "dsa/ctl/ctl.h"
#include "dsa/ctl/shown.h"
#include "dsa/ctl/status_priv.h"
#include "dsa/view/view_conflict.h"
#include "dsa/view/view_link.h"

static void
print_last(const json_t *last)
{
	const json_t *latency = json_object_get(last, "latency");
	const char *when = time_of(last, "finished");

	(void)printf("  last cycle     %s", *when ? when : "none yet");
	if (*when)
		(void)printf(", %lld changes, %lld failed", number_of(last, "changes"),
		    number_of(last, "failed"));
	(void)putchar('\n');
	if (number_of(latency, "ms"))
		(void)printf(
		    "  latency        %.3f s from a change that the server told of until all was "
		    "written, %s\n",
		    (double)number_of(latency, "ms") / 1000, time_of(latency, "at"));
	if (*text_of(last, "held_why"))
		(void)printf("  HELD           %s\n", text_of(last, "held_why"));
}

static void
print_clients(const struct view_clients *n)
{
	if (n->done || n->failed)
		(void)printf("  clients        %llu done, %llu failed\n",
		    (unsigned long long)n->done, (unsigned long long)n->failed);
	if (n->several)
		(void)printf(
		    "  NOTICE         %llu profiles were updated on several machines: "
		    "'galsyncctl list --columns address,client --sort client' names them\n",
		    (unsigned long long)n->several);
}

static void
print_hook(const struct view_hook *n)
{
	if (n->waiting || n->given_up)
		(void)printf("  hook           %llu waiting, %llu failing, %llu given up%s%s\n",
		    (unsigned long long)n->waiting, (unsigned long long)n->failing,
		    (unsigned long long)n->given_up, n->error ? ": " : "",
		    n->error ? shown(n->error) : "");
}

static void
print_daemon(const json_t *l)
{
	const char *state = json_string_value(json_object_get(l, "state"));
	const char *error = json_string_value(json_object_get(l, "error"));
	const json_t *by = json_object_get(l, "changes_by");
	const char *source = json_string_value(json_object_get(by, "source"));
	const char *target = json_string_value(json_object_get(by, "target"));

	(void)printf("  daemon         %s%s%s\n", state ? shown(state) : "not running",
	    error && *error ? ": " : "", error ? shown(error) : "");
	if (source || target)
		(void)printf("  changes by     %s (source), %s (target)\n",
		    source ? shown(source) : "not known yet",
		    target ? shown(target) : "not known yet");
}

static void
print_link(const struct view_link *v, const json_t *daemon)
{
	const struct store_counts *n = &v->counts;

	(void)printf("link %s\n  correspondences %llu (created %llu, matched %llu)\n", v->name,
	    (unsigned long long)n->records, (unsigned long long)n->created,
	    (unsigned long long)n->matched);
	for (size_t i = 0; i < RECORD_STATE_MAX; i++)
		if (n->by_state[i])
			(void)printf("  %-14s %llu\n", record_state_name((enum record_state)i),
			    (unsigned long long)n->by_state[i]);
	(void)printf("  conflicts      %llu\n  waiting refs   %llu\n",
	    (unsigned long long)n->conflicts, (unsigned long long)n->waiting_refs);
	if (v->retries)
		(void)printf("  tried again    %llu\n", (unsigned long long)v->retries);
	print_clients(&v->clients);
	print_hook(&v->hook);
	print_last(v->last_cycle);
	print_daemon(daemon);
	ctl_print_held(&v->held);
}

/* What is asked of all links at once. */
struct telling {
	struct ctl *c;
	enum status_form form;
	const char *file;      /* METRICS: where they go, or NULL */
	const char *only;      /* the link, or NULL for all */
	const json_t *links;   /* of the daemon, NULL: none answers */
	json_t *configuration; /* ctl_configuration() */
	json_t *array;	       /* of what was told; TEXT: NULL */
	enum health health;    /* the worst so far */
};

/* Takes ITEM over. */
static void
judge(struct telling *t, json_t *item)
{
	uint64_t n[HEALTH_REASON_MAX];
	struct health_facts f;
	enum health health;

	health_facts_of(item, clock_realtime_s(), t->form == STATUS_CHECK, &f);
	health = health_judge(&f, n);
	if (health > t->health)
		t->health = health;
	if (t->form == STATUS_TEXT)
		json_decref(item);
	else
		json_add_item(&t->array, item);
}

static enum ctl_status
status_of(struct telling *t, uint32_t id, const char *name)
{
	_cleanup_(view_link_done) struct view_link v = {0};
	json_t *daemon = view_link_daemon(t->links, name);
	struct err err;

	if (view_link_read(t->c->txn, id, name, &v, &err) < 0)
		return ctl_fail(&err);
	judge(t, view_link(&v, daemon, t->configuration));
	if (t->form == STATUS_TEXT)
		print_link(&v, daemon);
	return CTL_DONE;
}

/* The flows of the map, or those of the link called ONLY. */
static enum ctl_status
status_of_map(struct telling *t)
{
	enum ctl_status status;
	uint32_t flows[SIDES];
	struct err err;

	status = ctl_flows(t->c, t->only, flows);
	/* Link numbers are given out from 1 without gaps. */
	for (uint32_t id = 1; status == CTL_DONE; id++) {
		_cleanup_(free) char *name = NULL;

		if (store_link_name(t->c->txn, id, &name, &err) < 0)
			status = ctl_fail(&err);
		else if (!name)
			break;
		else if (!t->only || id == flows[SOURCE] || id == flows[TARGET])
			status = status_of(t, id, name);
	}
	return status;
}

/* Where the map cannot be read, or it is not known where it is: what the daemon says alone. */
static enum ctl_status
status_of_daemon(struct telling *t)
{
	for (size_t i = 0; i < json_array_size(t->links); i++) {
		json_t *l = json_array_get(t->links, i), *o;

		if (t->only && strcmp(text_of(l, "link"), t->only) != 0)
			continue;
		if (t->form == STATUS_TEXT) {
			(void)printf("link %s\n", text_of(l, "link"));
			print_daemon(l);
		}
		o = json_object();
		json_put_member(&o, "link", json_incref(json_object_get(l, "link")));
		json_put_member(&o, "daemon", json_incref(l));
		json_put_member(&o, "configuration", json_incref(t->configuration));
		judge(t, o);
	}
	return ctl_configuration_is_bad(t->configuration) && t->links ? CTL_DONE : CTL_FAILED;
}

static enum ctl_status
print_journal(struct ctl *c)
{
	struct journal_size n;
	char oldest[CLOCK_TEXT_SIZE];
	struct err err;

	if (journal_measure(c->txn, &n, &err) < 0)
		return ctl_fail(&err);
	clock_format_local(n.oldest, oldest);
	(void)printf(
	    "journal\n  entries        %llu\n  size           %.1f MiB\n  oldest         %s\n",
	    (unsigned long long)n.entries, (double)n.octets / (1 << 20),
	    n.entries ? oldest : "none yet");
	return CTL_DONE;
}

/* What all links share. */
static enum ctl_status
print_shared(const struct telling *t)
{
	char zone[CLOCK_TEXT_SIZE];

	if (t->c->txn && print_journal(t->c) != CTL_DONE)
		return CTL_FAILED;
	ctl_print_configuration(t->configuration);
	clock_format_zone(clock_realtime_s(), zone);
	(void)printf("times\n  zone           %s\n", zone);
	return CTL_DONE;
}

static enum ctl_status
print_all(struct telling *t)
{
	struct err err;

	if (t->form != STATUS_TEXT && !t->array) {
		(void)err_nomem(&err);
		return ctl_fail(&err);
	}
	switch (t->form) {
	case STATUS_TEXT: return print_shared(t);
	case STATUS_JSON: return ctl_print_json(TAKE(t->array));
	case STATUS_METRICS: return status_print_metrics(t->array, t->file);
	case STATUS_CHECK: break;
	}
	status_print_check(t->array, t->health);
	return CTL_DONE;
}

static enum ctl_status
tell_all(struct telling *t)
{
	static const enum ctl_status meaning[] = {
	    [HEALTH_FINE] = CTL_DONE, [HEALTH_ATTENTION] = CTL_HELD, [HEALTH_BROKEN] = CTL_FAILED};
	struct err err;
	enum ctl_status status;

	if (t->c->store && store_begin(t->c->store, STORE_READ, &t->c->txn, &err) < 0)
		return ctl_fail(&err);
	if (!t->c->store && !t->links && t->form < STATUS_CHECK)
		return CTL_FAILED;
	status = t->c->txn ? status_of_map(t) : status_of_daemon(t);
	if (status == CTL_USAGE)
		return status;
	if (status == CTL_FAILED && t->form == STATUS_CHECK)
		t->health = HEALTH_BROKEN;
	if ((status == CTL_DONE || !t->c->txn) && print_all(t) != CTL_DONE)
		return CTL_FAILED;
	/* Metrics have the verdict in them; who collects them wants to know whether there are any.
	 */
	return status == CTL_DONE && t->form != STATUS_METRICS ? meaning[t->health] : status;
}

/* The options and the link of `status`. */
static enum ctl_status
read_status_args(struct telling *t, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--check") == 0)
			t->form = STATUS_CHECK;
		else if (strcmp(argv[i], "--metrics") == 0)
			t->form = STATUS_METRICS;
		else if (strncmp(argv[i], "--metrics=", 10) == 0 && argv[i][10]) {
			t->form = STATUS_METRICS;
			t->file = argv[i] + 10;
		} else if (argv[i][0] == '-')
			return ctl_usage("status: '%s' is not understood: [LINK] [--check | "
					 "--metrics[=FILE]]",
			    argv[i]);
		else if (t->only)
			return ctl_usage("status takes at most one LINK");
		else
			t->only = argv[i];
	}
	return CTL_DONE;
}

enum ctl_status
ctl_verb_status(struct ctl *c, int argc, char **argv)
{
	_cleanup_(json_release) json_t *answer = NULL, *configuration = NULL;
	struct telling t = {.c = c, .form = c->json ? STATUS_JSON : STATUS_TEXT};
	enum ctl_status status = read_status_args(&t, argc, argv);

	if (status != CTL_DONE)
		return status;
	/* It may take its time. */
	store_abort(TAKE(c->txn));
	answer = ctl_daemon_status(c);
	configuration = ctl_configuration(c, answer);
	t.links = json_object_get(answer, "links");
	t.configuration = configuration;
	t.health = ctl_configuration_is_bad(configuration) ? HEALTH_ATTENTION : HEALTH_FINE;
	t.array = t.form == STATUS_TEXT ? NULL : json_array();
	status = tell_all(&t);
	json_decref(t.array);
	return status;
}
