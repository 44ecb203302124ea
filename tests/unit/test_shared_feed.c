/* SPDX-License-Identifier: MIT */

/*
 * Each forest is asked for changes once, whatever the number of links and flows, and one of them
 * waits for its notifications.
 */

#include "tests/support/links_fixture.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

/* This program is linked with --wrap=clock_monotonic_us: it turns the clock on. */
static _Atomic int64_t ahead_us;
int64_t __real_clock_monotonic_us(void);
int64_t __wrap_clock_monotonic_us(void);

int64_t
__wrap_clock_monotonic_us(void)
{
	return __real_clock_monotonic_us() + ahead_us;
}

/* ---- how often a forest is asked ---- */

static const size_t numbers[] = {1, 4, LINKS};

static void
idle(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(numbers); k++) {
		begin(numbers[k], false);
		for (int round = 0; round < 3; round++) {
			begin_to_count();
			run_all();
			for (int side = SOURCE; side < SIDES; side++) {
				assert_int_equal(asked((enum side)side), 1);
				assert_int_equal(looked((enum side)side), 0);
			}
		}
		end();
	}
}

/* As in a domain where others are at work all day: there is always something to look for, and none
 * of it concerns a link. Cursors in the map do not advance for that. */
static void
idle_beside_others(void **state)
{
	(void)state;
	begin(LINKS, false);
	for (int round = 0; round < 3; round++) {
		for (int side = SOURCE; side < SIDES; side++)
			fakedir_set_usn(f.l.fd[side], fakedir_usn(f.l.fd[side]) + 10);
		begin_to_count();
		run_all();
		for (int side = SOURCE; side < SIDES; side++) {
			assert_int_equal(asked((enum side)side), 1);
			assert_int_equal(looked((enum side)side), 1);
		}
	}
	end();
}

static void
both_flows(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(numbers); k++) {
		begin(numbers[k], true);
		begin_to_count();
		run_all();
		assert_int_equal(asked(SOURCE), 1);
		assert_int_equal(asked(TARGET), 1);
		end();
	}
}

static void
one_change(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(numbers); k++) {
		size_t last = numbers[k] - 1;

		begin(numbers[k], false);
		set_title(last, "Boss");
		begin_to_count();
		run_all();
		assert_true(has_title(last, "Boss"));
		assert_int_equal(asked(SOURCE), 1);
		assert_int_equal(looked(SOURCE), 1);
		assert_int_equal(asked(TARGET), 1);
		/* Its own write comes back, once for all. */
		begin_to_count();
		run_all();
		assert_int_equal(looked(SOURCE), 0);
		assert_int_equal(looked(TARGET), 1);
		begin_to_count();
		run_all();
		assert_int_equal(asked(SOURCE) + asked(TARGET), 2);
		assert_int_equal(looked(SOURCE) + looked(TARGET), 0);
		end();
	}
}

/* An answer from before a write of ours is too old, for the other flow of the link and for other
 * links. */
static void
own_writes(void **state)
{
	(void)state;
	begin(2, true);
	set_title(0, "Boss");
	begin_to_count();
	run_all();
	assert_int_equal(asked(SOURCE), 1);
	assert_int_equal(asked(TARGET), 2);
	assert_int_equal(looked(TARGET), 1);
	end();
}

/* Who wants to know now does not get what was told before. */
static void
asked_now(void **state)
{
	(void)state;
	begin(4, false);
	run_all();
	begin_to_count();
	set_title(2, "Boss");
	run_one(2, 0);
	assert_true(has_title(2, "Boss"));
	assert_int_equal(asked(SOURCE), 1);
	end();
}

/* ---- at the same time ---- */

static void
all_at_once(void)
{
	int64_t now_us = clock_monotonic_us();

	for (size_t i = 0; i < f.n; i++) {
		f.of[i].told_since_us = now_us;
		assert_int_equal(pthread_create(&f.of[i].thread, NULL, run, &f.of[i]), 0);
	}
	for (size_t i = 0; i < f.n; i++)
		assert_int_equal(pthread_join(f.of[i].thread, NULL), 0);
}

static void
at_once(void **state)
{
	(void)state;
	begin(LINKS, false);
	begin_to_count();
	all_at_once();
	for (size_t i = 0; i < LINKS; i++)
		assert_int_equal(f.of[i].rc, 0);
	assert_int_equal(asked(SOURCE) + asked(TARGET), 2);
	for (int round = 0; round < 5; round++) {
		char title[32];

		(void)snprintf(title, sizeof title, "Title %d", round);
		for (size_t i = 0; i < LINKS; i++)
			set_title(i, title);
		all_at_once();
		for (size_t i = 0; i < LINKS; i++) {
			if (f.of[i].rc < 0)
				fail_msg("link %zu: %s", i, f.of[i].err.text);
			assert_true(has_title(i, title));
		}
	}
	end();
}

