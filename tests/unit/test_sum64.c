/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/sum64.h"

/* What the reference implementation gives: the sums are in files, and must never change. */
static void
vectors(void **state)
{
	static const struct {
		const char *text;
		uint64_t seed, want;
	} rows[] = {
	    {"", 0x0ULL, 0xef46db3751d8e999ULL},
	    {"a", 0x0ULL, 0xd24ec4f1a98c6e5bULL},
	    {"abc", 0x0ULL, 0x44bc2cf5ad770999ULL},
	    {"abcd", 0x1ULL, 0xf5dcbd6dee3c9553ULL},
	    {"abcdefghi", 0x9e3779b1ULL, 0xc2ecd3a9ee3b01fcULL},
	    {"abcdefghijklmno", 0x0ULL, 0x2e1218a2b1375068ULL},
	    {"the sum of thirty-two octets is.", 0x0ULL, 0x2a83f4eb4fcdc5ccULL},
	    {"Nobody inspects the spammish repetition", 0x0ULL, 0xfbcea83c8a378bf1ULL},
	    {"Nobody inspects the spammish repetition, nor what is behind two stripes of it.",
		0x9e3779b185ebca87ULL, 0xa8970c510d688334ULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_true(sum64(bytes_of(rows[i].text), rows[i].seed) == rows[i].want);
}

/* One bit of any length is noticed, wherever it is. */
static void
each_bit(void **state)
{
	uint8_t octets[100];

	(void)state;
	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (uint8_t)(i * 37);
	for (size_t len = 0; len <= sizeof octets; len++) {
		struct bytes v = {octets, len};
		uint64_t sum = sum64(v, 7);

		assert_true(sum64(v, 8) != sum);
		for (size_t bit = 0; bit < 8 * len; bit++) {
			octets[bit / 8] ^= (uint8_t)(1U << bit % 8);
			assert_true(sum64(v, 7) != sum);
			octets[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vectors),
	    cmocka_unit_test(each_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
