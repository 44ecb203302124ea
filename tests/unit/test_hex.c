/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dsa/base/hex.h"
#include "dsa/base/mem.h"

static void
octets(void **state)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
	    {"00", 0x00},
	    {"09", 0x09},
	    {"0a", 0x0a},
	    {"fF", 0xff},
	    {"Cafe", 0xca},
	    {"", -1},
	    {"1", -1},
	    {"1g", -1},
	    {"g1", -1},
	    {" 1", -1},
	    {"-1", -1},
	    {"/0", -1},
	    {":0", -1},
	    {"@0", -1},
	    {"`0", -1},
	    {"0\xc3", -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(hex_octet(rows[i].text), rows[i].want);
}

static void
each(void **state)
{
	char text[3];

	(void)state;
	for (int i = 0; i < 256; i++) {
		(void)snprintf(text, sizeof text, i % 2 ? "%02x" : "%02X", (unsigned)i);
		assert_int_equal(hex_octet(text), i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(octets),
	    cmocka_unit_test(each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
