/* SPDX-License-Identifier: MIT */
#include "dsa/base/escape.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"

static bool
is_dangerous(uint32_t c, enum escape_way way)
{
	if (c < 0x20)
		return way == ESCAPE_NAME || (c != '\n' && c != '\t');
	return (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static size_t
write_escape(uint32_t c, bool octet, enum escape_way way, char out[ESCAPE_LEN])
{
	char text[12]; /* snprintf() wants room for the NUL, and the compiler for any number */

	if (way != ESCAPE_JSON && (octet || c < 0x80))
		(void)snprintf(text, sizeof text, "\\x%02X", (unsigned)(c & 0xff));
	else
		(void)snprintf(text, sizeof text, "\\u%04X", (unsigned)(c & 0xffff));
	memcpy(out, text, strlen(text));
	return strlen(text);
}

size_t
escape_next(struct bytes v, enum escape_way way, char out[ESCAPE_LEN], size_t *used)
{
	uint32_t c = *(const uint8_t *)v.data;
	size_t n = utf8_next(v.data, v.len, &c);

	*used = n ? n : 1;
	if (!n || is_dangerous(c, way))
		return write_escape(c, !n, way, out);
	memcpy(out, v.data, n);
	return n;
}

/* How many octets at P, of which there are LEFT, are ASCII that stays. */
static size_t
plain_run(const uint8_t *p, size_t left)
{
	size_t n = 0;

	while (n < left && p[n] >= ' ' && p[n] < 0x7f)
		n++;
	return n;
}

void
escape_add(struct bytes v, enum escape_way way, struct buf *ret)
{
	const uint8_t *p = v.data;

	for (size_t i = 0, used; i < v.len; i += used) {
		char out[ESCAPE_LEN];

		used = plain_run(p + i, v.len - i);
		if (used)
			buf_add(ret, p + i, used);
		else
			buf_add(ret, out,
			    escape_next((struct bytes){p + i, v.len - i}, way, out, &used));
	}
}

bool
escape_is_needed(struct bytes v, enum escape_way way)
{
	const uint8_t *p = v.data;
	uint32_t c = 0;

	for (size_t i = 0, n; i < v.len; i += n) {
		n = utf8_next(p + i, v.len - i, &c);
		if (!n || is_dangerous(c, way))
			return true;
	}
	return false;
}

/* How many octets a character has that begins with LEAD; 1 if none does. */
static size_t
length_of(uint8_t lead)
{
	return lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;
}

static void
end_part(struct escape *e, enum escape_way way, struct buf *ret)
{
	escape_add((struct bytes){e->part, e->n}, way, ret);
	e->n = 0;
}

void
escape_piece(struct escape *e, struct bytes v, enum escape_way way, struct buf *ret)
{
	const uint8_t *p = v.data;

	for (size_t i = 0; i < v.len; i++) {
		size_t run = e->n ? 0 : plain_run(p + i, v.len - i);

		buf_add(ret, p + i, run);
		i += run;
		if (i == v.len)
			break;
		if (e->n && (p[i] & 0xc0) != 0x80)
			end_part(e, way, ret);
		e->part[e->n++] = p[i];
		if (e->n == length_of(e->part[0]))
			end_part(e, way, ret);
	}
}

void
escape_add_url(const char *s, struct buf *ret)
{
	static const char plain[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *s; s++)
		if (strchr(plain, *s))
			buf_add_char(ret, *s);
		else
			buf_printf(ret, "%%%02X", (unsigned)(uint8_t)*s);
}
