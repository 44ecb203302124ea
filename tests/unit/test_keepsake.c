/* SPDX-License-Identifier: MIT */
/* What is kept beside the map: written when it must be, taken up when the map is lost, and only
 * then, and only whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "dsa/base/str.h"
#include "tests/support/keepsake_fixture.h"

static ino_t
file_of(const struct fixture *f)
{
	struct stat st;
	char path[300];

	keepsake_path(f, path, sizeof path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	return st.st_ino;
}

/* ---- taking up ---- */

/* What is over stays in the map that is lost, and so does what only waits. */
#define KEPT                                                                                       \
	"wave 2 of 2 'Night \"1\"' planned at 2000, 5, 0; 2 0 0 'a DC'\n"                          \
	"  1 line 2 result 0 at 0 'CN=J\xc3\xb3,DC=acme' ''\n"                                     \
	"  2 line 3 result 0 at 0 'CN=J\xc3\xb3,DC=acme' ''\n"                                     \
	"wave 3 of 1 'Night \"1\"' running at 900, 5, 901; 4 1 1 'a DC'\n"                         \
	"  1 line 2 result 1 at 77 'CN=J\xc3\xb3,DC=acme' ''\n"                                    \
	"  2 line 3 result 0 at 0 'CN=J\xc3\xb3,DC=acme' ''\n"                                     \
	"  3 line 4 result 2 at 77 'CN=J\xc3\xb3,DC=acme' 'no mailbox'\n"                          \
	"  4 line 5 result 0 at 0 'CN=J\xc3\xb3,DC=acme' ''\n"                                     \
	"link 1 acme-globex\n"                                                                     \
	"deletes 1 approved 8\n"                                                                   \
	"redirections 1 rejected 8\n"                                                              \
	"event 2 of 1: 3 undone at 9, 2 attempts, 10, 11 given up 'CN=X' '{\"a\":\"\\u0001\"}' "   \
	"'status 1'\n"                                                                             \
	"client of 1: 5 failed by attribute settled at 21, 22, 23 on 'PC-1' 'a \"b\"'\n"           \
	"link 2 other\n"                                                                           \
	"switches 9 rejected 16\n"                                                                 \
	"matches 4 rejected 11 with 5\n"                                                           \
	"spent switches 480000 12\n"                                                               \
	"event 1 of 2: 3 undone at 9, 2 attempts, 10, 11 given up 'CN=X' '{\"a\":\"\\u0001\"}' "   \
	"'status 1'\n"

static void
a_lost_map(void **state)
{
	struct fixture *f = *state;
	_cleanup_(free) char *there = NULL;
	struct store_txn *t;
	struct news news;
	struct err err;
	int64_t taken;

	keepsake_open(f, &news);
	fill_all(f);
	assert_int_equal(news.n, 0);
	lose_map(f);
	keepsake_open(f, &news);
	assert_int_equal(news.n, 1);
	assert_int_equal(news.last.kind, KEEPSAKE_TAKEN_UP);
	assert_int_equal(news.last.counts.links, 2);
	assert_int_equal(news.last.counts.waves, 2);
	assert_int_equal(news.last.counts.verdicts, 4);
	assert_int_equal(news.last.counts.events, 2);
	assert_non_null(strstr(news.file, "/" KEEPSAKE_FILE));
	there = show_all(f);
	assert_string_equal(there, KEPT);
	/* Numbers that were given out are not given out again, also of what is over. */
	t = fixture_begin(f, STORE_WRITE);
	assert_int_equal(add_wave(t, 1, WAVE_PLANNED, 1, 1), 5);
	assert_int_equal(add_event(t, 1, 1), 3);
	assert_int_equal(keepsake_taken_at(t, 2, &taken, &err), 0);
	assert_true(taken > 0);
	assert_int_equal(keepsake_taken_at(t, 3, &taken, &err), 0);
	assert_int_equal(taken, 0);
	store_abort(t);
}

/* Also what is told of mailboxes that others turned; what is told of recipients that were created,
 * matched or left is not in it: a first synchronization makes as many events as there are. */
