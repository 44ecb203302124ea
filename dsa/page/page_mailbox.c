/* SPDX-License-Identifier: MIT */
/* One recipient: what the map knows of it. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/escape.h"
#include "dsa/base/json.h"
#include "dsa/page/html.h"
#include "dsa/page/page.h"
#include "dsa/page/words.h"

static void
begin(struct buf *b, const char *id, const char *head)
{
	buf_printf(
	    b, "<section aria-labelledby=\"h-%s\">\n<h2 id=\"h-%s\">%s</h2>\n", id, id, head);
}

static void
end(struct buf *b)
{
	buf_add_str(b, "</section>\n");
}

/* ---- the facts ---- */

static void
add_fact(struct buf *b, const char *name, const json_t *v)
{
	const char *s = json_string_value(v);

	if (!s || !*s)
		return;
	buf_printf(b, "<dt>%s</dt><dd>", name);
	html_add_text(b, s);
	buf_add_str(b, "</dd>\n");
}

static void
add_moment(struct buf *b, const struct page *p, const char *name, const json_t *v)
{
	buf_printf(b, "<dt>%s</dt><dd>", name);
	table_add_time(b, json_string_value(v), p->now);
	buf_add_str(b, "</dd>\n");
}

static void
add_facts(struct buf *b, const struct page *p, const json_t *row, const json_t *record)
{
	buf_add_str(b, "<dl class=\"facts\">\n");
	add_fact(b, W_ADDRESS, json_object_get(row, "address"));
	add_fact(b, W_ALIAS, json_object_get(row, "alias"));
	add_fact(b, W_KIND, json_object_get(row, "kind"));
	add_fact(b, W_LINK, json_object_get(row, "link"));
	add_fact(b, W_ORIGIN, json_object_get(row, "origin"));
	add_fact(b, W_STATE, json_object_get(row, "state"));
	add_fact(b, W_SIDE, json_object_get(row, "active"));
	add_fact(b, W_RULE, json_object_get(record, "rule"));
	add_fact(b, W_ERROR, json_object_get(row, "last_error"));
	add_moment(b, p, W_FIRST_SEEN, json_object_get(record, "created_at"));
	add_moment(b, p, W_WRITTEN, json_object_get(row, "synced_at"));
	add_moment(b, p, W_SWITCHED_AT, json_object_get(row, "switched_at"));
	buf_add_str(b, "</dl>\n");
}

/* ---- the steps ---- */

static const struct table_column step_columns[] = {
    {"step", W_STEP, TABLE_TEXT, NULL},
    {"result", W_RESULT, TABLE_STATE, NULL},
};

static void
add_steps(struct buf *b, const struct page *p, const json_t *one)
{
	long long percent = (long long)json_integer_value(table_member(one, "row.percent"));
	_cleanup_(json_release) json_t *rows = json_array();
	const char *key;
	json_t *v;

	json_object_foreach(json_object_get(one, "steps"), key, v)
	{
		json_t *o = json_object();

		json_put_member(&o, "step", json_string(key));
		json_put_member(&o, "result", json_incref(v));
		json_add_item(&rows, o);
	}
	begin(b, "steps", W_STEPS);
	buf_printf(b,
	    "<p><progress id=\"percent\" max=\"100\" value=\"%lld\" aria-label=\"" W_PERCENT
	    "\"></progress> <strong>%lld %%</strong></p>\n",
	    percent, percent);
	table_add(b,
	    &(struct page_table){.id = "steps",
		.caption = W_STEPS_CAPTION,
		.columns = step_columns,
		.n = ARRAY_SIZE(step_columns),
		PAGE_TABLE(p)},
	    rows);
	end(b);
}

/* ---- both sides ---- */

static const struct table_column side_columns[] = {
    {"what", W_WHAT, TABLE_TEXT, NULL},
    {"source", W_SOURCE, TABLE_LIST, NULL},
    {"target", W_TARGET, TABLE_LIST, NULL},
};

/* The member as a list. */
static json_t *
as_list(json_t *v)
{
	if (json_is_array(v))
		return json_incref(v);
	return json_is_string(v) ? json_pack("[O]", v) : json_array();
}

