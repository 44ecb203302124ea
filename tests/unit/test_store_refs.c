/* SPDX-License-Identifier: MIT */
/* What the map knows beside the records: waiting references, conflicts, cursors, summaries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/store_fixture.h"

#define BOSS "cn=boss,dc=acme,dc=example"
#define STAFF "cn=staff,dc=acme,dc=example"

static char attr_manager[] = "manager", attr_managed[] = "managedBy", attr_member[] = "member";
static char dn_boss[] = BOSS, dn_staff[] = STAFF;

/* Appends "<first octet of the referrer>:<attribute>:<wanted>;". */
static int
note_ref(const struct waiting_ref *w, void *arg, struct err *err)
{
	(void)err;
	buf_printf(arg, "%u:%s:%s;", w->referrer.octets[0], w->attr, w->wanted);
	return 0;
}

static int
stop_at_once(const struct waiting_ref *w, void *arg, struct err *err)
{
	(void)note_ref(w, arg, err);
	return 1;
}

static void
assert_waiting(struct store_txn *t, uint32_t link, const char *wanted, const char *expected)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct err err = {0};

	buf_add_str(&b, "");
	assert_int_equal(store_each_waiting(t, link, wanted, note_ref, &b, &err), 0);
	assert_string_equal((char *)b.data, expected);
}

static void
put_refs(struct store_txn *t, uint32_t link, uint8_t who, const struct waiting_ref *refs, size_t n)
{
	struct guid g = fixture_guid(who, 1);
	struct err err = {0};

	assert_int_equal(store_put_waiting(t, link, &g, refs, n, &err), 0);
}

static const struct waiting_ref refs[] = {{.attr = attr_manager, .wanted = dn_boss},
    {.attr = attr_managed, .wanted = dn_boss}, {.attr = attr_member, .wanted = dn_staff}};

static void
waiting(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	_cleanup_(buf_done) struct buf b = {0};
	struct err err = {0};
	uint32_t one = fixture_link(t, "one"), two = fixture_link(t, "two");

	put_refs(t, one, 1, refs, 3);
	put_refs(t, one, 2, refs, 1);
	put_refs(t, two, 3, refs, 1);
	assert_int_equal(fixture_count(t, one).waiting_refs, 4);
	assert_int_equal(fixture_count(t, 0).waiting_refs, 5);
	assert_waiting(t, one, BOSS, "1:manager:" BOSS ";1:managedBy:" BOSS ";2:manager:" BOSS ";");
	assert_waiting(t, one, STAFF, "1:member:" STAFF ";");
	assert_waiting(t, two, BOSS, "3:manager:" BOSS ";");
	assert_waiting(t, two, STAFF, "");
	assert_waiting(t, one, "cn=nobody", "");
	assert_waiting(t, one, NULL,
	    "1:manager:" BOSS ";1:managedBy:" BOSS ";1:member:" STAFF ";2:manager:" BOSS ";");
	assert_waiting(t, 3, NULL, "");
	assert_int_equal(store_each_waiting(t, one, NULL, stop_at_once, &b, &err), 0);
	assert_string_equal((char *)b.data, "1:manager:" BOSS ";");
	buf_reset(&b);
	assert_int_equal(store_each_waiting(t, one, BOSS, stop_at_once, &b, &err), 0);
	assert_string_equal((char *)b.data, "1:manager:" BOSS ";");
}

static void
waiting_replaced(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	uint32_t one = fixture_link(t, "one");

	put_refs(t, one, 1, refs, 3);
	put_refs(t, one, 2, refs, 1);
	put_refs(t, one, 1, &refs[2], 1);
	assert_waiting(t, one, BOSS, "2:manager:" BOSS ";");
	assert_waiting(t, one, STAFF, "1:member:" STAFF ";");
	assert_int_equal(fixture_count(t, one).waiting_refs, 2);
	put_refs(t, one, 1, NULL, 0);
	put_refs(t, one, 1, NULL, 0);
	put_refs(t, one, 9, NULL, 0);
	assert_waiting(t, one, STAFF, "");
	assert_waiting(t, one, NULL, "2:manager:" BOSS ";");
	put_refs(t, one, 2, NULL, 0);
	assert_int_equal(fixture_count(t, one).waiting_refs, 0);
}

