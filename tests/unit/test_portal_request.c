/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsa/portal/request.h"
#include "dsa/portal/token.h"
#include "tests/support/place.h"

#define GUID "736c6167-6e79-0000-0000-000000000001"

static void
test_addresses(void **state)
{
	static const char *const clean[] = {
	    "/", "/mailboxes?q=%22%3Cb%3E", ("/mailbox/" GUID), "/wave/1.csv", "/x?a=..%2f//"};
	static const char *const dirty[] = {"", "x", "http://x/", "//x", "/a//b", "/../x", "/a/..",
	    "/a\\b", "/a%2f", "/a;b", "/a b", "/a\tb", "/\xc3\xa9", "/x?a=%00", "*"};
	char many[REQUEST_URI_MAX + 3];
	bool too_long;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(clean); i++)
		assert_true(request_is_clean(clean[i], &too_long) && !too_long);
	for (size_t i = 0; i < ARRAY_SIZE(dirty); i++)
		assert_false(request_is_clean(dirty[i], &too_long) || too_long);
	memset(many, '/', 1);
	memset(many + 1, 'a', REQUEST_URI_MAX);
	many[REQUEST_URI_MAX + 1] = '\0';
	assert_false(request_is_clean(many, &too_long));
	assert_true(too_long);
	many[REQUEST_URI_MAX] = '\0';
	assert_true(request_is_clean(many, &too_long));
}

static void
test_paths(void **state)
{
	static const struct {
		const char *path;
		enum request_page page;
		enum request_form form;
		enum request_part part;
	} good[] = {
	    {"/", REQUEST_OVERVIEW, REQUEST_HTML, REQUEST_WHOLE},
	    {"/api/overview", REQUEST_OVERVIEW, REQUEST_JSON, REQUEST_WHOLE},
	    {"/mailboxes.csv", REQUEST_MAILBOXES, REQUEST_CSV, REQUEST_WHOLE},
	    {"/mailboxes/found", REQUEST_MAILBOXES, REQUEST_HTML, REQUEST_FOUND},
	    {"/mailboxes/found.csv", REQUEST_MAILBOXES, REQUEST_CSV, REQUEST_FOUND},
	    {"/api/mailboxes/found", REQUEST_MAILBOXES, REQUEST_JSON, REQUEST_FOUND},
	    {"/groups", REQUEST_GROUPS, REQUEST_HTML, REQUEST_WHOLE},
	    {"/mailbox/" GUID, REQUEST_MAILBOX, REQUEST_HTML, REQUEST_WHOLE},
	    {"/mailbox/" GUID "/checks", REQUEST_MAILBOX, REQUEST_HTML, REQUEST_CHECKS},
	    {"/api/mailbox/" GUID "/way", REQUEST_MAILBOX, REQUEST_JSON, REQUEST_WAY},
	    {"/wave/4294967295", REQUEST_WAVE, REQUEST_HTML, REQUEST_WHOLE},
	    {"/mailbox/" GUID "/checks.csv", REQUEST_MAILBOX, REQUEST_CSV, REQUEST_CHECKS},
	    {"/mailbox/" GUID ".csv", REQUEST_MAILBOX, REQUEST_CSV, REQUEST_WHOLE},
	    {"/wave/7.csv", REQUEST_WAVE, REQUEST_CSV, REQUEST_WHOLE},
	    {"/api/wave/7", REQUEST_WAVE, REQUEST_JSON, REQUEST_WHOLE},
	    {"/metrics", REQUEST_METRICS, REQUEST_HTML, REQUEST_WHOLE},
	};
	static const char *const bad[] = {"", "/x", "/mailboxes/", "/groups/found",
	    "/mailboxes/found/", "/mailboxes/found.csv.csv", "/Mailboxes", "/mailbox/", "/mailbox",
	    "/mailbox/" GUID "/", "/mailbox/" GUID "0", "/mailbox/" GUID "/x",
	    "/mailbox/" GUID ".csv.csv", "/api/mailbox/" GUID ".csv", "/mailbox/" GUID "/checksum",
	    "/mailbox/736c6167-6e79-0000-0000-00000000000x", "/wave/", "/wave/0", "/wave/01",
	    "/wave/+1", "/wave/4294967296", "/wave/99999999999999999999", "/wave/1.cs",
	    "/api/wave/1.csv", "/api/api/waves", "/api/", "/api/mailboxes.csv", "/portal.html"};
	struct portal_request r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		if (!request_parse(good[i].path, &r))
			fail_msg("%s", good[i].path);
		assert_int_equal(r.page, good[i].page);
		assert_int_equal(r.form, good[i].form);
		assert_int_equal(r.part, good[i].part);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (request_parse(bad[i], &r))
			fail_msg("%s", bad[i]);
}

