/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/directory/schema.h"

static void
add(struct entry *e, const char *attr, const char *value)
{
	if (value)
		assert_int_equal(entry_add_str(e, attr, value), 0);
}

static int
add_attribute(struct schema *s, const char *name, const char *syntax, const char *attr,
    const char *value, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = entry_new("CN=x,CN=Schema");

	add(e, "lDAPDisplayName", name);
	add(e, "attributeSyntax", syntax);
	if (attr)
		add(e, attr, value);
	return schema_add_entry(s, e, err);
}

static void
from_entries(void **state)
{
	static const struct {
		const char *oid;
		enum schema_syntax syntax;
	} syntaxes[] = {{"2.5.5.1", SCHEMA_DN}, {"2.5.5.2", SCHEMA_OTHER},
	    {"2.5.5.4", SCHEMA_STRING}, {"2.5.5.5", SCHEMA_STRING}, {"2.5.5.6", SCHEMA_STRING},
	    {"2.5.5.7", SCHEMA_OTHER}, {"2.5.5.8", SCHEMA_BOOLEAN}, {"2.5.5.9", SCHEMA_INTEGER},
	    {"2.5.5.10", SCHEMA_OCTETS}, {"2.5.5.11", SCHEMA_TIME}, {"2.5.5.12", SCHEMA_STRING},
	    {"2.5.5.14", SCHEMA_OTHER}, {"2.5.5.15", SCHEMA_OCTETS}, {"2.5.5.16", SCHEMA_INTEGER},
	    {"2.5.5.17", SCHEMA_OCTETS}, {"", SCHEMA_OTHER}};
	_cleanup_(schema_free) struct schema *s = schema_new();
	struct err err = {0};
	char name[16];

	(void)state;
	assert_null(schema_find(s, "cn"));
	for (size_t i = 0; i < ARRAY_SIZE(syntaxes); i++) {
		name[0] = (char)('p' - i);
		name[1] = '\0';
		assert_int_equal(add_attribute(s, name, syntaxes[i].oid, NULL, NULL, &err), 0);
	}
	assert_int_equal(schema_count(s), ARRAY_SIZE(syntaxes));
	for (size_t i = 0; i < ARRAY_SIZE(syntaxes); i++) {
		const struct schema_attr *a;

		name[0] = (char)('P' - i); /* whatever the case */
		a = schema_find(s, name);
		assert_non_null(a);
		assert_int_equal(a->syntax, syntaxes[i].syntax);
		assert_false(a->single || a->system_only || a->constructed_or_backlink);
		assert_int_equal(a->unicode, strcmp(syntaxes[i].oid, "2.5.5.12") == 0);
		assert_int_equal(a->nocase, a->unicode || strcmp(syntaxes[i].oid, "2.5.5.4") == 0);
		assert_int_equal(a->range_upper, -1);
		assert_int_equal(a->range_lower, -1);
		assert_int_equal(a->link_id, 0);
	}
	assert_null(schema_find(s, "pp"));
	assert_null(schema_find(s, ""));
	/* One that comes after a look-up is found too. */
	assert_int_equal(add_attribute(s, "abc", "2.5.5.12", NULL, NULL, &err), 0);
	assert_non_null(schema_find(s, "ABC"));
	assert_non_null(schema_find(s, "p"));
}

