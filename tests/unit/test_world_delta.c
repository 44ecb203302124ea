/* SPDX-License-Identifier: MIT */

/* What the world reads: all in a full cycle; in a delta what is asked for, once and many at a time,
 * and nothing while nothing may be read. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/world_fixture.h"

/* Of an object of the target. */
static struct guid
guid_of(const char *dn)
{
	const struct entry *e = fakedir_find(f.fd[TARGET], dn);

	assert_non_null(e);
	return e->guid;
}

static void
demand_text(enum side side, unsigned key, const char *value)
{
	check(world_demand(f.w, side, key, bytes_of(value), &f.err));
}

static void
fetch(enum side side)
{
	check(world_fetch(f.w, side, &f.err));
}

/* ---- once ---- */

static void
searched_once(void **state)
{
	uint32_t index = WORLD_NONE;
	struct guid g;

	(void)state;
	open_world(NULL, THERE("user", "Ann", "mail: a@x\nsAMAccountName: ann\n"), true);
	assert_int_equal(requests(TARGET), 0);
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "a@x"), "0");
	assert_int_equal(requests(TARGET), 1);
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "A@X"), "0");
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "b@x"), "");
	assert_int_equal(requests(TARGET), 1);
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "b@x"), "");
	/* The GUID of what was read is known; its other names are not, nor who else has them. */
	g = guid_of("CN=Ann" GLOBEX);
	check(world_find_guid(f.w, TARGET, &g, &index, &f.err));
	assert_int_equal(index, 0);
	assert_int_equal(requests(TARGET), 0);
	assert_string_equal(found_by(TARGET, MATCH_KEY_SAM, "ann"), "0");
	assert_int_equal(requests(TARGET), 1);
	assert_int_equal(world_count(f.w, TARGET), 1);
	assert_int_equal(world_read_count(f.w, TARGET), 1);
	assert_int_equal(requests(SOURCE), 0);
	assert_int_equal(world_unknown(f.w), 0);
	close_world();
}

/* What the world has is not replaced by what a later search brings. */
static void
kept(void **state)
{
	_cleanup_(entry_free) struct entry *e = NULL;

	(void)state;
	open_world(NULL, THERE("user", "Ann", "mail: a@x\ntitle: Boss\n"), true);
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "a@x"), "0");
	assert_int_equal(fakedir_set(f.fd[TARGET], "CN=Ann" GLOBEX, "sAMAccountName", "ann"), 0);
	assert_int_equal(fakedir_set(f.fd[TARGET], "CN=Ann" GLOBEX, "title", "Chief"), 0);
	assert_string_equal(found_by(TARGET, MATCH_KEY_SAM, "ann"), "");
	check(world_get(f.w, TARGET, 0, &e, &f.err));
	assert_string_equal(entry_get_str(e, "title"), "Boss");
	close_world();
}

/* What finds an object that is only in the directory, in how many requests. */
static const struct {
	enum side side;
	const char *object;
	unsigned key;
	const char *value;
	const char *want;
	unsigned requests;
} searches[] = {
    {TARGET, THERE("user", "A", "mail: a@x\n"), MATCH_KEY_SMTP, "a@X", "0", 1},
    {TARGET, THERE("user", "A", "proxyAddresses: SMTP:a@x\n"), MATCH_KEY_SMTP, "a@x", "0", 1},
    {TARGET, THERE("contact", "A", "targetAddress: SMTP:a@x\n"), MATCH_KEY_SMTP, "a@x", "0", 1},
    {TARGET, THERE("group", "A", "legacyExchangeDN: /o=x\n"), MATCH_KEY_X500, "/o=x", "0", 1},
    {TARGET, THERE("group", "A", "proxyAddresses: X500:/o=x\n"), MATCH_KEY_X500, "/o=x", "0", 1},
    {TARGET, THERE("user", "A", "employeeID: a(b)*\n"), MATCH_KEY_ATTR, "a(b)*", "0", 1},
    {TARGET, THERE("user", "A", "sAMAccountName: ab\n"), MATCH_KEY_SAM, "*", "", 1},
    {TARGET, THERE("user", "A", "userPrincipalName: a@x\n"), MATCH_KEY_UPN, "a@x", "0", 1},
    {TARGET, THERE("user", "A", "employeeID: 7\n"), MATCH_KEY_ATTR, "7", "0", 1},
    {TARGET, THERE("user", "A", ""), MATCH_KEY_DN, "cn=a,ou=acme,dc=globex,dc=example", "0", 1},
    {TARGET, THERE("computer", "A", "sAMAccountName: a$\n"), MATCH_KEY_SAM, "a$", "0", 1},
    {TARGET, THERE("container", "A", "description: a\n"), MATCH_KEY_DN,
	"cn=a,ou=acme,dc=globex,dc=example", "", 1},
    /* What no search is made for. */
    {TARGET, THERE("user", "A", "sAMAccountName: a\n"), MATCH_KEY_SAM_FOLDED, "a", "", 0},
    {TARGET, THERE("user", "A", "userPrincipalName: a@x\n"), MATCH_KEY_UPN_FOLDED, "a@x", "", 0},
    {TARGET, THERE("user", "A", ""), MATCH_KEY_NAME, "a", "", 0},
    {TARGET, THERE("user", "A", ""), MATCH_KEY_STAMP, "0123456789abcdef", "", 0},
    /* Which source objects there are is not for a look-up to say. */
    {SOURCE, MAILBOX("A", "a", ""), MATCH_KEY_SMTP, "a@acme.example", "0", 1},
    {SOURCE, MAILBOX("A", "a", ""), MATCH_KEY_DN, "cn=a,ou=staff,dc=acme,dc=example", "", 0},
};

