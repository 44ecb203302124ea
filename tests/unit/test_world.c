/* SPDX-License-Identifier: MIT */

/* The world of a cycle, without a cycle: what is found by which key, and who holds and claims what.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "dsa/base/text_fold.h"
#include "dsa/rules/names.h"
#include "tests/support/store_fixture.h"
#include "tests/unit/world_fixture.h"

#define FIRST_ATTR MATCH_KEY_ATTR /* employeeID */
#define MANY 200

/* ---- entries ---- */

static void
entries(void **state)
{
	_cleanup_(entry_free) struct entry *e = NULL;

	(void)state;
	open_world(NULL, NULL, false);
	assert_int_equal(world_count(f.w, TARGET), 0);
	assert_int_equal(put_new(TARGET, THERE("user", "Ann", "")), 0);
	assert_int_equal(put_new(TARGET, THERE("user", "Bea", "mail: bea@x\n")), 1);
	assert_int_equal(world_count(f.w, TARGET), 2);
	assert_int_equal(world_count(f.w, SOURCE), 0);
	check(world_get(f.w, TARGET, 1, &e, &f.err));
	assert_string_equal(e->dn, "CN=Bea" GLOBEX);
	assert_string_equal(entry_get_str(e, "mail"), "bea@x");

	assert_int_equal(number_of_dn(TARGET, "CN=Bea" GLOBEX), 1);
	assert_int_equal(number_of_dn(TARGET, "cn=bea, ou=ACME,dc=Globex,DC=example"), 1);
	assert_int_equal(
	    number_of_dn(TARGET, "<GUID=11111111-1111-1111-1111-111111111111>;CN=Bea" GLOBEX), 1);
	assert_int_equal(number_of_dn(SOURCE, "CN=Bea" GLOBEX), WORLD_NONE);
	assert_int_equal(number_of_dn(TARGET, "CN=Cid" GLOBEX), WORLD_NONE);
	assert_int_equal(number_of_dn(TARGET, "no name"), WORLD_NONE);
	assert_int_equal(number_of_dn(TARGET, ""), WORLD_NONE);
	assert_int_equal(number_of_guid(TARGET, 1), 1);
	assert_int_equal(number_of_guid(TARGET, 2), WORLD_NONE);
	close_world();
}

static void
vanished(void **state)
{
	_cleanup_(entry_free) struct entry *e = NULL;

	(void)state;
	open_world(NULL, NULL, false);
	(void)put_new(TARGET, THERE("user", "Ann", "mail: ann@x\nsAMAccountName: ann\n"));
	check(world_vanish(f.w, TARGET, 0, &f.err));
	assert_int_equal(number_of_dn(TARGET, "CN=Ann" GLOBEX), WORLD_NONE);
	assert_int_equal(number_of_guid(TARGET, 0), WORLD_NONE);
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "ann@x"), "");
	assert_string_equal(found_by(TARGET, MATCH_KEY_SAM_FOLDED, "ann"), "");
	check(world_get(f.w, TARGET, 0, &e, &f.err));
	assert_string_equal(e->dn, "");
	assert_int_equal(world_count(f.w, TARGET), 1);
	/* Its number is free for what comes back. */
	assert_int_equal(put(TARGET, THERE("user", "Ann", "mail: ann@x\n"), 0), 0);
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "ann@x"), "0");
	close_world();
}

/* The index keeps what an object had before. */
static void
changed(void **state)
{
	(void)state;
	open_world(NULL, NULL, false);
	(void)put_new(TARGET, THERE("user", "Ann", "mail: ann@x\nsAMAccountName: ann\n"));
	(void)put(TARGET, THERE("user", "Bea", "mail: bea@x\nsAMAccountName: bea\n"), 0);
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "ann@x"), "");
	assert_string_equal(found_by(TARGET, MATCH_KEY_SAM, "ann"), "");
	assert_int_equal(number_of_dn(TARGET, "CN=Ann" GLOBEX), WORLD_NONE);
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "bea@x"), "0");
	assert_string_equal(found_by(TARGET, MATCH_KEY_SAM, "bea"), "0");
	assert_int_equal(number_of_dn(TARGET, "CN=Bea" GLOBEX), 0);
	/* What it has twice is one hit. */
	(void)put(TARGET, THERE("user", "Bea", "mail: bea@x\nproxyAddresses: SMTP:bea@x\n"), 0);
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "bea@x"), "0");
	close_world();
}