static void
add_sides(struct buf *b, const struct page *p, const json_t *record)
{
	static const struct {
		const char *key, *name;
	} rows[] = {
	    {"dn", W_DN}, {"guid", W_GUID}, {"sid", W_SID}, {"legacy_exchange_dns", W_X500}};
	_cleanup_(json_release) json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *o = json_object();

		json_put_member(&o, "what", json_string(rows[i].name));
		for (size_t side = 0; side < SIDES; side++)
			json_put_member(&o, side_name((enum side)side),
			    as_list(json_object_get(
				json_object_get(record, side_name((enum side)side)), rows[i].key)));
		json_add_item(&list, o);
	}
	begin(b, "sides", W_SIDES);
	table_add(b,
	    &(struct page_table){.id = "sides",
		.caption = W_SIDES_CAPTION,
		.columns = side_columns,
		.n = ARRAY_SIZE(side_columns),
		PAGE_TABLE(p)},
	    list);
	end(b);
	begin(b, "addresses", W_ADDRESSES);
	buf_add_str(b, "<ul>\n");
	for (size_t i = 0; i < json_array_size(json_object_get(record, "addresses")); i++) {
		buf_add_str(b, "<li>");
		html_add_text(
		    b, json_string_value(json_array_get(json_object_get(record, "addresses"), i)));
		buf_add_str(b, "</li>\n");
	}
	buf_add_str(b, "</ul>\n");
	end(b);
}

/* ---- what keeps it, waves, history ---- */

static const struct table_column trouble_columns[] = {
    {"problem", W_PROBLEM, TABLE_STATE, NULL},
    {"reason", W_REASON, TABLE_TEXT, NULL},
    {"text", W_TEXT, TABLE_LONG, NULL},
    {"since", W_OLD, TABLE_TIME, NULL},
};

static void
add_trouble(json_t **list, const char *problem, json_t *reason, json_t *text, json_t *since)
{
	json_t *o = json_object();

	json_put_member(&o, "problem", json_string(problem));
	json_put_member(&o, "reason", reason ? json_incref(reason) : json_null());
	json_put_member(&o, "text", text ? json_incref(text) : json_null());
	json_put_member(&o, "since", since ? json_incref(since) : json_null());
	json_add_item(list, o);
}

static void
add_troubles(struct buf *b, const struct page *p, const json_t *one)
{
	_cleanup_(json_release) json_t *list = json_array();
	const json_t *c = json_object_get(one, "conflict"), *r = json_object_get(one, "retry");
	const json_t *held = json_object_get(one, "held");

	if (json_is_object(c))
		add_trouble(&list, "conflict", json_object_get(c, "reason"),
		    json_object_get(c, "what"), json_object_get(c, "since"));
	if (json_is_object(r))
		add_trouble(
		    &list, "retry", NULL, json_object_get(r, "why"), json_object_get(r, "since"));
	for (size_t i = 0; i < json_array_size(held); i++) {
		const json_t *h = json_array_get(held, i);

		add_trouble(&list, "held", json_object_get(h, "limit"),
		    json_object_get(h, "verdict"), json_object_get(h, "since"));
	}
	begin(b, "trouble", W_TROUBLE);
	table_add(b,
	    &(struct page_table){.id = "trouble",
		.caption = W_TROUBLE_CAPTION,
		.columns = trouble_columns,
		.n = ARRAY_SIZE(trouble_columns),
		PAGE_TABLE(p)},
	    list);
	end(b);
}

static const struct table_column its_wave_columns[] = {
    {"id", W_WAVE, TABLE_WAVE, NULL},
    {"name", W_NAME, TABLE_TEXT, NULL},
    {"turn", W_TURN, TABLE_TEXT, NULL},
    {"state", W_STATE, TABLE_STATE, NULL},
    {"at", W_DUE, TABLE_TIME, NULL},
    {"result", W_RESULT, TABLE_STATE, NULL},
    {"text", W_TEXT, TABLE_LONG, NULL},
};

static const struct table_column change_columns[] = {
    {"number", W_NUMBER, TABLE_NUMBER, NULL},
    {"at", W_AT, TABLE_TIME, NULL},
    {"side", W_WHERE, TABLE_TEXT, NULL},
    {"operation", W_OPERATION, TABLE_TEXT, NULL},
    {"rule", W_RULE, TABLE_TEXT, NULL},
    {"outcome", W_OUTCOME, TABLE_STATE, NULL},
    {"attributes", W_ATTRIBUTES, TABLE_LIST, NULL},
    {"error", W_ERROR, TABLE_LONG, NULL},
};