static void
searched(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(searches); i++) {
		bool source = searches[i].side == SOURCE;
		char got[64], want[64];

		open_world(
		    source ? searches[i].object : NULL, source ? NULL : searches[i].object, true);
		(void)requests(searches[i].side);
		(void)snprintf(got, sizeof got, "'%s' by ",
		    found_by(searches[i].side, searches[i].key, searches[i].value));
		(void)snprintf(
		    got + strlen(got), sizeof got - strlen(got), "%u", requests(searches[i].side));
		(void)snprintf(
		    want, sizeof want, "'%s' by %u", searches[i].want, searches[i].requests);
		given_same(i, searches[i].value, got, want);
		close_world();
	}
	given_all_same();
}

static void
source_by_all_means(void **state)
{
	static const char dn[] = "cn=ann,ou=staff,dc=acme,dc=example";
	struct world_query q = world_query_entries(SOURCE, MATCH_KEY_DN, bytes_of(dn));

	(void)state;
	open_world(MAILBOX("Ann", "ann", ""), NULL, true);
	(void)requests(SOURCE);
	assert_string_equal(found(&q), "");
	q.by_all_means = true;
	assert_string_equal(found(&q), "0");
	assert_int_equal(requests(SOURCE), 1);
	q.by_all_means = false;
	assert_string_equal(found(&q), "0");
	close_world();
}

/* ---- many at a time ---- */

#define MANY 150 /* 64 in one request */

static void
batches(void **state)
{
	_cleanup_(buf_done) struct buf ldif = {0};
	char address[32];

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		buf_printf(
		    &ldif, "dn: CN=A%u" GLOBEX "\nobjectClass: contact\nmail: a%u@x\n\n", i, i);
	open_world(NULL, (const char *)ldif.data, true);
	(void)requests(TARGET);
	/* Twice the same is one, and half of them are not there. */
	for (unsigned i = 0; i < 4 * MANY; i++) {
		(void)snprintf(address, sizeof address, "a%u@x", i / 2);
		demand_text(TARGET, MATCH_KEY_SMTP, address);
	}
	assert_int_equal(requests(TARGET), 0);
	fetch(TARGET);
	assert_int_equal(requests(TARGET), (2 * MANY + 63) / 64);
	assert_int_equal(world_count(f.w, TARGET), MANY);
	for (unsigned i = 0; i < 2 * MANY; i++) {
		(void)snprintf(address, sizeof address, "a%u@x", i);
		assert_true((*found_by(TARGET, MATCH_KEY_SMTP, address) != '\0') == (i < MANY));
	}
	fetch(TARGET);
	assert_int_equal(requests(TARGET), 0);
	close_world();
}

/* A question for what was put down gets it, with all else that was. */
static void
asked_before_fetched(void **state)
{
	(void)state;
	open_world(
	    NULL, THERE("user", "Ann", "mail: a@x\n") THERE("user", "Bea", "mail: b@x\n"), true);
	(void)requests(TARGET);
	demand_text(TARGET, MATCH_KEY_SMTP, "a@x");
	demand_text(TARGET, MATCH_KEY_SMTP, "b@x");
	assert_string_not_equal(found_by(TARGET, MATCH_KEY_SMTP, "a@x"), "");
	assert_string_not_equal(found_by(TARGET, MATCH_KEY_SMTP, "b@x"), "");
	assert_int_equal(requests(TARGET), 1);
	close_world();
}

