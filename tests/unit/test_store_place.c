/* SPDX-License-Identifier: MIT */
/* The state directory and the files in it: whose they are, and who may write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "dsa/base/identity.h"
#include "dsa/base/str.h"
#include "tests/support/store_fixture.h"

static void
assert_place_refused(struct fixture *f, const char *text)
{
	for (int mode = STORE_READ; mode <= STORE_WRITE; mode++) {
		struct store *s = NULL;
		struct err err = {0};

		assert_int_equal(store_open(f->dir, (enum store_mode)mode, 16, &s, &err), -1);
		assert_null(s);
		assert_int_equal(err.retry, ERR_NEVER);
		if (!strstr(err.text, text) || !strstr(err.text, "; allowed: a "))
			fail_msg("%s", err.text);
	}
}

/* What is under a name of the map is a file of its owner, which others may not write, and has no
 * other name. */
static void
foreign_place(void **state)
{
	static const char *const names[] = {"map.mdb", "map.mdb-lock", "writer.lock"};
	struct fixture *f = *state;
	_cleanup_(free) char *other = str_printf("%s/other", f->dir);

	store_close(TAKE(f->s));
	write_text(other, bytes_of("precious"));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_(free) char *path = str_printf("%s/%s", f->dir, names[i]);
		_cleanup_(free) char *aside = str_printf("%s.aside", path), *text = NULL;
		bool there = rename(path, aside) == 0;

		assert_int_equal(symlink(other, path), 0);
		assert_place_refused(f, "is a symbolic link");
		assert_int_equal(unlink(path), 0);
		assert_int_equal(link(other, path), 0);
		assert_place_refused(f, "has another name as well");
		assert_int_equal(unlink(path), 0);
		assert_int_equal(mkfifo(path, 0600), 0);
		assert_place_refused(f, "is not a regular file");
		assert_int_equal(unlink(path), 0);
		write_text(path, bytes_of(""));
		assert_int_equal(chmod(path, 0666), 0);
		assert_place_refused(f, "may be written by others (mode 0666)");
		assert_int_equal(unlink(path), 0);
		if (there)
			assert_int_equal(rename(aside, path), 0);
		text = read_text(other);
		assert_string_equal(text, "precious");
	}
	assert_int_equal(chmod(f->dir, 0777), 0);
	assert_place_refused(f, "is writable by group or others (mode 0777)");
	assert_int_equal(chmod(f->dir, 01777), 0);
	assert_place_refused(f, "is writable by group or others (mode 1777)");
	assert_int_equal(chmod(f->dir, 0750), 0);
	fixture_open_store(f, 16);
}

/* Root opens another user's map as that user: what only root may write stays as it is. */
static void
root_in_a_foreign_place(void **state)
{
	struct fixture *f = *state;
	struct store *s = NULL;
	struct err err = {0};
	struct stat st = {0};

	if (geteuid() != 0)
		skip();
	store_close(TAKE(f->s));
	assert_int_equal(chown(f->dir, 65534, 65534), 0);
	assert_int_equal(identity_take(f->dir, false, &err), 0);
	assert_int_equal(geteuid(), 65534);
	assert_int_equal(getegid(), 65534);
	assert_int_equal(store_open(f->dir, STORE_WRITE, 16, &s, &err), -1);
	assert_int_equal(err.code, EACCES); /* the files are root's */
	identity_return();
	assert_int_equal(geteuid(), 0);
	assert_int_equal(getegid(), 0);
	identity_return();
	assert_int_equal(chown(f->path, 65534, 65534), 0);
	for (int i = 0; i < 2; i++) {
		_cleanup_(free) char *path =
		    str_printf("%s/%s", f->dir, i ? "writer.lock" : "map.mdb-lock");

		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(identity_take(f->dir, false, &err), 0);
	fixture_open_store(f, 16);
	identity_return();
	(void)snprintf(f->path, sizeof f->path, "%s/map.mdb-lock", f->dir);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_uid, 65534);
	/* Nothing is taken on where root is at home, or nobody is. */
	assert_int_equal(identity_take("/", false, &err), 0);
	assert_int_equal(identity_take("/nowhere", false, &err), 0);
	assert_int_equal(geteuid(), 0);
}

/* The group reads, whatever umask the service has. */
static void
open_to_the_group(void **state)
{
	static const struct {
		const char *name;
		mode_t mode;
	} files[] = {{"map.mdb", 0640}, {"map.mdb-lock", 0660}};
	struct fixture *f = *state;
	mode_t before = umask(0077);

	fixture_open_store(f, 16);
	(void)umask(before);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_(free) char *path = str_printf("%s/%s", f->dir, files[i].name);
		struct stat st = {0};

		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, files[i].mode);
	}
}

int
main(void)
{
#define TEST(f, setup) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(foreign_place, fixture_setup),
	    TEST(root_in_a_foreign_place, fixture_setup),
	    TEST(open_to_the_group, fixture_setup_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
