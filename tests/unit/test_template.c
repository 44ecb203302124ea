/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/config/template.h"

static struct entry *
jose(void)
{
	struct entry *e = entry_new("CN=José,OU=Staff,DC=acme,DC=example");

	assert_non_null(e);
	assert_int_equal(entry_add_str(e, "mailNickname", "JDoe"), 0);
	assert_int_equal(entry_add_str(e, "givenName", "José"), 0);
	assert_int_equal(entry_add_str(e, "otherTelephone", "1"), 0);
	assert_int_equal(entry_add_str(e, "otherTelephone", "2"), 0);
	assert_int_equal(entry_add(e, "objectSid", (struct bytes){"\1\0\2", 3}), 0);
	assert_int_equal(entry_add(e, "broken", (struct bytes){"\xff", 1}), 0);
	assert_int_equal(entry_add_str(e, "empty", ""), 0);
	assert_int_equal(entry_touch(e, "cleared"), 0);
	return e;
}

static void
expand(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
	    {"", ""},
	    {"plain", "plain"},
	    {"%{mailNickname}", "JDoe"},
	    {"%{MAILNICKNAME}", "JDoe"},
	    {"%{mailNickname:lower}@x.example", "jdoe@x.example"},
	    {"%{givenName:lower}", "josé"},
	    {"100%% of %{givenName}%{mailNickname}.", "100% of JoséJDoe."},
	    {"%%{mailNickname}", "%{mailNickname}"},
	    {"a}b{c", "a}b{c"},
	};
	_cleanup_(entry_free) struct entry *e = jose();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		_cleanup_(free) char *text = NULL;
		struct err err = {0};
		char why[128];

		assert_true(template_check(rows[i].text, why, sizeof why));
		assert_int_equal(template_expand(rows[i].text, e, &text, &err), 0);
		assert_string_equal(text, rows[i].want);
	}
}

static void
no_value(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
	    {"x%{department}", "attribute 'department' is not set"},
	    {"%{cleared}", "attribute 'cleared' is not set"},
	    {"%{empty}", "attribute 'empty' is not set"},
	    {"%{otherTelephone}", "attribute 'otherTelephone' has 2 values"},
	    {"%{objectSid}", "attribute 'objectSid' is not text"},
	    {"%{broken:lower}", "attribute 'broken' is not text"},
	};
	_cleanup_(entry_free) struct entry *e = jose();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char *text = NULL;
		struct err err = {0};

		assert_int_equal(template_expand(rows[i].text, e, &text, &err), -1);
		assert_null(text);
		assert_int_equal(err.src, ERR_DATA);
		assert_int_equal(err.scope, ERR_ENTRY);
		assert_ptr_equal(strstr(err.text, rows[i].why), err.text);
		assert_non_null(strstr(err.text, rows[i].text));
	}
}

static void
malformed(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
	    {"%", "position 1: '%' must be followed by '{' or '%'"},
	    {"abc%d", "position 4: '%' must be followed by '{' or '%'"},
	    {"%%%", "position 3: '%' must be followed by '{' or '%'"},
	    {"a%{mail", "position 2: '%{' without '}'"},
	    {"%{}", "position 1: no attribute name behind '%{'"},
	    {"%{:lower}", "position 1: no attribute name behind '%{'"},
	    {"%{1a}", "position 1: no attribute name behind '%{'"},
	    {"%{a b}", "position 1: no attribute name behind '%{'"},
	    {"%{mail:upper}", "position 1: unknown modifier, only ':lower' is known"},
	    {"%{mail:lower:lower}", "position 1: unknown modifier, only ':lower' is known"},
	    {"%{mail:}", "position 1: unknown modifier, only ':lower' is known"},
	};
	_cleanup_(entry_free) struct entry *e = jose();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char why[128] = "", *text = NULL;
		struct err err = {0};

		assert_false(template_check(rows[i].text, why, sizeof why));
		assert_string_equal(why, rows[i].why);
		assert_int_equal(template_expand(rows[i].text, e, &text, &err), -1);
		assert_null(text);
	}
}

static void
name_too_long(void **state)
{
	char text[256] = "%{", why[128] = "";

	(void)state;
	memset(text + 2, 'a', 128);
	text[130] = '}';
	assert_false(template_check(text, why, sizeof why));
	memmove(text + 129, text + 130, 2);
	assert_true(template_check(text, why, sizeof why));
}

static void
collect(const char *attr, void *arg)
{
	strcat(arg, attr);
	strcat(arg, " ");
}

static void
each_attr(void **state)
{
	char names[128] = "";

	(void)state;
	template_each_attr("%%{no}%{a}.%{b:lower}%{a}@%{bad!}%{never}", collect, names);
	assert_string_equal(names, "a b a ");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(expand),
	    cmocka_unit_test(no_value),
	    cmocka_unit_test(malformed),
	    cmocka_unit_test(name_too_long),
	    cmocka_unit_test(each_attr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
