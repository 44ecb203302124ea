/* SPDX-License-Identifier: MIT */
#include "dsa/rules/pairs_csv.h"

#include <string.h>

#include "dsa/base/csv.h"
#include "dsa/base/list.h"
#include "dsa/base/str.h"

struct pair {
	char *source, *target;
	unsigned line;
};

struct match_csv {
	struct pair *pairs; /* sorted by source, ASCII case ignored */
	size_t n, cap;
};

void
match_csv_free(struct match_csv *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++) {
		free(m->pairs[i].source);
		free(m->pairs[i].target);
	}
	free(m->pairs);
	free(m);
}
DEFINE_CLEANUP(struct match_csv *, match_csv_free)

static int
add_pair(
    struct match_csv *m, unsigned line, const char *source, const char *target, struct err *err)
{
	struct pair p = {.source = strdup(source), .target = strdup(target), .line = line};

	if (!p.source || !p.target || list_grow(m->pairs, m->n, m->cap) < 0) {
		free(p.source);
		free(p.target);
		return err_nomem(err);
	}
	m->pairs[m->n++] = p;
	return 0;
}

struct loading {
	struct match_csv *m;
	const char *file;
	bool begun; /* a line with columns was read */
};

/* True if L is two columns: what is behind them is empty. */
static bool
is_pair(const struct csv_line *l)
{
	for (size_t i = 2; i < l->n; i++)
		if (*l->columns[i])
			return false;
	return l->n >= 2 && *l->columns[0] && *l->columns[1];
}

static int
take_line(const struct csv_line *l, void *arg, struct err *err)
{
	struct loading *p = arg;
	bool first = !p->begun;
	char shown[80];

	err_escape(shown, sizeof shown, l->raw);
	if (l->wrong)
		return err_conf(err, "%s:%u: %s: %s", p->file, l->number, shown, l->wrong);
	p->begun = true;
	if (!is_pair(l))
		return err_conf(err,
		    "%s:%u: %s: it has %zu columns; expected are two, source and target, neither "
		    "empty: quote what holds a separator, and use one separator in the whole file",
		    p->file, l->number, shown, l->n);
	if (first && str_equal_nocase(l->columns[0], "source") &&
	    str_equal_nocase(l->columns[1], "target"))
		return 0;
	return add_pair(p->m, l->number, l->columns[0], l->columns[1], err);
}

/* Those of one source in the order of the file. */
static int
compare_pairs(const void *x, const void *y)
{
	const struct pair *p = x, *q = y;
	int c = strcasecmp(p->source, q->source);

	return c ? c : (p->line > q->line) - (p->line < q->line);
}

/* A source may be named again with the same target. */
static int
check_twice(const struct match_csv *m, const char *file, struct err *err)
{
	for (size_t i = 1; i < m->n; i++) {
		const struct pair *p = &m->pairs[i - 1], *q = &m->pairs[i];

		if (strcasecmp(p->source, q->source) == 0 && strcasecmp(p->target, q->target) != 0)
			return err_conf(err,
			    "%s:%u: '%s' is paired with '%s', and with '%s' in line %u", file,
			    q->line, q->source, q->target, p->target, p->line);
	}
	return 0;
}

int
match_csv_load(const char *file, struct match_csv **ret, struct err *err)
{
	_cleanup_(match_csv_free) struct match_csv *m = calloc(1, sizeof *m);
	struct loading l = {.m = m, .file = file};

	if (!m)
		return err_nomem(err);
	if (csv_read(file, take_line, &l, err) < 0)
		return err_ctx(err, "a match rule's file of pairs");
	if (m->n)
		qsort(m->pairs, m->n, sizeof *m->pairs, compare_pairs);
	if (check_twice(m, file, err) < 0)
		return -1;
	*ret = TAKE(m);
	return 0;
}

static int
compare_id(const void *x, const void *y)
{
	const struct bytes *id = x;
	const struct pair *p = y;
	int c = strncasecmp(id->data, p->source, id->len);

	return c ? c : p->source[id->len] ? -1 : 0;
}

const char *
match_csv_find(const struct match_csv *m, struct bytes id)
{
	const struct pair *hit = NULL;

	if (m->n && id.len && !memchr(id.data, '\0', id.len))
		hit = bsearch(&id, m->pairs, m->n, sizeof *m->pairs, compare_id);
	return hit ? hit->target : NULL;
}
