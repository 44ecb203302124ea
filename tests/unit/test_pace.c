/* SPDX-License-Identifier: MIT */

/* Rates, and how long the rest takes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/base/mem.h"
#include "dsa/base/pace.h"

static void
rates(void **state)
{
	struct pace p = {.done = 0};

	(void)state;
	assert_true(pace_rate(&p, "read", 100, 1000) == 0);
	assert_true(pace_rate(&p, "read", 150, 1499) == 0);
	assert_true(pace_rate(&p, "read", 150, 1500) == 100);
	assert_true(pace_rate(&p, "read", 300, 3000) == 100);
	/* What was done when it was first seen tells nothing of the rate. */
	assert_int_equal(pace_left_s(&p, 300, 500, 3000), -1);
	assert_int_equal(pace_left_s(&p, 400, 500, 4000), 2);
	assert_int_equal(pace_left_s(&p, 400, 400, 4000), -1);
	assert_int_equal(pace_left_s(&p, 400, 0, 4000), -1);
	assert_int_equal(pace_left_s(&p, 100, 500, 4000), -1);
	/* Another phase, and one that begins again. */
	assert_true(pace_rate(&p, "apply", 5, 4000) == 0);
	assert_true(pace_rate(&p, "apply", 15, 5000) == 10);
	assert_true(pace_rate(&p, "apply", 1, 6000) == 0);
	assert_int_equal(pace_left_s(&p, 1, 9, 6000), -1);
}

/* A name that does not fit is the same all the time. */
static void
a_long_name(void **state)
{
	struct pace p = {.done = 0};

	(void)state;
	assert_true(pace_rate(&p, "a phase with a long name", 0, 0) == 0);
	assert_true(pace_rate(&p, "a phase with a long name", 10, 1000) == 10);
}

static void
texts(void **state)
{
	static const struct {
		int64_t left_s;
		const char *want;
	} rows[] = {{-1, ""}, {0, "0 s left"}, {89, "89 s left"}, {90, "2 min left"},
	    {61 * 60, "61 min left"}, {2 * 3600 - 1, "2 h 00 min left"},
	    {26 * 3600 + 61, "26 h 02 min left"}, {31 * 86400, ""}, {INT64_MAX, ""}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[PACE_TEXT_SIZE];

		pace_text(rows[i].left_s, text);
		assert_string_equal(text, rows[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rates), cmocka_unit_test(a_long_name), cmocka_unit_test(texts)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
