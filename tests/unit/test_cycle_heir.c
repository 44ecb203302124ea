/* SPDX-License-Identifier: MIT */

/* Contacts that give way to real objects, with both flows, write by write. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/heir_fixture.h"

static void
play(void **state)
{
	const struct heir_case *h = *state;
	struct lab l;

	heir_prepare(&l, h);
	heir_must(&l, h->sc.name);
	assert_int_equal(l.res.gave_way, h->gave_way);
	assert_int_equal(l.res.conflicts, 0);
	heir_check(&l, h->sc.name);
	lab_close(&l);
}

int
main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(heir_cases)];

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tests[i] = (struct CMUnitTest){.name = heir_cases[i].sc.name,
		    .test_func = play,
		    .initial_state = (void *)(uintptr_t)&heir_cases[i]};
	return _cmocka_run_group_tests("heir", tests, ARRAY_SIZE(tests), NULL, NULL);
}