/* A DN that another one is the beginning of, and one that hashes alike but for its case. */
static void
waiting_exact(void **state)
{
	static char upper[] = "cn=\xc3\x84rzte,dc=x", other[] = "cn=\xc3\xa4rzte,dc=x",
		    cap[] = "cn=BOSS";
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	const struct waiting_ref some[] = {{.attr = attr_member, .wanted = upper},
	    {.attr = attr_member, .wanted = other}, {.attr = attr_member, .wanted = cap}};

	put_refs(t, 1, 1, some, 3);
	assert_waiting(t, 1, other, "1:member:cn=\xc3\xa4rzte,dc=x;");
	assert_waiting(t, 1, "cn=boss", "");
	assert_waiting(t, 1, "cn=BOSS", "1:member:cn=BOSS;");
}

static struct conflict
some_conflict(uint8_t who, enum conflict_reason reason, int64_t since)
{
	static char source[] = "CN=Jos\xc3\xa9,DC=acme,DC=example",
		    what[] = "mail jose@acme.example", a[] = "CN=Jose,DC=globex,DC=example",
		    b[] = "CN=J,DC=globex,DC=example";
	static char *both[] = {a, b};

	return (struct conflict){.source = fixture_guid(who, 1),
	    .reason = reason,
	    .source_dn = source,
	    .what = what,
	    .candidates = both,
	    .n_candidates = 2,
	    .since = since};
}

struct seen {
	struct buf text;
	int64_t since;
	bool stop;
};

static int
note_conflict(uint32_t link, const struct conflict *c, void *arg, struct err *err)
{
	struct seen *s = arg;

	(void)err;
	buf_printf(&s->text, "%u:%u:%s:%zu;", link, c->source.octets[0],
	    conflict_reason_name(c->reason), c->n_candidates);
	s->since = c->since;
	return s->stop;
}

static int64_t
assert_conflicts(struct store_txn *t, uint32_t link, const char *expected)
{
	struct seen s = {.since = -1};
	struct err err = {0};

	buf_add_str(&s.text, "");
	assert_int_equal(store_each_conflict(t, link, note_conflict, &s, &err), 0);
	assert_string_equal((char *)s.text.data, expected);
	buf_done(&s.text);
	return s.since;
}

static void
conflicts(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	uint32_t one = fixture_link(t, "one"), two = fixture_link(t, "two");
	struct conflict c = some_conflict(1, CONFLICT_AMBIGUOUS, 1000);
	struct conflict d = some_conflict(2, CONFLICT_TAKEN, 1000);
	struct conflict found;
	bool is_there;
	struct seen s = {.stop = true};
	struct err err = {0};

	assert_conflicts(t, 0, "");
	assert_int_equal(store_find_conflict(t, one, &c.source, &found, &is_there, &err), 0);
	assert_false(is_there);
	assert_int_equal(store_put_conflict(t, one, &c, &err), 0);
	assert_int_equal(store_find_conflict(t, one, &c.source, &found, &is_there, &err), 0);
	assert_true(is_there);
	assert_int_equal(found.reason, c.reason);
	assert_string_equal(found.what, c.what);
	conflict_done(&found);
	assert_int_equal(store_put_conflict(t, one, &d, &err), 0);
	assert_int_equal(store_put_conflict(t, two, &c, &err), 0);
	assert_conflicts(t, one, "1:1:ambiguous:2;1:2:taken:2;");
	assert_conflicts(t, two, "2:1:ambiguous:2;");
	assert_conflicts(t, 0, "1:1:ambiguous:2;1:2:taken:2;2:1:ambiguous:2;");
	assert_int_equal(fixture_count(t, one).conflicts, 2);
	assert_int_equal(fixture_count(t, 0).conflicts, 3);
	assert_int_equal(store_each_conflict(t, 0, note_conflict, &s, &err), 0);
	assert_string_equal((char *)s.text.data, "1:1:ambiguous:2;");
	buf_done(&s.text);

	assert_int_equal(store_clear_conflict(t, one, &c.source, &err), 0);
	assert_int_equal(store_clear_conflict(t, one, &c.source, &err), 0);
	assert_conflicts(t, 0, "1:2:taken:2;2:1:ambiguous:2;");
	assert_int_equal(fixture_count(t, one).conflicts, 1);
}

