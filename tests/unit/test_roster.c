/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/view/roster_query.h"
#include "dsa/view/view_roster.h"
#include "mapping/held.h"
#include "mapping/wave.h"
#include "tests/support/chance.h"
#include "tests/support/store_fixture.h"

/* Recipients by name; the number of a recipient is its place here. */
static const struct person {
	const char *name, *ou;
	enum kind kind;
	enum record_state state;
	enum side active;
} people[] = {
    {"Zo\xc3\xab", "OU=Sales", KIND_USER, RECORD_SYNCED, SOURCE},
    {"anna <b>", "OU=Sales", KIND_USER, RECORD_SYNCED, TARGET},
    {"Anna A", "OU=Dublin,OU=Sales", KIND_USER, RECORD_WAITING, SOURCE},
    {"Everybody", "OU=Groups", KIND_GROUP, RECORD_SYNCED, SOURCE},
    {"Mo", "OU=Groups", KIND_USER, RECORD_ERROR, SOURCE},
};

static void
put_person(struct store_txn *t, uint32_t link, size_t n)
{
	_cleanup_(record_free) struct record *r = fixture_record(link, (uint8_t)(n + 1));
	const struct person *p = &people[n];
	char dn[128];
	struct err err;

	(void)snprintf(dn, sizeof dn, "CN=%s,%s,DC=acme", p->name, p->ou);
	for (char *c = dn; *c; c++)
		*c = *c == '<' || *c == '>' ? '_' : *c;
	assert_int_equal(record_set_str(&r->side[SOURCE].dn, dn), 0);
	r->kind = p->kind;
	r->state = p->state;
	r->active = p->active;
	r->switched_at = p->active == TARGET ? 5000 : 0;
	assert_int_equal(store_put(t, r, &err), 0);
}

