/* SPDX-License-Identifier: MIT */
#include "dsa/directory/schema.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/list.h"
#include "dsa/base/str.h"
#include "dsa/base/text_fold.h"
#include "dsa/directory/dn.h"

/* systemFlags bits (MS-ADTS 2.2.10): not replicated marks back links and the like, constructed what
 * the server computes. */
#define FLAG_CONSTRUCTED 0x4

struct schema {
	struct schema_attr *attrs;
	size_t n, cap;
	bool sorted;
};

const char *const schema_read_attrs[] = {"lDAPDisplayName", "attributeSyntax", "oMSyntax",
    "isSingleValued", "systemOnly", "rangeLower", "rangeUpper", "linkID", "systemFlags",
    "isDefunct", "attributeSecurityGUID", NULL};

struct schema *
schema_new(void)
{
	return calloc(1, sizeof(struct schema));
}

void
schema_free(struct schema *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		free(s->attrs[i].name);
	free(s->attrs);
	free(s);
}

/* attributeSyntax of MS-ADTS 3.1.1.2.2.2. */
#define UNICODE "2.5.5.12"
#define TELETEX "2.5.5.4"

static enum schema_syntax
syntax_of(const char *oid)
{
	static const struct {
		const char *oid;
		enum schema_syntax syntax;
	} known[] = {{"2.5.5.1", SCHEMA_DN}, {"2.5.5.3", SCHEMA_STRING}, {TELETEX, SCHEMA_STRING},
	    {"2.5.5.5", SCHEMA_STRING}, {"2.5.5.6", SCHEMA_STRING}, {"2.5.5.8", SCHEMA_BOOLEAN},
	    {"2.5.5.9", SCHEMA_INTEGER}, {"2.5.5.10", SCHEMA_OCTETS}, {"2.5.5.11", SCHEMA_TIME},
	    {UNICODE, SCHEMA_STRING}, {"2.5.5.15", SCHEMA_OCTETS}, {"2.5.5.16", SCHEMA_INTEGER},
	    {"2.5.5.17", SCHEMA_OCTETS}};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(known[i].oid, oid) == 0)
			return known[i].syntax;
	return SCHEMA_OTHER;
}

/* In the Personal Information, Phone and Mail Options, or Web Information set
 * (MS-ADTS 3.1.1.2.3.3)?
 */
static bool
is_self_writable(const struct entry *e)
{
	static const char *const sets[] = {"77b5b886-944a-11d1-aebd-0000f80367c1",
	    "e45795b2-9455-11d1-aebd-0000f80367c1", "e45795b3-9455-11d1-aebd-0000f80367c1"};
	char text[GUID_TEXT_SIZE];
	struct guid g;

	if (!guid_from_bytes(entry_get(e, "attributeSecurityGUID"), &g))
		return false;
	guid_format(&g, text);
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		if (strcmp(text, sets[i]) == 0)
			return true;
	return false;
}

int
schema_add_entry(struct schema *s, const struct entry *e, struct err *err)
{
	const char *name = entry_get_str(e, "lDAPDisplayName");
	const char *syntax = entry_get_str(e, "attributeSyntax");
	struct schema_attr a;

	if (!name || !syntax)
		return err_data(err, "attributeSchema '%s' lacks %s", e->dn,
		    name ? "attributeSyntax" : "lDAPDisplayName");
	if (entry_get_bool(e, "isDefunct"))
		return 0;
	a = (struct schema_attr){.name = (char *)(uintptr_t)name,
	    .syntax = syntax_of(syntax),
	    .unicode = strcmp(syntax, UNICODE) == 0,
	    .nocase = strcmp(syntax, UNICODE) == 0 || strcmp(syntax, TELETEX) == 0,
	    .single = entry_get_bool(e, "isSingleValued"),
	    .system_only = entry_get_bool(e, "systemOnly"),
	    .self_writable = is_self_writable(e),
	    .range_upper = entry_get_i64(e, "rangeUpper", -1),
	    .range_lower = entry_get_i64(e, "rangeLower", -1),
	    .link_id = (int32_t)entry_get_i64(e, "linkID", 0)};
	a.constructed_or_backlink =
	    (entry_get_i64(e, "systemFlags", 0) & FLAG_CONSTRUCTED) || (a.link_id & 1);
	return schema_add(s, &a) < 0 ? err_nomem(err) : 0;
}

/* ---- what is kept ----
 *
 * Format octet, release, naming context, instance, USN u64, count u32, and for each attribute its
 * name, syntax u8, flags u8, range_upper, range_lower u64, link_id u32. What an attributeSchema
 * entry means may be another thing to another release.
 */

