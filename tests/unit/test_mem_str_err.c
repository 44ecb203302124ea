/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/err.h"
#include "dsa/base/mem.h"
#include "dsa/base/str.h"

static void
bytes(void **state)
{
	struct bytes none = {NULL, 0}, nul = {"a\0b", 3};
	_cleanup_(free) char *copy = bytes_dup(nul), *empty = bytes_dup(none);

	(void)state;
	assert_true(bytes_equal(none, bytes_of("")));
	assert_true(bytes_equal(nul, (struct bytes){copy, 3}));
	assert_int_equal(copy[3], '\0');
	assert_string_equal(empty, "");
	assert_false(bytes_equal(nul, bytes_of("a")));
	assert_false(bytes_equal(bytes_of("a"), bytes_of("A")));
	assert_true(bytes_equal_nocase(bytes_of("aZ[z"), bytes_of("Az[Z")));
	assert_true(bytes_equal_nocase(none, none));
	assert_false(bytes_equal_nocase(bytes_of("ab"), bytes_of("a")));
	assert_false(bytes_equal_nocase(bytes_of("@"), bytes_of("`"))); /* no letters */
	assert_false(bytes_equal_nocase(bytes_of("["), bytes_of("{")));
	assert_false(bytes_equal_nocase(bytes_of("\xc3\x89"), bytes_of("\xc3\xa9")));
}

/* Every octet at every place, among others that the next one must not touch. */
static void
folded_words(void **state)
{
	(void)state;
	for (unsigned place = 0; place < 8; place++)
		for (unsigned octet = 0; octet < 256; octet++) {
			uint8_t text[] = "ZzAa@[\xff\x80", want[8], got[8];
			uint64_t w;

			text[place] = (uint8_t)octet;
			for (size_t i = 0; i < sizeof want; i++)
				want[i] = ascii_lower(text[i]);
			memcpy(&w, text, sizeof w);
			w = ascii_lower_word(w);
			memcpy(got, &w, sizeof w);
			assert_memory_equal(got, want, sizeof want);
		}
}

/* Equal but for one letter's case, or for one octet, in texts of every length up to three words. */
static void
equal_but_for_one(void **state)
{
	char x[24], y[24];

	(void)state;
	for (size_t len = 1; len <= sizeof x; len++)
		for (size_t i = 0; i < len; i++) {
			const struct bytes v = {x, len}, w = {y, len};

			memset(x, 'k', sizeof x);
			memset(y, 'k', sizeof y);
			assert_true(bytes_equal_nocase(v, w));
			y[i] = 'K';
			assert_true(bytes_equal_nocase(v, w));
			y[i] = 'j';
			assert_false(bytes_equal_nocase(v, w));
		}
}

/* The numbers are in maps that exist. */
static void
hashes(void **state)
{
	static const uint64_t jose = 0xd9043013adbb41b4U;

	(void)state;
	assert_int_equal(bytes_hash(bytes_of(""), 0), 0xefd01f60ba992926U);
	assert_int_equal(bytes_hash(bytes_of("jose@acme.example"), 7), jose);
	assert_int_equal(bytes_hash_nocase(bytes_of("JOSE@Acme.Example"), 7), jose);
	assert_int_not_equal(bytes_hash(bytes_of("JOSE@Acme.Example"), 7), jose);
	assert_int_not_equal(bytes_hash(bytes_of("jose@acme.example"), 8), jose);
	assert_int_not_equal(bytes_hash((struct bytes){"\0", 1}, 0), bytes_hash(bytes_of(""), 0));
}

static void
buffers(void **state)
{
	_cleanup_(buf_done) struct buf b = {0}, empty = {0};
	_cleanup_(free) char *text = NULL, *nothing = NULL;

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%d,", i % 10);
	assert_int_equal(b.len, 2000);
	assert_int_equal(b.data[2000], '\0');
	buf_reset(&b);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.data[0], '\0');
	buf_add_str(&b, "a");
	buf_add_char(&b, 'b');
	buf_add(&b, "c", 1);
	buf_add(&b, NULL, 0);
	assert_true(bytes_equal(buf_bytes(&b), bytes_of("abc")));
	text = buf_take_str(&b);
	assert_string_equal(text, "abc");
	assert_null(b.data);
	assert_int_equal(b.len, 0);
	nothing = buf_take_str(&empty);
	assert_string_equal(nothing, "");
}