static uint32_t
fill(struct fixture *f)
{
	struct store_txn *t = fixture_begin(f, STORE_WRITE);
	uint32_t link;
	struct err err;

	assert_int_equal(store_link_id(t, "acme-globex", &link, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(people); i++)
		put_person(t, link, i);
	fixture_commit(t);
	return link;
}

/* What the query, pairs that end in NULL, gives, by the numbers of the people, as text. */
static const char *
ask(struct fixture *f, struct roster *r, const char *const *pairs)
{
	_cleanup_(roster_page_done) struct roster_page page = {.ids = NULL};
	struct store_txn *t = fixture_begin(f, STORE_READ);
	struct roster_query q;
	char why[512];
	struct err err;

	roster_query_init(&q);
	for (; *pairs; pairs += 2)
		if (!roster_query_set(&q, pairs[0], pairs[1], why, sizeof why))
			fail_msg("%s", why);
	assert_int_equal(roster_refresh(r, t, &err), 0);
	assert_int_equal(roster_query(r, t, &q, false, &page, &err), 0);
	buf_reset(&f->seen);
	buf_add_str(&f->seen, "");
	for (size_t i = 0; i < page.n; i++) {
		const struct roster_row *row = roster_find(r, page.ids[i]);

		buf_printf(&f->seen, "%u", fixture_number(&row->original) - 1);
	}
	store_abort(t);
	return (const char *)f->seen.data;
}
#define ASK(...) ask(f, r, (const char *const[]){__VA_ARGS__, NULL})

static void
test_finds_filters_and_sorts(void **state)
{
	struct fixture *f = *state;
	_cleanup_(roster_free) struct roster *r = NULL;
	struct err err;

	assert_int_equal(roster_new(&r, &err), 0);
	(void)fill(f);
	/* Folded as a directory does: Anna and anna are neighbours, Zoe is last. */
	assert_string_equal(ASK("kind", "all"), "12340");
	assert_string_equal(ASK("sort", "-name"), "04321");
	assert_string_equal(ASK("kind", "user"), "1240");
	assert_string_equal(ASK("kind", "group"), "3");
	assert_string_equal(ASK("state", "error"), "4");
	assert_string_equal(ASK("side", "target"), "1");
	assert_string_equal(ASK("q", "ANNA"), "12");
	assert_string_equal(ASK("q", "zoe"), "0");
	assert_string_equal(ASK("ou", "OU=Sales,DC=acme"), "120");
	assert_string_equal(ASK("ou", "ou=dublin,ou=sales,dc=ACME"), "2");
	assert_string_equal(ASK("ou", "OU=Nowhere"), "");
	assert_string_equal(ASK("link", "acme-globex", "kind", "group"), "3");
	assert_string_equal(ASK("link", "other"), "");
	assert_string_equal(ASK("step", "switched"), "240");
	assert_string_equal(ASK("step", "!switched"), "1");
	assert_string_equal(ASK("since", "4000", "side", "target"), "1");
	assert_string_equal(ASK("sort", "-switched", "size", "1"), "1");
	assert_string_equal(ASK("size", "2", "page", "2"), "34");
	/* Beyond the end is the last page. */
	assert_string_equal(ASK("size", "2", "page", "99"), "0");
	assert_string_equal(ASK("sort", "progress", "kind", "user"), "4201");
}

/* By anything else that names it: all of it. */
static void
test_finds_by_other_names(void **state)
{
	struct fixture *f = *state;
	_cleanup_(roster_free) struct roster *r = NULL;
	char guid[GUID_TEXT_SIZE];
	struct guid g = fixture_guid(3, 1);
	struct err err;

	assert_int_equal(roster_new(&r, &err), 0);
	(void)fill(f);
	guid_format(&g, guid);
	assert_string_equal(ASK("q", guid), "2");
	assert_string_equal(ASK("q", "CN=Everybody,OU=Groups,DC=acme"), "3");
}

/* A roster that was kept is what a new one is. */
static void
test_keeps_up(void **state)
{
	struct fixture *f = *state;
	_cleanup_(roster_free) struct roster *r = NULL;
	_cleanup_(record_free) struct record *rec = NULL;
	struct guid g = fixture_guid(1, 1);
	struct store_txn *t;
	struct err err;
	uint32_t link = fill(f);
	uint64_t version;

	assert_int_equal(roster_new(&r, &err), 0);
	assert_string_equal(ASK("sort", "name"), "12340");
	version = roster_version(r);
	assert_string_equal(ASK("sort", "name"), "12340");
	assert_int_equal(roster_version(r), version);

	t = fixture_begin(f, STORE_WRITE);
	assert_int_equal(store_find_guid(t, link, SOURCE, &g, &rec, &err), 0);
	assert_int_equal(record_set_str(&rec->side[SOURCE].dn, "CN=Aaa,OU=Sales,DC=acme"), 0);
	assert_int_equal(store_put(t, rec, &err), 0);
	g = fixture_guid(4, 1);
	assert_int_equal(store_delete(t, fixture_id(link, 4), &err), 0);
	fixture_commit(t);
	assert_string_equal(ASK("sort", "name"), "0124");
	assert_string_equal(ASK("q", "zoe"), "");
	assert_string_equal(ASK("sort", "-ou"), "1042");
}

/* What is kept and mended is what is made anew, whatever was written in between. */
static void
compare_orders(struct roster *kept, struct store_txn *t)
{
	_cleanup_(roster_free) struct roster *anew = NULL;
	struct err err;

	assert_int_equal(roster_new(&anew, &err), 0);
	assert_int_equal(roster_refresh(anew, t, &err), 0);
	assert_int_equal(roster_refresh(kept, t, &err), 0);
	assert_int_equal(roster_count(kept), roster_count(anew));
	for (int o = 0; o < ROSTER_ORDER_MAX; o++) {
		struct roster_row *const *x, *const *y;

		assert_int_equal(roster_sorted(kept, (enum roster_order)o, &x, &err), 0);
		assert_int_equal(roster_sorted(anew, (enum roster_order)o, &y, &err), 0);
		for (size_t i = 0; i < roster_count(anew); i++) {
			assert_false(x[i]->dead);
			assert_true(x[i]->id == y[i]->id);
			assert_int_equal(x[i]->wave, y[i]->wave);
		}
	}
}

static void
write_something(struct store_txn *t, uint32_t link, uint64_t *seed)
{
	uint8_t n = (uint8_t)(chance_roll(seed, 200) + 1);
	_cleanup_(record_free) struct record *r = fixture_record(link, n);
	char dn[64];
	struct err err;

	if (chance_roll(seed, 4) == 0) {
		assert_int_equal(store_delete(t, fixture_id(link, n), &err), 0);
		return;
	}
	(void)snprintf(dn, sizeof dn, "CN=%c,OU=%c,DC=acme", (char)('a' + chance_roll(seed, 26)),
	    (char)('a' + chance_roll(seed, 3)));
	assert_int_equal(record_set_str(&r->side[SOURCE].dn, dn), 0);
	r->state = (enum record_state)chance_roll(seed, RECORD_STATE_MAX);
	r->synced_at = (int64_t)chance_roll(seed, 5);
	assert_int_equal(store_put(t, r, &err), 0);
}

static void
test_keeps_up_with_anything(void **state)
{
	struct fixture *f = *state;
	_cleanup_(roster_free) struct roster *r = NULL;
	uint64_t seed = 7;
	struct err err;
	uint32_t link = fill(f);

	assert_int_equal(roster_new(&r, &err), 0);
	for (size_t round = 0; round < 60; round++) {
		struct store_txn *t = fixture_begin(f, STORE_WRITE);

		for (size_t i = chance_roll(&seed, round % 7 ? 6 : 80); i > 0; i--)
			write_something(t, link, &seed);
		fixture_commit(t);
		t = fixture_begin(f, STORE_READ);
		compare_orders(r, t);
		store_abort(t);
	}
}

static void
test_says_what_keeps_it(void **state)
{
	struct fixture *f = *state;
	_cleanup_(roster_free) struct roster *r = NULL;
	struct store_held h = {.source = fixture_guid(1, 1),
	    .kind = HELD_SWITCHES,
	    .verdict = HELD_WAITS,
	    .since = 77};
	struct store_txn *t;
	struct err err;
	uint32_t link = fill(f);

	assert_int_equal(roster_new(&r, &err), 0);
	assert_string_equal(ASK("step", "!ready"), "10");
	t = fixture_begin(f, STORE_WRITE);
	assert_int_equal(store_put_held(t, link, &h, &err), 0);
	fixture_commit(t);
	assert_string_equal(ASK("step", "!ready"), "1");
	t = fixture_begin(f, STORE_WRITE);
	assert_int_equal(store_clear_held(t, link, HELD_SWITCHES, &h.source, &err), 0);
	fixture_commit(t);
	assert_string_equal(ASK("step", "!ready"), "10");
}

static void
test_knows_the_waves(void **state)
{
	struct fixture *f = *state;
	_cleanup_(roster_free) struct roster *r = NULL;
	char none[] = "", name[] = "First", dn[] = "CN=x";
	struct wave_member m = {.source = fixture_guid(2, 1), .line = 1, .dn = dn, .text = none};
	struct wave w = {.at = 100, .name = name, .why = none};
	struct store_txn *t;
	struct err err;

	w.link = fill(f);
	assert_int_equal(roster_new(&r, &err), 0);
	assert_string_equal(ASK("wave", "0"), "12340");
	t = fixture_begin(f, STORE_WRITE);
	assert_int_equal(wave_add(t, &w, &m, 1, &err), 0);
	fixture_commit(t);
	assert_string_equal(ASK("wave", "1"), "1");
	assert_string_equal(ASK("wave", "0"), "2340");
	assert_string_equal(ASK("wave", "2"), "");
	assert_string_equal(ASK("sort", "-wave", "size", "1"), "1");
}

static void
test_refuses(void **state)
{
	static const char *const bad[][2] = {{"state", "happy"}, {"side", "left"}, {"kind", "cat"},
	    {"step", "-switched"}, {"sort", "!name"}, {"page", "0"}, {"page", "x"},
	    {"size", "1001"}, {"size", "-1"}, {"wave", "99999999999"}, {"q", "a\nb"}, {"q", "\xff"},
	    {"nothing", "1"}, {"since", "-5"}};
	struct roster_query q;
	char why[512];

	(void)state;
	roster_query_init(&q);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		why[0] = '\0';
		assert_false(roster_query_set(&q, bad[i][0], bad[i][1], why, sizeof why));
		assert_non_null(strstr(why, bad[i][0]));
	}
	/* Empty ones are those of a form that was not filled in. */
	assert_true(roster_query_set(&q, "state", "", why, sizeof why));
	assert_true(roster_query_set(&q, "wave", "", why, sizeof why));
}