#define KEPT_FORMAT 1
#define KEPT_ATTR 26 /* octets that an attribute takes at least */

enum kept_flag {
	KEPT_SINGLE = 1 << 0,
	KEPT_SYSTEM_ONLY = 1 << 1,
	KEPT_NOT_OURS = 1 << 2,
	KEPT_UNICODE = 1 << 3,
	KEPT_NOCASE = 1 << 4,
	KEPT_SELF_WRITABLE = 1 << 5,
};

static uint8_t
flags_of(const struct schema_attr *a)
{
	return (uint8_t)((a->single ? KEPT_SINGLE : 0) | (a->system_only ? KEPT_SYSTEM_ONLY : 0) |
			 (a->constructed_or_backlink ? KEPT_NOT_OURS : 0) |
			 (a->unicode ? KEPT_UNICODE : 0) | (a->nocase ? KEPT_NOCASE : 0) |
			 (a->self_writable ? KEPT_SELF_WRITABLE : 0));
}

void
schema_encode(const struct schema *s, const struct schema_origin *from, struct buf *ret)
{
	buf_add_u8(ret, KEPT_FORMAT);
	buf_add_bytes(ret, bytes_of(GALSYNC_VERSION));
	buf_add_bytes(ret, bytes_of(from->dn));
	buf_add_bytes(ret, bytes_of(from->invocation));
	buf_add_u64(ret, from->usn);
	buf_add_u32(ret, (uint32_t)s->n);
	for (size_t i = 0; i < s->n; i++) {
		const struct schema_attr *a = &s->attrs[i];

		buf_add_bytes(ret, bytes_of(a->name));
		buf_add_u8(ret, (uint8_t)a->syntax);
		buf_add_u8(ret, flags_of(a));
		buf_add_u64(ret, (uint64_t)a->range_upper);
		buf_add_u64(ret, (uint64_t)a->range_lower);
		buf_add_u32(ret, (uint32_t)a->link_id);
	}
}

/* Is what R begins with an origin that NOW has not left? */
static bool
is_of(struct reader *r, const struct schema_origin *now, uint64_t *ret_usn)
{
	bool same = reader_u8(r) == KEPT_FORMAT &&
		    bytes_equal(reader_bytes(r), bytes_of(GALSYNC_VERSION)) &&
		    bytes_equal(reader_bytes(r), bytes_of(now->dn)) && *now->invocation &&
		    bytes_equal(reader_bytes(r), bytes_of(now->invocation));

	*ret_usn = same ? reader_u64(r) : 0;
	return same && !r->failed && *ret_usn <= now->usn;
}

/* 0, or -1 without memory; R fails if it holds no attribute. */
static int
decode_attr(struct reader *r, struct schema *s)
{
	_cleanup_(free) char *name = bytes_dup(reader_bytes(r));
	struct schema_attr a = {.name = name, .syntax = (enum schema_syntax)reader_u8(r)};
	uint8_t flags = reader_u8(r);

	a.single = flags & KEPT_SINGLE;
	a.system_only = flags & KEPT_SYSTEM_ONLY;
	a.constructed_or_backlink = flags & KEPT_NOT_OURS;
	a.unicode = flags & KEPT_UNICODE;
	a.nocase = flags & KEPT_NOCASE;
	a.self_writable = flags & KEPT_SELF_WRITABLE;
	a.range_upper = (int64_t)reader_u64(r);
	a.range_lower = (int64_t)reader_u64(r);
	a.link_id = (int32_t)reader_u32(r);
	r->failed |= a.syntax > SCHEMA_DN;
	return !name || schema_add(s, &a) < 0 ? -1 : 0;
}

int
schema_decode(struct bytes raw, const struct schema_origin *now, struct schema **ret,
    uint64_t *ret_usn, struct err *err)
{
	_cleanup_(schema_free) struct schema *s = schema_new();
	struct reader r = reader_of(raw);
	uint32_t n;

	*ret = NULL;
	if (!s)
		return err_nomem(err);
	if (!is_of(&r, now, ret_usn))
		return 0;
	n = reader_u32(&r);
	r.failed |= n > reader_left(&r) / KEPT_ATTR;
	for (uint32_t i = 0; i < n && !r.failed; i++)
		if (decode_attr(&r, s) < 0)
			return err_nomem(err);
	if (!r.failed && !reader_left(&r) && n)
		*ret = TAKE(s);
	return 0;
}

int
schema_add(struct schema *s, const struct schema_attr *a)
{
	char *name = strdup(a->name);

	if (!name)
		return -1;
	if (list_grow(s->attrs, s->n, s->cap) < 0) {
		free(name);
		return -1;
	}
	s->attrs[s->n] = *a;
	s->attrs[s->n++].name = name;
	s->sorted = false;
	return 0;
}

