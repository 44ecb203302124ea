/* SPDX-License-Identifier: MIT */
#include "dsa/config/conf.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/config/conf_priv.h"

/* More mistakes than a person reads: the rest is counted. */
#define MAX_NOTES 200

struct conf_note {
	unsigned line; /* of the whole text: the order of the file, includes in place */
	size_t number; /* keeps the order of those of one line */
	char *text;
};

char *
conf_get_ptr(const void *base, size_t offset)
{
	char *p;

	memcpy(&p, (const char *)base + offset, sizeof p);
	return p;
}

void
conf_set_ptr(void *base, size_t offset, const void *p)
{
	memcpy((char *)base + offset, &p, sizeof p);
}

static void free_section(enum conf_section section, void *base);

/* What the structures hold beside the keys. */
static void
free_extra(enum conf_section section, void *base)
{
	if (section == CONF_SCOPE) {
		struct conf_scope *s = base;

		free(s->base_norm);
		filter_free(s->filter);
	} else if (section == CONF_ROW) {
		free(((struct conf_row *)base)->file);
	} else if (section == CONF_LINK) {
		free(((struct conf_link *)base)->file);
	}
}

static void
free_elements(const struct conf_key *k, void *base)
{
	char *array = conf_get_ptr(base, k->offset);
	size_t n = *(const size_t *)(const void *)((const char *)base + k->n_offset);

	for (size_t i = 0; array && i < n; i++) {
		if (k->type == CONF_STRINGS)
			free(conf_get_ptr(array, i * sizeof(char *)));
		else if (k->type == CONF_MATCH)
			match_rule_done((struct match_rule *)(void *)array + i);
		else
			free_section(k->sub, array + i * conf_section_info(k->sub)->size);
	}
	free(array);
}

static void
free_section(enum conf_section section, void *base)
{
	free_extra(section, base);
	for (const struct conf_key *k = NULL; (k = conf_next_key(section, k));) {
		if (k->type == CONF_STRING || k->type == CONF_PATH)
			free(conf_get_ptr(base, k->offset));
		else if (k->type == CONF_STRINGS || k->type == CONF_MATCH || k->type == CONF_LIST)
			free_elements(k, base);
		else if (k->type == CONF_GROUP)
			free_section(k->sub, base);
	}
}

void
conf_free(struct conf *c)
{
	if (!c)
		return;
	free_section(CONF_TOP, c);
	free(c);
}

const struct conf_link *
conf_find_link(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_links; i++)
		if (strcmp(c->links[i].name, name) == 0)
			return &c->links[i];
	return NULL;
}

void
conf_errors_done(struct conf_errors *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->lines[i]);
	free(e->lines);
	*e = (struct conf_errors){0};
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

const struct conf_file *
conf_where(const struct conf_ctx *c, unsigned line, int *ret_line)
{
	const struct conf_text *t = &c->text;

	if (line == 0 || line > t->n_lines)
		line = line && t->n_lines ? (unsigned)t->n_lines : 1;
	*ret_line = t->n_lines ? (int)t->lines[line - 1].line : 1;
	return t->n_lines ? &t->files[t->lines[line - 1].file] : NULL;
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
add_note(struct conf_ctx *c, unsigned line, const char *key, const char *fmt, va_list ap)
{
	_cleanup_(buf_done) struct buf b = {0};
	_cleanup_(free) char *what = NULL;
	const struct conf_file *f;
	char *text = NULL;
	int file_line;

	if (list_grow(c->notes, c->n_notes, c->cap_notes) < 0) {
		c->nomem = true;
		return;
	}
	f = conf_where(c, line, &file_line);
	if (f)
		buf_printf(&b, "%s:%d: ", f->name, file_line);
	else
		buf_printf(&b, "%s: ", c->file);
	if (key)
		buf_printf(&b, "%s: ", key);
	if (vasprintf(&what, fmt, ap) < 0)
		what = NULL;
	buf_add_str(&b, what ? what : "out of memory");
	if (!(text = finish_text(&b))) {
		c->nomem = true;
		return;
	}
	c->notes[c->n_notes] = (struct conf_note){line, c->n_notes, text};
	c->n_notes++;
}

void
conf_note_line(struct conf_ctx *c, unsigned line, const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_note(c, line, key, fmt, ap);
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
conf_note(struct conf_ctx *c, const config_setting_t *at, const char *member, const char *fmt, ...)
{
	_cleanup_(buf_done) struct buf path = {0};
	const config_setting_t *found = member ? conf_member(at, member) : NULL;
	va_list ap;

	if (found) {
		at = found;
		member = NULL;
	}
	add_path(&path, at);
	if (member)
		buf_printf(&path, "%s%s", path.len ? "." : "", member);
	va_start(ap, fmt);
	add_note(
	    c, config_setting_source_line(at), path.len ? (const char *)path.data : NULL, fmt, ap);
	va_end(ap);
}

static int
compare_notes(const void *x, const void *y)
{
	const struct conf_note *nx = x, *ny = y;

	if (nx->line != ny->line)
		return nx->line < ny->line ? -1 : 1;
	return (nx->number > ny->number) - (nx->number < ny->number);
}

static void
hand_out(struct conf_ctx *c, struct conf_errors *errors)
{
	if (c->nomem)
		add_line(errors, str_printf("%s: out of memory", c->file));
	if (c->n_notes)
		qsort(c->notes, c->n_notes, sizeof *c->notes, compare_notes);
	for (size_t i = 0; i < c->n_notes && i < MAX_NOTES; i++)
		add_line(errors, TAKE(c->notes[i].text));
	if (c->n_notes > MAX_NOTES)
		add_line(errors,
		    str_printf("%s: and %zu more mistakes", c->file, c->n_notes - MAX_NOTES));
}

static void
note_syntax(struct conf_ctx *c)
{
	conf_note_line(c, (unsigned)config_error_line(&c->cfg), NULL,
	    "%s; allowed: the syntax of galsync.conf(5)", config_error_text(&c->cfg));
}

static int
load(const char *file, bool public, struct conf **ret, struct conf_errors *errors)
{
	struct conf_ctx c = {.file = file, .public = public};
	int rc = -1;

	config_init(&c.cfg);
	conf_read(&c, file);
	if (c.text.n_files && !c.unreadable && !c.nomem) {
		if (config_read_string(&c.cfg, (const char *)c.text.text.data) != CONFIG_TRUE)
			note_syntax(&c);
		else
			conf_load_tree(&c);
	}
	if (c.n_notes == 0 && !c.nomem) {
		*ret = TAKE(c.conf);
		rc = 0;
	} else {
		hand_out(&c, errors);
	}
	for (size_t i = 0; i < c.n_notes; i++)
		free(c.notes[i].text);
	free(c.notes);
	conf_free(c.conf);
	conf_text_done(&c.text);
	config_destroy(&c.cfg);
	return rc;
}

int
conf_load(const char *file, struct conf **ret, struct conf_errors *errors)
{
	return load(file, false, ret, errors);
}

int
conf_load_public(const char *file, struct conf **ret, struct conf_errors *errors)
{
	return load(file, true, ret, errors);
}