static void
every_kind_of_event(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t;
	struct news news;
	char empty[] = "";

	keepsake_open(f, &news);
	t = fixture_begin(f, STORE_WRITE);
	(void)fixture_link(t, "acme-globex");
	for (int kind = EVENT_SWITCHED; kind < EVENT_KIND_MAX; kind++) {
		struct store_event e = {.link = 1,
		    .source = fixture_guid(1, 1),
		    .kind = (enum event_kind)kind,
		    .dn = empty,
		    .body = empty,
		    .error = empty};
		struct err err;

		assert_int_equal(store_add_event(t, &e, &err), 0);
	}
	fixture_commit(t);
	lose_map(f);
	keepsake_open(f, &news);
	assert_int_equal(news.last.kind, KEEPSAKE_TAKEN_UP);
	assert_int_equal(news.last.counts.events, 3);
}

/* And again: the new map's file is as good as the old one's. */
static void
lost_twice(void **state)
{
	struct fixture *f = *state;
	_cleanup_(free) char *there = NULL;
	struct news news;

	keepsake_open(f, &news);
	fill_all(f);
	for (int i = 0; i < 2; i++) {
		lose_map(f);
		keepsake_open(f, &news);
		assert_int_equal(news.n, 1);
	}
	there = show_all(f);
	assert_string_equal(there, KEPT);
}

/* A first start, and a map that was lost before it knew anything, say nothing. */
static void
nothing_to_take(void **state)
{
	struct fixture *f = *state;
	struct news news;

	keepsake_open(f, &news);
	assert_int_equal(news.n, 0);
	lose_map(f);
	keepsake_open(f, &news);
	assert_int_equal(news.n, 0);
	(void)file_of(f);
}

static void
a_map_that_is_there(void **state)
{
	struct fixture *f = *state;
	_cleanup_(free) char *before = NULL, *there = NULL, *now = NULL;
	struct store_txn *t;
	struct news news;
	char path[300];

	keepsake_open(f, &news);
	fill_all(f);
	keepsake_path(f, path, sizeof path);
	before = read_text(path);
	t = fixture_begin(f, STORE_WRITE);
	add_verdict(t, 1, HELD_DELETES, 7, HELD_APPROVED);
	fixture_commit(t);
	keepsake_close(f);
	/* A crash behind the commit: the file is the older one. */
	write_text(path, bytes_of(before));
	keepsake_open(f, &news);
	assert_int_equal(news.n, 0);
	there = show_all(f);
	assert_non_null(strstr(there, "deletes 7 approved"));
	now = read_text(path);
	assert_non_null(strstr(now, "\"since\":14"));
	assert_null(strstr(before, "\"since\":14"));
}

/* ---- writing ---- */

static void
only_what_changed(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t;
	struct news news;
	struct err err;
	ino_t before;

	keepsake_open(f, &news);
	fill_all(f);
	before = file_of(f);
	t = fixture_begin(f, STORE_WRITE);
	(void)fixture_put(t, 1, 20);
	add_verdict(t, 1, HELD_DELETES, 3, HELD_WAITS);
	add_verdict(t, 1, HELD_DELETES, 1, HELD_APPROVED);
	assert_int_equal(store_put_summary(t, 1, "{}", &err), 0);
	assert_int_equal(fixture_link(t, "other"), 2);
	fixture_commit(t);
	assert_int_equal(file_of(f), before);
	t = fixture_begin(f, STORE_WRITE);
	add_verdict(t, 1, HELD_DELETES, 9, HELD_REJECTED);
	store_abort(t);
	assert_int_equal(file_of(f), before);
	keepsake_close(f);
	keepsake_open(f, &news);
	assert_int_equal(file_of(f), before);
}

static char *
text_of_file(const struct fixture *f)
{
	char path[300], *text;

	keepsake_path(f, path, sizeof path);
	text = read_text(path);
	assert_non_null(text);
	return text;
}

static bool
file_has(const struct fixture *f, const char *what)
{
	_cleanup_(free) char *text = text_of_file(f);

	return strstr(text, what) != NULL;
}