/* ---- keys ---- */

#define OTHER_GUID "22222222-2222-2222-2222-222222222222"

static const struct key_case {
	const char *object; /* the only one of the target */
	unsigned key;
	const char *value;
	bool hit;
} keys[] = {
    {THERE("user", "Ann", "mail: ann@x\n"), MATCH_KEY_SMTP, "ANN@x", true},
    {THERE("user", "Ann", "proxyAddresses: smtp:ann@x\n"), MATCH_KEY_SMTP, "ann@x", true},
    {THERE("user", "Ann", "proxyAddresses: X500:ann@x\n"), MATCH_KEY_SMTP, "ann@x", false},
    {THERE("contact", "Ann", "targetAddress: SMTP:ann@x\n"), MATCH_KEY_SMTP, "ann@x", true},
    {THERE("user", "Ann", "targetAddress: SMTP:ann@x\nmsExchHomeServerName: /o=x\n"),
	MATCH_KEY_SMTP, "ann@x", false},
    {THERE("user", "Ann", "legacyExchangeDN: /o=x/cn=Ann\n"), MATCH_KEY_X500, "/O=X/CN=ann", true},
    {THERE("user", "Ann", "proxyAddresses: X500:/o=x\n"), MATCH_KEY_X500, "/o=x", true},
    {THERE("user", "Ann", "proxyAddresses: smtp:/o=x\n"), MATCH_KEY_X500, "/o=x", false},
    {THERE("user", "Ann", "sAMAccountName: ann\n"), MATCH_KEY_SAM, "ANN", true},
    {THERE("user", "Ann", "sAMAccountName: ann\n"), MATCH_KEY_SAM, "ann2", false},
    {THERE("user", "Ann", "sAMAccountName: anné\n"), MATCH_KEY_SAM, "anne", false},
    {THERE("user", "Ann", "userPrincipalName: ann@x\n"), MATCH_KEY_UPN, "ann@X", true},
    {THERE("user", "Ann", "userPrincipalName: ann@x\n"), MATCH_KEY_SMTP, "ann@x", false},
    {THERE("user", "Ann", "employeeID: 7\n"), FIRST_ATTR, "7", true},
    {THERE("user", "Ann", "employeeNumber: 7\n"), FIRST_ATTR, "7", false},
    {THERE("user", "Ann", "employeeID: 7\n"), FIRST_ATTR + 1, "7", false},
};

static void
found_by_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		open_world(NULL, NULL, false);
		(void)put_new(TARGET, keys[i].object);
		given_same(i, keys[i].value, found_by(TARGET, keys[i].key, keys[i].value),
		    keys[i].hit ? "0" : "");
		close_world();
	}
	given_all_same();
}

static const struct {
	const char *object;
	enum match_key key;
	const char *value; /* before it is folded */
	bool hit;
} folded[] = {
    {THERE("user", "Ann", ""), MATCH_KEY_NAME, "ann", true},
    {THERE("user", "Anné", ""), MATCH_KEY_NAME, "ANNE", true},
    {THERE("user", "Bea", ""), MATCH_KEY_NAME, "Ann", false},
    {THERE("user", "X", "sAMAccountName: anné\n"), MATCH_KEY_SAM_FOLDED, "Anne", true},
    {THERE("user", "X", "sAMAccountName: ann\n"), MATCH_KEY_SAM_FOLDED, "anne", false},
    {THERE("user", "X", "userPrincipalName: Anné@x\n"), MATCH_KEY_UPN_FOLDED, "anne@X", true},
    {THERE("user", "X", "sAMAccountName: ann\n"), MATCH_KEY_UPN_FOLDED, "ann", false},
};

