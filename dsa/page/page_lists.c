/* SPDX-License-Identifier: MIT */
/* Recipients, groups, waves and problems: lists with their forms, pages and CSV. */
#include <stdio.h>
#include <string.h>

#include "dsa/base/escape.h"
#include "dsa/base/str.h"
#include "dsa/page/html.h"
#include "dsa/page/page.h"
#include "dsa/page/words.h"
#include "dsa/view/view_problems.h"

const struct table_column page_list_columns[] = {
    {"name", W_NAME, TABLE_NAME, "name"},
    {"address", W_ADDRESS, TABLE_TEXT, "address"},
    {"kind", W_KIND, TABLE_TEXT, NULL},
    {"state", W_STATE, TABLE_STATE, "state"},
    {"active", W_SIDE, TABLE_TEXT, "side"},
    {"percent", W_PERCENT, TABLE_PERCENT, "progress"},
    {"wave", W_WAVE, TABLE_WAVE, "wave"},
    {"ou", W_OU, TABLE_LONG, "ou"},
    {"synced_at", W_WRITTEN, TABLE_TIME, "written"},
    {"switched_at", W_SWITCHED_AT, TABLE_TIME, "switched"},
    {"last_error", W_ERROR, TABLE_LONG, NULL},
    /* The rest is for CSV alone. */
    {"link", W_LINK, TABLE_TEXT, NULL},
    {"origin", W_ORIGIN, TABLE_TEXT, NULL},
    {"alias", W_ALIAS, TABLE_TEXT, NULL},
    {"counterpart", W_COUNTERPART, TABLE_LONG, NULL},
    {"guid", W_GUID, TABLE_TEXT, NULL},
};
const size_t page_list_n = ARRAY_SIZE(page_list_columns);
#define LIST_SHOWN 11
/* Where more are found no other one is looked for. */
#define FEW 10

const struct table_column page_wave_columns[] = {
    {"id", W_WAVE, TABLE_WAVE, NULL},
    {"name", W_NAME, TABLE_TEXT, NULL},
    {"link", W_LINK, TABLE_TEXT, NULL},
    {"turn", W_TURN, TABLE_TEXT, NULL},
    {"state", W_STATE, TABLE_STATE, NULL},
    {"at", W_DUE, TABLE_TIME, NULL},
    {"started", W_STARTED, TABLE_TIME, NULL},
    {"ended", W_ENDED, TABLE_TIME, NULL},
    {"mailboxes", W_MEMBERS, TABLE_NUMBER, NULL},
    {"done", W_DONE, TABLE_NUMBER, NULL},
    {"failed", W_FAILED, TABLE_NUMBER, NULL},
    {"waits", W_WAITS, TABLE_LONG, NULL},
};
const size_t page_wave_n = ARRAY_SIZE(page_wave_columns);

const struct table_column page_member_columns[] = {
    {"line", W_LINE, TABLE_NUMBER, NULL},
    {"dn", W_NAME, TABLE_NAME, NULL},
    {"result", W_RESULT, TABLE_STATE, NULL},
    {"at", W_ENDED, TABLE_TIME, NULL},
    {"text", W_TEXT, TABLE_LONG, NULL},
    {"guid", W_GUID, TABLE_TEXT, NULL},
};
const size_t page_member_n = ARRAY_SIZE(page_member_columns);

const struct table_column page_problem_columns[] = {
    {"problem", W_PROBLEM, TABLE_STATE, NULL},
    {"reason", W_REASON, TABLE_TEXT, NULL},
    {"dn", W_NAME, TABLE_NAME, NULL},
    {"text", W_TEXT, TABLE_LONG, NULL},
    {"help", W_HELP, TABLE_LONG, NULL},
    {"since", W_OLD, TABLE_TIME, NULL},
    {"link", W_LINK, TABLE_TEXT, NULL},
    {"origin", W_ORIGIN, TABLE_TEXT, NULL},
    {"guid", W_GUID, TABLE_TEXT, NULL},
};
const size_t page_problem_n = ARRAY_SIZE(page_problem_columns);

static const struct table_column reason_columns[] = {
    {"problem", W_PROBLEM, TABLE_STATE, NULL},
    {"reason", W_REASON, TABLE_TEXT, NULL},
    {"count", W_COUNT, TABLE_NUMBER, NULL},
    {"hour", W_HOUR, TABLE_NUMBER, NULL},
    {"day", W_UNDER_DAY, TABLE_NUMBER, NULL},
    {"week", W_WEEK, TABLE_NUMBER, NULL},
    {"older", W_OLDER, TABLE_NUMBER, NULL},
    {"oldest", W_OLDEST, TABLE_TIME, NULL},
};

static json_int_t
number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* ---- pages ---- */

static void
add_turn(struct buf *b, const char *path, const char *query, json_int_t page, const char *word)
{
	buf_printf(
	    b, "<a rel=\"%s\" href=\"%s?", strcmp(word, W_NEXT) == 0 ? "next" : "prev", path);
	html_add_text(b, query);
	buf_printf(b, "%spage=%lld\">%s</a>\n", *query ? "&amp;" : "", (long long)page, word);
}

