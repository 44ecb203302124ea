/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "dsa/base/clock.h"

static void
utc(void **state)
{
	static const struct {
		int64_t at;
		const char *text;
	} rows[] = {
	    {0, "1970-01-01T00:00:00Z"},
	    {-1, "1969-12-31T23:59:59Z"},
	    {1714532400, "2024-05-01T03:00:00Z"},
	    {951782400, "2000-02-29T00:00:00Z"},
	    {253402300800, "10000-01-01T00:00:00Z"},
	    {-62135596800, "0001-01-01T00:00:00Z"},
	    {INT64_MAX, "never"},
	    {INT64_MIN, "never"},
	};
	char text[CLOCK_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		clock_format_utc(rows[i].at, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void
local(void **state)
{
	static const struct {
		const char *zone;
		int64_t at;
		const char *text;
	} rows[] = {
	    {"UTC0", 1714532400, "2024-05-01T03:00:00+00:00"},
	    {"CET-1CEST,M3.5.0,M10.5.0/3", 1714532400, "2024-05-01T05:00:00+02:00"},
	    {"CET-1CEST,M3.5.0,M10.5.0/3", 1704067200, "2024-01-01T01:00:00+01:00"},
	    {"NST3:30", 1714532400, "2024-04-30T23:30:00-03:30"},
	    {"XXX0:30", 1714532400, "2024-05-01T02:30:00-00:30"},
	    {"UTC0", INT64_MAX, "never"},
	};
	char text[CLOCK_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(setenv("TZ", rows[i].zone, 1), 0);
		clock_format_local(rows[i].at, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void
zone(void **state)
{
	char text[CLOCK_TEXT_SIZE];

	(void)state;
	assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
	clock_format_zone(1714532400, text);
	assert_string_equal(text, "CEST, UTC+02:00");
	clock_format_zone(1704067200, text);
	assert_string_equal(text, "CET, UTC+01:00");
	assert_int_equal(setenv("TZ", "UTC0", 1), 0);
	clock_format_zone(1704067200, text);
	assert_string_equal(text, "UTC, UTC+00:00");
	clock_format_zone(INT64_MAX, text);
	assert_string_equal(text, "not known");
}

static void
now(void **state)
{
	int64_t before = clock_monotonic_ms(), s = clock_realtime_s();

	(void)state;
	/* It goes on, and never back. time() may be a tick behind. */
	while (clock_monotonic_ms() == before)
		assert_in_range(time(NULL) + 1 - s, 0, 61);
	assert_true(clock_monotonic_ms() > before);
	assert_in_range(time(NULL) + 1 - s, 0, 61);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(utc),
	    cmocka_unit_test(local),
	    cmocka_unit_test(zone),
	    cmocka_unit_test(now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
