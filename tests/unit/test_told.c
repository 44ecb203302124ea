/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dsa/base/told.h"

static const struct bytes one = {"1", 1}, two = {"2", 1};

static void
once(void **state)
{
	struct told t = {NULL, 0, 0};

	(void)state;
	assert_false(told_before(&t, one, "is lacking"));
	assert_true(told_before(&t, one, "is lacking"));
	assert_false(told_before(&t, two, "is lacking"));
	assert_false(told_before(&t, one, "is lacking still"));
	assert_true(told_before(&t, two, "is lacking"));
	told_done(&t);
}

static void
rounds(void **state)
{
	struct told t = {NULL, 0, 0};

	(void)state;
	told_begin(&t);
	told_end(&t);
	assert_false(told_before(&t, one, "x"));
	assert_false(told_before(&t, two, "x"));
	told_begin(&t);
	assert_true(told_before(&t, one, "x"));
	told_end(&t);
	/* The other one was well in that round. */
	assert_true(told_before(&t, one, "x"));
	assert_false(told_before(&t, two, "x"));
	assert_int_equal(t.n, 2);
	/* Nothing is forgotten by what did not come to its end. */
	told_begin(&t);
	told_begin(&t);
	assert_true(told_before(&t, one, "x"));
	assert_true(told_before(&t, two, "x"));
	told_end(&t);
	assert_int_equal(t.n, 2);
	told_done(&t);
}

static void
many(void **state)
{
	struct told t = {NULL, 0, 0};
	char text[32];
	size_t again = 0;

	(void)state;
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < TOLD_MAX; i++) {
			(void)snprintf(text, sizeof text, "line %d", i);
			again += told_before(&t, one, text);
		}
	assert_int_equal(again, TOLD_MAX);
	for (int i = 0; i < 5 * TOLD_MAX; i++) {
		(void)snprintf(text, sizeof text, "other line %d", i);
		again += told_before(&t, one, text);
		assert_true(t.n <= TOLD_MAX && t.cap <= 2 * TOLD_MAX);
	}
	assert_int_equal(again, TOLD_MAX);
	told_done(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(once),
	    cmocka_unit_test(rounds),
	    cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
