/* SPDX-License-Identifier: MIT */

/*
 * Delta cycles step by step: what is held, lost, refused or switched; how many requests they make,
 * and that memory does not grow. With GALSYNC_CRASH_ALL=1 over more cycles.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <malloc.h>

#include "dsa/base/clock.h"
#include "dsa/jobs/turns.h"
#include "tests/support/scenario.h"

#define HIDES "msExchHideFromAddressLists"
#define KEPT "create = \"mailbox\"; on_leave = \"delete\";"

static const struct scenario ann_alone = {.name = "ann", .source = {MAILBOX("Ann", "ann", "")}};

static void
start(struct lab *l, const struct scenario *sc)
{
	lab_open(l, sc);
	lab_run(l);
	l->delta = true;
}

static void
end(struct lab *l)
{
	lab_run_idle(l);
	l->delta = false;
	lab_run_idle(l);
	lab_close(l);
}

/* It takes its former counterpart over. */
static void
made_again(void **state)
{
	static const struct scenario sc = {
	    .name = "made again", .scope = KEPT, .source = {MAILBOX("Ann", "ann", "")}};
	struct lab l;

	(void)state;
	start(&l, &sc);
	lab_delete(&l, SOURCE, "CN=Ann");
	lab_add(&l, SOURCE, MAILBOX("Ann", "ann", "title: Chief\n"));
	lab_run(&l);
	assert_int_equal(l.res.left[LEAVE_DELETE], 0);
	assert_int_equal(l.res.matched, 1);
	assert_int_equal(l.res.conflicts, 0);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Chief"));
	end(&l);
}

static void
big_group(void **state)
{
	static const struct scenario sc = {.name = "big group"};
	_cleanup_(buf_done) struct buf b = {0};
	struct lab l;

	(void)state;
	start(&l, &sc);
	for (int i = 0; i < 150; i++)
		buf_printf(&b,
		    "dn: CN=m%d" ACME "\nobjectClass: contact\nmailNickname: m%d\nmail: "
		    "m%d@acme.example\nproxyAddresses: SMTP:m%d@acme.example\ntargetAddress: "
		    "SMTP:m%d@else.example\nlegacyExchangeDN: " ACME_LEGACY "m%d\n\n",
		    i, i, i, i, i, i);
	buf_add_str(&b, "dn: CN=Big" ACME "\nobjectClass: group\nsAMAccountName: big\n"
			"groupType: 8\n" RECIPIENT("big"));
	for (int i = 0; i < 150; i++)
		buf_printf(&b, "member: CN=m%d" ACME "\n", i);
	buf_add_char(&b, '\0');
	lab_add(&l, SOURCE, (const char *)b.data);
	lab_run(&l);
	assert_int_equal(lab_count(&l, TARGET, "CN=Big", "member"), 150);
	lab_delete_value(&l, SOURCE, "CN=Big", "member", "CN=m7" ACME);
	lab_delete(&l, SOURCE, "CN=m8");
	lab_run(&l);
	assert_int_equal(lab_count(&l, TARGET, "CN=Big", "member"), 148);
	end(&l);
}

static void
limit_holds(void **state)
{
	static const struct scenario sc = {.name = "limit",
	    .scope = KEPT,
	    .link = "limits = { deletes = 1; };",
	    .source = {CONTACT("A", "a", ""), CONTACT("B", "b", ""), CONTACT("C", "c", "")}};
	struct lab l;

	(void)state;
	start(&l, &sc);
	lab_set(&l, SOURCE, "CN=A", HIDES, "TRUE");
	lab_delete(&l, SOURCE, "CN=B");
	lab_set(&l, SOURCE, "CN=C", "title", "Boss");
	lab_run(&l);
	assert_true(l.res.held);
	assert_true(lab_has(&l, TARGET, "CN=C", "title", "Boss"));
	/* When its own work has come back nothing is heard any more, but that it is held is known.
	 */
	lab_run_idle(&l);
	lab_run_idle(&l);
	assert_true(l.res.held);
	assert_int_equal(l.res.read[SOURCE], 0);
	/* B is no part of the delta, and allowed now. */
	lab_set(&l, SOURCE, "CN=A", HIDES, NULL);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_true(l.needs_full);
	l.delta = false;
	lab_run(&l);
	l.delta = true;
	assert_false(l.res.held);
	assert_int_equal(l.res.left[LEAVE_DELETE], 1);
	assert_true(lab_exists(&l, TARGET, "CN=A") && !lab_exists(&l, TARGET, "CN=B"));
	end(&l);
}

