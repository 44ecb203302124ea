/* SPDX-License-Identifier: MIT */
#include "dsa/config/template.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"
#include "dsa/directory/attr_name.h"

/* AD's own attribute names have at most 64 characters (MS-ADTS, lDAPDisplayName is shorter still);
 * what is longer is a mistake. */
#define NAME_MAX_LEN 127

enum piece_type { PIECE_END, PIECE_TEXT, PIECE_ATTR, PIECE_BAD };

struct piece {
	const char *text; /* literal text, borrowed from the template */
	size_t len;
	char attr[NAME_MAX_LEN + 1];
	bool lower;
	const char *why; /* PIECE_BAD */
};

static enum piece_type
bad(struct piece *ret, const char *why)
{
	ret->why = why;
	return PIECE_BAD;
}

/* Takes "%{name}" or "%{name:lower}" at *P. On a mistake *P stays where the reference begins. */
static enum piece_type
next_ref(const char **p, struct piece *ret)
{
	const char *name = *p + 2, *end = strchr(name, '}');
	size_t len;

	if (!end)
		return bad(ret, "'%{' without '}'");
	len = strcspn(name, ":}");
	if (!attr_name_ok(name, len) || len > NAME_MAX_LEN)
		return bad(ret, "no attribute name behind '%{'");
	ret->lower = name[len] == ':';
	if (ret->lower && strncmp(name + len, ":lower}", 7) != 0)
		return bad(ret, "unknown modifier, only ':lower' is known");
	memcpy(ret->attr, name, len);
	ret->attr[len] = '\0';
	*p = end + 1;
	return PIECE_ATTR;
}

/* Takes the next piece at *P and moves *P behind it. */
static enum piece_type
next_piece(const char **p, struct piece *ret)
{
	if (**p == '\0')
		return PIECE_END;
	ret->text = *p;
	if (**p != '%') {
		ret->len = strcspn(*p, "%");
		*p += ret->len;
		return PIECE_TEXT;
	}
	if ((*p)[1] == '%') {
		ret->len = 1;
		*p += 2;
		return PIECE_TEXT;
	}
	if ((*p)[1] == '{')
		return next_ref(p, ret);
	return bad(ret, "'%' must be followed by '{' or '%'");
}

bool
template_check(const char *text, char *why, size_t size)
{
	const char *p = text;
	struct piece piece = {0};
	enum piece_type t;

	while ((t = next_piece(&p, &piece)) != PIECE_END)
		if (t == PIECE_BAD) {
			(void)snprintf(
			    why, size, "position %zu: %s", (size_t)(p - text) + 1, piece.why);
			return false;
		}
	return true;
}

static void
note_attr(const char *attr, void *arg)
{
	(void)attr;
	*(bool *)arg = false;
}

bool
template_is_constant(const char *text)
{
	bool constant = true;

	template_each_attr(text, note_attr, &constant);
	return constant;
}

void
template_each_attr(const char *text, void (*cb)(const char *attr, void *arg), void *arg)
{
	struct piece piece = {0};
	enum piece_type t;

	while ((t = next_piece(&text, &piece)) == PIECE_TEXT || t == PIECE_ATTR)
		if (t == PIECE_ATTR)
			cb(piece.attr, arg);
}

static int
add_value(struct buf *b, const struct piece *piece, const struct entry *e, struct err *err)
{
	const struct attr *a = entry_find(e, piece->attr);
	struct bytes v;

	if (!a || a->n_values == 0 || a->values[0].len == 0)
		return err_data(err, "attribute '%s' is not set", piece->attr);
	if (a->n_values > 1)
		return err_data(
		    err, "attribute '%s' has %zu values, one is needed", piece->attr, a->n_values);
	v = a->values[0];
	if (memchr(v.data, '\0', v.len) || !utf8_valid(v))
		return err_data(err, "attribute '%s' is not text", piece->attr);
	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = ((const uint8_t *)v.data)[i];

		buf_add_char(b, (char)(piece->lower ? ascii_lower(c) : c));
	}
	return 0;
}

int
template_expand(const char *text, const struct entry *e, char **ret, struct err *err)
{
	_cleanup_(buf_done) struct buf b = {0};
	const char *p = text;
	struct piece piece = {0};
	enum piece_type t;
	char *s;

	while ((t = next_piece(&p, &piece)) != PIECE_END) {
		if (t == PIECE_BAD)
			return err_conf(err, "template '%s': position %zu: %s", text,
			    (size_t)(p - text) + 1, piece.why);
		if (t == PIECE_TEXT)
			buf_add(&b, piece.text, piece.len);
		else if (add_value(&b, &piece, e, err) < 0)
			return err_ctx(err, "template '%s'", text);
	}
	if (!(s = buf_take_str(&b)))
		return err_nomem(err);
	*ret = s;
	return 0;
}
