/* SPDX-License-Identifier: MIT */
/* A table has a row for each family of metrics: where in an item its values are, and what the label
 * of each of them is called. */
#include "dsa/view/view_metrics.h"

#include <string.h>

#include "dsa/base/when.h"
#include "dsa/view/view_health.h"
#include "mapping/store.h"

/* How a value is read. */
enum reading {
	READ_NUMBER, /* a number, or true for 1 */
	READ_MS,     /* milliseconds, told in seconds */
	READ_TIME    /* a text in UTC, told in seconds since the epoch */
};

/* Whose value it is. */
enum owner {
	OF_FLOW,   /* of each item: a link's return flow is an item of its own */
	OF_WORKER, /* of a link's worker, which both flows share */
	OF_ALL	   /* of all links: read in the first item */
};

static const struct family {
	const char *name, *unit, *help;
	const char *path[3]; /* members, each in the one before */
	/* The names of labels: what is found is an object, and its members are values, or objects
	 * with values. */
	const char *label[2];
	enum reading reading;
	enum owner owner;
	bool counts; /* a counter, else a gauge */
} families[] = {
    {"galsync_correspondences", NULL, "Correspondences by state.", {"states"}, {"state"},
	READ_NUMBER, OF_FLOW, false},
    {"galsync_correspondences_created", NULL, "Correspondences whose counterpart was created.",
	{"created"}, {NULL}, READ_NUMBER, OF_FLOW, false},
    {"galsync_correspondences_matched", NULL, "Correspondences whose counterpart was matched.",
	{"matched"}, {NULL}, READ_NUMBER, OF_FLOW, false},
    {"galsync_conflicts", NULL, "Objects in conflict by reason.", {"conflicts_by"}, {"reason"},
	READ_NUMBER, OF_FLOW, false},
    {"galsync_held", NULL, "Objects that a limit holds, or that were decided about.", {"held"},
	{"limit", "verdict"}, READ_NUMBER, OF_FLOW, false},
    {"galsync_waiting_references", NULL, "References to what has no counterpart yet.",
	{"waiting_references"}, {NULL}, READ_NUMBER, OF_FLOW, false},
    {"galsync_retries", NULL, "Objects whose last write failed and that are tried again.",
	{"retries"}, {NULL}, READ_NUMBER, OF_FLOW, false},
    {"galsync_clients", NULL, "Switched mailboxes by what their clients reported.", {"clients"},
	{"result"}, READ_NUMBER, OF_WORKER, false},
    {"galsync_hook_events_waiting", NULL, "Events to be told to the hook program.",
	{"hook", "waiting"}, {NULL}, READ_NUMBER, OF_WORKER, false},
    {"galsync_hook_events_failing", NULL, "Of them, those whose last attempt failed.",
	{"hook", "failing"}, {NULL}, READ_NUMBER, OF_WORKER, false},
    {"galsync_hook_events_given_up", NULL, "Events that the hook program will not be told.",
	{"hook", "given_up"}, {NULL}, READ_NUMBER, OF_WORKER, false},
    {"galsync_last_cycle_timestamp_seconds", "seconds", "When the last cycle in the map ended.",
	{"last_cycle", "finished"}, {NULL}, READ_TIME, OF_FLOW, false},
    {"galsync_last_cycle_duration_seconds", "seconds", "How long its phases took.",
	{"last_cycle", "phase_ms"}, {"phase"}, READ_MS, OF_FLOW, false},
    {"galsync_change_latency_seconds", "seconds",
	"How long changes took that a server told of, until all was written.",
	{"last_cycle", "latency", "ms"}, {NULL}, READ_MS, OF_FLOW, false},
    {"galsync_change_latency_timestamp_seconds", "seconds", "When that was.",
	{"last_cycle", "latency", "at"}, {NULL}, READ_TIME, OF_FLOW, false},
    {"galsync_last_cycle_changes", NULL, "Changes that it wrote.", {"last_cycle", "changes"},
	{NULL}, READ_NUMBER, OF_FLOW, false},
    {"galsync_last_cycle_failed", NULL, "Changes that failed in it.", {"last_cycle", "failed"},
	{NULL}, READ_NUMBER, OF_FLOW, false},
    {"galsync_last_cycle_problems", NULL, "Problems that it named.", {"last_cycle", "problems"},
	{NULL}, READ_NUMBER, OF_FLOW, false},
    {"galsync_link_failing", NULL, "1: the last cycle of the running daemon failed.",
	{"daemon", "failing"}, {NULL}, READ_NUMBER, OF_WORKER, false},
    {"galsync_link_failing_since_timestamp_seconds", "seconds", "Since when cycles fail.",
	{"daemon", "failing_since"}, {NULL}, READ_TIME, OF_WORKER, false},
    {"galsync_link_finished_timestamp_seconds", "seconds",
	"When the last cycle of the running daemon that did not fail ended.",
	{"daemon", "finished"}, {NULL}, READ_TIME, OF_WORKER, false},
    {"galsync_link_interval_seconds", "seconds", "Longest time between two cycles.",
	{"daemon", "interval_s"}, {NULL}, READ_NUMBER, OF_WORKER, false},
    {"galsync_link_phase_done", NULL, "Done in the phase of the cycle that runs.",
	{"daemon", "done"}, {NULL}, READ_NUMBER, OF_WORKER, false},
    {"galsync_link_phase_items", NULL, "To be done in that phase, 0 if not known.",
	{"daemon", "total"}, {NULL}, READ_NUMBER, OF_WORKER, false},
    {"galsync_cycles", NULL, "Cycles that ended since the daemon was started.",
	{"daemon", "cycles"}, {NULL}, READ_NUMBER, OF_WORKER, true},
    {"galsync_journal_entries", NULL, "Entries of the journal.", {"journal"}, {NULL}, READ_NUMBER,
	OF_ALL, false},
    {"galsync_journal_size_bytes", "bytes", "Room that the journal takes in the map.",
	{"journal_octets"}, {NULL}, READ_NUMBER, OF_ALL, false},
    {"galsync_journal_oldest_timestamp_seconds", "seconds",
	"When the first entry of the journal was written.", {"journal_oldest"}, {NULL}, READ_TIME,
	OF_ALL, false},
    {"galsync_map_used_bytes", "bytes", "Room in use in the map's file.", {"map_bytes_used"},
	{NULL}, READ_NUMBER, OF_ALL, false},
    {"galsync_map_limit_bytes", "bytes", "The most that the map's file may take.",
	{"map_bytes_max"}, {NULL}, READ_NUMBER, OF_ALL, false},
    {"galsync_configuration_refused_timestamp_seconds", "seconds",
	"Since when the configuration file is refused.", {"configuration", "refused_since"}, {NULL},
	READ_TIME, OF_ALL, false},
};

