/* SPDX-License-Identifier: MIT */
#include "dsa/directory/filter.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/hex.h"
#include "dsa/base/list.h"
#include "dsa/base/str.h"

#define MAX_DEPTH 64

enum op {
	OP_AND,
	OP_OR,
	OP_NOT,
	OP_EQUAL,
	OP_GREATER,
	OP_LESS,
	OP_PRESENT,
	OP_SUBSTRING,
	OP_BITS_ALL,
	OP_BITS_ANY
};
/* RFC 4511 section 4.5.1.7: what cannot be evaluated is Undefined, and its negation too. */
enum truth { IS_FALSE, IS_TRUE, IS_UNDEFINED };

struct part {
	char *data;
	size_t len;
};

struct filter {
	enum op op;
	char *attr;
	struct part
	    *parts; /* one value; for a substring initial, any..., final (empty: not given) */
	size_t n_parts;
	struct filter **children;
	size_t n_children;
};

struct parser {
	const char *text, *at;
	unsigned depth;
	struct err *err;
};

void
filter_free(struct filter *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n_parts; i++)
		free(f->parts[i].data);
	for (size_t i = 0; i < f->n_children; i++)
		filter_free(f->children[i]);
	free(f->parts);
	free(f->children);
	free(f->attr);
	free(f);
}

static int
fail(struct parser *p, const char *expected)
{
	return err_conf(p->err, "filter: character %zu: expected %s, found '%.12s'",
	    (size_t)(p->at - p->text) + 1, expected, *p->at ? p->at : "the end");
}

/* One piece of an assertion value, up to "*" or ")", unescaped. */
static int
parse_part(struct parser *p, struct filter *f)
{
	_cleanup_(buf_done) struct buf b = {0};

	if (list_grow_by_one(f->parts, f->n_parts) < 0)
		return err_nomem(p->err);
	for (; *p->at && !strchr("*()", *p->at); p->at++) {
		int octet;

		if (*p->at != '\\') {
			buf_add_char(&b, *p->at);
			continue;
		}
		octet = hex_octet(p->at + 1);
		if (octet < 0)
			return fail(p, "two hexadecimal digits behind the backslash");
		buf_add_char(&b, (char)octet);
		p->at += 2;
	}
	f->parts[f->n_parts].len = b.len;
	f->parts[f->n_parts].data = buf_take_str(&b);
	if (!f->parts[f->n_parts].data)
		return err_nomem(p->err);
	f->n_parts++;
	return 0;
}

/* ":rule:=" behind the attribute. */
static int
parse_rule(struct parser *p, struct filter *f)
{
	static const struct {
		const char *rule;
		enum op op;
	} rules[] = {
	    {":1.2.840.113556.1.4.803:=", OP_BITS_ALL}, {":1.2.840.113556.1.4.804:=", OP_BITS_ANY}};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (strncmp(p->at, rules[i].rule, strlen(rules[i].rule)) == 0) {
			f->op = rules[i].op;
			p->at += strlen(rules[i].rule);
			return 0;
		}
	return fail(p, "the matching rule :1.2.840.113556.1.4.803:= or .804:=");
}

static int
parse_operator(struct parser *p, struct filter *f)
{
	if (*p->at == ':')
		return parse_rule(p, f);
	f->op = *p->at == '>' ? OP_GREATER : *p->at == '<' ? OP_LESS : OP_EQUAL;
	if (strchr("<>~", *p->at) && *p->at)
		p->at++;
	if (*p->at != '=')
		return fail(p, "=, >=, <=, ~= or a matching rule");
	p->at++;
	return 0;
}

static int
parse_value(struct parser *p, struct filter *f)
{
	if (f->op == OP_EQUAL && strncmp(p->at, "*)", 2) == 0) {
		f->op = OP_PRESENT;
		p->at++;
		return 0;
	}
	if (parse_part(p, f) < 0)
		return -1;
	while (*p->at == '*' && (f->op == OP_EQUAL || f->op == OP_SUBSTRING)) {
		f->op = OP_SUBSTRING;
		p->at++;
		if (parse_part(p, f) < 0)
			return -1;
	}
	return 0;
}