static void
at_once(void **state)
{
	struct fixture *f = *state;
	const struct guid g = fixture_guid(5, 1);
	struct store_txn *t;
	struct news news;
	struct err err;

	keepsake_open(f, &news);
	fill_all(f);
	t = fixture_begin(f, STORE_WRITE);
	add_verdict(t, 1, HELD_SWITCHES, 5, HELD_APPROVED);
	fixture_commit(t);
	assert_true(file_has(f, "\"since\":12"));
	t = fixture_begin(f, STORE_WRITE);
	assert_int_equal(store_clear_held(t, 1, HELD_SWITCHES, &g, &err), 0);
	fixture_commit(t);
	assert_false(file_has(f, "\"since\":12"));
	t = fixture_begin(f, STORE_WRITE);
	(void)add_wave(t, 2, WAVE_PLANNED, 123456, 1);
	fixture_commit(t);
	assert_true(file_has(f, "123456"));
	t = fixture_begin(f, STORE_WRITE);
	assert_int_equal(wave_delete(t, 5, &err), 0);
	fixture_commit(t);
	assert_false(file_has(f, "123456"));
}

static int
drop_event(struct store_event *e, void *arg, struct err *err)
{
	struct store_event *first = arg;

	(void)err;
	first->link = e->link;
	first->source = e->source;
	first->number = e->number;
	return 1;
}

/* Deliveries may come a little later, but not later than the end. */
static void
in_the_end(void **state)
{
	struct fixture *f = *state;
	struct store_event e = {0};
	struct store_txn *t;
	struct news news;
	struct err err;

	keepsake_open(f, &news);
	fill_all(f);
	for (int i = 0; i < 2; i++) {
		t = fixture_begin(f, STORE_WRITE);
		assert_int_equal(store_each_event(t, 0, drop_event, &e, &err), 0);
		assert_int_equal(store_delete_event(t, &e, &err), 0);
		end_member(t, 3, i ? 2 : 4, true);
		fixture_commit(t);
	}
	keepsake_close(f);
	assert_true(file_has(f, "\"events\":[]"));
	assert_false(file_has(f, "\"number\""));
	assert_true(file_has(f, "\"last_event\":2"));
}

static void
a_crash_before_the_name(void **state)
{
	struct fixture *f = *state;
	struct news news;
	char path[320], new[340];

	keepsake_open(f, &news);
	keepsake_path(f, path, sizeof path);
	(void)snprintf(new, sizeof new, "%s.new", path);
	write_text(new, bytes_of("{\"format\":1,\"last_wave\":99999, and so on, which is longer"));
	fill_all(f);
	assert_int_not_equal(access(new, F_OK), 0);
	assert_false(file_has(f, "99999"));
	lose_map(f);
	/* Nor does it count when it is all there is. */
	assert_int_equal(rename(path, new), 0);
	keepsake_open(f, &news);
	assert_int_equal(news.n, 0);
}

static void
trouble_is_told_once(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t;
	struct news news;
	char new[340];

	keepsake_open(f, &news);
	(void)snprintf(new, sizeof new, "%s/" KEEPSAKE_FILE ".new", f->dir);
	assert_int_equal(mkdir(new, 0700), 0);
	fill_all(f);
	assert_int_equal(news.n, 1);
	assert_int_equal(news.last.kind, KEEPSAKE_UNWRITTEN);
	assert_non_null(strstr(news.why, KEEPSAKE_FILE ".new"));
	/* Not at every commit. */
	t = fixture_begin(f, STORE_WRITE);
	add_verdict(t, 1, HELD_SWITCHES, 5, HELD_APPROVED);
	fixture_commit(t);
	assert_int_equal(news.n, 1);
	assert_int_equal(rmdir(new), 0);
	keepsake_close(f);
	assert_int_equal(news.n, 2);
	assert_int_equal(news.last.kind, KEEPSAKE_WRITTEN);
	assert_true(file_has(f, "\"since\":12"));
}

static void *
decide_much(void *arg)
{
	struct fixture *f = arg;

	for (uint8_t i = 1; i <= 40; i++) {
		struct store_txn *t = fixture_begin(f, STORE_WRITE);

		add_verdict(t, 1 + i % 2, HELD_SWITCHES, i, HELD_APPROVED);
		fixture_commit(t);
	}
	return NULL;
}

static void
threads(void **state)
{
	struct fixture *f = *state;
	_cleanup_(free) char *before = NULL, *after = NULL;
	pthread_t other;
	struct news news;

	keepsake_open(f, &news);
	fill_all(f);
	assert_int_equal(pthread_create(&other, NULL, decide_much, f), 0);
	(void)decide_much(f);
	assert_int_equal(pthread_join(other, NULL), 0);
	before = text_of_file(f);
	/* Written at the start if it were not what the map has. */
	keepsake_close(f);
	keepsake_open(f, &news);
	after = text_of_file(f);
	assert_string_equal(before, after);
	assert_int_equal(news.n, 0);
}

