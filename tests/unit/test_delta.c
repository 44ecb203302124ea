/* SPDX-License-Identifier: MIT */

/*
 * Delta cycles. Before each of them a full plan is made, and the delta must make exactly its
 * changes; after it a second delta, which hears of the first one's writes, and a full cycle must
 * find nothing to do.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

#define MANAGER(cn) "manager: CN=" cn ACME "\n"
#define OU(name) "dn: OU=" name ACME "\nobjectClass: organizationalUnit\n\n"
#define HIDES "msExchHideFromAddressLists"
#define KEPT "create = \"mailbox\"; on_leave = \"delete\";"
#define MIRROR "create = \"mailbox\"; layout = \"mirror\";"

static void
move(struct lab *l, enum side side, const char *dn, const char *rdn, const char *parent)
{
	if (fakedir_rename(l->fd[side], lab_dn(side, dn), rdn, parent) < 0)
		fail_msg("%s", fakedir_error(l->fd[side]));
}

static void
attributes(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "displayName", "Ann Oak");
	lab_set(l, SOURCE, "CN=Ann", "title", NULL);
	lab_add_value(l, SOURCE, "CN=Ann", "otherTelephone", "2");
	lab_delete_value(l, SOURCE, "CN=Ann", "otherTelephone", "1");
}

static void
newcomers(struct lab *l)
{
	/* The one refers to the other, whichever comes first. */
	lab_add(
	    l, SOURCE, MAILBOX("Dan", "dan", MANAGER("Eve")) MAILBOX("Eve", "eve", MANAGER("Dan")));
	lab_set(l, SOURCE, "CN=Ann", "manager", "CN=Dan" ACME);
	lab_add_value(l, SOURCE, "CN=Sales", "member", "CN=Eve" ACME);
}

static void
ann_loses_a_filter(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "company", "Other");
}

static void
ann_hides(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", HIDES, "TRUE");
}

static void
ann_moves_out(struct lab *l)
{
	move(l, SOURCE, "CN=Ann", "CN=Ann", "CN=Users,DC=acme,DC=example");
}

static void
ann_is_deleted(struct lab *l)
{
	lab_delete(l, SOURCE, "CN=Ann");
}

static void
ann_hides_and_is_deleted(struct lab *l)
{
	ann_hides(l);
	assert_int_equal(lab_cycle(l, NULL), 0);
	assert_true(lab_has(l, TARGET, "CN=Ann", HIDES, "TRUE"));
	ann_is_deleted(l);
}

static void
two_are_deleted(struct lab *l)
{
	lab_delete(l, SOURCE, "CN=Ann");
	lab_delete(l, SOURCE, "CN=Bea");
}

/* Ann is concerned because it left, and because it waited for two that come. */
static void
ann_leaves_whom_she_awaited(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Boss", HIDES, NULL);
	lab_set(l, SOURCE, "CN=Deputy", HIDES, NULL);
	lab_delete(l, SOURCE, "CN=Ann");
}

static void
ann_goes_and_comes_back(struct lab *l)
{
	ann_hides(l);
	l->delta = true;
	lab_run(l);
	lab_run_idle(l);
	lab_set(l, SOURCE, "CN=Ann", HIDES, NULL);
}

static void
unit_moves_out(struct lab *l)
{
	move(l, SOURCE, "OU=A", "OU=A", "DC=acme,DC=example");
}

static void
unit_moves_in(struct lab *l)
{
	move(l, SOURCE, "OU=Z,DC=acme,DC=example", "OU=Z", "OU=Staff,DC=acme,DC=example");
}

static void
unit_is_renamed(struct lab *l)
{
	move(l, SOURCE, "OU=A", "OU=B", NULL);
}

static void
target_unit_is_renamed(struct lab *l)
{
	move(l, TARGET, "OU=A", "OU=Elsewhere", "DC=globex,DC=example");
}

static void
renames(struct lab *l)
{
	lab_rename(l, SOURCE, "CN=Ann", "CN=Ann Oak");
	lab_rename(l, SOURCE, "CN=Bea", "CN=Bea Ash");
}

static void
members(struct lab *l)
{
	lab_delete_value(l, SOURCE, "CN=Sales", "member", "CN=Ann" ACME);
	lab_add_value(l, SOURCE, "CN=Sales", "member", "CN=Bea" ACME);
}

