/* SPDX-License-Identifier: MIT */
#include "dsa/directory/entry.h"

#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/directory/dn.h"

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

/* An entry that was decoded or copied is one block with all that it had then. What is changed in it
 * later is allocated by itself. */
static bool
is_in_block(const struct entry *e, const void *p)
{
	uintptr_t from = (uintptr_t)e, at = (uintptr_t)p;

	return at >= from && at - from < e->block;
}

static void
release(const struct entry *e, const void *p)
{
	if (!is_in_block(e, p))
		free((void *)(uintptr_t)p);
}

static void
attr_done(const struct entry *e, struct attr *a)
{
	for (size_t i = 0; i < a->n_values; i++)
		release(e, a->values[i].data);
	release(e, a->values);
	release(e, a->name);
}

void
entry_free(struct entry *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->n_attrs; i++)
		attr_done(e, &e->attrs[i]);
	release(e, e->attrs);
	release(e, e->dn);
	free(e);
}

/* The array V of N elements, all that fit, moved out of the block; NULL: no memory. */
static void *
moved_out(const void *v, size_t n, size_t *cap, size_t size)
{
	void *own = reallocarray(NULL, n + 2, size);

	if (!own)
		return NULL;
	if (n)
		memcpy(own, v, n * size);
	*cap = n + 2;
	return own;
}

static int
make_room(struct entry *e)
{
	if (e->n_attrs < e->cap || !is_in_block(e, e->attrs))
		return list_grow(e->attrs, e->n_attrs, e->cap);
	return list_take_over_(
	    e->attrs, moved_out(e->attrs, e->n_attrs, &e->cap, sizeof *e->attrs));
}

static int
make_value_room(const struct entry *e, struct attr *a)
{
	if (a->n_values < a->cap || !is_in_block(e, a->values))
		return list_grow(a->values, a->n_values, a->cap);
	return list_take_over_(
	    a->values, moved_out(a->values, a->n_values, &a->cap, sizeof *a->values));
}

/* The last eight octets of NAME, folded: where names differ, and cheaper to compare than they are.
 */
static uint64_t
tail_of_text(const char *name, size_t len)
{
	uint64_t tail = 0;

	if (len >= sizeof tail)
		memcpy(&tail, &name[len - sizeof tail], sizeof tail);
	else
		memcpy(&tail, name, len);
	return ascii_lower_word(tail);
}

static uint64_t
tail_of(const char *name)
{
	return tail_of_text(name, strlen(name));
}

/* ---- look-ups ----
 *
 * Most that is looked for is not there, or is the only one of its hash: the place says at once
 * which. It holds 0 for none, the attribute's number from 1 on, or SEVERAL: then all are looked
 * through. SEVERAL stays when they become fewer.
 */

#define SEVERAL 0xff

static uint8_t *
place_of(const struct entry *e, uint64_t tail)
{
	return (uint8_t *)(uintptr_t)&e->place[tail * 0x9e3779b97f4a7c15 >> 56];
}
_Static_assert(ENTRY_PLACES == 1 << (64 - 56), "the upper bits of the product");

/* Attribute number I has got its name. */
static void
put_place(struct entry *e, size_t i)
{
	uint8_t *place = place_of(e, e->attrs[i].tail);

	*place = *place || i + 1 >= SEVERAL ? SEVERAL : (uint8_t)(i + 1);
}

/* Attribute number I loses its name, or (NOW: its number then, from 1 on) moves. */
static void
change_place(struct entry *e, size_t i, uint8_t now)
{
	uint8_t *place = place_of(e, e->attrs[i].tail);

	if (*place != SEVERAL)
		*place = now;
}

/* Nearly all names are in the case of the schema. */
static bool
has_name(const struct attr *a, uint64_t tail, const char *name)
{
	return a->tail == tail && (strcmp(a->name, name) == 0 || str_equal_nocase(a->name, name));
}