static void
must_be_full(struct lab *l)
{
	uint64_t usn[SIDES] = {fakedir_usn(l->fd[SOURCE]), fakedir_usn(l->fd[TARGET])};

	assert_int_equal(lab_cycle(l, NULL), 0);
	assert_true(l->needs_full);
	assert_int_equal(fakedir_usn(l->fd[SOURCE]), usn[SOURCE]);
	assert_int_equal(fakedir_usn(l->fd[TARGET]), usn[TARGET]);
}

/* A delta says that it cannot; a full cycle does it, and then deltas go on. */
static void
full_then_delta(struct lab *l)
{
	must_be_full(l);
	must_be_full(l);
	l->delta = false;
	lab_run(l);
	assert_true(lab_has(l, TARGET, "CN=Ann", "title", "Boss"));
	l->delta = true;
	lab_run_idle(l);
	lab_set(l, SOURCE, "CN=Ann", "title", "Chief");
	lab_run(l);
	assert_true(lab_has(l, TARGET, "CN=Ann", "title", "Chief"));
	end(l);
}

static void
no_cycle_yet(void **state)
{
	struct lab l;

	(void)state;
	lab_open(&l, &ann_alone);
	lab_set(&l, SOURCE, "CN=Ann", "title", "Boss");
	l.delta = true;
	full_then_delta(&l);
}

static void
cursor_is_lost(void **state)
{
	for (int side = SOURCE; side < SIDES; side++) {
		struct lab l;

		(void)state;
		start(&l, &ann_alone);
		lab_set(&l, SOURCE, "CN=Ann", "title", "Boss");
		fakedir_set_usn(l.fd[side], 1);
		full_then_delta(&l);
	}
}

/* Objects of the source from number FROM on, in scope or not. */
static void
add_many(struct lab *l, int from, int n, bool mail)
{
	_cleanup_(buf_done) struct buf b = {0};

	for (int i = from; i < from + n; i++) {
		buf_printf(&b, "dn: CN=o%d" ACME "\nobjectClass: contact\n", i);
		if (mail)
			buf_printf(&b,
			    "mailNickname: o%d\nmail: o%d@acme.example\nproxyAddresses: "
			    "SMTP:o%d@acme.example\ntargetAddress: SMTP:o%d@else.example\n"
			    "legacyExchangeDN: " ACME_LEGACY "o%d\n",
			    i, i, i, i, i);
		buf_add_char(&b, '\n');
	}
	buf_add_char(&b, '\0');
	assert_false(b.failed);
	lab_add(l, SOURCE, (const char *)b.data);
}

static void
too_many(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &ann_alone);
	lab_set(&l, SOURCE, "CN=Ann", "title", "Boss");
	add_many(&l, 0, 2000, false);
	full_then_delta(&l);
}

/* ---- what failed ---- */

static int
count_retry(const struct store_retry *r, void *arg, struct err *err)
{
	(void)err;
	(void)r;
	++*(size_t *)arg;
	return 0;
}

static size_t
retries(struct lab *l)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	struct err err;
	size_t n = 0;

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &err), 0);
	assert_int_equal(store_each_retry(t, 1, 0, count_retry, &n, &err), 0);
	return n;
}

/* As if the last attempt was two hours ago. */
static void
time_passes(struct lab *l, const char *dn)
{
	const struct entry *e = fakedir_find(l->fd[SOURCE], lab_dn(SOURCE, dn));
	struct store_txn *t = NULL;
	struct err err;

	assert_non_null(e);
	assert_int_equal(store_begin(l->store, STORE_WRITE, &t, &err), 0);
	assert_int_equal(
	    store_put_retry(t, 1, &e->guid, e->dn, "refused", clock_realtime_s() - 7200, &err), 0);
	assert_int_equal(store_commit(t, &err), 0);
}