/* `since` tells how long this very conflict has been there. */
static void
conflict_since(void **state)
{
	static char other[] = "mail other@acme.example";
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	uint32_t one = fixture_link(t, "one");
	struct conflict c = some_conflict(1, CONFLICT_AMBIGUOUS, 1000);
	struct err err = {0};

	assert_int_equal(store_put_conflict(t, one, &c, &err), 0);
	c.since = 2000;
	c.n_candidates = 1;
	assert_int_equal(store_put_conflict(t, one, &c, &err), 0);
	assert_int_equal(assert_conflicts(t, one, "1:1:ambiguous:1;"), 1000);
	assert_int_equal(c.since, 2000); /* the caller's is not touched */
	c.reason = CONFLICT_TAKEN;
	assert_int_equal(store_put_conflict(t, one, &c, &err), 0);
	assert_int_equal(assert_conflicts(t, one, "1:1:taken:1;"), 2000);
	c.what = other;
	c.since = 3000;
	assert_int_equal(store_put_conflict(t, one, &c, &err), 0);
	assert_int_equal(assert_conflicts(t, one, "1:1:taken:1;"), 3000);
	assert_int_equal(fixture_count(t, one).conflicts, 1);
	assert_int_equal(store_clear_conflict(t, one, &c.source, &err), 0);
	c.since = 4000;
	assert_int_equal(store_put_conflict(t, one, &c, &err), 0);
	assert_int_equal(assert_conflicts(t, one, "1:1:taken:1;"), 4000);
}

static void
conflict_encoding(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct conflict c = some_conflict(1, CONFLICT_STAMP, 1234567890123), back = {0};
	struct err err = {0};

	(void)state;
	conflict_encode(&c, &b);
	assert_int_equal(conflict_decode(buf_bytes(&b), &c.source, &back, &err), 0);
	assert_int_equal(back.reason, CONFLICT_STAMP);
	assert_int_equal(back.since, 1234567890123);
	assert_string_equal(back.source_dn, c.source_dn);
	assert_string_equal(back.what, c.what);
	assert_int_equal(back.n_candidates, 2);
	assert_string_equal(back.candidates[1], c.candidates[1]);
	assert_true(guid_equal(&back.source, &c.source));
	conflict_done(&back);
	assert_null(back.candidates);
	/* Without the GUIDs it is what an older galsync wrote. */
	assert_int_equal(
	    conflict_decode((struct bytes){b.data, b.len - 2 * GUID_LEN}, &c.source, &back, &err),
	    0);
	assert_true(guid_is_zero(&back.candidate_guids[1]));
	conflict_done(&back);
	for (size_t len = 0; len < b.len; len++) {
		_cleanup_(free) void *cut = bytes_dup((struct bytes){b.data, len});

		if (len == b.len - 2 * GUID_LEN)
			continue;
		assert_int_equal(
		    conflict_decode((struct bytes){cut, len}, &c.source, &back, &err), -1);
		assert_int_equal(err.src, ERR_DATA);
	}
	b.data[0] = CONFLICT_REASON_MAX;
	assert_int_equal(conflict_decode(buf_bytes(&b), &c.source, &back, &err), -1);
	b.data[0] = 0;
	buf_add_u8(&b, 0);
	assert_int_equal(conflict_decode(buf_bytes(&b), &c.source, &back, &err), -1);
}

static int
note_source(const struct guid *source, void *arg, struct err *err)
{
	struct seen *s = arg;

	(void)err;
	buf_printf(&s->text, "%u;", source->octets[0]);
	return s->stop;
}

static void
assert_involved(struct store_txn *t, uint32_t link, unsigned char who, const char *expected)
{
	struct guid g = fixture_guid(who, 2);
	struct seen s = {0};
	struct err err = {0};

	buf_add_str(&s.text, "");
	assert_int_equal(store_each_involved(t, link, &g, note_source, &s, &err), 0);
	assert_string_equal((char *)s.text.data, expected);
	buf_done(&s.text);
}

/* A change of the one leads to the conflict of the other. */
static void
conflict_involved(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	uint32_t one = fixture_link(t, "one"), two = fixture_link(t, "two");
	struct conflict c = some_conflict(1, CONFLICT_AMBIGUOUS, 1000);
	struct conflict d = some_conflict(2, CONFLICT_TAKEN, 1000);
	struct guid both[] = {fixture_guid(7, 2), fixture_guid(8, 2)};
	struct guid later[] = {fixture_guid(8, 2), {{0}}};
	struct err err = {0};

	c.candidate_guids = both;
	d.candidate_guids = both;
	d.n_candidates = 1;
	assert_int_equal(store_put_conflict(t, one, &c, &err), 0);
	assert_int_equal(store_put_conflict(t, one, &d, &err), 0);
	assert_int_equal(store_put_conflict(t, two, &d, &err), 0);
	assert_involved(t, one, 7, "1;2;");
	assert_involved(t, one, 8, "1;");
	assert_involved(t, one, 9, "");
	assert_involved(t, two, 7, "2;");
	c.candidate_guids = later;
	assert_int_equal(store_put_conflict(t, one, &c, &err), 0);
	assert_involved(t, one, 7, "2;");
	assert_involved(t, one, 8, "1;");
	assert_int_equal(store_clear_conflict(t, one, &c.source, &err), 0);
	assert_int_equal(store_clear_conflict(t, one, &d.source, &err), 0);
	assert_involved(t, one, 7, "");
	assert_involved(t, one, 8, "");
	assert_involved(t, two, 7, "2;");
}