static void
found_by_folded_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(folded); i++) {
		_cleanup_(free) char *fold = folded[i].key == MATCH_KEY_NAME
						 ? names_key("OU=Acme," GLOBEX_DN, folded[i].value)
						 : text_fold_key(folded[i].value);

		open_world(NULL, NULL, false);
		(void)put_new(TARGET, folded[i].object);
		given_same(i, folded[i].value, found_by(TARGET, folded[i].key, fold),
		    folded[i].hit ? "0" : "");
		close_world();
	}
	given_all_same();
}

static void
found_by_octets(void **state)
{
	static const uint8_t sid[] = {1, 1, 0, 0, 0, 0, 0, 5, 'A', 0, 0, 0},
			     other[] = {1, 1, 0, 0, 0, 0, 0, 5, 'a', 0, 0, 0};
	_cleanup_(entry_free) struct entry *e = given_entry(
	    THERE("user", "Ann", "extensionAttribute15: galsync:created:" OTHER_GUID "\n"));
	struct world_query q = world_query(TARGET, MATCH_KEY_SID, (struct bytes){sid, sizeof sid});
	uint32_t index = WORLD_NONE;
	struct guid g;

	(void)state;
	open_world(NULL, NULL, false);
	assert_int_equal(entry_add(e, "sIDHistory", q.value), 0);
	check(world_put(f.w, TARGET, e, &index, &f.err));
	assert_string_equal(found(&q), "0");
	/* Octets have no case, though their hashes do. */
	q.value.data = other;
	assert_string_equal(found(&q), "");

	assert_true(guid_parse(OTHER_GUID, &g));
	q = world_query(TARGET, MATCH_KEY_STAMP, guid_bytes(&g));
	assert_string_equal(found(&q), "0");
	q.value = guid_bytes(&e->guid);
	assert_string_equal(found(&q), "");
	/* On the source nothing is found by what only a target has. */
	index = WORLD_NONE;
	check(world_put(f.w, SOURCE, e, &index, &f.err));
	q = world_query(SOURCE, MATCH_KEY_STAMP, guid_bytes(&g));
	assert_string_equal(found(&q), "");
	close_world();
}

/* ---- which hits ---- */

static void
no_bound(void **state)
{
	const struct world_query q = world_query(TARGET, MATCH_KEY_SMTP, bytes_of("help@x"));
	_cleanup_(buf_done) struct buf want = {0};
	uint32_t number = 0;

	(void)state;
	open_world(NULL, NULL, false);
	for (unsigned i = 0; i < MANY; i++) {
		char ldif[256];

		(void)snprintf(
		    ldif, sizeof ldif, THERE("contact", "C%u", "targetAddress: SMTP:help@x\n"), i);
		assert_int_equal(put_new(TARGET, ldif), i);
		buf_printf(&want, "%s%u", i ? " " : "", i);
	}
	assert_string_equal(found(&q), (const char *)want.data);
	/* Then claims. */
	for (unsigned i = 0; i < 3; i++) {
		(void)put_new(SOURCE, MAILBOX("Ann", "ann", ""));
		check(world_claim(f.w, TARGET, MATCH_KEY_SMTP, bytes_of("HELP@x"), i, &f.err));
		buf_printf(&want, " c%u", i);
	}
	assert_string_equal(found(&q), (const char *)want.data);
	enough = 2;
	assert_string_equal(found(&q), "0 1");
	enough = 0;
	number = number_of_guid(TARGET, MANY - 1);
	assert_int_equal(number, MANY - 1);
	close_world();
}