static int
parse_item(struct parser *p, struct filter *f)
{
	const char *start = p->at;

	while ((ascii_lower((uint8_t)*p->at) >= 'a' && ascii_lower((uint8_t)*p->at) <= 'z') ||
	       (*p->at >= '0' && *p->at <= '9') || (*p->at && strchr("-.;", *p->at)))
		p->at++;
	if (p->at == start)
		return fail(p, "an attribute, &, | or !");
	f->attr = strndup(start, (size_t)(p->at - start));
	if (!f->attr)
		return err_nomem(p->err);
	return parse_operator(p, f) < 0 ? -1 : parse_value(p, f);
}

static int parse_filter(struct parser *p, struct filter **ret);

static int
parse_children(struct parser *p, struct filter *f)
{
	f->op = *p->at == '&' ? OP_AND : *p->at == '|' ? OP_OR : OP_NOT;
	p->at++;
	while (*p->at == '(') {
		if (list_grow_by_one(f->children, f->n_children) < 0)
			return err_nomem(p->err);
		if (f->op == OP_NOT && f->n_children)
			return fail(p, "one filter only behind !");
		f->children[f->n_children] = NULL;
		if (parse_filter(p, &f->children[f->n_children]) < 0)
			return -1;
		f->n_children++;
	}
	if (f->op == OP_NOT && !f->n_children)
		return fail(p, "a filter in parentheses");
	return 0;
}

static int
parse_filter(struct parser *p, struct filter **ret)
{
	_cleanup_(filter_free) struct filter *f = calloc(1, sizeof *f);
	int rc;

	if (!f)
		return err_nomem(p->err);
	if (*p->at != '(')
		return fail(p, "(");
	if (++p->depth > MAX_DEPTH)
		return fail(p, "at most 64 levels of parentheses");
	p->at++;
	rc = *p->at && strchr("&|!", *p->at) ? parse_children(p, f) : parse_item(p, f);
	if (rc < 0)
		return -1;
	if (*p->at != ')')
		return fail(p, ")");
	p->at++;
	p->depth--;
	*ret = TAKE(f);
	return 0;
}

int
filter_parse(const char *text, struct filter **ret, struct err *err)
{
	_cleanup_(filter_free) struct filter *f = NULL;
	struct parser p = {.text = text, .at = text, .err = err};

	if (parse_filter(&p, &f) < 0)
		return -1;
	if (*p.at)
		return fail(&p, "the end");
	*ret = TAKE(f);
	return 0;
}

static struct bytes
part_bytes(const struct part *p)
{
	return (struct bytes){p->data, p->len};
}

/* Where PIECE first stands in V from offset FROM on, ignoring case; -1 if nowhere. */
static long
find_piece(struct bytes v, size_t from, struct bytes piece)
{
	for (size_t i = from; i + piece.len <= v.len; i++)
		if (bytes_equal_nocase((struct bytes){(const char *)v.data + i, piece.len}, piece))
			return (long)i;
	return -1;
}

static bool
match_substring(const struct filter *f, struct bytes v)
{
	struct bytes first = part_bytes(&f->parts[0]), last = part_bytes(&f->parts[f->n_parts - 1]);
	size_t at = first.len;

	if (v.len < first.len + last.len ||
	    !bytes_equal_nocase((struct bytes){v.data, first.len}, first))
		return false;
	v.len -= last.len;
	if (!bytes_equal_nocase((struct bytes){(const char *)v.data + v.len, last.len}, last))
		return false;
	for (size_t i = 1; i + 1 < f->n_parts; i++) {
		long found = find_piece(v, at, part_bytes(&f->parts[i]));

		if (found < 0)
			return false;
		at = (size_t)found + f->parts[i].len;
	}
	return true;
}

static int
compare(struct bytes x, struct bytes y)
{
	int64_t p, q;
	size_t n = x.len < y.len ? x.len : y.len;

	if (str_to_i64(x.data, &p) && str_to_i64(y.data, &q))
		return p < q ? -1 : p > q;
	for (size_t i = 0; i < n; i++) {
		int d = ascii_lower(((const uint8_t *)x.data)[i]) -
			ascii_lower(((const uint8_t *)y.data)[i]);

		if (d)
			return d;
	}
	return x.len < y.len ? -1 : x.len > y.len;
}