/* What cannot be had is remembered, and nothing half is given out. */
static void
buffer_failed(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};

	(void)state;
	buf_add_str(&b, "abc");
	buf_add(&b, "x", SIZE_MAX / 2);
	assert_true(b.failed);
	buf_add_str(&b, "def");
	buf_printf(&b, "%d", 1);
	assert_int_equal(b.len, 3);
	assert_null(buf_take_str(&b));
	assert_false(b.failed);
	if (SIZE_MAX > UINT32_MAX)
		buf_add_bytes(&b, (struct bytes){"x", (size_t)UINT32_MAX + 1});
	assert_true(b.failed);
	buf_reset(&b);
	assert_false(b.failed);
}

static void
integers(void **state)
{
	static const uint8_t expected[] = {
	    0x12, 4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1, 2, 0, 0, 0, 'h', 'i', 0, 0, 0, 0};
	_cleanup_(buf_done) struct buf b = {0};
	struct reader r;

	(void)state;
	buf_add_u8(&b, 0x12);
	buf_add_u32(&b, 0x01020304);
	buf_add_u64(&b, 0x0102030405060708);
	buf_add_bytes(&b, bytes_of("hi"));
	buf_add_bytes(&b, (struct bytes){NULL, 0});
	assert_true(bytes_equal(buf_bytes(&b), (struct bytes){expected, sizeof expected}));
	r = reader_of(buf_bytes(&b));
	assert_int_equal(reader_left(&r), sizeof expected);
	assert_int_equal(reader_u8(&r), 0x12);
	assert_int_equal(reader_u32(&r), 0x01020304);
	assert_int_equal(reader_u64(&r), 0x0102030405060708);
	assert_true(bytes_equal(reader_bytes(&r), bytes_of("hi")));
	assert_int_equal(reader_bytes(&r).len, 0);
	assert_false(r.failed);
	assert_int_equal(reader_left(&r), 0);
	assert_int_equal(reader_u8(&r), 0);
	assert_true(r.failed);
}

/* A short read fails for good, even where a shorter one would do. */
static void
short_reads(void **state)
{
	static const uint8_t raw[] = {9, 0, 0, 0, 'a', 'b'};
	struct reader r = reader_of((struct bytes){raw, sizeof raw});
	struct reader none = reader_of((struct bytes){NULL, 0});
	struct bytes v = reader_bytes(&r);

	(void)state;
	assert_true(r.failed);
	assert_int_equal(v.len, 0);
	assert_non_null(v.data);
	assert_int_equal(reader_left(&r), 0);
	assert_int_equal(reader_u8(&r), 0);
	assert_int_equal(reader_u32(&r), 0);
	assert_int_equal(reader_u64(&r), 0);
	assert_null(reader_raw(&r, 1));
	assert_int_equal(reader_u64(&none), 0);
	assert_true(none.failed);
	r = reader_of((struct bytes){raw, 3});
	assert_int_equal(reader_u32(&r), 0);
	assert_true(r.failed);
	r = reader_of((struct bytes){raw, sizeof raw});
	assert_ptr_equal(reader_raw(&r, 6), raw);
	assert_null(reader_raw(&r, SIZE_MAX));
}

static void
comparing(void **state)
{
	_cleanup_(free) char *lower = str_lower_dup("A\xc3\x89Z[1"),
			     *text = str_printf("%s-%d", "a", 1);

	(void)state;
	assert_true(str_equal_nocase("proxyAddresses", "PROXYaddresses"));
	assert_false(str_equal_nocase("a", "ab"));
	assert_true(str_starts_nocase("SMTP:a", "smtp:"));
	assert_true(str_starts_nocase("", ""));
	assert_false(str_starts_nocase("smt", "smtp"));
	assert_string_equal(lower, "a\xc3\x89z[1");
	assert_string_equal(text, "a-1");
}