static void
exceptions(void **state)
{
	struct world_query q = world_query(TARGET, MATCH_KEY_SMTP, bytes_of("a@x"));

	(void)state;
	open_world(NULL, NULL, false);
	(void)put_new(TARGET, THERE("user", "Ann", "mail: a@x\n"));
	(void)put_new(TARGET, THERE("user", "Bea", "mail: a@x\n"));
	(void)put_new(SOURCE, MAILBOX("Cid", "cid", ""));
	(void)put_new(SOURCE, MAILBOX("Dan", "dan", ""));
	check(world_claim_address(f.w, TARGET, bytes_of("smtp:A@x"), 0, &f.err));
	check(world_claim_address(f.w, TARGET, bytes_of("SMTP:a@x"), 1, &f.err));
	check(world_claim_address(f.w, TARGET, bytes_of("SMTP:a@x"), 1, &f.err));
	assert_string_equal(found(&q), "0 1 c0 c1");
	q.but_entry = 0;
	assert_string_equal(found(&q), "1 c0 c1");
	q.but_claim = 1;
	assert_string_equal(found(&q), "1 c0");
	q = world_query_entries(TARGET, MATCH_KEY_SMTP, bytes_of("a@x"));
	assert_string_equal(found(&q), "0 1");
	q.but_entry = 1;
	assert_string_equal(found(&q), "0");
	/* Each side has claims of its own, and each sort of value. */
	assert_string_equal(found_by(SOURCE, MATCH_KEY_SMTP, "a@x"), "");
	assert_string_equal(found_by(TARGET, MATCH_KEY_X500, "a@x"), "");
	check(world_claim_address(f.w, SOURCE, bytes_of("X500:/o=x"), 1, &f.err));
	assert_string_equal(found_by(SOURCE, MATCH_KEY_X500, "/o=x"), "c1");
	/* A claim ends with the object that made it. */
	check(world_vanish(f.w, SOURCE, 1, &f.err));
	assert_string_equal(found_by(SOURCE, MATCH_KEY_X500, "/o=x"), "");
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "a@x"), "0 1 c0");
	close_world();
}

static int
end_badly(struct world_hit *hit, void *arg, struct err *err)
{
	(*(unsigned *)arg)++;
	return err_data(err, "'%s' is too much", hit->entry->dn);
}

static void
failing(void **state)
{
	const struct world_query q = world_query(TARGET, MATCH_KEY_SMTP, bytes_of("a@x"));
	unsigned calls = 0;

	(void)state;
	open_world(NULL, NULL, false);
	(void)put_new(TARGET, THERE("user", "Ann", "mail: a@x\n"));
	(void)put_new(TARGET, THERE("user", "Bea", "mail: a@x\n"));
	assert_int_equal(world_find_each(f.w, &q, end_badly, &calls, &f.err), -1);
	assert_string_equal(f.err.text, "'CN=Ann" GLOBEX "' is too much");
	assert_int_equal(calls, 1);
	close_world();
}

static int
keep_hit(struct world_hit *hit, void *arg, struct err *err)
{
	(void)err;
	*(struct entry **)arg = TAKE(hit->entry);
	return 1;
}

static void
taken_entry(void **state)
{
	const struct world_query q = world_query(TARGET, MATCH_KEY_SMTP, bytes_of("a@x"));
	_cleanup_(entry_free) struct entry *e = NULL;

	(void)state;
	open_world(NULL, NULL, false);
	(void)put_new(TARGET, THERE("user", "Ann", "mail: a@x\n"));
	assert_int_equal(world_find_each(f.w, &q, keep_hit, &e, &f.err), 1);
	assert_string_equal(e->dn, "CN=Ann" GLOBEX);
	close_world();
}

static void
owners(void **state)
{
	uint32_t owner = 0;

	(void)state;
	open_world(NULL, NULL, false);
	check(world_get_owner(f.w, 0, &owner, &f.err));
	assert_int_equal(owner, WORLD_NONE);
	check(world_set_owner(f.w, 0, 7, &f.err));
	check(world_set_owner(f.w, 1, 8, &f.err));
	check(world_get_owner(f.w, 0, &owner, &f.err));
	assert_int_equal(owner, 7);
	check(world_set_owner(f.w, 0, 9, &f.err));
	check(world_get_owner(f.w, 0, &owner, &f.err));
	assert_int_equal(owner, 9);
	close_world();
}

/* ---- who holds an address ---- */

/* In the target are the object and a user without anything, in the source Cid and Dan; Dan claims
 * dan@x and X500:/o=dan on the target. */