static void
assert_round(struct store_txn *t, uint32_t link, unsigned char after, const char *expected)
{
	struct guid g = fixture_guid(after, 1);
	struct seen s = {0};
	struct err err = {0};

	buf_add_str(&s.text, "");
	assert_int_equal(store_each_conflict_after(t, link, &g, note_source, &s, &err), 0);
	assert_string_equal((char *)s.text.data, expected);
	buf_done(&s.text);
}

static void
conflict_round(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	uint32_t one = fixture_link(t, "one"), two = fixture_link(t, "two");
	struct guid place = fixture_guid(5, 1);
	struct seen s = {.stop = true};
	struct err err = {0};

	assert_round(t, one, 0, "");
	for (unsigned char i = 2; i <= 8; i = (unsigned char)(i + 2)) {
		struct conflict c = some_conflict(i, CONFLICT_TAKEN, 1000);

		assert_int_equal(store_put_conflict(t, one, &c, &err), 0);
	}
	assert_round(t, one, 0, "2;4;6;8;");
	assert_round(t, one, 4, "6;8;2;4;");
	assert_round(t, one, 5, "6;8;2;4;");
	assert_round(t, one, 8, "2;4;6;8;");
	assert_round(t, one, 9, "2;4;6;8;");
	assert_round(t, two, 4, "");
	assert_int_equal(store_each_conflict_after(t, one, &place, note_source, &s, &err), 0);
	assert_string_equal((char *)s.text.data, "6;");
	buf_done(&s.text);

	assert_int_equal(store_get_conflict_place(t, one, &place, &err), 0);
	assert_true(guid_is_zero(&place));
	place = fixture_guid(5, 1);
	assert_int_equal(store_put_conflict_place(t, one, &place, &err), 0);
	place = fixture_guid(6, 1);
	assert_int_equal(store_get_conflict_place(t, one, &place, &err), 0);
	assert_int_equal(place.octets[0], 5);
	assert_int_equal(store_get_conflict_place(t, two, &place, &err), 0);
	assert_true(guid_is_zero(&place));
}

static void
cursors(void **state)
{
	static const uint8_t cookie[] = {0, 1, 2, 0, 0xff};
	struct fixture *f = *state;
	struct store_txn *t = fixture_begin(f, STORE_WRITE);
	struct bytes v = {0};
	struct err err = {0};

	assert_int_equal(store_get_cursor(t, 1, SOURCE, &v, &err), 0);
	assert_null(v.data);
	assert_int_equal(
	    store_put_cursor(t, 1, SOURCE, (struct bytes){cookie, sizeof cookie}, &err), 0);
	assert_int_equal(store_put_cursor(t, 1, TARGET, bytes_of(""), &err), 0);
	fixture_commit(t);
	t = fixture_begin(f, STORE_READ);
	assert_int_equal(store_get_cursor(t, 1, SOURCE, &v, &err), 0);
	assert_true(bytes_equal(v, (struct bytes){cookie, sizeof cookie}));
	free((void *)(uintptr_t)v.data);
	assert_int_equal(store_get_cursor(t, 1, TARGET, &v, &err), 0);
	assert_non_null(v.data); /* empty, but there */
	assert_int_equal(v.len, 0);
	free((void *)(uintptr_t)v.data);
	assert_int_equal(store_get_cursor(t, 2, SOURCE, &v, &err), 0);
	assert_null(v.data);
	store_abort(t);
}

static void
summaries(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	struct err err = {0};
	char *json = NULL;

	assert_int_equal(store_get_summary(t, 1, &json, &err), 0);
	assert_null(json);
	assert_int_equal(store_put_summary(t, 1, "{\"seen\":1}", &err), 0);
	assert_int_equal(store_put_summary(t, 1, "{\"seen\":2}", &err), 0);
	assert_int_equal(store_get_summary(t, 1, &json, &err), 0);
	assert_string_equal(json, "{\"seen\":2}");
	free(json);
	assert_int_equal(store_get_summary(t, 11, &json, &err), 0);
	assert_null(json);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(waiting),
	    TEST(waiting_replaced),
	    TEST(waiting_exact),
	    TEST(conflicts),
	    TEST(conflict_since),
	    cmocka_unit_test(conflict_encoding),
	    TEST(conflict_involved),
	    TEST(conflict_round),
	    TEST(cursors),
	    TEST(summaries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
