/* SPDX-License-Identifier: MIT */
/*
 * A column in quotes cannot hold the end of a line, which RFC 4180 allows: with one quote forgotten
 * the rest of the file would be one column, and the error would name the wrong line. Nothing that
 * galsync reads has a line end in it.
 *
 * The columns are made in place, in a copy of the line: a column is never longer than its text.
 */
#include "dsa/base/csv.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/base/trust.h"

#define SEPARATORS ",;\t"
#define BOM "\xef\xbb\xbf"

struct csv {
	char separator; /* NUL until the first one was met */
	struct buf copy;
	char *columns[CSV_COLUMNS_MAX];
	csv_fn *fn;
	void *arg;
};

static void
csv_donep(struct csv *c)
{
	buf_done(&c->copy);
}

/* True if OCTET ends a column. */
static bool
is_end(struct csv *c, char octet)
{
	if (!octet)
		return true;
	if (!c->separator && strchr(SEPARATORS, octet))
		c->separator = octet;
	return octet == c->separator;
}

/* The column in quotes at P becomes *RET. *AT as read_column(). What is wrong, or NULL. */
static const char *
read_quoted(struct csv *c, char *p, char **at, char **ret)
{
	char *in = p + 1, *out = p;

	for (; *in && (*in != '"' || in[1] == '"'); in++) {
		in += *in == '"';
		*out++ = *in;
	}
	if (!*in)
		return "its quote is not closed in this line: a column in quotes ends in its "
		       "line, and a quote in it is written twice";
	in++;
	in += strspn(in, " ");
	if (!is_end(c, *in))
		return "there is text between the closing quote and the separator: the whole "
		       "column is quoted, and a quote in it is written twice";
	*at = *in ? in + 1 : NULL;
	*out = '\0';
	*ret = p;
	return NULL;
}

/* The column at *AT becomes *RET. *AT moves behind its separator, or is NULL behind the last one.
 * What is wrong, or NULL. */
static const char *
read_column(struct csv *c, char **at, char **ret)
{
	char *p = *at + strspn(*at, " "), *end = p;

	if (*p == '"')
		return read_quoted(c, p, at, ret);
	while (!is_end(c, *end))
		end++;
	*at = *end ? end + 1 : NULL;
	while (end > p && end[-1] == ' ')
		end--;
	*end = '\0';
	*ret = p;
	return NULL;
}

/* True if a spreadsheet takes S for a formula. Some know the wide signs of East Asia too. */
static bool
is_formula(const char *s)
{
	static const char *const wide[] = {
	    "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"};

	s += strspn(s, " '");
	for (size_t i = 0; i < ARRAY_SIZE(wide); i++)
		if (strncmp(s, wide[i], strlen(wide[i])) == 0)
			return true;
	return *s && strchr("=+-@\t\r\n", *s);
}

/* Splits the copy of the line into *N columns. What is wrong, or NULL. */
static const char *
split(struct csv *c, size_t *n)
{
	const char *wrong = NULL;

	for (char *at = (char *)c->copy.data; at && !wrong; ++*n) {
		if (*n == CSV_COLUMNS_MAX)
			return "it has more than 1024 columns";
		wrong = read_column(c, &at, &c->columns[*n]);
		if (!wrong && str_has_control(c->columns[*n]))
			wrong = "it has a control character in a column: only text is allowed, and "
				"a tab only as the separator of the whole file";
		if (!wrong && *c->columns[*n] == '\'' && is_formula(c->columns[*n] + 1))
			c->columns[*n]++;
	}
	return wrong;
}

static bool
is_passed_over(struct bytes line)
{
	const char *p = line.data;
	size_t i = 0;

	while (i < line.len && p[i] == ' ')
		i++;
	if (i < line.len && p[i] == '#')
		return true;
	while (i < line.len && (p[i] == ' ' || p[i] == '\t'))
		i++;
	return i == line.len;
}

