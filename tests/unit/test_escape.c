/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/escape.h"

static const struct {
	const char *in, *name, *lines, *json; /* NULL: as NAME */
} rows[] = {
    {"", "", NULL, NULL},
    {"CN=Jos\xc3\xa9\\, a", "CN=Jos\xc3\xa9\\, a", NULL, NULL},
    {"a\n\tx", "a\\x0A\\x09x", "a\n\tx", "a\n\tx"},
    {"\033[31mred\033[0m", "\\x1B[31mred\\x1B[0m", NULL, "\\u001B[31mred\\u001B[0m"},
    {"bell\a, back\b, return\r", "bell\\x07, back\\x08, return\\x0D", NULL,
	"bell\\u0007, back\\u0008, return\\u000D"},
    {"\x7f", "\\x7F", NULL, "\\u007F"},
    /* U+009B is a control sequence introducer of one character; U+00A0 and U+00E9 are text. */
    {"\xc2\x9b\x33\x31m", "\\u009B31m", NULL, NULL},
    {"\xc2\xa0\xc3\xa9\xc2\x80", "\xc2\xa0\xc3\xa9\\u0080", NULL, NULL},
    /* Directions of writing, and other ends of lines. */
    {"a\xe2\x80\xae"
     "exe.txt\xe2\x80\xac",
	"a\\u202Eexe.txt\\u202C", NULL, NULL},
    {"\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f", "\\u061C\\u200E\\u200F", NULL, NULL},
    {"\xe2\x80\xaa\xe2\x80\xac\xe2\x81\xa6\xe2\x81\xa9", "\\u202A\\u202C\\u2066\\u2069", NULL,
	NULL},
    {"\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029", NULL, NULL},
    {"\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa",
	"\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa", NULL, NULL},
    {"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xd8\xb3", "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xd8\xb3", NULL,
	NULL},
    /* Octets that are no character. */
    {"\xc2\xc2\x9f", "\\xC2\\u009F", NULL, "\\u00C2\\u009F"},
    {"\xc2\033", "\\xC2\\x1B", NULL, "\\u00C2\\u001B"},
    {"\x9b\x80x", "\\x9B\\x80x", NULL, "\\u009B\\u0080x"},
    {"\xed\xa0\x80", "\\xED\\xA0\\x80", NULL, "\\u00ED\\u00A0\\u0080"},
    {"\xe6\x97\xa5\xe6\x9c\xac\xf0\x9f\x93\xa7", "\xe6\x97\xa5\xe6\x9c\xac\xf0\x9f\x93\xa7", NULL,
	NULL},
};

static const char *
expected(size_t i, enum escape_way way)
{
	const char *other = way == ESCAPE_LINES ? rows[i].lines : rows[i].json;

	return way == ESCAPE_NAME || !other ? rows[i].name : other;
}

static void
check(const char *in, enum escape_way way, const char *want, size_t piece)
{
	_cleanup_(buf_done) struct buf whole = {0}, b = {0};
	struct escape e = {.n = 0};

	for (size_t i = 0, n = strlen(in); i < n; i += piece) {
		struct bytes v = {in + i, n - i < piece ? n - i : piece};

		escape_piece(&e, v, way, &b);
	}
	buf_add_char(&b, '\0');
	assert_string_equal((const char *)b.data, want);
	escape_add(bytes_of(in), way, &whole);
	buf_add_char(&whole, '\0');
	assert_string_equal((const char *)whole.data, want);
	assert_int_equal(escape_is_needed(bytes_of(in), way), strcmp(in, want) != 0);
}

/* As a whole, and in pieces that cut characters. */
static void
escaped(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (int way = ESCAPE_NAME; way <= ESCAPE_JSON; way++)
			for (size_t piece = 1; piece <= 16; piece++)
				check(rows[i].in, (enum escape_way)way,
				    expected(i, (enum escape_way)way), piece);
}

/* Nothing that was shown once is changed when it is shown again. */
static void
escaped_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_false(escape_is_needed(bytes_of(rows[i].name), ESCAPE_NAME));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(escaped), cmocka_unit_test(escaped_once)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
