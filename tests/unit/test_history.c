/* SPDX-License-Identifier: MIT */
/* What the journal is asked for, and how its entries are shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsa/base/json.h"
#include "dsa/directory/digest.h"
#include "dsa/directory/value_text.h"
#include "dsa/view/view_change.h"
#include "mapping/journal.h"
#include "tests/support/store_fixture.h"

/* The change of user N's title; MORE changes the entry before it is written. */
typedef void more_fn(struct journal_entry *e);

static uint64_t
write_down(struct store_txn *t, uint32_t link, uint8_t n, more_fn *more)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = journal_entry_new();
	struct guid g = fixture_guid(n, 2);
	struct err err = {0};
	char dn[64];

	(void)snprintf(dn, sizeof dn, "CN=User %u,DC=globex,DC=example", n);
	assert_non_null(e);
	e->link = link;
	e->cycle = 10;
	e->side = TARGET;
	e->at = 1000;
	e->source = fixture_guid(n, 1);
	e->reason = strdup("project");
	e->server = strdup("dc1.globex.example");
	e->change = change_new(CHANGE_MODIFY, dn, &g);
	e->before = entry_new(dn);
	assert_true(e->reason && e->server && e->change && e->before);
	assert_int_equal(change_mod_str(e->change, MOD_DELETE, "title", "Clerk"), 0);
	assert_int_equal(change_mod_str(e->change, MOD_ADD, "title", "Boss"), 0);
	assert_int_equal(entry_add_str(e->before, "title", "Clerk"), 0);
	if (more)
		more(e);
	if (journal_intend(t, e, &err) < 0)
		fail_msg("%s", err.text);
	return e->number;
}

static void
by_wave(struct journal_entry *e)
{
	e->asked = (struct asker){ASKED_BY_WAVE, 3};
	e->cycle = 11;
}

static void
by_user(struct journal_entry *e)
{
	e->asked = (struct asker){ASKED_BY_USER, 3};
	e->undoes = 1;
	e->at = 2000;
}

static int
note(const struct journal_entry *e, void *arg, struct err *err)
{
	(void)err;
	buf_printf(arg, "%llu ", (unsigned long long)e->number);
	return e->number == 5;
}

static void
assert_found(struct store_txn *t, const struct journal_query *q, const char *expected)
{
	_cleanup_(buf_done) struct buf seen = {0};
	struct err err = {0};

	buf_add_str(&seen, "");
	assert_int_equal(journal_find(t, q, note, &seen, &err), 0);
	assert_string_equal((const char *)seen.data, expected);
}

static void
queries(void **state)
{
	struct store_txn *t = ((struct fixture *)*state)->t;
	struct guid two = fixture_guid(2, 1);

	(void)write_down(t, 1, 1, NULL);
	(void)write_down(t, 2, 2, by_wave);
	(void)write_down(t, 1, 2, by_user);
	(void)write_down(t, 3, 1, by_user);
	assert_found(t, &(struct journal_query){.after = 0}, "1 2 3 4 ");
	assert_found(t, &(struct journal_query){.after = 2}, "3 4 ");
	assert_found(t, &(struct journal_query){.after = 4}, "");
	assert_found(t, &(struct journal_query){.cycle = 11}, "2 ");
	assert_found(t, &(struct journal_query){.wave = 3}, "2 ");
	assert_found(t, &(struct journal_query){.wave = 4}, "");
	assert_found(t, &(struct journal_query){.since = 1001}, "3 4 ");
	assert_found(t, &(struct journal_query){.link = {1, 3}}, "1 3 4 ");
	assert_found(t, &(struct journal_query){.link = {2, 0}}, "2 ");
	assert_found(t, &(struct journal_query){.source = &two}, "2 3 ");
	assert_found(t, &(struct journal_query){.source = &two, .link = {1, 0}}, "3 ");
	assert_found(t, &(struct journal_query){.source = &two, .after = 2}, "3 ");
	(void)write_down(t, 1, 1, NULL);
	(void)write_down(t, 1, 1, NULL);
	/* It ends where it is told to. */
	assert_found(t, &(struct journal_query){.after = 3}, "4 5 ");
}

/* ---- who ---- */

static void
created(struct journal_entry *e)
{
	change_free(e->change);
	entry_free(TAKE(e->before));
	e->change = change_new(CHANGE_ADD, "CN=Jo\\, Ann,OU=Staff,DC=globex,DC=example", NULL);
	assert_non_null(e->change);
	e->change->entry = entry_new("CN=Jo\\, Ann,OU=Staff,DC=globex,DC=example");
	assert_non_null(e->change->entry);
	assert_int_equal(entry_add_str(e->change->entry, "mailNickname", "jo"), 0);
	assert_int_equal(
	    entry_add_str(e->change->entry, "proxyAddresses", "SMTP:Jo@Acme.example"), 0);
	assert_int_equal(entry_add_str(e->change->entry, "description", "secret"), 0);
}