static void
stranger_joins(struct lab *l)
{
	/* The target's own member stays. */
	lab_add_value(l, TARGET, "CN=Sales", "member", "CN=Own" GLOBEX);
	lab_add_value(l, SOURCE, "CN=Sales", "member", "CN=Bea" ACME);
}

static void
awaited_appears(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Boss", HIDES, NULL);
}

static void
holder_gives_up(struct lab *l)
{
	lab_delete_value(l, TARGET, "CN=Other", "proxyAddresses", "smtp:ann@acme.example");
}

static void
holder_goes(struct lab *l)
{
	lab_delete(l, TARGET, "CN=Other");
}

static void
rival_goes(struct lab *l)
{
	lab_delete(l, TARGET, "CN=Two");
}

static void
somebody_drifts(struct lab *l)
{
	lab_set(l, TARGET, "CN=Ann", "displayName", "Another's idea");
	lab_set(l, TARGET, "CN=Ann", "info", "a note of the target");
	lab_add_value(l, TARGET, "CN=Ann", "proxyAddresses", "smtp:annie@globex.example");
	lab_delete_value(l, TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX);
}

static void
somebody_strips(struct lab *l)
{
	static const char *const attrs[] = {"homeMDB", "msExchHomeServerName", "targetAddress",
	    "msExchMailboxGuid", "msExchRecipientTypeDetails", "mailNickname"};

	for (size_t i = 0; i < ARRAY_SIZE(attrs); i++)
		lab_set(l, TARGET, "CN=Ann", attrs[i], NULL);
}

static void
somebody_deletes(struct lab *l)
{
	lab_delete(l, TARGET, "CN=Ann");
}

