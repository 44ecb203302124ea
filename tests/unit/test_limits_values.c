/* SPDX-License-Identifier: MIT */

/*
 * Limits on members that are removed from groups, and on primary addresses that change: what of a
 * change counts, and cycles on two fake forests; only what is held of an object waits.
 */

#include "tests/support/limits_fixture.h"

#include "dsa/rules/limit.h"

/* ---- the rules ---- */

/* Modifications as text: "-attr=value" and "+attr=value", one blank between them. */
static struct change *
change_of(const char *text)
{
	struct change *c = change_new(CHANGE_MODIFY, "CN=X", NULL);

	assert_non_null(c);
	while (*text) {
		size_t len = strcspn(text, " "), name = strcspn(text, "=");
		_cleanup_(free) char *attr = strndup(text + 1, name - 1),
				     *value = strndup(text + name + 1, len - name - 1);

		assert_int_equal(
		    change_mod_str(c, *text == '+' ? MOD_ADD : MOD_DELETE, attr, value), 0);
		text += len + (text[len] == ' ');
	}
	return c;
}

static void
what_counts(void **state)
{
	static const struct {
		const char *change;
		uint32_t members;
		bool primary;
	} table[] = {
	    {"", 0, false},
	    {"-member=CN=A", 1, false},
	    {"-Member=CN=A -member=CN=B +member=CN=C", 2, false},
	    {"+member=CN=A", 0, false},
	    {"-title=Boss", 0, false},
	    {"-proxyAddresses=SMTP:a@x +proxyAddresses=SMTP:b@x", 0, true},
	    {"-proxyAddresses=SMTP:a@x +proxyAddresses=smtp:a@x +proxyAddresses=SMTP:b@x", 0, true},
	    /* Another spelling is the same address. */
	    {"-proxyAddresses=SMTP:a@x +proxyAddresses=SMTP:A@x", 0, false},
	    {"-proxyAddresses=smtp:a@x +proxyAddresses=smtp:b@x", 0, false},
	    /* The first one of all is none that changes; one that goes is. */
	    {"+proxyAddresses=SMTP:a@x", 0, false},
	    {"-proxyAddresses=SMTP:a@x +proxyAddresses=smtp:a@x", 0, true},
	    {"-mail=a@x +mail=b@x", 0, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_cleanup_(change_free) struct change *c = change_of(table[i].change);

		assert_int_equal(limit_member_removals(c), table[i].members);
		assert_int_equal(limit_changes_primary(c), table[i].primary);
	}
}

static void
allowed(void **state)
{
	static const struct conf_link link = {.max_member_removals = 500,
	    .max_member_removal_percent = 50,
	    .max_primary_changes = 50,
	    .max_primary_change_percent = 5};
	static const struct {
		enum held_kind kind;
		struct limit_use use;
		const char *why; /* NULL: allowed */
	} rows[] = {
	    {HELD_MEMBER_REMOVALS, {500, 0, 1000}, NULL},
	    {HELD_MEMBER_REMOVALS, {400, 101, 2000},
		"400 members of groups would be removed at once and 101 were in the last 24 hours, "
		"the limit is 500 (limits.member_removals)"},
	    {HELD_MEMBER_REMOVALS, {51, 0, 100},
		"51 members of groups would be removed at once, with 100 correspondences, the "
		"limit is 50 % of these (limits.member_removal_percent)"},
	    {HELD_MEMBER_REMOVALS, {19, 0, 19}, NULL},
	    {HELD_PRIMARY_CHANGES, {50, 0, 1000}, NULL},
	    {HELD_PRIMARY_CHANGES, {51, 0, 2000},
		"51 primary addresses would be changed at once, the limit is 50 "
		"(limits.primary_changes)"},
	    {HELD_PRIMARY_CHANGES, {6, 0, 100},
		"6 of 100 primary addresses would be changed at once, the limit is 5 % "
		"(limits.primary_change_percent)"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char why[200] = "";
		bool ok = limit_allows(&link, rows[i].kind, &rows[i].use, why, sizeof why);

		assert_int_equal(ok, rows[i].why == NULL);
		assert_string_equal(why, rows[i].why ? rows[i].why : "");
	}
}

/* ---- members ---- */

static const struct scenario team = {.name = "a team",
    .link = "limits = { member_removals = 2; primary_changes = 1; };",
    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""), MAILBOX("Cleo", "cleo", ""),
	GROUP("Team", "team", MEMBER("Ann") MEMBER("Bea") MEMBER("Cleo")),
	GROUP("Club", "club", MEMBER("Ann") MEMBER("Bea") MEMBER("Cleo"))}};

static void
remove_members(struct lab *l, const char *group)
{
	lab_delete_value(l, SOURCE, group, "member", lab_dn(SOURCE, "CN=Ann"));
	lab_delete_value(l, SOURCE, group, "member", lab_dn(SOURCE, "CN=Bea"));
}