static void
assert_who(struct store_txn *t, const char *who, const char *expected)
{
	_cleanup_(buf_done) struct buf seen = {0};
	struct guid_list l = {0};
	struct err err = {0};

	buf_add_str(&seen, "");
	assert_int_equal(journal_find_who(t, who, &l, &err), 0);
	for (size_t i = 0; i < l.n; i++)
		buf_printf(&seen, "%u ", fixture_number(&l.v[i]));
	assert_string_equal((const char *)seen.data, expected);
	free(l.v);
}

/* Who is not in the map any more is known by the names that were written. */
static void
who_left(void **state)
{
	struct store_txn *t = ((struct fixture *)*state)->t;
	struct guid gone = fixture_guid(9, 1);
	char guid[GUID_TEXT_SIZE];
	struct err err = {0};
	uint64_t id;

	(void)write_down(t, 1, 1, NULL);
	(void)write_down(t, 1, 9, created);
	(void)write_down(t, 1, 9, NULL);
	assert_who(t, "jo", "9 ");
	assert_who(t, "JO@acme.EXAMPLE", "9 ");
	assert_who(t, "smtp:jo@acme.example", "9 ");
	assert_who(t, "cn=jo\\2c ann, ou=staff,dc=GLOBEX,dc=example", "9 ");
	guid_format(&gone, guid);
	assert_who(t, guid, "9 ");
	/* A value that names nobody. */
	assert_who(t, "secret", "");
	assert_who(t, "nobody", "");
	/* The map comes first. */
	id = fixture_put(t, 1, 1);
	assert_who(t, "User1@acme.example", "1 ");
	assert_int_equal(store_delete(t, id, &err), 0);
	assert_who(t, "CN=User 1,DC=globex,DC=example", "1 ");
}

/* ---- entries of older releases ---- */

/* As the releases before wrote it: FORMAT 1 without server. */
static void
encode_old(uint8_t format, struct buf *ret)
{
	_cleanup_(change_free) struct change *c = change_new(CHANGE_DELETE, "CN=x,DC=y", NULL);
	struct guid g = fixture_guid(7, 1);
	struct buf inner = {0};

	assert_non_null(c);
	buf_add_u8(ret, format);
	buf_add_u64(ret, 5);
	buf_add_u32(ret, 2);
	buf_add_u8(ret, TARGET);
	buf_add(ret, g.octets, GUID_LEN);
	buf_add_u64(ret, 1700000000);
	buf_add_bytes(ret, bytes_of("leave"));
	if (format == 2)
		buf_add_bytes(ret, bytes_of("dc1"));
	change_encode(c, &inner);
	buf_add_bytes(ret, buf_bytes(&inner));
	buf_add_bytes(ret, (struct bytes){NULL, 0});
	buf_done(&inner);
}

static void
old_formats(void **state)
{
	(void)state;
	for (uint8_t format = 1; format <= 2; format++) {
		_cleanup_(journal_entry_free) struct journal_entry *e = NULL;
		_cleanup_(buf_done) struct buf b = {0};
		struct err err = {0};

		encode_old(format, &b);
		if (journal_decode(buf_bytes(&b), 4, &e, &err) < 0)
			fail_msg("%s", err.text);
		assert_int_equal(e->cycle, 5);
		assert_int_equal(e->at, 1700000000);
		assert_int_equal(fixture_number(&e->source), 7);
		assert_int_equal(e->asked.by, ASKED_BY_NOBODY);
		assert_int_equal(e->undoes, 0);
		assert_string_equal(e->reason, "leave");
		assert_string_equal(e->server, format == 2 ? "dc1" : "");
	}
}

/* ---- how they are shown ---- */

static json_t *
viewed(struct store_txn *t, more_fn *more, const char *flow)
{
	_cleanup_(journal_entry_free) struct journal_entry *e = NULL;
	struct err err = {0};
	uint64_t n = write_down(t, 1, 1, more);
	json_t *o;

	assert_int_equal(journal_get(t, n, &e, &err), 0);
	assert_non_null(e);
	o = view_change(e, flow);
	assert_non_null(o);
	return o;
}

