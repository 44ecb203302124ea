/* SPDX-License-Identifier: MIT */
#include "dsa/page/table.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/csv.h"
#include "dsa/base/escape.h"
#include "dsa/base/when.h"
#include "dsa/page/html.h"
#include "dsa/page/words.h"

const json_t *
table_member(const json_t *o, const char *key)
{
	const char *dot = strchr(key, '.');
	char first[64];

	if (!dot)
		return json_object_get(o, key);
	(void)snprintf(first, sizeof first, "%.*s", (int)(dot - key), key);
	return table_member(json_object_get(o, first), dot + 1);
}

/* ---- times ---- */

void
table_age(int64_t s, char ret[TABLE_AGE_SIZE])
{
	static const struct {
		int64_t s;
		const char *name;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(units) && s < 2 * units[i].s)
		i++;
	(void)snprintf(ret, TABLE_AGE_SIZE, "%lld %s", (long long)(s / units[i].s), units[i].name);
}

void
table_add_time(struct buf *b, const char *text, int64_t now)
{
	char local[CLOCK_TEXT_SIZE], age[TABLE_AGE_SIZE];
	int64_t at;

	if (!text || !when_read_utc(text, &at)) {
		buf_add_str(b, W_NEVER);
		return;
	}
	clock_format_local(at, local);
	/* 2024-05-01T20:00:00+00:00 */
	buf_printf(b, "<time datetime=\"%s\">%.10s %.8s</time> ", text, local, local + 11);
	if (now >= at) {
		table_age(now - at, age);
		buf_printf(b, "<span class=\"age\">%s " W_AGO "</span>", age);
	} else {
		table_age(at - now, age);
		buf_printf(b, "<span class=\"age\">" W_IN " %s</span>", age);
	}
}

/* ---- cells ---- */

static void
add_text(struct buf *b, const json_t *v)
{
	if (json_is_string(v))
		html_add_text(b, json_string_value(v));
	else if (json_is_integer(v))
		buf_printf(b, "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		buf_add_str(b, json_is_true(v) ? W_YES : W_NO);
}

/* The values of an attribute of a change: what went, what came. */
static void
add_values(struct buf *b, const char *sign, const char *class, const json_t *values)
{
	for (size_t i = 0; i < json_array_size(values); i++) {
		buf_printf(b, "<br><span class=\"%s\">%s ", class, sign);
		add_text(b, json_array_get(values, i));
		buf_add_str(b, "</span>");
	}
}

static void
add_list(struct buf *b, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i);

		buf_add_str(b, i ? "<br>" : "");
		if (!json_is_object(v)) {
			add_text(b, v);
			continue;
		}
		add_text(b, json_object_get(v, "name"));
		add_values(b, "\xe2\x88\x92", "old", json_object_get(v, "old"));
		add_values(b, "+", "new", json_object_get(v, "new"));
	}
}

static void
add_name(struct buf *b, const struct page_table *t, const json_t *o, const json_t *v)
{
	const char *guid = json_string_value(json_object_get(o, "guid"));
	const char *s = json_string_value(v);

	if (!t->links || !guid || !*guid || json_is_false(json_object_get(o, "known"))) {
		add_text(b, v);
		return;
	}
	buf_add_str(b, "<a href=\"/mailbox/");
	escape_add_url(guid, b);
	buf_add_str(b, "\">");
	html_add_text(b, s && *s ? s : guid);
	buf_add_str(b, "</a>");
}

static void
add_wave(struct buf *b, const struct page_table *t, const json_t *v)
{
	long long id = (long long)json_integer_value(v);

	if (!json_is_integer(v))
		return;
	if (t->links)
		buf_printf(b, "<a href=\"/wave/%lld\">%lld</a>", id, id);
	else
		buf_printf(b, "%lld", id);
}

static void
add_percent(struct buf *b, const json_t *v)
{
	long long n = (long long)json_integer_value(v);

	buf_printf(b,
	    "<progress max=\"100\" value=\"%lld\" aria-hidden=\"true\"></progress> %lld %%", n, n);
}

static void
add_state(struct buf *b, const json_t *v)
{
	buf_add_str(b, "<span class=\"state s-");
	add_text(b, v);
	buf_add_str(b, "\">");
	add_text(b, v);
	buf_add_str(b, "</span>");
}

static void
add_cell(struct buf *b, const struct page_table *t, const struct table_column *c, const json_t *o)
{
	const json_t *v = table_member(o, c->key);

	switch (c->cell) {
	case TABLE_TIME: table_add_time(b, json_string_value(v), t->now); break;
	case TABLE_PERCENT: add_percent(b, v); break;
	case TABLE_NAME: add_name(b, t, o, v); break;
	case TABLE_WAVE: add_wave(b, t, v); break;
	case TABLE_STATE: add_state(b, v); break;
	case TABLE_LIST: add_list(b, v); break;
	case TABLE_TEXT:
	case TABLE_LONG:
	case TABLE_NUMBER:
	default: add_text(b, v);
	}
}

/* ---- the table ---- */

/* The class of C's cells, as an attribute. */
static const char *
class_of(const struct table_column *c)
{
	switch (c->cell) {
	case TABLE_NUMBER: return " class=\"number\"";
	case TABLE_LONG:
	case TABLE_NAME:
	case TABLE_LIST: return " class=\"long\"";
	case TABLE_TEXT:
	case TABLE_TIME:
	case TABLE_PERCENT:
	case TABLE_WAVE:
	case TABLE_STATE:
	default: return "";
	}
}

