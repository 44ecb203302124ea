/* SPDX-License-Identifier: MIT */
#include "dsa/rules/pairs_csv.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"

struct pair {
	char *source, *target;
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

/* One field from *AT into RET, blanks around it dropped; *AT moves behind its separator. False if a
 * quoted field does not end. */
static bool
read_field(const char **at, struct buf *ret)
{
	const char *p = *at + strspn(*at, " ");
	bool quoted = *p == '"';

	buf_reset(ret);
	buf_add(ret, "", 0);
	if (quoted) {
		for (p++; *p && (*p != '"' || p[1] == '"'); p++) {
			if (*p == '"')
				p++;
			buf_add_char(ret, *p);
		}
		if (*p++ != '"')
			return false;
		p += strspn(p, " ");
	} else {
		/* A DN holds commas: unquoted, it needs one of the other separators, or quotes. */
		while (*p && !strchr(",;\t", *p))
			buf_add_char(ret, *p++);
		while (ret->len && ret->data[ret->len - 1] == ' ')
			ret->data[--ret->len] = '\0';
	}
	if (*p && strchr(",;\t", *p))
		p++;
	else if (*p)
		return false;
	*at = p;
	return true;
}

static int
add_pair(struct match_csv *m, const char *source, const char *target)
{
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 64;
		struct pair *pairs = realloc(m->pairs, cap * sizeof *pairs);

		if (!pairs)
			return -1;
		m->pairs = pairs;
		m->cap = cap;
	}
	m->pairs[m->n] = (struct pair){strdup(source), strdup(target)};
	m->n++;
	return m->pairs[m->n - 1].source && m->pairs[m->n - 1].target ? 0 : -1;
}

static int
read_line(struct match_csv *m, const char *file, int number, char *line, struct err *err)
{
	_cleanup_(buf_done) struct buf source = {0}, target = {0};
	const char *at = line;

	line[strcspn(line, "\r\n")] = '\0';
	if (!line[strspn(line, " \t")] || line[0] == '#')
		return 0;
	if (!read_field(&at, &source) || !read_field(&at, &target) || *at || !source.len ||
	    !target.len)
		return err_conf(err,
		    "%s:%d: expected two columns, source and target; quote what holds a separator",
		    file, number);
	if (source.failed || target.failed)
		return err_nomem(err);
	if (number == 1 && str_equal_nocase((char *)source.data, "source") &&
	    str_equal_nocase((char *)target.data, "target"))
		return 0;
	return add_pair(m, (char *)source.data, (char *)target.data) < 0 ? err_nomem(err) : 0;
}

static int
compare_pairs(const void *x, const void *y)
{
	return strcasecmp(((const struct pair *)x)->source, ((const struct pair *)y)->source);
}

int
match_csv_load(const char *file, struct match_csv **ret, struct err *err)
{
	_cleanup_(match_csv_free) struct match_csv *m = calloc(1, sizeof *m);
	_cleanup_(free) char *line = NULL;
	FILE *f = fopen(file, "re");
	size_t cap = 0;
	int rc = 0;

	if (!m || !f) {
		if (f)
			(void)fclose(f);
		return m ? err_sys(err, errno, "match file '%s'", file) : err_nomem(err);
	}
	for (int number = 1; rc == 0 && getline(&line, &cap, f) >= 0; number++)
		rc = read_line(m, file, number, line, err);
	if (rc == 0 && ferror(f))
		rc = err_sys(err, errno, "match file '%s'", file);
	(void)fclose(f);
	if (rc < 0)
		return -1;
	if (m->n)
		qsort(m->pairs, m->n, sizeof *m->pairs, compare_pairs);
	for (size_t i = 1; i < m->n; i++)
		if (compare_pairs(&m->pairs[i - 1], &m->pairs[i]) == 0 &&
		    strcasecmp(m->pairs[i - 1].target, m->pairs[i].target) != 0)
			return err_conf(err, "%s: '%s' is paired with both '%s' and '%s'", file,
			    m->pairs[i].source, m->pairs[i - 1].target, m->pairs[i].target);
	*ret = TAKE(m);
	return 0;
}

const char *
match_csv_find(const struct match_csv *m, struct bytes id)
{
	_cleanup_(free) char *text = bytes_dup(id);
	struct pair key = {.source = text}, *hit;

	if (!text)
		return NULL;
	hit = m->n ? bsearch(&key, m->pairs, m->n, sizeof key, compare_pairs) : NULL;
	return hit ? hit->target : NULL;
}