/* ---- lines ---- */

/* OpenMetrics: in a label's value, backslash, quote and line feed are escaped. */
static void
add_label(const char *name, const char *value, bool first, struct buf *ret)
{
	buf_printf(ret, "%s%s=\"", first ? "{" : ",", name);
	for (; *value; value++)
		if (*value == '\n')
			buf_add_str(ret, "\\n");
		else {
			if (*value == '\\' || *value == '"')
				buf_add_char(ret, '\\');
			buf_add_char(ret, *value);
		}
	buf_add_char(ret, '"');
}

static void
add_head(const char *name, bool counts, const char *unit, const char *help, struct buf *ret)
{
	buf_printf(
	    ret, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, counts ? "counter" : "gauge");
	if (unit)
		buf_printf(ret, "# UNIT %s %s\n", name, unit);
}

/* A value, and the labels that say whose it is. */
struct sample {
	const struct family *f;
	const char *link;  /* NULL: of all */
	const char *by[2]; /* values of F's labels, or NULL */
	bool *begun;	   /* the family has its head */
	struct buf *ret;
};

static void
add_labels(const struct sample *s)
{
	bool first = true;

	if (s->link) {
		add_label("link", s->link, first, s->ret);
		first = false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(s->by) && s->by[i]; i++) {
		add_label(s->f->label[i], s->by[i], first, s->ret);
		first = false;
	}
	if (!first)
		buf_add_char(s->ret, '}');
}

