/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dsa/base/csv.h"
#include "dsa/base/trust.h"
#include "tests/support/place.h"

#define NOBODY 65534

static char place[256], why[512];

static const char *
path_of(const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof path, "%s/%s", place, name);
	return path;
}

static void
make(const char *name, mode_t mode)
{
	int fd = open(path_of(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static void
make_folder(const char *name, mode_t mode)
{
	assert_int_equal(mkdir(path_of(name), 0700), 0);
	assert_int_equal(chmod(path_of(name), mode), 0);
}

static int
setup(void **state)
{
	(void)state;
	place_make("galsync-trust", place, sizeof place);
	make_folder("own", 0755);
	make_folder("own/sub", 0700);
	make_folder("open", 0777);
	make_folder("group", 0775);
	make_folder("sticky", 01777);
	make_folder("open/own", 0755);
	make("own/file", 0644);
	make("own/sub/file", 0600);
	make("open/own/file", 0600);
	make("sticky/file", 0600);
	assert_int_equal(symlink("../open/own/file", path_of("own/link")), 0);
	assert_int_equal(symlink("sub", path_of("own/folder")), 0);
	assert_int_equal(symlink("loop", path_of("own/loop")), 0);
	return 0;
}

static int
teardown(void **state)
{
	char command[300];

	(void)state;
	(void)snprintf(command, sizeof command, "rm -rf '%s'", place);
	return system(command); /* NOLINT(cert-env33-c) */
}

static void
folders(void **state)
{
	static const struct {
		const char *name, *why; /* NULL: trusted */
	} rows[] = {
	    {"own/file", NULL},
	    {"own/sub/file", NULL},
	    {"own/folder/file", NULL},
	    {"own/./sub/../file", NULL},
	    {"sticky/file", NULL},
	    {"own/not-there", NULL},
	    {"own/nor/this", NULL},
	    {"own/loop", NULL}, /* nobody opens that */
	    {"open/own/file", "/open', which is writable by group or others (mode 0777)"},
	    {"open/not-there", "/open', which is writable by group or others (mode 0777)"},
	    {"group/not-there", "/group', which is writable by group or others (mode 0775)"},
	    {"own/link", "/open', which is writable by group or others (mode 0777)"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool ok = trust_folders(path_of(rows[i].name), 0, why, sizeof why);

		if (ok != !rows[i].why || (!ok && !strstr(why, rows[i].why)))
			fail_msg("%s: %s", rows[i].name, ok ? "trusted" : why);
	}
}

static void
relative(void **state)
{
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(chdir(path_of("own")), 0);
	assert_true(trust_folders("file", 0, why, sizeof why));
	assert_int_equal(chdir(path_of("open")), 0);
	assert_false(trust_folders("not-there", 0, why, sizeof why));
	assert_int_equal(fchdir(here), 0);
	(void)close(here);
}

/* Folders, links and files of another user. */
static void
owners(void **state)
{
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(path_of("own/sub"), NOBODY, NOBODY), 0);
	assert_false(trust_folders(path_of("own/sub/file"), 0, why, sizeof why));
	assert_non_null(strstr(why, "/own/sub', which belongs to user 65534"));
	assert_true(trust_folders(path_of("own/sub/file"), NOBODY, why, sizeof why));
	assert_int_equal(lchown(path_of("own/folder"), NOBODY, NOBODY), 0);
	assert_false(trust_folders(path_of("own/folder"), 0, why, sizeof why));
	assert_non_null(strstr(why, "leads over the link '"));
	assert_int_equal(chown(path_of("own/file"), NOBODY, NOBODY), 0);
	assert_int_equal(stat(path_of("own/file"), &st), 0);
	assert_false(trust_stat(&st, TRUST_NOT_WRITABLE, why, sizeof why));
	assert_string_equal(why, "belongs to user 65534, and neither to root nor to user 0");
	/* Who called sudo gives the names of own files. */
	assert_int_equal(unsetenv("SUDO_UID"), 0);
	assert_false(trust_given(&st, why, sizeof why));
	assert_int_equal(setenv("SUDO_UID", "65534", 1), 0);
	assert_true(trust_given(&st, why, sizeof why));
	assert_int_equal(setenv("SUDO_UID", "65533", 1), 0);
	assert_false(trust_given(&st, why, sizeof why));
	assert_int_equal(unsetenv("SUDO_UID"), 0);
	assert_int_equal(chown(path_of("own/file"), 0, 0), 0);
}

static void
modes(void **state)
{
	static const struct {
		mode_t mode, closed;
		const char *why;
	} rows[] = {
	    {0600, TRUST_CLOSED, NULL},
	    {0400, TRUST_CLOSED, NULL},
	    {0640, TRUST_CLOSED, "is open to group or others (mode 0640)"},
	    {0644, TRUST_NOT_WRITABLE, NULL},
	    {0755, TRUST_NOT_WRITABLE, NULL},
	    {0664, TRUST_NOT_WRITABLE, "is writable by group or others (mode 0664)"},
	    {0646, TRUST_NOT_WRITABLE, "is writable by group or others (mode 0646)"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct stat st = {.st_mode = S_IFREG | rows[i].mode, .st_uid = geteuid()};

		assert_int_equal(
		    trust_stat(&st, rows[i].closed, why, sizeof why), rows[i].why == NULL);
		if (rows[i].why)
			assert_string_equal(why, rows[i].why);
	}
}

static int
count(const struct csv_line *l, void *arg, struct err *err)
{
	(void)l;
	(void)err;
	++*(int *)arg;
	return 0;
}

/* Every list that is read comes through here: pairs, waves. */
static void
lists(void **state)
{
	struct err err = {.text = ""};
	int n = 0;

	(void)state;
	assert_int_equal(csv_read(path_of("own/file"), count, &n, &err), 0);
	assert_int_equal(chmod(path_of("own/file"), 0666), 0);
	assert_int_equal(csv_read(path_of("own/file"), count, &n, &err), -1);
	assert_non_null(strstr(err.text, "own/file' is writable by group or others (mode 0666); "
					 "allowed: a file that only its owner may write"));
	assert_int_equal(chmod(path_of("own/file"), 0644), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(folders),
	    cmocka_unit_test(relative),
	    cmocka_unit_test(modes),
	    cmocka_unit_test(lists),
	    cmocka_unit_test(owners),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
