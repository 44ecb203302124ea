/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dsa/daemon/answers.h"

static void
add(struct answers *l, uint64_t number)
{
	struct worker_answer *a = calloc(1, sizeof *a);

	assert_non_null(a);
	a->number = number;
	a->results = json_integer((json_int_t)number * 10);
	answers_add(l, a);
}

static void
must_have(struct answers *l, uint64_t number)
{
	struct worker_answer *a = answers_take(l, number);

	assert_non_null(a);
	assert_int_equal(a->number, number);
	assert_int_equal(json_integer_value(a->results), number * 10);
	worker_answer_free(a);
	assert_null(answers_take(l, number));
}

/* Each client gets its own, in whatever order they come. */
static void
by_number(void **state)
{
	struct answers l = {NULL};

	(void)state;
	assert_null(answers_take(&l, 1));
	for (uint64_t i = 1; i <= 4; i++)
		add(&l, i);
	must_have(&l, 2);
	must_have(&l, 4);
	must_have(&l, 1);
	add(&l, 5);
	must_have(&l, 5);
	must_have(&l, 3);
	assert_null(l.first);
}

static void
forgotten(void **state)
{
	struct answers l = {NULL};

	(void)state;
	answers_forget(&l, 7);
	for (uint64_t i = 1; i <= 5; i++)
		add(&l, i);
	answers_forget(&l, 3);
	assert_null(answers_take(&l, 3));
	must_have(&l, 4);
	answers_done(&l);
	assert_null(l.first);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(by_number), cmocka_unit_test(forgotten)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
