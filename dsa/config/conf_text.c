/* SPDX-License-Identifier: MIT */
/*
 * The configuration as one text. libconfig 1.5, our floor, must not be given the file as it is:
 *
 *   - it ends the process when an @include names a directory (its scanner calls exit());
 *   - it leaks the include directory and the state of an include that failed;
 *   - it cuts an integer without an L suffix to 32 bits, so that 4294967301 would read as 5;
 *   - it drops a "\x00" in a string, and takes a NUL octet for the end of the text;
 *   - it takes a comment on a last line without a line end for a syntax error.
 *
 * So includes are replaced by their text here (their paths are relative to the including file), a
 * map remembers where each line came from, and every integer gets its L. Only as much of the
 * syntax is known here as that needs: comments, strings, names and numbers.
 */
#include "dsa/config/conf_text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/base/trust.h"
#include "dsa/config/conf_notes.h"

#define MAX_DEPTH 10
#define MAX_FILES 1000 /* a few includes of each other would otherwise read for hours */
#define MAX_TEXT ((size_t)16 << 20)

/* The text being read. */
struct reading {
	struct conf_text *t;
	struct conf_notes *notes;
};

static void include(
    struct reading *r, const char *path, const char *shown, unsigned depth, unsigned from_line);

/* One file being copied. */
struct scan {
	struct reading *r;
	const char *p;
	unsigned file, line, depth;
	bool line_start; /* only blanks so far on this line */
};

void
conf_text_done(struct conf_text *t)
{
	for (size_t i = 0; i < t->n_files; i++) {
		free(t->files[i].name);
		free(t->files[i].dir);
	}
	free(t->files);
	free(t->lines);
	buf_done(&t->text);
	*t = (struct conf_text){0};
}

static unsigned
out_line(const struct reading *r)
{
	return (unsigned)r->t->n_lines;
}

/* Begins a line of the whole text that stands in LINE of FILE. */
static void
begin_line(struct reading *r, unsigned file, unsigned line)
{
	struct conf_text *t = r->t;

	if (list_grow(t->lines, t->n_lines, t->cap) < 0) {
		r->notes->nomem = true;
		return;
	}
	t->lines[t->n_lines++] = (struct conf_where){file, line};
}

/* Gives up the whole text, because what follows cannot be understood. */
static void
give_up(struct reading *r, unsigned line, const char *what)
{
	conf_note_line(r->notes, line, NULL, "%s", what);
	r->t->unreadable = true;
}

static void
put(struct scan *s, size_t n)
{
	for (; n > 0 && *s->p && !s->r->t->unreadable; n--, s->p++) {
		if ((unsigned char)*s->p < ' ' && !strchr("\t\n\r\f", *s->p))
			give_up(s->r, out_line(s->r), "a control character; allowed: text");
		buf_add_char(&s->r->t->text, *s->p);
		if (*s->p == '\n') {
			s->line_start = true;
			begin_line(s->r, s->file, ++s->line);
		}
	}
}

static void
copy_string(struct scan *s)
{
	unsigned begin = out_line(s->r);

	put(s, 1);
	while (*s->p && *s->p != '"' && !s->r->t->unreadable) {
		if (strncmp(s->p, "\\x00", 4) == 0 || strncmp(s->p, "\\X00", 4) == 0)
			conf_note_line(s->r->notes, out_line(s->r), NULL,
			    "a string has the octet \\x00 in it; allowed: text without it");
		put(s, *s->p == '\\' ? 2 : 1);
	}
	if (!*s->p)
		give_up(s->r, begin, "a string is not closed; allowed: \"text\"");
	put(s, 1);
}

static void
copy_comment(struct scan *s)
{
	const char *end = strstr(s->p + 2, "*/");

	if (end)
		put(s, (size_t)(end + 2 - s->p));
	else
		give_up(s->r, out_line(s->r), "a comment is not closed; allowed: /* text */");
}

static size_t
digits(const char *p)
{
	size_t n = 0;

	while (p[n] >= '0' && p[n] <= '9')
		n++;
	return n;
}

/* The length of "e-3" at P, or 0. */
static size_t
exponent(const char *p)
{
	size_t n = p[1] == '-' || p[1] == '+' ? 2 : 1;

	return (*p == 'e' || *p == 'E') && digits(p + n) ? n + digits(p + n) : 0;
}

