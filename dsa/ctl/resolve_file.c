/* SPDX-License-Identifier: MIT */
#include "dsa/ctl/resolve_file.h"

#include <string.h>

#include "dsa/base/csv.h"
#include "dsa/base/list.h"
#include "dsa/base/str.h"

enum { COLUMN_SOURCE, COLUMN_RESOLUTION, COLUMN_TARGET, COLUMN_LINK };

static void
line_done(struct resolve_line *l)
{
	free(l->who);
	free(l->target);
	free(l->link);
}

void
resolve_file_done(struct resolve_file *f)
{
	for (size_t i = 0; i < f->n; i++)
		line_done(&f->v[i]);
	free(f->v);
	*f = (struct resolve_file){.n = 0};
}

struct reading {
	struct resolve_file *f;
	const char *path;
	bool begun; /* a line with columns was read */
};

/* Column I of L, or NULL if it is empty or not there. */
static const char *
column(const struct csv_line *l, size_t i)
{
	return i < l->n && *l->columns[i] ? l->columns[i] : NULL;
}

static enum resolved_as
resolution_of(const char *name)
{
	for (size_t i = RESOLVED_WITH; name && i < RESOLVED_MAX; i++)
		if (str_equal_nocase(name, resolved_as_name((enum resolved_as)i)))
			return (enum resolved_as)i;
	return RESOLVED_NOT;
}

/* Why L cannot be taken, or NULL. */
static const char *
refusal(const struct csv_line *l, enum resolved_as as)
{
	if (l->wrong)
		return l->wrong;
	if (!column(l, COLUMN_SOURCE))
		return "its first column is empty: it names the object";
	if (as == RESOLVED_NOT)
		return "its second column is with, create or ignore";
	if ((as == RESOLVED_WITH) != (column(l, COLUMN_TARGET) != NULL))
		return "its third column names the counterpart if the second one is with, and is "
		       "empty else";
	return NULL;
}

static int
copy(const char *s, char **ret)
{
	*ret = s ? strdup(s) : NULL;
	return s && !*ret ? -1 : 0;
}

static int
add_line(struct resolve_file *f, const struct csv_line *l, enum resolved_as as, struct err *err)
{
	struct resolve_line x = {.as = as, .number = l->number};

	if (copy(column(l, COLUMN_SOURCE), &x.who) < 0 ||
	    copy(column(l, COLUMN_TARGET), &x.target) < 0 ||
	    copy(column(l, COLUMN_LINK), &x.link) < 0 || list_grow(f->v, f->n, f->cap) < 0) {
		line_done(&x);
		return err_nomem(err);
	}
	f->v[f->n++] = x;
	return 0;
}

static int
take_line(const struct csv_line *l, void *arg, struct err *err)
{
	struct reading *r = arg;
	enum resolved_as as = l->wrong ? RESOLVED_NOT : resolution_of(column(l, COLUMN_RESOLUTION));
	const char *why = refusal(l, as);
	bool first = !r->begun;
	char shown[80];

	r->begun = true;
	if (first && !l->wrong && l->n > COLUMN_RESOLUTION &&
	    str_equal_nocase(l->columns[COLUMN_SOURCE], "source") &&
	    str_equal_nocase(l->columns[COLUMN_RESOLUTION], "resolution"))
		return 0;
	if (!why)
		return add_line(r->f, l, as, err);
	err_escape(shown, sizeof shown, l->raw);
	return err_conf(err, "%s:%u: %s: %s", r->path, l->number, shown, why);
}

int
resolve_file_read(const char *path, struct resolve_file *ret, struct err *err)
{
	struct reading r = {.f = ret, .path = path};

	*ret = (struct resolve_file){.n = 0};
	if (csv_read(path, take_line, &r, err) == 0)
		return 0;
	resolve_file_done(ret);
	return -1;
}
