/* SPDX-License-Identifier: MIT */
/* What the directories said, asked a moment ago: each part is a section with its age. */
#include "dsa/base/escape.h"
#include "dsa/base/json.h"
#include "dsa/base/str.h"
#include "dsa/page/html.h"
#include "dsa/page/page.h"
#include "dsa/page/words.h"

/* Its age goes with it: a page shows it beside what the map knows. */
static void
begin(struct buf *b, const struct page *p, const char *id, const char *head)
{
	buf_printf(
	    b, "<section aria-labelledby=\"h-%s\">\n<h2 id=\"h-%s\">%s</h2>\n", id, id, head);
	page_add_moment(b, "asked", W_ASKED, p->now);
}

static void
end(struct buf *b)
{
	buf_add_str(b, "</section>\n");
}

/* ---- who is called so ---- */

static const struct table_column found_columns[] = {
    {"name", W_NAME, TABLE_NAME, NULL},
    {"address", W_ADDRESS, TABLE_TEXT, NULL},
    {"kind", W_KIND, TABLE_TEXT, NULL},
    {"link", W_LINK, TABLE_TEXT, NULL},
    {"forest", W_FOREST, TABLE_TEXT, NULL},
    {"dn", W_DN, TABLE_LONG, NULL},
};

/* The same at PATH. */
static void
add_form(struct buf *b, const json_t *answer, const char *path, const char *word)
{
	const char *text = json_string_value(json_object_get(answer, "text"));
	const char *link = json_string_value(json_object_get(answer, "link"));

	buf_printf(b, "<a href=\"%s?q=", path);
	escape_add_url(text ? text : "", b);
	buf_add_str(b, link && *link ? "&amp;link=" : "");
	escape_add_url(link ? link : "", b);
	buf_printf(b, "\">%s</a>\n", word);
}

void
page_add_found(struct buf *b, const struct page *p, const json_t *answer)
{
	const json_t *errors = json_object_get(answer, "errors");
	const json_t *items = json_object_get(answer, "items");

	begin(b, p, "found", W_FOUND_LIVE);
	/* Of forests that could not be asked nothing is not the answer. */
	if (json_array_size(items) || !json_array_size(errors))
		table_add(b,
		    &(struct page_table){.id = "found",
			.caption = W_FOUND_CAPTION,
			.columns = found_columns,
			.n = ARRAY_SIZE(found_columns),
			PAGE_TABLE(p),
			.links = true},
		    items);
	if (json_is_true(json_object_get(answer, "more")))
		buf_add_str(b, "<p>" W_FOUND_MORE "</p>\n");
	for (size_t i = 0; i < json_array_size(errors); i++) {
		buf_add_str(b, "<p class=\"error\">");
		html_add_text(b, json_string_value(json_array_get(errors, i)));
		buf_add_str(b, "</p>\n");
	}
	buf_add_str(b, "<p class=\"forms\">");
	add_form(b, answer, "/mailboxes/found.csv", W_CSV);
	add_form(b, answer, "/api/mailboxes/found", W_JSON);
	buf_add_str(b, "</p>\n");
	end(b);
}

/* ---- one recipient ---- */

static const struct table_column explained_columns[] = {
    {"attribute", W_WHAT, TABLE_TEXT, NULL},
    {"source", W_SOURCE, TABLE_LIST, NULL},
    {"target", W_TARGET, TABLE_LIST, NULL},
    {"after", W_AFTER, TABLE_LIST, NULL},
    {"authority", W_AUTHORITY, TABLE_TEXT, NULL},
    {"text", W_TEXT, TABLE_LONG, NULL},
};

void
page_add_explained(struct buf *b, const struct page *p, const json_t *answer)
{
	begin(b, p, "attributes", W_LIVE_ATTRIBUTES);
	buf_add_str(b, "<p>");
	html_add_text(b, json_string_value(json_object_get(answer, "sentence")));
	buf_add_str(b, "</p>\n");
	table_add(b,
	    &(struct page_table){.id = "explained",
		.caption = W_LIVE_ATTRIBUTES_CAPTION,
		.columns = explained_columns,
		.n = ARRAY_SIZE(explained_columns),
		PAGE_TABLE(p)},
	    json_object_get(answer, "attributes"));
	end(b);
}

static const struct table_column check_columns[] = {
    {"check", W_CHECK, TABLE_TEXT, NULL},
    {"result", W_RESULT, TABLE_STATE, NULL},
    {"text", W_TEXT, TABLE_LONG, NULL},
};