/* Writes the integer of LEN octets with its L. What does not fit becomes the largest or smallest
 * number, which no key allows, so that its range is reported. */
static void
put_integer(struct scan *s, size_t len, int base)
{
	long long v;

	errno = 0;
	v = strtoll(s->p, NULL, base);
	buf_printf(&s->r->t->text, "%lldL", v);
	s->p += len;
	s->p += *s->p == 'L' ? 1 : 0;
	s->p += *s->p == 'L' ? 1 : 0;
}

/* A number at P, or a single character that only looks like the beginning of one. */
static void
copy_number(struct scan *s)
{
	size_t sign = *s->p == '-' || *s->p == '+' ? 1 : 0;
	size_t n = sign + digits(s->p + sign);

	if (s->p[0] == '0' && (s->p[1] == 'x' || s->p[1] == 'X') &&
	    isxdigit((unsigned char)s->p[2])) {
		for (n = 2; isxdigit((unsigned char)s->p[n]);)
			n++;
		put_integer(s, n, 16);
	} else if (s->p[n] == '.') {
		n += 1 + digits(s->p + n + 1);
		put(s, n + exponent(s->p + n));
	} else if (n > sign && exponent(s->p + n)) {
		put(s, n + exponent(s->p + n));
	} else if (n > sign) {
		put_integer(s, n, 10);
	} else {
		put(s, 1);
	}
}

static size_t
name_len(const char *p)
{
	size_t n = 0;

	while (isalnum((unsigned char)p[n]) || (p[n] && strchr("*_-", p[n])))
		n++;
	return n;
}

/* At "@include". Copies nothing and leaves P behind the closing quote; false if it is none. */
static bool
copy_include(struct scan *s)
{
	static const char word[] = "@include";
	_cleanup_(buf_done) struct buf name = {0};
	_cleanup_(free) char *path = NULL, *shown = NULL;
	const char *p = s->p + sizeof word - 1;
	const struct conf_file *f = &s->r->t->files[s->file];
	const char *slash = strrchr(f->name, '/');

	if (strncmp(s->p, word, sizeof word - 1) != 0 || (*p != ' ' && *p != '\t'))
		return false;
	p += strspn(p, " \t");
	if (*p != '"')
		return false;
	for (p++; *p && *p != '"' && *p != '\n'; p++) {
		p += *p == '\\' && (p[1] == '"' || p[1] == '\\') ? 1 : 0;
		buf_add_char(&name, *p);
	}
	if (*p != '"' || name.len == 0)
		return false;
	s->p = p + 1;
	if (name.failed) {
		s->r->notes->nomem = true;
		return true;
	}
	if (name.data[0] == '/') {
		path = strdup((const char *)name.data);
		shown = strdup((const char *)name.data);
	} else {
		path = str_printf("%s/%s", f->dir, (const char *)name.data);
		shown = str_printf("%.*s%s", slash ? (int)(slash - f->name + 1) : 0, f->name,
		    (const char *)name.data);
	}
	if (path && shown)
		include(s->r, path, shown, s->depth + 1, out_line(s->r));
	else
		s->r->notes->nomem = true;
	/* The included text ended its last line: what follows is the rest of ours. */
	if (s->r->t->n_lines)
		s->r->t->lines[s->r->t->n_lines - 1] = (struct conf_where){s->file, s->line};
	return true;
}

static void
copy_token(struct scan *s)
{
	size_t n = name_len(s->p);

	if (*s->p == '"') {
		copy_string(s);
	} else if (*s->p == '#' || (s->p[0] == '/' && s->p[1] == '/')) {
		put(s, strcspn(s->p, "\n"));
	} else if (s->p[0] == '/' && s->p[1] == '*') {
		copy_comment(s);
	} else if (isdigit((unsigned char)*s->p) || (*s->p && strchr("+-.", *s->p))) {
		copy_number(s);
	} else {
		put(s, n ? n : 1);
	}
}

static void
copy(struct scan *s)
{
	while (
	    *s->p && !s->r->notes->nomem && !s->r->t->unreadable && s->r->t->text.len <= MAX_TEXT) {
		if (*s->p == ' ' || *s->p == '\t' || *s->p == '\n') {
			put(s, 1);
			continue;
		}
		if (s->line_start && *s->p == '@' && copy_include(s))
			continue;
		s->line_start = false;
		copy_token(s);
	}
}