static void
assert_json(const json_t *o, const char *member, const char *expected)
{
	char *text = json_dumps(json_object_get(o, member), JSON_ENCODE_ANY | JSON_COMPACT);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void
modified(void **state)
{
	struct store_txn *t = ((struct fixture *)*state)->t;
	_cleanup_(json_release) json_t *o = viewed(t, by_user, "acme-globex/return");

	assert_json(o, "number", "1");
	assert_json(o, "cycle", "10");
	assert_json(o, "at", "\"1970-01-01T00:33:20Z\"");
	assert_json(o, "link", "\"acme-globex\"");
	assert_json(o, "origin", "\"target\"");
	assert_json(o, "side", "\"source\""); /* of the link, not of its return flow */
	assert_json(o, "forest", "\"globex.example\"");
	assert_json(o, "server", "\"dc1.globex.example\"");
	assert_json(o, "operation", "\"modify\"");
	assert_json(o, "rule", "\"project\"");
	assert_json(o, "asked_by", "\"user 3\"");
	assert_json(o, "undoes", "1");
	assert_json(o, "outcome", "\"open\"");
	assert_json(
	    o, "attributes", "[{\"name\":\"title\",\"old\":[\"Clerk\"],\"new\":[\"Boss\"]}]");
}

static void
replaced_and_cleared(struct journal_entry *e)
{
	by_wave(e);
	assert_int_equal(entry_add_str(e->before, "company", "Acme"), 0);
	assert_int_equal(entry_add_str(e->before, "info", "x"), 0);
	assert_int_equal(change_mod_str(e->change, MOD_REPLACE, "company", "Globex"), 0);
	assert_int_equal(change_mod_str(e->change, MOD_DELETE, "info", "x"), 0);
}

static void
old_and_new(void **state)
{
	struct store_txn *t = ((struct fixture *)*state)->t;
	_cleanup_(json_release) json_t *o = viewed(t, replaced_and_cleared, "l");
	_cleanup_(json_release) json_t *added = viewed(t, created, "l");

	assert_json(o, "asked_by", "\"wave 3\"");
	assert_json(o, "side", "\"target\"");
	assert_json(o, "attributes",
	    "[{\"name\":\"title\",\"old\":[\"Clerk\"],\"new\":[\"Boss\"]},"
	    "{\"name\":\"company\",\"old\":[\"Acme\"],\"new\":[\"Globex\"]},"
	    "{\"name\":\"info\",\"old\":[\"x\"],\"new\":[]}]");
	assert_json(added, "asked_by", "null");
	assert_json(added, "undoes", "null");
	assert_json(added, "operation", "\"add\"");
	assert_json(added, "attributes",
	    "[{\"name\":\"mailNickname\",\"old\":[],\"new\":[\"jo\"]},"
	    "{\"name\":\"proxyAddresses\",\"old\":[],\"new\":[\"SMTP:Jo@Acme.example\"]},"
	    "{\"name\":\"description\",\"old\":[],\"new\":[\"secret\"]}]");
}

static void
assert_text(const char *attr, struct bytes v, const char *expected)
{
	_cleanup_(buf_done) struct buf b = {0};

	value_text(attr, v, &b);
	buf_add_char(&b, '\0');
	assert_string_equal((const char *)b.data, expected);
}

static void
values(void **state)
{
	static const uint8_t sid[] = {1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 9, 4, 0, 0},
			     octets[] = {0, 1, 0xfe};
	struct guid g = {{0x6f, 0, 0, 0, 0x8b, 0x86, 0xd0, 0x11, 1, 2, 3, 4, 5, 6, 7, 8}};
	char large[DIGEST_ABOVE + 1];

	(void)state;
	memset(large, 'x', sizeof large);
	assert_text("title", bytes_of("J\xc3\xb6rg\nx"), "J\xc3\xb6rg\nx");
	assert_text("title", bytes_of(""), "");
	assert_text("msExchMailboxGuid", guid_bytes(&g), "0000006f-868b-11d0-0102-030405060708");
	assert_text("objectSid", (struct bytes){sid, sizeof sid}, "S-1-5-21-1033");
	assert_text("sIDHistory", (struct bytes){sid, sizeof sid}, "S-1-5-21-1033");
	assert_text("userCertificate", (struct bytes){octets, sizeof octets}, "0x0001fe");
	assert_text("title", bytes_of("\x1b[2J"), "0x1b5b324a");
	assert_text("thumbnailPhoto", (struct bytes){large, sizeof large},
	    "4097 octets, SHA-256 "
	    "3e97197f4b8d46a893067c94ab15e195e3d97fb5f24eede5ef047b571240d92b");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(queries, fixture_setup_txn, fixture_teardown),
	    cmocka_unit_test_setup_teardown(who_left, fixture_setup_txn, fixture_teardown),
	    cmocka_unit_test(old_formats),
	    cmocka_unit_test_setup_teardown(modified, fixture_setup_txn, fixture_teardown),
	    cmocka_unit_test_setup_teardown(old_and_new, fixture_setup_txn, fixture_teardown),
	    cmocka_unit_test(values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
