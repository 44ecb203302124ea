/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistr.h>

#include "dsa/base/str.h"
#include "dsa/base/text_fold.h"

static void
keys(void **state)
{
	static const struct {
		const char *text, *key;
	} rows[] = {
	    {"", ""},
	    {"JDoe-7 @x", "jdoe-7 @x"},
	    {"José", "jose"},
	    {"JOSE\xcc\x81", "jose"}, /* a combining acute */
	    {"Åse Østergård", "ase ostergard"},
	    {"Straße", "strasse"},
	    {"STRASSE", "strasse"},
	    {"GROẞ", "gross"},
	    {"Æbler, Œuvre, Þór, Ðuro", "aebler, oeuvre, thor, duro"},
	    {"ǼǾ", "aeo"}, /* letters of the table with an accent */
	    {"Łódź", "lodz"},
	    {"Đorđe Ħal Ŋa Ŧa", "dorde hal na ta"},
	    {"İstanbul Diyarbakır", "istanbul diyarbakir"},
	    {"Nguyễn Văn Ơn", "nguyen van on"},
	    {"Ștefan Țepeș Ģirts", "stefan tepes girts"},
	    {"ЙОСИФ", "иосиф"},
	    {"Ёлка", "елка"},
	    {"Άννα", "αννα"},
	    {"ΑΝΝΑΣ", "αννασ"},
	    {"Άννας", "αννασ"}, /* the sigma of a word's end */
	    {"ᾳ", "α"},		/* no iota of the iota subscript */
	    {"ΐ", "ι"},
	    {"ՀԱՅ", "հայ"},
	    {"Ａｎｎ１", "ann1"}, /* wide letters */
	    {"ﬁnn", "finn"},
	    {"ǅ Ĳ ſ", "dz ij s"},
	    {"a\xc2\xa0z", "a z"}, /* a blank that does not break */
	    {"が", "か"},
	    {"アキラ", "あきら"},
	    {"ｱｷﾗ", "あきら"}, /* narrow */
	    {"日本", "日本"},
	    {"\xf0\x9f\x98\x80 A", "\xf0\x9f\x98\x80 a"},
	    {"\xcc\x81", ""},
	    {"aÉ\xff\xc3", "aÉ\xff\xc3"}, /* no text: only ASCII letters */
	    {"A\xc3\xcc\x81\xa9", "a\xc3\xcc\x81\xa9"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(free) char *key = text_fold_key(rows[i].text), *again = NULL;

		assert_string_equal(key, rows[i].key);
		again = text_fold_key(key);
		assert_string_equal(again, key);
	}
}

/* Every letter of the first plane: the key is text, and folds to itself. */
static void
every_letter(void **state)
{
	(void)state;
	for (ucs4_t c = 0x80; c < 0xfffe; c++) {
		uint8_t s[8] = {0};
		_cleanup_(free) char *key = NULL, *again = NULL;

		if (u8_uctomb(s, c, sizeof s - 1) < 0)
			continue; /* a surrogate */
		key = text_fold_key((const char *)s);
		again = text_fold_key(key);
		if (!utf8_valid(bytes_of(key)) || strcmp(key, again) != 0)
			fail_msg("U+%04X: '%s', '%s'", c, key, again);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys),
	    cmocka_unit_test(every_letter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