/* The one that asks is inside of its question until the test lets it go. */
static struct {
	struct dir_ops asks, waits;
	sem_t inside, go_on, waiting;
} gate;

static const struct dir_ops *below;

static int
fail_late(struct dir *d, const struct dir_since *since, dir_change_fn *fn, void *arg,
    struct buf *ret_cursor, enum dir_feed *ret, struct err *err)
{
	(void)since;
	(void)fn;
	(void)arg;
	(void)ret_cursor;
	(void)ret;
	(void)sem_post(&gate.inside);
	(void)sem_wait(&gate.go_on);
	return err_set(err, ERR_LDAP, ERR_PEER, ERR_LATER, 0, "forest '%s' is slow", d->name);
}

/* The answer is that of the moment when it was asked for. */
static int
answer_late(struct dir *d, const struct dir_since *since, dir_change_fn *fn, void *arg,
    struct buf *ret_cursor, enum dir_feed *ret, struct err *err)
{
	int rc = below->changes(d, since, fn, arg, ret_cursor, ret, err);

	(void)sem_post(&gate.inside);
	(void)sem_wait(&gate.go_on);
	return rc;
}

static int
process_waiting(struct dir *d, struct err *err)
{
	(void)sem_post(&gate.waiting);
	return below->process(d, err);
}

/* Link I runs, and is waiting for the answer that link 0 asks for. */
static void
begin_to_wait(size_t i)
{
	struct one *o = &f.of[i];

	o->dir[SOURCE]->ops = &gate.waits;
	o->told_since_us = clock_monotonic_us();
	while (sem_trywait(&gate.waiting) == 0)
		;
	assert_int_equal(pthread_create(&o->thread, NULL, run, o), 0);
	/* It looks once before it asks, and again and again while it waits. */
	for (int n = 0; n < 3; n++)
		assert_int_equal(sem_wait(&gate.waiting), 0);
}

/* Link 0 is inside of its question, which ends as CHANGES does. */
static void
begin_to_ask(int (*changes)(struct dir *d, const struct dir_since *since, dir_change_fn *fn,
    void *arg, struct buf *ret_cursor, enum dir_feed *ret, struct err *err))
{
	struct dir *slow = f.of[0].dir[SOURCE];

	assert_int_equal(sem_init(&gate.inside, 0, 0) | sem_init(&gate.go_on, 0, 0) |
			     sem_init(&gate.waiting, 0, 0),
	    0);
	below = slow->ops;
	gate.asks = gate.waits = *below;
	gate.asks.changes = changes;
	gate.waits.process = process_waiting;
	slow->ops = &gate.asks;
	f.of[0].told_since_us = 0;
	assert_int_equal(pthread_create(&f.of[0].thread, NULL, run, &f.of[0]), 0);
	assert_int_equal(sem_wait(&gate.inside), 0);
}

static void
end_of_gate(void)
{
	assert_int_equal(
	    sem_destroy(&gate.inside) | sem_destroy(&gate.go_on) | sem_destroy(&gate.waiting), 0);
}

/* Link I comes to an end, before long. */
static void
must_end(size_t i)
{
	struct timespec until;

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
	until.tv_sec += 120;
	assert_int_equal(pthread_timedjoin_np(f.of[i].thread, NULL, &until), 0);
}

/* Who waits for another one can be ended, and asks itself if the other one fails. */
static void
waits(void **state)
{
	struct dir *cancelled;

	(void)state;
	begin(3, false);
	cancelled = f.of[1].dir[SOURCE];
	begin_to_ask(fail_late);

	begin_to_wait(1);
	cancelled->ops->cancel(cancelled);
	must_end(1);
	assert_int_equal(f.of[1].rc, -1);
	assert_int_equal(f.of[1].err.code, ECANCELED);

	set_title(2, "Boss");
	begin_to_count();
	begin_to_wait(2);
	assert_int_equal(asked(SOURCE), 0);
	assert_int_equal(sem_post(&gate.go_on), 0);
	must_end(0);
	must_end(2);
	assert_int_equal(f.of[0].rc, -1);
	assert_int_equal(f.of[2].rc, 0);
	assert_int_equal(asked(SOURCE), 1);
	assert_true(has_title(2, "Boss"));
	end();
	end_of_gate();
}

static void
count(void *arg)
{
	++*(unsigned *)arg;
}

/* Nobody waits for one that does not come to an end. What is heard meanwhile, without the log, the
 * others are woken for, and are not told that there is nothing; then all share again. */
