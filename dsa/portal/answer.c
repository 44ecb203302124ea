/* SPDX-License-Identifier: MIT */
#include "dsa/portal/answer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/json.h"
#include "dsa/base/log.h"
#include "dsa/page/page.h"
#include "dsa/page/words.h"
#include "dsa/portal/assets.h"
#include "dsa/view/view_metrics.h"

#define HTML "text/html; charset=utf-8"
#define JSON "application/json"
#define CSV "text/csv; charset=utf-8; header=present"

void
answer_error(unsigned status, const char *text, struct answer *ret)
{
	const struct page p = {.tab = PAGE_TABS, .title = W_SORRY, .now = clock_realtime_s()};

	buf_reset(&ret->body);
	ret->status = status;
	ret->type = HTML;
	page_begin(&ret->body, &p);
	page_add_error(&ret->body, text);
	page_end(&ret->body, &p);
}

/* What went wrong here is for the journal; who asked is told as much as helps. */
static void
answer_failure(const struct err *err, struct answer *ret)
{
	bool no_map = err->src == ERR_SYS && err->code == ENOENT;

	if (err->src == ERR_SYS && err->code == EBUSY) {
		answer_error(503, err->text, ret);
		return;
	}
	log_event(LOG_WARNING, LOG_ID_NONE, NULL, "a page was refused: %s", err->text);
	answer_error(503, no_map ? W_NO_MAP : err->text, ret);
}

static void
put_json(const json_t *o, struct answer *ret)
{
	char *text = json_dumps(o, JSON_COMPACT);

	if (text)
		buf_add_str(&ret->body, text);
	else
		ret->body.failed = true;
	buf_add_char(&ret->body, '\n');
	ret->type = JSON;
	free(text);
}

static void
put_metrics(const json_t *overview, int64_t now, struct answer *ret)
{
	view_metrics(json_object_get(overview, "links"), now, &ret->body);
	ret->type = VIEW_METRICS_TYPE;
}

/* ---- pages ---- */

static enum page_tab
tab_of(enum request_page p)
{
	switch (p) {
	case REQUEST_OVERVIEW: return PAGE_OVERVIEW;
	case REQUEST_MAILBOXES:
	case REQUEST_MAILBOX: return PAGE_MAILBOXES;
	case REQUEST_GROUPS: return PAGE_GROUPS;
	case REQUEST_WAVES:
	case REQUEST_WAVE: return PAGE_WAVES;
	case REQUEST_PROBLEMS: return PAGE_PROBLEMS;
	case REQUEST_METRICS:
	case REQUEST_CSS:
	case REQUEST_JS:
	case REQUEST_ICON:
	case REQUEST_PAGE_MAX:
	default: return PAGE_TABS;
	}
}

static const char *
title_of(const struct portal_request *r, const json_t *o, char *text, size_t size)
{
	static const char *const titles[] = {[PAGE_OVERVIEW] = W_OVERVIEW,
	    [PAGE_MAILBOXES] = W_MAILBOXES,
	    [PAGE_GROUPS] = W_GROUPS,
	    [PAGE_WAVES] = W_WAVES,
	    [PAGE_PROBLEMS] = W_PROBLEMS};
	const char *name = json_string_value(table_member(o, "row.name"));

	if (r->page == REQUEST_MAILBOX)
		return name ? name : W_MAILBOXES;
	if (r->page == REQUEST_WAVE) {
		(void)snprintf(text, size, W_WAVE " %u", r->wave);
		return text;
	}
	return r->page < REQUEST_METRICS ? titles[tab_of(r->page)] : W_PRODUCT;
}

static void
add_content(const struct portal_request *r, const struct page *p, const json_t *o, struct buf *b)
{
	switch (r->page) {
	case REQUEST_OVERVIEW: page_add_overview(b, p, o); break;
	case REQUEST_MAILBOXES: page_add_list(b, p, "/mailboxes", &r->query, o); break;
	case REQUEST_GROUPS: page_add_list(b, p, "/groups", &r->query, o); break;
	case REQUEST_MAILBOX: page_add_mailbox(b, p, o); break;
	case REQUEST_WAVES: page_add_waves(b, p, o); break;
	case REQUEST_WAVE: page_add_wave(b, p, o); break;
	case REQUEST_PROBLEMS: page_add_problems(b, p, o); break;
	case REQUEST_METRICS:
	case REQUEST_CSS:
	case REQUEST_JS:
	case REQUEST_ICON:
	case REQUEST_PAGE_MAX:
	default: break;
	}
}

/* ---- CSV ---- */

static void
put_list(const struct portal_request *r, const json_t *o, struct answer *ret)
{
	const struct table_column *columns = r->page == REQUEST_WAVES  ? page_wave_columns
					     : r->page == REQUEST_WAVE ? page_member_columns
								       : page_problem_columns;
	size_t n = r->page == REQUEST_WAVES  ? page_wave_n
		   : r->page == REQUEST_WAVE ? page_member_n
					     : page_problem_n;
	const json_t *list = json_object_get(o, r->page == REQUEST_WAVE ? "results" : "items");

	table_csv_head(&ret->body, columns, n);
	for (size_t i = 0; i < json_array_size(list); i++)
		table_csv_row(&ret->body, columns, n, json_array_get(list, i));
	ret->type = CSV;
}

/* Of a page with several tables, where none is named. */
static const char *
first_table(const struct portal_request *r)
{
	return r->page == REQUEST_OVERVIEW  ? "links"
	       : r->part == REQUEST_FOUND   ? "found"
	       : r->part == REQUEST_MEMBERS ? "members"
					    : "history";
}

