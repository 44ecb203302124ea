/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/view/view_overview.h"
#include "dsa/view/view_problems.h"
#include "mapping/held.h"
#include "tests/support/store_fixture.h"

#define NOW 1700000000
#define HOUR 3600
#define DAY (24 * HOUR)

static void
put_conflict(struct store_txn *t, uint32_t link, uint8_t n, enum conflict_reason reason, int age)
{
	char dn[] = "CN=x", what[] = "mail x@acme.example";
	struct conflict c = {.source = fixture_guid(n, 1),
	    .reason = reason,
	    .source_dn = dn,
	    .what = what,
	    .since = NOW - age};
	struct err err;

	assert_int_equal(store_put_conflict(t, link, &c, &err), 0);
}

static void
put_record(struct store_txn *t, uint32_t link, uint8_t n, enum record_state state)
{
	_cleanup_(record_free) struct record *r = fixture_record(link, n);
	struct err err;

	r->state = state;
	r->synced_at = NOW - 8 * DAY;
	assert_int_equal(record_set_str(&r->last_error, "no <rights>"), 0);
	assert_int_equal(store_put(t, r, &err), 0);
}

/* Two links with: three conflicts, of which an object has a record; one that is held and one that
 * was approved; a write that failed, and an object that is only looked at again; an error. */
static void
fill(struct fixture *f)
{
	struct store_held held = {.source = fixture_guid(1, 1),
	    .kind = HELD_SWITCHES,
	    .verdict = HELD_WAITS,
	    .since = NOW - 2 * HOUR};
	struct store_txn *t = fixture_begin(f, STORE_WRITE);
	struct guid again = fixture_guid(8, 1), failed = fixture_guid(9, 1);
	uint32_t one, two;
	struct err err;

	assert_int_equal(store_link_id(t, "one", &one, &err), 0);
	assert_int_equal(store_link_id(t, "two/return", &two, &err), 0);
	put_record(t, one, 1, RECORD_SYNCED);
	put_record(t, one, 2, RECORD_ERROR);
	put_conflict(t, one, 1, CONFLICT_ADDRESS, 10);
	put_conflict(t, one, 3, CONFLICT_ADDRESS, 2 * DAY);
	put_conflict(t, two, 4, CONFLICT_NAME, 5 * HOUR);
	assert_int_equal(store_put_held(t, one, &held, &err), 0);
	held.source = fixture_guid(2, 1);
	held.verdict = HELD_APPROVED;
	assert_int_equal(store_put_held(t, one, &held, &err), 0);
	assert_int_equal(
	    store_put_retry(t, one, &failed, "CN=nine", "refused", NOW - HOUR - 1, &err), 0);
	assert_int_equal(store_look_again(t, one, &again, "CN=eight", "note", NOW, &err), 0);
	fixture_commit(t);
}

/* As text: of each reason its counts; of each item what it is. */
static const char *
ask(struct fixture *f, const struct view_problems_query *q, bool all)
{
	_cleanup_(roster_free) struct roster *r = NULL;
	struct store_txn *t = fixture_begin(f, STORE_READ);
	json_t *o, *x;
	struct err err;
	size_t i;

	assert_int_equal(roster_new(&r, &err), 0);
	assert_int_equal(roster_refresh(r, t, &err), 0);
	assert_int_equal(view_problems(r, t, q, all, NOW, &o, &err), 0);
	buf_reset(&f->seen);
	json_array_foreach(json_object_get(o, "reasons"), i, x) buf_printf(&f->seen,
	    "%s/%s %lld=%lld+%lld+%lld+%lld\n", json_string_value(json_object_get(x, "problem")),
	    json_string_value(json_object_get(x, "reason")),
	    (long long)json_integer_value(json_object_get(x, "count")),
	    (long long)json_integer_value(json_object_get(x, "hour")),
	    (long long)json_integer_value(json_object_get(x, "day")),
	    (long long)json_integer_value(json_object_get(x, "week")),
	    (long long)json_integer_value(json_object_get(x, "older")));
	json_array_foreach(json_object_get(o, "items"), i, x) buf_printf(&f->seen,
	    "%s %s %s %s %s\n", json_string_value(json_object_get(x, "problem")),
	    json_string_value(json_object_get(x, "link")),
	    json_string_value(json_object_get(x, "origin")),
	    json_string_value(json_object_get(x, "text")),
	    json_is_true(json_object_get(x, "known")) ? "known" : "unknown");
	buf_printf(&f->seen, "page %lld of %lld",
	    (long long)json_integer_value(json_object_get(o, "page")),
	    (long long)json_integer_value(json_object_get(o, "pages")));
	json_decref(o);
	store_abort(t);
	return (const char *)f->seen.data;
}

