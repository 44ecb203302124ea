/* SPDX-License-Identifier: MIT */

/* How the events of the map come to hook programs, which are slow, fail, hang or are not there. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/daemon/hook.h"
#include "dsa/daemon/hook_rule.h"
#include "mapping/store_db.h"
#include "tests/support/hook_fixture.h"
#include "tests/support/store_fixture.h"

static const struct hook_limits at_once = {
    .first_pause_s = 0, .last_pause_s = 0, .give_up_s = 1000, .keep_s = 1000, .grace_ms = 50};
static const struct hook_limits gives_up = {
    .first_pause_s = 0, .last_pause_s = 0, .give_up_s = 0, .keep_s = 1000, .grace_ms = 50};

struct queue {
	void *fixture;
	struct fixture *f;
	struct hook *hook;
	size_t files;
};

static void
queue_open(struct queue *q)
{
	struct store_txn *t;

	*q = (struct queue){.files = open_files()};
	(void)fixture_setup(&q->fixture);
	q->f = q->fixture;
	t = fixture_begin(q->f, STORE_WRITE);
	assert_int_equal(fixture_link(t, "acme-globex"), 1);
	fixture_commit(t);
}

static void
configure(struct queue *q, const char *path, int timeout_s)
{
	char name[] = "acme-globex";
	struct conf_link link = {
	    .name = name, .hook = (char *)(uintptr_t)path, .hook_timeout_s = timeout_s};
	struct conf conf = {.links = &link, .n_links = 1};
	struct err err;

	assert_int_equal(hook_configure(q->hook, &conf, &err), 0);
}

static void
queue_start(struct queue *q, const struct hook_limits *limits, const char *path, int timeout_s)
{
	struct err err;

	assert_int_equal(hook_start(q->f->s, limits, &q->hook, &err), 0);
	configure(q, path, timeout_s);
}

static void
queue_stop(struct queue *q)
{
	hook_stop(TAKE(q->hook));
}

static void
queue_close(struct queue *q)
{
	queue_stop(q);
	(void)fixture_teardown(&q->fixture);
	assert_int_equal(open_files(), q->files);
}

static void
add(struct queue *q, uint8_t who, enum event_kind kind)
{
	char body[64];
	struct store_event e = {.link = 1, .source = fixture_guid(who, 1), .kind = kind, .at = 1};
	struct store_txn *t = fixture_begin(q->f, STORE_WRITE);
	struct err err;

	(void)snprintf(
	    body, sizeof body, "{\"who\":%u,\"event\":\"%s\"}", who, event_kind_name(kind));
	e.body = body;
	assert_int_equal(store_add_event(t, &e, &err), 0);
	fixture_commit(t);
	if (q->hook)
		hook_wake(q->hook);
}

struct left {
	unsigned n, given_up, attempts;
	char error[256];
};

static int
count(struct store_event *e, void *arg, struct err *err)
{
	struct left *l = arg;

	(void)err;
	l->n++;
	l->given_up += e->given_up;
	l->attempts += e->attempts;
	if (*e->error)
		(void)snprintf(l->error, sizeof l->error, "%s", e->error);
	return 0;
}

static struct left
left(struct queue *q)
{
	struct store_txn *t = fixture_begin(q->f, STORE_READ);
	struct left l = {0};
	struct err err;

	assert_int_equal(store_each_event(t, 0, count, &l, &err), 0);
	store_abort(t);
	return l;
}

static void
wait_for_left(struct queue *q, unsigned n, unsigned given_up)
{
	int64_t until = clock_monotonic_ms() + DEADLINE_MS;

	for (;;) {
		struct left l = left(q);

		if (l.n == n && l.given_up == given_up)
			return;
		if (clock_monotonic_ms() > until)
			fail_msg("%u events are left, %u given up: %s", l.n, l.given_up, l.error);
		nap();
	}
}

/* Those that were there before the start, and those that come later. */
static void
delivers(void **state)
{
	struct queue q;

	(void)state;
	queue_open(&q);
	add(&q, 1, EVENT_SWITCHED);
	queue_start(&q, &at_once, script("cat >>$d/out"), 60);
	add(&q, 2, EVENT_UNDONE);
	wait_for_left(&q, 0, 0);
	assert_int_equal(lines_of("out"), 2);
	assert_non_null(strstr(slurp("out"),
	    "{\"who\":1,\"event\":\"switched\",\"id\":\"33221101-5544-7766-8801-000000000000-1-1\","
	    "\"attempt\":1}\n"));
	queue_close(&q);
}

/* "undone" waits until "switched" has come through, however often that fails. */
static void
keeps_the_order(void **state)
{
	struct queue q;

	(void)state;
	queue_open(&q);
	add(&q, 1, EVENT_SWITCHED);
	add(&q, 1, EVENT_UNDONE);
	add(&q, 1, EVENT_SWITCHED);
	add(&q, 2, EVENT_SWITCHED);
	queue_start(&q, &at_once,
	    script("read line; case $line in *'\"attempt\":1}'|*'\"attempt\":2}') exit 1;; esac\n"
		   "echo \"$line\" | sed 's/,\"id\":[^,]*//' >>$d/out"),
	    60);
	wait_for_left(&q, 0, 0);
	queue_stop(&q);
	{
		const char *text = slurp("out"), *a, *b, *c;

		a = strstr(text, "{\"who\":1,\"event\":\"switched\",\"attempt\":3}");
		b = strstr(text, "{\"who\":1,\"event\":\"undone\",\"attempt\":3}");
		assert_non_null(a);
		assert_non_null(b);
		c = strstr(b, "{\"who\":1,\"event\":\"switched\",\"attempt\":3}");
		assert_true(a < b);
		assert_non_null(c);
		assert_non_null(strstr(text, "{\"who\":2,\"event\":\"switched\",\"attempt\":3}"));
	}
	queue_close(&q);
}