/* An address says what it asks for, and is understood again. */
static void
test_query_and_back(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct roster_query q;
	char why[512];

	(void)state;
	roster_query_init(&q);
	assert_true(roster_query_set(&q, "q", "a&b=\"c\"", why, sizeof why));
	assert_true(roster_query_set(&q, "step", "!switched", why, sizeof why));
	assert_true(roster_query_set(&q, "sort", "-progress", why, sizeof why));
	assert_true(roster_query_set(&q, "wave", "0", why, sizeof why));
	assert_true(roster_query_set(&q, "page", "7", why, sizeof why));
	roster_query_add(&q, &b);
	assert_string_equal(
	    (const char *)b.data, "q=a%26b%3D%22c%22&step=!switched&wave=0&sort=-progress");
}

static void
test_shows_one(void **state)
{
	struct fixture *f = *state;
	_cleanup_(roster_free) struct roster *r = NULL;
	struct guid g = fixture_guid(2, 1), nobody = fixture_guid(200, 1);
	struct store_txn *t;
	json_t *o;
	struct err err;

	(void)fill(f);
	assert_int_equal(roster_new(&r, &err), 0);
	t = fixture_begin(f, STORE_READ);
	assert_int_equal(roster_refresh(r, t, &err), 0);
	assert_int_equal(view_one(r, t, &nobody, 1000, &o, &err), 0);
	assert_null(o);
	assert_int_equal(view_one(r, t, &g, 1000, &o, &err), 0);
	assert_string_equal(
	    json_string_value(json_object_get(json_object_get(o, "row"), "name")), "anna _b_");
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(o, "row"), "percent")), 100);
	assert_string_equal(
	    json_string_value(json_object_get(json_object_get(o, "steps"), "switched")), "done");
	assert_true(json_is_null(json_object_get(o, "conflict")));
	json_decref(o);
	store_abort(t);
}

#define WITH_MAP(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {WITH_MAP(test_finds_filters_and_sorts),
	    WITH_MAP(test_finds_by_other_names), WITH_MAP(test_keeps_up),
	    WITH_MAP(test_keeps_up_with_anything), WITH_MAP(test_says_what_keeps_it),
	    WITH_MAP(test_knows_the_waves), cmocka_unit_test(test_refuses),
	    cmocka_unit_test(test_query_and_back), WITH_MAP(test_shows_one)};

	return cmocka_run_group_tests_name("roster", tests, NULL, NULL);
}
