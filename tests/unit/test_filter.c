/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/directory/filter.h"

static struct entry *
some_entry(void)
{
	static const struct {
		const char *attr, *value;
	} values[] = {{"objectClass", "top"}, {"objectClass", "user"}, {"cn", "Smith, John"},
	    {"title", "Temp"}, {"userAccountControl", "514"}, {"groupType", "-2147483640"},
	    {"odd", "a*b(c)\\d"}, {"empty", ""}, {"whenCreated", "20240102030405.0Z"},
	    {"count", "9"}, {"count", "10"}, {"name", "Jos\xc3\xa9"}};
	struct entry *e = entry_new("CN=x,DC=y");

	assert_non_null(e);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		assert_int_equal(entry_add_str(e, values[i].attr, values[i].value), 0);
	assert_int_equal(entry_touch(e, "cleared"), 0);
	assert_int_equal(entry_add(e, "octets", (struct bytes){"a\0b", 3}), 0);
	return e;
}

static const struct {
	const char *filter;
	bool match;
} matches[] = {
    {"(objectClass=user)", true},
    {"(OBJECTCLASS=USER)", true},
    {"(objectClass=person)", false},
    {"(objectClass=*)", true},
    {"(mail=*)", false},
    {"(cleared=*)", false},
    {"(empty=*)", true},
    {"(empty=)", true},
    {"(title=)", false},
    {"(cn=Smith, John)", true},
    {"(cn=smith,\\20john)", true},
    {"(title~=temp)", true},
    /* lists */
    {"(&)", true},
    {"(|)", false},
    {"(!(&))", false},
    {"(&(objectClass=user)(title=Temp))", true},
    {"(&(objectClass=user)(title=Boss))", false},
    {"(|(title=Boss)(title=Temp))", true},
    {"(|(title=Boss)(title=Clerk))", false},
    {"(!(title=Temp))", false},
    {"(!(!(title=Temp)))", true},
    /* what is not there is false, and not of it true */
    {"(!(mail=x))", true},
    {"(!(cleared=*))", true},
    {"(!(mail>=x))", true},
    /* substrings */
    {"(cn=smith*)", true},
    {"(cn=*john)", true},
    {"(cn=s*,*n)", true},
    {"(cn=*th*jo*)", true},
    {"(cn=*jo*th*)", false},
    {"(cn=*)", true},
    {"(cn=**)", true},
    {"(cn=*x*)", false},
    {"(cn=smith, john*)", true},
    {"(cn=smith, john*n)", false}, /* no octet is used twice */
    {"(title=te*em*)", false},
    {"(title=Tem*emp)", false},
    {"(odd=a\\2ab\\28c\\29\\5cd)", true},
    {"(odd=a\\2a*\\5cd)", true},
    {"(odd=a\\2ax*)", false},
    {"(objectClass=us*)", true},
    {"(octets=a\\00b)", true},
    {"(octets=a)", false},
    {"(octets=a*b)", true},
    /* order */
    {"(userAccountControl>=512)", true},
    {"(userAccountControl>=1000)", false}, /* as numbers: as text 514 is more */
    {"(userAccountControl<=1000)", true},
    {"(userAccountControl<=513)", false},
    {"(groupType<=0)", true},
    {"(groupType>=0)", false},
    {"(whenCreated>=20240101000000.0Z)", true},
    {"(whenCreated<=20240101000000.0Z)", false},
    {"(title>=TEMP)", true},
    {"(title<=temp)", true},
    {"(title>=temps)", false},
    {"(count>=10)", true},
    {"(&(count>=10)(count<=9))", true}, /* of any value */
    /* bits */
    {"(userAccountControl:1.2.840.113556.1.4.803:=2)", true},
    {"(userAccountControl:1.2.840.113556.1.4.803:=514)", true},
    {"(userAccountControl:1.2.840.113556.1.4.803:=3)", false},
    {"(userAccountControl:1.2.840.113556.1.4.804:=3)", true},
    {"(userAccountControl:1.2.840.113556.1.4.804:=5)", false},
    {"(userAccountControl:1.2.840.113556.1.4.803:=0)", true},
    {"(groupType:1.2.840.113556.1.4.803:=2147483648)", true},
    {"(groupType:1.2.840.113556.1.4.803:=-2147483648)", true},
    {"(!(userAccountControl:1.2.840.113556.1.4.803:=2))", false},
    {"(!(mail:1.2.840.113556.1.4.803:=2))", true},
    /* undefined, and so is the opposite */
    {"(title:1.2.840.113556.1.4.803:=2)", false},
    {"(!(title:1.2.840.113556.1.4.803:=2))", false},
    {"(|(title:1.2.840.113556.1.4.803:=2)(title=Temp))", true},
    {"(&(title:1.2.840.113556.1.4.803:=2)(title=Boss))", false},
    {"(!(&(title:1.2.840.113556.1.4.803:=2)(title=Boss)))", true},
    {"(!(|(title:1.2.840.113556.1.4.803:=2)(title=Boss)))", false},
    /* only ASCII is folded */
    {"(name=JOS\xc3\xa9)", true},
    {"(name=JOS\xc3\x89)", false},
};

