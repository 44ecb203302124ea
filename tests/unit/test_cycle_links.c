/* SPDX-License-Identifier: MIT */

/* Full cycles over objects that refer to each other. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

#define MANAGER(cn) "manager: CN=" cn ACME "\n"
#define OWNER(cn) "managedBy: CN=" cn ACME "\n"
#define PLAIN(cn, alias) ACCOUNT(cn, alias) "\n"

static void
member_leaves_the_group(struct lab *l)
{
	lab_delete_value(l, SOURCE, "CN=Sales", "member", "CN=Ann" ACME);
	lab_set(l, SOURCE, "CN=Ann", "manager", NULL);
}

static void
others_join_the_group(struct lab *l)
{
	/* A member of the target alone stays; a counterpart whose source is no member does not. */
	lab_add(l, TARGET, THERE("user", "Native", ""));
	lab_add_value(l, TARGET, "CN=Sales", "member", "CN=Native" GLOBEX);
	lab_add_value(l, TARGET, "CN=Sales", "member", "CN=Bea" GLOBEX);
}

static void
later_appears(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Later", "mailNickname", "later");
	lab_set(l, SOURCE, "CN=Later", "legacyExchangeDN", ACME_LEGACY "later");
	lab_set(l, SOURCE, "CN=Later", "proxyAddresses", "SMTP:later@acme.example");
	lab_set(l, SOURCE, "CN=Later", "msExchHomeServerName", "/o=Acme/cn=EX1");
}

static void
manager_changes(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "manager", "CN=Cid" ACME);
}

static void
bea_leaves(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Bea", "msExchHideFromAddressLists", "TRUE");
}

static void
bea_leaves_and_the_group_too(struct lab *l)
{
	bea_leaves(l);
	lab_delete_value(l, SOURCE, "CN=Sales", "member", "CN=Bea" ACME);
}

static void
bea_leaves_then_the_group(struct lab *l)
{
	bea_leaves(l);
	lab_run(l);
	lab_run_idle(l);
	lab_delete_value(l, SOURCE, "CN=Sales", "member", "CN=Bea" ACME);
}

static void
bea_leaves_and_joins_the_group(struct lab *l)
{
	bea_leaves(l);
	lab_run(l);
	lab_rename(l, SOURCE, "CN=Bea", "CN=Bea Birch");
	lab_add_value(l, SOURCE, "CN=Sales", "member", "CN=Bea Birch" ACME);
}

static void
bea_is_missing(struct lab *l)
{
	l->cut = "CN=Bea";
}

/* Bea's redirect address is taken away, and another object has it. */
static void
bea_is_in_conflict(struct lab *l)
{
	lab_set(l, TARGET, "CN=Bea", "proxyAddresses", "smtp:bea@redirect.globex.example");
	lab_add(l, TARGET, THERE("user", "Other", "proxyAddresses: smtp:bea@acme.example\n"));
}

