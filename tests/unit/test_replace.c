/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "dsa/base/replace.h"
#include "tests/support/store_fixture.h"

static void
begin(const char *path, const char *text, struct replace **ret)
{
	struct err err = {0};

	if (replace_begin(path, true, ret, &err) < 0 ||
	    replace_write(*ret, bytes_of(text), &err) < 0)
		fail_msg("%s", err.text);
}

static void
is(const char *path, const char *want)
{
	_cleanup_(free) char *text = read_text(path);

	if (!want)
		assert_null(text);
	else
		assert_string_equal(text, want);
}

static void
as_a_whole(void **state)
{
	struct fixture *f = *state;
	struct replace *r;
	struct stat st;
	struct err err;
	char path[300], new[320];

	(void)snprintf(path, sizeof path, "%s/file", f->dir);
	(void)snprintf(new, sizeof new, "%s.new", path);
	begin(path, "one", &r);
	is(path, NULL);
	is(new, "one");
	assert_string_equal(replace_name(r), new);
	assert_int_equal(replace_end(r, false, &err), 0);
	is(path, "one");
	is(new, NULL);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	begin(path, "two", &r);
	is(path, "one");
	replace_abort(r);
	is(path, "one");
	is(new, NULL);
	/* One that came meanwhile stays too. */
	begin(path, "two", &r);
	assert_int_equal(replace_end(r, false, &err), -1);
	assert_int_equal(err.code, EEXIST);
	is(path, "one");
	is(new, NULL);
	begin(path, "two", &r);
	assert_int_equal(replace_end(r, true, &err), 0);
	is(path, "two");
}

static void
leftovers(void **state)
{
	struct fixture *f = *state;
	struct replace *r;
	struct err err;
	char path[300], new[320], other[320];

	(void)snprintf(path, sizeof path, "%s/file", f->dir);
	(void)snprintf(new, sizeof new, "%s.new", path);
	(void)snprintf(other, sizeof other, "%s/other", f->dir);
	write_text(new, bytes_of("longer than that"));
	assert_int_equal(chmod(new, 0644), 0);
	assert_int_equal(replace_begin(path, false, &r, &err), -1);
	assert_int_equal(err.code, EEXIST);
	begin(path, "one", &r);
	assert_int_equal(replace_end(r, true, &err), 0);
	is(path, "one");
	/* A name that leads somewhere else is not followed. */
	write_text(other, bytes_of("other"));
	assert_int_equal(symlink(other, new), 0);
	assert_int_equal(replace_begin(path, true, &r, &err), -1);
	assert_int_equal(err.code, ELOOP);
	is(other, "other");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup_dir, fixture_teardown)
	const struct CMUnitTest tests[] = {T(as_a_whole), T(leftovers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