static void
properties(void **state)
{
	_cleanup_(schema_free) struct schema *s = schema_new();
	struct err err = {0};

	(void)state;
	assert_int_equal(add_attribute(s, "a", "2.5.5.12", "isSingleValued", "TRUE", &err), 0);
	assert_true(schema_find(s, "a")->single);
	assert_int_equal(add_attribute(s, "b", "2.5.5.12", "systemOnly", "TRUE", &err), 0);
	assert_true(schema_find(s, "b")->system_only);
	assert_int_equal(add_attribute(s, "c", "2.5.5.12", "systemFlags", "20", &err), 0);
	assert_true(schema_find(s, "c")->constructed_or_backlink);
	assert_int_equal(add_attribute(s, "d", "2.5.5.12", "systemFlags", "16", &err), 0);
	assert_false(schema_find(s, "d")->constructed_or_backlink);
	assert_int_equal(add_attribute(s, "member", "2.5.5.1", "linkID", "2", &err), 0);
	assert_false(schema_find(s, "member")->constructed_or_backlink);
	assert_int_equal(add_attribute(s, "memberOf", "2.5.5.1", "linkID", "3", &err), 0);
	assert_true(schema_find(s, "memberOf")->constructed_or_backlink);
	assert_int_equal(schema_find(s, "memberOf")->link_id, 3);
	assert_int_equal(add_attribute(s, "e", "2.5.5.12", "rangeUpper", "64", &err), 0);
	assert_int_equal(schema_find(s, "e")->range_upper, 64);
	assert_int_equal(add_attribute(s, "gone", "2.5.5.12", "isDefunct", "TRUE", &err), 0);
	assert_null(schema_find(s, "gone"));
	assert_int_equal(add_attribute(s, "here", "2.5.5.12", "isDefunct", "FALSE", &err), 0);
	assert_non_null(schema_find(s, "here"));
}

static void
incomplete(void **state)
{
	_cleanup_(schema_free) struct schema *s = schema_new();
	struct err err = {0};

	(void)state;
	assert_int_equal(add_attribute(s, NULL, "2.5.5.12", NULL, NULL, &err), -1);
	assert_int_equal(err.src, ERR_DATA);
	assert_non_null(strstr(err.text, "'CN=x,CN=Schema' lacks lDAPDisplayName"));
	assert_int_equal(add_attribute(s, "a", NULL, NULL, NULL, &err), -1);
	assert_non_null(strstr(err.text, "lacks attributeSyntax"));
	assert_int_equal(schema_count(s), 0);
	schema_free(NULL);
}

/* As many as a real schema has, in no order. */
static void
many(void **state)
{
	_cleanup_(schema_free) struct schema *s = schema_new();
	char name[32];

	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		struct schema_attr a = {.name = name, .link_id = (int32_t)i};

		(void)snprintf(name, sizeof name, "attr%u", i * 7919 % 2000);
		assert_int_equal(schema_add(s, &a), 0);
	}
	for (unsigned i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof name, "ATTR%u", i * 7919 % 2000);
		assert_int_equal(schema_find(s, name)->link_id, i);
	}
	for (size_t i = 0; schema_read_attrs[i]; i++)
		assert_true(*schema_read_attrs[i]);
}

#define S(s)                                                                                       \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}

static const struct {
	enum schema_syntax syntax;
	int64_t lower, upper;
	struct bytes v;
	const char *why; /* NULL: allowed */
} values[] = {
    {SCHEMA_STRING, -1, -1, S("anything"), NULL},
    {SCHEMA_STRING, 1, 4, S("four"), NULL},
    {SCHEMA_STRING, 1, 4, S("fives"), "5 characters, at most 4 are allowed"},
    {SCHEMA_STRING, 2, 4, S("1"), "1 characters, at least 2 are needed"},
    {SCHEMA_STRING, 1, 4, S(""), "0 characters, at least 1 are needed"},
    {SCHEMA_STRING, 0, 4, S(""), NULL},
    {SCHEMA_STRING, 1, 4, S("Jos\xc3\xa9"), NULL}, /* characters, not octets */
    {SCHEMA_STRING, 1, 1, S("\xf0\x9f\x98\x80"), "2 characters, at most 1 are allowed"},
    {SCHEMA_STRING, 1, 4, S("a\xff"), "not well-formed UTF-8"},
    {SCHEMA_STRING, 1, 4, S("\xed\xa0\x80"), "not well-formed UTF-8"}, /* a surrogate */
    {SCHEMA_OCTETS, 2, 4, S("\xff\xfe"), NULL},
    {SCHEMA_OCTETS, 2, 4, S("12345"), "5 octets, at most 4 are allowed"},
    {SCHEMA_OCTETS, 2, 4, S("1"), "1 octets, at least 2 are needed"},
    {SCHEMA_INTEGER, -1, -1, S("-2147483640"), NULL},
    {SCHEMA_INTEGER, -1, -1, S("44220983382016"), NULL},
    {SCHEMA_INTEGER, -1, -1, S("12x"), "not a number"},
    {SCHEMA_INTEGER, -1, -1, S(""), "not a number"},
    {SCHEMA_INTEGER, -1, -1, S("99999999999999999999"), "not a number"},
    {SCHEMA_INTEGER, 1, 10, S("10"), NULL},
    {SCHEMA_INTEGER, 1, 10, S("11"), "11, at most 10 is allowed"},
    {SCHEMA_INTEGER, 1, 10, S("0"), "0, at least 1 is needed"},
    {SCHEMA_INTEGER, 0, 10, S("-1"), "-1, at least 0 is needed"},
    {SCHEMA_BOOLEAN, -1, -1, S("TRUE"), NULL},
    {SCHEMA_BOOLEAN, -1, -1, S("FALSE"), NULL},
    {SCHEMA_BOOLEAN, -1, -1, S("True"), "neither TRUE nor FALSE"},
    {SCHEMA_BOOLEAN, -1, -1, S(""), "neither TRUE nor FALSE"},
    {SCHEMA_DN, 1, 1, S("CN=a,DC=x"), NULL},
    {SCHEMA_TIME, -1, -1, S("20240101000000.0Z"), NULL},
    {SCHEMA_OTHER, 1, 1, S("\xff\xff"), NULL},
};

