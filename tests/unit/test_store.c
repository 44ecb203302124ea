/* SPDX-License-Identifier: MIT */
/* Records in the map and by what they are found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/store_fixture.h"

static void
links(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *r = NULL;
	struct store_txn *w = fixture_begin(f, STORE_WRITE);
	struct err err = {0};
	char *name = NULL;

	assert_int_equal(fixture_link(w, "acme-globex"), 1);
	assert_int_equal(fixture_link(w, "initech-globex"), 2);
	assert_int_equal(fixture_link(w, "acme-globex"), 1);
	fixture_commit(w);
	r = fixture_begin(f, STORE_READ);
	assert_int_equal(fixture_link(r, "initech-globex"), 2);
	assert_int_equal(fixture_link(r, "unknown"), 0);
	assert_int_equal(fixture_link(r, "Acme-Globex"), 0);
	assert_int_equal(store_link_name(r, 2, &name, &err), 0);
	assert_string_equal(name, "initech-globex");
	free(name);
	assert_int_equal(store_link_name(r, 3, &name, &err), 0);
	assert_null(name);
}

static void
put_get_replace_delete(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	_cleanup_(record_free) struct record *r = fixture_record(1, 7), *back = NULL, *other = NULL;
	struct err err = {0};

	assert_int_equal(store_put(t, r, &err), 0);
	assert_true(r->id == fixture_id(1, 7));
	assert_true(fixture_put(t, 1, 8) == fixture_id(1, 8));
	back = fixture_get(t, r->id);
	assert_non_null(back);
	assert_true(back->id == r->id);
	assert_string_equal(back->alias, "User7");
	assert_true(guid_equal(&back->side[TARGET].guid, &r->side[TARGET].guid));

	assert_int_equal(record_set_str(&back->last_error, "no such object"), 0);
	assert_int_equal(store_put(t, back, &err), 0);
	assert_true(back->id == r->id);
	other = fixture_get(t, r->id);
	assert_string_equal(other->last_error, "no such object");
	assert_int_equal(fixture_count(t, 0).records, 0); /* no link has a name yet */

	assert_int_equal(store_delete(t, r->id, &err), 0);
	assert_int_equal(store_delete(t, r->id, &err), 0);
	assert_int_equal(store_delete(t, 99, &err), 0);
	assert_null(fixture_get(t, r->id));
	assert_null(fixture_get(t, 99));
	assert_true(fixture_put(t, 1, 9) == fixture_id(1, 9));
}

/* What is kept of forests, whatever their names are. */
static void
forests(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	_cleanup_(buf_done) struct buf b = {0};
	struct err err = {0};
	char name[600];

	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = '\0';
	assert_int_equal(store_get_forest(t, "acme", &b, &err), 0);
	assert_int_equal(b.len, 0);
	assert_int_equal(store_put_forest(t, "acme", (struct bytes){"a\0c", 3}, &err), 0);
	assert_int_equal(store_put_forest(t, name, bytes_of("long"), &err), 0);
	assert_int_equal(store_put_forest(t, name, bytes_of("longer"), &err), 0);
	assert_int_equal(store_get_forest(t, "acme", &b, &err), 0);
	assert_true(bytes_equal(buf_bytes(&b), (struct bytes){"a\0c", 3}));
	buf_reset(&b);
	assert_int_equal(store_get_forest(t, name, &b, &err), 0);
	assert_true(bytes_equal(buf_bytes(&b), bytes_of("longer")));
}

static struct record *
find(struct store_txn *t, uint32_t link, enum side side, struct guid g)
{
	struct record *r = NULL;
	struct err err = {0};

	assert_int_equal(store_find_guid(t, link, side, &g, &r, &err), 0);
	return r;
}

static void
assert_found(struct store_txn *t, uint32_t link, enum side side, struct guid g, uint64_t id)
{
	_cleanup_(record_free) struct record *r = find(t, link, side, g);

	assert_int_equal(r ? r->id : 0, id);
}