static void
test_parameters(void **state)
{
	static const struct {
		const char *path, *name, *value;
		bool ok;
	} rows[] = {{"/mailboxes", "q", "x", true}, {"/mailboxes", "problem", "held", false},
	    {"/groups", "kind", "group", true}, {"/groups", "kind", "user", false},
	    {"/problems", "problem", "held", true}, {"/problems", "problem", "", true},
	    {"/problems", "problem", "none", false}, {"/problems", "page", "2", true},
	    {"/problems", "page", "0", false}, {"/problems", "q", "x", false},
	    {"/mailboxes/found", "q", "Ann Ash", true}, {"/mailboxes/found", "link", "x", true},
	    {"/mailboxes/found", "page", "2", false}, {"/mailboxes/found", "q", "a\nb", false},
	    {"/", "q", "x", false}, {"/waves", "page", "1", false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct portal_request r;
		char why[256] = "";

		assert_true(request_parse(rows[i].path, &r));
		if (request_take(&r, rows[i].name, rows[i].value, why, sizeof why) != rows[i].ok)
			fail_msg("%s %s=%s", rows[i].path, rows[i].name, rows[i].value);
		assert_true(rows[i].ok == !*why);
	}
}

static void
test_hosts(void **state)
{
	static const char *const local[] = {
	    "localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8080"};
	static const char *const others[] = {"", "localhost.evil.example",
	    "localhost:", "localhost:x", "127.0.0.1.evil.example", "evil.example",
	    "127.0.0.1:80:80", "[::1]x", "127.0.0.11"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(local); i++)
		assert_true(request_host_is_local(local[i]));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_false(request_host_is_local(others[i]));
}

/* ---- the token ---- */

static int
read_token(const char *dir, const char *text, mode_t mode, char **ret, struct err *err)
{
	char path[512];
	FILE *f;
	int rc;

	(void)snprintf(path, sizeof path, "%s/token", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
	assert_int_equal(chmod(path, mode), 0);
	rc = token_read(path, ret, err);
	assert_int_equal(unlink(path), 0);
	return rc;
}

static void
test_token_file(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *why; /* NULL: it is taken */
	} rows[] = {{"0123456789abcdef\n", 0600, NULL}, {"0123456789abcdef\r\n", 0400, NULL},
	    {"0123456789abcdef", 0640, "mode"}, {"0123456789abcdef", 0604, "mode"},
	    {"0123456789abcde\n", 0600, "length"}, {"", 0600, "length"},
	    {"0123456789 abcdef", 0600, "characters"}, {"0123456789abcdef\nx", 0600, "characters"},
	    {"0123456789abcdef\xc3\xa9", 0600, "characters"}};
	char dir[256];

	(void)state;
	place_make("galsync-token", dir, sizeof dir);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *token = NULL;
		struct err err = {0};
		int rc = read_token(dir, rows[i].text, rows[i].mode, &token, &err);

		assert_int_equal(rc, rows[i].why ? -1 : 0);
		if (rows[i].why)
			assert_non_null(strstr(err.text, rows[i].why));
		else
			assert_string_equal(token, "0123456789abcdef");
		token_free(token);
	}
	assert_int_equal(rmdir(dir), 0);
}

static void
test_token_is_shown(void **state)
{
	static const char token[] = "0123456789abcdef";
	static const char *const wrong[] = {"", "Bearer", "Bearer ", "0123456789abcdef",
	    "Basic 0123456789abcdef", "Bearer 0123456789abcde", "Bearer 0123456789abcdeff",
	    "Bearer 0123456789ABCDEF", "Bearer 0123456789abcdef "};

	(void)state;
	assert_true(token_is_shown(token, "Bearer 0123456789abcdef"));
	assert_true(token_is_shown(token, "bearer  0123456789abcdef"));
	assert_false(token_is_shown(token, NULL));
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_false(token_is_shown(token, wrong[i]));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_paths), cmocka_unit_test(test_parameters),
	    cmocka_unit_test(test_hosts), cmocka_unit_test(test_token_file),
	    cmocka_unit_test(test_token_is_shown)};

	return cmocka_run_group_tests_name("portal_request", tests, NULL, NULL);
}
