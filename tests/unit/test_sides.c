/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "dsa/run/sides.h"
#include "tests/support/fakedir.h"

#define PEOPLE 300

struct both {
	struct fakedir *fd[SIDES];
	struct dir *dir[SIDES];
	atomic_size_t seen[SIDES];
	int fails; /* the side whose first entry is refused, or SIDES */
};

static int
set_up(void **state)
{
	static const char *const base[] = {"DC=acme,DC=example", "DC=globex,DC=example"};
	struct both *b = calloc(1, sizeof *b);
	struct err err;

	assert_non_null(b);
	for (int side = SOURCE; side < SIDES; side++) {
		b->fd[side] = fakedir_new(side == SOURCE ? "acme" : "globex", base[side]);
		assert_non_null(b->fd[side]);
		for (int i = 0; i < PEOPLE; i++) {
			char text[160];

			(void)snprintf(text, sizeof text,
			    "dn: CN=P%d,CN=Users,%s\nobjectClass: contact\n", i, base[side]);
			assert_int_equal(fakedir_add_ldif(b->fd[side], text), 0);
		}
		b->dir[side] = fakedir_connect(b->fd[side]);
		assert_int_equal(dir_open(b->dir[side], &err), 0);
	}
	b->fails = SIDES;
	*state = b;
	return 0;
}

static int
tear_down(void **state)
{
	struct both *b = *state;

	for (int side = SOURCE; side < SIDES; side++) {
		dir_free(b->dir[side]);
		fakedir_free(b->fd[side]);
	}
	free(b);
	return 0;
}

static int
take(enum side side, struct entry *e, void *arg, struct err *err)
{
	struct both *b = arg;

	entry_free(e);
	b->seen[side]++;
	return (int)side == b->fails ? err_data(err, "refused") : 0;
}

static int
read_both(struct both *b, struct err *err)
{
	static const char *const names[] = {"cn", NULL};
	const char *const *const attrs[SIDES] = {names, names};

	b->seen[SOURCE] = b->seen[TARGET] = 0;
	return sides_read(b->dir, "(objectClass=contact)", attrs, take, b, NULL, err);
}

static void
both_are_read(void **state)
{
	struct both *b = *state;
	struct err err;

	assert_int_equal(read_both(b, &err), 0);
	assert_int_equal(b->seen[SOURCE], PEOPLE);
	assert_int_equal(b->seen[TARGET], PEOPLE);
}

/* Whichever side fails is named, and both can be read again. */
static void
one_fails(void **state)
{
	static const char *const names[] = {"'acme'", "'globex'"};
	struct both *b = *state;
	struct err err;

	for (int side = SOURCE; side < SIDES; side++) {
		b->fails = side;
		assert_int_equal(read_both(b, &err), -1);
		assert_non_null(strstr(err.text, "refused"));
		assert_non_null(strstr(err.text, names[side]));
		assert_int_equal(b->seen[side], 1);
		b->fails = SIDES;
		both_are_read(state);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {T(both_are_read), T(one_fails)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