static void
find_by_guid(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	uint64_t one = fixture_put(t, 1, 7), two = fixture_put(t, 2, 7);
	struct err err = {0};

	assert_found(t, 1, SOURCE, fixture_guid(7, 1), one);
	assert_found(t, 2, SOURCE, fixture_guid(7, 1), two);
	assert_found(t, 0, SOURCE, fixture_guid(7, 1), one);
	assert_found(t, 1, TARGET, fixture_guid(7, 2), one);
	assert_found(t, 3, SOURCE, fixture_guid(7, 1), 0);
	assert_found(t, 1, TARGET, fixture_guid(7, 1), 0);
	assert_found(t, 1, SOURCE, fixture_guid(7, 2), 0);
	assert_found(t, 1, SOURCE, fixture_guid(9, 1), 0);
	assert_int_equal(store_delete(t, one, &err), 0);
	assert_found(t, 1, SOURCE, fixture_guid(7, 1), 0);
	assert_found(t, 2, SOURCE, fixture_guid(7, 1), two);
}

/* 'A' and 'a' among the octets of a GUID or a SID: the hashes of the two are equal, they are not.
 */
static void
hash_twins(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	uint64_t upper = fixture_put(t, 1, 'A'), lower = fixture_put(t, 1, 'a');
	struct hits hits = {0};
	struct err err = {0};

	assert_found(t, 1, SOURCE, fixture_guid('A', 1), upper);
	assert_found(t, 1, SOURCE, fixture_guid('a', 1), lower);
	assert_found(t, 1, TARGET, fixture_guid('a', 2), lower);
	/* S-1-5-21-1121 and S-1-5-21-1089 */
	assert_int_equal(store_lookup(t, KEY_SID, "S-1-5-21-1121", fixture_note, &hits, &err), 0);
	assert_int_equal(hits.n, 1);
	assert_int_equal(hits.ids[0], lower);
	assert_int_equal(store_delete(t, upper, &err), 0);
	assert_found(t, 1, SOURCE, fixture_guid('A', 1), 0);
	assert_found(t, 1, SOURCE, fixture_guid('a', 1), lower);
}

/* A GUID that is not known yet (zero) is no key. */
static void
no_guid(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	_cleanup_(record_free) struct record *r = fixture_record(1, 7);
	struct err err = {0};

	r->side[TARGET].guid = (struct guid){{0}};
	r->state = RECORD_WAITING;
	assert_int_equal(store_put(t, r, &err), 0);
	assert_found(t, 1, TARGET, (struct guid){{0}}, 0);
	r->side[TARGET].guid = fixture_guid(7, 2);
	assert_int_equal(store_put(t, r, &err), 0);
	assert_found(t, 1, TARGET, fixture_guid(7, 2), r->id);
}

static const struct {
	enum store_key key;
	const char *value;
	bool found;
} lookups[] = {
    {KEY_SOURCE_GUID, "33221107-5544-7766-8801-000000000000", true},
    {KEY_SOURCE_GUID, "{33221107-5544-7766-8801-000000000000}", true},
    {KEY_SOURCE_GUID, "33221107-5544-7766-8802-000000000000", false},
    {KEY_SOURCE_GUID, "33221107", false},
    {KEY_TARGET_GUID, "33221107-5544-7766-8802-000000000000", true},
    {KEY_DN, "CN=User 7,OU=Staff,DC=acme,DC=example", true},
    {KEY_DN, "cn=user 7, ou=STAFF, dc=Acme, dc=Example", true},
    {KEY_DN, "CN=User\\207,OU=Staff,DC=globex,DC=example", true},
    {KEY_DN, "<GUID=07>;CN=User 7,OU=Staff,DC=acme,DC=example", true},
    {KEY_DN, "OU=Staff,DC=acme,DC=example", false},
    {KEY_DN, "User 7", false},
    {KEY_DN, "", false},
    {KEY_SID, "S-1-5-21-1031", true},
    {KEY_SID, "s-1-5-21-1287", true},
    {KEY_SID, "S-1-5-21-1032", false},
    {KEY_SID, "S-1-5-21", false},
    {KEY_SID, "nonsense", false},
    {KEY_ADDRESS, "user7@acme.example", true},
    {KEY_ADDRESS, "USER7@GLOBEX.example", true},
    {KEY_ADDRESS, "user7@acme.exampl", false},
    {KEY_ADDRESS, "smtp:user7@acme.example", false}, /* without prefix, says the header */
    {KEY_ADDRESS, "", false},
    {KEY_X500, "/o=acme/cn=User7", true},
    {KEY_X500, "/O=GLOBEX/CN=USER7", true},
    {KEY_X500, "/o=acme/cn=User", false},
    {KEY_ALIAS, "user7", true},
    {KEY_ALIAS, "user8", false},
    {KEY_ALIAS, "user7@acme.example", false},
};

