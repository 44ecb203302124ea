/* SPDX-License-Identifier: MIT */
#include "dsa/ctl/wave_file.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/ctl/client.h"

#define SEPARATORS ",;\t"
#define BOM "\xef\xbb\xbf"
#define WHO_MAX 4096

static const char *const headers[] = {"who", "alias", "mail", "email", "e-mail", "address",
    "emailaddress", "primarysmtpaddress", "windowsemailaddress", "identity", "mailnickname",
    "mailbox", "dn", "distinguishedname", "guid", "objectguid", "sid", "objectsid"};

void
wave_file_done(struct wave_file *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->lines[i].who);
	free(f->lines);
	*f = (struct wave_file){0};
}

static bool
is_header(const char *who)
{
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
		if (str_equal_nocase(who, headers[i]))
			return true;
	return false;
}

/* The quoted field at P into RET; what is behind it, or NULL if it does not end. */
static const char *
read_quoted(const char *p, struct buf *ret)
{
	for (p++; *p && (*p != '"' || p[1] == '"'); p++) {
		if (*p == '"')
			p++;
		buf_add_char(ret, *p);
	}
	return *p == '"' ? p + 1 : NULL;
}

/* The first field of LINE into RET, blanks around it dropped. What is wrong with it, or NULL. */
static const char *
read_first(const char *line, struct buf *ret)
{
	const char *p = line + strspn(line, " ");

	buf_add(ret, "", 0);
	if (*p == '"') {
		p = read_quoted(p, ret);
		if (!p)
			return "its quote is not closed in this line";
		p += strspn(p, " ");
		if (*p && !strchr(SEPARATORS, *p))
			return "there is text between the closing quote and the separator";
	} else {
		buf_add(ret, p, strcspn(p, SEPARATORS));
		while (ret->len && ret->data[ret->len - 1] == ' ')
			ret->data[--ret->len] = '\0';
	}
	if (!ret->len)
		return "its first column is empty";
	if (ret->len > WHO_MAX)
		return "its first column is too long";
	if (!utf8_valid(buf_bytes(ret)))
		return "it is not UTF-8";
	return str_has_control((const char *)ret->data)
		   ? "it has a control character in its first column"
		   : NULL;
}

static int
add_line(struct wave_file *f, unsigned number, struct buf *who, struct err *err)
{
	char *text = buf_take_str(who);

	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 64;
		struct wave_line *v = realloc(f->lines, cap * sizeof *v);

		if (v) {
			f->lines = v;
			f->cap = cap;
		}
	}
	if (!text || f->n == f->cap) {
		free(text);
		return err_nomem(err);
	}
	f->lines[f->n++] = (struct wave_line){text, number};
	return 0;
}

static void
cut_end(char *line)
{
	size_t n = strlen(line);

	n -= n && line[n - 1] == '\n';
	n -= n && line[n - 1] == '\r';
	line[n] = '\0';
}

static int
take_line(struct wave_file *f, unsigned number, char *line, json_t *problems, struct err *err)
{
	_cleanup_(buf_done) struct buf who = {0};
	const char *wrong;

	cut_end(line);
	if (number == 1 && strncmp(line, BOM, 3) == 0)
		line += 3;
	line += strspn(line, " ");
	if (!line[strspn(line, " \t")] || *line == '#')
		return 0;
	/* Lines that end with it alone would be one line, which names the first of them. */
	wrong = strchr(line, '\r') ? "there is a carriage return in it: lines end with LF or CRLF"
				   : read_first(line, &who);
	if (who.failed)
		return err_nomem(err);
	if (wrong) {
		char shown[80];

		err_escape(shown, sizeof shown, bytes_of(line));
		(void)json_array_append_new(problems,
		    json_pack("{s:i, s:s, s:s}", "line", (int)number, "who", shown, "text", wrong));
		return 0;
	}
	/* Only where nobody was named yet. */
	if (!f->n && !f->header && !json_array_size(problems) && is_header((char *)who.data)) {
		f->header = number;
		return 0;
	}
	return add_line(f, number, &who, err);
}

int
wave_file_read(const char *path, struct wave_file *ret, json_t *problems, struct err *err)
{
	_cleanup_(wave_file_done) struct wave_file f = {0};
	_cleanup_(free) char *line = NULL;
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	unsigned number = 0;
	size_t size = 0;
	ssize_t n;
	int rc = 0;

	if (!in)
		return err_sys(err, errno, "'%s'", path);
	while (rc == 0 && (n = getline(&line, &size, in)) >= 0) {
		if (memchr(line, '\0', (size_t)n))
			rc = err_data(err,
			    "'%s' is no UTF-8 text, there are NUL octets in line %u: save it as "
			    "CSV in UTF-8",
			    path, number + 1);
		else
			rc = take_line(&f, ++number, line, problems, err);
	}
	if (rc == 0 && ferror(in))
		rc = err_sys(err, errno, "'%s'", path);
	if (in != stdin)
		(void)fclose(in);
	if (rc < 0)
		return -1;
	*ret = f;
	f = (struct wave_file){0};
	return 0;
}

void
wave_file_tell_header(const struct wave_file *f, const char *path)
{
	if (f->header)
		(void)fprintf(
		    stderr, "galsyncctl: '%s': line %u is taken for a header\n", path, f->header);
}

void
wave_file_print_problem(const char *path, const json_t *problem)
{
	(void)fprintf(stderr, "%s:%lld: %s: %s\n", path, number_of(problem, "line"),
	    text_of(problem, "who"), text_of(problem, "text"));
}
