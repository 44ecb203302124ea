/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mapping/event.h"
#include "mapping/store_db.h"
#include "tests/support/store_fixture.h"

static struct store_event
event(uint32_t link, uint8_t who, enum event_kind kind, const char *body)
{
	return (struct store_event){.link = link,
	    .source = fixture_guid(who, 1),
	    .kind = kind,
	    .at = 1000,
	    .body = (char *)(uintptr_t)body};
}

static void
add(struct fixture *f, struct store_event *e)
{
	struct store_txn *t = fixture_begin(f, STORE_WRITE);
	struct err err;

	assert_int_equal(store_add_event(t, e, &err), 0);
	fixture_commit(t);
}

struct seen {
	char text[512];
	unsigned stop_after, n;
};

static int
see(struct store_event *e, void *arg, struct err *err)
{
	struct seen *s = arg;

	(void)err;
	(void)snprintf(s->text + strlen(s->text), sizeof s->text - strlen(s->text),
	    "%u/%u #%llu %s %s %u %lld %d %s%s\n", e->link, e->source.octets[0],
	    (unsigned long long)e->number, event_kind_name(e->kind), e->body, e->attempts,
	    (long long)e->next, e->given_up, e->error, e->damaged ? " damaged" : "");
	return ++s->n == s->stop_after;
}

static const char *
all_of(struct fixture *f, uint32_t link, unsigned stop_after)
{
	static struct seen s;
	struct store_txn *t = fixture_begin(f, STORE_READ);
	struct err err;

	s = (struct seen){.stop_after = stop_after};
	assert_int_equal(store_each_event(t, link, see, &s, &err), 0);
	store_abort(t);
	return s.text;
}

/* By mailbox, and of each mailbox in the order in which they happened. */
static void
order(void **state)
{
	struct fixture *f = *state;
	struct store_event a = event(1, 2, EVENT_SWITCHED, "a"),
			   b = event(1, 1, EVENT_SWITCHED, "b"), c = event(1, 2, EVENT_UNDONE, "c"),
			   d = event(2, 1, EVENT_SWITCHED, "d");

	assert_string_equal(all_of(f, 0, 0), "");
	add(f, &a);
	add(f, &b);
	add(f, &c);
	add(f, &d);
	assert_int_equal(a.number, 1);
	assert_int_equal(d.number, 4);
	assert_string_equal(all_of(f, 0, 0), "1/1 #2 switched b 0 0 0 \n"
					     "1/2 #1 switched a 0 0 0 \n"
					     "1/2 #3 undone c 0 0 0 \n"
					     "2/1 #4 switched d 0 0 0 \n");
	assert_string_equal(all_of(f, 2, 0), "2/1 #4 switched d 0 0 0 \n");
	assert_string_equal(all_of(f, 3, 0), "");
	assert_string_equal(all_of(f, 1, 1), "1/1 #2 switched b 0 0 0 \n");
}

static void
change_and_delete(void **state)
{
	struct fixture *f = *state;
	struct store_event a = event(1, 1, EVENT_SWITCHED, "a"), b = event(1, 1, EVENT_UNDONE, "b");
	char why[] = "exit status 1";
	struct store_txn *t;
	struct err err;

	add(f, &a);
	add(f, &b);
	a.attempts = 3;
	a.next = 77;
	a.given_up = true;
	a.error = why;
	t = fixture_begin(f, STORE_WRITE);
	assert_int_equal(store_put_event(t, &a, &err), 0);
	assert_int_equal(store_delete_event(t, &b, &err), 0);
	assert_int_equal(store_delete_event(t, &b, &err), 0);
	fixture_commit(t);
	assert_string_equal(all_of(f, 1, 0), "1/1 #1 switched a 3 77 1 exit status 1\n");
	/* Numbers are not used again, not even after the last event has gone. */
	t = fixture_begin(f, STORE_WRITE);
	assert_int_equal(store_delete_event(t, &a, &err), 0);
	fixture_commit(t);
	add(f, &b);
	assert_int_equal(b.number, 3);
}

/* With the transaction that it belongs to, or not at all. */
static void
with_its_transaction(void **state)
{
	struct fixture *f = *state;
	struct store_event a = event(1, 1, EVENT_SWITCHED, "a");
	struct store_txn *t = fixture_begin(f, STORE_WRITE);
	struct err err;

	assert_int_equal(store_add_event(t, &a, &err), 0);
	store_abort(t);
	assert_string_equal(all_of(f, 0, 0), "");
}

/* Whatever is on the disk: it is given out as damaged, the others as they are. */
static void
damaged(void **state)
{
	struct fixture *f = *state;
	struct store_event a = event(1, 1, EVENT_SWITCHED, "a"), b = event(1, 2, EVENT_UNDONE, "b");
	_cleanup_(buf_done) struct buf whole = {0};
	uint8_t key[LINK_GUID_LEN + 8], odd[] = "odd";
	struct err err;

	add(f, &a);
	add(f, &b);
	event_encode(&a, &whole);
	store_link_guid(1, &a.source, key);
	memcpy(key + LINK_GUID_LEN, "\0\0\0\0\0\0\0\1", 8);
	for (size_t len = 0; len <= whole.len; len++) {
		struct store_txn *t = fixture_begin(f, STORE_WRITE);
		uint8_t bad[128];

		memcpy(bad, whole.data, whole.len);
		/* Last, one octet too many. */
		bad[whole.len] = 0;
		assert_int_equal(store_db_put(t, DB_EVENT, (struct bytes){key, sizeof key},
				     (struct bytes){bad, len < whole.len ? len : len + 1}, &err),
		    0);
		assert_int_equal(store_db_put(t, DB_EVENT, (struct bytes){odd, sizeof odd},
				     (struct bytes){bad, len}, &err),
		    0);
		fixture_commit(t);
		assert_non_null(strstr(all_of(f, 1, 0), "1/1 #1 "));
		assert_non_null(strstr(all_of(f, 1, 0), " damaged\n"));
		assert_non_null(strstr(all_of(f, 1, 0), "1/2 #2 undone b 0 0 0 \n"));
	}
}

static void
bad_values(void **state)
{
	/* Where in the encoding, and what must not stand there. */
	static const struct {
		size_t at;
		uint8_t v;
	} rows[] = {{0, 0}, {0, 2}, {1, 0}, {1, EVENT_KIND_MAX}, {2, 2}};
	struct store_event good = event(1, 1, EVENT_UNDONE, "body");
	_cleanup_(buf_done) struct buf b = {0};
	struct err err;

	(void)state;
	event_encode(&good, &b);
	for (size_t i = 0; i <= ARRAY_SIZE(rows); i++) {
		_cleanup_(buf_done) struct buf bad = {0};
		struct store_event e = {0};

		buf_add(&bad, b.data, b.len);
		if (i < ARRAY_SIZE(rows))
			bad.data[rows[i].at] = rows[i].v;
		else
			bad.data[b.len - 5] = '\0'; /* in the body */
		assert_int_equal(event_decode(buf_bytes(&bad), &e, &err), 0);
		assert_true(e.damaged);
		assert_string_equal(e.body, "");
		event_done(&e);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(order, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(change_and_delete, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(with_its_transaction, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(damaged, fixture_setup, fixture_teardown),
	    cmocka_unit_test(bad_values)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