/* ---- what cannot be taken ---- */

/* Replaces the first OLD of the file by NEW; OLD NULL: the whole file. */
struct bad {
	const char *old, *new, *why;
};

static const struct bad bads[] = {
    {NULL, "", "line 1, column 0"},
    {NULL,
	"\x7f"
	"ELF",
	"line 1, column"},
    {NULL, "[]", "it is no object"},
    {NULL, "{}", "\"format\" is no whole number"},
    {NULL, "{\"format\":1,\"last_wave\":0,\"last_event\":0}", "\"links\" is missing"},
    {NULL, "{\"format\":1,\"last_wave\":0,\"last_event\":0,\"links\":{}}", "\"links\" is no list"},
    {NULL, "{\"format\":1,\"last_wave\":0,\"last_event\":0,\"links\":[7]}",
	"is no object: in links[0]"},
    {"\"format\":1", "\"format\":2", "it has format 2, this galsync knows format 1"},
    {"\"format\":1", "\"format\":\"1\"", "\"format\" is no whole number"},
    {"\"format\":1", "\"format\":-1", "\"format\" is no whole number"},
    {"\"format\":1", "\"format\":1,\"more\":1", "\"more\" is not known"},
    {"\"format\":1", "\"format\":1,\"format\":1", "duplicate object key"},
    {"\"last_wave\":4", "\"last_wave\":1",
	"\"id\" is larger than \"last_wave\": in links[0].waves[0]"},
    {"\"last_wave\":4", "\"last_wave\":99999999999999999999", "too big integer"},
    {"\"last_wave\":4", "\"last_wave\":4294967295", "\"last_wave\" is no whole number from 0 to"},
    {"\"last_event\":2", "\"last_event\":1", "\"number\" is larger than \"last_event\""},
    {"\"last_event\":2", "\"last_event\":2.0", "\"last_event\" is no whole number"},
    {"\"acme-globex\"", "\"\"", "\"name\" is no name of a link: in links[0]"},
    {"\"acme-globex\"", "7", "\"name\" is no name of a link: in links[0]"},
    {"\"acme-globex\"", "\"a\\nb\"", "\"name\" is no name of a link: in links[0]"},
    {"\"acme-globex\"", "\"other\"", "\"name\" is that of a link before it: in links[1]"},
    {"\"verdicts\"", "\"verdict\"", "\"verdicts\" is missing: in links[0]"},
    {"\"verdicts\":[", "\"verdicts\":7,\"x\":[", "\"x\" is not known: in links[0]"},
    {"\"spent\":[]", "\"spent\":null", "is no list: in links[0].spent"},
    {"{\"id\":3", "3,{\"id\":3", "is no object: in links[0].waves[0]"},
    {"\"id\":3", "\"id\":0", "\"id\" is no whole number from 1 to 4294967295"},
    {"\"id\":3,", "", "\"id\" is missing: in links[0].waves[0]"},
    {"\"id\":2", "\"id\":3", "it is there already: in links[1].waves[0]"},
    {"\"undo\":false", "\"undo\":0", "\"undo\" is neither true nor false"},
    {"\"state\":\"running\"", "\"state\":\"done\"", "\"state\" is none of: planned running"},
    {"\"state\":\"running\"", "\"state\":1", "\"state\" is none of: planned running"},
    {"\"at\":900", "\"at\":-900", "\"at\" is no whole number from 0 to"},
    {"\"at\":900", "\"at\":\"900\"", "\"at\" is no whole number from 0 to"},
    {"\"waits\":\"a DC\"", "\"waits\":null", "\"waits\" is no text"},
    {"\"waits\":\"a DC\"", "\"waits\":\"\\u0000\"", "\\u0000 is not allowed"},
    {"\"wave\":3", "\"wave\":2", "\"wave\" is none of the link's: in links[0].mailboxes[0]"},
    {"\"wave\":3", "\"wave\":77", "\"wave\" is none of the link's: in links[0].mailboxes[0]"},
    {"\"result\":\"done\"", "\"result\":\"well\"", "\"result\" is none of: open done failed"},
    {"33221102", "33221101", "it is there already: in links[0].mailboxes[1]"},
    {"33221102", "3221102", "\"source\" is no GUID: in links[0].mailboxes[1]"},
    {"\"line\":2", "\"line\":4294967296", "\"line\" is no whole number from 0 to 4294967295"},
    {"\"limit\":\"deletes\"", "\"limit\":\"nothing\"",
	"\"limit\" is none of: deletes redirections switches"},
    {"\"limit\":\"deletes\"", "\"limit\":\"redirections\"",
	"it is there already: in links[0].verdicts[1]"},
    {"\"verdict\":\"approved\"", "\"verdict\":\"perhaps\"",
	"\"verdict\" is none of: held approved rejected"},
    {"\"count\":12", "\"count\":12,\"why\":7", "\"why\" is not known: in links[1].spent[0]"},
    {"\"count\":12", "\"count\":1e3", "\"count\" is no whole number"},
    {"\"number\":2", "\"number\":0", "\"number\" is no whole number from 1"},
    {"\"event\":\"undone\"", "\"event\":\"gone\"", "\"event\" is none of: switched undone moved"},
    {"\"given_up\":true", "\"given_up\":\"true\"", "\"given_up\" is neither true nor false"},
};

