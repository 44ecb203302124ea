/* SPDX-License-Identifier: MIT */

/* No text is refused, and what could not be made whole is not made. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/json_fixture.h"

static void
texts(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
	    {NULL, "null"},
	    {"", "\"\""},
	    {"CN=Ann", "\"CN=Ann\""},
	    {"Jos\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
		"\"Jos\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
	    {"\"\\\n\t\x01\x1b\x7f", "\"\\\"\\\\\\n\\t\\u0001\\u001B\x7f\""},
	    /* What is whole around it stays. */
	    {"\xff", "\"\\\\xFF\""},
	    {"Jos\xc3\xa9\nOdd\xe9y", "\"Jos\xc3\xa9\\nOdd\\\\xE9y\""},
	    /* A character that was cut, an overlong one, half of a pair, one behind the last. */
	    {"Jos\xc3", "\"Jos\\\\xC3\""},
	    {"\xe2\x82", "\"\\\\xE2\\\\x82\""},
	    {"\xc0\x80", "\"\\\\xC0\\\\x80\""},
	    {"\xed\xa0\x80", "\"\\\\xED\\\\xA0\\\\x80\""},
	    {"\xf4\x90\x80\x80", "\"\\\\xF4\\\\x90\\\\x80\\\\x80\""},
	    {"\xf0\x9f\x98\x80\x80", "\"\xf0\x9f\x98\x80\\\\x80\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		json_must_be(json_of_text(rows[i].text), rows[i].want);
}

static void
octets(void **state)
{
	(void)state;
	json_must_be(json_of_octets((struct bytes){NULL, 0}), "\"\"");
	json_must_be(json_of_octets((struct bytes){"a\0b", 3}), "\"a\\u0000b\"");
	json_must_be(json_of_octets((struct bytes){"a\0\xff", 3}), "\"a\\u0000\\\\xFF\"");
}

static void
lists(void **state)
{
	char ann[] = "CN=Ann", odd[] = "CN=\xe9", empty[] = "";
	char *v[] = {ann, odd, NULL, empty};

	(void)state;
	json_must_be(json_of_texts(NULL, 0), "[]");
	json_must_be(json_of_texts(v, ARRAY_SIZE(v)), "[\"CN=Ann\",\"CN=\\\\xE9\",null,\"\"]");
}

static void
numbers(void **state)
{
	(void)state;
	json_must_be(json_of_count(0), "0");
	json_must_be(json_of_count(INT64_MAX), "9223372036854775807");
	json_must_be(json_of_count((uint64_t)INT64_MAX + 1), "9223372036854775807");
	json_must_be(json_of_count(UINT64_MAX), "9223372036854775807");
}

static void
times(void **state)
{
	(void)state;
	json_must_be(json_of_time(0), "null");
	json_must_be(json_of_time(1000000000), "\"2001-09-09T01:46:40Z\"");
	json_must_be(json_of_time(-1), "\"1969-12-31T23:59:59Z\"");
	json_must_be(json_of_time(INT64_C(253402300799)), "\"9999-12-31T23:59:59Z\"");
	json_must_be(json_of_time(INT64_C(253402300800)), "null");
	json_must_be(json_of_time(INT64_C(-62167219200)), "\"0000-01-01T00:00:00Z\"");
	json_must_be(json_of_time(INT64_MIN), "null");
	json_must_be(json_of_time(INT64_MAX), "null");
}

/* A member that could not be made is missing loudly, whatever comes behind it. */
static void
whole_or_none(void **state)
{
	json_t *o = json_object(), *a = json_array();

	(void)state;
	json_put_member(&o, "x", json_of_count(1));
	json_add_item(&a, json_of_count(1));
	assert_int_equal(json_object_size(o), 1);
	assert_int_equal(json_array_size(a), 1);
	json_put_member(&o, "y", NULL);
	json_add_item(&a, NULL);
	assert_null(o);
	assert_null(a);
	json_put_member(&o, "z", json_of_count(2));
	json_add_item(&a, json_of_count(2));
	assert_null(o);
	assert_null(a);
}

static json_t *
some_object(void)
{
	char ann[] = "Ann", odd[] = "\xff", *names[] = {ann, odd};
	json_t *o = json_object();

	json_put_member(&o, "names", json_of_texts(names, 2));
	json_put_member(&o, "since", json_of_time(0));
	json_put_member(&o, "n", json_of_count(7));
	return o;
}

static void
out_of_memory(void **state)
{
	(void)state;
	json_must_be_whole(some_object, "{\"names\":[\"Ann\",\"\\\\xFF\"],\"since\":null,\"n\":7}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(texts),
	    cmocka_unit_test(octets),
	    cmocka_unit_test(lists),
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(times),
	    cmocka_unit_test(whole_or_none),
	    cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