static const struct table_column waiting_columns[] = {
    {"attribute", W_WHAT, TABLE_TEXT, NULL},
    {"dn", W_DN, TABLE_LONG, NULL},
};

/* Members of a group without a counterpart, for instance. */
static void
add_waiting(struct buf *b, const struct page *p, const json_t *waiting)
{
	if (!json_array_size(waiting))
		return;
	begin(b, "waiting", W_WAITING);
	table_add(b,
	    &(struct page_table){.id = "waiting",
		.caption = W_WAITING_CAPTION,
		.columns = waiting_columns,
		.n = ARRAY_SIZE(waiting_columns),
		PAGE_TABLE(p)},
	    waiting);
	end(b);
}

static const struct table_column report_columns[] = {
    {"machine", W_MACHINE, TABLE_TEXT, NULL},
    {"result", W_RESULT, TABLE_STATE, NULL},
    {"at", W_AT, TABLE_TIME, NULL},
    {"stated", W_STATED, TABLE_TIME, NULL},
    {"counts", W_COUNTS, TABLE_TEXT, NULL},
    {"text", W_TEXT, TABLE_LONG, NULL},
};

static void
add_client(struct buf *b, const struct page *p, const json_t *client)
{
	begin(b, "client", W_CLIENT);
	if (json_is_true(json_object_get(client, "several")))
		buf_add_str(b, "<p class=\"warning\">" W_SEVERAL "</p>\n");
	table_add(b,
	    &(struct page_table){.id = "reports",
		.caption = W_CLIENT_CAPTION,
		.columns = report_columns,
		.n = ARRAY_SIZE(report_columns),
		PAGE_TABLE(p)},
	    json_object_get(client, "reports"));
	end(b);
}

static void
add_waves_and_history(struct buf *b, const struct page *p, const json_t *one)
{
	begin(b, "waves", W_WAVES);
	table_add(b,
	    &(struct page_table){.id = "waves",
		.caption = W_ITS_WAVES_CAPTION,
		.columns = its_wave_columns,
		.n = ARRAY_SIZE(its_wave_columns),
		PAGE_TABLE(p),
		.links = !p->file},
	    json_object_get(one, "waves"));
	end(b);
	begin(b, "history", W_HISTORY);
	table_add(b,
	    &(struct page_table){.id = "history",
		.caption = W_HISTORY_CAPTION,
		.columns = change_columns,
		.n = ARRAY_SIZE(change_columns),
		PAGE_TABLE(p)},
	    json_object_get(one, "changes"));
	end(b);
}

/* What the directories say is asked for on its own: it may take as long as they do. */
static void
add_live(struct buf *b, const char *guid, bool group)
{
	static const struct {
		const char *id, *head;
	} parts[] = {{"members", W_LIVE_MEMBERS}, {"attributes", W_LIVE_ATTRIBUTES},
	    {"checks", W_LIVE_CHECKS}, {"way", W_LIVE_WAY}};

	for (size_t i = group ? 0 : 1; i < ARRAY_SIZE(parts); i++) {
		buf_printf(b,
		    "<section aria-labelledby=\"h-%s\" data-part=\"%s\">\n<h2 id=\"h-%s\">%s"
		    "</h2>\n<p><a class=\"ask\" href=\"/mailbox/",
		    parts[i].id, parts[i].id, parts[i].id, parts[i].head);
		escape_add_url(guid, b);
		buf_printf(b, "/%s\">" W_ASK "</a></p>\n</section>\n", parts[i].id);
	}
}

void
page_add_mailbox(struct buf *b, const struct page *p, const json_t *one)
{
	const json_t *row = json_object_get(one, "row"), *record = json_object_get(one, "record");
	const char *guid = json_string_value(json_object_get(row, "guid"));
	const char *kind = json_string_value(json_object_get(row, "kind"));

	add_facts(b, p, row, record);
	add_steps(b, p, one);
	add_troubles(b, p, one);
	add_sides(b, p, record);
	add_waiting(b, p, json_object_get(one, "waiting"));
	add_client(b, p, json_object_get(one, "client"));
	add_waves_and_history(b, p, one);
	if (!p->file && guid)
		add_live(b, guid, kind && strcmp(kind, kind_name(KIND_GROUP)) == 0);
}