/* The text of PATH; a NUL becomes another control character, which is then refused. -1 with the
 * reason in WHY. */
static int
read_file(struct reading *r, const char *path, struct buf *ret, char *why, size_t size)
{
	_cleanup_(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st = {0};
	char chunk[8192], text[96];
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		(void)snprintf(
		    why, size, "cannot be read: %s", strerror_r(errno, text, sizeof text));
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)snprintf(why, size, "is not a regular file");
		return -1;
	}
	if (!trust_stat(&st, TRUST_NOT_WRITABLE, why, size) || !trust_folders(path, 0, why, size))
		return -1;
	while (ret->len <= MAX_TEXT && (n = read(fd, chunk, sizeof chunk)) > 0)
		buf_add(ret, chunk, (size_t)n);
	if (n < 0) {
		(void)snprintf(
		    why, size, "cannot be read: %s", strerror_r(errno, text, sizeof text));
		return -1;
	}
	for (size_t i = 0; i < ret->len; i++)
		if (!ret->data[i])
			ret->data[i] = '\x01';
	buf_add_char(ret, '\n'); /* a comment needs its line end */
	r->notes->nomem = r->notes->nomem || ret->failed;
	return ret->failed ? -1 : 0;
}

/* Adds FILE to the list; its number, or -1. */
static int
add_file(struct reading *r, const char *path, const char *shown)
{
	struct conf_text *t = r->t;
	const char *slash = strrchr(path, '/');
	_cleanup_(free) char *dir =
	    slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	struct conf_file *file;

	if (!dir || list_grow_by_one(t->files, t->n_files) < 0) {
		r->notes->nomem = true;
		return -1;
	}
	file = &t->files[t->n_files];
	file->name = strdup(shown);
	file->dir = realpath(dir, NULL);
	if (!file->dir)
		file->dir = TAKE(dir);
	if (!file->name || !file->dir)
		r->notes->nomem = true;
	return (int)t->n_files++;
}

static void
include(struct reading *r, const char *path, const char *shown, unsigned depth, unsigned from_line)
{
	_cleanup_(buf_done) struct buf b = {0};
	char why[512] = "";
	struct scan s = {.r = r, .line = 1, .depth = depth, .line_start = true};
	int file;

	if (r->t->n_files == MAX_FILES) {
		give_up(r, from_line, "too many includes; allowed: 1000 in all");
		return;
	}
	if (depth > MAX_DEPTH) {
		conf_note_line(r->notes, from_line, "@include",
		    "'%s' is included too deeply; allowed: %d levels", shown, MAX_DEPTH);
		r->t->unreadable = true;
		return;
	}
	if (read_file(r, path, &b, why, sizeof why) < 0) {
		if (!r->notes->nomem)
			conf_note_line(r->notes, from_line, depth ? "@include" : NULL,
			    "'%s' %s; allowed: a readable file that only its owner may write",
			    shown, why);
		r->t->missing_file = true;
		return;
	}
	if ((file = add_file(r, path, shown)) < 0 || r->notes->nomem)
		return;
	s.file = (unsigned)file;
	if (depth)
		buf_add_char(&r->t->text, '\n');
	begin_line(r, s.file, 1);
	s.p = (const char *)b.data;
	copy(&s);
}

void
conf_text_read(struct conf_text *t, const char *file, struct conf_notes *notes)
{
	struct reading r = {t, notes};

	include(&r, file, file, 0, 0);
	if (t->text.len > MAX_TEXT)
		give_up(
		    &r, 0, "the configuration is too large; allowed: 16 MiB with all it includes");
	notes->nomem = notes->nomem || t->text.failed;
}

const struct conf_file *
conf_text_where(const struct conf_text *t, unsigned line, int *ret_line)
{
	if (line == 0 || line > t->n_lines)
		line = line && t->n_lines ? (unsigned)t->n_lines : 1;
	*ret_line = t->n_lines ? (int)t->lines[line - 1].line : 1;
	return t->n_lines ? &t->files[t->lines[line - 1].file] : NULL;
}