void
page_add_turning(
    struct buf *b, const struct page *p, const char *path, const char *query, const json_t *list)
{
	json_int_t page = number_of(list, "page"), pages = number_of(list, "pages");

	buf_printf(b, "<nav class=\"turn\" aria-label=\"" W_TURNING "\"><p>%lld " W_FOUND,
	    (long long)number_of(list, "found"));
	if (pages > 1)
		buf_printf(
		    b, ". " W_PAGE " %lld " W_OF " %lld. ", (long long)page, (long long)pages);
	else
		buf_add_str(b, ". ");
	if (!p->file && page > 1)
		add_turn(b, path, query, page - 1, W_BACK);
	if (!p->file && page < pages)
		add_turn(b, path, query, page + 1, W_NEXT);
	buf_add_str(b, "</p></nav>\n");
}

/* The same as CSV and JSON. */
static void
add_forms(struct buf *b, const struct page *p, const char *path, const char *query)
{
	if (p->file)
		return;
	buf_printf(b, "<p class=\"forms\"><a href=\"%s.csv?", path);
	html_add_text(b, query);
	buf_printf(b, "\">" W_CSV "</a> <a href=\"/api%s?", path);
	html_add_text(b, query);
	buf_add_str(b, "\">" W_JSON "</a></p>\n");
}

/* ---- recipients ---- */

/* A choice among the values that the parameter NAME takes, the first of them FROM. */
static void
add_select(struct buf *b, const char *name, const char *label, int from, int chosen)
{
	const char *value;

	buf_printf(b, "<label>%s <select name=\"%s\">\n<option value=\"%s\">" W_ANY "</option>\n",
	    label, name, strcmp(name, "kind") == 0 ? "all" : "");
	for (int i = from; (value = roster_query_choice(name, i)); i++)
		buf_printf(b, "<option value=\"%s\"%s>%s</option>\n", value,
		    i == chosen ? " selected" : "", value);
	buf_add_str(b, "</select></label>\n");
}

static void
add_input(struct buf *b, const char *name, const char *label, const char *hint, const char *value)
{
	buf_printf(b,
	    "<label>%s <input type=\"%s\" name=\"%s\" maxlength=\"%d\" title=\"%s\" value=\"",
	    label, strcmp(name, "q") == 0 ? "search" : "text", name, ROSTER_VALUE_MAX, hint);
	html_add_text(b, value);
	buf_add_str(b, "\"></label>\n");
}

static void
add_form(struct buf *b, const char *path, const struct roster_query *q)
{
	char wave[32] = "";

	if (q->wave >= 0)
		(void)snprintf(wave, sizeof wave, "%lld", (long long)q->wave);
	buf_printf(b, "<form method=\"get\" action=\"%s\" role=\"search\">\n", path);
	add_input(b, "q", W_SEARCH, W_SEARCH_HINT, q->q);
	add_select(b, "state", W_STATE, 0, q->state);
	add_select(b, "side", W_SIDE, 0, q->side);
	if (strcmp(path, "/groups") != 0)
		add_select(b, "kind", W_KIND, KIND_USER, q->kind);
	add_select(b, "step", W_STEP, 0, q->step);
	add_input(b, "wave", W_WAVE, W_WAVE, wave);
	add_input(b, "ou", W_OU, W_OU_HINT, q->ou);
	add_input(b, "link", W_LINK, W_LINK, q->link);
	buf_printf(b, "<input type=\"hidden\" name=\"sort\" value=\"%s%s\">\n",
	    q->descending ? "-" : "", roster_order_name(q->sort));
	buf_add_str(b, "<button type=\"submit\">" W_FILTER "</button>\n</form>\n");
}

struct page_table
page_list_table(const struct page *p)
{
	return (struct page_table){
	    .id = "list",
	    .caption = p->tab == PAGE_GROUPS ? W_GROUPS_CAPTION : W_LIST_CAPTION,
	    .columns = page_list_columns,
	    .n = LIST_SHOWN,
	    PAGE_TABLE(p),
	    .links = !p->file,
	};
}

/* The map has no display names: the directories have. They are asked by themselves only where the
 * map knows nobody. */
static void
add_found(struct buf *b, const struct page *p, const struct roster_query *q, const json_t *list)
{
	json_int_t found = number_of(list, "found");

	if (p->file || p->tab != PAGE_MAILBOXES || found > FEW || strlen(q->q) < 2)
		return;
	buf_printf(b,
	    "<section aria-labelledby=\"h-found\"%s>\n<h2 id=\"h-found\">" W_FOUND_LIVE
	    "</h2>\n<p>%s</p>\n<p><a class=\"ask\" href=\"/mailboxes/found?q=",
	    found ? "" : " data-part=\"found\"", found ? W_FOUND_FEW : W_FOUND_NONE);
	escape_add_url(q->q, b);
	if (*q->link) {
		buf_add_str(b, "&amp;link=");
		escape_add_url(q->link, b);
	}
	buf_add_str(b, "\">" W_ASK "</a></p>\n</section>\n");
}