/* One more press turns the order round. */
static void
add_sort_link(struct buf *b, const struct page_table *t, const struct table_column *c)
{
	const char *sort = t->sort ? t->sort : "";
	bool here = strcmp(sort + (*sort == '-'), c->sort) == 0;

	buf_printf(b, "<a href=\"%s?", t->path);
	html_add_text(b, t->query);
	buf_printf(b, "%ssort=%s%s\">", t->query && *t->query ? "&amp;" : "",
	    here && *sort != '-' ? "-" : "", c->sort);
	html_add_text(b, c->head);
	if (here)
		buf_add_str(b, *sort == '-' ? " <span aria-hidden=\"true\">\xe2\x96\xbc</span>"
					    : " <span aria-hidden=\"true\">\xe2\x96\xb2</span>");
	buf_add_str(b, "</a>");
}

static void
add_head(struct buf *b, const struct page_table *t, const struct table_column *c)
{
	const char *sort = t->sort ? t->sort : "";
	bool here = c->sort && t->path && strcmp(sort + (*sort == '-'), c->sort) == 0;

	buf_printf(b, "<th scope=\"col\" role=\"columnheader\"%s%s>",
	    c->cell == TABLE_NUMBER ? class_of(c) : "",
	    !here	   ? ""
	    : *sort == '-' ? " aria-sort=\"descending\""
			   : " aria-sort=\"ascending\"");
	if (c->sort && t->path)
		add_sort_link(b, t, c);
	else
		html_add_text(b, c->head);
	buf_add_str(b, "</th>\n");
}

/* The first cell is the row's name for a screen reader; on a narrow screen each cell has its head
 * before it, and is laid out as no cell of a table: its role says that it is one all the same. */
static void
add_row(struct buf *b, const struct page_table *t, const json_t *o)
{
	buf_add_str(b, "<tr role=\"row\">");
	for (size_t i = 0; i < t->n; i++) {
		const struct table_column *c = &t->columns[i];

		buf_printf(b,
		    i ? "<td role=\"cell\"%s data-head=\""
		      : "<th scope=\"row\" role=\"rowheader\"%s data-head=\"",
		    class_of(c));
		html_add_text(b, c->head);
		buf_add_str(b, "\">");
		add_cell(b, t, c, o);
		buf_add_str(b, i ? "</td>\n" : "</th>\n");
	}
	buf_add_str(b, "</tr>\n");
}

void
table_begin(struct buf *b, const struct page_table *t)
{
	buf_printf(b, "<table id=\"%s\" role=\"table\">\n<caption>", t->id);
	html_add_text(b, t->caption);
	if (t->csv_path)
		buf_printf(
		    b, " <a class=\"csv\" href=\"%s?table=%s\">" W_CSV "</a>", t->csv_path, t->id);
	buf_add_str(b, "</caption>\n<thead role=\"rowgroup\">\n<tr role=\"row\">");
	for (size_t i = 0; i < t->n; i++)
		add_head(b, t, &t->columns[i]);
	buf_add_str(b, "</tr>\n</thead>\n<tbody role=\"rowgroup\">\n");
}

void
table_add_rows(struct buf *b, const struct page_table *t, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		add_row(b, t, json_array_get(list, i));
}

void
table_end(struct buf *b)
{
	buf_add_str(b, "</tbody>\n</table>\n");
}

/* ---- CSV ---- */

void
table_csv_head(struct buf *b, const struct table_column *columns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		csv_add_cell(b, columns[i].key, i + 1 < n ? ',' : '\n');
}

/* V as the text of a cell. */
static void
csv_text(struct buf *cell, const json_t *v)
{
	buf_add_str(cell, "");
	if (json_is_string(v))
		escape_add(bytes_of(json_string_value(v)), ESCAPE_NAME, cell);
	else if (json_is_integer(v))
		buf_printf(cell, "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		buf_add_str(cell, json_is_true(v) ? W_YES : W_NO);
	for (size_t i = 0; i < json_array_size(v); i++) {
		const json_t *item = json_array_get(v, i);
		const char *s =
		    json_string_value(json_is_object(item) ? json_object_get(item, "name") : item);

		if (s)
			csv_add_value(cell, s);
	}
}

void
table_csv_row(struct buf *b, const struct table_column *columns, size_t n, const json_t *o)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(buf_done) struct buf cell = {0};

		csv_text(&cell, table_member(o, columns[i].key));
		b->failed |= cell.failed;
		if (!cell.failed)
			csv_add_cell(b, (const char *)cell.data, i + 1 < n ? ',' : '\n');
	}
}

static void
add_csv(const struct page_table *t, const json_t *list)
{
	table_csv_head(t->csv, t->columns, t->n);
	for (size_t i = 0; i < json_array_size(list); i++)
		table_csv_row(t->csv, t->columns, t->n, json_array_get(list, i));
}

void
table_add(struct buf *b, const struct page_table *t, const json_t *list)
{
	if (t->csv) {
		if (strcmp(t->csv_id, t->id) == 0)
			add_csv(t, list);
		return;
	}
	if (!json_array_size(list)) {
		buf_printf(b, "<p id=\"%s\" class=\"empty\">" W_NOTHING "</p>\n", t->id);
		return;
	}
	table_begin(b, t);
	table_add_rows(b, t, list);
	table_end(b);
}