static void
fail_once(struct lab *l)
{
	start(l, &ann_alone);
	lab_set(l, SOURCE, "CN=Ann", "title", "Boss");
	assert_int_equal(fakedir_refuse(l->fd[TARGET], lab_dn(TARGET, "CN=Ann"), 65), 0);
	assert_int_equal(lab_cycle(l, NULL), 0);
	assert_int_equal(l->res.failed, 1);
	assert_int_equal(retries(l), 1);
}

static void
failed_and_retried(void **state)
{
	struct lab l;

	(void)state;
	fail_once(&l);
	/* It is not due, and nothing else is told of it. */
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(l.res.failed, 0);
	time_passes(&l, "CN=Ann");
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(l.res.failed, 1);
	assert_int_equal(fakedir_refuse(l.fd[TARGET], NULL, 0), 0);
	time_passes(&l, "CN=Ann");
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Boss"));
	assert_int_equal(retries(&l), 0);
	end(&l);
}

/* A server that leaves an object out of its answer tells of the change only once: the delta asks
 * again. */
static void
missed_and_made_up_for(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &ann_alone);
	lab_set(&l, SOURCE, "CN=Ann", "title", "Boss");
	l.cut = "CN=Ann";
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_non_null(strstr(lab_notes(&l), "missing from the answer of the server: left alone"));
	assert_int_equal(lab_count(&l, TARGET, "CN=Ann", "title"), 0);
	assert_int_equal(retries(&l), 1);
	l.cut = NULL;
	time_passes(&l, "CN=Ann");
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Boss"));
	assert_int_equal(retries(&l), 0);
	end(&l);
}

/* What could not be written was taken back. */
static void
failed_and_taken_back(void **state)
{
	struct lab l;

	(void)state;
	fail_once(&l);
	assert_int_equal(fakedir_refuse(l.fd[TARGET], NULL, 0), 0);
	lab_set(&l, SOURCE, "CN=Ann", "title", NULL);
	lab_run(&l);
	assert_int_equal(retries(&l), 0);
	end(&l);
}

static void
failed_and_left(void **state)
{
	struct lab l;

	(void)state;
	fail_once(&l);
	assert_int_equal(fakedir_refuse(l.fd[TARGET], NULL, 0), 0);
	time_passes(&l, "CN=Ann");
	lab_delete(&l, SOURCE, "CN=Ann");
	lab_run(&l);
	assert_int_equal(retries(&l), 0);
	end(&l);
}

/* ---- who is switched ---- */

static void
take_turn(const struct run_result *r, void *arg)
{
	(void)arg;
	if (!r->ok)
		fail_msg("%s: %s", r->dn, r->text);
}

static void
turn_ann(struct lab *l, enum turn turn)
{
	struct dir *dir[SIDES] = {fakedir_connect(l->fd[SOURCE]), fakedir_connect(l->fd[TARGET])};
	const struct entry *e = fakedir_find(l->fd[SOURCE], lab_dn(SOURCE, "CN=Ann"));
	const struct run_observer o = {.result = take_turn};
	struct run run = lab_run_of(l, dir[SOURCE], dir[TARGET]);
	struct turn_order order = {.turn = turn, .force = true, .n = 1};
	struct err err;

	assert_non_null(e);
	order.sources = &e->guid;
	run.observer = &o;
	if (turns_run(&run, &order, &err) < 0)
		fail_msg("%s", err.text);
	dir_free(dir[SOURCE]);
	dir_free(dir[TARGET]);
}

static void
switched(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &ann_alone);
	turn_ann(&l, TURN_SWITCH);
	lab_run_silent(&l);
	assert_true(lab_count(&l, SOURCE, "CN=Ann", "targetAddress") == 1);
	assert_int_equal(lab_count(&l, TARGET, "CN=Ann", "targetAddress"), 0);
	/* The redirection itself is put right. */
	lab_set(&l, SOURCE, "CN=Ann", "targetAddress", NULL);
	lab_run(&l);
	assert_int_equal(lab_count(&l, SOURCE, "CN=Ann", "targetAddress"), 1);
	turn_ann(&l, TURN_UNDO);
	assert_int_equal(lab_count(&l, TARGET, "CN=Ann", "targetAddress"), 1);
	lab_run_silent(&l);
	end(&l);
}