void
page_add_checks(struct buf *b, const struct page *p, const json_t *answer)
{
	const json_t *first = json_array_get(json_object_get(answer, "results"), 0);
	_cleanup_(json_release) json_t *rows = json_array();
	const char *key;
	json_t *v;

	json_object_foreach(json_object_get(first, "checks"), key, v)
	{
		json_t *o = json_object();

		json_put_member(&o, "check", json_string(key));
		json_put_member(&o, "result",
		    json_string(json_is_true(v)	    ? W_FINE
				: json_is_string(v) ? W_RULES_BROKEN
						    : W_NOT_ASKED));
		json_put_member(&o, "text", json_is_string(v) ? json_incref(v) : json_null());
		json_add_item(&rows, o);
	}
	begin(b, p, "checks", W_LIVE_CHECKS);
	buf_printf(b, "<p><strong>%s</strong> ",
	    json_is_true(json_object_get(first, "ok")) ? W_YES : W_NO);
	html_add_text(b, json_string_value(json_object_get(first, "text")));
	buf_add_str(b, "</p>\n");
	table_add(b,
	    &(struct page_table){.id = "checked",
		.caption = W_LIVE_CHECKS_CAPTION,
		.columns = check_columns,
		.n = ARRAY_SIZE(check_columns),
		PAGE_TABLE(p)},
	    rows);
	end(b);
}

static const struct table_column way_columns[] = {
    {"from", W_FROM, TABLE_TEXT, NULL},
    {"depth", W_HOP, TABLE_NUMBER, NULL},
    {"step", W_STEP, TABLE_STATE, NULL},
    {"text", W_TEXT, TABLE_LONG, NULL},
    {"dn", W_DN, TABLE_LONG, NULL},
};

void
page_add_way(struct buf *b, const struct page *p, const json_t *answer)
{
	const json_t *ways = json_object_get(answer, "ways");
	_cleanup_(json_release) json_t *rows = json_array();

	for (size_t i = 0; i < json_array_size(ways); i++) {
		const json_t *way = json_array_get(ways, i), *hops = json_object_get(way, "hops");

		for (size_t j = 0; j < json_array_size(hops); j++) {
			json_t *o = json_copy(json_array_get(hops, j));

			json_put_member(&o, "from", json_incref(json_object_get(way, "from")));
			json_add_item(&rows, o);
		}
	}
	begin(b, p, "way", W_LIVE_WAY);
	table_add(b,
	    &(struct page_table){.id = "way",
		.caption = W_LIVE_WAY_CAPTION,
		.columns = way_columns,
		.n = ARRAY_SIZE(way_columns),
		PAGE_TABLE(p)},
	    rows);
	end(b);
}

/* ---- members ---- */

static const struct table_column live_member_columns[] = {
    {"name", W_NAME, TABLE_NAME, NULL},
    {"kind", W_KIND, TABLE_TEXT, NULL},
    {"result", W_MEMBER_ON, TABLE_STATE, NULL},
    {"source", W_SOURCE, TABLE_LONG, NULL},
    {"target", W_TARGET, TABLE_LONG, NULL},
};

static long long
count_of(const json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

/* How many there are in each forest, and how many of them correspond. */
static void
add_counts(struct buf *b, const json_t *answer)
{
	const json_t *forests = json_object_get(answer, "forests");

	buf_add_str(b, "<dl class=\"facts\">\n");
	for (size_t i = 0; i < json_array_size(forests); i++) {
		const json_t *f = json_array_get(forests, i);

		buf_add_str(b, "<dt>" W_MEMBERS_IN " ");
		html_add_text(b, json_string_value(json_object_get(f, "name")));
		if (json_is_true(json_object_get(f, "there")))
			buf_printf(b, "</dt><dd>%lld</dd>\n", count_of(f, "members"));
		else
			buf_add_str(b, "</dt><dd>" W_NO_GROUP "</dd>\n");
	}
	buf_printf(b,
	    "<dt>" W_ON_BOTH "</dt><dd>%lld</dd>\n<dt>" W_NO_COUNTERPART
	    "</dt><dd>%lld</dd>\n</dl>\n",
	    count_of(answer, "both"), count_of(answer, "no_counterpart"));
}

void
page_add_members(struct buf *b, const struct page *p, const json_t *answer)
{
	const char *guid = json_string_value(json_object_get(answer, "guid"));
	_cleanup_(free) char *path = str_printf("/mailbox/%s/members", guid ? guid : "");

	begin(b, p, "members", W_LIVE_MEMBERS);
	add_counts(b, answer);
	table_add(b,
	    &(struct page_table){.id = "members",
		.caption = W_LIVE_MEMBERS_CAPTION,
		.columns = live_member_columns,
		.n = ARRAY_SIZE(live_member_columns),
		PAGE_TABLE(p),
		.links = true},
	    json_object_get(answer, "items"));
	page_add_turning(b, p, path ? path : "", "", answer);
	buf_printf(b, "<p class=\"forms\"><a href=\"/mailbox/%s\">" W_THE_GROUP "</a></p>\n",
	    guid ? guid : "");
	end(b);
}