static const struct holder_case {
	const char *object; /* entry 0 */
	const char *address;
	const char *want; /* its DN, or NULL */
	uint32_t self, claimant;
} holders[] = {
    {THERE("user", "Ann", "proxyAddresses: smtp:a@x\n"), "smtp:a@x", "CN=Ann" GLOBEX, 1, 0},
    {THERE("user", "Ann", "proxyAddresses: SMTP:A@x\n"), "smtp:a@x", "CN=Ann" GLOBEX, 1, 0},
    {THERE("user", "Ann", "proxyAddresses: smtp:a@x\n"), "SMTP:a@X", "CN=Ann" GLOBEX, WORLD_NONE,
	WORLD_NONE},
    {THERE("user", "Ann", "proxyAddresses: smtp:a@x\n"), "smtp:a@x", NULL, 0, 0},
    {THERE("user", "Ann", "proxyAddresses: smtp:a@x\n"), "smtp:b@x", NULL, 1, 0},
    {THERE("user", "Ann", "mail: A@x\n"), "smtp:a@x", "CN=Ann" GLOBEX, 1, 0},
    {THERE("user", "Ann", "mail: a@x\n"), "smtp:a@x", NULL, 0, 0},
    {THERE("contact", "Ann", "targetAddress: SMTP:a@x\n"), "smtp:a@x", NULL, 1, 0},
    {THERE("contact", "Ann", "targetAddress: SMTP:a@x\nmail: a@x\n"), "smtp:a@x", "CN=Ann" GLOBEX,
	1, 0},
    {THERE("group", "Ann", "legacyExchangeDN: /o=x\n"), "X500:/O=x", "CN=Ann" GLOBEX, 1, 0},
    {THERE("group", "Ann", "proxyAddresses: x500:/o=x\n"), "X500:/o=x", "CN=Ann" GLOBEX, 1, 0},
    {THERE("group", "Ann", "legacyExchangeDN: a@x\n"), "smtp:a@x", NULL, 1, 0},
    {THERE("group", "Ann", "mail: /o=x\n"), "X500:/o=x", NULL, 1, 0},
    {THERE("user", "Ann", "userPrincipalName: a@x\n"), "smtp:a@x", NULL, 1, 0},
    {THERE("user", "Ann", ""), "smtp:dan@x", "CN=Dan" ACME, 1, 0},
    {THERE("user", "Ann", ""), "smtp:dan@x", "CN=Dan" ACME, WORLD_NONE, 0},
    {THERE("user", "Ann", ""), "SMTP:DAN@x", NULL, 1, 1},
    {THERE("user", "Ann", ""), "X500:/O=DAN", "CN=Dan" ACME, 1, 0},
    {THERE("user", "Ann", "mail: dan@x\n"), "smtp:dan@x", "CN=Ann" GLOBEX, 1, 0},
    {THERE("user", "Ann", "mail: dan@x\n"), "smtp:dan@x", "CN=Dan" ACME, 0, 0},
    {THERE("user", "Ann", "mail: dan@x\n"), "smtp:dan@x", NULL, 0, 1},
};

static struct entry *
holder_of(enum side side, const char *address, uint32_t self, uint32_t claimant)
{
	struct entry *e = NULL;

	check(world_find_holder(f.w, side, bytes_of(address), self, claimant, &e, &f.err));
	return e;
}

static void
held(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(holders); i++) {
		const struct holder_case *h = &holders[i];
		_cleanup_(entry_free) struct entry *e = NULL;

		open_world(NULL, NULL, false);
		(void)put_new(TARGET, h->object);
		(void)put_new(TARGET, THERE("user", "Nobody", ""));
		(void)put_new(SOURCE, MAILBOX("Cid", "cid", ""));
		(void)put_new(SOURCE, MAILBOX("Dan", "dan", ""));
		check(world_claim_address(f.w, TARGET, bytes_of("smtp:Dan@x"), 1, &f.err));
		check(world_claim_address(f.w, TARGET, bytes_of("X500:/o=dan"), 1, &f.err));
		e = holder_of(TARGET, h->address, h->self, h->claimant);
		given_same(i, h->address, e ? e->dn : NULL, h->want);
		close_world();
	}
	given_all_same();
}

