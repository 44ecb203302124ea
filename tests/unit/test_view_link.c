/* SPDX-License-Identifier: MIT */

/* What the map says of a link, as JSON. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/view/view_journal.h"
#include "dsa/view/view_link.h"
#include "tests/support/json_fixture.h"
#include "tests/support/store_fixture.h"

#define NO_HOLD "{\"held\":0,\"approved\":0,\"rejected\":0}"

static char hostile[] = HOSTILE;

static json_t *
make_large(void)
{
	char name[] = HOSTILE;
	struct view_link v = {.name = name,
	    .counts = {.records = UINT64_MAX,
		.by_state = {1, 2, 3, 4, 5},
		.created = 6,
		.matched = 7,
		.waiting_refs = 8,
		.conflicts = 9,
		.bytes_used = 10,
		.bytes_max = UINT64_MAX},
	    .conflicts_by = {[CONFLICT_TAKEN] = 9},
	    .retries = 17,
	    .journal = {.entries = 11, .octets = 12, .oldest = 1000000000},
	    .hook = {.waiting = 13, .failing = 14, .given_up = 15, .error = hostile}};
	json_t *last = json_object(), *o = NULL;

	json_put_member(&last, "changes", json_of_count(16));
	v.last_cycle = last;
	if (last)
		o = view_link(&v, NULL, NULL);
	json_decref(last);
	return o;
}

static void
every_member(void **state)
{
	static const char want[] =
	    "{\"link\":" HOSTILE_JSON ",\"correspondences\":9223372036854775807,\"states\":{"
	    "\"pending\":1,\"synced\":2,\"waiting\":3,\"error\":4,\"left\":5,\"finished\":0},"
	    "\"created\":6,"
	    "\"matched\":7,\"waiting_references\":8,\"conflicts\":9,\"conflicts_by\":{"
	    "\"ambiguous\":0,\"taken\":9,\"kind\":0,\"address\":0,\"name\":0,\"stamp\":0,"
	    "\"adopt\":0,\"refused\":0,\"match\":0,\"foreign-address\":0,\"undone\":0},\"retries\":"
	    "17,"
	    "\"journal\":11,"
	    "\"journal_octets\":12,\"journal_oldest\":\"2001-09-09T01:46:40Z\","
	    "\"map_bytes_used\":10,\"map_bytes_max\":9223372036854775807,"
	    "\"last_cycle\":{\"changes\":16},\"held\":{\"deletes\":" NO_HOLD
	    ",\"redirections\":" NO_HOLD ",\"switches\":" NO_HOLD ",\"matches\":" NO_HOLD
	    ",\"undone\":" NO_HOLD ",\"member_removals\":" NO_HOLD ",\"primary_changes\":" NO_HOLD
	    "},\"clients\":{\"done\":0,\"failed\":0,\"several\":0},\"hook\":{\"waiting\":13,"
	    "\"failing\":14,\"given_up\":15,\"error\":" HOSTILE_JSON "},\"daemon\":null,"
	    "\"configuration\":null}";

	(void)state;
	json_must_be(make_large(), want);
	json_must_be_whole(make_large, want);
}

static void
the_journal(void **state)
{
	const struct journal_size none = {0}, large = {UINT64_MAX, UINT64_MAX, 1000000000};

	(void)state;
	json_must_be(view_journal(&none), "{\"entries\":0,\"octets\":0,\"oldest\":null}");
	json_must_be(view_journal(&large),
	    "{\"entries\":9223372036854775807,\"octets\":9223372036854775807,"
	    "\"oldest\":\"2001-09-09T01:46:40Z\"}");
}

/* ---- from the map ---- */

