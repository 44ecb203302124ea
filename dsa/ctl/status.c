/* SPDX-License-Identifier: MIT */
/* status and conflicts: what the map says of the links as a whole. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/ctl/ctl.h"
#include "mapping/event.h"
#include "mapping/journal.h"

static json_t *
status_json(const char *name, const struct store_counts *n, const struct journal_size *journal,
    const char *summary)
{
	json_t *states = json_object(), *last = NULL;

	for (size_t i = 0; i < RECORD_STATE_MAX; i++)
		(void)json_object_set_new(states, record_state_name((enum record_state)i),
		    json_integer((json_int_t)n->by_state[i]));
	if (summary)
		last = json_loads(summary, 0, NULL);
	return json_pack("{s:s, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:o}",
	    "link", name, "correspondences", (json_int_t)n->records, "states", states, "created",
	    (json_int_t)n->created, "matched", (json_int_t)n->matched, "waiting_references",
	    (json_int_t)n->waiting_refs, "conflicts", (json_int_t)n->conflicts, "journal",
	    (json_int_t)journal->entries, "journal_octets", (json_int_t)journal->octets,
	    "journal_oldest", ctl_moment(journal->oldest), "map_bytes_used",
	    (json_int_t)n->bytes_used, "map_bytes_max", (json_int_t)n->bytes_max, "last_cycle",
	    last ? last : json_null());
}

static void
print_last(const char *summary)
{
	json_t *last = summary ? json_loads(summary, 0, NULL) : NULL;
	const char *when = json_string_value(json_object_get(last, "finished"));
	const char *held = json_string_value(json_object_get(last, "held_why"));

	(void)printf("  last cycle     %s", when ? when : "none yet");
	if (when)
		(void)printf(", %lld changes, %lld failed",
		    (long long)json_integer_value(json_object_get(last, "changes")),
		    (long long)json_integer_value(json_object_get(last, "failed")));
	(void)putchar('\n');
	if (held && *held)
		(void)printf("  HELD           %s\n", held);
	json_decref(last);
}

/* What waits for the link's hook. */
struct hook_counts {
	json_int_t waiting, failing, given_up;
	char *error; /* of the one that failed last */
	int64_t error_at;
};

static int
count_event(struct store_event *e, void *arg, struct err *err)
{
	struct hook_counts *n = arg;

	(void)err;
	n->waiting += !e->given_up;
	n->failing += !e->given_up && e->attempts;
	n->given_up += e->given_up;
	if (*e->error && e->next >= n->error_at) {
		free(n->error);
		n->error = TAKE(e->error);
		n->error_at = e->next;
	}
	return 0;
}

static json_t *
hook_json(const struct hook_counts *n)
{
	return json_pack("{s:I, s:I, s:I, s:s?}", "waiting", n->waiting, "failing", n->failing,
	    "given_up", n->given_up, "error", n->error);
}

static void
print_hook(const struct hook_counts *n)
{
	if (n->waiting || n->given_up)
		(void)printf("  hook           %lld waiting, %lld failing, %lld given up%s%s\n",
		    (long long)n->waiting, (long long)n->failing, (long long)n->given_up,
		    n->error ? ": " : "", n->error ? n->error : "");
}

/* What the daemon, if one runs, says of the link; NULL if it does not. */
static json_t *
daemon_of(const json_t *links, const char *name)
{
	for (size_t i = 0; i < json_array_size(links); i++) {
		json_t *l = json_array_get(links, i);
		const char *link = json_string_value(json_object_get(l, "link"));

		if (link && strcmp(link, name) == 0)
			return l;
	}
	return NULL;
}

static void
print_daemon(const json_t *l)
{
	const char *state = json_string_value(json_object_get(l, "state"));
	const char *error = json_string_value(json_object_get(l, "error"));
	const json_t *by = json_object_get(l, "changes_by");
	const char *source = json_string_value(json_object_get(by, "source"));
	const char *target = json_string_value(json_object_get(by, "target"));

	(void)printf("  daemon         %s%s%s\n", state ? state : "not running",
	    error && *error ? ": " : "", error ? error : "");
	if (source || target)
		(void)printf("  changes by     %s (source), %s (target)\n",
		    source ? source : "not known yet", target ? target : "not known yet");
}