static void
waits_for_too_long(void **state)
{
	unsigned woken[4] = {0};
	struct shared_listener of[4];
	struct shared_feed *feed;

	(void)state;
	begin(4, false);
	feed = shared_feeds_of(f.l.feeds, f.l.link->source);
	for (size_t i = 0; i < 4; i++) {
		of[i] = (struct shared_listener){
		    .dir = f.of[i].dir[SOURCE], .fn = count, .arg = &woken[i]};
		shared_feed_listen(feed, &of[i]);
	}
	begin_to_ask(answer_late);
	set_title(1, "Boss");
	set_title(2, "Chief");
	begin_to_count();
	begin_to_wait(1);
	assert_int_equal(asked(SOURCE), 0);
	ahead_us += (int64_t)61 * 1000000;
	must_end(1);
	assert_int_equal(f.of[1].rc, 0);
	assert_int_equal(asked(SOURCE), 1);
	assert_true(has_title(1, "Boss"));
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(woken[i], i != 1);

	assert_int_equal(sem_post(&gate.go_on), 0);
	must_end(0);
	assert_int_equal(f.of[0].rc, 0);
	f.of[0].dir[SOURCE]->ops = f.of[1].dir[SOURCE]->ops = below;
	run_one(2, 1);
	assert_true(has_title(2, "Chief"));
	for (size_t i = 0; i < 4; i++)
		shared_feed_unlisten(feed, &of[i]);
	for (int round = 0; round < 2; round++)
		run_all();
	begin_to_count();
	run_all();
	assert_int_equal(asked(SOURCE) + asked(TARGET), 2);
	end();
	end_of_gate();
}

/* ---- who waits for notifications ---- */

static void
one_watches(void **state)
{
	unsigned woken[3] = {0};
	struct shared_listener of[3];
	struct shared_feed *feed;

	(void)state;
	begin(3, false);
	feed = shared_feeds_of(f.l.feeds, f.l.link->source);
	for (size_t i = 0; i < 3; i++) {
		of[i] = (struct shared_listener){
		    .dir = f.of[i].dir[SOURCE], .fn = count, .arg = &woken[i]};
		shared_feed_listen(feed, &of[i]);
	}
	assert_true(shared_feed_may_watch(feed, &of[0]));
	assert_false(shared_feed_may_watch(feed, &of[1]));
	/* It is at work, and comes back. */
	shared_feed_leave(feed, &of[0]);
	assert_false(shared_feed_may_watch(feed, &of[1]));
	assert_true(shared_feed_may_watch(feed, &of[0]));
	/* What another one says of itself changes nothing. */
	shared_feed_leave(feed, &of[1]);
	shared_feed_stop_watching(feed, &of[2]);
	assert_int_equal(woken[0] + woken[1] + woken[2], 0);
	assert_false(shared_feed_may_watch(feed, &of[1]));
	/* What it is told the others hear of; what is nothing new wakes nobody. */
	set_title(1, "Boss");
	run_one(0, clock_monotonic_us());
	run_one(0, clock_monotonic_us());
	assert_int_equal(woken[0], 0);
	assert_int_equal(woken[1], 1);
	assert_int_equal(woken[2], 1);
	/* It ends, and so does the next one. */
	shared_feed_stop_watching(feed, &of[0]);
	assert_int_equal(woken[1], 2);
	assert_true(shared_feed_may_watch(feed, &of[1]));
	assert_false(shared_feed_may_watch(feed, &of[0]));
	shared_feed_unlisten(feed, &of[1]);
	assert_int_equal(woken[0], 1);
	assert_int_equal(woken[2], 3);
	assert_true(shared_feed_may_watch(feed, &of[2]));
	shared_feed_unlisten(feed, &of[2]);
	shared_feed_unlisten(feed, &of[0]);
	end();
}

/* Without the others: each for itself. */
static void
no_feed(void **state)
{
	struct shared_listener l = {.fn = count};

	(void)state;
	assert_null(shared_feeds_of(NULL, NULL));
	shared_feed_listen(NULL, &l);
	shared_feed_wrote(NULL);
	assert_true(shared_feed_may_watch(NULL, &l));
	assert_int_equal(shared_feed_age_ms(NULL, NULL), -1);
	shared_feed_leave(NULL, &l);
	shared_feed_stop_watching(NULL, &l);
	shared_feed_unlisten(NULL, &l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(idle),
	    cmocka_unit_test(idle_beside_others),
	    cmocka_unit_test(both_flows),
	    cmocka_unit_test(one_change),
	    cmocka_unit_test(own_writes),
	    cmocka_unit_test(asked_now),
	    cmocka_unit_test(at_once),
	    cmocka_unit_test(waits),
	    cmocka_unit_test(waits_for_too_long),
	    cmocka_unit_test(one_watches),
	    cmocka_unit_test(no_feed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