static void
few_at_once(void **state)
{
	struct queue q;
	const char *text;
	int most = 0;

	(void)state;
	queue_open(&q);
	for (uint8_t i = 1; i <= 12; i++)
		add(&q, i, EVENT_SWITCHED);
	queue_start(&q, &at_once,
	    script("echo $$ >$d/running.$$; ls $d | grep -c '^running' >>$d/counts\n"
		   "echo >>$d/began; while [ ! -e $d/go ]; do sleep 0.01; done\n"
		   "rm $d/running.$$"),
	    60);
	wait_for_lines("began", HOOKS_AT_ONCE);
	put("go", "", 0600);
	wait_for_left(&q, 0, 0);
	text = slurp("counts");
	for (const char *p = text; *p; p = strchr(p, '\n') + 1)
		if (atoi(p) > most)
			most = atoi(p);
	assert_int_equal(most, HOOKS_AT_ONCE);
	queue_close(&q);
}

/* What is given up stays to be seen, with the reason, and what comes after it goes on. */
static void
gives_up_at_last(void **state)
{
	struct queue q;

	(void)state;
	queue_open(&q);
	add(&q, 1, EVENT_SWITCHED);
	add(&q, 1, EVENT_UNDONE);
	queue_start(&q, &gives_up,
	    script("[ $1 = undone ] || { printf 'no server\\033\\377\\n'; exit 7; }"), 60);
	wait_for_left(&q, 1, 1);
	assert_string_equal(left(&q).error, "exit status 7: no server\\x1B\\xFF");
	assert_int_equal(left(&q).attempts, 1);
	queue_close(&q);
}

static void
hook_that_hangs(void **state)
{
	struct queue q;

	(void)state;
	queue_open(&q);
	add(&q, 1, EVENT_SWITCHED);
	add(&q, 2, EVENT_SWITCHED);
	queue_start(&q, &gives_up,
	    script(
		"read l; case $l in *:1,*) trap '' TERM; sleep 1000 & echo $! >$d/pid; wait; sleep "
		"1000;; esac; "
		"echo $l >>$d/out"),
	    1);
	wait_for_left(&q, 1, 1);
	assert_int_equal(lines_of("out"), 1);
	assert_string_equal(left(&q).error, "it did not end within 1 s");
	assert_gone("pid");
	queue_close(&q);
}

static void
cannot_be_started(void **state)
{
	struct queue q;

	(void)state;
	queue_open(&q);
	add(&q, 1, EVENT_SWITCHED);
	queue_start(&q, &gives_up, path_of("nothing"), 60);
	wait_for_left(&q, 1, 1);
	assert_non_null(strstr(left(&q).error, "No such file or directory"));
	queue_close(&q);
}

/* The daemon ends while a hook runs: the hook is ended, and the event is there after the start as
 * if nothing had been. */
static void
stop_and_start(void **state)
{
	struct queue q;

	(void)state;
	queue_open(&q);
	add(&q, 1, EVENT_SWITCHED);
	queue_start(
	    &q, &at_once, script("echo $$ >$d/pid; trap '' TERM; sleep 1000; sleep 1000"), 3600);
	wait_for_lines("pid", 1);
	queue_stop(&q);
	assert_gone("pid");
	assert_int_equal(left(&q).n, 1);
	assert_int_equal(left(&q).attempts, 0);
	queue_start(&q, &at_once, script("cat >>$d/out"), 60);
	wait_for_left(&q, 0, 0);
	assert_non_null(strstr(slurp("out"), "\"attempt\":1}"));
	queue_close(&q);
}

/* Without a hook nothing is lost; a new one is used at once. */
static void
configured_later(void **state)
{
	struct queue q;

	(void)state;
	queue_open(&q);
	add(&q, 1, EVENT_SWITCHED);
	queue_start(&q, &at_once, NULL, 60);
	add(&q, 2, EVENT_SWITCHED);
	assert_int_equal(left(&q).n, 2);
	configure(&q, script("cat >>$d/out"), 60);
	wait_for_left(&q, 0, 0);
	assert_int_equal(lines_of("out"), 2);
	queue_close(&q);
}

static void
damaged_events(void **state)
{
	struct queue q;
	uint8_t key[LINK_GUID_LEN + 8] = {0};
	struct guid g = fixture_guid(1, 1);
	struct store_txn *t;
	struct err err;

	(void)state;
	queue_open(&q);
	add(&q, 1, EVENT_SWITCHED);
	store_link_guid(1, &g, key);
	key[LINK_GUID_LEN + 7] = 1;
	t = fixture_begin(q.f, STORE_WRITE);
	assert_int_equal(store_db_put(t, DB_EVENT, (struct bytes){key, sizeof key},
			     (struct bytes){"nonsense", 8}, &err),
	    0);
	fixture_commit(t);
	add(&q, 1, EVENT_UNDONE);
	queue_start(&q, &at_once, script("cat >>$d/out"), 60);
	wait_for_left(&q, 0, 0);
	assert_int_equal(lines_of("out"), 1);
	queue_close(&q);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	static const struct CMUnitTest tests[] = {TEST(delivers), TEST(keeps_the_order),
	    TEST(few_at_once), TEST(gives_up_at_last), TEST(hook_that_hangs),
	    TEST(cannot_be_started), TEST(stop_and_start), TEST(configured_later),
	    TEST(damaged_events)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
