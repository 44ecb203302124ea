/* SPDX-License-Identifier: MIT */
/*
 * A parser that walks one RDN at a time over the text, without building a tree. Values in the
 * hexadecimal form (#0401...) are kept as they are: AD never writes them.
 */
#include "dsa/directory/dn.h"

#include <string.h>

#include "dsa/base/hex.h"
#include "dsa/base/str.h"

const char *
dn_strip_extended(const char *dn)
{
	while (*dn == '<') {
		const char *end = strstr(dn, ">;");

		if (!end)
			break;
		dn = end + 2;
	}
	return dn;
}

/* A switch, because every character of every name is asked about. */
static bool
is_special(char c)
{
	switch (c) {
	case ',':
	case '+':
	case '"':
	case '\\':
	case '<':
	case '>':
	case ';':
	case '=': return true;
	default: return false;
	}
}

static bool
is_separator(char c)
{
	return c == ',' || c == ';' || c == '+';
}

/* Reads the value at *AT up to an unescaped separator, unescaped into RET (reset first). Blanks
 * around it do not count; escaped ones do. False if an escape is broken or a quotation mark stands
 * where none may: find_separator() relies on it. */
static bool
read_value(const char **at, struct buf *ret)
{
	const char *p = *at + strspn(*at, " ");
	bool quoted = *p == '"';
	size_t keep = 0; /* up to here nothing is trimmed */

	buf_reset(ret);
	buf_add(ret, "", 0);
	p += quoted;
	while (*p && (quoted ? *p != '"' : !is_separator(*p))) {
		char c = *p++;

		if (c == '\\') {
			int octet = hex_octet(p);

			if (octet >= 0) {
				c = (char)octet;
				p += 2;
			} else if (is_special(*p) || *p == ' ' || *p == '#') {
				c = *p++;
			} else {
				return false;
			}
			buf_add_char(ret, c);
			keep = ret->len;
			continue;
		}
		if (c == '"')
			return false;
		buf_add_char(ret, c);
	}
	if (quoted) {
		if (*p++ != '"')
			return false;
		p += strspn(p, " ");
		if (*p && !is_separator(*p))
			return false;
		keep = ret->len;
	}
	while (ret->len > keep && ret->data[ret->len - 1] == ' ')
		ret->data[--ret->len] = '\0';
	*at = p;
	return true;
}

/* Reads "type=" at *AT into RET, in lower case. */
static bool
read_type(const char **at, struct buf *ret)
{
	const char *p = *at + strspn(*at, " ");

	buf_reset(ret);
	for (; (*p >= '0' && *p <= '9') || *p == '.' || *p == '-' ||
	       (ascii_lower((uint8_t)*p) >= 'a' && ascii_lower((uint8_t)*p) <= 'z');
	     p++)
		buf_add_char(ret, (char)ascii_lower((uint8_t)*p));
	p += strspn(p, " ");
	if (*p++ != '=' || !ret->len)
		return false;
	*at = p;
	return true;
}

/* Appends the value escaped; FOLD: ASCII letters in lower case. */
static void
add_escaped(struct buf *b, const uint8_t *v, size_t len, bool fold)
{
	for (size_t i = 0; i < len; i++) {
		char c = fold ? (char)ascii_lower(v[i]) : (char)v[i];
		bool edge = (i == 0 && (c == ' ' || c == '#')) || (i + 1 == len && c == ' ');

		if (c == '\0' || c == '\n' || c == '\r')
			buf_printf(b, "\\%02X", (unsigned)(uint8_t)c);
		else if (edge || is_special(c))
			buf_printf(b, "\\%c", c);
		else
			buf_add_char(b, c);
	}
}

/* Always NULL, for the functions that return text. */
static char *
bad_dn(const char *dn, const char *why, struct err *err)
{
	char esc[120];

	err_escape(esc, sizeof esc, bytes_of(dn));
	(void)err_data(err, "'%s' %s", esc, why);
	return NULL;
}

char *
dn_normalize(const char *dn, struct err *err)
{
	_cleanup_(buf_done) struct buf out = {0}, type = {0}, value = {0};
	const char *p = dn_strip_extended(dn);
	char *text;

	p += strspn(p, " ");
	while (*p) {
		if (!read_type(&p, &type) || !read_value(&p, &value))
			return bad_dn(dn, "is not a distinguished name", err);
		/* The next RDN resets both buffers. */
		out.failed |= type.failed || value.failed;
		buf_add(&out, type.data, type.len);
		buf_add_char(&out, '=');
		add_escaped(&out, value.data, value.len, true);
		if (!*p)
			break;
		buf_add_char(&out, *p == '+' ? '+' : ',');
		p++;
		if (!p[strspn(p, " ")])
			return bad_dn(dn, "ends with a separator", err);
	}
	text = buf_take_str(&out);
	if (!text)
		(void)err_nomem(err);
	return text;
}

