/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/base/terminal.h"

static const struct {
	const char *in, *out;
} rows[] = {
    {"", ""},
    {"CN=Jos\xc3\xa9\n\tx", "CN=Jos\xc3\xa9\n\tx"},
    {"\033[31mred\033[0m", "\\x1B[31mred\\x1B[0m"},
    {"bell\a, back\b, return\r", "bell\\x07, back\\x08, return\\x0D"},
    {"\x7f", "\\x7F"},
    /* U+009B is a control sequence introducer of one character; U+00A0 and U+00E9 are text. */
    {"\xc2\x9b\x33\x31m", "\\x9B31m"},
    {"\xc2\xa0\xc3\xa9\xc2\x80", "\xc2\xa0\xc3\xa9\\x80"},
    {"\xc2\xc2\x9f", "\xc2\\x9F"},
    {"\xc2\033", "\xc2\\x1B"},
    {"\xe6\x97\xa5\xe6\x9c\xac\xf0\x9f\x93\xa7", "\xe6\x97\xa5\xe6\x9c\xac\xf0\x9f\x93\xa7"},
};

static void
check(const char *in, const char *out, size_t piece)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct terminal_guard g = {false};

	for (size_t i = 0, n = strlen(in); i < n; i += piece)
		terminal_escape(&g, in + i, n - i < piece ? n - i : piece, &b);
	buf_add_char(&b, '\0');
	assert_string_equal((const char *)b.data, out);
}

/* In one piece, and in pieces that cut characters. */
static void
escaped(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t piece = 1; piece <= 16; piece++)
			check(rows[i].in, rows[i].out, piece);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(escaped)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
