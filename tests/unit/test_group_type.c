/* SPDX-License-Identifier: MIT */

/* The steps of a group from one type to another. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/mem.h"
#include "dsa/rules/group_type.h"

static const struct {
	const char *from, *to;
	const char *before, *after; /* values with a blank behind each */
} rows[] = {
    {"2", "2", "", ""},
    {"-2147483646", "2147483650", "", ""}, /* the same bits */
    {"2", "8", "8 ", ""},
    {"4", "8", "8 ", ""},
    {"8", "2", "", "2 "},
    {"8", "4", "", "4 "},
    {"2", "4", "8 ", "4 "},
    {"4", "2", "8 ", "2 "},
    /* Security changes by itself. */
    {"8", "-2147483640", "", "-2147483640 "},
    {"-2147483640", "8", "", "8 "},
    {"-2147483646", "-2147483644", "-2147483640 ", "-2147483644 "},
    {"-2147483646", "4", "-2147483640 ", "-2147483644 4 "},
    {"4", "-2147483640", "8 ", "-2147483640 "},
    {"8", "-2147483644", "", "4 -2147483644 "},
};

static void
join(char *ret, size_t size, const int32_t *v, size_t n)
{
	size_t len = 0;

	*ret = '\0';
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(ret + len, size - len, "%ld ", (long)v[i]);
}

static void
steps(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct group_type_steps s = group_type_steps(rows[i].from, rows[i].to);
		char text[64];

		assert_in_range(s.n, s.n_before, GROUP_TYPE_STEPS);
		join(text, sizeof text, s.v, s.n_before);
		assert_string_equal(text, rows[i].before);
		join(text, sizeof text, s.v + s.n_before, s.n - s.n_before);
		assert_string_equal(text, rows[i].after);
	}
}

static void
conditions(void **state)
{
	static const char *const steps[][2] = {{"2", "8"}, {"4", "8"}, {"8", "2"}, {"8", "4"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		assert_string_not_equal(group_type_condition(steps[i][0], steps[i][1]), "");
	assert_string_equal(group_type_condition("8", "-2147483640"), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(steps),
	    cmocka_unit_test(conditions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
