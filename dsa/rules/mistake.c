/* SPDX-License-Identifier: MIT */
#include "dsa/rules/mistake.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/list.h"

void
mistakes_done(struct mistakes *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i].text);
	free(list->v);
	*list = (struct mistakes){.n = 0};
}

static void
add_place(struct buf *b, const struct conf_link *link, const struct mistake_at *at)
{
	const char *where = conf_where(link->whole, at->string);

	if (where)
		buf_printf(b, "%s: ", where);
	else if (at->file)
		buf_printf(b, "%s:%d: %s: ", at->file, at->line, at->key);
	else
		buf_printf(b, "link '%s': %s: ", link->name, at->key);
}

/* Takes TEXT over. */
static void
add_text(struct mistakes *list, enum mistake_weight weight, char *text)
{
	_cleanup_(free) char *own = text;

	for (size_t i = 0; text && i < list->n; i++)
		if (strcmp(list->v[i].text, text) == 0)
			return;
	if (!text || list_grow(list->v, list->n, list->cap) < 0)
		list->nomem = true;
	else
		list->v[list->n++] = (struct mistake){weight, TAKE(own)};
}

void
mistakes_add(struct mistakes *list, enum mistake_weight weight, const struct conf_link *link,
    const struct mistake_at *at, const char *fmt, ...)
{
	_cleanup_(buf_done) struct buf b = {0};
	_cleanup_(free) char *what = NULL;
	va_list ap;

	add_place(&b, link, at);
	va_start(ap, fmt);
	if (vasprintf(&what, fmt, ap) < 0)
		what = NULL;
	va_end(ap);
	if (what)
		buf_add_str(&b, what);
	add_text(list, weight, what ? buf_take_str(&b) : NULL);
}

void
mistakes_join(struct mistakes *list, struct mistakes *more)
{
	for (size_t i = 0; i < more->n; i++)
		add_text(list, more->v[i].weight, TAKE(more->v[i].text));
	list->nomem |= more->nomem;
	mistakes_done(more);
}

const struct mistake *
mistakes_stop(const struct mistakes *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].weight >= MISTAKE_RIGHTS)
			return &list->v[i];
	return NULL;
}