/* The table that R names, of what add_content() or ADD would put on the page. */
static void
put_table(const struct portal_request *r, const struct page *p, const json_t *o, page_part_fn *add,
    struct answer *ret)
{
	_cleanup_(buf_done) struct buf page = {0};
	struct page with = *p;

	with.csv = &ret->body;
	with.csv_id = *r->table ? r->table : first_table(r);
	if (add)
		add(&page, &with, o);
	else
		add_content(r, &with, o, &page);
	ret->type = CSV;
	if (!ret->body.len && !ret->body.failed)
		answer_error(404, W_NO_TABLE, ret);
}

static void
put_csv(const struct portal_request *r, const json_t *o, int64_t now, struct answer *ret)
{
	const struct page p = {.tab = tab_of(r->page), .title = "", .now = now};

	if (r->page == REQUEST_OVERVIEW || r->page == REQUEST_MAILBOX || *r->table)
		put_table(r, &p, o, NULL, ret);
	else
		put_list(r, o, ret);
}

/* Where the tables of R's page are as CSV; NULL: they have links of their own. */
static const char *
csv_path_of(const struct portal_request *r, char *text, size_t size)
{
	static const char *const parts[] = {[REQUEST_WHOLE] = "",
	    [REQUEST_ATTRIBUTES] = "/attributes",
	    [REQUEST_CHECKS] = "/checks",
	    [REQUEST_WAY] = "/way",
	    [REQUEST_MEMBERS] = "/members"};
	char guid[GUID_TEXT_SIZE];

	if (r->page == REQUEST_OVERVIEW)
		return "/overview.csv";
	if (r->page == REQUEST_PROBLEMS)
		return "/problems.csv";
	if (r->page != REQUEST_MAILBOX)
		return NULL; /* and what is found has its question in its own */
	guid_format(&r->guid, guid);
	(void)snprintf(text, size, "/mailbox/%s%s.csv", guid, parts[r->part]);
	return text;
}

static void
put_page(const struct portal_request *r, const json_t *o, int64_t now, struct answer *ret)
{
	char text[64], path[96];
	struct page p = {.tab = tab_of(r->page), .now = now};

	p.csv_path = csv_path_of(r, path, sizeof path);
	p.title = title_of(r, o, text, sizeof text);
	page_begin(&ret->body, &p);
	add_content(r, &p, o, &ret->body);
	page_end(&ret->body, &p);
	ret->type = HTML;
}

static void
answer_read(struct source *s, const struct portal_request *r, int64_t now, struct answer *ret)
{
	_cleanup_(json_release) json_t *o = NULL;
	struct err err;

	if (source_read(s, r, now, &o, &err) < 0)
		answer_failure(&err, ret);
	else if (!o)
		answer_error(404, r->page == REQUEST_WAVE ? W_NO_WAVE : W_GONE, ret);
	else if (r->page == REQUEST_METRICS)
		put_metrics(o, now, ret);
	else if (r->form == REQUEST_JSON)
		put_json(o, ret);
	else if (r->form == REQUEST_CSV)
		put_csv(r, o, now, ret);
	else
		put_page(r, o, now, ret);
}

/* ---- what the directories say ---- */

static void
answer_asked(struct source *s, const struct portal_request *r, struct answer *ret)
{
	static const struct {
		const char *title;
		page_part_fn *add;
	} parts[] = {[REQUEST_ATTRIBUTES] = {W_LIVE_ATTRIBUTES, page_add_explained},
	    [REQUEST_CHECKS] = {W_LIVE_CHECKS, page_add_checks},
	    [REQUEST_WAY] = {W_LIVE_WAY, page_add_way},
	    [REQUEST_MEMBERS] = {W_LIVE_MEMBERS, page_add_members},
	    [REQUEST_FOUND] = {W_FOUND_LIVE, page_add_found}};
	struct page p = {.tab = PAGE_MAILBOXES, .live = true};
	_cleanup_(json_release) json_t *o = NULL;
	char path[96];
	struct err err;

	if (source_ask(s, r, &o, &err) < 0) {
		answer_failure(&err, ret);
		return;
	}
	if (!o) {
		answer_error(404, W_GONE, ret);
		return;
	}
	p.now = clock_realtime_s();
	if (r->form == REQUEST_JSON) {
		put_json(o, ret);
		return;
	}
	if (r->form == REQUEST_CSV) {
		put_table(r, &p, o, parts[r->part].add, ret);
		return;
	}
	p.title = parts[r->part].title;
	p.csv_path = csv_path_of(r, path, sizeof path);
	page_begin(&ret->body, &p);
	parts[r->part].add(&ret->body, &p, o);
	page_end(&ret->body, &p);
	ret->type = HTML;
}

void
answer_make(struct source *s, const struct portal_request *r, struct answer *ret)
{
	static const struct {
		enum request_page page;
		const char *type;
		struct bytes (*text)(void);
	} assets[] = {{REQUEST_CSS, "text/css; charset=utf-8", page_css},
	    {REQUEST_JS, "text/javascript; charset=utf-8", assets_js},
	    {REQUEST_ICON, "image/svg+xml", assets_icon}};
	int64_t now = clock_realtime_s();

	ret->status = 200;
	for (size_t i = 0; i < ARRAY_SIZE(assets); i++)
		if (r->page == assets[i].page) {
			struct bytes text = assets[i].text();

			buf_add(&ret->body, text.data, text.len);
			ret->type = assets[i].type;
			ret->lasts = true;
			return;
		}
	if (r->part != REQUEST_WHOLE)
		answer_asked(s, r, ret);
	else
		answer_read(s, r, now, ret);
}
