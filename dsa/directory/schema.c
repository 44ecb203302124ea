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
