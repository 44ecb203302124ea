/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "dsa/base/str.h"
#include "mapping/store_priv.h"

struct fixture {
	char dir[128];
	struct store *s;
	struct store_txn *t;
	struct buf seen; /* a line for each operation */
};

static int
set_up(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct fixture *f = calloc(1, sizeof *f);
	struct err err;

	assert_non_null(f);
	(void)snprintf(f->dir, sizeof f->dir, "%s/galsync-op-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(store_open(f->dir, STORE_WRITE, 16, &f->s, &err), 0);
	assert_int_equal(store_begin(f->s, STORE_WRITE, &f->t, &err), 0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	DIR *d = opendir(f->dir);
	const struct dirent *e;

	store_abort(f->t);
	store_close(f->s);
	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(d), e->d_name, 0);
	(void)closedir(d);
	assert_int_equal(rmdir(f->dir), 0);
	buf_done(&f->seen);
	free(f);
	return 0;
}

static struct guid
guid(uint8_t last)
{
	struct guid g = {{0}};

	g.octets[GUID_LEN - 1] = last;
	return g;
}

static int
see(const struct store_operation *o, void *arg)
{
	struct fixture *f = arg;

	buf_printf(&f->seen, "%u %d %lld %s\n", o->source.octets[GUID_LEN - 1], (int)o->kind,
	    (long long)o->since, o->detail);
	return 0;
}

static int
see_one(const struct store_operation *o, void *arg)
{
	(void)see(o, arg);
	return 1;
}

static const char *
all_of(struct fixture *f, uint32_t link)
{
	struct err err;

	buf_reset(&f->seen);
	assert_int_equal(store_each_operation(f->t, link, see, f, &err), 0);
	buf_add_char(&f->seen, '\0');
	return (const char *)f->seen.data;
}

static void
put(struct fixture *f, uint32_t link, uint8_t who, enum operation_kind kind, const char *detail)
{
	struct store_operation o = {.source = guid(who),
	    .kind = kind,
	    .since = 100 + who,
	    .detail = (char *)(uintptr_t)detail};
	struct err err;

	assert_int_equal(store_put_operation(f->t, link, &o, &err), 0);
}

static void
kept_by_link_and_source(void **state)
{
	struct fixture *f = *state;
	struct guid g = guid(2), unknown = guid(9);
	struct err err;

	assert_string_equal(all_of(f, 1), "");
	put(f, 1, 2, OPERATION_SWITCH, NULL);
	put(f, 1, 1, OPERATION_TOGGLE, "smtp:x@toggle.example");
	put(f, 2, 2, OPERATION_UNDO, "");
	assert_string_equal(all_of(f, 1), "1 3 101 smtp:x@toggle.example\n2 1 102 \n");
	assert_string_equal(all_of(f, 2), "2 2 102 \n");
	/* One at a time. */
	put(f, 1, 2, OPERATION_UNDO, NULL);
	assert_string_equal(all_of(f, 1), "1 3 101 smtp:x@toggle.example\n2 2 102 \n");
	assert_int_equal(store_clear_operation(f->t, 1, &g, &err), 0);
	assert_int_equal(store_clear_operation(f->t, 1, &unknown, &err), 0);
	assert_string_equal(all_of(f, 1), "1 3 101 smtp:x@toggle.example\n");
	assert_string_equal(all_of(f, 2), "2 2 102 \n");
}

static void
stops_when_told(void **state)
{
	struct fixture *f = *state;
	struct err err;

	put(f, 1, 1, OPERATION_SWITCH, NULL);
	put(f, 1, 2, OPERATION_SWITCH, NULL);
	assert_int_equal(store_each_operation(f->t, 1, see_one, f, &err), 0);
	buf_add_char(&f->seen, '\0');
	assert_string_equal((const char *)f->seen.data, "1 1 101 \n");
}

/* Whatever is on the disk: an error, and nothing is made up. */
static void
damaged(void **state)
{
	static const uint8_t whole[] = {1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0};
	struct fixture *f = *state;
	struct guid g = guid(1);
	uint8_t key[LINK_GUID_LEN], kinds[] = {0, 4, 255};
	struct err err;

	store_link_guid(1, &g, key);
	for (size_t len = 0; len < sizeof whole; len++) {
		assert_int_equal(store_db_put(f->t, DB_OPERATION, (struct bytes){key, sizeof key},
				     (struct bytes){whole, len}, &err),
		    0);
		assert_int_equal(store_each_operation(f->t, 1, see, f, &err), -1);
		assert_int_equal(err.src, ERR_DATA);
		assert_non_null(strstr(err.text, "damaged operation"));
	}
	for (size_t i = 0; i < sizeof kinds; i++) {
		uint8_t bad[sizeof whole];

		memcpy(bad, whole, sizeof bad);
		bad[0] = kinds[i];
		assert_int_equal(store_db_put(f->t, DB_OPERATION, (struct bytes){key, sizeof key},
				     (struct bytes){bad, sizeof bad}, &err),
		    0);
		assert_int_equal(store_each_operation(f->t, 1, see, f, &err), -1);
	}
	assert_int_equal(f->seen.len, 0);
	/* It can still be put right. */
	put(f, 1, 1, OPERATION_SWITCH, NULL);
	assert_string_equal(all_of(f, 1), "1 1 101 \n");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(kept_by_link_and_source, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(stops_when_told, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(damaged, set_up, tear_down)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