static void
check_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		struct schema_attr a = {.syntax = values[i].syntax,
		    .range_lower = values[i].lower,
		    .range_upper = values[i].upper};
		char why[64] = "x", tiny[4];
		bool ok = schema_check_value(&a, values[i].v, why, sizeof why);

		assert_string_equal(why, values[i].why ? values[i].why : "");
		assert_int_equal(ok, !values[i].why);
		assert_int_equal(schema_check_value(&a, values[i].v, tiny, sizeof tiny), ok);
	}
}

static void
compares(void **state)
{
	static const struct schema_attr text = {.syntax = SCHEMA_STRING, .nocase = true},
					printable = {.syntax = SCHEMA_STRING},
					octets = {.syntax = SCHEMA_OCTETS},
					number = {.syntax = SCHEMA_INTEGER},
					name = {.syntax = SCHEMA_DN},
					other = {.syntax = SCHEMA_TIME};
	static const struct {
		const struct schema_attr *a;
		const char *x, *y;
		enum schema_likeness want;
	} rows[] = {
	    {&text, "ext 1", "ext 1", SCHEMA_SAME},
	    {&text, "ext 1", "EXT 1", SCHEMA_RESPELLED},
	    {&text, "ext 1", "ext 2", SCHEMA_DIFFERENT},
	    {&text, "ext 1", "ext 1 ", SCHEMA_DIFFERENT},
	    {&text, "", "a", SCHEMA_DIFFERENT},
	    {&text, "", "", SCHEMA_SAME},
	    {&text, "Rene", "Ren\xc3\xa9", SCHEMA_RESPELLED},
	    {&text, "\xc3\x89", "\xc3\xa9", SCHEMA_RESPELLED},
	    {&text, "Rena", "Ren\xc3\xa9", SCHEMA_DIFFERENT},
	    {&text, "\xff", "\xfe", SCHEMA_DIFFERENT},
	    {&printable, "ext 1", "EXT 1", SCHEMA_DIFFERENT},
	    {&printable, "ext 1", "ext 1", SCHEMA_SAME},
	    {&octets, "ext 1", "EXT 1", SCHEMA_DIFFERENT},
	    {&octets, "ext 1", "ext 1", SCHEMA_SAME},
	    {NULL, "ext 1", "EXT 1", SCHEMA_DIFFERENT},
	    {&number, "7", "007", SCHEMA_SAME},
	    {&number, "7", "-7", SCHEMA_DIFFERENT},
	    {&number, "x", "X", SCHEMA_DIFFERENT},
	    {&name, "CN=Ann,DC=x", "cn=ANN, dc=X", SCHEMA_SAME},
	    {&name, "CN=Ann,DC=x", "CN=Bea,DC=x", SCHEMA_DIFFERENT},
	    {&other, "a", "A", SCHEMA_DIFFERENT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bytes x = bytes_of(rows[i].x), y = bytes_of(rows[i].y);

		assert_int_equal(schema_compare(rows[i].a, x, y), rows[i].want);
		assert_int_equal(schema_compare(rows[i].a, y, x), rows[i].want);
	}
}

/* ---- what is kept ---- */

static const struct schema_origin origin = {"CN=Schema,DC=x", "an instance", 1000};

static void
keep_some(struct buf *ret)
{
	_cleanup_(schema_free) struct schema *s = schema_new();
	struct schema_attr all = {.name = (char *)(uintptr_t) "all",
	    .syntax = SCHEMA_DN,
	    .single = true,
	    .system_only = true,
	    .constructed_or_backlink = true,
	    .unicode = true,
	    .nocase = true,
	    .self_writable = true,
	    .range_upper = INT64_MAX,
	    .range_lower = -1,
	    .link_id = -3};
	struct schema_attr none = {
	    .name = (char *)(uintptr_t) "none", .range_upper = -1, .range_lower = 7};

	assert_int_equal(schema_add(s, &none), 0);
	assert_int_equal(schema_add(s, &all), 0);
	schema_encode(s, &origin, ret);
	assert_false(ret->failed);
}

static struct schema *
recall(struct bytes raw, const struct schema_origin *now)
{
	struct schema *s = NULL;
	struct err err;
	uint64_t usn;

	assert_int_equal(schema_decode(raw, now, &s, &usn, &err), 0);
	if (s)
		assert_int_equal(usn, origin.usn);
	return s;
}

static void
kept(void **state)
{
	const struct schema_origin now = {origin.dn, origin.invocation, 2000};
	_cleanup_(schema_free) struct schema *s = NULL;
	_cleanup_(buf_done) struct buf b = {0};
	const struct schema_attr *a;

	(void)state;
	keep_some(&b);
	s = recall(buf_bytes(&b), &now);
	assert_non_null(s);
	assert_int_equal(schema_count(s), 2);
	a = schema_find(s, "ALL");
	assert_non_null(a);
	assert_int_equal(a->syntax, SCHEMA_DN);
	assert_true(a->single && a->system_only && a->constructed_or_backlink && a->unicode &&
		    a->nocase && a->self_writable);
	assert_true(a->range_upper == INT64_MAX && a->range_lower == -1 && a->link_id == -3);
	a = schema_find(s, "none");
	assert_non_null(a);
	assert_int_equal(a->syntax, SCHEMA_OTHER);
	assert_false(a->single || a->system_only || a->constructed_or_backlink || a->unicode ||
		     a->nocase || a->self_writable);
	assert_true(a->range_upper == -1 && a->range_lower == 7 && a->link_id == 0);
}

/* Of another forest or database, of one that was set back, or of one that hides which it is. */
static void
kept_of_others(void **state)
{
	static const struct schema_origin others[] = {{"CN=Schema,DC=y", "an instance", 2000},
	    {"CN=Schema,DC=x", "another", 2000}, {"CN=Schema,DC=x", "an instance", 999},
	    {"CN=Schema,DC=x", "", 2000}};
	_cleanup_(buf_done) struct buf b = {0};

	(void)state;
	keep_some(&b);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_null(recall(buf_bytes(&b), &others[i]));
}

/* Cut, or with one octet too many or changed: nothing, or a schema, and no harm. */
static void
kept_badly(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};

	(void)state;
	keep_some(&b);
	for (size_t n = 0; n < b.len; n++) {
		_cleanup_(free) void *cut = bytes_dup((struct bytes){b.data, n});

		assert_null(recall((struct bytes){cut, n}, &origin));
	}
	for (size_t i = 0; i < b.len; i++) {
		struct schema *s = NULL;
		struct err err;
		uint64_t usn;

		b.data[i] ^= 0xff;
		assert_int_equal(schema_decode(buf_bytes(&b), &origin, &s, &usn, &err), 0);
		schema_free(s);
		b.data[i] ^= 0xff;
	}
	buf_add_u8(&b, 0);
	assert_null(recall(buf_bytes(&b), &origin));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(compares),
	    cmocka_unit_test(kept),
	    cmocka_unit_test(kept_of_others),
	    cmocka_unit_test(kept_badly),
	    cmocka_unit_test(from_entries),
	    cmocka_unit_test(properties),
	    cmocka_unit_test(incomplete),
	    cmocka_unit_test(many),
	    cmocka_unit_test(check_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
