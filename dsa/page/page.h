/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_PAGE_PAGE_H
#define GALSYNC_PAGE_PAGE_H

/*
 * What the views say (dsa/view) as pages of HTML: for galsync-portal, and as one file for
 * `galsyncctl report`. Everything can be read without script: a table is a table, a filter is a
 * form, an order is a link. No page has script or style of its own in it; the report, which is one
 * file, has its style, and no script at all.
 *
 * A page is appended to a buffer; without memory the buffer has failed.
 */

#include <jansson.h>
#include <stdint.h>

#include "dsa/base/mem.h"
#include "dsa/page/table.h"
#include "dsa/view/roster_query.h"

enum page_tab { PAGE_OVERVIEW, PAGE_MAILBOXES, PAGE_GROUPS, PAGE_WAVES, PAGE_PROBLEMS, PAGE_TABS };

struct page {
	enum page_tab tab; /* PAGE_TABS: none of them */
	const char *title;
	int64_t now; /* seconds since the epoch: when it is made */
	bool file;   /* one file without a server: nothing leads anywhere */
	bool live;   /* what the directories said: its parts have their age */
	/* Of its tables (table.h). */
	const char *csv_path, *csv_id;
	struct buf *csv;
};
/* What a table has of its page P. */
#define PAGE_TABLE(p)                                                                              \
	.now = (p)->now, .csv_path = (p)->csv_path, .csv_id = (p)->csv_id, .csv = (p)->csv

void page_begin(struct buf *b, const struct page *p);
void page_end(struct buf *b, const struct page *p);
/* A line that says when WHAT was, with its age. */
void page_add_moment(struct buf *b, const char *css_class, const char *what, int64_t t);
/* An error as a page of its own, or a part of one. */
void page_add_error(struct buf *b, const char *text);

/* What the views give, as the content of a page. */
void page_add_overview(struct buf *b, const struct page *p, const json_t *overview);
void page_add_waves(struct buf *b, const struct page *p, const json_t *waves);
void page_add_wave(struct buf *b, const struct page *p, const json_t *wave);
void page_add_problems(struct buf *b, const struct page *p, const json_t *problems);
/* The list that Q asked for, with a form that asks again. PATH: its page. */
void page_add_list(struct buf *b, const struct page *p, const char *path,
    const struct roster_query *q, const json_t *list);
/* The table of recipients, of any length, in pieces (table.h). */
struct page_table page_list_table(const struct page *p);
/* A part of a page that is one file: what ADD appends, as a section with its head. */
typedef void page_part_fn(struct buf *b, const struct page *p, const json_t *o);
void page_add_part(struct buf *b, const struct page *p, const char *id, const char *head,
    page_part_fn *add, const json_t *o);
void page_add_mailbox(struct buf *b, const struct page *p, const json_t *one);
/* What the directories said at P's time, each as a section: who is called so, and of one recipient
 * the daemon's answers to `explain`, `switch-plan`, `trace` and `members`. */
void page_add_found(struct buf *b, const struct page *p, const json_t *found);
void page_add_explained(struct buf *b, const struct page *p, const json_t *answer);
void page_add_checks(struct buf *b, const struct page *p, const json_t *answer);
void page_add_way(struct buf *b, const struct page *p, const json_t *answer);
void page_add_members(struct buf *b, const struct page *p, const json_t *answer);
/* Where the page of LIST (found, page, pages) is among all, and the ways to the others: PATH with
 * QUERY and a page. */
void page_add_turning(
    struct buf *b, const struct page *p, const char *path, const char *query, const json_t *list);

/* The columns of the tables that there are as CSV. */
extern const struct table_column page_list_columns[], page_wave_columns[], page_member_columns[],
    page_problem_columns[];
extern const size_t page_list_n, page_wave_n, page_member_n, page_problem_n;

/* The time line of view_time_line() as a picture and as a table. */
void page_add_time_line(struct buf *b, const struct page *p, const json_t *days);

/* The style sheet, as text. */
struct bytes page_css(void);

#endif