static int
give_line(struct csv *c, unsigned number, struct bytes raw, struct err *err)
{
	struct csv_line l = {.number = number, .raw = raw, .columns = c->columns};

	if (is_passed_over(raw))
		return 0;
	buf_reset(&c->copy);
	if (raw.len > CSV_LINE_MAX) {
		l.wrong = "it is longer than 1048576 octets";
	} else if (!utf8_valid(raw)) {
		l.wrong = "it is not UTF-8: save the file as CSV in UTF-8";
	} else {
		buf_add(&c->copy, raw.data, raw.len);
		if (c->copy.failed)
			return err_nomem(err);
		l.wrong = split(c, &l.n);
	}
	return c->fn(&l, c->arg, err);
}

/* How many octets the end of a line at P has; there are LEFT of them. */
static size_t
end_len(const char *p, size_t left)
{
	return left > 1 && p[0] == '\r' && p[1] == '\n' ? 2 : left > 0 ? 1 : 0;
}

int
csv_parse(const char *name, struct bytes text, csv_fn *fn, void *arg, struct err *err)
{
	__attribute__((__cleanup__(csv_donep))) struct csv c = {.fn = fn, .arg = arg};
	bool marked = text.len >= 3 && memcmp(text.data, BOM, 3) == 0;
	const char *p = text.data;
	int rc = 0;

	if (text.len && memchr(p, '\0', text.len))
		return err_data(
		    err, "'%s' is no UTF-8 text, it has NUL octets: save it as CSV in UTF-8", name);
	for (size_t at = marked ? 3 : 0, number = 1; at < text.len && rc == 0; number++) {
		size_t n = 0;

		while (at + n < text.len && p[at + n] != '\n' && p[at + n] != '\r')
			n++;
		rc = give_line(&c, (unsigned)number, (struct bytes){p + at, n}, err);
		at += n;
		at += end_len(p + at, text.len - at);
	}
	return rc < 0 ? -1 : 0;
}

static int
read_all(FILE *in, struct buf *ret, struct err *err)
{
	char piece[16384];
	size_t n;

	while ((n = fread(piece, 1, sizeof piece, in)) > 0) {
		if (ret->len + n > CSV_FILE_MAX)
			return err_data(err, "it has more than 67108864 octets");
		buf_add(ret, piece, n);
		if (ret->failed)
			return err_nomem(err);
	}
	return ferror(in) ? err_sys(err, errno, "read") : 0;
}

static int
check_owner(FILE *in, const char *path, struct err *err)
{
	char why[160];
	struct stat st;

	if (fstat(fileno(in), &st) < 0)
		return err_sys(err, errno, "'%s'", path);
	return trust_given(&st, why, sizeof why)
		   ? 0
		   : err_set(err, ERR_DATA, ERR_LINK, ERR_LATER, 0,
			 "'%s' %s; allowed: a file that only its owner may write, who is root or "
			 "you",
			 path, why);
}

int
csv_read(const char *path, csv_fn *fn, void *arg, struct err *err)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	_cleanup_(buf_done) struct buf text = {0};
	int rc;

	if (!in)
		return err_sys(err, errno, "'%s'", path);
	rc = in == stdin ? 0 : check_owner(in, path, err);
	if (rc == 0 && (rc = read_all(in, &text, err)) < 0)
		(void)err_ctx(err, "'%s'", path);
	if (in != stdin)
		(void)fclose(in);
	if (rc < 0)
		return -1;
	return csv_parse(path, buf_bytes(&text), fn, arg, err);
}

void
csv_add_cell(struct buf *ret, const char *s, char end)
{
	size_t len = strlen(s);
	bool quote = s[strcspn(s, ",;\t\r\n\"#")] || (len && (s[0] == ' ' || s[len - 1] == ' ')) ||
		     strncmp(s, BOM, strlen(BOM)) == 0;

	if (quote)
		buf_add_char(ret, '"');
	if (is_formula(s))
		buf_add_char(ret, '\'');
	for (; *s; s++) {
		if (*s == '"')
			buf_add_char(ret, '"');
		buf_add_char(ret, *s);
	}
	if (quote)
		buf_add_char(ret, '"');
	buf_add_char(ret, end);
}

void
csv_add_value(struct buf *cell, const char *s)
{
	if (cell->len)
		buf_add_char(cell, '|');
	for (; *s; s++) {
		if (*s == '|')
			buf_add_str(cell, "%7C");
		else if (*s == '%')
			buf_add_str(cell, "%25");
		else
			buf_add_char(cell, *s);
	}
}
