/* SPDX-License-Identifier: MIT */

/*
 * Each link hears of everything although it asks so rarely: also one that failed, one that was
 * paused, one that is new, one whose process died, and one that is connected to another server.
 */

#include "tests/support/links_fixture.h"

/* After a few rounds all share one question a forest again. */
static void
must_share_again(void)
{
	for (int i = 0; i < 3; i++)
		run_all();
	begin_to_count();
	run_all();
	assert_int_equal(asked(SOURCE) + asked(TARGET), 2);
}

static void
failed(void **state)
{
	struct one *o = &f.of[1];

	(void)state;
	begin(4, false);
	for (unsigned at = 1; at <= 2; at++) {
		const char *title = at == 1 ? "Boss" : "Chief";

		set_title(1, title);
		begin_to_count();
		run_one(0, clock_monotonic_us());
		o->tap.stop_at = o->tap.steps + 1;
		o->tap.how = at == 1 ? TAP_STOP_BEFORE : TAP_STOP_AFTER;
		o->told_since_us = 1;
		(void)run(o);
		assert_int_equal(o->rc, -1);
		assert_int_equal(has_title(1, title), at == 2);
		connect_again(1);
		run_one(1, 1);
		assert_true(has_title(1, title));
		assert_int_equal(looked(SOURCE), 1);
		run_all();
	}
	end();
}

static void
paused(void **state)
{
	(void)state;
	begin(4, false);
	for (int i = 0; i < 3; i++) {
		int64_t now_us;

		set_title(3, i == 0 ? "Boss" : i == 1 ? NULL : "Chief");
		set_title(1, i == 1 ? "Boss" : NULL);
		now_us = clock_monotonic_us();
		for (size_t j = 0; j < 3; j++)
			run_one(j, now_us);
	}
	assert_false(has_title(3, "Boss") || has_title(3, "Chief"));
	begin_to_count();
	run_one(3, 1);
	assert_true(has_title(3, "Chief"));
	assert_int_equal(looked(SOURCE), 0);
	end();
}

static void
died(void **state)
{
	(void)state;
	begin(4, false);
	for (int i = 0; i < 4; i++)
		set_title((size_t)i, "Boss");
	/* Two have heard of it, and one of them has dealt with it. */
	run_one(0, clock_monotonic_us());
	f.of[1].tap.stop_at = f.of[1].tap.steps + 1;
	f.of[1].told_since_us = 1;
	(void)run(&f.of[1]);
	assert_int_equal(f.of[1].rc, -1);
	start_again();
	run_all();
	for (size_t i = 0; i < 4; i++)
		assert_true(has_title(i, "Boss"));
	must_share_again();
	end();
}

/* A restart after an idle round costs a question for each forest as well: all cursors are alike. */
static void
started_again(void **state)
{
	(void)state;
	begin(LINKS, false);
	for (int i = 0; i < 2; i++) {
		set_title(0, i ? "Boss" : "Chief");
		run_all();
		run_all();
	}
	set_title(5, "Boss");
	start_again();
	begin_to_count();
	run_all();
	assert_true(has_title(5, "Boss"));
	assert_int_equal(looked(SOURCE), 1);
	end();
}

static void
added_later(void **state)
{
	(void)state;
	begin(4, false);
	f.n = 3; /* as if there were three, and then a fourth one without any memory of the map */
	{
		_cleanup_(store_abort) struct store_txn *t = NULL;
		uint32_t id;

		assert_int_equal(store_begin(f.l.store, STORE_WRITE, &t, &f.l.err), 0);
		assert_int_equal(store_link_id(t, "link3", &id, &f.l.err), 0);
		assert_int_equal(store_clear_cursors(t, id, &f.l.err), 0);
		assert_int_equal(store_commit(TAKE(t), &f.l.err), 0);
	}
	set_title(3, "Boss");
	run_all();
	assert_false(has_title(3, "Boss"));
	run_one(3, 1);
	assert_false(f.of[3].res[SOURCE].delta);
	assert_true(has_title(3, "Boss"));
	f.n = 4;
	run_all();
	begin_to_count();
	run_all();
	assert_int_equal(asked(SOURCE) + asked(TARGET), 2);
	end();
}

/* What one server told is not read on another one: that may not have received it yet. */
static void
other_server(void **state)
{
	(void)state;
	begin(4, false);
	set_title(3, "Boss");
	assert_int_equal(fakedir_set_server(f.l.fd[SOURCE], "dc2.acme.example"), 0);
	connect_again(3);
	begin_to_count();
	run_all();
	assert_true(has_title(3, "Boss"));
	assert_int_equal(asked(SOURCE), 2);
	assert_int_equal(looked(SOURCE), 2);
	run_all();
	/* All of them are there now, and share again. */
	for (size_t i = 0; i < 3; i++)
		connect_again(i);
	set_title(0, "Boss");
	run_all();
	assert_true(has_title(0, "Boss"));
	run_all();
	begin_to_count();
	run_all();
	assert_int_equal(asked(SOURCE) + asked(TARGET), 2);
	end();
}

