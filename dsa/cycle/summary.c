/* SPDX-License-Identifier: MIT */
#include "dsa/cycle/summary.h"

#include <stddef.h>
#include <string.h>

#include "dsa/base/json.h"

/* What a count, or each of a group of them, is called. */
typedef const char *name_fn(size_t i);

static const char *
verdict_name(size_t i)
{
	return scope_verdict_name((enum scope_verdict)(i + SCOPE_IN + 1));
}

static const char *
created_name(size_t i)
{
	return shape_name((enum shape)i);
}

static const char *
left_name(size_t i)
{
	static const char *const names[] = {[LEAVE_KEEP] = "kept",
	    [LEAVE_HIDE] = "hidden",
	    [LEAVE_DISABLE] = "disabled",
	    [LEAVE_DELETE] = "deleted"};

	return names[i];
}

static const char *
phase_name(size_t i)
{
	return run_phase_name((enum run_phase)i);
}

#define AT(field) offsetof(struct cycle_result, field)

/* Every count of a cycle, in the order of the text: a member of the JSON object, described in
 * galsync-control(7). NAMES: a group of N, which is an object of its own. */
static const struct {
	const char *member;
	const char *text; /* for people; NULL: not a line of its own */
	size_t offset;	  /* in struct cycle_result */
	name_fn *names;
	size_t n;
} counts[] = {
    {"cycle", NULL, AT(number), NULL, 0},
    {"read_source", NULL, AT(read[SOURCE]), NULL, 0},
    {"read_target", NULL, AT(read[TARGET]), NULL, 0},
    {"in_scope", "in scope", AT(out[SCOPE_IN]), NULL, 0},
    {"out", "not in scope: ", AT(out[SCOPE_IN + 1]), verdict_name, SCOPE_MAX - SCOPE_IN - 1},
    {"created", "created: ", AT(created), created_name, SHAPE_MAX},
    {"promoted", "contacts replaced by users", AT(promoted), NULL, 0},
    {"gave_way", "contacts that gave way", AT(gave_way), NULL, 0},
    {"matched", "matched for the first time", AT(matched), NULL, 0},
    {"updated_target", "target objects updated", AT(updated[TARGET]), NULL, 0},
    {"updated_source", "source objects updated", AT(updated[SOURCE]), NULL, 0},
    {"renamed", "renamed", AT(renamed), NULL, 0},
    {"references", "reference changes", AT(references), NULL, 0},
    {"left", "left, ", AT(left), left_name, LEAVE_DELETE + 1},
    {"ready", "ready to be switched", AT(ready), NULL, 0},
    {"switched", "switched", AT(switched), NULL, 0},
    {"unchanged", "unchanged", AT(unchanged), NULL, 0},
    {"waiting", "references waiting", AT(waiting), NULL, 0},
    {"conflicts", "conflicts", AT(conflicts), NULL, 0},
    {"problems", "problems", AT(problems), NULL, 0},
    {"unnamed", "natives without their contacts' names", AT(unnamed), NULL, 0},
    {"denied", "source objects without all that flows back", AT(denied), NULL, 0},
    {"drift", "planned again", AT(drift), NULL, 0},
    {"failed", "failed", AT(failed), NULL, 0},
    {"planned", NULL, AT(changes), NULL, 0},
    {"changes", NULL, AT(applied), NULL, 0},
    {"phase_ms", NULL, AT(phase_ms), phase_name, RUN_PHASE_MAX},
};

/* Count I of row ROW. */
static uint64_t
count_of(const struct cycle_result *r, size_t row, size_t i)
{
	uint64_t n;

	memcpy(&n, (const char *)r + counts[row].offset + i * sizeof n, sizeof n);
	return n;
}

static void
print_count(FILE *to, const char *what, const char *name, uint64_t n)
{
	char text[64];

	(void)snprintf(text, sizeof text, "%s%s", what, name);
	if (n)
		(void)fprintf(to, "  %-34s %8llu\n", text, (unsigned long long)n);
}

static void
print_row(const struct cycle_result *r, size_t row, FILE *to)
{
	const char *text = counts[row].text;

	if (!text)
		return;
	if (!counts[row].names)
		print_count(to, text, "", count_of(r, row, 0));
	for (size_t i = 0; i < counts[row].n; i++)
		print_count(to, text, counts[row].names(i), count_of(r, row, i));
}

static void
print_times(const struct cycle_result *r, FILE *to)
{
	uint64_t ms = 0;

	(void)fprintf(to, "  time");
	for (size_t i = 0; i < RUN_PHASE_MAX; i++) {
		if (r->phase_ms[i])
			(void)fprintf(
			    to, " %s %.2f s,", phase_name(i), (double)r->phase_ms[i] / 1000);
		ms += r->phase_ms[i];
	}
	(void)fprintf(to, " in all %.2f s\n", (double)ms / 1000);
}

void
cycle_print_summary(
    const struct conf_link *link, const struct cycle_result *r, bool plan_only, FILE *to)
{
	(void)fprintf(to, "link %s: %s\n", link->name,
	    plan_only  ? "plan"
	    : r->delta ? "delta synchronization"
		       : "full synchronization");
	(void)fprintf(to,
	    "  read                               %8llu source, %llu target objects\n",
	    (unsigned long long)r->read[SOURCE], (unsigned long long)r->read[TARGET]);
	for (size_t row = 0; row < ARRAY_SIZE(counts); row++)
		print_row(r, row, to);
	if (r->held)
		(void)fprintf(to, "  held: %s\n", r->held_why);
	(void)fprintf(to, "  changes %-26s %8llu\n", plan_only ? "planned" : "written",
	    (unsigned long long)(plan_only ? r->changes : r->applied));
	print_times(r, to);
}

static json_t *
row_json(const struct cycle_result *r, size_t row)
{
	json_t *group;

	if (!counts[row].names)
		return json_of_count(count_of(r, row, 0));
	group = json_object();
	for (size_t i = 0; i < counts[row].n; i++)
		json_put_member(&group, counts[row].names(i), json_of_count(count_of(r, row, i)));
	return group;
}

static json_t *
latency_json(uint64_t ms, int64_t at)
{
	json_t *o = json_object();

	json_put_member(&o, "ms", json_of_count(ms));
	json_put_member(&o, "at", json_of_time(at));
	return o;
}

json_t *
cycle_summary(const struct conf_link *link, const struct cycle_result *r, int64_t finished_at)
{
	json_t *o = json_object();

	json_put_member(&o, "link", json_of_text(link->name));
	json_put_member(&o, "kind", json_of_text(r->delta ? "delta" : "full"));
	json_put_member(&o, "finished", json_of_time(finished_at));
	json_put_member(&o, "held", json_boolean(r->held));
	json_put_member(&o, "held_why", json_of_text(r->held_why));
	if (r->latency_ms)
		json_put_member(&o, "latency", latency_json(r->latency_ms, finished_at));
	for (size_t row = 0; row < ARRAY_SIZE(counts); row++)
		json_put_member(&o, counts[row].member, row_json(r, row));
	return o;
}

json_t *
cycle_link_summary(
    const struct conf_link *link, const struct cycle_result r[SIDES], int64_t finished_at)
{
	json_t *o = cycle_summary(link, &r[SOURCE], finished_at);

	if (link->back)
		json_put_member(&o, "return", cycle_summary(link->back, &r[TARGET], finished_at));
	return o;
}