static char *
spoilt(const char *text, const struct bad *b)
{
	const char *at = text;

	if (b->old && !(at = strstr(text, b->old)))
		fail_msg("the file has no %s", b->old);
	return str_printf(
	    "%.*s%s%s", (int)(at - text), text, b->new, b->old ? at + strlen(b->old) : "");
}

/* The map is as new as before, and the file is there under another name. */
static void
expect_bad(struct fixture *f, struct bytes text, const char *why)
{
	_cleanup_(free) char *there = NULL, *aside = NULL;
	struct news news;
	char path[300];

	keepsake_path(f, path, sizeof path);
	write_text(path, text);
	keepsake_open(f, &news);
	if (news.n != 1 || news.last.kind != KEEPSAKE_BAD || !strstr(news.why, why))
		fail_msg("'%s' instead of '%s'", news.why, why);
	there = show_all(f);
	assert_string_equal(there, "link 1 -\nlink 2 -\n");
	aside = read_text(news.aside);
	assert_non_null(aside);
	assert_true(bytes_equal(text, bytes_of(aside)));
	assert_true(file_has(f, "\"links\":[\n]"));
	lose_map(f);
	assert_int_equal(unlink(news.aside), 0);
}

static void
bad_files(void **state)
{
	struct fixture *f = *state;
	_cleanup_(free) char *good = NULL;
	struct news news;

	keepsake_open(f, &news);
	fill_all(f);
	good = text_of_file(f);
	lose_map(f);
	for (size_t i = 0; i < ARRAY_SIZE(bads); i++) {
		_cleanup_(free) char *text = spoilt(good, &bads[i]);

		assert_non_null(text);
		expect_bad(f, bytes_of(text), bads[i].why);
	}
	/* Cut anywhere but behind its end. */
	for (size_t len = 0; len + 2 < strlen(good); len += 41)
		expect_bad(f, (struct bytes){good, len}, "line ");
}

static void
no_file(void **state)
{
	struct fixture *f = *state;
	struct news news;
	char path[300];

	keepsake_path(f, path, sizeof path);
	assert_int_equal(mkdir(path, 0700), 0);
	keepsake_open(f, &news);
	assert_int_equal(news.n, 1);
	assert_int_equal(news.last.kind, KEEPSAKE_BAD);
	assert_non_null(strstr(news.why, "no regular file"));
	assert_int_equal(rmdir(news.aside), 0);
	lose_map(f);
	assert_int_equal(truncate(path, (INT64_C(1) << 28) + 1), 0);
	keepsake_open(f, &news);
	assert_int_equal(news.n, 1);
	assert_non_null(strstr(news.why, "larger than"));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup_dir, fixture_teardown)
	const struct CMUnitTest tests[] = {T(a_lost_map), T(every_kind_of_event), T(lost_twice),
	    T(nothing_to_take), T(a_map_that_is_there), T(only_what_changed), T(at_once),
	    T(in_the_end), T(a_crash_before_the_name), T(trouble_is_told_once), T(threads),
	    T(bad_files), T(no_file)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
