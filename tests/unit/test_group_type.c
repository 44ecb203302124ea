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

static void
scopes(void **state)
{
	static const struct {
		const char *type;
		enum group_scope scope;
		bool security;
		int32_t universal;
	} types[] = {
	    {"2", GROUP_GLOBAL, false, 8},
	    {"4", GROUP_DOMAIN_LOCAL, false, 8},
	    {"8", GROUP_UNIVERSAL, false, 8},
	    {"-2147483646", GROUP_GLOBAL, true, -2147483640},
	    {"2147483650", GROUP_GLOBAL, true, -2147483640},
	    {"-2147483644", GROUP_DOMAIN_LOCAL, true, -2147483640},
	    {"-2147483643", GROUP_DOMAIN_LOCAL, true, -2147483639}, /* built in */
	    {"0", GROUP_NONE, false, 8},
	    {"16", GROUP_NONE, false, 24},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		assert_int_equal(group_type_scope(types[i].type), types[i].scope);
		assert_int_equal(group_type_is_security(types[i].type), types[i].security);
		assert_int_equal(group_type_universal(types[i].type), types[i].universal);
	}
	assert_int_equal(group_type_scope(NULL), GROUP_NONE);
}

static void
nesting(void **state)
{
	static const bool holds[GROUP_NONE + 1][GROUP_NONE + 1] = {
	    /* by the inner one: global, domain local, universal, none */
	    [GROUP_GLOBAL] = {true, false, false, true},
	    [GROUP_DOMAIN_LOCAL] = {true, true, true, true},
	    [GROUP_UNIVERSAL] = {true, false, true, true},
	    [GROUP_NONE] = {true, true, true, true},
	};

	(void)state;
	for (int outer = GROUP_GLOBAL; outer <= GROUP_NONE; outer++)
		for (int inner = GROUP_GLOBAL; inner <= GROUP_NONE; inner++)
			assert_int_equal(
			    group_scope_holds((enum group_scope)outer, (enum group_scope)inner),
			    holds[outer][inner]);
	assert_string_equal(group_scope_name(GROUP_DOMAIN_LOCAL), "domain local");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(steps),
	    cmocka_unit_test(conditions),
	    cmocka_unit_test(scopes),
	    cmocka_unit_test(nesting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
