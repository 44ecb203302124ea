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
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dsa/world/workset.h"
#include "tests/support/place.h"

#define THREADS 4
#define TURNS 50
/* More than a working set keeps in memory, which is 256 kB. */
#define LARGE 2000

static char dir[256];

static int
make_dir(void **state)
{
	(void)state;
	place_make("galsync-workset", dir, sizeof dir);
	return 0;
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
	/* A process that is killed now leaves nothing. */
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

/* Puts entry I, its keys and its blob in: a key of its own and one that ten share. */
static int
put_one(struct workset *w, uint32_t i, struct err *err)
{
	_cleanup_(entry_free) struct entry *e = entry_new("CN=Entry");
	uint64_t own = bytes_hash((struct bytes){&i, sizeof i}, 1), shared = i / 10;
	char blob[128] = "";
	uint32_t index;

	(void)snprintf(blob, sizeof blob, "blob %u", i);
	if (!e || workset_add(w, e, &index, err) < 0 || index != i ||
	    workset_add_key(w, own, i, err) < 0 || workset_add_key(w, own, i, err) < 0 ||
	    workset_add_key(w, shared, i, err) < 0)
		return -1;
	return workset_put_blob(
	    w, WORKSET_PLAN, 3 * (uint64_t)i, (struct bytes){blob, sizeof blob}, err);
}

static void
check_keys(struct workset *w, uint32_t i)
{
	_cleanup_(workset_hits_done) struct workset_hits hits = {0};
	uint64_t own = bytes_hash((struct bytes){&i, sizeof i}, 1);
	struct err err = {0};

	assert_int_equal(workset_find(w, own, &hits, &err), 0);
	assert_int_equal(hits.n, 1);
	assert_int_equal(hits.v[0], i);
	assert_int_equal(workset_find(w, own + 1, &hits, &err), 0);
	assert_int_equal(hits.n, 0);
	assert_int_equal(workset_find(w, i / 10, &hits, &err), 0);
	assert_int_equal(hits.n, 10);
	for (uint32_t k = 0; k < hits.n; k++)
		assert_int_equal(hits.v[k], i / 10 * 10 + k);
}

static void
check_blobs(struct workset *w, uint32_t i, uint32_t last)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct err err = {0};
	char expected[32];
	uint64_t key = 0;
	bool found;

	(void)snprintf(expected, sizeof expected, "blob %u", i);
	assert_int_equal(workset_get_blob(w, WORKSET_PLAN, 3 * (uint64_t)i, &b, &found, &err), 0);
	assert_true(found);
	assert_string_equal((const char *)b.data, expected);
	assert_int_equal(
	    workset_get_blob(w, WORKSET_PLAN, 3 * (uint64_t)i + 1, &b, &found, &err), 0);
	assert_false(found || b.len);
	assert_int_equal(workset_get_blob(w, WORKSET_CLAIM, 3 * (uint64_t)i, &b, &found, &err), 0);
	assert_false(found || b.len);
	assert_int_equal(
	    workset_next_blob(w, WORKSET_PLAN, 3 * (uint64_t)i + 1, &key, &b, &found, &err), 0);
	assert_int_equal(found, i != last);
	if (found)
		assert_int_equal(key, 3 * (uint64_t)(i + 1));
}

/* What is in it is the same wherever it is: N entries, replaced ones too. */
static void
holds_all(uint32_t n)
{
	_cleanup_(workset_free) struct workset *w = NULL;
	_cleanup_(entry_free) struct entry *other = entry_new("CN=Other"), *got = NULL;
	struct err err = {0};

	assert_int_equal(workset_open(dir, "source", 64, &w, &err), 0);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(put_one(w, i, &err), 0);
	assert_int_equal(workset_count(w), n);
	for (uint32_t i = 0; i < n; i++) {
		check_keys(w, i);
		check_blobs(w, i, n - 1);
	}
	assert_int_equal(workset_replace(w, 1, other, &err), 0);
	assert_int_equal(workset_get(w, 1, &got, &err), 0);
	assert_string_equal(got->dn, "CN=Other");
	assert_int_equal(workset_count(w), n);
	assert_int_equal(workset_get(w, n, &got, &err), -1);
	assert_int_equal(files(), 0);
}

/* Another one gets the N entries and nothing else, and may be used as an empty one. */
static void
gives_entries(uint32_t n)
{
	_cleanup_(workset_free) struct workset *from = NULL, *to = NULL;
	_cleanup_(entry_free) struct entry *e = NULL;
	_cleanup_(workset_hits_done) struct workset_hits hits = {0};
	_cleanup_(buf_done) struct buf b = {0};
	struct err err = {0};
	bool found;

	assert_int_equal(workset_open(dir, "source", 64, &from, &err), 0);
	assert_int_equal(workset_open(dir, "target", 64, &to, &err), 0);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(put_one(from, i, &err), 0);
	assert_int_equal(workset_take_entries(to, from, &err), 0);
	workset_free(TAKE(from));
	assert_int_equal(workset_count(to), n);
	assert_int_equal(workset_get(to, n - 1, &e, &err), 0);
	assert_string_equal(e->dn, "CN=Entry");
	assert_int_equal(workset_find(to, 0, &hits, &err), 0);
	assert_int_equal(hits.n, 0);
	assert_int_equal(workset_get_blob(to, WORKSET_PLAN, 0, &b, &found, &err), 0);
	assert_false(found);
	assert_int_equal(put_one(to, n, &err), 0);
	assert_int_equal(workset_find(to, n / 10, &hits, &err), 0);
	assert_int_equal(hits.n, 1);
	assert_int_equal(files(), 0);
}

static void
entries_change_hands(void **state)
{
	(void)state;
	gives_entries(50);
	gives_entries(LARGE);
}

static void
small_and_large(void **state)
{
	(void)state;
	holds_all(10);
	holds_all(LARGE);
}

static void
no_directory(void **state)
{
	_cleanup_(workset_free) struct workset *w = NULL;
	struct err err = {0};
	uint32_t i = 0;

	(void)state;
	assert_int_equal(workset_open("/nonexistent", "source", 16, &w, &err), 0);
	/* A small one needs none. */
	assert_int_equal(put_one(w, i++, &err), 0);
	while (i < LARGE && put_one(w, i, &err) == 0)
		i++;
	assert_in_range(i, 100, LARGE - 1);
	assert_non_null(strstr(err.text, "working set 'source' in '/nonexistent'"));
}

/* A write that the system cuts short is what LMDB sees of a disk that fills up. */
static void
full_disk(void **state)
{
	_cleanup_(workset_free) struct workset *w = NULL;
	struct rlimit before, small;
	struct err err = {0};
	uint32_t i = 0;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){100000, before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(workset_open(dir, "source", 16, &w, &err), 0);
	while (i < LARGE && put_one(w, i, &err) == 0)
		i++;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, handler);
	assert_in_range(i, 100, LARGE - 1);
	assert_non_null(strstr(err.text, "working set 'source' in '"));
	assert_non_null(strstr(err.text, "the disk is full: make room"));
	/* It stays of no use. */
	assert_int_equal(put_one(w, i, &err), -1);
	assert_int_equal(files(), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(two_of_one_name),
	    cmocka_unit_test(at_once), cmocka_unit_test(small_and_large),
	    cmocka_unit_test(entries_change_hands), cmocka_unit_test(no_directory),
	    cmocka_unit_test(full_disk)};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
