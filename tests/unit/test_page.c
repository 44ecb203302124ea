/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "dsa/base/json.h"
#include "dsa/page/html.h"
#include "dsa/page/page.h"
#include "dsa/page/words.h"
#include "dsa/view/view_overview.h"

#define NOW 1700000000 /* 2023-11-14T22:13:20Z */

static const struct table_column columns[] = {
    {"name", "Name", TABLE_NAME, "name"},
    {"deep.n", "Number", TABLE_NUMBER, NULL},
    {"at", "At", TABLE_TIME, NULL},
    {"list", "List", TABLE_LIST, NULL},
    {"percent", "Percent", TABLE_PERCENT, "progress"},
};

static json_t *
hostile(void)
{
	return json_pack("[{s:s,s:s,s:{s:i},s:s,s:[s,{s:s,s:[s],s:[s]}],s:i}]", "guid", "a/b?c",
	    "name", "<b onclick='x'>\"&\x1b", "deep", "n", 7, "at", "2023-11-14T22:13:10Z", "list",
	    "<i>", "name", "mail", "old", "<old>", "new", "n|w", "percent", 42);
}

static struct page_table
table_of(bool links)
{
	return (struct page_table){.id = "t",
	    .caption = "A & B",
	    .columns = columns,
	    .n = ARRAY_SIZE(columns),
	    .now = NOW,
	    .links = links,
	    .path = links ? "/list" : NULL,
	    .query = "q=a%26b&state=error",
	    .sort = "-name"};
}

static bool
has(const struct buf *b, const char *what)
{
	return strstr((const char *)b->data, what) != NULL;
}

static void
test_text_is_text(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};

	(void)state;
	html_add_text(&b, "<a href=\"x\" title='y'>&amp;\n\xe2\x80\xae\xc3\xa9\xe2\x80\xac\xff");
	assert_string_equal((const char *)b.data,
	    "&lt;a href=&quot;x&quot; "
	    "title=&#39;y&#39;&gt;&amp;amp;\\x0A\\u202E\xc3\xa9\\u202C\\xFF");
	buf_reset(&b);
	html_add_text(&b, NULL);
	assert_int_equal(b.len, 0);
}

static void
test_table(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};
	_cleanup_(json_release) json_t *rows = hostile();
	struct page_table t = table_of(true);

	(void)state;
	table_add(&b, &t, rows);
	assert_true(has(&b, "<caption>A &amp; B</caption>"));
	assert_true(has(&b, "<a href=\"/mailbox/a%2Fb%3Fc\">&lt;b onclick=&#39;x&#39;&gt;"
			    "&quot;&amp;\\x1B</a>"));
	assert_false(has(&b, "<b ") || has(&b, "<i>") || has(&b, "<old>"));
	assert_true(has(&b, "aria-sort=\"descending\""));
	/* A press on the column that is the order turns it round; on another one, sorts by it. */
	assert_true(has(&b, "href=\"/list?q=a%26b&amp;state=error&amp;sort=name\""));
	assert_true(has(&b, "href=\"/list?q=a%26b&amp;state=error&amp;sort=progress\""));
	assert_true(has(&b, "datetime=\"2023-11-14T22:13:10Z\""));
	assert_true(has(&b, "<span class=\"age\">10 s ago</span>"));
	assert_true(has(&b, "<progress max=\"100\" value=\"42\""));
	assert_true(has(&b, "+ n|w"));

	/* In a file nothing leads anywhere. */
	buf_reset(&b);
	t = table_of(false);
	table_add(&b, &t, rows);
	assert_false(has(&b, "href"));
	buf_reset(&b);
	table_add(&b, &t, NULL);
	assert_true(has(&b, "<p id=\"t\" class=\"empty\">"));
}

static void
test_csv(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};
	_cleanup_(json_release) json_t *o =
	    json_pack("{s:s,s:{s:i},s:n,s:[s,{s:s}],s:i}", "name", "=cmd|' /C calc'!A1", "deep",
		"n", 1, "at", "list", "a|b", "name", "mail", "percent", 3);

	(void)state;
	table_csv_head(&b, columns, ARRAY_SIZE(columns));
	table_csv_row(&b, columns, ARRAY_SIZE(columns), o);
	assert_string_equal((const char *)b.data,
	    "name,deep.n,at,list,percent\n'=cmd|' /C calc'!A1,1,,a%7Cb|mail,3\n");
}

