/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dsa/base/list.h"
#include "dsa/base/mem.h"

/* AddressSanitizer ends the process unless it is told that allocations may fail. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

struct numbers {
	uint64_t *v;
	size_t n, cap;
};

static void
doubles(void **state)
{
	struct numbers l = {0};
	size_t resized = 0;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		size_t cap = l.cap;

		assert_int_equal(list_grow(l.v, l.n, l.cap), 0);
		assert_true(l.cap > l.n);
		resized += l.cap != cap;
		l.v[l.n++] = i;
	}
	assert_int_equal(l.cap, 1024);
	assert_int_equal(resized, 10); /* 2, 4, ... 1024 */
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(l.v[i], i);
	free(l.v);
}

static void
ends_in_null(void **state)
{
	const char **v = NULL;
	size_t n = 0, cap = 0;

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(list_grow(v, n + 1, cap), 0);
		v[n++] = "x";
		v[n] = NULL;
	}
	for (n = 0; v[n];)
		n++;
	assert_int_equal(n, 100);
	free((void *)v);
}

static void
by_one(void **state)
{
	_cleanup_(free) char **v = NULL;

	(void)state;
	for (size_t n = 0; n < 10; n++) {
		assert_int_equal(list_grow_by_one(v, n), 0);
		v[n] = (char *)&v[n];
	}
}

/* What is there already is enough, or there is room for as many as were said, and no more. */
static void
known_number(void **state)
{
	struct numbers l = {0};

	(void)state;
	assert_int_equal(list_reserve(l.v, l.n, l.cap, 0), 0);
	assert_null(l.v);
	assert_int_equal(list_reserve(l.v, l.n, l.cap, 5), 0);
	assert_int_equal(l.cap, 5);
	for (uint64_t i = 0; i < 4; i++)
		l.v[l.n++] = i;
	assert_int_equal(list_reserve(l.v, l.n, l.cap, 1), 0);
	assert_int_equal(l.cap, 5);
	assert_int_equal(list_reserve(l.v, l.n, l.cap, 3), 0);
	assert_int_equal(l.cap, 7);
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(l.v[i], i);
	free(l.v);
}

/* More than there can be: the list is what it was. */
static void
without_memory(void **state)
{
	volatile size_t too_many = SIZE_MAX / 16; /* more than the compiler may know */
	size_t full = too_many;
	struct numbers l = {malloc(sizeof *l.v), full, full};
	uint64_t *was = l.v;

	(void)state;
	assert_non_null(l.v);
	l.v[0] = 7;
	assert_int_equal(list_grow(l.v, l.n, l.cap), -1);
	assert_int_equal(list_grow_by_one(l.v, full), -1);
	assert_int_equal(list_reserve(l.v, l.n, l.cap, 1), -1);
	assert_ptr_equal(l.v, was);
	assert_int_equal(l.v[0], 7);
	assert_int_equal(l.n, full);
	assert_int_equal(l.cap, full);
	free(l.v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(doubles),
	    cmocka_unit_test(ends_in_null),
	    cmocka_unit_test(by_one),
	    cmocka_unit_test(known_number),
	    cmocka_unit_test(without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
