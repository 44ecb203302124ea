/* SPDX-License-Identifier: MIT */
/* Maps of released versions: today's code reads in them what the release read. See tests/data. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/directory/sid.h"
#include "tests/support/map_sample.h"
#include "tests/support/store_fixture.h"

#define MAP "map-0.1.0.mdb"
#define TEXT "map-0.1.0.txt"

static char *
read_data(const char *name, size_t *ret_len)
{
	const char *top = getenv("GALSYNC_SRCDIR");
	_cleanup_(free) char *path = str_printf("%s/tests/data/%s", top ? top : ".", name);
	struct buf b = {0};
	char piece[4096];
	FILE *f = path ? fopen(path, "re") : NULL;
	size_t n;

	if (!f)
		fail_msg("'%s' cannot be read", path);
	while ((n = fread(piece, 1, sizeof piece, f)) > 0)
		buf_add(&b, piece, n);
	assert_int_equal(fclose(f), 0);
	*ret_len = b.len;
	return buf_take_str(&b);
}

/* A copy of the map, opened as the daemon does. */
static int
setup(void **state)
{
	size_t len;
	_cleanup_(free) char *map = read_data(MAP, &len);
	struct fixture *f;
	FILE *to;

	(void)fixture_setup_dir(state);
	f = *state;
	to = fopen(f->path, "we");
	assert_non_null(to);
	assert_int_equal(fwrite(map, 1, len, to), len);
	assert_int_equal(fclose(to), 0);
	fixture_open_store(f, 16);
	return 0;
}

static char *
dumped(struct fixture *f)
{
	struct buf text = {0};
	struct err err = {0};

	if (map_dump(f->s, &text, &err) < 0)
		fail_msg("%s", err.text);
	return buf_take_str(&text);
}

/* Line by line: the whole text would be too long to find the difference. END ends the comparison.
 */
static void
assert_lines(const char *got, const char *expected, const char *end)
{
	unsigned line = 1;

	while (*expected && strncmp(expected, end, strlen(end)) != 0) {
		size_t m = strcspn(got, "\n"), n = strcspn(expected, "\n");

		if (m != n || memcmp(got, expected, n) != 0)
			fail_msg(
			    "%s:%u: '%.*s', not '%.*s'", TEXT, line, (int)m, got, (int)n, expected);
		got += m + (got[m] == '\n');
		expected += n + 1;
		line++;
	}
	assert_true(*got == *expected);
}

/* Nor does opening it change an octet: the text ends with the hashes of the databases. */
static void
reads_the_same(void **state)
{
	size_t len;
	_cleanup_(free) char *expected = read_data(TEXT, &len), *got = dumped(*state);

	assert_true(len > 40000);
	assert_lines(got, expected, "no such line");
}

/* What today's code writes, it reads as the release read its own; the octets may be others. */
static void
writes_the_same(void **state)
{
	struct fixture *f = *state;
	size_t len;
	_cleanup_(free) char *expected = read_data(TEXT, &len), *got = NULL;
	struct err err = {0};

	if (map_sample_fill(f->s, &err) < 0)
		fail_msg("%s", err.text);
	got = dumped(f);
	assert_lines(got, expected, "database ");
}

/* It gets its check sums, and is what it was before; from then on a wrong bit is noticed. */
static void
gets_its_sums(void **state)
{
	struct fixture *f = *state;
	size_t len;
	_cleanup_(free) char *expected = read_data(TEXT, &len), *got = NULL;
	struct err err = {0};
	bool done = false;

	assert_int_equal(store_seal(f->s, &done, &err), 0);
	assert_true(done);
	store_close(TAKE(f->s));
	fixture_open_store(f, 16);
	got = dumped(f);
	assert_lines(got, expected, "database ");
	assert_int_equal(store_seal(f->s, &done, &err), 0);
	assert_false(done);
}

/* Without room for the sums it stays what it is. */
static void
has_no_room_for_sums(void **state)
{
	struct fixture *f = *state;
	size_t len;
	_cleanup_(free) char *expected = read_data(TEXT, &len), *got = NULL;
	struct rlimit limit, none;
	struct err err = {0};
	bool done = true;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	none = (struct rlimit){8192, limit.rlim_max};
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(store_seal(f->s, &done, &err), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_false(done);
	assert_int_equal(err.retry, ERR_LATER);
	got = dumped(f);
	assert_lines(got, expected, "no such line");
}

/* A map from before `involved`: its conflicts do not say which objects they involve, so nothing may
 * rely on them before a full cycle. */
static void
older_map(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t;
	struct bytes v = {0};
	struct err err = {0};

	t = fixture_begin(f, STORE_READ);
	assert_int_equal(store_get_cursor(t, 1, SOURCE, &v, &err), 0);
	assert_non_null(v.data);
	free((void *)(uintptr_t)v.data);
	store_abort(t);
	store_close(TAKE(f->s));

	fixture_lose_database(f->path, "involved");
	fixture_open_store(f, 16);
	t = fixture_begin(f, STORE_READ);
	assert_int_equal(store_get_cursor(t, 1, SOURCE, &v, &err), 0);
	assert_null(v.data);
	store_abort(t);
}

/* ---- look-ups ---- */

struct search {
	struct store_txn *t;
	uint64_t id;
	unsigned found, records;
};

static int
is_it(const struct record *r, void *arg, struct err *err)
{
	struct search *s = arg;

	(void)err;
	s->found += r->id == s->id;
	return 0;
}

static void
assert_found(struct search *s, enum store_key key, const char *value)
{
	struct err err = {0};

	s->found = 0;
	if (store_lookup(s->t, key, value, is_it, s, &err) < 0)
		fail_msg("%s", err.text);
	if (s->found != 1)
		fail_msg("'%s' was found %u times", value, s->found);
}

static void
look_up_side(struct search *s, const struct record *r, enum side side)
{
	const struct record_side *of = &r->side[side];
	char guid[GUID_TEXT_SIZE], sid[SID_TEXT_SIZE];

	guid_format(&of->guid, guid);
	if (!guid_is_zero(&of->guid))
		assert_found(s, side == SOURCE ? KEY_SOURCE_GUID : KEY_TARGET_GUID, guid);
	assert_found(s, KEY_DN, of->dn);
	if (of->sid.len) {
		assert_true(sid_format(of->sid, sid));
		assert_found(s, KEY_SID, sid);
	}
	for (size_t i = 0; i < of->n_legacy_dns; i++)
		assert_found(s, KEY_X500, of->legacy_dns[i]);
}

static int
look_up(const struct record *r, void *arg, struct err *err)
{
	struct search *s = arg;

	(void)err;
	s->id = r->id;
	s->records++;
	look_up_side(s, r, SOURCE);
	look_up_side(s, r, TARGET);
	for (size_t i = 0; i < r->n_addresses; i++)
		assert_found(s, KEY_ADDRESS, r->addresses[i]);
	assert_found(s, KEY_ALIAS, r->alias);
	return 0;
}

static void
finds_everyone(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_READ);
	struct search s = {.t = t};
	struct err err = {0};

	assert_int_equal(store_each(t, 0, look_up, &s, &err), 0);
	assert_int_equal(s.records, 14);
}

int
main(void)
{
#define TEST(f, setup) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(reads_the_same, setup),
	    TEST(finds_everyone, setup),
	    TEST(writes_the_same, fixture_setup),
	    TEST(gets_its_sums, setup),
	    TEST(has_no_room_for_sums, setup),
	    TEST(older_map, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