static void
test_ages(void **state)
{
	static const struct {
		int64_t s;
		const char *text;
	} rows[] = {{0, "0 s"}, {1, "1 s"}, {119, "119 s"}, {120, "2 min"}, {7199, "119 min"},
	    {7200, "2 h"}, {172799, "47 h"}, {172800, "2 d"}, {86400 * 400, "400 d"}};
	_cleanup_(buf_done) struct buf b = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[TABLE_AGE_SIZE];

		table_age(rows[i].s, text);
		assert_string_equal(text, rows[i].text);
	}
	table_add_time(&b, NULL, NOW);
	assert_string_equal((const char *)b.data, "never");
	buf_reset(&b);
	table_add_time(&b, "2023-11-14T23:13:20Z", NOW);
	assert_true(has(&b, "<span class=\"age\">in 60 min</span>"));
}

/* A page of the portal has no style and no script in it; a file has its style and no script. */
static void
test_frames(void **state)
{
	struct page p = {.tab = PAGE_WAVES, .title = "<T>", .now = NOW};
	_cleanup_(buf_done) struct buf b = {0};

	(void)state;
	page_begin(&b, &p);
	page_end(&b, &p);
	assert_true(has(&b, "<title>&lt;T&gt; - galsync</title>"));
	assert_true(has(&b, "<a href=\"/waves\" aria-current=\"page\">"));
	assert_true(has(&b, "src=\"/portal.js\"") && !has(&b, "<style"));
	buf_reset(&b);
	p.file = true;
	page_begin(&b, &p);
	page_end(&b, &p);
	assert_true(has(&b, "<style>") && has(&b, "default-src 'none'"));
	assert_false(has(&b, "<script") || has(&b, "href=") || has(&b, "src="));
}

/* ---- the time line ---- */

static const char *
days_of(struct overview_step *steps, size_t n, struct buf *ret)
{
	_cleanup_(json_release) json_t *days = view_time_line(steps, n, NOW);
	size_t i;
	json_t *day;

	buf_reset(ret);
	buf_add_str(ret, "");
	json_array_foreach(days, i, day)
	{
		json_t *switched = json_object_get(day, "switched");

		buf_printf(ret, "%.10s:", json_string_value(json_object_get(day, "day")));
		if (json_is_null(switched))
			buf_add_str(ret, "?");
		else
			buf_printf(ret, "%lld", (long long)json_integer_value(switched));
		buf_printf(
		    ret, "/%lld ", (long long)json_integer_value(json_object_get(day, "planned")));
	}
	return (const char *)ret->data;
}

static void
test_time_line(void **state)
{
	struct overview_step steps[] = {{NOW + 86400, 10, true}, {NOW - 86400, 1, false},
	    {NOW - 90000, 1, false}, {NOW - 3 * 86400, 5, true}, {NOW, 1, false}};
	struct overview_step past[] = {{NOW - 86400, 3, false}};
	_cleanup_(buf_done) struct buf b = {0};

	(void)state;
	assert_string_equal(days_of(steps, ARRAY_SIZE(steps), &b),
	    "2023-11-11:0/5 2023-11-13:2/5 2023-11-14:3/5 2023-11-15:?/15 ");
	/* Today is always there, and what is to come is not said to be. */
	assert_string_equal(days_of(past, 1, &b), "2023-11-13:3/0 2023-11-14:3/0 ");
	assert_string_equal(days_of(NULL, 0, &b), "2023-11-14:0/0 ");
	assert_string_equal(days_of(steps, 1, &b), "2023-11-11:0/5 2023-11-14:0/5 ");
}