static void
lookup(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	uint64_t id;

	(void)fixture_put(t, 1, 6);
	id = fixture_put(t, 1, 7);
	for (size_t i = 0; i < ARRAY_SIZE(lookups); i++) {
		struct hits hits = {0};
		struct err err = {0};

		assert_int_equal(
		    store_lookup(t, lookups[i].key, lookups[i].value, fixture_note, &hits, &err),
		    0);
		if (hits.n != lookups[i].found || (hits.n && hits.ids[0] != id))
			fail_msg("'%s': %zu found", lookups[i].value, hits.n);
	}
}

/* The keys follow a record: what it no longer has finds nothing, what it kept still does. */
static void
keys_follow(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	_cleanup_(record_free) struct record *r = fixture_get(t, fixture_put(t, 1, 7));
	static const char *const dn = "CN=User 7\\, Jr.,OU=Staff,DC=acme,DC=example";
	static const struct {
		enum store_key key;
		const char *value;
		size_t n;
	} rows[] = {{KEY_DN, "CN=User 7,OU=Staff,DC=acme,DC=example", 0}, {KEY_DN, dn, 1},
	    {KEY_ADDRESS, "user7@acme.example", 0}, {KEY_ADDRESS, "seven@acme.example", 1},
	    {KEY_X500, "/o=acme/cn=user7", 1}, {KEY_X500, "/o=acme/cn=seven", 1},
	    {KEY_ALIAS, "user7", 0}, {KEY_ALIAS, "seven", 1}, {KEY_SID, "S-1-5-21-1031", 1}};
	struct err err = {0};

	assert_int_equal(record_set_str(&r->side[SOURCE].dn, dn), 0);
	record_clear_addresses(r);
	assert_int_equal(record_add_address(r, "Seven@acme.example"), 0);
	assert_int_equal(record_add_legacy_dn(&r->side[SOURCE], "/o=acme/cn=Seven"), 0);
	assert_int_equal(record_set_str(&r->alias, "seven"), 0);
	assert_int_equal(store_put(t, r, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct hits hits = {0};

		assert_int_equal(
		    store_lookup(t, rows[i].key, rows[i].value, fixture_note, &hits, &err), 0);
		assert_int_equal(hits.n, rows[i].n);
	}
	assert_int_equal(store_delete(t, r->id, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct hits hits = {0};

		assert_int_equal(
		    store_lookup(t, rows[i].key, rows[i].value, fixture_note, &hits, &err), 0);
		assert_int_equal(hits.n, 0);
	}
}

/* What several records share finds them all, until the callback has enough. */
static void
shared_keys(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	struct hits hits = {0}, first = {.stop_at = 1};
	struct err err = {0};

	for (uint8_t n = 1; n <= 3; n++) {
		_cleanup_(record_free) struct record *r = fixture_record(n, n);

		assert_int_equal(record_add_address(r, "info@acme.example"), 0);
		assert_int_equal(store_put(t, r, &err), 0);
	}
	assert_int_equal(
	    store_lookup(t, KEY_ADDRESS, "INFO@acme.example", fixture_note, &hits, &err), 0);
	assert_int_equal(hits.n, 3);
	assert_true(hits.ids[0] == fixture_id(3, 3) || hits.ids[1] == fixture_id(3, 3) ||
		    hits.ids[2] == fixture_id(3, 3));
	assert_int_equal(
	    store_lookup(t, KEY_ADDRESS, "info@acme.example", fixture_note, &first, &err), 0);
	assert_int_equal(first.n, 1);
}

static void
lookup_who(void **state)
{
	static const struct {
		const char *who;
		size_t n;
	} rows[] = {
	    {"33221107-5544-7766-8801-000000000000", 1},
	    {"33221107-5544-7766-8802-000000000000", 1},
	    {"S-1-5-21-1287", 1},
	    {"cn=user 7,ou=staff,dc=globex,dc=example", 1},
	    {"user7@acme.example", 1},
	    {"smtp:User7@acme.example", 1},
	    {"SMTP:User7@globex.example", 1},
	    {"X500:/o=acme/cn=User7", 1},
	    {"/o=acme/cn=User7", 1},
	    {"User7", 1},
	    {"user8", 0},
	    {"", 0},
	    {"smtp:", 0},
	    /* the alias of one is the address of another: the address decides */
	    {"user6@acme.example", 1},
	};
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	_cleanup_(record_free) struct record *liar = fixture_record(1, 5);
	uint64_t six = fixture_put(t, 1, 6), seven = fixture_put(t, 1, 7);
	struct err err = {0};

	assert_int_equal(record_set_str(&liar->alias, "user6@acme.example"), 0);
	assert_int_equal(store_put(t, liar, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct hits hits = {0};

		assert_int_equal(store_lookup_who(t, rows[i].who, fixture_note, &hits, &err), 0);
		if (hits.n != rows[i].n)
			fail_msg("'%s': %zu found", rows[i].who, hits.n);
		if (hits.n)
			assert_int_equal(hits.ids[0], i + 1 == ARRAY_SIZE(rows) ? six : seven);
	}
}

/* One GUID that is the source of one link and the target of another: both, each once. */
static void
lookup_who_both_sides(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	_cleanup_(record_free) struct record *r = fixture_record(2, 8),
					     *twice = fixture_record(3, 9);
	struct hits hits = {0}, first = {.stop_at = 1};
	struct err err = {0};

	(void)fixture_put(t, 1, 7);
	r->side[TARGET].guid = fixture_guid(7, 1);
	assert_int_equal(store_put(t, r, &err), 0);
	twice->side[SOURCE].guid = twice->side[TARGET].guid = fixture_guid(7, 1);
	assert_int_equal(store_put(t, twice, &err), 0);
	assert_int_equal(
	    store_lookup_who(t, "33221107-5544-7766-8801-000000000000", fixture_note, &hits, &err),
	    0);
	assert_int_equal(hits.n, 3);
	assert_int_equal(
	    store_lookup_who(t, "33221107-5544-7766-8801-000000000000", fixture_note, &first, &err),
	    0);
	assert_int_equal(first.n, 1);
}

static void
each(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	struct hits all = {0}, two = {0}, first = {.stop_at = 2}, none = {0};
	struct err err = {0};

	assert_int_equal(store_each(t, 0, fixture_note, &none, &err), 0);
	assert_int_equal(none.n, 0);
	for (uint8_t n = 1; n <= 5; n++)
		(void)fixture_put(t, 1 + n % 2, n);
	assert_int_equal(store_each(t, 0, fixture_note, &all, &err), 0);
	assert_int_equal(all.n, 5);
	for (size_t i = 1; i < 5; i++)
		assert_true(all.ids[i - 1] < all.ids[i]);
	assert_int_equal(store_each(t, 2, fixture_note, &two, &err), 0);
	assert_int_equal(two.n, 3);
	assert_int_equal(store_each(t, 0, fixture_note, &first, &err), 0);
	assert_int_equal(first.n, 2);
	/* Anything but 0 stops, and is no error of the store. */
}

static void
counts(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_WRITE);
	uint32_t one = fixture_link(t, "one"), two = fixture_link(t, "two");
	_cleanup_(record_free) struct record *r = fixture_get(t, fixture_put(t, one, 1));
	struct store_counts n;
	struct err err = {0};

	(void)fixture_put(t, one, 2);
	(void)fixture_put(t, two, 3);
	n = fixture_count(t, one);
	assert_int_equal(n.records, 2);
	assert_int_equal(n.by_state[RECORD_SYNCED], 2);
	assert_int_equal(n.matched, 2);
	assert_int_equal(n.created, 0);
	assert_int_equal(fixture_count(t, 0).records, 3);
	assert_int_equal(fixture_count(t, 9).records, 0);
	assert_int_equal(n.bytes_max, 16 << 20);
	assert_in_range(n.bytes_used, 1, n.bytes_max);

	assert_int_equal(store_put(t, r, &err), 0); /* nothing moved */
	assert_int_equal(fixture_count(t, one).records, 2);
	r->state = RECORD_ERROR;
	r->created = true;
	assert_int_equal(store_put(t, r, &err), 0);
	n = fixture_count(t, one);
	assert_int_equal(n.records, 2);
	assert_int_equal(n.by_state[RECORD_SYNCED], 1);
	assert_int_equal(n.by_state[RECORD_ERROR], 1);
	assert_int_equal(n.created, 1);
	assert_int_equal(n.matched, 1);
	r->link = two;
	assert_int_equal(store_put(t, r, &err), 0);
	assert_int_equal(fixture_count(t, one).records, 1);
	assert_int_equal(fixture_count(t, two).records, 2);
	assert_int_equal(store_delete(t, r->id, &err), 0);
	n = fixture_count(t, two);
	assert_int_equal(n.records, 1);
	assert_int_equal(n.by_state[RECORD_ERROR], 0);
	assert_int_equal(n.created, 0);
}

/* What was committed is there when the map is opened again, and numbering goes on. */
static void
reopen(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *r = NULL;
	struct store_txn *t = fixture_begin(f, STORE_WRITE);
	struct hits hits = {0};
	struct err err = {0};
	uint32_t link = fixture_link(t, "acme-globex");

	for (uint8_t n = 1; n <= 100; n++)
		(void)fixture_put(t, link, n);
	fixture_commit(t);
	store_close(f->s);
	fixture_open_store(f, 0);
	t = fixture_begin(f, STORE_WRITE);
	assert_true(fixture_put(t, link, 101) == fixture_id(link, 101));
	fixture_commit(t);
	r = fixture_begin(f, STORE_READ);
	assert_int_equal(fixture_count(r, link).records, 101);
	assert_int_equal(store_lookup(r, KEY_ALIAS, "user42", fixture_note, &hits, &err), 0);
	assert_int_equal(hits.n, 1);
	assert_true(hits.ids[0] == fixture_id(link, 42));
}

/* A reader's transaction writes nothing. */
static void
read_only(void **state)
{
	struct fixture *f = *state;
	_cleanup_(store_abort) struct store_txn *t = fixture_begin(f, STORE_READ);
	_cleanup_(record_free) struct record *r = fixture_record(1, 7);
	struct err err = {0};

	assert_int_equal(store_put(t, r, &err), -1);
	assert_int_equal(err.src, ERR_SYS);
	assert_int_equal(err.code, EACCES);
	assert_int_equal(r->id, 0);
	assert_int_equal(store_put_cursor(t, 1, SOURCE, bytes_of("x"), &err), -1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(links),
	    TEST(put_get_replace_delete),
	    TEST(forests),
	    TEST(find_by_guid),
	    TEST(hash_twins),
	    TEST(no_guid),
	    TEST(lookup),
	    TEST(keys_follow),
	    TEST(shared_keys),
	    TEST(lookup_who),
	    TEST(lookup_who_both_sides),
	    TEST(each),
	    TEST(counts),
	    TEST(reopen),
	    TEST(read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
