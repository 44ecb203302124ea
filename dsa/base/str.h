/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_BASE_STR_H
#define GALSYNC_BASE_STR_H

/*
 * Text helpers. All comparisons are ASCII-only and independent of the locale: attribute names,
 * address prefixes and mail domains are ASCII by their standards, and the folding of other
 * letters belongs to the directory server, not to us.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsa/base/mem.h"

static inline uint8_t
ascii_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* The same of eight octets at once, whatever their order. Only the lower seven bits of an octet are
 * added to, so nothing carries into its neighbour. */
static inline uint64_t
ascii_lower_word(uint64_t w)
{
	const uint64_t each = 0x0101010101010101, high = 0x80 * each;
	uint64_t from_a = (w & ~high) + (0x80 - 'A') * each;
	uint64_t beyond_z = (w & ~high) + (0x80 - ('Z' + 1)) * each;

	return w | ((from_a & ~beyond_z & ~w & high) >> 2); /* 0x80 >> 2 is 0x20 */
}

bool str_equal_nocase(const char *x, const char *y);
bool str_starts_nocase(const char *s, const char *prefix);
/* A formatted string the caller frees; NULL: no memory. */
char *str_printf(const char *fmt, ...) PRINTF_LIKE(1, 2) MUST_CHECK;
/* A lower-cased (ASCII) copy the caller frees; NULL: no memory. */
char *str_lower_dup(const char *s) MUST_CHECK;
/* Parses a whole decimal number, sign allowed. False if S is empty, has anything else in it, or
 * does not fit. */
bool str_to_i64(const char *s, int64_t *ret);
/* True if S has an ASCII control character in it. */
bool str_has_control(const char *s);
/* The length in octets of the character at P, of which LEFT octets remain, and which one it is; 0
 * if the octets are not well-formed UTF-8: *RET is then untouched. */
size_t utf8_next(const uint8_t *p, size_t left, uint32_t *ret);
/* True if the octets are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool utf8_valid(struct bytes v);
/* How many UTF-16 code units the UTF-8 text has: AD counts rangeUpper of Unicode strings in them.
 */
size_t utf8_len_utf16(struct bytes v);
/* The longest prefix of V, in octets, that has at most MAX UTF-16 code units and ends on a whole
 * code point. */
size_t utf8_prefix_utf16(struct bytes v, size_t max);

#endif