/* However many stand for the address, the one that has it is found. */
static void
held_behind_many(void **state)
{
	_cleanup_(entry_free) struct entry *e = NULL;

	(void)state;
	open_world(NULL, NULL, false);
	for (unsigned i = 0; i < MANY; i++) {
		char ldif[256];

		(void)snprintf(
		    ldif, sizeof ldif, THERE("contact", "C%u", "targetAddress: SMTP:help@x\n"), i);
		(void)put_new(TARGET, ldif);
	}
	assert_null(holder_of(TARGET, "smtp:help@x", WORLD_NONE, 0));
	(void)put_new(TARGET, THERE("user", "Help", "proxyAddresses: smtp:help@x\n"));
	e = holder_of(TARGET, "smtp:help@x", WORLD_NONE, 0);
	assert_string_equal(e->dn, "CN=Help" GLOBEX);
	close_world();
}

/* ---- what the map promised ---- */

#define BORN "33333333-3333-3333-3333-333333333333"

#define EVE_ABROAD "CN=Eve,DC=initech,DC=example"
#define EVE "CN=Eve" GLOBEX
#define TWO_DAYS_S ((int64_t)2 * 24 * 3600)

/* A record of the map, and whether it makes a holder of an address that no object has. */
static const struct promise_case {
	const char *link; /* whose record it is */
	enum record_state state;
	const char *source_dn, *target_dn;
	const char *target_guid; /* or NULL: it is to be created */
	const char *address;
	const char *asked;
	const char *want; /* the DN of the holder, or NULL */
	int64_t age_s;
} promises[] = {
    {"initech-globex", RECORD_SYNCED, EVE_ABROAD, EVE, BORN, "eve@x", "smtp:EVE@x", EVE, 0},
    {"initech-globex", RECORD_PENDING, EVE_ABROAD, EVE, NULL, "eve@x", "smtp:eve@x", EVE, 0},
    {"initech-globex", RECORD_ERROR, EVE_ABROAD, EVE, BORN, "eve@x", "smtp:eve@x", EVE, 0},
    {"initech-globex", RECORD_SYNCED, EVE_ABROAD, EVE, BORN, "/o=eve", "X500:/o=eve", EVE, 0},
    {"initech-globex", RECORD_SYNCED, EVE_ABROAD, EVE, BORN, "eve@x", "smtp:other@x", NULL, 0},
    /* It left; it is our own; it is in other forests. */
    {"initech-globex", RECORD_LEFT, EVE_ABROAD, EVE, BORN, "eve@x", "smtp:eve@x", NULL, 0},
    {"acme-globex", RECORD_SYNCED, "CN=Eve" ACME, EVE, BORN, "eve@x", "smtp:eve@x", NULL, 0},
    {"initech-umbrella", RECORD_SYNCED, EVE_ABROAD, "CN=Eve,DC=umbrella,DC=example", BORN, "eve@x",
	"smtp:eve@x", NULL, 0},
    /* Its source may be in this forest too. */
    {"globex-initech", RECORD_SYNCED, EVE, EVE_ABROAD, BORN, "eve@x", "smtp:eve@x", EVE, 0},
    /* What was written long ago would be here by now; what was not finished may come. */
    {"initech-globex", RECORD_SYNCED, EVE_ABROAD, EVE, BORN, "eve@x", "smtp:eve@x", NULL,
	TWO_DAYS_S},
    {"initech-globex", RECORD_WAITING, EVE_ABROAD, EVE, BORN, "eve@x", "smtp:eve@x", NULL,
	TWO_DAYS_S},
    {"initech-globex", RECORD_PENDING, EVE_ABROAD, EVE, BORN, "eve@x", "smtp:eve@x", EVE,
	TWO_DAYS_S},
    {"initech-globex", RECORD_ERROR, EVE_ABROAD, EVE, BORN, "eve@x", "smtp:eve@x", EVE, TWO_DAYS_S},
    /* The objects of another domain never come. */
    {"initech-globex", RECORD_SYNCED, EVE_ABROAD, "CN=Eve,DC=lab,DC=globex,DC=example", BORN,
	"eve@x", "smtp:eve@x", "CN=Eve,DC=lab,DC=globex,DC=example", TWO_DAYS_S},
};

