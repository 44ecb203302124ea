/* SPDX-License-Identifier: MIT */

/* Working sets of several links, which begin at the same moment in one directory. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <unistd.h>

#include "dsa/world/workset.h"

#define THREADS 4
#define TURNS 50

static char dir[256];

static int
make_dir(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	(void)snprintf(dir, sizeof dir, "%s/galsync-workset-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(dir) ? 0 : -1;
}

static int
remove_dir(void **state)
{
	(void)state;
	/* Fails if anything is left in it. */
	return rmdir(dir);
}

static size_t
files(void)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n - 2; /* itself and its parent */
}

static struct workset *
open_set(const char *dn)
{
	_cleanup_(entry_free) struct entry *e = entry_new(dn);
	struct workset *w = NULL;
	struct err err = {0};
	uint32_t index;

	if (!e || workset_open(dir, "source", 16, &w, &err) < 0 ||
	    workset_add(w, e, &index, &err) < 0) {
		workset_free(w);
		return NULL;
	}
	return w;
}

static bool
holds(struct workset *w, const char *dn)
{
	_cleanup_(entry_free) struct entry *e = NULL;
	struct err err = {0};

	return workset_count(w) == 1 && workset_get(w, 0, &e, &err) == 0 && strcmp(e->dn, dn) == 0;
}

static void
two_of_one_name(void **state)
{
	_cleanup_(workset_free) struct workset *one = open_set("CN=One"), *two = open_set("CN=Two");

	(void)state;
	assert_true(one && two);
	assert_true(holds(one, "CN=One"));
	assert_true(holds(two, "CN=Two"));
	/* Whoever is killed now leaves nothing. */
	assert_int_equal(files(), 0);
}

static void *
open_and_look(void *arg)
{
	const char *dn = arg;

	for (int i = 0; i < TURNS; i++) {
		_cleanup_(workset_free) struct workset *w = open_set(dn);

		if (!w || !holds(w, dn))
			return arg;
	}
	return NULL;
}

static void
at_once(void **state)
{
	char dn[THREADS][16];
	pthread_t thread[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++) {
		(void)snprintf(dn[i], sizeof dn[i], "CN=%d", i);
		assert_int_equal(pthread_create(&thread[i], NULL, open_and_look, dn[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		void *failed = NULL;

		assert_int_equal(pthread_join(thread[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(files(), 0);
}

static void
no_directory(void **state)
{
	struct workset *w = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(workset_open("/nonexistent", "source", 16, &w, &err), -1);
	assert_null(w);
	assert_non_null(strstr(err.text, "'/nonexistent'"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(two_of_one_name),
	    cmocka_unit_test(at_once), cmocka_unit_test(no_directory)};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