bool
dn_equal(const char *x, const char *y)
{
	struct err ignored;
	_cleanup_(free) char *p = dn_normalize(x, &ignored);
	_cleanup_(free) char *q = p ? dn_normalize(y, &ignored) : NULL;

	return p && q && strcmp(p, q) == 0;
}

/* True if the LEN octets at S end in a comma that separates: one behind an even number of
 * backslashes, which escape each other. */
static bool
ends_in_comma(const char *s, size_t len)
{
	size_t slashes = 0;

	if (len == 0 || s[len - 1] != ',')
		return false;
	while (slashes + 1 < len && s[len - 2 - slashes] == '\\')
		slashes++;
	return slashes % 2 == 0;
}

bool
dn_norm_is_under(const char *dn_norm, const char *base_norm)
{
	size_t len = strlen(dn_norm), base_len = strlen(base_norm);

	if (base_len == 0)
		return true;
	if (len < base_len || strcmp(dn_norm + len - base_len, base_norm) != 0)
		return false;
	return len == base_len || ends_in_comma(dn_norm, len - base_len);
}

bool
dn_is_under(const char *dn, const char *base)
{
	struct err ignored;
	_cleanup_(free) char *p = dn_normalize(dn, &ignored);
	_cleanup_(free) char *q = p ? dn_normalize(base, &ignored) : NULL;

	return p && q && dn_norm_is_under(p, q);
}

/* The first unescaped, unquoted separator of RDNs at or behind S, or the end. */
static const char *
find_separator(const char *s)
{
	bool quoted = false;

	for (; *s; s++) {
		if (*s == '\\' && s[1])
			s++;
		else if (*s == '"')
			quoted = !quoted;
		else if (!quoted && (*s == ',' || *s == ';'))
			break;
	}
	return s;
}

const char *
dn_parent(const char *dn)
{
	const char *p = find_separator(dn_strip_extended(dn));

	if (*p)
		p++;
	return p + strspn(p, " ");
}

char *
dn_rdn_dup(const char *dn)
{
	const char *start = dn_strip_extended(dn);

	return strndup(start, (size_t)(find_separator(start) - start));
}

char *
dn_rdn_value(const char *dn, struct err *err)
{
	_cleanup_(buf_done) struct buf type = {0}, value = {0};
	const char *p = dn_strip_extended(dn);
	char *text;

	if (!read_type(&p, &type) || !read_value(&p, &value))
		return bad_dn(dn, "is not a distinguished name", err);
	if (!value.failed && strlen((const char *)value.data) != value.len)
		return bad_dn(dn, "has a NUL in its first value", err);
	text = buf_take_str(&value);
	if (!text)
		(void)err_nomem(err);
	return text;
}

/* The line end that no client may put into a name, and behind it what the directory put there. */
static char *
find_mangled(char *value)
{
	char *at = strchr(value, '\n');

	return at && (strncmp(at + 1, "CNF:", 4) == 0 || strncmp(at + 1, "DEL:", 4) == 0) ? at
											  : NULL;
}

bool
dn_is_mangled(const char *dn)
{
	struct err ignored;
	_cleanup_(free) char *value = NULL;

	/* Every way to write that line end, and none of a plain name. */
	if (!strchr(dn, '\\') && !strchr(dn, '\n'))
		return false;
	value = dn_rdn_value(dn, &ignored);
	return value && find_mangled(value);
}

void
dn_unmangle(char *value)
{
	char *at = find_mangled(value);

	if (at)
		*at = '\0';
}

char *
dn_escape_value(const char *value)
{
	_cleanup_(buf_done) struct buf b = {0};

	add_escaped(&b, (const uint8_t *)value, strlen(value), false);
	return buf_take_str(&b);
}

char *
dn_build(const char *type, const char *value, const char *parent)
{
	_cleanup_(free) char *escaped = dn_escape_value(value);

	return escaped ? str_printf("%s=%s%s%s", type, escaped, *parent ? "," : "", parent) : NULL;
}

char *
dn_to_dns_domain(const char *dn)
{
	_cleanup_(buf_done) struct buf out = {0};
	struct err ignored;

	for (const char *p = dn_strip_extended(dn); *p; p = dn_parent(p)) {
		_cleanup_(free) char *value = NULL;

		if (!str_starts_nocase(p, "dc=")) {
			buf_reset(&out);
			continue;
		}
		value = dn_rdn_value(p, &ignored);
		if (!value)
			return NULL;
		buf_printf(&out, "%s%s", out.len ? "." : "", value);
	}
	for (size_t i = 0; i < out.len; i++)
		out.data[i] = ascii_lower(out.data[i]);
	return buf_take_str(&out);
}