static struct attr *
find(const struct entry *e, const char *name)
{
	uint64_t tail = tail_of(name);
	uint8_t place = *place_of(e, tail);

	if (place != SEVERAL)
		return place && has_name(&e->attrs[place - 1], tail, name) ? &e->attrs[place - 1]
									   : NULL;
	for (size_t i = 0; i < e->n_attrs; i++)
		if (has_name(&e->attrs[i], tail, name))
			return &e->attrs[i];
	return NULL;
}

/* Takes ownership of NAME, which E does not have; NULL: no memory. */
static struct attr *
append(struct entry *e, char *name)
{
	struct attr *a;

	if (!name || make_room(e) < 0) {
		free(name);
		return NULL;
	}
	a = &e->attrs[e->n_attrs++];
	*a = (struct attr){.name = name, .tail = tail_of(name)};
	put_place(e, e->n_attrs - 1);
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
add_value(const struct entry *e, struct attr *a, struct bytes v)
{
	char *copy;

	if (make_value_room(e, a) < 0)
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

	if (!a || add_value(e, a, v) < 0)
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
entry_set_dn(struct entry *e, char *dn)
{
	release(e, e->dn);
	e->dn = dn;
}

int
entry_put_value(struct entry *e, struct attr *a, size_t i, struct bytes v)
{
	char *copy = bytes_dup(v);

	if (!copy)
		return -1;
	release(e, a->values[i].data);
	a->values[i] = (struct bytes){copy, v.len};
	return 0;
}

void
entry_drop_value(struct entry *e, struct attr *a, size_t i)
{
	release(e, a->values[i].data);
	a->n_values--;
	memmove(&a->values[i], &a->values[i + 1], (a->n_values - i) * sizeof *a->values);
}

void
entry_cut_name(struct entry *e, struct attr *a, size_t len)
{
	size_t i = (size_t)(a - e->attrs);

	change_place(e, i, 0);
	a->name[len] = '\0';
	a->tail = tail_of(a->name);
	put_place(e, i);
}

void
entry_remove(struct entry *e, const char *name)
{
	struct attr *a = find(e, name);
	size_t i;

	if (!a)
		return;
	i = (size_t)(a - e->attrs);
	change_place(e, i, 0);
	attr_done(e, a);
	if (i == --e->n_attrs)
		return;
	change_place(e, e->n_attrs, (uint8_t)(i + 1));
	*a = e->attrs[e->n_attrs];
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

/* ---- one block ---- */

/* Where the parts of a block go: the entry, its attributes, all values, and all octets, each text
 * or value with a NUL behind it. */
struct packing {
	struct entry *e;
	struct bytes *value;
	char *octet;
};

/* Room for N attributes with VALUES values, and for OCTETS octets. NULL: no memory. */
static struct entry *
pack_begin(struct packing *p, size_t n, size_t values, size_t octets)
{
	size_t size =
	    sizeof *p->e + n * sizeof(struct attr) + values * sizeof(struct bytes) + octets;

	p->e = malloc(size);
	if (!p->e)
		return NULL;
	*p->e = (struct entry){.attrs = (struct attr *)(p->e + 1), .cap = n, .block = size};
	p->value = (struct bytes *)(p->e->attrs + n);
	p->octet = (char *)(p->value + values);
	return p->e;
}

static char *
pack_octets(struct packing *p, struct bytes v)
{
	char *at = p->octet;

	if (v.len)
		memcpy(at, v.data, v.len);
	at[v.len] = '\0';
	p->octet += v.len + 1;
	return at;
}

/* An attribute that is to get CAP values. */
static struct attr *
pack_attr(struct packing *p, struct bytes name, size_t cap)
{
	struct attr *a = &p->e->attrs[p->e->n_attrs++];
	char *copy = pack_octets(p, name);

	*a = (struct attr){
	    .name = copy, .tail = tail_of_text(copy, strlen(copy)), .values = p->value, .cap = cap};
	p->value += cap;
	put_place(p->e, p->e->n_attrs - 1);
	return a;
}

static void
pack_value(struct packing *p, struct attr *a, struct bytes v)
{
	a->values[a->n_values++] = (struct bytes){pack_octets(p, v), v.len};
}

/* A copy of E with the N attributes ATTRS of it. */
static struct entry *
pack_some(const struct entry *e, const struct attr *attrs, size_t n)
{
	size_t values = 0, octets = strlen(e->dn) + 1;
	struct packing p;

	for (size_t i = 0; i < n; i++) {
		values += attrs[i].n_values;
		octets += strlen(attrs[i].name) + 1;
		for (size_t j = 0; j < attrs[i].n_values; j++)
			octets += attrs[i].values[j].len + 1;
	}
	if (!pack_begin(&p, n, values, octets))
		return NULL;
	p.e->dn = pack_octets(&p, bytes_of(e->dn));
	p.e->guid = e->guid;
	for (size_t i = 0; i < n; i++) {
		struct attr *a = pack_attr(&p, bytes_of(attrs[i].name), attrs[i].n_values);

		for (size_t j = 0; j < attrs[i].n_values; j++)
			pack_value(&p, a, attrs[i].values[j]);
	}
	return p.e;
}

struct entry *
entry_dup(const struct entry *e)
{
	return pack_some(e, e->attrs, e->n_attrs);
}

struct entry *
entry_dup_attr(const struct entry *e, const char *name)
{
	const struct attr *a = find(e, name);

	return a ? pack_some(e, a, 1) : pack_some(e, e->attrs, 0);
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

bool
attr_has_dn(const struct attr *a, const char *dn)
{
	for (size_t i = 0; a && i < a->n_values; i++)
		if (dn_equal(dn_strip_extended(a->values[i].data), dn))
			return true;
	return false;
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

/* How much the N attributes in R take: *RET_VALUES values, and so many octets with a NUL each. R
 * fails if they are no N attributes. */
static size_t
measure(struct reader *r, uint32_t n, size_t *ret_values)
{
	size_t octets = 0;

	*ret_values = 0;
	for (uint32_t i = 0; i < n && !r->failed; i++) {
		uint32_t values;

		octets += reader_bytes(r).len + 1;
		values = reader_u32(r);
		if (values > reader_left(r) / ENCODED_VALUE)
			r->failed = true;
		for (uint32_t j = 0; j < values && !r->failed; j++)
			octets += reader_bytes(r).len + 1;
		*ret_values += values;
	}
	return octets;
}

/* Could the last attribute of E, with a NAME of so many octets, have been encoded? None that is
 * there under that name already could: it would never be found. */
static bool
is_sound(const struct entry *e, const struct attr *last, size_t name)
{
	return strlen(last->name) == name &&
	       (*place_of(e, last->tail) != SEVERAL || find(e, last->name) == last);
}

int
entry_decode(struct bytes raw, struct entry **ret, struct err *err)
{
	struct reader r = reader_of(raw), ahead;
	struct packing p;
	const void *guid;
	struct bytes dn;
	uint32_t n;
	size_t values, octets;

	if (reader_u8(&r) != ENTRY_FORMAT)
		return err_data(err, "no encoded entry");
	guid = reader_raw(&r, GUID_LEN);
	dn = reader_bytes(&r);
	n = reader_u32(&r);
	ahead = r;
	if (n > reader_left(&r) / ENCODED_ATTR)
		return err_data(err, "damaged encoded entry");
	octets = measure(&ahead, n, &values);
	if (ahead.failed || reader_left(&ahead))
		return err_data(err, "damaged encoded entry");
	if (!pack_begin(&p, n, values, octets + dn.len + 1))
		return err_nomem(err);
	p.e->dn = pack_octets(&p, dn);
	memcpy(p.e->guid.octets, guid, GUID_LEN);
	for (uint32_t i = 0; i < n; i++) {
		struct bytes name = reader_bytes(&r);
		uint32_t cap = reader_u32(&r);
		struct attr *a = pack_attr(&p, name, cap);

		for (uint32_t j = 0; j < cap; j++)
			pack_value(&p, a, reader_bytes(&r));
		if (!is_sound(p.e, a, name.len)) {
			entry_free(p.e);
			return err_data(err, "damaged encoded entry");
		}
	}
	*ret = p.e;
	return 0;
}