/* A map may say that a mailbox was switched, or is to be, when no calendar knows of. */
static void
test_times_of_no_calendar(void **state)
{
	static const int64_t times[] = {INT64_MIN, -1, 0, 86400, NOW, INT64_MAX / 2, INT64_MAX};
	const struct page p = {.title = "T", .now = NOW};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		for (size_t j = 0; j < ARRAY_SIZE(times); j++) {
			struct overview_step steps[] = {{times[i], 1, false}, {times[j], 2, true}};
			_cleanup_(json_release) json_t *days = view_time_line(steps, 2, NOW);
			_cleanup_(buf_done) struct buf b = {0};

			page_add_time_line(&b, &p, days);
			assert_false(b.failed);
			assert_true(has(&b, "</section>"));
		}
}

/* ---- who is called so ---- */

static void
test_found(void **state)
{
	const struct page p = {.tab = PAGE_MAILBOXES, .title = "", .now = NOW, .live = true};
	_cleanup_(json_release) json_t *o =
	    json_pack("{s:s,s:s,s:[{s:s,s:s,s:b},{s:s,s:s,s:b}],s:b,s:[s]}", "text", "<i>&", "link",
		"a b", "items", "name", "<b>", "guid", "11", "known", 1, "name", "Nobody", "guid",
		"22", "known", 0, "more", 1, "errors", "link <x>");
	_cleanup_(buf_done) struct buf b = {0}, none = {0};
	const char *s;

	(void)state;
	page_add_found(&b, &p, o);
	buf_add_char(&b, '\0');
	s = (const char *)b.data;
	assert_non_null(strstr(s, W_ASKED));
	assert_non_null(strstr(s, "<a href=\"/mailbox/11\">&lt;b&gt;</a>"));
	assert_null(strstr(s, "/mailbox/22"));
	assert_non_null(strstr(s, "Nobody"));
	assert_non_null(strstr(s, W_FOUND_MORE));
	assert_non_null(strstr(s, "link &lt;x&gt;"));
	assert_non_null(strstr(s, "/mailboxes/found.csv?q=%3Ci%3E%26&amp;link=a%20b\""));
	assert_null(strstr(s, "<i>"));
	/* What could not be asked is not nothing. */
	(void)json_array_clear(json_object_get(o, "items"));
	page_add_found(&none, &p, o);
	buf_add_char(&none, '\0');
	assert_null(strstr((const char *)none.data, W_NOTHING));
}

/* The directories are asked where the map is not enough. */
static void
test_few(void **state)
{
	static const struct {
		const char *q;
		int found;
		enum page_tab tab;
		bool link, by_itself;
	} rows[] = {{"Ann \"&", 0, PAGE_MAILBOXES, true, true},
	    {"Ann", 1, PAGE_MAILBOXES, true, false}, {"Ann", 10, PAGE_MAILBOXES, true, false},
	    {"Ann", 11, PAGE_MAILBOXES, false, false}, {"A", 0, PAGE_MAILBOXES, false, false},
	    {"", 0, PAGE_MAILBOXES, false, false}, {"Ann", 0, PAGE_GROUPS, false, false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct page p = {.tab = rows[i].tab, .title = "", .now = NOW};
		_cleanup_(json_release) json_t *list = json_pack(
		    "{s:i,s:i,s:i,s:[]}", "found", rows[i].found, "page", 1, "pages", 1, "items");
		_cleanup_(buf_done) struct buf b = {0};
		struct roster_query q;
		char why[64];

		roster_query_init(&q);
		assert_true(roster_query_set(&q, "q", rows[i].q, why, sizeof why));
		page_add_list(&b, &p, "/mailboxes", &q, list);
		buf_add_char(&b, '\0');
		assert_true(rows[i].link ==
			    (strstr((const char *)b.data, "/mailboxes/found?q=Ann") != NULL));
		assert_true(
		    rows[i].by_itself == (strstr((const char *)b.data, "data-part=") != NULL));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(test_text_is_text),
	    cmocka_unit_test(test_table), cmocka_unit_test(test_csv), cmocka_unit_test(test_ages),
	    cmocka_unit_test(test_frames), cmocka_unit_test(test_time_line),
	    cmocka_unit_test(test_times_of_no_calendar), cmocka_unit_test(test_found),
	    cmocka_unit_test(test_few)};

	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}
