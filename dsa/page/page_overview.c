/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "dsa/base/json.h"
#include "dsa/base/when.h"
#include "dsa/page/html.h"
#include "dsa/page/page.h"
#include "dsa/page/words.h"
#include "dsa/view/view_health.h"

static const struct table_column links[] = {
    {"link", W_LINK, TABLE_TEXT, NULL},
    {"health", W_HEALTH, TABLE_STATE, NULL},
    {"said", W_DAEMON, TABLE_STATE, NULL},
    {"broken", W_BROKEN, TABLE_LONG, NULL},
    {"last_cycle.finished", W_LAST_CYCLE, TABLE_TIME, NULL},
    {"last_cycle.changes", W_CHANGES, TABLE_NUMBER, NULL},
    {"last_cycle.failed", W_FAILED, TABLE_NUMBER, NULL},
    {"last_cycle.total_s", W_SECONDS, TABLE_TEXT, NULL},
    {"last_cycle.latency.ms", W_LATENCY, TABLE_NUMBER, NULL},
    {"last_cycle.latency.at", W_LATENCY_AT, TABLE_TIME, NULL},
    {"correspondences", W_RECIPIENTS, TABLE_NUMBER, NULL},
    {"waiting_references", W_WAITING_REFS, TABLE_NUMBER, NULL},
    {"conflicts", W_CONFLICTS, TABLE_NUMBER, NULL},
    {"retries", W_RETRIES, TABLE_NUMBER, NULL},
    {"waits", W_HELD, TABLE_NUMBER, NULL},
};

static const struct table_column steps[] = {
    {"step", W_STEP, TABLE_TEXT, NULL},
    {"done", W_DONE, TABLE_NUMBER, NULL},
    {"failed", W_FAILED, TABLE_NUMBER, NULL},
    {"total", W_OF, TABLE_NUMBER, NULL},
    {"percent", W_PERCENT, TABLE_PERCENT, NULL},
};

/* ---- the links ---- */

/* The sum of what waits for an operator, of all limits. */
static json_t *
count_held(const json_t *held)
{
	const char *key;
	json_t *v;
	int64_t n = 0;

	json_object_foreach((json_t *)(uintptr_t)held, key, v) n +=
	    json_integer_value(json_object_get(v, "held"));
	return json_integer(n);
}

/* How long the last cycle took: it has the milliseconds of its phases. */
static json_t *
count_seconds(const json_t *last)
{
	static const char *const phases[] = {
	    "connect_ms", "wait_ms", "read_ms", "decide_ms", "plan_ms", "apply_ms", "confirm_ms"};
	json_int_t ms = 0;
	char text[32];

	for (size_t i = 0; i < ARRAY_SIZE(phases); i++)
		ms += json_integer_value(json_object_get(last, phases[i]));
	(void)snprintf(text, sizeof text, "%.2f", (double)ms / 1000);
	return json_string(json_is_object(last) ? text : "");
}

/* A copy of LINK with what the table wants and no member has. */
static json_t *
shown_link(const json_t *link, int64_t now)
{
	json_t *o = json_copy((json_t *)(uintptr_t)link), *last;
	uint64_t n[HEALTH_REASON_MAX];
	struct health_facts facts;
	const json_t *daemon = json_object_get(link, "daemon");
	const char *state = json_string_value(json_object_get(daemon, "state"));
	const char *error = json_string_value(json_object_get(daemon, "error"));
	const char *why = json_string_value(table_member(link, "last_cycle.held_why"));

	health_facts_of(link, now, true, &facts);
	json_put_member(&o, "health", json_string(health_name(health_judge(&facts, n))));
	json_put_member(&o, "said", json_string(state ? state : W_NOT_RUNNING));
	json_put_member(&o, "broken", json_string(error && *error ? error : why ? why : ""));
	json_put_member(&o, "waits", count_held(json_object_get(link, "held")));
	last = json_copy(json_object_get(link, "last_cycle"));
	if (json_is_object(last))
		json_put_member(&last, "total_s", count_seconds(last));
	json_put_member(&o, "last_cycle", last ? last : json_null());
	return o;
}

static void
add_links(struct buf *b, const struct page *p, const json_t *overview)
{
	const json_t *list = json_object_get(overview, "links");
	_cleanup_(json_release) json_t *rows = json_array();

	for (size_t i = 0; i < json_array_size(list); i++)
		json_add_item(&rows, shown_link(json_array_get(list, i), p->now));
	buf_add_str(
	    b, "<section aria-labelledby=\"h-links\">\n<h2 id=\"h-links\">" W_LINKS "</h2>\n");
	if (!json_is_true(json_object_get(overview, "answers")))
		buf_add_str(b, "<p class=\"warning\">" W_SILENT "</p>\n");
	table_add(b,
	    &(struct page_table){.id = "links",
		.caption = W_LINKS_CAPTION,
		.columns = links,
		.n = ARRAY_SIZE(links),
		PAGE_TABLE(p)},
	    rows);
	buf_add_str(b, "</section>\n");
}

/* ---- the steps ---- */

