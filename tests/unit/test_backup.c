/* SPDX-License-Identifier: MIT */
/* Copies of the map: made while it is written, refused where they would harm, and known as such
 * when they are put back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mapping/backup.h"
#include "tests/support/keepsake_fixture.h"

#define PAST 1000
#define FUTURE INT64_C(99999999999)

static int
setup(void **state)
{
	struct fixture *f;
	struct store_txn *t;

	(void)fixture_setup(state);
	f = *state;
	t = fixture_begin(f, STORE_WRITE);
	(void)fixture_link(t, "acme-globex");
	(void)fixture_put(t, 1, 1);
	fixture_commit(t);
	return 0;
}

static void
name_of(const struct fixture *f, const char *name, char ret[320])
{
	(void)snprintf(ret, 320, "%s/%s", f->dir, name);
}

static void
copy(struct fixture *f, const char *name, bool force)
{
	struct err err = {0};
	char path[320];

	name_of(f, name, path);
	if (backup_make(f->s, path, force, &err) < 0)
		fail_msg("%s", err.text);
}

/* WORDS are in what is said, and nothing has changed. */
static void
refused(struct fixture *f, const char *path, bool force, const char *words)
{
	struct err err = {0};
	char new[400];

	assert_int_equal(backup_make(f->s, path, force, &err), -1);
	if (!strstr(err.text, words))
		fail_msg("'%s' instead of '%s'", err.text, words);
	(void)snprintf(new, sizeof new, "%s.new", path);
	assert_int_not_equal(access(new, F_OK), 0);
}

/* The map is lost, and the copy NAME has its place. */
static void
put_back(struct fixture *f, const char *name, struct news *news)
{
	char path[320];

	name_of(f, name, path);
	lose_map(f);
	assert_int_equal(rename(path, f->path), 0);
	keepsake_open(f, news);
}

static void
is_the_map_of_its_moment(void **state)
{
	struct fixture *f = *state;
	struct store_txn *writing = fixture_begin(f, STORE_WRITE), *t;
	struct store *s = NULL;
	struct stat st;
	struct err err = {0};
	char path[320], place[320];
	bool marked;

	/* A writer is in the middle of something. */
	(void)fixture_put(writing, 1, 2);
	copy(f, "copy", false);
	fixture_commit(writing);
	name_of(f, "copy", path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	t = fixture_begin(f, STORE_READ);
	assert_int_equal(fixture_count(t, 1).records, 2);
	assert_int_equal(backup_is_marked(t, &marked, &err), 0);
	assert_false(marked);
	store_abort(t);
	/* A reader takes it for a map. */
	name_of(f, "place", place);
	assert_int_equal(mkdir(place, 0700), 0);
	(void)snprintf(place, sizeof place, "%s/place/map.mdb", f->dir);
	assert_int_equal(rename(path, place), 0);
	name_of(f, "place", place);
	assert_int_equal(store_open(place, STORE_READ, 0, &s, &err), 0);
	assert_int_equal(store_begin(s, STORE_READ, &t, &err), 0);
	assert_int_equal(fixture_count(t, 1).records, 1);
	assert_int_equal(backup_is_marked(t, &marked, &err), 0);
	assert_true(marked);
	store_abort(t);
	store_close(s);
	(void)snprintf(path, sizeof path, "%s/place/map.mdb", f->dir);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof path, "%s/place/map.mdb-lock", f->dir);
	(void)unlink(path);
	assert_int_equal(rmdir(place), 0);
}

