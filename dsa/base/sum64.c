/* SPDX-License-Identifier: MIT */
#include "dsa/base/sum64.h"

#include <endian.h>
#include <string.h>

#define P1 0x9E3779B185EBCA87ULL
#define P2 0xC2B2AE3D27D4EB4FULL
#define P3 0x165667B19E3779F9ULL
#define P4 0x85EBCA77C2B2AE63ULL
#define P5 0x27D4EB2F165667C5ULL
#define STRIPE 32

static uint64_t
rotate(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

static uint64_t
load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return le64toh(v);
}

static uint32_t
load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return le32toh(v);
}

static uint64_t
round_of(uint64_t lane, uint64_t input)
{
	return rotate(lane + input * P2, 31) * P1;
}

/* All whole stripes of P; *AT is where they end. Four lanes by name: an array of them would live in
 * memory, and each step would wait for the one before. */
static uint64_t
stripes(const uint8_t *p, size_t len, size_t *at, uint64_t seed)
{
	uint64_t a = seed + P1 + P2, b = seed + P2, c = seed, d = seed - P1, h;
	const uint8_t *end = p + len - len % STRIPE, *begin = p;

	for (; p < end; p += STRIPE) {
		a = round_of(a, load64(p));
		b = round_of(b, load64(p + 8));
		c = round_of(c, load64(p + 16));
		d = round_of(d, load64(p + 24));
	}
	*at = (size_t)(p - begin);
	h = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
	h = (h ^ round_of(0, a)) * P1 + P4;
	h = (h ^ round_of(0, b)) * P1 + P4;
	h = (h ^ round_of(0, c)) * P1 + P4;
	return (h ^ round_of(0, d)) * P1 + P4;
}

uint64_t
sum64(struct bytes v, uint64_t seed)
{
	const uint8_t *p = v.data;
	size_t at = 0;
	uint64_t h = (v.len < STRIPE ? seed + P5 : stripes(p, v.len, &at, seed)) + v.len;

	for (; at + 8 <= v.len; at += 8)
		h = rotate(h ^ round_of(0, load64(p + at)), 27) * P1 + P4;
	if (at + 4 <= v.len) {
		h = rotate(h ^ load32(p + at) * P1, 23) * P2 + P3;
		at += 4;
	}
	for (; at < v.len; at++)
		h = rotate(h ^ p[at] * P5, 11) * P1;
	h = (h ^ h >> 33) * P2;
	h = (h ^ h >> 29) * P3;
	return h ^ h >> 32;
}