void
page_add_list(struct buf *b, const struct page *p, const char *path, const struct roster_query *q,
    const json_t *list)
{
	_cleanup_(buf_done) struct buf query = {0}, unsorted = {0};
	struct roster_query plain = *q;
	struct page_table table;
	char sort[32];

	plain.sort = ROSTER_BY_NAME;
	plain.descending = false;
	buf_add_str(&query, "");
	buf_add_str(&unsorted, "");
	roster_query_add(q, &query);
	roster_query_add(&plain, &unsorted);
	if (query.failed || unsorted.failed) {
		b->failed = true;
		return;
	}
	(void)snprintf(
	    sort, sizeof sort, "%s%s", q->descending ? "-" : "", roster_order_name(q->sort));
	add_form(b, path, q);
	page_add_turning(b, p, path, (const char *)query.data, list);
	table = page_list_table(p);
	table.path = path;
	table.query = (const char *)unsorted.data;
	table.sort = sort;
	table_add(b, &table, json_object_get(list, "items"));
	page_add_turning(b, p, path, (const char *)query.data, list);
	add_found(b, p, q, list);
	add_forms(b, p, path, (const char *)query.data);
}

/* ---- waves ---- */

static void
add_wave_table(struct buf *b, const struct page *p, const char *caption, const json_t *items)
{
	table_add(b,
	    &(struct page_table){.id = "waves",
		.caption = caption,
		.columns = page_wave_columns,
		.n = page_wave_n,
		PAGE_TABLE(p),
		.links = !p->file},
	    items);
}

void
page_add_waves(struct buf *b, const struct page *p, const json_t *waves)
{
	add_wave_table(b, p, W_WAVES_CAPTION, json_object_get(waves, "items"));
	add_forms(b, p, "/waves", "");
}

void
page_add_wave(struct buf *b, const struct page *p, const json_t *wave)
{
	json_int_t total = number_of(wave, "mailboxes");
	json_int_t ended = number_of(wave, "done") + number_of(wave, "failed");
	_cleanup_(free) char *path = str_printf("/wave/%lld", (long long)number_of(wave, "id"));
	json_t *one = json_pack("[O]", wave);

	add_wave_table(b, p, W_WAVE_CAPTION, one);
	json_decref(one);
	buf_printf(b,
	    "<p class=\"bar\"><progress id=\"wave-progress\" max=\"%lld\" value=\"%lld\" "
	    "aria-label=\"" W_DONE "\"></progress> %lld " W_OF " %lld</p>\n",
	    (long long)total, (long long)ended, (long long)ended, (long long)total);
	table_add(b,
	    &(struct page_table){.id = "members",
		.caption = W_MEMBERS_CAPTION,
		.columns = page_member_columns,
		.n = page_member_n - 1,
		PAGE_TABLE(p),
		.links = !p->file},
	    json_object_get(wave, "results"));
	add_forms(b, p, path ? path : "/wave", "");
}

/* ---- problems ---- */

static void
add_problem_form(struct buf *b)
{
	buf_add_str(b, "<form method=\"get\" action=\"/problems\">\n<label>" W_PROBLEM
		       " <select name=\"problem\">\n<option value=\"\">" W_ANY "</option>\n");
	for (size_t i = 0; i < PROBLEM_MAX; i++)
		buf_printf(b, "<option>%s</option>\n", problem_name((enum problem_sort)i));
	buf_add_str(
	    b, "</select></label>\n<button type=\"submit\">" W_FILTER "</button>\n</form>\n");
}

void
page_add_problems(struct buf *b, const struct page *p, const json_t *problems)
{
	const char *chosen = json_string_value(json_object_get(problems, "problem"));
	char query[64] = "";

	if (chosen)
		(void)snprintf(query, sizeof query, "problem=%s", chosen);
	buf_add_str(b,
	    "<section aria-labelledby=\"h-reasons\">\n<h2 id=\"h-reasons\">" W_REASONS "</h2>\n");
	table_add(b,
	    &(struct page_table){.id = "reasons",
		.caption = W_REASONS_CAPTION,
		.columns = reason_columns,
		.n = ARRAY_SIZE(reason_columns),
		PAGE_TABLE(p)},
	    json_object_get(problems, "reasons"));
	buf_add_str(b, "</section>\n<section aria-labelledby=\"h-problems\">\n"
		       "<h2 id=\"h-problems\">" W_ONE_BY_ONE "</h2>\n");
	if (!p->file)
		add_problem_form(b);
	page_add_turning(b, p, "/problems", query, problems);
	table_add(b,
	    &(struct page_table){.id = "problems",
		.caption = W_PROBLEMS_CAPTION,
		.columns = page_problem_columns,
		.n = page_problem_n - 2,
		PAGE_TABLE(p),
		.links = !p->file},
	    json_object_get(problems, "items"));
	add_forms(b, p, "/problems", query);
	buf_add_str(b, "</section>\n");
}