static void
what_is_there_stays(void **state)
{
	struct fixture *f = *state;
	_cleanup_(free) char *text = NULL;
	char path[320], other[320];

	name_of(f, "there", path);
	write_text(path, bytes_of("mine"));
	refused(f, path, false, "it is there already; --force replaces it");
	text = read_text(path);
	assert_string_equal(text, "mine");
	copy(f, "there", true);
	refused(f, path, false, "it is there already");
	/* No copy harms what it is a copy of, however it is called. */
	refused(f, f->path, true, "it is a file of the map itself");
	name_of(f, "writer.lock", path);
	refused(f, path, true, "it is a file of the map itself");
	name_of(f, "symbolic", path);
	assert_int_equal(symlink(f->path, path), 0);
	refused(f, path, true, "it is a file of the map itself");
	name_of(f, "hard", path);
	assert_int_equal(link(f->path, path), 0);
	refused(f, path, true, "it is a file of the map itself");
	refused(f, "/dev/null", true, "it is there and is no regular file");
	refused(f, f->dir, true, "it is there and is no regular file");
	refused(f, "", true, "it is no name of a file");
	name_of(f, "nowhere/", path);
	refused(f, path, true, "it is no name of a file");
	name_of(f, "nowhere/copy", path);
	refused(f, path, true, "No such file or directory");
	/* What another copy left, or is writing, is not ours. */
	name_of(f, "busy", path);
	name_of(f, "busy.new", other);
	write_text(other, bytes_of("x"));
	{
		struct err err = {0};

		assert_int_equal(backup_make(f->s, path, true, &err), -1);
		assert_non_null(strstr(err.text, "busy.new': File exists"));
	}
}

static void
fill(struct fixture *f)
{
	struct store_txn *t = fixture_begin(f, STORE_WRITE);
	char nothing[] = "";
	const struct store_operation o = {fixture_guid(1, 1), OPERATION_SWITCH, 1, nothing};
	const struct bytes cursor = {"x", 1};
	struct err err;

	(void)add_wave(t, 1, WAVE_PLANNED, FUTURE, 1);
	(void)add_wave(t, 1, WAVE_PLANNED, PAST, 1);
	(void)add_wave(t, 1, WAVE_RUNNING, PAST, 2);
	(void)add_wave(t, 1, WAVE_DONE, PAST, 1);
	add_verdict(t, 1, HELD_DELETES, 1, HELD_APPROVED);
	add_verdict(t, 1, HELD_REDIRECTIONS, 2, HELD_REJECTED);
	(void)add_event(t, 1, 3);
	assert_int_equal(store_put_operation(t, 1, &o, &err), 0);
	for (int side = SOURCE; side < SIDES; side++)
		assert_int_equal(store_put_cursor(t, 1, (enum side)side, cursor, &err), 0);
	assert_int_equal(store_put_summary(t, 1, "{}", &err), 0);
	fixture_commit(t);
}

static int
none(const struct store_operation *o, void *arg, struct err *err)
{
	(void)o;
	(void)arg;
	(void)err;
	fail();
	return 0;
}

/* Nothing that was under way goes on, and everything is read. */
static void
expect_no_progress(struct fixture *f)
{
	struct store_txn *t = fixture_begin(f, STORE_READ);
	_cleanup_(free) char *summary = NULL;
	struct bytes cursor;
	struct err err;
	bool marked;

	assert_int_equal(store_get_cursor(t, 1, SOURCE, &cursor, &err), 0);
	assert_null(cursor.data);
	assert_int_equal(store_get_summary(t, 1, &summary, &err), 0);
	assert_null(summary);
	assert_int_equal(store_each_operation(t, 1, none, NULL, &err), 0);
	assert_int_equal(backup_is_marked(t, &marked, &err), 0);
	assert_false(marked);
	assert_int_equal(fixture_count(t, 1).records, 1);
	store_abort(t);
}