static void
numbers(void **state)
{
	static const struct {
		const char *s;
		bool ok;
		int64_t v;
	} rows[] = {{"0", true, 0}, {"-1", true, -1}, {"+5", true, 5}, {"007", true, 7},
	    {"9223372036854775807", true, INT64_MAX}, {"-9223372036854775808", true, INT64_MIN},
	    {"9223372036854775808", false, 0}, {"", false, 0}, {"-", false, 0}, {"+-1", false, 0},
	    {" 1", false, 0}, {"1 ", false, 0}, {"1x", false, 0}, {"0x10", false, 0},
	    {"1.0", false, 0}, {"\xd9\xa1", false, 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int64_t v = -7;

		assert_int_equal(str_to_i64(rows[i].s, &v), rows[i].ok);
		assert_int_equal(v, rows[i].ok ? rows[i].v : -7);
	}
}

static const struct {
	const char *s;
	bool valid;
	size_t units; /* UTF-16 */
} texts[] = {
    {"", true, 0},
    {"abc", true, 3},
    {"Jos\xc3\xa9", true, 4},
    {"\xe2\x82\xac", true, 1},
    {"\xf0\x9f\x98\x80", true, 2},
    {"\xef\xbf\xbf", true, 1},
    {"\xf4\x8f\xbf\xbf", true, 2},
    {"\xf4\x90\x80\x80", false, 4}, /* above U+10FFFF */
    {"\xf8\x88\x80\x80\x80", false, 5},
    {"\xed\x9f\xbf", true, 1},
    {"\xed\xa0\x80", false, 3}, /* a surrogate */
    {"\xc0\x80", false, 2},	/* overlong forms */
    {"\xc1\xbf", false, 2},
    {"\xe0\x9f\xbf", false, 3},
    {"\xf0\x8f\xbf\xbf", false, 4},
    {"\x80", false, 1},
    {"a\xc3", false, 2},
    {"\xe2\x82", false, 2},
    {"\xf0\x9f\x98", false, 3},
    {"\xc3\xc3\xa9", false, 2},
    {"\xff", false, 1},
};

static void
utf8(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct bytes v = bytes_of(texts[i].s);

		assert_int_equal(utf8_valid(v), texts[i].valid);
		assert_int_equal(utf8_len_utf16(v), texts[i].units);
		assert_int_equal(utf8_prefix_utf16(v, texts[i].units), v.len);
	}
	assert_true(utf8_valid((struct bytes){NULL, 0}));
	assert_true(utf8_valid((struct bytes){"a\0b", 3}));
}

static void
utf8_prefix(void **state)
{
	static const size_t expected[] = {0, 1, 3, 3, 7, 8, 8}; /* octets for 0, 1, ... units */
	struct bytes v = bytes_of("a\xc3\xa9\xf0\x9f\x98\x80z");

	(void)state;
	for (size_t max = 0; max < ARRAY_SIZE(expected); max++)
		assert_int_equal(utf8_prefix_utf16(v, max), expected[max]);
}

static void
err_values(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(err_set(&e, ERR_LDAP, ERR_PEER, ERR_LATER, 81, "no %s", "answer"), -1);
	assert_int_equal(e.src, ERR_LDAP);
	assert_int_equal(e.scope, ERR_PEER);
	assert_int_equal(e.retry, ERR_LATER);
	assert_int_equal(e.code, 81);
	assert_string_equal(e.text, "no answer");
	assert_string_equal(e.func, "err_values");
	assert_non_null(strstr(e.file, "test_mem_str_err.c"));
	assert_true(e.line > 0);
	assert_int_equal(err_ctx(&e, "link '%s'", "a"), -1);
	assert_int_equal(err_ctx(&e, "cycle %d", 3), -1);
	assert_string_equal(e.text, "no answer: link 'a': cycle 3");
	assert_int_equal(e.code, 81);
	assert_int_equal(err_sys(&e, ENOENT, "'%s'", "/x"), -1);
	assert_string_equal(e.text, "'/x': No such file or directory");
	assert_int_equal(e.code, ENOENT);
	assert_int_equal(e.scope, ERR_LINK);
	assert_int_equal(err_nomem(&e), -1);
	assert_string_equal(e.text, "out of memory");
	assert_int_equal(e.retry, ERR_LATER);
	assert_int_equal(err_data(&e, "bad"), -1);
	assert_true(e.src == ERR_DATA && e.scope == ERR_ENTRY && e.retry == ERR_NEVER);
	assert_int_equal(err_conf(&e, "bad"), -1);
	assert_true(e.src == ERR_CONF && e.scope == ERR_DAEMON && e.retry == ERR_NEVER);
}

