/* SPDX-License-Identifier: MIT */
/* report: what galsync-portal shows, as one file without a server. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dsa/base/clock.h"
#include "dsa/base/json.h"
#include "dsa/base/replace.h"
#include "dsa/base/when.h"
#include "dsa/ctl/ctl.h"
#include "dsa/page/page.h"
#include "dsa/page/words.h"
#include "dsa/view/view_overview.h"
#include "dsa/view/view_problems.h"
#include "dsa/view/view_roster.h"

#define USAGE "report --html FILE | --csv FILE [--since TIME]"
#define PORTION 500 /* rows */

struct report {
	struct ctl *c;
	const char *file; /* "-": standard output */
	bool html;
	int64_t now;
	struct roster_query query;
	struct roster *roster;
	json_t *status;	    /* of the daemon, or NULL */
	struct replace *to; /* NULL: standard output */
};

static enum ctl_status
take_args(int argc, char **argv, struct report *r)
{
	char why[WHEN_WHY_SIZE];

	for (int i = 1; i < argc; i += 2) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (!value)
			return ctl_usage(USAGE);
		if (strcmp(argv[i], "--since") == 0) {
			if (!when_parse_since(value, r->now, &r->query.since, why, sizeof why))
				return ctl_usage("report: %s", why);
		} else if (!r->file &&
			   (strcmp(argv[i], "--html") == 0 || strcmp(argv[i], "--csv") == 0)) {
			r->html = strcmp(argv[i], "--html") == 0;
			r->file = value;
		} else {
			return ctl_usage(USAGE);
		}
	}
	return r->file ? CTL_DONE : ctl_usage(USAGE);
}

/* ---- where it goes ---- */

/* For people to read, as their umask has it. */
static int
open_file(struct report *r, struct err *err)
{
	mode_t mask = umask(077);

	(void)umask(mask);
	if (strcmp(r->file, "-") == 0)
		return 0;
	if (replace_begin(r->file, false, &r->to, err) < 0)
		return -1;
	if (fchmod(replace_fd(r->to), 0666 & ~mask) < 0)
		return err_sys(err, errno, "'%s'", r->file);
	return 0;
}

/* Writes B out, and empties it. */
static int
put(struct report *r, struct buf *b, struct err *err)
{
	if (b->failed)
		return err_nomem(err);
	if (!b->len)
		return 0;
	if (r->to) {
		if (replace_write(r->to, buf_bytes(b), err) < 0)
			return -1;
	} else {
		(void)fwrite(b->data, 1, b->len, stdout);
	}
	buf_reset(b);
	return 0;
}

/* ---- what it says ---- */

typedef void rows_fn(struct buf *b, const struct page_table *t, const json_t *rows);

static void
csv_rows(struct buf *b, const struct page_table *t, const json_t *rows)
{
	(void)t;
	for (size_t i = 0; i < json_array_size(rows); i++)
		table_csv_row(b, page_list_columns, page_list_n, json_array_get(rows, i));
}

/* All recipients that are asked for, in portions. */
static int
put_rows(struct report *r, const struct page_table *t, rows_fn *fn, struct buf *b, struct err *err)
{
	_cleanup_(roster_page_done) struct roster_page page = {.ids = NULL};

	if (roster_query(r->roster, r->c->txn, &r->query, true, &page, err) < 0)
		return -1;
	for (size_t i = 0; i < page.n; i += PORTION) {
		size_t n = page.n - i < PORTION ? page.n - i : PORTION;
		_cleanup_(json_release) json_t *rows = NULL;

		if (view_rows(r->roster, r->c->txn, page.ids + i, n, &rows, err) < 0)
			return -1;
		fn(b, t, rows);
		if (put(r, b, err) < 0)
			return -1;
	}
	return 0;
}

static int
put_csv(struct report *r, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};

	table_csv_head(&b, page_list_columns, page_list_n);
	return put_rows(r, NULL, csv_rows, &b, err) < 0 ? -1 : put(r, &b, err);
}

/* The parts before the list. */
static int
put_parts(struct report *r, const struct page *p, struct buf *b, struct err *err)
{
	static const struct view_problems_query all = {-1, 1, 1};
	_cleanup_(json_release) json_t *overview = NULL, *waves = NULL, *problems = NULL;
	struct store_txn *t = r->c->txn;

	if (view_overview(r->roster, t, r->status, r->now, &overview, err) < 0 ||
	    view_waves(t, r->status, r->now, &waves, err) < 0 ||
	    view_problems(r->roster, t, &all, true, r->now, &problems, err) < 0)
		return -1;
	page_add_overview(b, p, overview);
	page_add_part(b, p, "all-waves", W_WAVES, page_add_waves, waves);
	page_add_problems(b, p, problems);
	return put(r, b, err);
}

static int
put_html(struct report *r, struct err *err)
{
	const struct page p = {.tab = PAGE_TABS, .title = W_REPORT, .now = r->now, .file = true};
	const struct page_table table = page_list_table(&p);
	_cleanup_(buf_done) struct buf b = {0};
	char since[CLOCK_TEXT_SIZE];

	page_begin(&b, &p);
	if (put_parts(r, &p, &b, err) < 0)
		return -1;
	buf_add_str(
	    &b, "<section aria-labelledby=\"h-list\">\n<h2 id=\"h-list\">" W_MAILBOXES "</h2>\n");
	if (r->query.since) {
		clock_format_utc(r->query.since, since);
		buf_add_str(&b, "<p>" W_SINCE " ");
		table_add_time(&b, since, r->now);
		buf_add_str(&b, "</p>\n");
	}
	table_begin(&b, &table);
	if (put_rows(r, &table, table_add_rows, &b, err) < 0)
		return -1;
	table_end(&b);
	buf_add_str(&b, "</section>\n");
	page_end(&b, &p);
	return put(r, &b, err);
}

static int
report(struct report *r, struct err *err)
{
	if (store_begin(r->c->store, STORE_READ, &r->c->txn, err) < 0 ||
	    roster_new(&r->roster, err) < 0 || roster_refresh(r->roster, r->c->txn, err) < 0 ||
	    open_file(r, err) < 0 || (r->html ? put_html(r, err) : put_csv(r, err)) < 0)
		return -1;
	return r->to ? replace_end(TAKE(r->to), true, err) : 0;
}

enum ctl_status
ctl_verb_report(struct ctl *c, int argc, char **argv)
{
	struct report r = {.c = c, .now = clock_realtime_s()};
	enum ctl_status status;
	struct err err;

	roster_query_init(&r.query);
	if (c->json)
		return ctl_usage("report: there is --html and --csv; as JSON the map is printed by "
				 "'map export'");
	status = take_args(argc, argv, &r);
	if (status != CTL_DONE)
		return status;
	/* The daemon may take its time. */
	store_abort(TAKE(c->txn));
	r.status = ctl_daemon_status(c);
	if (report(&r, &err) < 0)
		status = ctl_fail(&err);
	replace_abort(r.to);
	roster_free(r.roster);
	json_decref(r.status);
	return status;
}