/* False: V is no value of this sort. */
static bool
read_value(const json_t *v, enum reading reading, int64_t *ret)
{
	if (reading == READ_TIME)
		return json_is_string(v) && when_read_utc(json_string_value(v), ret);
	if (!json_is_integer(v) && !json_is_boolean(v))
		return false;
	*ret = json_is_boolean(v) ? json_is_true(v) : json_integer_value(v);
	return true;
}

static void
add_sample(const struct sample *s, const json_t *v)
{
	int64_t n;

	if (!read_value(v, s->f->reading, &n))
		return;
	if (!*s->begun)
		add_head(s->f->name, s->f->counts, s->f->unit, s->f->help, s->ret);
	*s->begun = true;
	buf_printf(s->ret, "%s%s", s->f->name, s->f->counts ? "_total" : "");
	add_labels(s);
	if (s->f->reading == READ_MS)
		buf_printf(s->ret, " %lld.%03lld\n", (long long)n / 1000, (long long)n % 1000);
	else
		buf_printf(s->ret, " %lld\n", (long long)n);
}

/* V, or what is below it, as deep as the family has labels. It has two at most. */
static void
add_below(struct sample s, const json_t *v)
{
	const char *key, *inner = NULL;
	json_t *member, *value = NULL;

	if (!s.f->label[0]) {
		add_sample(&s, v);
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)v, key, member)
	{
		s.by[0] = key;
		if (!s.f->label[1])
			add_sample(&s, member);
		else
			json_object_foreach(member, inner, value)
			{
				s.by[1] = inner;
				add_sample(&s, value);
			}
	}
}

static const char *
link_name(const json_t *link)
{
	const char *name = json_string_value(json_object_get(link, "link"));

	return name ? name : "";
}

static void
add_family(const struct family *f, const json_t *links, struct buf *ret)
{
	bool begun = false;

	for (size_t i = 0; i < json_array_size(links); i++) {
		const json_t *v = json_array_get(links, i);
		const char *name = link_name(v);
		struct sample s = {
		    .f = f, .link = f->owner == OF_ALL ? NULL : name, .begun = &begun, .ret = ret};
		size_t len;

		if (f->owner == OF_WORKER && store_is_return(name, &len))
			continue;
		for (size_t p = 0; p < ARRAY_SIZE(f->path) && f->path[p]; p++)
			v = json_object_get(v, f->path[p]);
		add_below(s, v);
		if (f->owner == OF_ALL)
			return;
	}
}

/* ---- what is judged ---- */

static void
add_health(const json_t *links, int64_t now, struct buf *ret)
{
	add_head("galsync_link_health", false, NULL,
	    "0: fine, 1: something waits for an operator, 2: it does not do its work.", ret);
	for (size_t i = 0; i < json_array_size(links); i++) {
		const json_t *link = json_array_get(links, i);
		uint64_t n[HEALTH_REASON_MAX];
		struct health_facts facts;

		health_facts_of(link, now, false, &facts);
		buf_add_str(ret, "galsync_link_health");
		add_label("link", link_name(link), true, ret);
		buf_printf(ret, "} %d\n", (int)health_judge(&facts, n));
	}
}

static void
add_up(const json_t *links, struct buf *ret)
{
	bool up = false;

	for (size_t i = 0; i < json_array_size(links); i++)
		up |= json_is_object(json_object_get(json_array_get(links, i), "daemon"));
	add_head("galsync_daemon_up", false, NULL, "1: the daemon answers.", ret);
	buf_printf(ret, "galsync_daemon_up %d\n", up);
}

void
view_metrics(const json_t *links, int64_t now, struct buf *ret)
{
	add_up(links, ret);
	add_health(links, now, ret);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		add_family(&families[i], links, ret);
	buf_add_str(ret, "# EOF\n");
}