static void
put_promise(struct store_txn *t, const struct promise_case *p)
{
	_cleanup_(record_free) struct record *r = given_record(NULL);
	bool x500 = *p->address == '/';
	uint32_t ignored;

	check(store_link_id(t, "acme-globex", &ignored, &f.err));
	check(store_link_id(t, "other", &ignored, &f.err));
	check(store_link_id(t, p->link, &r->link, &f.err));
	r->id = 0;
	r->state = p->state;
	r->synced_at = NOW_S - p->age_s;
	assert_true(!p->target_guid || guid_parse(p->target_guid, &r->side[TARGET].guid));
	assert_int_equal(record_set_str(&r->side[SOURCE].dn, p->source_dn), 0);
	assert_int_equal(record_set_str(&r->side[TARGET].dn, p->target_dn), 0);
	assert_int_equal(x500 ? record_add_legacy_dn(&r->side[TARGET], p->address)
			      : record_add_address(r, p->address),
	    0);
	check(store_put(t, r, &f.err));
}

static void
promised(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(promises); i++) {
		const struct promise_case *p = &promises[i];
		struct store_txn *t = fixture_begin(*state, STORE_WRITE);
		_cleanup_(entry_free) struct entry *e = NULL;

		open_world(NULL, NULL, false);
		put_promise(t, p);
		assert_null(holder_of(TARGET, p->asked, WORLD_NONE, WORLD_NONE));
		f.run.map = t;
		e = holder_of(TARGET, p->asked, WORLD_NONE, WORLD_NONE);
		given_same(i, p->asked, e ? e->dn : NULL, p->want);
		close_world();
		store_abort(t);
	}
	given_all_same();
}

/* A record whose counterpart was read, and does not have the address, is out of date. */
static void
promise_disproved(void **state)
{
	_cleanup_(entry_free) struct entry *e = given_entry(THERE("user", "Eve", "")),
					   *holder = NULL;
	struct store_txn *t = fixture_begin(*state, STORE_WRITE);
	uint32_t index = WORLD_NONE;

	open_world(NULL, NULL, false);
	assert_true(guid_parse(BORN, &e->guid));
	put_promise(t, &promises[0]);
	f.run.map = t;
	check(world_put(f.w, TARGET, e, &index, &f.err));
	assert_null(holder_of(TARGET, "smtp:eve@x", WORLD_NONE, WORLD_NONE));
	assert_null(holder_of(TARGET, "smtp:eve@x", index, WORLD_NONE));
	check(world_vanish(f.w, TARGET, index, &f.err));
	holder = holder_of(TARGET, "smtp:eve@x", WORLD_NONE, WORLD_NONE);
	assert_non_null(holder);
	assert_memory_equal(holder->guid.octets, e->guid.octets, GUID_LEN);
	close_world();
	store_abort(t);
}

/* While the GUID of the counterpart was not learned, its DN is known. */
static void
promise_disproved_by_name(void **state)
{
	struct store_txn *t = fixture_begin(*state, STORE_WRITE);

	open_world(NULL, NULL, false);
	put_promise(t, &promises[1]);
	f.run.map = t;
	(void)put_new(TARGET, THERE("user", "Eve", ""));
	assert_null(holder_of(TARGET, "smtp:eve@x", WORLD_NONE, WORLD_NONE));
	close_world();
	store_abort(t);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(entries),
	    cmocka_unit_test(vanished),
	    cmocka_unit_test(changed),
	    cmocka_unit_test(found_by_key),
	    cmocka_unit_test(found_by_folded_name),
	    cmocka_unit_test(found_by_octets),
	    cmocka_unit_test(no_bound),
	    cmocka_unit_test(exceptions),
	    cmocka_unit_test(failing),
	    cmocka_unit_test(taken_entry),
	    cmocka_unit_test(owners),
	    cmocka_unit_test(held),
	    cmocka_unit_test(held_behind_many),
	    cmocka_unit_test_setup_teardown(promised, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(promise_disproved, fixture_setup, fixture_teardown),
	    cmocka_unit_test_setup_teardown(
		promise_disproved_by_name, fixture_setup, fixture_teardown),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&hits);
	return rc;
}
