/* SPDX-License-Identifier: MIT */
#include "dsa/base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t
clock_monotonic_ms(void)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
clock_monotonic_us(void)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t
clock_realtime_s(void)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec;
}

int64_t
clock_boot_s(void)
{
	struct timespec t = {0};

	(void)clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec;
}

void
clock_boot_id(char ret[CLOCK_BOOT_ID_SIZE])
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	ret[0] = '\0';
	if (!f)
		return;
	if (!fgets(ret, CLOCK_BOOT_ID_SIZE, f))
		ret[0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	(void)fclose(f);
}

static void
format(const struct tm *tm, const char *zone, char ret[CLOCK_TEXT_SIZE])
{
	char text[128];

	(void)snprintf(text, sizeof text, "%04ld-%02d-%02dT%02d:%02d:%02d%s",
	    (long)tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday, tm->tm_hour, tm->tm_min,
	    tm->tm_sec, zone);
	memcpy(ret, text, strnlen(text, CLOCK_TEXT_SIZE - 1) + 1);
	ret[CLOCK_TEXT_SIZE - 1] = '\0';
}

void
clock_format_utc(int64_t realtime_s, char ret[CLOCK_TEXT_SIZE])
{
	time_t t = (time_t)realtime_s;
	struct tm tm = {0};

	if (gmtime_r(&t, &tm))
		format(&tm, "Z", ret);
	else
		(void)snprintf(ret, CLOCK_TEXT_SIZE, "never");
}

#define OFFSET_SIZE 32

/* The calendar of the local zone at a moment, and its offset from UTC: "+02:00". */
static bool
local(int64_t realtime_s, struct tm *ret, char offset[OFFSET_SIZE])
{
	time_t t = (time_t)realtime_s;
	long minutes;

	tzset(); /* localtime_r() need not do it (POSIX) */
	if (!localtime_r(&t, ret))
		return false;
	minutes = ret->tm_gmtoff / 60;
	(void)snprintf(offset, OFFSET_SIZE, "%c%02ld:%02ld", minutes < 0 ? '-' : '+',
	    labs(minutes) / 60, labs(minutes) % 60);
	return true;
}

void
clock_format_local(int64_t realtime_s, char ret[CLOCK_TEXT_SIZE])
{
	struct tm tm = {0};
	char offset[OFFSET_SIZE];

	if (local(realtime_s, &tm, offset))
		format(&tm, offset, ret);
	else
		(void)snprintf(ret, CLOCK_TEXT_SIZE, "never");
}

void
clock_format_zone(int64_t realtime_s, char ret[CLOCK_TEXT_SIZE])
{
	struct tm tm = {0};
	char offset[OFFSET_SIZE];

	if (local(realtime_s, &tm, offset))
		(void)snprintf(ret, CLOCK_TEXT_SIZE, "%.20s, UTC%.8s", tm.tm_zone, offset);
	else
		(void)snprintf(ret, CLOCK_TEXT_SIZE, "not known");
}
