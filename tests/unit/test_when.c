/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "dsa/base/when.h"

#define NOW 1704067200 /* 2024-01-01T00:00:00Z */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEW_YORK "EST5EDT,M3.2.0,M11.1.0"
#define LORD_HOWE "LHST-10:30LHDT-11,M10.1.0,M4.1.0"

static bool
parse(const char *zone, const char *text, int64_t *ret, char why[WHEN_WHY_SIZE])
{
	assert_int_equal(setenv("TZ", zone, 1), 0);
	return when_parse(text, NOW, ret, why, WHEN_WHY_SIZE);
}

static void
moments(void **state)
{
	static const struct {
		const char *zone, *text;
		int64_t at;
	} rows[] = {
	    {"UTC0", "now", NOW},
	    {BERLIN, "NOW", NOW},
	    {BERLIN, "+0s", NOW},
	    {BERLIN, "+2h", NOW + 7200},
	    {BERLIN, "+30m", NOW + 1800},
	    {BERLIN, "+1h30m", NOW + 5400},
	    {BERLIN, "+1d2h3m4s", NOW + 93784},
	    {"UTC0", "2024-01-01 00:00", NOW},
	    {"UTC0", "2024-05-01 22:00", 1714600800},
	    {BERLIN, "2024-05-01 22:00", 1714593600},
	    {BERLIN, "2024-05-01T22:00:59", 1714593659},
	    {BERLIN, "2024-02-29 12:00:00", 1709204400},
	    {BERLIN, "2024-05-01T22:00:00Z", 1714600800},
	    {BERLIN, "2024-05-01 22:00Z", 1714600800},
	    {BERLIN, "2024-05-01 22:00 Z", 1714600800},
	    {BERLIN, "2024-05-01 22:00 +05:30", 1714581000},
	    {BERLIN, "2024-05-01 22:00-0400", 1714615200},
	    {BERLIN, "2024-05-01 22:00+00", 1714600800},
	    /* The edges of the turned clocks, and what makes them clear. */
	    {BERLIN, "2024-03-31 01:59:59", 1711846799},
	    {BERLIN, "2024-03-31 03:00", 1711846800},
	    {BERLIN, "2024-10-27 01:59:59", 1729987199},
	    {BERLIN, "2024-10-27 03:00", 1729994400},
	    {BERLIN, "2024-10-27 02:30+02:00", 1729989000},
	    {BERLIN, "2024-10-27 02:30+01:00", 1729992600},
	    {NEW_YORK, "2024-07-01 08:00", 1719835200},
	    {LORD_HOWE, "2024-04-07 02:00", 1712417400},
	    {"XXX-14", "2024-05-01 22:00", 1714550400},
	    {"XXX12", "2024-05-01 22:00", 1714644000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char why[WHEN_WHY_SIZE] = "";
		int64_t at = 0;

		if (!parse(rows[i].zone, rows[i].text, &at, why))
			fail_msg("%s: %s", rows[i].text, why);
		if (at != rows[i].at)
			fail_msg("%s in %s: %lld", rows[i].text, rows[i].zone, (long long)at);
	}
}

static void
refused(void **state)
{
	static const struct {
		const char *zone, *text, *why[2];
	} rows[] = {
	    {"UTC0", "", {"is no time", "+HH:MM"}},
	    {"UTC0", "tomorrow", {"is no time"}},
	    {"UTC0", "22:00", {"is no time"}},
	    {"UTC0", "2024-05-01", {"is no time"}},
	    {"UTC0", "2024-5-1 22:00", {"is no time"}},
	    {"UTC0", "2024-05-01 22:00 CET", {"is no time"}},
	    {"UTC0", "2024-05-01 22:00+2", {"is no time"}},
	    {"UTC0", "2024-05-01 22:00+99:00", {"is no time"}},
	    {"UTC0", "2024-05-01 22:00:00Zx", {"is no time"}},
	    {"UTC0", "2024-05-01  22:00", {"is no time"}},
	    {"UTC0", "+", {"is no time"}},
	    {"UTC0", "+2", {"is no time"}},
	    {"UTC0", "+2x", {"is no time"}},
	    {"UTC0", "+-2h", {"is no time"}},
	    {"UTC0", "+99999999999999999999h", {"is no time"}},
	    {"UTC0", "+3650d3650d", {"is no time"}},
	    {"UTC0", "-2h", {"is no time"}},
	    {"UTC0", "2024-13-01 22:00", {"is in no calendar"}},
	    {"UTC0", "2023-02-29 22:00", {"is in no calendar"}},
	    {"UTC0", "2024-05-01 24:00", {"is in no calendar"}},
	    {"UTC0", "2024-05-01 22:00:60", {"is in no calendar"}},
	    {"UTC0", "2023-12-31 23:59:59", {"is past", "it is 2024-01-01T00:00:00+00:00"}},
	    {BERLIN, "2024-01-01 00:59:59", {"is past", "it is 2024-01-01T01:00:00+01:00"}},
	    {BERLIN, "2024-03-31 02:30",
		{"does not exist", "2024-03-31T01:30:00+01:00 or 2024-03-31T03:30:00+02:00"}},
	    {BERLIN, "2024-03-31 02:00",
		{"does not exist", "2024-03-31T01:00:00+01:00 or 2024-03-31T03:00:00+02:00"}},
	    {BERLIN, "2024-10-27 02:30",
		{"exists twice", "2024-10-27T02:30:00+02:00 or 2024-10-27T02:30:00+01:00"}},
	    {NEW_YORK, "2024-03-10 02:30", {"does not exist", "2024-03-10T03:30:00-04:00"}},
	    {NEW_YORK, "2024-11-03 01:30", {"exists twice", "2024-11-03T01:30:00-05:00"}},
	    {LORD_HOWE, "2024-04-07 01:45", {"exists twice", "2024-04-07T01:45:00+10:30"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char why[WHEN_WHY_SIZE] = "";
		int64_t at = 7;

		if (parse(rows[i].zone, rows[i].text, &at, why))
			fail_msg("%s was taken as %lld", rows[i].text, (long long)at);
		assert_int_equal(at, 7);
		for (size_t j = 0; j < 2 && rows[i].why[j]; j++)
			if (!strstr(why, rows[i].why[j]))
				fail_msg("%s: %s", rows[i].text, why);
	}
}

/* A moment written in local time is read back, whatever the zone: or it exists twice. */
static void
round_trip(void **state)
{
	static const char *const zones[] = {"UTC0", BERLIN, NEW_YORK, LORD_HOWE, "XXX-14", "XXX12"};

	(void)state;
	for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
		for (int64_t t = NOW; t < NOW + 366 * 86400; t += 1799) {
			char text[64], why[WHEN_WHY_SIZE] = "";
			time_t moment = (time_t)t;
			struct tm tm;
			int64_t at = 0;

			assert_int_equal(setenv("TZ", zones[i], 1), 0);
			tzset();
			assert_non_null(localtime_r(&moment, &tm));
			assert_true(strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) > 0);
			if (!parse(zones[i], text, &at, why)) {
				assert_non_null(strstr(why, "exists twice"));
				assert_true(
				    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S%z", &tm) > 0);
				assert_true(parse(zones[i], text, &at, why));
			}
			assert_int_equal(at, t);
		}
}

/* What clock_format_utc() writes, and nothing else. */
static void
read_back(void **state)
{
	static const char *const others[] = {"", "2024-01-01T00:00:00", "2024-01-01T00:00:00+00:00",
	    "2024-01-01T00:00:00Zulu", "2024-02-30T00:00:00Z", "never", "idle"};
	int64_t at = 1;

	(void)state;
	assert_int_equal(setenv("TZ", BERLIN, 1), 0);
	assert_true(when_read_utc("2024-01-01T00:00:00Z", &at));
	assert_int_equal(at, NOW);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_false(when_read_utc(others[i], &at));
}

/* What is past, for those who look back. */
static void
since(void **state)
{
	char why[WHEN_WHY_SIZE] = "";
	int64_t at = 0;

	(void)state;
	assert_int_equal(setenv("TZ", BERLIN, 1), 0);
	assert_true(when_parse_since("2023-12-31T22:00:00Z", NOW, &at, why, sizeof why));
	assert_int_equal(at, NOW - 7200);
	assert_true(when_parse_since("-1h30m", NOW, &at, why, sizeof why));
	assert_int_equal(at, NOW - 5400);
	assert_true(when_parse_since("2024-01-02 00:00", NOW, &at, why, sizeof why));
	assert_int_equal(at, NOW + 23 * 3600);
	assert_false(when_parse_since("+2h", NOW, &at, why, sizeof why));
	assert_false(when_parse_since("yesterday", NOW, &at, why, sizeof why));
	assert_non_null(strstr(why, "or -2h"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(read_back),
	    cmocka_unit_test(since),
	    cmocka_unit_test(moments),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