static void
nothing_in_a_full_cycle(void **state)
{
	struct guid g;

	(void)state;
	open_world(NULL, THERE("user", "Ann", "mail: a@x\n"), false);
	(void)requests(TARGET);
	g = guid_of("CN=Ann" GLOBEX);
	demand_text(TARGET, MATCH_KEY_SMTP, "a@x");
	check(world_demand_guids(f.w, TARGET, &g, 1, &f.err));
	check(world_fetch_names(f.w, "OU=Acme," GLOBEX_DN, "Ann", &f.err));
	fetch(TARGET);
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "a@x"), "");
	assert_int_equal(requests(TARGET), 0);
	assert_int_equal(world_unknown(f.w), 0);
	close_world();
}

static void
several_of_one_sort(void **state)
{
	_cleanup_(entry_free) struct entry *e = given_entry(THERE("user", "X",
	    "proxyAddresses: SMTP:a@x\nproxyAddresses: X500:/o=x\nproxyAddresses: sip:c@x\n"));
	struct guid guids[2];

	(void)state;
	open_world(NULL,
	    THERE("user", "Ann", "mail: a@x\n") THERE("user", "Bea", "legacyExchangeDN: /o=x\n")
		THERE("user", "Cid", "mail: c@x\n") THERE("user", "Dan", "")
		    THERE("user", "Eve", ""),
	    true);
	(void)requests(TARGET);
	check(world_demand_addresses(f.w, TARGET, entry_find(e, "proxyAddresses"), &f.err));
	check(world_demand_addresses(f.w, TARGET, NULL, &f.err));
	fetch(TARGET);
	assert_int_equal(requests(TARGET), 1);
	assert_int_equal(world_count(f.w, TARGET), 2);
	guids[0] = guid_of("CN=Dan" GLOBEX);
	guids[1] = guid_of("CN=Eve" GLOBEX);
	check(world_demand_guids(f.w, TARGET, guids, ARRAY_SIZE(guids), &f.err));
	fetch(TARGET);
	assert_int_equal(requests(TARGET), 1);
	assert_int_equal(world_count(f.w, TARGET), 4);
	close_world();
}

/* By the rules of the link: an attribute, mail, and the stamp, which is not searched for. */
static void
candidates(void **state)
{
	_cleanup_(entry_free) struct entry *e =
	    given_entry(MAILBOX("Ann", "ann", "employeeNumber: 7\n"));

	(void)state;
	open_world(NULL,
	    THERE("user", "Ann", "employeeID: 7\n") THERE("user", "Bea", "mail: ann@acme.example\n")
		THERE("user", "Cid", "sAMAccountName: ann\n"),
	    true);
	(void)requests(TARGET);
	check(world_demand_candidates(f.w, e, &f.err));
	fetch(TARGET);
	assert_int_equal(requests(TARGET), 1);
	assert_int_equal(world_count(f.w, TARGET), 2);
	assert_string_not_equal(found_by(TARGET, MATCH_KEY_ATTR, "7"), "");
	assert_string_not_equal(found_by(TARGET, MATCH_KEY_SMTP, "ann@acme.example"), "");
	assert_int_equal(requests(TARGET), 0);
	close_world();
}

static void
names(void **state)
{
	enum world_ou there;

	(void)state;
	open_world(NULL,
	    THERE("user", "Ann", "") THERE("user", "Ann 2", "") THERE("user", "Bea", "")
		THERE("container", "Ann 3", ""),
	    true);
	(void)requests(TARGET);
	check(world_fetch_names(f.w, "OU=Acme," GLOBEX_DN, "ANN", &f.err));
	assert_int_equal(world_count(f.w, TARGET), 3);
	/* An OU that is not there has nothing in it. */
	check(world_fetch_names(f.w, "OU=Missing," GLOBEX_DN, "Ann", &f.err));
	assert_int_equal(requests(TARGET), 2);
	/* Nobody has to ask whether they are there. */
	check(world_find_ou(f.w, "ou=acme," GLOBEX_DN, &there, &f.err));
	assert_int_equal(there, WORLD_OU_THERE);
	check(world_find_ou(f.w, "OU=Missing," GLOBEX_DN, &there, &f.err));
	assert_int_equal(there, WORLD_OU_MISSING);
	assert_int_equal(requests(TARGET), 0);
	close_world();
}