static const struct scenario scenarios[] = {
    {.name = "attributes change and end",
	.delta = true,
	.source = {MAILBOX("Ann", "ann", "title: Boss\notherTelephone: 1\n"),
	    MAILBOX("Bea", "bea", "")},
	.between = attributes,
	.expect = {{TARGET, "CN=Ann", "displayName", "Ann Oak"}, {TARGET, "CN=Ann", "title", NULL},
	    {TARGET, "CN=Ann", "otherTelephone", "2"}, {TARGET, "CN=Ann", "otherTelephone", "!1"}}},
    {.name = "new objects that refer to each other",
	.delta = true,
	.source = {MAILBOX("Ann", "ann", ""), GROUP("Sales", "sales", MEMBER("Ann"))},
	.between = newcomers,
	.counts = {.created = {[SHAPE_MAILBOX] = 2}},
	.expect = {{TARGET, "CN=Dan", "manager", "CN=Eve" GLOBEX},
	    {TARGET, "CN=Eve", "manager", "CN=Dan" GLOBEX},
	    {TARGET, "CN=Ann", "manager", "CN=Dan" GLOBEX},
	    {TARGET, "CN=Sales", "member", "CN=Eve" GLOBEX},
	    {TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX}}},
    {.name = "leaves by the filter",
	.delta = true,
	.scope = "create = \"mailbox\"; filter = \"(!(company=Other))\";",
	.source = {MAILBOX("Ann", "ann", ""), GROUP("Sales", "sales", MEMBER("Ann"))},
	.between = ann_loses_a_filter,
	.counts = {.left = {[LEAVE_HIDE] = 1}},
	.expect = {{TARGET, "CN=Ann", HIDES, "TRUE"}}},
    {.name = "leaves by hiding",
	.delta = true,
	.scope = KEPT,
	.source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", MANAGER("Ann")),
	    GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Bea"))},
	.between = ann_hides,
	.counts = {.left = {[LEAVE_HIDE] = 1}},
	.expect = {{TARGET, "CN=Ann", HIDES, "TRUE"},
	    {TARGET, "CN=Bea", "manager", "CN=Ann" GLOBEX}}},
    {.name = "was hidden, and is deleted",
	.delta = true,
	.scope = KEPT,
	.source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", MANAGER("Ann"))},
	.between = ann_hides_and_is_deleted,
	.counts = {.left = {[LEAVE_DELETE] = 1}},
	.expect = {{TARGET, "CN=Ann", NULL, NULL}, {TARGET, "CN=Bea", "manager", NULL}}},
    {.name = "leaves by moving",
	.delta = true,
	.source = {MAILBOX("Ann", "ann", "")},
	.between = ann_moves_out,
	.counts = {.left = {[LEAVE_HIDE] = 1}},
	.expect = {{TARGET, "CN=Ann", HIDES, "TRUE"}}},
    {.name = "a deleted member: of the group nothing is told",
	.delta = true,
	.source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", MANAGER("Ann")),
	    GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Bea"))},
	.between = ann_is_deleted,
	.counts = {.left = {[LEAVE_HIDE] = 1}},
	.expect = {{TARGET, "CN=Ann", HIDES, "TRUE"},
	    {TARGET, "CN=Sales", "member", "CN=Bea" GLOBEX}}},
    {.name = "leaves, and those it waited for appear",
	.delta = true,
	.scope = KEPT,
	.link = "limits = { deletes = 1; };",
	.source = {MAILBOX("Ann", "ann", MANAGER("Boss") "secretary: CN=Deputy" ACME "\n"),
	    MAILBOX("Boss", "boss", HIDES ": TRUE\n"),
	    MAILBOX("Deputy", "deputy", HIDES ": TRUE\n")},
	.between = ann_leaves_whom_she_awaited,
	.counts = {.left = {[LEAVE_DELETE] = 1}, .created = {[SHAPE_MAILBOX] = 2}},
	.expect = {{TARGET, "CN=Ann", NULL, NULL}}},
    {.name = "goes and comes back",
	.delta = true,
	.source = {MAILBOX("Ann", "ann", "")},
	.between = ann_goes_and_comes_back,
	.expect = {{TARGET, "CN=Ann", HIDES, NULL}}},
    {.name = "a unit moves out",
	.delta = true,
	.source = {OU("A"), MAILBOX("Ann,OU=A", "ann", ""), MAILBOX("Bea", "bea", "")},
	.between = unit_moves_out,
	.counts = {.left = {[LEAVE_HIDE] = 1}},
	.expect = {{TARGET, "CN=Ann", HIDES, "TRUE"}, {TARGET, "CN=Bea", HIDES, NULL}}},
    {.name = "a unit moves in",
	.delta = true,
	.source = {"dn: OU=Z,DC=acme,DC=example\nobjectClass: organizationalUnit\n\n"
		   "dn: OU=Y,OU=Z,DC=acme,DC=example\nobjectClass: organizationalUnit\n\n"
		   "dn: CN=Zoe,OU=Y,OU=Z,DC=acme,DC=example\nobjectClass: contact\n" RECIPIENT(
		       "zoe") "targetAddress: SMTP:zoe@else.example\n"},
	.between = unit_moves_in,
	.counts = {.created = {[SHAPE_CONTACT] = 1}},
	.expect = {{TARGET, "CN=Zoe", NULL, ""}}},
    {.name = "a unit is renamed",
	.delta = true,
	.source = {OU("A"), MAILBOX("Ann,OU=A", "ann", ""),
	    GROUP("Sales", "sales", MEMBER("Ann,OU=A"))},
	.between = unit_is_renamed,
	.expect = {{TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX}}},
    {.name = "a mirrored unit is renamed",
	.delta = true,
	.scope = MIRROR,
	.source = {OU("A"), MAILBOX("Ann,OU=A", "ann", "")},
	.between = unit_is_renamed},
    {.name = "a unit of the target moves away",
	.delta = true,
	.scope = MIRROR,
	.source = {OU("A"), MAILBOX("Ann,OU=A", "ann", "")},
	.between = target_unit_is_renamed,
	.expect = {{TARGET, "CN=Ann,OU=Elsewhere,DC=globex,DC=example", NULL, ""}}},
    {.name = "renames",
	.delta = true,
	.source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""),
	    CONTACT("Cid", "cid", MANAGER("Bea"))},
	.between = renames,
	.counts = {.renamed = 2},
	.expect = {{TARGET, "CN=Ann Oak", "mailNickname", "ann"},
	    {TARGET, "CN=Cid", "manager", "CN=Bea Ash" GLOBEX}}},
    {.name = "members come and go",
	.delta = true,
	.source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""),
	    GROUP("Sales", "sales", MEMBER("Ann"))},
	.between = members,
	.expect = {{TARGET, "CN=Sales", "member", "!CN=Ann" GLOBEX},
	    {TARGET, "CN=Sales", "member", "CN=Bea" GLOBEX}}},
    {.name = "a member of the target's own",
	.delta = true,
	.source = {MAILBOX("Bea", "bea", ""), GROUP("Sales", "sales", "")},
	.target = {THERE_OU, THERE("user", "Own", "sAMAccountName: own\n")},
	.between = stranger_joins,
	.expect = {{TARGET, "CN=Sales", "member", "CN=Own" GLOBEX},
	    {TARGET, "CN=Sales", "member", "CN=Bea" GLOBEX}}},
    {.name = "an object that others wait for appears",
	.delta = true,
	.source = {MAILBOX("Ann", "ann", MANAGER("Boss")), GROUP("Sales", "sales", MEMBER("Boss")),
	    MAILBOX("Boss", "boss", HIDES ": TRUE\n")},
	.between = awaited_appears,
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Ann", "manager", "CN=Boss" GLOBEX},
	    {TARGET, "CN=Sales", "member", "CN=Boss" GLOBEX}}},
    {.name = "an address becomes free",
	.delta = true,
	.link = "match = [ \"stamp\" ];",
	.source = {MAILBOX("Ann", "ann", "")},
	.target = {THERE_OU, THERE("contact", "Other", "proxyAddresses: smtp:ann@acme.example\n")},
	.between = holder_gives_up,
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Ann", NULL, ""}}},
    {.name = "who holds an address is deleted",
	.delta = true,
	.link = "match = [ \"stamp\" ];",
	.source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", MANAGER("Ann"))},
	.target = {THERE_OU, THERE("contact", "Other", "proxyAddresses: smtp:ann@acme.example\n")},
	.between = holder_goes,
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Bea", "manager", "CN=Ann" GLOBEX}}},
    {.name = "of two candidates one goes",
	.delta = true,
	.source = {MAILBOX("Ann", "ann", "title: Boss\n")},
	.target = {THERE_OU, THERE("user", "One", "sAMAccountName: one\nmail: ann@acme.example\n"),
	    THERE("user", "Two", "sAMAccountName: two\nmail: ann@acme.example\n")},
	.between = rival_goes,
	.counts = {.matched = 1},
	.expect = {{TARGET, "CN=One", "title", "Boss"}, {TARGET, "CN=Ann", NULL, NULL}}},
    {.name = "the target is changed",
	.delta = true,
	.source = {MAILBOX("Ann", "ann", "displayName: Ann\n"),
	    GROUP("Sales", "sales", MEMBER("Ann"))},
	.between = somebody_drifts,
	.expect = {{TARGET, "CN=Ann", "displayName", "Ann"},
	    {TARGET, "CN=Ann", "proxyAddresses", "smtp:annie@globex.example"},
	    {TARGET, "CN=Ann", "info", "a note of the target"},
	    {TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX}}},
    {.name = "a mailbox loses its attributes",
	.delta = true,
	.source = {MAILBOX("Ann", "ann", "")},
	.between = somebody_strips,
	.expect = {{TARGET, "CN=Ann", "homeMDB", "CN=DB1,CN=Configuration,DC=globex,DC=example"},
	    {TARGET, "CN=Ann", "msExchRecipientTypeDetails", "1"},
	    {TARGET, "CN=Ann", "mailNickname", "ann"},
	    {TARGET, "CN=Ann", "targetAddress", "SMTP:ann@redirect.acme.example"}}},
    {.name = "its own manager is deleted",
	.delta = true,
	.source = {MAILBOX("Ann", "ann", MANAGER("Ann"))},
	.between = ann_is_deleted,
	.counts = {.left = {[LEAVE_HIDE] = 1}},
	.expect = {{TARGET, "CN=Ann", HIDES, "TRUE"}}},
    {.name = "two that name each other are deleted",
	.delta = true,
	.source = {MAILBOX("Ann", "ann", MANAGER("Bea") "publicDelegates: CN=Bea" ACME "\n"),
	    MAILBOX("Bea", "bea", MANAGER("Ann") "publicDelegates: CN=Ann" ACME "\n"),
	    MAILBOX("Cid", "cid", MANAGER("Ann"))},
	.between = two_are_deleted,
	.counts = {.left = {[LEAVE_HIDE] = 2}},
	.expect = {{TARGET, "CN=Ann", HIDES, "TRUE"}, {TARGET, "CN=Bea", HIDES, "TRUE"},
	    {TARGET, "CN=Cid", "manager", NULL}}},
    {.name = "a counterpart is deleted",
	.delta = true,
	.source = {MAILBOX("Ann", "ann", ""), GROUP("Sales", "sales", MEMBER("Ann"))},
	.between = somebody_deletes,
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX}}},
};

int
main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(scenarios)];

	scenario_tests(scenarios, ARRAY_SIZE(scenarios), tests);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