static void
matching(void **state)
{
	_cleanup_(entry_free) struct entry *e = some_entry();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(matches); i++) {
		_cleanup_(filter_free) struct filter *f = NULL;
		struct err err = {0};

		if (filter_parse(matches[i].filter, &f, &err) < 0)
			fail_msg("%s: %s", matches[i].filter, err.text);
		if (filter_match(f, e) != matches[i].match)
			fail_msg("%s", matches[i].filter);
	}
}

static void
refused(void **state)
{
	static const struct {
		const char *filter, *text;
	} rows[] = {
	    {"", "character 1: expected (, found 'the end'"},
	    {"cn=x", "character 1: expected (, found 'cn=x'"},
	    {"(cn=x", "character 6: expected )"},
	    {"(cn=x))", "character 7: expected the end, found ')'"},
	    {"(cn=x) ", "expected the end"},
	    {"()", "character 2: expected an attribute, &, | or !"},
	    {"(=x)", "expected an attribute"},
	    {"(cn)", "expected =, >=, <=, ~= or a matching rule"},
	    {"(cn>x)", "expected =, >="},
	    {"(cn~x)", "expected =, >="},
	    {"(c n=x)", "expected =, >="},
	    {"(cn=(x)", "expected ), found '(x)'"},
	    {"(cn=\\)", "two hexadecimal digits"},
	    {"(cn=\\4)", "two hexadecimal digits"},
	    {"(cn=\\zz)", "two hexadecimal digits"},
	    {"(cn=a*\\zz)", "two hexadecimal digits"},
	    {"(cn>=a*)", "expected ), found '*)'"},
	    {"(cn:dn:=x)", "matching rule"},
	    {"(cn:1.2.840.113556.1.4.1941:=x)", "matching rule"},
	    {"(cn:1.2.840.113556.1.4.8033:=x)", "matching rule"},
	    {"(!)", "a filter in parentheses"},
	    {"(!(a=b)(c=d))", "one filter only behind !"},
	    {"(&(a=b)", "expected )"},
	    {"(&a=b)", "expected )"},
	    {"(&(a=b)c)", "expected ), found 'c)'"},
	    {"(& (a=b))", "expected )"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct filter *f = NULL;
		struct err err = {0};

		if (filter_parse(rows[i].filter, &f, &err) == 0)
			fail_msg("'%s' is accepted", rows[i].filter);
		assert_null(f);
		assert_int_equal(err.src, ERR_CONF);
		if (!strstr(err.text, rows[i].text))
			fail_msg("'%s': %s", rows[i].filter, err.text);
	}
	filter_free(NULL);
}

static int
parse_nested(size_t depth)
{
	_cleanup_(filter_free) struct filter *f = NULL;
	_cleanup_(buf_done) struct buf b = {0};
	struct err err = {0};

	for (size_t i = 1; i < depth; i++)
		buf_add_str(&b, "(!");
	buf_add_str(&b, "(a=b)");
	for (size_t i = 1; i < depth; i++)
		buf_add_char(&b, ')');
	return filter_parse((char *)b.data, &f, &err);
}

static void
depth(void **state)
{
	_cleanup_(filter_free) struct filter *f = NULL;
	_cleanup_(buf_done) struct buf b = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(parse_nested(64), 0);
	assert_int_equal(parse_nested(65), -1);
	assert_int_equal(parse_nested(100000), -1);
	buf_add_str(&b, "(|"); /* wide is not deep */
	for (size_t i = 0; i < 1000; i++)
		buf_add_str(&b, "(!(a=b))");
	buf_add_str(&b, ")");
	assert_int_equal(filter_parse((char *)b.data, &f, &err), 0);
}

static void
note(const char *attr, void *arg)
{
	buf_printf(arg, "%s;", attr);
}

static void
attributes(void **state)
{
	_cleanup_(filter_free) struct filter *f = NULL;
	_cleanup_(buf_done) struct buf b = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(
	    filter_parse("(&(a=1)(|(!(b=*))(c:1.2.840.113556.1.4.803:=2))(a>=2)(d=x*))", &f, &err),
	    0);
	filter_each_attr(f, note, &b);
	assert_string_equal((char *)b.data, "a;b;c;a;d;");
}

static void
escape(void **state)
{
	_cleanup_(free) char *esc = filter_escape((struct bytes){"a*(b)\\\0c\xc3\xa9", 10});
	_cleanup_(free) char *nothing = filter_escape((struct bytes){NULL, 0});

	(void)state;
	assert_string_equal(esc, "a\\2a\\28b\\29\\5c\\00c\xc3\xa9");
	assert_string_equal(nothing, "");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(matching),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(depth),
	    cmocka_unit_test(attributes),
	    cmocka_unit_test(escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