/* ---- what it costs ---- */

/* In the place of the look at all mail before each write. */
static void
no_look(void *arg, unsigned number, const struct change *c)
{
	(void)arg;
	(void)number;
	(void)c;
}

static unsigned
steps(struct lab *l)
{
	struct tap tap = {.count_reads = true, .hook = no_look};
	unsigned n;

	assert_int_equal(lab_cycle(l, &tap), 0);
	assert_false(l->needs_full);
	n = atomic_load(&tap.steps);
	tap_done(&tap);
	return n;
}

static void
requests(void **state)
{
	unsigned idle[2], one[2], back[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct lab l;

		lab_open(&l, &ann_alone);
		add_many(&l, 0, i ? 200 : 20, true);
		add_many(&l, 1000, i ? 9800 : 980, false);
		(void)steps(&l);
		assert_int_equal(l.res.created[SHAPE_CONTACT], i ? 200 : 20);
		l.delta = true;
		/* It hears of what the full cycle wrote. */
		(void)steps(&l);
		idle[i] = steps(&l);
		lab_set(&l, SOURCE, "CN=Ann", "title", "Boss");
		one[i] = steps(&l);
		assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Boss"));
		back[i] = steps(&l);
		assert_int_equal(steps(&l), idle[i]);
		lab_close(&l);
	}
	/* The feeds of both sides. */
	assert_int_equal(idle[0], 2);
	assert_int_equal(idle[1], idle[0]);
	assert_int_equal(one[1], one[0]);
	assert_int_equal(back[1], back[0]);
	assert_in_range(one[0], idle[0] + 3, idle[0] + 8);
}

#ifdef __SANITIZE_ADDRESS__
/* sanitizer/allocator_interface.h: mallinfo2() knows nothing of this allocator. */
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

static size_t
used(void)
{
#ifdef __SANITIZE_ADDRESS__
	return __sanitizer_get_current_allocated_bytes();
#else
	return mallinfo2().uordblks;
#endif
}

/* As a daemon that runs for weeks: ten thousand cycles, with and without work. */
static void
memory(void **state)
{
	/* A few octets that each of them keeps are found either way. */
	const int times = getenv("GALSYNC_CRASH_ALL") ? 5 : 1;
	size_t before, idle;
	struct lab l;

	(void)state;
	start(&l, &ann_alone);
	for (int i = 0; i < 20; i++) {
		lab_set(&l, SOURCE, "CN=Ann", "title", i % 2 ? "Boss" : "Chief");
		(void)steps(&l);
		(void)steps(&l);
	}
	/* What the feeds keep has a bound of its own (test_feed_log.c). */
	lab_begin_again(&l);
	(void)steps(&l);
	before = used();
	for (int i = 0; i < 1800 * times; i++)
		(void)steps(&l);
	idle = used();
	for (int i = 0; i < 400 * times; i++) {
		lab_set(&l, SOURCE, "CN=Ann", "title", i % 2 ? "Boss" : "Chief");
		(void)steps(&l);
	}
	(void)steps(&l);
	lab_begin_again(&l);
	(void)steps(&l);
	/* The list of free pages of the map moves a little. */
	assert_in_range(idle, 0, before + 4096);
	assert_in_range(used(), 0, before + 16384);
	end(&l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(made_again),
	    cmocka_unit_test(big_group), cmocka_unit_test(limit_holds),
	    cmocka_unit_test(no_cycle_yet), cmocka_unit_test(cursor_is_lost),
	    cmocka_unit_test(too_many), cmocka_unit_test(failed_and_retried),
	    cmocka_unit_test(failed_and_taken_back), cmocka_unit_test(missed_and_made_up_for),
	    cmocka_unit_test(failed_and_left), cmocka_unit_test(switched),
	    cmocka_unit_test(requests), cmocka_unit_test(memory)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
