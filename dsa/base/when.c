/* SPDX-License-Identifier: MIT */
#include "dsa/base/when.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dsa/base/clock.h"
#include "dsa/base/mem.h"
#include "dsa/base/str.h"

#define DAY_S 86400
#define LONGEST_S ((int64_t)10 * 366 * DAY_S) /* of what is told from now */

static bool PRINTF_LIKE(3, 4) refuse(char *why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, size, fmt, ap);
	va_end(ap);
	return false;
}

/* Exactly N digits at *AT, which moves behind them. */
static bool
digits(const char **at, int n, int *ret)
{
	*ret = 0;
	for (; n > 0; n--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*ret = *ret * 10 + (**at - '0');
	}
	return true;
}

static bool
literal(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

/* "YYYY-MM-DD", a blank or T, "HH:MM", and ":SS" or not. */
static bool
read_date(const char **at, struct tm *ret)
{
	int year, month, day;

	if (!digits(at, 4, &year) || !literal(at, '-') || !digits(at, 2, &month) ||
	    !literal(at, '-') || !digits(at, 2, &day) || !(literal(at, ' ') || literal(at, 'T')))
		return false;
	*ret = (struct tm){.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
	if (!digits(at, 2, &ret->tm_hour) || !literal(at, ':') || !digits(at, 2, &ret->tm_min))
		return false;
	return !literal(at, ':') || digits(at, 2, &ret->tm_sec);
}

/* What the calendar has: timegm() puts anything else right. */
static bool
exists(const struct tm *tm, int64_t *ret_as_utc)
{
	struct tm copy = *tm;

	*ret_as_utc = timegm(&copy);
	return copy.tm_year == tm->tm_year && copy.tm_mon == tm->tm_mon &&
	       copy.tm_mday == tm->tm_mday && copy.tm_hour == tm->tm_hour &&
	       copy.tm_min == tm->tm_min && copy.tm_sec == tm->tm_sec;
}

/* "Z", "+02:00", "-0330" or "+02", to the end of the text. */
static bool
read_offset(const char *at, int64_t *ret)
{
	int sign, hours, minutes = 0;

	*ret = 0;
	if (literal(&at, 'Z'))
		return *at == '\0';
	sign = *at == '-' ? -1 : 1;
	if ((!literal(&at, '+') && !literal(&at, '-')) || !digits(&at, 2, &hours))
		return false;
	(void)literal(&at, ':');
	if (*at && !digits(&at, 2, &minutes))
		return false;
	*ret = sign * ((int64_t)hours * 3600 + (int64_t)minutes * 60);
	return *at == '\0' && hours <= 15 && minutes < 60;
}

static bool
local_offset(int64_t at, int64_t *ret)
{
	time_t t = (time_t)at;
	struct tm tm;

	if (!localtime_r(&t, &tm))
		return false;
	*ret = tm.tm_gmtoff;
	return true;
}

/* The offset of the zone is taken well before and well after: between them the clocks are turned at
 * most once. A moment counts if its own offset is the one that led to it. */
static bool
local_moment(const char *text, int64_t as_utc, int64_t *ret, char *why, size_t size)
{
	char first[CLOCK_TEXT_SIZE], second[CLOCK_TEXT_SIZE];
	int64_t moment[2], offset[2], own;
	bool ok[2];

	tzset();
	for (int i = 0; i < 2; i++) {
		if (!local_offset(as_utc + (i ? DAY_S : -DAY_S), &offset[i]))
			return refuse(why, size, "'%.64s' is in no calendar", text);
		moment[i] = as_utc - offset[i];
		ok[i] = local_offset(moment[i], &own) && own == offset[i];
	}
	if (ok[0] != ok[1] || (ok[0] && moment[0] == moment[1])) {
		*ret = moment[ok[0] ? 0 : 1];
		return true;
	}
	clock_format_local(moment[ok[0] ? 0 : 1], first);
	clock_format_local(moment[ok[0] ? 1 : 0], second);
	return refuse(why, size, "'%.64s' %s, as the clocks are turned then: write %s or %s", text,
	    ok[0] ? "exists twice" : "does not exist", first, second);
}

/* "+1h30m": numbers with their units, each once or more. */
static bool
read_distance(const char *at, int64_t *ret)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'d', DAY_S}, {'h', 3600}, {'m', 60}, {'s', 1}};

	*ret = 0;
	do {
		int64_t n = 0;
		size_t i = 0;

		if (*at < '0' || *at > '9')
			return false;
		for (; *at >= '0' && *at <= '9' && n <= LONGEST_S; at++)
			n = n * 10 + (*at - '0');
		while (i < ARRAY_SIZE(units) && *at != units[i].unit)
			i++;
		if (i == ARRAY_SIZE(units) || n > LONGEST_S / units[i].seconds)
			return false;
		*ret += n * units[i].seconds;
		at++;
	} while (*at && *ret <= LONGEST_S);
	return *ret <= LONGEST_S;
}

/* A date, whenever that is. */
static bool
read_moment(const char *text, const char *distances, int64_t *ret, char *why, size_t size)
{
	static const char no_time[] = "'%.64s' is no time: write YYYY-MM-DD HH:MM[:SS] in local "
				      "time, or with Z or +HH:MM behind it, or %s";
	const char *at = text;
	int64_t as_utc, offset = 0, moment = 0;
	struct tm tm;

	if (!read_date(&at, &tm))
		return refuse(why, size, no_time, text, distances);
	if (!exists(&tm, &as_utc))
		return refuse(why, size, "'%.64s' is in no calendar", text);
	(void)literal(&at, ' ');
	if (!*at && !local_moment(text, as_utc, &moment, why, size))
		return false;
	if (*at && !read_offset(at, &offset))
		return refuse(why, size, no_time, text, distances);
	*ret = *at ? as_utc - offset : moment;
	return true;
}

bool
when_parse(const char *text, int64_t now, int64_t *ret, char *why, size_t size)
{
	char now_text[CLOCK_TEXT_SIZE];
	int64_t offset, moment = 0;

	if (str_equal_nocase(text, "now")) {
		*ret = now;
		return true;
	}
	if (*text == '+' && read_distance(text + 1, &offset)) {
		*ret = now + offset;
		return true;
	}
	if (!read_moment(text, "+2h, +30m, or now", &moment, why, size))
		return false;
	clock_format_local(now, now_text);
	if (moment < now)
		return refuse(why, size, "'%.64s' is past: it is %s", text, now_text);
	*ret = moment;
	return true;
}

bool
when_parse_since(const char *text, int64_t now, int64_t *ret, char *why, size_t size)
{
	int64_t offset;

	if (*text != '-' || !read_distance(text + 1, &offset))
		return read_moment(text, "-2h, -30m", ret, why, size);
	*ret = now - offset;
	return true;
}

bool
when_read_utc(const char *text, int64_t *ret)
{
	struct tm tm;

	return read_date(&text, &tm) && strcmp(text, "Z") == 0 && exists(&tm, ret);
}
