/* SPDX-License-Identifier: MIT */
#include "dsa/config/conf_notes.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/config/conf.h"
#include "dsa/config/conf_text.h"

/* More mistakes than a person reads: the rest is counted. */
#define MAX_NOTES 200

struct conf_note {
	unsigned line; /* of the whole text: the order of the file, includes in place */
	size_t number; /* keeps the order of those of one line */
	char *text;
};

void
conf_notes_done(struct conf_notes *n)
{
	for (size_t i = 0; i < n->n; i++)
		free(n->v[i].text);
	free(n->v);
	*n = (struct conf_notes){0};
}

config_setting_t *
conf_member(const config_setting_t *group, const char *name)
{
	return config_setting_is_group(group) ? config_setting_get_member(group, name) : NULL;
}

/* Escapes the whole message: values of the file are in it. */
static char *
finish_text(struct buf *b)
{
	size_t size = 4 * b->len + 8;
	char *text = b->failed ? NULL : malloc(size);

	if (text)
		err_escape(text, size, buf_bytes(b));
	return text;
}

PRINTF_LIKE(4, 0)
static void
add_note(struct conf_notes *n, unsigned line, const char *key, const char *fmt, va_list ap)
{
	_cleanup_(buf_done) struct buf b = {0};
	_cleanup_(free) char *what = NULL;
	const struct conf_file *f;
	char *text = NULL;
	int file_line;

	if (list_grow(n->v, n->n, n->cap) < 0) {
		n->nomem = true;
		return;
	}
	f = conf_text_where(n->text, line, &file_line);
	if (f)
		buf_printf(&b, "%s:%d: ", f->name, file_line);
	else
		buf_printf(&b, "%s: ", n->file);
	if (key)
		buf_printf(&b, "%s: ", key);
	if (vasprintf(&what, fmt, ap) < 0)
		what = NULL;
	buf_add_str(&b, what ? what : "out of memory");
	if (!(text = finish_text(&b))) {
		n->nomem = true;
		return;
	}
	n->v[n->n] = (struct conf_note){line, n->n, text};
	n->n++;
}

void
conf_note_line(struct conf_notes *n, unsigned line, const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_note(n, line, key, fmt, ap);
	va_end(ap);
}

/* "links[0].scopes[1]" of setting S. */
static void
add_path(struct buf *b, const config_setting_t *s)
{
	const config_setting_t *parent = config_setting_parent(s);

	if (!parent)
		return;
	add_path(b, parent);
	if (config_setting_name(s))
		buf_printf(b, "%s%s", b->len ? "." : "", config_setting_name(s));
	else
		buf_printf(b, "[%d]", config_setting_index(s));
}

void
conf_path(const config_setting_t *at, const char *member, struct buf *ret)
{
	add_path(ret, at);
	if (member)
		buf_printf(ret, "%s%s", ret->len ? "." : "", member);
}

void
conf_note(
    struct conf_notes *n, const config_setting_t *at, const char *member, const char *fmt, ...)
{
	_cleanup_(buf_done) struct buf path = {0};
	const config_setting_t *found = member ? conf_member(at, member) : NULL;
	va_list ap;

	if (found) {
		at = found;
		member = NULL;
	}
	conf_path(at, member, &path);
	va_start(ap, fmt);
	add_note(
	    n, config_setting_source_line(at), path.len ? (const char *)path.data : NULL, fmt, ap);
	va_end(ap);
}

/* Takes LINE over. Without memory the line is lost. */
static void
add_line(struct conf_errors *e, char *line)
{
	if (list_grow(e->lines, e->n, e->cap) < 0) {
		free(line);
		return;
	}
	if (line)
		e->lines[e->n++] = line;
}

static int
compare_notes(const void *x, const void *y)
{
	const struct conf_note *nx = x, *ny = y;

	if (nx->line != ny->line)
		return nx->line < ny->line ? -1 : 1;
	return (nx->number > ny->number) - (nx->number < ny->number);
}

void
conf_notes_hand_out(struct conf_notes *n, struct conf_errors *errors)
{
	if (n->nomem)
		add_line(errors, str_printf("%s: out of memory", n->file));
	if (n->n)
		qsort(n->v, n->n, sizeof *n->v, compare_notes);
	for (size_t i = 0; i < n->n && i < MAX_NOTES; i++)
		add_line(errors, TAKE(n->v[i].text));
	if (n->n > MAX_NOTES)
		add_line(
		    errors, str_printf("%s: and %zu more mistakes", n->file, n->n - MAX_NOTES));
}
