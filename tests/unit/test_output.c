/* SPDX-License-Identifier: MIT */

/* How much of a line fits on a terminal. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/output.h"

static void
fits(void **state)
{
	static const struct {
		const char *line;
		size_t columns, octets;
	} rows[] = {
	    {"", 0, 0},
	    {"", 80, 0},
	    {"acme", 0, 0},
	    {"acme", 1, 1},
	    {"acme", 3, 3},
	    {"acme", 4, 4},
	    {"acme", 500, 4},
	    /* An accent of its own has no width, and is not parted from its letter. */
	    {"Jose\xcc\x81!", 4, 6},
	    {"Jos\xc3\xa9!", 4, 5},
	    {"Jos\xc3\xa9!", 3, 3},
	    /* East Asian letters have two columns: half of one is none. */
	    {"\xe6\xb1\x9f\xe5\xb7\x9d", 4, 6},
	    {"\xe6\xb1\x9f\xe5\xb7\x9d", 3, 3},
	    {"\xe6\xb1\x9f\xe5\xb7\x9d", 1, 0},
	    /* What is no UTF-8 counts octet by octet. */
	    {"\xff\xfe"
	     "a",
		2, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(output_fit(rows[i].line, rows[i].columns), rows[i].octets);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(fits)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