static void
add_event(struct fixture *f, uint32_t link, uint32_t attempts, int64_t next, const char *error)
{
	char body[] = "{}", dn[] = "CN=Ann", text[32];
	struct store_event e = {.link = link,
	    .source = fixture_guid(1, 1),
	    .kind = EVENT_SWITCHED,
	    .attempts = attempts,
	    .next = next,
	    .given_up = next == 0 && attempts,
	    .dn = dn,
	    .body = body,
	    .error = text};
	struct err err;

	(void)snprintf(text, sizeof text, "%s", error);
	assert_int_equal(store_add_event(f->t, &e, &err), 0);
}

static void
read_from_the_map(void **state)
{
	struct fixture *f = *state;
	_cleanup_(view_link_done) struct view_link v = {0};
	_cleanup_(json_release) json_t *o = NULL, *daemon = json_object();
	_cleanup_(json_release) json_t *configuration = json_object();
	uint32_t link = fixture_link(f->t, "acme-globex"), other = fixture_link(f->t, "other");
	const struct store_held h = {.source = fixture_guid(1, 1),
	    .kind = HELD_SWITCHES,
	    .verdict = HELD_REJECTED,
	    .since = 1};
	char dn[] = "CN=Bo", what[] = "mail bo@acme.example";
	const struct conflict taken = {
	    .source = fixture_guid(1, 7), .reason = CONFLICT_TAKEN, .source_dn = dn, .what = what};
	struct err err;

	(void)fixture_put(f->t, link, 1);
	(void)fixture_put(f->t, other, 2);
	assert_int_equal(store_put_held(f->t, link, &h, &err), 0);
	assert_int_equal(store_put_summary(f->t, link, "{\"changes\":3}", &err), 0);
	add_event(f, link, 0, 0, "");
	add_event(f, link, 2, 50, "exit 1");
	add_event(f, link, 1, 20, "exit 2");
	add_event(f, link, 9, 0, "gone");
	add_event(f, other, 9, 90, "another link's");
	assert_int_equal(store_put_conflict(f->t, link, &taken, &err), 0);
	assert_int_equal(view_link_read(f->t, link, "acme-globex", &v, &err), 0);
	assert_int_equal(v.counts.records, 1);
	assert_int_equal(v.conflicts_by[CONFLICT_TAKEN], 1);
	assert_int_equal(v.conflicts_by[CONFLICT_KIND], 0);
	assert_int_equal(v.held.n[HELD_SWITCHES][HELD_REJECTED], 1);
	assert_int_equal(v.hook.waiting, 3);
	assert_int_equal(v.hook.failing, 2);
	assert_int_equal(v.hook.given_up, 1);
	assert_string_equal(v.hook.error, "exit 1");
	o = view_link(&v, daemon, configuration);
	assert_ptr_equal(json_object_get(o, "daemon"), daemon);
	assert_ptr_equal(json_object_get(o, "configuration"), configuration);
	json_must_be(json_incref(json_object_get(o, "last_cycle")), "{\"changes\":3}");
}

/* A summary that cannot be read is none: the rest is there all the same. */
static void
a_damaged_summary(void **state)
{
	static const char *const texts[] = {NULL, "", "{", "\xff"};
	struct fixture *f = *state;
	uint32_t link = fixture_link(f->t, "acme-globex");
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(view_link_done) struct view_link v = {0};
		json_t *o;

		if (texts[i])
			assert_int_equal(store_put_summary(f->t, link, texts[i], &err), 0);
		assert_int_equal(view_link_read(f->t, link, "acme-globex", &v, &err), 0);
		o = view_link(&v, NULL, NULL);
		assert_int_equal(json_object_size(o), 20);
		assert_true(json_is_null(json_object_get(o, "last_cycle")));
		assert_true(json_is_null(json_object_get(json_object_get(o, "hook"), "error")));
		json_decref(o);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_member),
	    cmocka_unit_test(the_journal),
	    cmocka_unit_test_setup_teardown(read_from_the_map, fixture_setup_txn, fixture_teardown),
	    cmocka_unit_test_setup_teardown(a_damaged_summary, fixture_setup_txn, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