/* ---- nothing may be read ---- */

static void
unknown(void **state)
{
	_cleanup_(entry_free) struct entry *holder = NULL;

	(void)state;
	open_world(
	    NULL, THERE("user", "Ann", "mail: a@x\n") THERE("user", "Bea", "mail: b@x\n"), true);
	assert_string_not_equal(found_by(TARGET, MATCH_KEY_SMTP, "b@x"), "");
	world_let_read(f.w, false);
	(void)requests(TARGET);
	assert_string_not_equal(found_by(TARGET, MATCH_KEY_SMTP, "b@x"), "");
	assert_int_equal(world_unknown(f.w), 0);
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "a@x"), "");
	assert_int_equal(world_unknown(f.w), 1);
	/* As long as it was not read it is as unknown as before. */
	check(world_find_holder(
	    f.w, TARGET, bytes_of("smtp:a@x"), WORLD_NONE, WORLD_NONE, &holder, &f.err));
	assert_null(holder);
	assert_int_equal(world_unknown(f.w), 2);
	/* What is put down only is not asked for. */
	demand_text(TARGET, MATCH_KEY_SMTP, "c@x");
	assert_int_equal(world_unknown(f.w), 2);
	assert_int_equal(requests(TARGET), 0);

	fetch(TARGET);
	assert_int_equal(requests(TARGET), 1);
	check(world_find_holder(
	    f.w, TARGET, bytes_of("smtp:a@x"), WORLD_NONE, WORLD_NONE, &holder, &f.err));
	assert_string_equal(holder->dn, "CN=Ann" GLOBEX);
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "c@x"), "");
	assert_int_equal(world_unknown(f.w), 2);
	assert_int_equal(requests(TARGET), 0);
	world_let_read(f.w, true);
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "d@x"), "");
	assert_int_equal(world_unknown(f.w), 2);
	assert_int_equal(requests(TARGET), 1);
	close_world();
}

/* ---- OUs ---- */

static enum world_ou
ou(const char *dn)
{
	enum world_ou ret = WORLD_OU_UNKNOWN;

	check(world_find_ou(f.w, dn, &ret, &f.err));
	return ret;
}

#define DEEP "OU=C,OU=B,OU=Acme," GLOBEX_DN

static void
ous(void **state)
{
	(void)state;
	open_world(NULL, NULL, false);
	(void)requests(TARGET);
	assert_int_equal(ou("OU=Acme," GLOBEX_DN), WORLD_OU_THERE);
	assert_int_equal(ou("ou=ACME, dc=globex,dc=EXAMPLE"), WORLD_OU_THERE);
	assert_int_equal(requests(TARGET), 1);
	/* With one that is missing those above it are asked for. */
	assert_int_equal(ou(DEEP), WORLD_OU_MISSING);
	(void)requests(TARGET);
	assert_int_equal(ou("OU=B,OU=Acme," GLOBEX_DN), WORLD_OU_MISSING);
	assert_int_equal(ou("OU=Acme," GLOBEX_DN), WORLD_OU_THERE);
	assert_int_equal(requests(TARGET), 0);
	check(world_add_ou(f.w, "ou=b,ou=Acme," GLOBEX_DN, &f.err));
	assert_int_equal(ou("OU=B,OU=Acme," GLOBEX_DN), WORLD_OU_THERE);
	assert_int_equal(ou(DEEP), WORLD_OU_MISSING);
	world_forget_ous(f.w);
	assert_int_equal(ou("OU=B,OU=Acme," GLOBEX_DN), WORLD_OU_MISSING);
	assert_int_not_equal(requests(TARGET), 0);
	close_world();
}

static void
unknown_ous(void **state)
{
	(void)state;
	open_world(NULL, NULL, false);
	world_let_read(f.w, false);
	(void)requests(TARGET);
	assert_int_equal(ou(DEEP), WORLD_OU_UNKNOWN);
	assert_int_equal(ou(DEEP), WORLD_OU_UNKNOWN);
	assert_int_equal(world_unknown(f.w), 2);
	assert_int_equal(requests(TARGET), 0);
	fetch(TARGET);
	assert_int_equal(requests(TARGET), 3);
	assert_int_equal(ou(DEEP), WORLD_OU_MISSING);
	assert_int_equal(ou("OU=Acme," GLOBEX_DN), WORLD_OU_THERE);
	assert_int_equal(world_unknown(f.w), 2);
	assert_int_equal(requests(TARGET), 0);
	close_world();
}