/* Something of DN is held or was rejected: in a delta all else of it goes on, and nothing else is
 * written then, full or delta. */
static void
goes_on(struct lab *l, const char *dn, const char *attr, const char *value)
{
	l->delta = true;
	lab_set(l, SOURCE, dn, attr, value);
	lab_run(l);
	assert_true(lab_has(l, TARGET, dn, attr, value));
	lab_run_silent(l);
	l->delta = false;
	lab_run_silent(l);
}

/* Two of two groups each are four members; the map knows how many of each when a delta looks at
 * one of them alone. */
static void
members_held(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &team, delta);
		remove_members(&l, "CN=Team");
		remove_members(&l, "CN=Club");
		lab_set(&l, SOURCE, "CN=Team", "displayName", "The Team");
		lab_set(&l, SOURCE, "CN=Ann", "title", "Boss");
		lab_run(&l);
		assert_true(l.res.held);
		assert_string_equal(l.res.held_why,
		    "4 members of groups would be removed at once, the limit is 2 "
		    "(limits.member_removals)");
		/* The members wait, and all else goes on, of the same groups too. */
		assert_int_equal(lab_count(&l, TARGET, "CN=Team", "member"), 3);
		assert_int_equal(lab_count(&l, TARGET, "CN=Club", "member"), 3);
		assert_true(lab_has(&l, TARGET, "CN=Team", "displayName", "The Team"));
		assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Boss"));
		assert_int_equal(held(&l, HELD_WAITS), 2);
		goes_on(&l, "CN=Club", "displayName", "The Club");
		assert_true(l.res.held);
		assert_int_equal(lab_count(&l, TARGET, "CN=Club", "member"), 3);
		l.delta = delta;
		/* One is approved, and does not count; the other one is allowed then. */
		assert_int_equal(decide(&l, HELD_MEMBER_REMOVALS, "CN=Team", HELD_APPROVED), 1);
		run_on(&l);
		assert_false(l.res.held);
		assert_int_equal(lab_count(&l, TARGET, "CN=Team", "member"), 1);
		assert_int_equal(lab_count(&l, TARGET, "CN=Club", "member"), 1);
		assert_true(lab_has(&l, TARGET, "CN=Team", "displayName", "The Team"));
		/* What was within the limit is spent, member by member. */
		l.delta = delta;
		lab_delete_value(&l, SOURCE, "CN=Club", "member", lab_dn(SOURCE, "CN=Cleo"));
		lab_run(&l);
		assert_string_equal(l.res.held_why,
		    "1 members of groups would be removed at once and 2 were in the last 24 hours, "
		    "the limit is 2 (limits.member_removals)");
		assert_int_equal(lab_count(&l, TARGET, "CN=Club", "member"), 1);
		assert_int_equal(decide(&l, HELD_NOTHING, NULL, HELD_REJECTED), 1);
		run_on(&l);
		assert_false(l.res.held);
		assert_int_equal(lab_count(&l, TARGET, "CN=Club", "member"), 1);
		/* What was rejected is no reason to leave the rest of it. */
		goes_on(&l, "CN=Club", "displayName", "Still The Club");
		assert_int_equal(lab_count(&l, TARGET, "CN=Club", "member"), 1);
		assert_int_equal(held(&l, HELD_REJECTED), 1);
		/* Who is a member again needs nothing any more. */
		l.delta = delta;
		lab_add_value(&l, SOURCE, "CN=Club", "member", lab_dn(SOURCE, "CN=Cleo"));
		lab_run_silent(&l);
		assert_int_equal(held(&l, HELD_REJECTED), 0);
		end(&l);
	}
}

/* ---- primary addresses ---- */

static void
rename_address(struct lab *l, const char *dn, const char *from, const char *to)
{
	char value[80];

	(void)snprintf(value, sizeof value, "SMTP:%s@acme.example", from);
	lab_delete_value(l, SOURCE, dn, "proxyAddresses", value);
	(void)snprintf(value, sizeof value, "SMTP:%s@acme.example", to);
	lab_add_value(l, SOURCE, dn, "proxyAddresses", value);
	(void)snprintf(value, sizeof value, "smtp:%s@acme.example", from);
	lab_add_value(l, SOURCE, dn, "proxyAddresses", value);
	lab_set(l, SOURCE, dn, "mail", strchr(value, ':') + 1);
}

/* While Bea's primary address is held, it gets another one. */
static void
gets_an_address(struct lab *l)
{
	lab_add_value(l, SOURCE, "CN=Bea", "proxyAddresses", "smtp:bea.too@acme.example");
	lab_run(l);
	assert_true(lab_has(l, TARGET, "CN=Bea", "proxyAddresses", "smtp:bea.too@acme.example"));
	assert_true(lab_has(l, TARGET, "CN=Bea", "proxyAddresses", "SMTP:bea@acme.example"));
	lab_run_silent(l);
	assert_true(l->res.held);
}