static const struct scenario scenarios[] = {
    {.name = "members, managers, owners",
	.source = {MAILBOX("Ann", "ann", MANAGER("Bea")), MAILBOX("Bea", "bea", ""),
	    GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Bea") MEMBER("Carl") OWNER("Bea")),
	    CONTACT("Carl", "carl", MANAGER("Ann"))},
	.counts = {.created = {[SHAPE_MAILBOX] = 2, [SHAPE_CONTACT] = 1, [SHAPE_GROUP] = 1}},
	.expect = {{TARGET, "CN=Ann", "manager", "CN=Bea" GLOBEX},
	    {TARGET, "CN=Carl", "manager", "CN=Ann" GLOBEX},
	    {TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX},
	    {TARGET, "CN=Sales", "member", "CN=Bea" GLOBEX},
	    {TARGET, "CN=Sales", "member", "CN=Carl" GLOBEX},
	    {TARGET, "CN=Sales", "managedBy", "CN=Bea" GLOBEX}}},
    {.name = "a circle of managers",
	.source = {MAILBOX("Ann", "ann", MANAGER("Bea")), MAILBOX("Bea", "bea", MANAGER("Cid")),
	    MAILBOX("Cid", "cid", MANAGER("Ann"))},
	.counts = {.created = {[SHAPE_MAILBOX] = 3}},
	.expect = {{TARGET, "CN=Ann", "manager", "CN=Bea" GLOBEX},
	    {TARGET, "CN=Bea", "manager", "CN=Cid" GLOBEX},
	    {TARGET, "CN=Cid", "manager", "CN=Ann" GLOBEX}}},
    {.name = "one's own manager",
	.source = {MAILBOX("Ann", "ann", MANAGER("Ann"))},
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Ann", "manager", "CN=Ann" GLOBEX}}},
    {.name = "nested groups, and a circle of them",
	.source = {GROUP("One", "one", MEMBER("Two")), GROUP("Two", "two", MEMBER("Three")),
	    GROUP("Three", "three", MEMBER("One") MEMBER("Ann")), MAILBOX("Ann", "ann", "")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1, [SHAPE_GROUP] = 3}},
	.expect = {{TARGET, "CN=One", "member", "CN=Two" GLOBEX},
	    {TARGET, "CN=Two", "member", "CN=Three" GLOBEX},
	    {TARGET, "CN=Three", "member", "CN=One" GLOBEX},
	    {TARGET, "CN=Three", "member", "CN=Ann" GLOBEX}}},
    {.name = "a member that was there",
	.link = "limits = { matches = 1; };",
	.source = {MAILBOX("Ann", "ann", ""), GROUP("Sales", "sales", MEMBER("Ann"))},
	.target = {THERE_OU, THERE("user", "Bea", "mail: ann@acme.example\n"),
	    THERE("group", "Vertrieb", "mail: sales@acme.example\n")},
	.counts = {.matched = 2},
	.expect = {{TARGET, "CN=Vertrieb", "member", "CN=Bea" GLOBEX}}},
    {.name = "a member leaves the group",
	.source = {MAILBOX("Ann", "ann", MANAGER("Bea")), MAILBOX("Bea", "bea", ""),
	    GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Bea"))},
	.between = member_leaves_the_group,
	.expect = {{TARGET, "CN=Sales", "member", "!CN=Ann" GLOBEX},
	    {TARGET, "CN=Sales", "member", "CN=Bea" GLOBEX}, {TARGET, "CN=Ann", "manager", NULL}}},
    {.name = "others join the group on the target",
	.source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""),
	    GROUP("Sales", "sales", MEMBER("Ann"))},
	.between = others_join_the_group,
	.expect = {{TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX},
	    {TARGET, "CN=Sales", "member", "CN=Native" GLOBEX},
	    {TARGET, "CN=Sales", "member", "!CN=Bea" GLOBEX}}},
    {.name = "who is referred to is not there",
	.source = {PLAIN("Later", "later"), MAILBOX("Ann", "ann", MANAGER("Later")),
	    GROUP("Sales", "sales", MEMBER("Later") MEMBER("Ann"))},
	.counts = {.created = {[SHAPE_MAILBOX] = 1, [SHAPE_GROUP] = 1}, .waiting = 2},
	.expect = {{TARGET, "CN=Ann", "manager", NULL},
	    {TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX}, {TARGET, "CN=Later", NULL, NULL}}},
    {.name = "who is referred to appears later",
	.source = {PLAIN("Later", "later"), MAILBOX("Ann", "ann", MANAGER("Later")),
	    GROUP("Sales", "sales", MEMBER("Later") MEMBER("Ann"))},
	.between = later_appears,
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Ann", "manager", "CN=Later" GLOBEX},
	    {TARGET, "CN=Sales", "member", "CN=Later" GLOBEX},
	    {TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX}}},
    {.name = "who left is taken out of the group in the source",
	.source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""),
	    GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Bea"))},
	.between = bea_leaves_and_the_group_too,
	.counts = {.left = {[LEAVE_HIDE] = 1}},
	.expect = {{TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX},
	    {TARGET, "CN=Sales", "member", "!CN=Bea" GLOBEX}}},
    {.name = "who left long ago is taken out of the group in the source",
	.source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""),
	    GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Bea"))},
	.between = bea_leaves_then_the_group,
	.expect = {{TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX},
	    {TARGET, "CN=Sales", "member", "!CN=Bea" GLOBEX}}},
    {.name = "who left stays in the groups of the source",
	.source = {MAILBOX("Ann", "ann", MANAGER("Bea")), MAILBOX("Bea", "bea", ""),
	    GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Bea"))},
	.between = bea_leaves,
	.counts = {.left = {[LEAVE_HIDE] = 1}},
	.expect = {{TARGET, "CN=Sales", "member", "CN=Bea" GLOBEX},
	    {TARGET, "CN=Ann", "manager", "CN=Bea" GLOBEX}}},
    {.name = "who left joins a group of the source",
	.source = {MAILBOX("Bea", "bea", ""), GROUP("Sales", "sales", "")},
	.between = bea_leaves_and_joins_the_group,
	.expect = {{TARGET, "CN=Sales", "member", "CN=Bea" GLOBEX}}},
    {.name = "who leaves, but is there, is referred to as before",
	.scope = "create = \"mailbox\"; on_leave = \"delete\";",
	.source = {MAILBOX("Ann", "ann", MANAGER("Bea")), MAILBOX("Bea", "bea", "")},
	.between = bea_leaves,
	.counts = {.left = {[LEAVE_HIDE] = 1}},
	.expect = {{TARGET, "CN=Bea", "msExchHideFromAddressLists", "TRUE"},
	    {TARGET, "CN=Ann", "manager", "CN=Bea" GLOBEX}}},
    {.name = "who is missing from an answer stays in the group",
	.source = {MAILBOX("Ann", "ann", MANAGER("Bea")), MAILBOX("Bea", "bea", ""),
	    GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Bea"))},
	.between = bea_is_missing,
	.expect = {{TARGET, "CN=Sales", "member", "CN=Bea" GLOBEX},
	    {TARGET, "CN=Ann", "manager", "CN=Bea" GLOBEX}}},
    {.name = "who is in conflict now stays in the group",
	.source = {MAILBOX("Ann", "ann", MANAGER("Bea")), MAILBOX("Bea", "bea", ""),
	    GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Bea"))},
	.between = bea_is_in_conflict,
	.counts = {.conflicts = 1},
	.reason = CONFLICT_ADDRESS,
	.expect = {{TARGET, "CN=Sales", "member", "CN=Bea" GLOBEX},
	    {TARGET, "CN=Ann", "manager", "CN=Bea" GLOBEX},
	    {TARGET, "CN=Bea", "proxyAddresses", "!SMTP:bea@acme.example"}}},
    {.name = "who might be the counterpart of two stays in the group",
	.link = "match = [ \"mail\" ]; limits = { matches = 1; };",
	.source = {MAILBOX("Ann", "ann", "proxyAddresses: smtp:office@acme.example\n"),
	    MAILBOX("Bea", "bea", "proxyAddresses: smtp:desk@acme.example\n"),
	    GROUP("Sales", "sales", "")},
	.target = {THERE_OU,
	    THERE("user", "Other",
		"proxyAddresses: smtp:office@acme.example\n"
		"proxyAddresses: smtp:desk@acme.example\n"),
	    THERE("group", "Vertrieb", "mail: sales@acme.example\nmember: CN=Other" GLOBEX "\n")},
	.counts = {.matched = 1, .conflicts = 2},
	.reason = CONFLICT_AMBIGUOUS,
	.expect = {{TARGET, "CN=Vertrieb", "member", "CN=Other" GLOBEX}}},
    {.name = "another manager",
	.source = {MAILBOX("Ann", "ann", MANAGER("Bea")), MAILBOX("Bea", "bea", ""),
	    MAILBOX("Cid", "cid", "")},
	.between = manager_changes,
	.expect = {{TARGET, "CN=Ann", "manager", "CN=Cid" GLOBEX}}},
    {.name = "a member in conflict is left out",
	.link = "match = [ \"stamp\" ];",
	.source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", MANAGER("Ann")),
	    GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Bea"))},
	.target = {THERE_OU, THERE("user", "Other", "mail: ann@acme.example\n")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1, [SHAPE_GROUP] = 1},
	    .conflicts = 1,
	    .waiting = 2},
	.reason = CONFLICT_ADDRESS,
	.expect = {{TARGET, "CN=Sales", "member", "!CN=Other" GLOBEX},
	    {TARGET, "CN=Sales", "member", "CN=Bea" GLOBEX}, {TARGET, "CN=Bea", "manager", NULL}}},
};

static void
member_is_a_recipient(void *arg, unsigned write, const struct change *c)
{
	struct lab *l = arg;

	(void)write;
	if (c->op == CHANGE_ADD && strcmp(c->dn, "CN=Sales" GLOBEX) == 0)
		assert_true(lab_has(
		    l, TARGET, "CN=Bea", "targetAddress", "SMTP:ann@redirect.acme.example"));
}

/* A matched account that is no recipient yet becomes one before a group of the target has it as a
 * member: else mail to the group would miss it. */
static void
matched_member_first(void **state)
{
	static const struct scenario sc = {.name = "matched member",
	    .source = {MAILBOX("Ann", "ann", ""), GROUP("Sales", "sales", MEMBER("Ann"))},
	    .target = {THERE_OU, THERE("user", "Bea", "mail: ann@acme.example\n")}};
	struct lab l;
	struct tap tap = {.hook = member_is_a_recipient, .hook_arg = &l};

	(void)state;
	lab_open(&l, &sc);
	fakedir_set_order(l.fd[TARGET], FAKEDIR_REVERSE, 0);
	assert_int_equal(lab_cycle(&l, &tap), 0);
	assert_true(lab_has(&l, TARGET, "CN=Sales", "member", "CN=Bea" GLOBEX));
	tap_done(&tap);
	lab_close(&l);
}

int
main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(scenarios) + 1] = {
	    cmocka_unit_test(matched_member_first)};

	scenario_tests(scenarios, ARRAY_SIZE(scenarios), tests + 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