static enum ctl_status
status_of(struct ctl *c, uint32_t id, const char *name, const json_t *daemon, json_t *array)
{
	_cleanup_(free) char *summary = NULL, *error = NULL;
	struct hook_counts hook = {0};
	struct journal_size journal;
	struct store_counts n;
	struct err err;
	int rc = store_each_event(c->txn, id, count_event, &hook, &err);

	error = hook.error;
	if (rc < 0 || store_count(c->txn, id, &n, &err) < 0 ||
	    store_get_summary(c->txn, id, &summary, &err) < 0 ||
	    journal_measure(c->txn, &journal, &err) < 0)
		return ctl_fail(&err);
	if (array) {
		json_t *o = status_json(name, &n, &journal, summary), *d = daemon_of(daemon, name);
		json_t *held = NULL;
		enum ctl_status status = ctl_held_json(c, id, &held);

		(void)json_object_set_new(o, "held", held ? held : json_null());
		(void)json_object_set_new(o, "hook", hook_json(&hook));
		(void)json_object_set_new(o, "daemon", d ? json_incref(d) : json_null());
		(void)json_array_append_new(array, o);
		return status;
	}
	(void)printf("link %s\n  correspondences %llu (created %llu, matched %llu)\n", name,
	    (unsigned long long)n.records, (unsigned long long)n.created,
	    (unsigned long long)n.matched);
	for (size_t i = 0; i < RECORD_STATE_MAX; i++)
		if (n.by_state[i])
			(void)printf("  %-14s %llu\n", record_state_name((enum record_state)i),
			    (unsigned long long)n.by_state[i]);
	(void)printf("  conflicts      %llu\n  waiting refs   %llu\n",
	    (unsigned long long)n.conflicts, (unsigned long long)n.waiting_refs);
	print_hook(&hook);
	print_last(summary);
	print_daemon(daemon_of(daemon, name));
	return ctl_print_held(c, id);
}

/* What all links share. */
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

enum ctl_status
ctl_verb_status(struct ctl *c, int argc, char **argv)
{
	json_t *array, *daemon;
	enum ctl_status status;
	uint32_t only = 0;

	if (argc > 2)
		return ctl_usage("status takes at most one LINK");
	array = c->json ? json_array() : NULL;
	daemon = ctl_daemon_links(c);
	status = ctl_link(c, argc == 2 ? argv[1] : NULL, &only);
	/* Link numbers are given out from 1 without gaps. */
	for (uint32_t id = only ? only : 1; status == CTL_DONE; id++) {
		_cleanup_(free) char *name = NULL;
		struct err err;

		if (store_link_name(c->txn, id, &name, &err) < 0)
			status = ctl_fail(&err);
		else if (!name)
			break;
		else
			status = status_of(c, id, name, daemon, array);
		if (only)
			break;
	}
	json_decref(daemon);
	if (status == CTL_DONE && c->json)
		return ctl_print_json(array);
	json_decref(array);
	return status == CTL_DONE ? print_journal(c) : status;
}

struct conflict_walk {
	struct ctl *c;
	json_t *array;
	uint64_t n;
};

static int
one_conflict(uint32_t link, const struct conflict *x, void *arg, struct err *err)
{
	struct conflict_walk *w = arg;
	_cleanup_(free) char *name = ctl_link_name(w->c, link);
	char since[CLOCK_TEXT_SIZE];
	json_t *candidates;

	(void)err;
	clock_format_local(x->since, since);
	w->n++;
	if (!w->array) {
		(void)printf("%s%s\n  reason       %s: %s\n", w->n > 1 ? "\n" : "", x->source_dn,
		    conflict_reason_name(x->reason), x->what);
		for (size_t i = 0; i < x->n_candidates; i++)
			(void)printf("  candidate    %s\n", x->candidates[i]);
		(void)printf("  since        %s, link %s\n", since, name ? name : "?");
		return 0;
	}
	candidates = json_array();
	for (size_t i = 0; i < x->n_candidates; i++)
		(void)json_array_append_new(candidates, json_string(x->candidates[i]));
	(void)json_array_append_new(w->array,
	    json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "link", name ? name : "?", "source_dn",
		x->source_dn, "reason", conflict_reason_name(x->reason), "what", x->what,
		"candidates", candidates, "since", ctl_moment(x->since)));
	return 0;
}

enum ctl_status
ctl_verb_conflicts(struct ctl *c, int argc, char **argv)
{
	struct conflict_walk w = {.c = c};
	enum ctl_status status;
	uint32_t link = 0;
	struct err err;

	if (argc > 2)
		return ctl_usage("conflicts takes at most one LINK");
	status = ctl_link(c, argc == 2 ? argv[1] : NULL, &link);
	if (status != CTL_DONE)
		return status;
	w.array = c->json ? json_array() : NULL;
	if (store_each_conflict(c->txn, link, one_conflict, &w, &err) < 0) {
		json_decref(w.array);
		return ctl_fail(&err);
	}
	status = c->json ? ctl_print_json(w.array) : CTL_DONE;
	return status == CTL_DONE && w.n ? CTL_HELD : status;
}