static void
primary_held(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &team, delta);
		rename_address(&l, "CN=Ann", "ann", "ann.ash");
		rename_address(&l, "CN=Bea", "bea", "bea.bay");
		lab_set(&l, SOURCE, "CN=Ann", "title", "Boss");
		lab_set(&l, SOURCE, "CN=Cleo", "title", "Boss");
		lab_run(&l);
		assert_string_equal(l.res.held_why,
		    "2 primary addresses would be changed at once, the limit is 1 "
		    "(limits.primary_changes)");
		assert_true(
		    lab_has(&l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example"));
		assert_true(lab_has(&l, TARGET, "CN=Ann", "mail", "ann@acme.example"));
		assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Boss"));
		assert_true(lab_has(&l, TARGET, "CN=Cleo", "title", "Boss"));
		gets_an_address(&l);

		assert_int_equal(held(&l, HELD_WAITS), 2);
		assert_int_equal(decide(&l, HELD_PRIMARY_CHANGES, "CN=Bea", HELD_REJECTED), 1);
		run_on(&l);
		/* The other one is within the limit. */
		assert_false(l.res.held);
		assert_true(
		    lab_has(&l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann.ash@acme.example"));
		assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Boss"));
		assert_true(
		    lab_has(&l, TARGET, "CN=Bea", "proxyAddresses", "SMTP:bea@acme.example"));
		goes_on(&l, "CN=Bea", "title", "Queen");
		assert_true(
		    lab_has(&l, TARGET, "CN=Bea", "proxyAddresses", "SMTP:bea@acme.example"));
		assert_int_equal(decide(&l, HELD_PRIMARY_CHANGES, "CN=Bea", HELD_APPROVED), 1);
		run_on(&l);
		assert_true(
		    lab_has(&l, TARGET, "CN=Bea", "proxyAddresses", "SMTP:bea.bay@acme.example"));
		/* Within the limit of a day once more: that is spent. */
		l.delta = delta;
		rename_address(&l, "CN=Cleo", "cleo", "cleo.coe");
		lab_run(&l);
		assert_true(l.res.held);
		assert_int_equal(decide(&l, HELD_NOTHING, NULL, HELD_APPROVED), 1);
		run_on(&l);
		assert_true(
		    lab_has(&l, TARGET, "CN=Cleo", "proxyAddresses", "SMTP:cleo.coe@acme.example"));
		l.delta = delta;
		end(&l);
	}
}

/* Of one object that two limits are about, each holds its own part. */
static void
two_limits(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &team, false);
	remove_members(&l, "CN=Team");
	lab_delete_value(&l, SOURCE, "CN=Team", "member", lab_dn(SOURCE, "CN=Cleo"));
	rename_address(&l, "CN=Team", "team", "the.team");
	rename_address(&l, "CN=Ann", "ann", "ann.ash");
	lab_run(&l);
	assert_int_equal(held(&l, HELD_WAITS), 3);
	assert_int_equal(decide(&l, HELD_PRIMARY_CHANGES, NULL, HELD_APPROVED), 2);
	run_on(&l);
	assert_true(l.res.held);
	assert_int_equal(lab_count(&l, TARGET, "CN=Team", "member"), 3);
	assert_true(lab_has(&l, TARGET, "CN=Team", "proxyAddresses", "SMTP:the.team@acme.example"));
	assert_true(lab_has(&l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann.ash@acme.example"));
	assert_int_equal(decide(&l, HELD_MEMBER_REMOVALS, NULL, HELD_APPROVED), 1);
	run_on(&l);
	assert_int_equal(lab_count(&l, TARGET, "CN=Team", "member"), 0);
	assert_true(lab_has(&l, TARGET, "CN=Team", "proxyAddresses", "SMTP:the.team@acme.example"));
	end(&l);
}

/* What is planned a second time without the part that is held is told and counted once. */
static void
counted_once(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &team, false);
	lab_add(&l, SOURCE, ACCOUNT("Dora", "dora") "userAccountControl: 512\n\n");
	lab_add_value(&l, SOURCE, "CN=Team", "member", lab_dn(SOURCE, "CN=Dora"));
	lab_set(&l, SOURCE, "CN=Team", "displayName", "The Team");
	remove_members(&l, "CN=Team");
	lab_delete_value(&l, SOURCE, "CN=Team", "member", lab_dn(SOURCE, "CN=Cleo"));
	lab_run(&l);
	assert_true(l.res.held);
	assert_int_equal(l.res.waiting, 1);
	assert_int_equal(l.res.updated[TARGET], 1);
	assert_int_equal(l.res.changes, 1);
	assert_int_equal(decide(&l, HELD_MEMBER_REMOVALS, NULL, HELD_APPROVED), 1);
	run_on(&l);
	end(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_counts),
	    cmocka_unit_test(allowed),
	    cmocka_unit_test(members_held),
	    cmocka_unit_test(primary_held),
	    cmocka_unit_test(two_limits),
	    cmocka_unit_test(counted_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