#define REASONS                                                                                    \
	"conflict/address 2=1+0+1+0\nconflict/name 1=0+1+0+0\nheld/switches 1=0+1+0+0\n"           \
	"retry/write 1=0+1+0+0\nerror/write 1=0+0+0+1\n"

static void
test_by_reason_and_age(void **state)
{
	struct fixture *f = *state;

	fill(f);
	assert_string_equal(ask(f, &(struct view_problems_query){-1, 1, 50}, false),
	    REASONS "error one source no <rights> known\n"
		    "conflict one source mail x@acme.example unknown\n"
		    "conflict two target mail x@acme.example unknown\n"
		    "held one source switches known\n"
		    "retry one source refused unknown\n"
		    "conflict one source mail x@acme.example known\n"
		    "page 1 of 1");
}

/* The counts are of all; the items of what is asked for. */
static void
test_pages(void **state)
{
	struct fixture *f = *state;

	fill(f);
	assert_string_equal(ask(f, &(struct view_problems_query){PROBLEM_CONFLICT, 2, 2}, false),
	    REASONS "conflict one source mail x@acme.example known\npage 2 of 2");
	/* Beyond the end is the last page. */
	assert_string_equal(ask(f, &(struct view_problems_query){PROBLEM_HELD, 9, 2}, false),
	    REASONS "held one source switches known\npage 1 of 1");
	assert_non_null(
	    strstr(ask(f, &(struct view_problems_query){-1, 3, 1}, true), "page 1 of 1"));
}

static void
test_none(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(ask(f, &(struct view_problems_query){-1, 1, 50}, false), "page 1 of 1");
}

/* The overview of the same: the links as `status` has them, and how far the mailboxes are. */
static void
test_overview(void **state)
{
	struct fixture *f = *state;
	_cleanup_(roster_free) struct roster *r = NULL;
	struct store_txn *t;
	json_t *o, *first;
	struct err err;

	fill(f);
	t = fixture_begin(f, STORE_READ);
	assert_int_equal(roster_new(&r, &err), 0);
	assert_int_equal(roster_refresh(r, t, &err), 0);
	assert_int_equal(view_overview(r, t, NULL, NOW, &o, &err), 0);
	assert_true(json_is_false(json_object_get(o, "answers")));
	assert_int_equal(json_array_size(json_object_get(o, "links")), 2);
	assert_int_equal(json_integer_value(json_object_get(o, "mailboxes")), 2);
	first = json_array_get(json_object_get(o, "steps"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "step")), "matched");
	assert_int_equal(json_integer_value(json_object_get(first, "done")), 2);
	/* Where no machine ever reported, none is asked. */
	assert_int_equal(json_array_size(json_object_get(o, "steps")), PROGRESS_STEP_MAX - 1);
	assert_int_equal(json_array_size(json_object_get(o, "days")), 1);
	json_decref(o);
	store_abort(t);
}

#define WITH_MAP(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {WITH_MAP(test_by_reason_and_age),
	    WITH_MAP(test_pages), WITH_MAP(test_none), WITH_MAP(test_overview)};

	return cmocka_run_group_tests_name("view_problems", tests, NULL, NULL);
}
