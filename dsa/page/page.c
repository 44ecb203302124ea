/* SPDX-License-Identifier: MIT */
#include "dsa/page/page.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/clock.h"
#include "dsa/base/embed.h"
#include "dsa/page/html.h"
#include "dsa/page/words.h"

EMBED(page_style, "dsa/page/page.css")

struct bytes
page_css(void)
{
	return EMBEDDED(page_style);
}

static const struct {
	const char *path, *name;
} tabs[] = {
    [PAGE_OVERVIEW] = {"/", W_OVERVIEW},
    [PAGE_MAILBOXES] = {"/mailboxes", W_MAILBOXES},
    [PAGE_GROUPS] = {"/groups", W_GROUPS},
    [PAGE_WAVES] = {"/waves", W_WAVES},
    [PAGE_PROBLEMS] = {"/problems", W_PROBLEMS},
};
_Static_assert(ARRAY_SIZE(tabs) == PAGE_TABS, "a name for each");

static void
add_head(struct buf *b, const struct page *p)
{
	struct bytes css = page_css();

	buf_add_str(b, "<!DOCTYPE html>\n<html lang=\"" W_LANGUAGE "\">\n<head>\n"
		       "<meta charset=\"utf-8\">\n"
		       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		       "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
	html_add_text(b, p->title);
	buf_add_str(b, " - " W_PRODUCT "</title>\n");
	if (!p->file) {
		buf_add_str(b, "<link rel=\"icon\" href=\"/portal.svg\" type=\"image/svg+xml\">\n"
			       "<link rel=\"stylesheet\" href=\"/portal.css\">\n"
			       "<script src=\"/portal.js\" defer></script>\n</head>\n");
		return;
	}
	buf_add_str(b, "<meta http-equiv=\"Content-Security-Policy\" "
		       "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<style>\n");
	buf_add(b, css.data, css.len);
	buf_add_str(b, "</style>\n</head>\n");
}

static void
add_tabs(struct buf *b, const struct page *p)
{
	buf_add_str(b, "<nav aria-label=\"" W_PAGES "\">\n<ul>\n");
	for (size_t i = 0; i < PAGE_TABS; i++)
		buf_printf(b, "<li><a href=\"%s\"%s>%s</a></li>\n", tabs[i].path,
		    i == (size_t)p->tab ? " aria-current=\"page\"" : "", tabs[i].name);
	buf_add_str(b, "</ul>\n</nav>\n");
}

void
page_add_moment(struct buf *b, const char *css_class, const char *what, int64_t t)
{
	char utc[CLOCK_TEXT_SIZE];

	buf_printf(b, "<p class=\"%s\">%s ", css_class, what);
	clock_format_utc(t, utc);
	table_add_time(b, utc, t);
	buf_add_str(b, "</p>\n");
}

void
page_begin(struct buf *b, const struct page *p)
{
	add_head(b, p);
	buf_add_str(b, "<body>\n");
	if (!p->file) {
		buf_add_str(b, "<a class=\"skip\" href=\"#main\">" W_SKIP "</a>\n<header>\n"
			       "<p class=\"product\">" W_PRODUCT "</p>\n");
		add_tabs(b, p);
		buf_add_str(b, "</header>\n");
	}
	buf_add_str(b, "<main id=\"main\" tabindex=\"-1\">\n<h1>");
	html_add_text(b, p->title);
	buf_add_str(b, "</h1>\n");
	if (!p->live)
		page_add_moment(b, "read", W_READ, p->now);
}

void
page_end(struct buf *b, const struct page *p)
{
	char zone[CLOCK_TEXT_SIZE];

	clock_format_zone(p->now, zone);
	buf_add_str(b, "</main>\n");
	if (!p->file)
		buf_add_str(b, "<p id=\"said\" role=\"status\" aria-live=\"polite\"></p>\n");
	buf_printf(b, "<footer><p>" W_FOOT " %s.</p></footer>\n</body>\n</html>\n", zone);
}

void
page_add_error(struct buf *b, const char *text)
{
	buf_add_str(b, "<p class=\"error\" role=\"alert\">" W_SORRY ": ");
	html_add_text(b, text);
	buf_add_str(b, "</p>\n");
}

void
page_add_part(struct buf *b, const struct page *p, const char *id, const char *head,
    page_part_fn *add, const json_t *o)
{
	buf_printf(
	    b, "<section aria-labelledby=\"h-%s\">\n<h2 id=\"h-%s\">%s</h2>\n", id, id, head);
	add(b, p, o);
	buf_add_str(b, "</section>\n");
}
