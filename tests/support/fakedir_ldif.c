/* SPDX-License-Identifier: MIT */

/*
 * Scenarios as text. Reading: the content records of RFC 2849 without URLs and options. Writing:
 * one spelling for every equal state, for comparison and for people.
 */

#include <stdio.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"
#include "tests/support/fakedir_priv.h"

void
fake_entries_free(struct entry **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		entry_free(v[i]);
	free(v);
}

/* ---- reading ---- */

struct reading {
	const char *at;
	unsigned line;
	struct entry **v;
	size_t n;
	bool in_record;
	struct err *err;
};

static int
digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool
decode_base64(const char *s, struct buf *ret)
{
	size_t len = strlen(s), digits = strcspn(s, "=");
	uint32_t bits = 0;

	if (len % 4 || len - digits > 2 || strspn(s + digits, "=") != len - digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		if (digit_of(s[i]) < 0)
			return false;
		bits = bits << 6 | (uint32_t)digit_of(s[i]);
		if (i % 4)
			buf_add_u8(ret, (uint8_t)(bits >> (6 - 2 * (i % 4))));
	}
	return true;
}

/* The next line without its end, continuations joined. False at the end of the text. */
static bool
next_line(struct reading *r, struct buf *ret)
{
	buf_reset(ret);
	buf_add(ret, "", 0);
	if (!*r->at)
		return false;
	do {
		size_t len = strcspn(r->at, "\n");

		r->line++;
		if (ret->len)
			r->at++, len--; /* the blank of a continuation */
		buf_add(ret, r->at, len);
		r->at += len + (r->at[len] == '\n');
		if (ret->len && ret->data[ret->len - 1] == '\r')
			ret->data[--ret->len] = '\0';
	} while (ret->len && *r->at == ' ');
	return true;
}

static int
begin_record(struct reading *r, const char *dn)
{
	if (list_grow_by_one(r->v, r->n) < 0 || !(r->v[r->n] = entry_new(dn)))
		return err_nomem(r->err);
	r->n++;
	r->in_record = true;
	return 0;
}

static int
take_line(struct reading *r, char *line)
{
	_cleanup_(buf_done) struct buf value = {0};
	char *colon = strchr(line, ':');
	const char *text;

	if (!colon)
		return err_data(r->err, "LDIF line %u: no colon", r->line);
	*colon = '\0';
	text = colon + 1 + (colon[1] == ':');
	text += strspn(text, " ");
	buf_add(&value, "", 0);
	if (colon[1] != ':')
		buf_add_str(&value, text);
	else if (!decode_base64(text, &value))
		return err_data(r->err, "LDIF line %u: no base64", r->line);
	if (value.failed)
		return err_nomem(r->err);
	if (!r->in_record && str_equal_nocase(line, "dn"))
		return begin_record(r, (const char *)value.data);
	if (!r->in_record)
		return err_data(r->err, "LDIF line %u: a record begins with dn", r->line);
	return entry_add(r->v[r->n - 1], line, buf_bytes(&value)) < 0 ? err_nomem(r->err) : 0;
}

int
fake_ldif_parse(const char *text, struct entry ***ret, size_t *ret_n, struct err *err)
{
	_cleanup_(buf_done) struct buf line = {0};
	struct reading r = {.at = text, .err = err};
	int rc = 0;

	while (rc == 0 && next_line(&r, &line)) {
		if (line.failed)
			rc = err_nomem(err);
		else if (!line.len)
			r.in_record = false;
		else if (line.data[0] != '#')
			rc = take_line(&r, (char *)line.data);
	}
	if (rc < 0) {
		fake_entries_free(r.v, r.n);
		return -1;
	}
	*ret = r.v;
	*ret_n = r.n;
	return 0;
}

/* ---- writing ---- */

static bool
is_unstable(const char *name)
{
	static const char *const names[] = {
	    "objectGUID", "objectSid", "uSNCreated", "uSNChanged", "whenCreated", "whenChanged"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_equal_nocase(names[i], name))
			return true;
	return false;
}

static int
by_octets(const void *x, const void *y)
{
	const struct bytes *p = x, *q = y;
	size_t n = p->len < q->len ? p->len : q->len;
	int d = n ? memcmp(p->data, q->data, n) : 0;

	return d ? d : (p->len > q->len) - (p->len < q->len);
}

static int
by_name(const void *x, const void *y)
{
	const struct attr *const *p = x, *const *q = y;

	return strcasecmp((*p)->name, (*q)->name);
}

static int
by_norm(const void *x, const void *y)
{
	struct object *const *p = x, *const *q = y;

	return strcmp((*p)->norm, (*q)->norm);
}

static void
dump_value(struct buf *ret, const char *name, struct bytes v)
{
	const uint8_t *p = v.data;
	bool text = utf8_valid(v);

	for (; *name; name++)
		buf_add_char(ret, (char)ascii_lower((uint8_t)*name));
	for (size_t i = 0; i < v.len; i++)
		text &= p[i] >= 0x20 && p[i] != 0x7f;
	buf_add_str(ret, text ? ": " : ":x ");
	for (size_t i = 0; !text && i < v.len; i++)
		buf_printf(ret, "%02x", p[i]);
	if (text)
		buf_add(ret, v.data, v.len);
	buf_add_char(ret, '\n');
}

static void
dump_attr(struct buf *ret, const struct attr *a)
{
	_cleanup_(free) struct bytes *values = calloc(a->n_values + 1, sizeof *values);

	if (!values) {
		ret->failed = true;
		return;
	}
	memcpy(values, a->values, a->n_values * sizeof *values);
	qsort(values, a->n_values, sizeof *values, by_octets);
	for (size_t i = 0; i < a->n_values; i++)
		dump_value(ret, a->name, values[i]);
}

static void
dump_entry(struct buf *ret, const struct entry *e, unsigned flags)
{
	_cleanup_(free) const struct attr **attrs =
	    calloc(e->n_attrs + 1, sizeof(const struct attr *));
	size_t n = 0;

	for (size_t i = 0; attrs && i < e->n_attrs; i++)
		if (!(flags & FAKEDIR_DUMP_STABLE) || !is_unstable(e->attrs[i].name))
			attrs[n++] = &e->attrs[i];
	ret->failed |= !attrs;
	if (!attrs)
		return;
	qsort(attrs, n, sizeof(const struct attr *), by_name);
	buf_printf(ret, "dn: %s\n", e->dn);
	for (size_t i = 0; i < n; i++)
		dump_attr(ret, attrs[i]);
	buf_add_char(ret, '\n');
}

static void
dump_locked(struct fakedir *fd, struct buf *ret, unsigned flags)
{
	_cleanup_(free) struct object **sorted = calloc(fd->n + 1, sizeof(struct object *));
	size_t n = 0;

	for (size_t i = 0; sorted && i < fd->n; i++)
		if (!fd->objects[i]->deleted || (flags & FAKEDIR_DUMP_DELETED))
			sorted[n++] = fd->objects[i];
	ret->failed |= !sorted;
	if (!sorted)
		return;
	qsort(sorted, n, sizeof(struct object *), by_norm);
	for (size_t i = 0; i < n; i++) {
		const struct entry *view = fake_view(fd, sorted[i]);

		if (view)
			dump_entry(ret, view, flags);
		else
			ret->failed = true;
	}
}

void
fakedir_dump(struct fakedir *fd, struct buf *ret, unsigned flags)
{
	(void)pthread_mutex_lock(&fd->lock);
	dump_locked(fd, ret, flags);
	(void)pthread_mutex_unlock(&fd->lock);
}