static void
put_back_beside_its_file(void **state)
{
	struct fixture *f = *state;
	_cleanup_(free) char *there = NULL;
	const struct guid g = fixture_guid(1, 1);
	struct store_txn *t;
	struct news news;
	struct err err;

	keepsake_open(f, &news);
	fill(f);
	copy(f, "copy", false);
	/* Since then: the running wave was done, the approval carried out, another wave planned. */
	t = fixture_begin(f, STORE_WRITE);
	end_member(t, 3, 1, true);
	end_member(t, 3, 2, true);
	{
		_cleanup_(wave_done) struct wave w = {0};
		bool found;

		assert_int_equal(wave_get(t, 3, &w, &found, &err), 0);
		w.state = WAVE_DONE;
		assert_int_equal(wave_put(t, &w, &err), 0);
	}
	assert_int_equal(store_clear_held(t, 1, HELD_DELETES, &g, &err), 0);
	add_verdict(t, 1, HELD_SWITCHES, 4, HELD_REJECTED);
	(void)add_wave(t, 1, WAVE_PLANNED, FUTURE, 2);
	(void)add_event(t, 1, 4);
	fixture_commit(t);
	put_back(f, "copy", &news);
	assert_int_equal(news.n, 1);
	assert_int_equal(news.last.kind, KEEPSAKE_PUT_BACK);
	assert_int_equal(news.last.counts.waves, 3);
	assert_int_equal(news.last.counts.cancelled, 1);
	assert_int_equal(news.last.counts.verdicts, 2);
	assert_int_equal(news.last.counts.events, 2);
	assert_non_null(strstr(news.file, KEEPSAKE_FILE));
	expect_no_progress(f);
	there = show_all(f);
	assert_non_null(strstr(there, "wave 1 of 1 'Night \"1\"' planned"));
	assert_non_null(strstr(there, "wave 2 of 1 'Night \"1\"' planned"));
	assert_non_null(strstr(there, "wave 3 of 1 'Night \"1\"' cancelled"));
	assert_non_null(strstr(there, "wave 4 of 1 'Night \"1\"' done"));
	assert_non_null(strstr(there, "wave 5 of 1 'Night \"1\"' planned"));
	assert_non_null(
	    strstr(there, "redirections 2 rejected 9\nswitches 4 rejected 11\nevent 1"));
	assert_null(strstr(there, "approved"));
	/* From now on it is the map. */
	keepsake_close(f);
	keepsake_open(f, &news);
	assert_int_equal(news.n, 0);
}

static void
put_back_alone(void **state)
{
	struct fixture *f = *state;
	_cleanup_(free) char *there = NULL;
	struct news news;
	char path[320];

	keepsake_open(f, &news);
	fill(f);
	copy(f, "copy", false);
	keepsake_close(f);
	name_of(f, KEEPSAKE_FILE, path);
	assert_int_equal(unlink(path), 0);
	put_back(f, "copy", &news);
	assert_int_equal(news.n, 1);
	assert_int_equal(news.last.kind, KEEPSAKE_PUT_BACK);
	assert_string_equal(news.file, "");
	assert_int_equal(news.last.counts.cancelled, 2);
	assert_int_equal(news.last.counts.forgotten, 1);
	expect_no_progress(f);
	there = show_all(f);
	assert_non_null(strstr(there, "wave 1 of 1 'Night \"1\"' planned"));
	assert_non_null(strstr(there, "wave 2 of 1 'Night \"1\"' cancelled"));
	assert_non_null(strstr(there, "wave 3 of 1 'Night \"1\"' cancelled"));
	assert_non_null(strstr(there, "redirections 2 rejected 9\nevent 1"));
	assert_null(strstr(there, "approved"));
}

/* Then it is as if there were none. */
static void
put_back_beside_a_bad_file(void **state)
{
	struct fixture *f = *state;
	_cleanup_(free) char *there = NULL;
	struct news news;
	char path[320];

	keepsake_open(f, &news);
	fill(f);
	copy(f, "copy", false);
	keepsake_close(f);
	name_of(f, KEEPSAKE_FILE, path);
	assert_int_equal(truncate(path, 100), 0);
	put_back(f, "copy", &news);
	assert_int_equal(news.n, 2);
	assert_int_equal(news.last.kind, KEEPSAKE_PUT_BACK);
	assert_int_equal(news.last.counts.forgotten, 1);
	expect_no_progress(f);
	there = show_all(f);
	assert_null(strstr(there, "approved"));
	assert_non_null(strstr(there, "redirections 2 rejected 9\nevent 1"));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {T(is_the_map_of_its_moment), T(what_is_there_stays),
	    T(put_back_beside_its_file), T(put_back_alone), T(put_back_beside_a_bad_file)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
