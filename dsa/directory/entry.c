/* SPDX-License-Identifier: MIT */
#include "dsa/directory/entry.h"

#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"

#define ENTRY_FORMAT 1
#define ATTRS 16 /* as many as most entries have: there is room for them at once */
/* An encoded value takes at least the octets of its length; an attribute, of that of its name and
 * of the number of its values. */
#define ENCODED_VALUE 4
#define ENCODED_ATTR 8

struct entry *
entry_new(const char *dn)
{
	struct entry *e = calloc(1, sizeof *e);

	if (!e)
		return NULL;
	e->dn = strdup(dn);
	if (!e->dn) {
		free(e);
		return NULL;
	}
	return e;
}

static void
attr_done(struct attr *a)
{
	for (size_t i = 0; i < a->n_values; i++)
		free((void *)(uintptr_t)a->values[i].data);
	free(a->values);
	free(a->name);
}

void
entry_free(struct entry *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->n_attrs; i++)
		attr_done(&e->attrs[i]);
	free(e->attrs);
	free(e->dn);
	free(e);
}

/* The last eight octets of NAME, folded: where names differ, and cheaper to compare than they are.
 */
static uint64_t
tail_of(const char *name)
{
	size_t len = strlen(name);
	uint64_t tail = 0;

	if (len < sizeof tail)
		memcpy(&tail, name, len);
	else
		memcpy(&tail, name + len - sizeof tail, sizeof tail);
	return ascii_lower_word(tail);
}

static struct attr *
find(const struct entry *e, const char *name)
{
	uint64_t tail = tail_of(name);

	for (size_t i = 0; i < e->n_attrs; i++)
		if (e->attrs[i].tail == tail && str_equal_nocase(e->attrs[i].name, name))
			return &e->attrs[i];
	return NULL;
}

/* Takes ownership of NAME, which E does not have; NULL: no memory. */
static struct attr *
append(struct entry *e, char *name)
{
	struct attr *a;

	if (!name || list_grow(e->attrs, e->n_attrs, e->cap) < 0) {
		free(name);
		return NULL;
	}
	a = &e->attrs[e->n_attrs++];
	*a = (struct attr){.name = name, .tail = tail_of(name)};
	return a;
}

static struct attr *
find_or_add(struct entry *e, const char *name)
{
	struct attr *a = find(e, name);

	if (a)
		return a;
	if (!e->attrs && list_reserve(e->attrs, e->n_attrs, e->cap, ATTRS) < 0)
		return NULL;
	return append(e, strdup(name));
}

static int
add_value(struct attr *a, struct bytes v)
{
	char *copy;

	if (list_grow(a->values, a->n_values, a->cap) < 0)
		return -1;
	copy = bytes_dup(v);
	if (!copy)
		return -1;
	a->values[a->n_values++] = (struct bytes){copy, v.len};
	return 0;
}

int
entry_add(struct entry *e, const char *name, struct bytes v)
{
	struct attr *a = find_or_add(e, name);

	if (!a || add_value(a, v) < 0)
		return -1;
	if (str_equal_nocase(name, "objectGUID"))
		(void)guid_from_bytes(v, &e->guid);
	return 0;
}

int
entry_add_str(struct entry *e, const char *name, const char *v)
{
	return entry_add(e, name, bytes_of(v));
}

int
entry_touch(struct entry *e, const char *name)
{
	return find_or_add(e, name) ? 0 : -1;
}

void
attr_cut_name(struct attr *a, size_t len)
{
	a->name[len] = '\0';
	a->tail = tail_of(a->name);
}

void
entry_remove(struct entry *e, const char *name)
{
	struct attr *a = find(e, name);

	if (!a)
		return;
	attr_done(a);
	*a = e->attrs[--e->n_attrs];
}

int
entry_set(struct entry *e, const char *name, struct bytes v)
{
	entry_remove(e, name);
	return entry_add(e, name, v);
}

int
entry_set_str(struct entry *e, const char *name, const char *v)
{
	return entry_set(e, name, bytes_of(v));
}

static int
compare_values(const void *x, const void *y)
{
	return bytes_compare(*(const struct bytes *)x, *(const struct bytes *)y);
}

void
entry_sort(struct entry *e)
{
	for (size_t i = 0; i < e->n_attrs; i++)
		if (e->attrs[i].n_values > 1)
			qsort(e->attrs[i].values, e->attrs[i].n_values, sizeof *e->attrs[i].values,
			    compare_values);
}

static int
dup_attr(struct entry *copy, const struct attr *from)
{
	struct attr *a = append(copy, strdup(from->name));

	if (!a || list_reserve(a->values, a->n_values, a->cap, from->n_values) < 0)
		return -1;
	for (size_t i = 0; i < from->n_values; i++)
		if (add_value(a, from->values[i]) < 0)
			return -1;
	return 0;
}

struct entry *
entry_dup(const struct entry *e)
{
	_cleanup_(entry_free) struct entry *copy = entry_new(e->dn);

	if (!copy || list_reserve(copy->attrs, copy->n_attrs, copy->cap, e->n_attrs) < 0)
		return NULL;
	copy->guid = e->guid;
	for (size_t i = 0; i < e->n_attrs; i++)
		if (dup_attr(copy, &e->attrs[i]) < 0)
			return NULL;
	return TAKE(copy);
}

