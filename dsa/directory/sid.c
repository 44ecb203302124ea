/* SPDX-License-Identifier: MIT */
#include "dsa/directory/sid.h"

#include <stdio.h>
#include <string.h>

#include "dsa/base/str.h"

#define SID_HEAD 8
#define SID_MAX_SUBS 15

bool
sid_valid(struct bytes v)
{
	const uint8_t *p = v.data;

	return v.len >= SID_HEAD && p[0] == 1 && p[1] <= SID_MAX_SUBS &&
	       v.len == SID_HEAD + 4U * p[1];
}

/* Number I of the sub-authorities of the SID at P. */
static uint32_t
sub_authority(const uint8_t *p, size_t i)
{
	const uint8_t *q = p + SID_HEAD + 4 * i;

	return (uint32_t)q[0] | (uint32_t)q[1] << 8 | (uint32_t)q[2] << 16 | (uint32_t)q[3] << 24;
}

bool
sid_format(struct bytes v, char ret[SID_TEXT_SIZE])
{
	const uint8_t *p = v.data;
	uint64_t authority = 0;
	size_t n;

	ret[0] = '\0';
	if (!sid_valid(v))
		return false;
	for (size_t i = 2; i < SID_HEAD; i++)
		authority = authority << 8 | p[i];
	n = (size_t)snprintf(ret, SID_TEXT_SIZE, "S-1-%llu", (unsigned long long)authority);
	for (size_t i = 0; i < p[1]; i++)
		n += (size_t)snprintf(
		    ret + n, SID_TEXT_SIZE - n, "-%lu", (unsigned long)sub_authority(p, i));
	return true;
}

/* A decimal number of at most MAX at *AT, which moves behind it and its dash. */
static bool
read_number(const char **at, uint64_t max, uint64_t *ret, bool *last)
{
	const char *p = *at;
	uint64_t v = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (uint64_t)(*p - '0');
		if (v > max)
			return false;
	}
	if (*p && *p != '-')
		return false;
	*last = !*p;
	*at = *p ? p + 1 : p;
	*ret = v;
	return true;
}

bool
sid_parse(const char *s, uint8_t ret[SID_MAX_LEN], size_t *ret_len)
{
	uint8_t out[SID_MAX_LEN] = {1, 0};
	uint64_t v = 0;
	bool last = false;

	if ((s[0] != 'S' && s[0] != 's') || strncmp(s + 1, "-1-", 3) != 0)
		return false;
	s += 4;
	if (!read_number(&s, (1ULL << 48) - 1, &v, &last))
		return false;
	for (size_t i = 0; i < 6; i++)
		out[7 - i] = (uint8_t)(v >> (8 * i));
	while (!last) {
		if (out[1] == SID_MAX_SUBS || !read_number(&s, UINT32_MAX, &v, &last))
			return false;
		for (size_t i = 0; i < 4; i++)
			out[SID_HEAD + 4U * out[1] + i] = (uint8_t)(v >> (8 * i));
		out[1]++;
	}
	if (!out[1])
		return false;
	*ret_len = SID_HEAD + 4U * out[1];
	memcpy(ret, out, *ret_len);
	return true;
}

bool
sid_is_self(struct bytes v)
{
	static const uint8_t self[] = {1, 1, 0, 0, 0, 0, 0, 5, 10, 0, 0, 0};

	return bytes_equal(v, (struct bytes){self, sizeof self});
}

bool
sid_rid(struct bytes v, uint32_t *ret)
{
	const uint8_t *p = v.data;

	if (!sid_valid(v) || !p[1])
		return false;
	*ret = sub_authority(p, p[1] - 1U);
	return true;
}

bool
sid_of_foreign(const char *dn, uint8_t ret[SID_MAX_LEN], size_t *ret_len)
{
	static const char type[] = "CN=", parent[] = ",CN=ForeignSecurityPrincipals,";
	size_t len = strcspn(dn, ",");
	char text[SID_TEXT_SIZE];

	if (!str_starts_nocase(dn, type) || !str_starts_nocase(dn + len, parent) ||
	    len - strlen(type) >= sizeof text)
		return false;
	len -= strlen(type);
	memcpy(text, dn + strlen(type), len);
	text[len] = '\0';
	return sid_parse(text, ret, ret_len);
}
