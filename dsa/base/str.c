/* SPDX-License-Identifier: MIT */
#include "dsa/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool
str_equal_nocase(const char *x, const char *y)
{
	/* Mostly they do not differ in case either. */
	while (*x && (*x == *y || ascii_lower((uint8_t)*x) == ascii_lower((uint8_t)*y))) {
		x++;
		y++;
	}
	return ascii_lower((uint8_t)*x) == ascii_lower((uint8_t)*y);
}

bool
str_starts_nocase(const char *s, const char *prefix)
{
	for (; *prefix; s++, prefix++)
		if (ascii_lower((uint8_t)*s) != ascii_lower((uint8_t)*prefix))
			return false;
	return true;
}

char *
str_printf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !(s = malloc((size_t)n + 1)))
		return NULL;
	va_start(ap, fmt);
	(void)vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

char *
str_lower_dup(const char *s)
{
	char *copy = strdup(s);

	for (char *p = copy; p && *p; p++)
		*p = (char)ascii_lower((uint8_t)*p);
	return copy;
}

bool
str_to_i64(const char *s, int64_t *ret)
{
	char *end = NULL;
	long long v;

	if ((*s < '0' || *s > '9') && *s != '-' && *s != '+')
		return false;
	errno = 0;
	v = strtoll(s, &end, 10);
	if (errno || end == s || *end)
		return false;
	*ret = v;
	return true;
}

size_t
utf8_next(const uint8_t *p, size_t left, uint32_t *ret_cp)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : 4;
	uint32_t cp;

	if (n == 1) {
		*ret_cp = p[0];
		return 1;
	}
	if (n > left || (n == 4 && (p[0] & 0xf8) != 0xf0))
		return 0;
	cp = p[0] & (0xffU >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	*ret_cp = cp;
	return n;
}

bool
str_has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return true;
	return false;
}

bool
utf8_valid(struct bytes v)
{
	const uint8_t *p = v.data;
	uint32_t cp;

	for (size_t i = 0, n; i < v.len; i += n)
		if (!(n = utf8_next(p + i, v.len - i, &cp)))
			return false;
	return true;
}

size_t
utf8_len_utf16(struct bytes v)
{
	const uint8_t *p = v.data;
	size_t units = 0;
	uint32_t cp = 0;

	for (size_t i = 0; i < v.len;) {
		size_t n = utf8_next(p + i, v.len - i, &cp);

		units += n && cp > 0xffff ? 2 : 1;
		i += n ? n : 1;
	}
	return units;
}

size_t
utf8_prefix_utf16(struct bytes v, size_t max)
{
	const uint8_t *p = v.data;
	size_t units = 0, i = 0;
	uint32_t cp = 0;

	while (i < v.len) {
		size_t n = utf8_next(p + i, v.len - i, &cp);

		units += n && cp > 0xffff ? 2 : 1;
		if (units > max)
			break;
		i += n ? n : 1;
	}
	return i;
}