/* A text that does not fit is cut between two characters. */
static void
err_too_long(void **state)
{
	(void)state;
	for (size_t lead = 480; lead < sizeof((struct err *)0)->text + 8; lead++) {
		_cleanup_(buf_done) struct buf b = {0};
		struct err e = {0}, c = {0}, s = {0};

		for (size_t i = 0; i < lead; i++)
			buf_add_char(&b, 'a');
		buf_add_str(&b, "\xf0\x9f\x98\x80\xe2\x82\xac\xc3\xa9");
		(void)err_data(&e, "%s", (char *)b.data);
		assert_true(utf8_valid(bytes_of(e.text)));
		assert_in_range(strlen(e.text), 489, sizeof e.text - 1);
		(void)err_data(&c, "x");
		(void)err_ctx(&c, "%s", (char *)b.data);
		assert_true(utf8_valid(bytes_of(c.text)));
		(void)err_ctx(&c, "%s", (char *)b.data);
		assert_true(utf8_valid(bytes_of(c.text)));
		(void)err_sys(&s, EIO, "%s", (char *)b.data + lead / 2);
		assert_true(utf8_valid(bytes_of(s.text)));
	}
}

static void
escaping(void **state)
{
	static const struct {
		struct bytes v;
		size_t size;
		const char *text;
	} rows[] = {
	    {{"plain \\ text", 12}, 64, "plain \\ text"},
	    {{"Jos\xc3\xa9", 5}, 64, "Jos\xc3\xa9"},
	    {{"a\0\n\x1b\x7f", 5}, 64, "a\\x00\\x0A\\x1B\\x7F"},
	    {{"\xc3\xa9\xff", 3}, 64, "\\xC3\\xA9\\xFF"}, /* no text at all */
	    {{NULL, 0}, 64, ""},
	    {{"a\xc2\x9b\xe2\x80\xae\xe2\x80\xac", 9}, 64, "a\\u009B\\u202E\\u202C"},
	    {{"abcdef", 6}, 7, "abcdef"},
	    {{"abcdef", 6}, 6, "abcde"},
	    {{"ab\xc3\xa9", 4}, 4, "ab"}, /* no half of a character */
	    {{"ab\n", 3}, 6, "ab"},	  /* no half of an escape */
	    {{"ab\n", 3}, 7, "ab\\x0A"},
	    {{"\xf0\x9f\x98\x80", 4}, 4, ""},
	    {{"abc", 3}, 1, ""},
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		memset(text, '#', sizeof text);
		err_escape(text, rows[i].size, rows[i].v);
		assert_string_equal(text, rows[i].text);
	}
	text[0] = '#';
	err_escape(text, 0, bytes_of("abc"));
	assert_int_equal(text[0], '#');
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bytes),
	    cmocka_unit_test(folded_words),
	    cmocka_unit_test(equal_but_for_one),
	    cmocka_unit_test(hashes),
	    cmocka_unit_test(buffers),
	    cmocka_unit_test(buffer_failed),
	    cmocka_unit_test(integers),
	    cmocka_unit_test(short_reads),
	    cmocka_unit_test(comparing),
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(utf8),
	    cmocka_unit_test(utf8_prefix),
	    cmocka_unit_test(err_values),
	    cmocka_unit_test(err_too_long),
	    cmocka_unit_test(escaping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
