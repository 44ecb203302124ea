/* SPDX-License-Identifier: MIT */

/*
 * What a filter's text tells about the objects that it can be true for, like a server's choice of
 * an index: "(attr=value)" does, an "and" if one of its parts does, an "or" if all of them do. For
 * everything else every object has to be looked at. The text is one that filter_parse() takes.
 */

#include <string.h>

#include "dsa/base/hex.h"
#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "tests/support/fakedir_index.h"

struct reading {
	struct fakedir *fd;
	const char *p;
};

/* Every "(...)" is read to its end, whatever comes of it. *RET_ALL and RET as fake_terms_find(). */
static int read_filter(struct reading *r, struct fake_objects *ret, bool *ret_all);

static void
skip_blanks(struct reading *r)
{
	r->p += strspn(r->p, " \t\r\n");
}

/* Over the ")" that ends what is open here. */
static void
skip_to_end(struct reading *r)
{
	for (int depth = 1; depth && *r->p; r->p++)
		depth += *r->p == '(' ? 1 : *r->p == ')' ? -1 : 0;
}

static int
read_parts(struct reading *r, bool is_and, struct fake_objects *ret, bool *ret_all)
{
	bool all = is_and;
	int rc = 0;

	for (skip_blanks(r); rc == 0 && *r->p == '('; skip_blanks(r)) {
		struct fake_objects part = {0};
		bool part_all = true;

		rc = read_filter(r, &part, &part_all);
		/* Of an "and" the first part that tells is enough; an "or" needs all of them. */
		for (size_t i = 0; rc == 0 && i < part.n && (!is_and || all); i++) {
			rc = list_grow(ret->v, ret->n, ret->cap);
			if (rc == 0)
				ret->v[ret->n++] = part.v[i];
		}
		all = is_and ? all && part_all : all || part_all;
		free(part.v);
	}
	skip_to_end(r);
	*ret_all = all;
	return rc;
}

/* The octets of TEXT[0..len) without escapes; NULL: no memory. */
static uint8_t *
unescape(const char *text, size_t len, size_t *ret_len)
{
	uint8_t *v = malloc(len + 1);
	size_t n = 0;

	for (size_t i = 0; v && i < len; i++) {
		int octet = text[i] == '\\' && i + 2 < len ? hex_octet(text + i + 1) : -1;

		v[n++] = octet < 0 ? (uint8_t)text[i] : (uint8_t)octet;
		if (octet >= 0)
			i += 2;
	}
	if (v)
		v[n] = '\0';
	*ret_len = n;
	return v;
}

static int
find_value(struct fakedir *fd, const char *attr, struct bytes v, struct fake_objects *ret)
{
	const struct schema_attr *s = schema_find(fd->schema, attr);
	struct object *target = NULL;
	struct err ignored;

	if (fake_index_ask(fd, attr) < 0)
		return -1;
	if (!s || !fake_schema_is_ref(s))
		return fake_index_all(&fd->index, fake_hash_term(attr, v), ret);
	/* Whether it is a name or not: what it does not name nobody refers to. */
	if (fake_resolve(fd, v.data, true, &target, &ignored) < 0 || !target)
		return 0;
	return fake_index_all(&fd->index, fake_hash_term(attr, guid_bytes(&target->e->guid)), ret);
}

/* "attr=value)". Classes have too many objects to be a choice, and names are not kept as values. */
static int
read_item(struct reading *r, struct fake_objects *ret, bool *ret_all)
{
	size_t len = strcspn(r->p, ")"), name = strcspn(r->p, "=");
	_cleanup_(free) char *attr = NULL;
	_cleanup_(free) uint8_t *value = NULL;
	const char *text = r->p + name + 1;
	size_t n;

	*ret_all =
	    name >= len || memchr(text, '*', len - name - 1) || strcspn(r->p, ":<>~ ") < name;
	if (!*ret_all && !(attr = strndup(r->p, name)))
		return -1;
	r->p += len + (r->p[len] == ')');
	if (*ret_all || str_equal_nocase(attr, "objectClass") ||
	    str_equal_nocase(attr, "distinguishedName")) {
		*ret_all = true;
		return 0;
	}
	value = unescape(text, len - name - 1, &n);
	return value ? find_value(r->fd, attr, (struct bytes){value, n}, ret) : -1;
}

static int
read_filter(struct reading *r, struct fake_objects *ret, bool *ret_all)
{
	char op;

	*ret_all = true;
	skip_blanks(r);
	if (*r->p != '(')
		return 0;
	r->p++;
	skip_blanks(r);
	op = *r->p;
	if (op == '&' || op == '|') {
		r->p++;
		return read_parts(r, op == '&', ret, ret_all);
	}
	if (op == '!') {
		skip_to_end(r);
		return 0;
	}
	return read_item(r, ret, ret_all);
}

int
fake_terms_find(struct fakedir *fd, const char *text, struct fake_objects *ret, bool *ret_all)
{
	struct reading r = {.fd = fd, .p = text};
	int rc = read_filter(&r, ret, ret_all);

	if (rc == 0 && !*ret_all)
		fake_objects_order(ret);
	return rc;
}