static int
compare(const void *x, const void *y)
{
	return strcasecmp(
	    ((const struct schema_attr *)x)->name, ((const struct schema_attr *)y)->name);
}

const struct schema_attr *
schema_find(const struct schema *s, const char *name)
{
	/* Sorted at the first look-up: lookups are many, additions come in one go before them. */
	struct schema *own = (struct schema *)(uintptr_t)s;
	struct schema_attr key = {.name = (char *)(uintptr_t)name};

	if (!s->n)
		return NULL;
	if (!s->sorted) {
		qsort(own->attrs, own->n, sizeof *own->attrs, compare);
		own->sorted = true;
	}
	return bsearch(&key, s->attrs, s->n, sizeof *s->attrs, compare);
}

bool
schema_is_reference(const struct schema *s, const char *name)
{
	const struct schema_attr *a = schema_find(s, name);

	return a && a->syntax == SCHEMA_DN && !a->constructed_or_backlink;
}

size_t
schema_count(const struct schema *s)
{
	return s->n;
}

static bool
check_range(const struct schema_attr *a, int64_t size, const char *unit, char *why, size_t why_size)
{
	if (a->range_upper >= 0 && size > a->range_upper) {
		(void)snprintf(why, why_size, "%lld%s, at most %lld %s allowed", (long long)size,
		    unit, (long long)a->range_upper, *unit ? "are" : "is");
		return false;
	}
	if (a->range_lower >= 0 && size < a->range_lower) {
		(void)snprintf(why, why_size, "%lld%s, at least %lld %s needed", (long long)size,
		    unit, (long long)a->range_lower, *unit ? "are" : "is");
		return false;
	}
	return true;
}

bool
schema_check_value(const struct schema_attr *a, struct bytes v, char *why, size_t why_size)
{
	int64_t number;

	*why = '\0';
	switch (a->syntax) {
	case SCHEMA_STRING:
		if (!utf8_valid(v)) {
			(void)snprintf(why, why_size, "not well-formed UTF-8");
			return false;
		}
		return check_range(a, (int64_t)utf8_len_utf16(v), " characters", why, why_size);
	case SCHEMA_OCTETS: return check_range(a, (int64_t)v.len, " octets", why, why_size);
	case SCHEMA_INTEGER:
		if (!str_to_i64(v.data, &number)) {
			(void)snprintf(why, why_size, "not a number");
			return false;
		}
		return check_range(a, number, "", why, why_size);
	case SCHEMA_BOOLEAN:
		if (bytes_equal(v, bytes_of("TRUE")) || bytes_equal(v, bytes_of("FALSE")))
			return true;
		(void)snprintf(why, why_size, "neither TRUE nor FALSE");
		return false;
	case SCHEMA_OTHER:
	case SCHEMA_TIME:
	case SCHEMA_DN: break;
	}
	return true;
}

static bool
is_ascii(struct bytes v)
{
	const uint8_t *p = v.data;
	size_t i = 0;

	while (i < v.len && p[i] && p[i] < 0x80)
		i++;
	return i == v.len;
}

/* The same of values that do not differ in ASCII letters alone. */
static bool
folds_equal(struct bytes x, struct bytes y)
{
	_cleanup_(free) char *fold_x = NULL, *fold_y = NULL;

	if (is_ascii(x) && is_ascii(y))
		return false;
	if (memchr(x.data, '\0', x.len) || memchr(y.data, '\0', y.len))
		return false;
	fold_x = text_fold_key(x.data);
	fold_y = text_fold_key(y.data);
	return fold_x && fold_y && strcmp(fold_x, fold_y) == 0;
}

enum schema_likeness
schema_compare(const struct schema_attr *a, struct bytes x, struct bytes y)
{
	int64_t number_x, number_y;
	bool same = false;

	if (bytes_equal(x, y))
		return SCHEMA_SAME;
	if (!a || !x.len || !y.len)
		return SCHEMA_DIFFERENT;
	if (a->syntax == SCHEMA_STRING && a->nocase)
		return bytes_equal_nocase(x, y) || folds_equal(x, y) ? SCHEMA_RESPELLED
								     : SCHEMA_DIFFERENT;
	if (a->syntax == SCHEMA_INTEGER)
		same = str_to_i64(x.data, &number_x) && str_to_i64(y.data, &number_y) &&
		       number_x == number_y;
	else if (a->syntax == SCHEMA_DN)
		same = dn_equal(dn_strip_extended(x.data), dn_strip_extended(y.data));
	return same ? SCHEMA_SAME : SCHEMA_DIFFERENT;
}
