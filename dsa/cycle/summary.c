/* SPDX-License-Identifier: MIT */
/* The summary of a cycle, for people and for programs. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dsa/base/clock.h"
#include "dsa/cycle/cycle.h"

static void
print_count(FILE *to, const char *what, uint64_t n)
{
	if (n)
		(void)fprintf(to, "  %-34s %8llu\n", what, (unsigned long long)n);
}

static void
print_outs(const struct cycle_result *r, FILE *to)
{
	for (size_t i = SCOPE_IN + 1; i < SCOPE_MAX; i++)
		if (r->out[i]) {
			char text[64];

			(void)snprintf(text, sizeof text, "not in scope: %s",
			    scope_verdict_name((enum scope_verdict)i));
			print_count(to, text, r->out[i]);
		}
}

void
cycle_print_summary(
    const struct conf_link *link, const struct cycle_result *r, bool plan_only, FILE *to)
{
	static const char *const leaves[] = {
	    "left, kept", "left, hidden", "left, disabled", "left, deleted"};
	uint64_t ms = 0;

	(void)fprintf(to, "link %s: %s\n", link->name,
	    plan_only  ? "plan"
	    : r->delta ? "delta synchronization"
		       : "full synchronization");
	(void)fprintf(to,
	    "  read                               %8llu source, %llu target objects\n",
	    (unsigned long long)r->read[SOURCE], (unsigned long long)r->read[TARGET]);
	print_count(to, "in scope", r->out[SCOPE_IN]);
	print_outs(r, to);
	for (size_t i = 0; i < SHAPE_MAX; i++) {
		char text[64];

		(void)snprintf(text, sizeof text, "created: %s", shape_name((enum shape)i));
		print_count(to, text, r->created[i]);
	}
	print_count(to, "contacts replaced by users", r->promoted);
	print_count(to, "matched for the first time", r->matched);
	print_count(to, "target objects updated", r->updated[TARGET]);
	print_count(to, "source objects updated", r->updated[SOURCE]);
	print_count(to, "renamed", r->renamed);
	print_count(to, "reference changes", r->references);
	for (size_t i = 0; i < ARRAY_SIZE(leaves); i++)
		print_count(to, leaves[i], r->left[i]);
	print_count(to, "ready to be switched", r->ready);
	print_count(to, "switched", r->switched);
	print_count(to, "unchanged", r->unchanged);
	print_count(to, "references waiting", r->waiting);
	print_count(to, "conflicts", r->conflicts);
	print_count(to, "problems", r->problems);
	print_count(to, "planned again", r->drift);
	print_count(to, "failed", r->failed);
	if (r->held)
		(void)fprintf(to, "  held: %s\n", r->held_why);
	(void)fprintf(to, "  changes %-26s %8llu\n", plan_only ? "planned" : "written",
	    (unsigned long long)(plan_only ? r->changes : r->applied));
	(void)fprintf(to, "  time");
	for (size_t i = 0; i < RUN_PHASE_MAX; i++) {
		if (r->phase_ms[i])
			(void)fprintf(to, " %s %.2f s,", run_phase_name((enum run_phase)i),
			    (double)r->phase_ms[i] / 1000);
		ms += r->phase_ms[i];
	}
	(void)fprintf(to, " in all %.2f s\n", (double)ms / 1000);
}

static json_t *
count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

char *
cycle_summary_json(const struct conf_link *link, const struct cycle_result *r)
{
	char when[CLOCK_TEXT_SIZE];
	json_t *o, *created = json_object(), *out = json_object(), *ms = json_object();
	char *text;

	clock_format_utc(clock_realtime_s(), when);
	for (size_t i = 0; i < SHAPE_MAX; i++)
		(void)json_object_set_new(created, shape_name((enum shape)i), count(r->created[i]));
	for (size_t i = SCOPE_IN + 1; i < SCOPE_MAX; i++)
		if (r->out[i])
			(void)json_object_set_new(
			    out, scope_verdict_name((enum scope_verdict)i), count(r->out[i]));
	for (size_t i = 0; i < RUN_PHASE_MAX; i++)
		(void)json_object_set_new(
		    ms, run_phase_name((enum run_phase)i), count(r->phase_ms[i]));
	o = json_pack(
	    "{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
	    "s:o, s:o, s:o, s:o, s:b, s:s, s:o, s:o}",
	    "link", link->name, "kind", r->delta ? "delta" : "full", "finished", when, "cycle",
	    count(r->number), "read_source", count(r->read[SOURCE]), "read_target",
	    count(r->read[TARGET]), "in_scope", count(r->out[SCOPE_IN]), "created", created,
	    "matched", count(r->matched), "promoted", count(r->promoted), "updated_target",
	    count(r->updated[TARGET]), "updated_source", count(r->updated[SOURCE]), "references",
	    count(r->references), "unchanged", count(r->unchanged), "conflicts",
	    count(r->conflicts), "problems", count(r->problems), "failed", count(r->failed),
	    "ready", count(r->ready), "switched", count(r->switched), "changes", count(r->applied),
	    "held", r->held, "held_why", r->held_why, "out", out, "phase_ms", ms);
	text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	return text;
}