static void
change_server(const struct run_event *e, void *arg)
{
	struct dir *d = f.of[0].run.dir[SOURCE];

	if (e->kind != RUN_FEED || e->side != SOURCE)
		return;
	assert_int_equal(fakedir_set_server(f.l.fd[SOURCE], "dc2.acme.example"), 0);
	d->ops->close(d);
	++*(unsigned *)arg;
}

static uint64_t
cursor_hash(const char *link, enum side side)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct bytes cursor;
	uint64_t hash;
	uint32_t id;

	assert_int_equal(store_begin(f.l.store, STORE_READ, &t, &f.l.err), 0);
	assert_int_equal(store_link_id(t, link, &id, &f.l.err), 0);
	assert_int_equal(store_get_cursor(t, id, side, &cursor, &f.l.err), 0);
	hash = bytes_hash(cursor, 0);
	free((void *)(uintptr_t)cursor.data);
	return hash;
}

/* A server tells of a change and is gone before it is read: the one that is read may not have
 * received it yet, so it is looked at again. */
static void
told_here_read_there(void **state)
{
	unsigned times = 0;
	struct run_observer moving = {.event = change_server, .arg = &times};
	uint64_t cursor;

	(void)state;
	begin(2, false);
	cursor = cursor_hash("acme-globex", SOURCE);
	set_title(0, "Boss");
	f.of[0].run.observer = &moving;
	run_one(0, 0);
	assert_int_equal(times, 1);
	assert_true(cursor_hash("acme-globex", SOURCE) == cursor);
	f.of[0].run.observer = &f.nobody;
	begin_to_count();
	run_one(0, 0);
	assert_int_equal(looked(SOURCE), 1);
	assert_true(cursor_hash("acme-globex", SOURCE) != cursor);
	assert_true(has_title(0, "Boss"));
	end();
}

/* A database that was set back ends the log too, and every link reads everything. */
static void
set_back(void **state)
{
	(void)state;
	begin(4, false);
	set_title(0, "Boss");
	run_all();
	set_title(2, "Chief");
	fakedir_set_usn(f.l.fd[SOURCE], 1);
	run_all();
	for (size_t i = 0; i < 4; i++)
		assert_false(f.of[i].res[SOURCE].delta);
	assert_true(has_title(2, "Chief"));
	must_share_again();
	end();
}

/* A flow with a cursor that nobody knows has changes for itself: the others have to ask, they are
 * not told that there is nothing. */
static void
told_alone(void **state)
{
	struct bytes old[SIDES];
	uint32_t id;

	(void)state;
	begin(2, false);
	{
		_cleanup_(store_abort) struct store_txn *t = NULL;

		assert_int_equal(store_begin(f.l.store, STORE_READ, &t, &f.l.err), 0);
		assert_int_equal(store_link_id(t, "link1", &id, &f.l.err), 0);
		for (int side = SOURCE; side < SIDES; side++)
			assert_int_equal(
			    store_get_cursor(t, id, (enum side)side, &old[side], &f.l.err), 0);
	}
	set_title(0, "Boss");
	start_again();
	run_one(0, clock_monotonic_us());
	set_title(0, "Chief");
	set_title(1, "Chief");
	/* The first has advanced beyond, and the log with it. */
	run_one(0, clock_monotonic_us());
	assert_true(has_title(0, "Chief"));
	{
		_cleanup_(store_abort) struct store_txn *t = NULL;

		start_again();
		run_one(0, clock_monotonic_us());
		assert_int_equal(store_begin(f.l.store, STORE_WRITE, &t, &f.l.err), 0);
		for (int side = SOURCE; side < SIDES; side++)
			assert_int_equal(
			    store_put_cursor(t, id, (enum side)side, old[side], &f.l.err), 0);
		assert_int_equal(store_commit(TAKE(t), &f.l.err), 0);
	}
	set_title(0, "Boss");
	run_one(1, 1);
	assert_true(has_title(1, "Chief"));
	run_one(0, 1);
	assert_true(has_title(0, "Boss"));
	for (int side = SOURCE; side < SIDES; side++)
		free((void *)(uintptr_t)old[side].data);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(failed),
	    cmocka_unit_test(paused),
	    cmocka_unit_test(died),
	    cmocka_unit_test(started_again),
	    cmocka_unit_test(added_later),
	    cmocka_unit_test(other_server),
	    cmocka_unit_test(told_here_read_there),
	    cmocka_unit_test(set_back),
	    cmocka_unit_test(told_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