static enum truth
match_bits(const struct filter *f, struct bytes v)
{
	int64_t have, want;

	if (!str_to_i64(v.data, &have) || !str_to_i64(f->parts[0].data, &want))
		return IS_UNDEFINED;
	if (f->op == OP_BITS_ALL)
		return (have & want) == want ? IS_TRUE : IS_FALSE;
	return (have & want) != 0 ? IS_TRUE : IS_FALSE;
}

static enum truth
match_value(const struct filter *f, struct bytes v)
{
	switch (f->op) {
	case OP_EQUAL: return bytes_equal_nocase(v, part_bytes(&f->parts[0])) ? IS_TRUE : IS_FALSE;
	case OP_GREATER: return compare(v, part_bytes(&f->parts[0])) >= 0 ? IS_TRUE : IS_FALSE;
	case OP_LESS: return compare(v, part_bytes(&f->parts[0])) <= 0 ? IS_TRUE : IS_FALSE;
	case OP_SUBSTRING: return match_substring(f, v) ? IS_TRUE : IS_FALSE;
	case OP_BITS_ALL:
	case OP_BITS_ANY: return match_bits(f, v);
	case OP_PRESENT: return IS_TRUE;
	case OP_AND:
	case OP_OR:
	case OP_NOT: break;
	}
	return IS_UNDEFINED;
}

/* AD takes an absent attribute for a plain False in comparisons and so lets (!(x=y)) match objects
 * without x (MS-ADTS 3.1.1.3.1.3.1): administrators write their filters for that. */
static enum truth
match_item(const struct filter *f, const struct entry *e)
{
	const struct attr *a = entry_find(e, f->attr);
	enum truth result = IS_FALSE;

	for (size_t i = 0; a && i < a->n_values; i++) {
		enum truth t = match_value(f, a->values[i]);

		if (t == IS_TRUE)
			return t;
		if (t == IS_UNDEFINED)
			result = t;
	}
	return result;
}

static enum truth
match(const struct filter *f, const struct entry *e)
{
	enum truth stop = f->op == OP_OR ? IS_TRUE : IS_FALSE;
	enum truth result = f->op == OP_OR ? IS_FALSE : IS_TRUE;

	if (f->op == OP_NOT) {
		result = match(f->children[0], e);
		return result == IS_UNDEFINED ? result : result == IS_TRUE ? IS_FALSE : IS_TRUE;
	}
	if (f->op != OP_AND && f->op != OP_OR)
		return match_item(f, e);
	for (size_t i = 0; i < f->n_children; i++) {
		enum truth t = match(f->children[i], e);

		if (t == stop)
			return t;
		if (t == IS_UNDEFINED)
			result = t;
	}
	return result;
}

bool
filter_match(const struct filter *f, const struct entry *e)
{
	return match(f, e) == IS_TRUE;
}

void
filter_each_attr(const struct filter *f, void (*cb)(const char *attr, void *arg), void *arg)
{
	if (f->attr)
		cb(f->attr, arg);
	for (size_t i = 0; i < f->n_children; i++)
		filter_each_attr(f->children[i], cb, arg);
}

char *
filter_escape(struct bytes value)
{
	_cleanup_(buf_done) struct buf b = {0};
	const uint8_t *p = value.data;

	for (size_t i = 0; i < value.len; i++)
		if (p[i] == '\0' || strchr("*()\\", p[i]))
			buf_printf(&b, "\\%02x", p[i]);
		else
			buf_add_char(&b, (char)p[i]);
	return buf_take_str(&b);
}

char *
filter_guids(const char *filter, const struct guid *guids, size_t n)
{
	_cleanup_(buf_done) struct buf b = {0};

	buf_printf(&b, "(&%s(|", filter);
	for (size_t i = 0; i < n; i++) {
		char text[GUID_FILTER_SIZE];

		guid_filter(&guids[i], text);
		buf_printf(&b, "(objectGUID=%s)", text);
	}
	buf_add_str(&b, "))");
	return buf_take_str(&b);
}