/* ---- whole, and again ---- */

static void
read_all(void **state)
{
	(void)state;
	open_world(MAILBOX("Ann", "ann", "") GROUP("Sales", "sales", ""),
	    THERE("user", "Bea", "mail: b@x\n") THERE("computer", "PC1", "sAMAccountName: pc1$\n"),
	    false);
	(void)requests(TARGET);
	check(world_read_all(f.w, &f.err));
	assert_int_equal(world_count(f.w, SOURCE), 2);
	assert_int_equal(world_read_count(f.w, SOURCE), 2);
	assert_int_equal(world_count(f.w, TARGET), 2);
	assert_string_not_equal(found_by(TARGET, MATCH_KEY_SMTP, "b@x"), "");
	assert_string_not_equal(found_by(TARGET, MATCH_KEY_SAM, "PC1$"), "");
	assert_string_not_equal(found_by(SOURCE, MATCH_KEY_SMTP, "ann@acme.example"), "");
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "c@x"), "");
	assert_int_equal(requests(TARGET), 1);
	close_world();
}

static void
refreshed(void **state)
{
	static const struct guid none;
	uint32_t index = WORLD_NONE;
	struct guid ann, bea;

	(void)state;
	open_world(
	    NULL, THERE("user", "Ann", "mail: a@x\n") THERE("user", "Bea", "mail: b@x\n"), false);
	ann = guid_of("CN=Ann" GLOBEX);
	bea = guid_of("CN=Bea" GLOBEX);
	check(world_refresh(f.w, TARGET, &ann, NULL, &index, &f.err));
	assert_int_equal(index, 0);
	assert_int_equal(fakedir_set(f.fd[TARGET], "CN=Ann" GLOBEX, "mail", "new@x"), 0);
	check(world_refresh(f.w, TARGET, &none, "cn=ann" GLOBEX, &index, &f.err));
	assert_int_equal(index, 0);
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "new@x"), "0");
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "a@x"), "");
	assert_int_equal(fakedir_delete(f.fd[TARGET], "CN=Ann" GLOBEX), 0);
	check(world_refresh(f.w, TARGET, &ann, NULL, &index, &f.err));
	assert_int_equal(index, 0);
	assert_string_equal(found_by(TARGET, MATCH_KEY_SMTP, "new@x"), "");
	/* One that is unknown and gone stays unknown. */
	index = WORLD_NONE;
	check(world_refresh(f.w, TARGET, &ann, NULL, &index, &f.err));
	assert_int_equal(index, WORLD_NONE);
	check(world_refresh(f.w, TARGET, &bea, NULL, &index, &f.err));
	assert_int_equal(index, 1);
	close_world();
}

static void
server_is_down(void **state)
{
	const struct world_query q = world_query(TARGET, MATCH_KEY_SMTP, bytes_of("a@x"));
	size_t n = 0;

	(void)state;
	open_world(NULL, THERE("user", "Ann", "mail: a@x\n"), true);
	fakedir_set_down(f.fd[TARGET], true);
	assert_int_equal(world_find_each(f.w, &q, note_hit, &n, &f.err), -1);
	assert_int_equal(f.err.scope, ERR_PEER);
	assert_int_equal(n, 0);
	close_world();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(searched_once),
	    cmocka_unit_test(kept),
	    cmocka_unit_test(searched),
	    cmocka_unit_test(source_by_all_means),
	    cmocka_unit_test(batches),
	    cmocka_unit_test(asked_before_fetched),
	    cmocka_unit_test(nothing_in_a_full_cycle),
	    cmocka_unit_test(several_of_one_sort),
	    cmocka_unit_test(candidates),
	    cmocka_unit_test(names),
	    cmocka_unit_test(unknown),
	    cmocka_unit_test(ous),
	    cmocka_unit_test(unknown_ous),
	    cmocka_unit_test(read_all),
	    cmocka_unit_test(refreshed),
	    cmocka_unit_test(server_is_down),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	buf_done(&hits);
	return rc;
}