static void
add_steps(struct buf *b, const struct page *p, const json_t *overview)
{
	const json_t *list = json_object_get(overview, "steps");
	_cleanup_(json_release) json_t *rows = json_array();
	long long all = (long long)json_integer_value(json_object_get(overview, "percent"));

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *o = json_copy(json_array_get(list, i));
		json_int_t total = json_integer_value(json_object_get(o, "total"));
		json_int_t done = json_integer_value(json_object_get(o, "done"));

		json_put_member(&o, "percent", json_integer(total ? done * 100 / total : 0));
		json_add_item(&rows, o);
	}
	buf_add_str(
	    b, "<section aria-labelledby=\"h-steps\">\n<h2 id=\"h-steps\">" W_PROGRESS "</h2>\n");
	buf_printf(b,
	    "<p><progress max=\"100\" value=\"%lld\" aria-label=\"" W_PERCENT "\"></progress> "
	    "<strong>%lld %%</strong> " W_ALL_STEPS "</p>\n",
	    all, all);
	table_add(b,
	    &(struct page_table){.id = "steps",
		.caption = W_PROGRESS_CAPTION,
		.columns = steps,
		.n = ARRAY_SIZE(steps),
		PAGE_TABLE(p)},
	    rows);
	buf_add_str(b, "</section>\n");
}

void
page_add_overview(struct buf *b, const struct page *p, const json_t *overview)
{
	add_links(b, p, overview);
	add_steps(b, p, overview);
	page_add_time_line(b, p, json_object_get(overview, "days"));
}

/* ---- the time line ---- */

static const struct table_column days_columns[] = {
    {"day", W_DAY, TABLE_TIME, NULL},
    {"switched", W_SWITCHED, TABLE_NUMBER, NULL},
    {"planned", W_PLANNED, TABLE_NUMBER, NULL},
};

#define WIDTH 640
#define HEIGHT 160
#define DAY 86400

struct scale {
	int64_t from, days;
	json_int_t most;
};

static int64_t
moment_of(const json_t *day)
{
	const char *text = json_string_value(json_object_get(day, "day"));
	int64_t at = 0;

	return text && when_read_utc(text, &at) ? at : 0;
}

/* A staircase: what was reached on a day stays until the next one. */
static void
add_line(struct buf *b, const json_t *days, const char *key, const struct scale *s)
{
	json_int_t before = 0;

	buf_printf(b, "<polyline class=\"line-%s\" points=\"", key);
	for (size_t i = 0; i < json_array_size(days); i++) {
		const json_t *day = json_array_get(days, i), *n = json_object_get(day, key);
		long long x = (moment_of(day) - s->from) / DAY * WIDTH / s->days;

		if (!json_is_integer(n))
			break;
		buf_printf(b, "%s%lld,%lld %lld,%lld", i ? " " : "", x,
		    HEIGHT - (long long)(before * HEIGHT / s->most), x,
		    HEIGHT - (long long)(json_integer_value(n) * HEIGHT / s->most));
		before = json_integer_value(n);
	}
	buf_add_str(b, "\"/>\n");
}

static struct scale
scale_of(const json_t *days)
{
	size_t n = json_array_size(days);
	struct scale s = {moment_of(json_array_get(days, 0)), 1, 1};

	/* A time that no calendar has is none, whatever the order was. */
	s.days = (moment_of(json_array_get(days, n - 1)) - s.from) / DAY + 1;
	s.days = s.days < 1 ? 1 : s.days;
	for (size_t i = 0; i < n; i++) {
		const json_t *day = json_array_get(days, i);
		json_int_t x = json_integer_value(json_object_get(day, "switched"));
		json_int_t y = json_integer_value(json_object_get(day, "planned"));

		s.most = x > s.most ? x : s.most;
		s.most = y > s.most ? y : s.most;
	}
	return s;
}

void
page_add_time_line(struct buf *b, const struct page *p, const json_t *days)
{
	const json_t *last = json_array_get(days, json_array_size(days) - 1);
	struct scale s;

	buf_add_str(
	    b, "<section aria-labelledby=\"h-line\">\n<h2 id=\"h-line\">" W_TIME_LINE "</h2>\n");
	if (!json_integer_value(json_object_get(last, "planned")) &&
	    !json_integer_value(json_object_get(last, "switched"))) {
		buf_add_str(b, "<p class=\"empty\">" W_TIME_LINE_EMPTY "</p>\n</section>\n");
		return;
	}
	s = scale_of(days);
	buf_printf(b,
	    "<svg class=\"line\" role=\"img\" aria-label=\"" W_TIME_LINE_TEXT
	    "\" viewBox=\"-4 -4 %d %d\" preserveAspectRatio=\"none\">\n",
	    WIDTH + 8, HEIGHT + 8);
	add_line(b, days, "planned", &s);
	add_line(b, days, "switched", &s);
	buf_add_str(b, "</svg>\n<p class=\"legend\"><span class=\"key-switched\">" W_SWITCHED
		       "</span> <span class=\"key-planned\">" W_PLANNED
		       "</span></p>\n<details><summary>" W_TIME_LINE_TABLE "</summary>\n");
	table_add(b,
	    &(struct page_table){.id = "days",
		.caption = W_TIME_LINE_TEXT,
		.columns = days_columns,
		.n = ARRAY_SIZE(days_columns),
		PAGE_TABLE(p)},
	    days);
	buf_add_str(b, "</details>\n</section>\n");
}