struct entry *
entry_dup_attr(const struct entry *e, const char *name)
{
	_cleanup_(entry_free) struct entry *copy = entry_new(e->dn);
	const struct attr *a = find(e, name);

	if (!copy || (a && dup_attr(copy, a) < 0))
		return NULL;
	copy->guid = e->guid;
	return TAKE(copy);
}

const struct attr *
entry_find(const struct entry *e, const char *name)
{
	return find(e, name);
}

struct bytes
entry_get(const struct entry *e, const char *name)
{
	const struct attr *a = find(e, name);

	return a && a->n_values ? a->values[0] : (struct bytes){NULL, 0};
}

const char *
entry_get_str(const struct entry *e, const char *name)
{
	return entry_get(e, name).data;
}

int64_t
entry_get_i64(const struct entry *e, const char *name, int64_t fallback)
{
	const char *s = entry_get_str(e, name);
	int64_t v;

	return s && str_to_i64(s, &v) ? v : fallback;
}

bool
entry_get_bool(const struct entry *e, const char *name)
{
	const char *s = entry_get_str(e, name);

	return s && str_equal_nocase(s, "TRUE");
}

bool
attr_has(const struct attr *a, struct bytes v, bool nocase)
{
	for (size_t i = 0; a && i < a->n_values; i++)
		if (nocase ? bytes_equal_nocase(a->values[i], v) : bytes_equal(a->values[i], v))
			return true;
	return false;
}

bool
entry_has_class(const struct entry *e, const char *class_name)
{
	const struct attr *a = find(e, "objectClass");

	return a && attr_has(a, bytes_of(class_name), true);
}

void
entry_encode(const struct entry *e, struct buf *ret)
{
	buf_add_u8(ret, ENTRY_FORMAT);
	buf_add(ret, e->guid.octets, GUID_LEN);
	buf_add_bytes(ret, bytes_of(e->dn));
	buf_add_u32(ret, (uint32_t)e->n_attrs);
	for (size_t i = 0; i < e->n_attrs; i++) {
		const struct attr *a = &e->attrs[i];

		buf_add_bytes(ret, bytes_of(a->name));
		buf_add_u32(ret, (uint32_t)a->n_values);
		for (size_t j = 0; j < a->n_values; j++)
			buf_add_bytes(ret, a->values[j]);
	}
}

static int
decode_attr(struct reader *r, struct entry *e)
{
	_cleanup_(free) char *name = bytes_dup(reader_bytes(r));
	uint32_t n = reader_u32(r);
	struct attr *a;

	if (!name)
		return -1;
	if (r->failed)
		return 0;
	if (n > reader_left(r) / ENCODED_VALUE) {
		r->failed = true;
		return 0;
	}
	a = find(e, name);
	if (!a)
		a = append(e, TAKE(name));
	if (!a || list_reserve(a->values, a->n_values, a->cap, n) < 0)
		return -1;
	for (uint32_t i = 0; i < n && !r->failed; i++) {
		struct bytes v = reader_bytes(r);

		if (!r->failed && add_value(a, v) < 0)
			return -1;
	}
	return 0;
}

int
entry_decode_guid(struct bytes raw, struct guid *ret, bool *ret_named, struct err *err)
{
	struct reader r = reader_of(raw);
	const void *guid;

	if (reader_u8(&r) != ENTRY_FORMAT)
		return err_data(err, "no encoded entry");
	guid = reader_raw(&r, GUID_LEN);
	*ret_named = reader_bytes(&r).len > 0;
	if (r.failed || !guid)
		return err_data(err, "damaged encoded entry");
	memcpy(ret->octets, guid, GUID_LEN);
	return 0;
}

int
entry_decode(struct bytes raw, struct entry **ret, struct err *err)
{
	struct reader r = reader_of(raw);
	_cleanup_(entry_free) struct entry *e = NULL;
	_cleanup_(free) char *dn = NULL;
	const void *guid;
	uint32_t n;

	if (reader_u8(&r) != ENTRY_FORMAT)
		return err_data(err, "no encoded entry");
	guid = reader_raw(&r, GUID_LEN);
	dn = bytes_dup(reader_bytes(&r));
	e = dn ? entry_new(dn) : NULL;
	if (!e)
		return err_nomem(err);
	if (guid)
		memcpy(e->guid.octets, guid, GUID_LEN);
	n = reader_u32(&r);
	if (n > reader_left(&r) / ENCODED_ATTR)
		return err_data(err, "damaged encoded entry");
	if (list_reserve(e->attrs, e->n_attrs, e->cap, n) < 0)
		return err_nomem(err);
	for (uint32_t i = 0; i < n && !r.failed; i++)
		if (decode_attr(&r, e) < 0)
			return err_nomem(err);
	if (r.failed || reader_left(&r))
		return err_data(err, "damaged encoded entry");
	*ret = TAKE(e);
	return 0;
}
