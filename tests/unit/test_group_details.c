/* SPDX-License-Identifier: MIT */

/*
 * Groups as real estates have them: members by primaryGroupID and of other forests, groups in each
 * other, and types that are not possible on the other side.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/rules/group_type.h"
#include "tests/support/scenario.h"

/* Each with its objectSid. */
#define SID_TEXT "S-1-5-21-1-2-3-1105"
#define SID_1105 "objectSid:: AQUAAAAAAAUVAAAAAQAAAAIAAAADAAAAUQQAAA==\n"
#define SID_1106 "objectSid:: AQUAAAAAAAUVAAAAAQAAAAIAAAADAAAAUgQAAA==\n"
#define SID_513 "objectSid:: AQUAAAAAAAUVAAAAAQAAAAIAAAADAAAAAQIAAA==\n"
#define PRIMARY(rid) "primaryGroupID: " rid "\n"
#define SECURITY(cn, alias, extra) TYPED(cn, alias, "-2147483640", extra)
/* A group of the target that ALIAS of the source is matched with. */
#define NATIVE(cn, alias, type, extra)                                                             \
	THERE("group", cn, "groupType: " type "\nmail: " alias "@acme.example\n" extra)
#define APPROVED "limits = { matches = 10; };"
#define FSP(sid) "CN=" sid ",CN=ForeignSecurityPrincipals,DC=acme,DC=example"
#define FSPS "dn: CN=ForeignSecurityPrincipals,DC=acme,DC=example\nobjectClass: container\n\n"
#define FSP_OBJECT(sid) "dn: " FSP(sid) "\nobjectClass: foreignSecurityPrincipal\n\n"

static const char *const everyone = "S-1-5-11";

/* ---- between two cycles ---- */

static void
foreign_leaves(struct lab *l)
{
	lab_add(l, TARGET, THERE("user", "Other", ""));
	lab_add_value(l, TARGET, "CN=Sales", "member", "CN=Other" GLOBEX);
	lab_delete_value(l, SOURCE, "CN=Sales", "member", FSP(SID_TEXT));
}

static void
foreign_joins(struct lab *l)
{
	lab_add_value(l, SOURCE, "CN=Sales", "member", FSP(SID_TEXT));
}

static void
primary_member_goes(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "primaryGroupID", "513");
	/* AD leaves it a member by name. */
	lab_add_value(l, SOURCE, "CN=Sales", "member", "CN=Ann" ACME);
	lab_delete_value(l, SOURCE, "CN=Sales", "member", "CN=Ann" ACME);
}

static void
primary_member_comes(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Bea", "primaryGroupID", "1105");
	lab_delete_value(l, SOURCE, "CN=Sales", "member", "CN=Bea" ACME);
}

static void
primary_member_is_synchronized(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "msExchHideFromAddressLists", NULL);
}

static void
primary_member_is_deleted(struct lab *l)
{
	lab_delete(l, SOURCE, "CN=Ann");
}

static void
group_is_written(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Sales", "displayName", "Sales Team");
	lab_add_value(l, SOURCE, "CN=Sales", "member", "CN=Bea" ACME);
}

static void
circle_closes(struct lab *l)
{
	lab_add_value(l, SOURCE, "CN=Three", "member", "CN=One" ACME);
}

static void
circle_opens(struct lab *l)
{
	lab_delete_value(l, SOURCE, "CN=Three", "member", "CN=One" ACME);
}

static void
circles_appear(struct lab *l)
{
	lab_add(l, SOURCE,
	    GROUP("One", "one", MEMBER("Two")) GROUP("Two", "two", MEMBER("One"))
		GROUP("Red", "red", MEMBER("Green")) GROUP("Green", "green", MEMBER("Blue"))
		    GROUP("Blue", "blue", MEMBER("Red") MEMBER("Ann")) GROUP("Outer", "outer",
			MEMBER("Inner")) GROUP("Inner", "inner", MEMBER("Innermost"))
			GROUP("Innermost", "innermost", MEMBER("Ann")));
}

static void
inner_joins(struct lab *l)
{
	lab_add_value(l, SOURCE, "CN=Outer", "member", "CN=Inner" ACME);
}

static void
inner_leaves(struct lab *l)
{
	lab_delete_value(l, SOURCE, "CN=Outer", "member", "CN=Inner" ACME);
}

/* And as what it leaves becomes universal at home too. */
static void
inner_leaves_for_good(struct lab *l)
{
	inner_leaves(l);
	lab_set(l, SOURCE, "CN=Outer", "groupType", "8");
}

static void
outer_is_deleted(struct lab *l)
{
	lab_delete(l, SOURCE, "CN=Outer");
}

/* A group that was there before gets another type by hand. */
static void
there_becomes_global(struct lab *l)
{
	lab_set(l, TARGET, "CN=Innen", "groupType", "2");
}

#define RING                                                                                       \
	{TARGET, "CN=Red", "member", "CN=Green" GLOBEX},                                           \
	    {TARGET, "CN=Green", "member", "CN=Blue" GLOBEX},                                      \
	{                                                                                          \
		TARGET, "CN=Blue", "member", "CN=Red" GLOBEX                                       \
	}

static const struct scenario scenarios[] = {
    /* ---- of other forests ---- */
    {.name = "a member of the other forest",
	.source = {FSPS FSP_OBJECT(SID_TEXT) FSP_OBJECT("S-1-5-11"), MAILBOX("Ann", "ann", ""),
	    GROUP("Sales", "sales",
		MEMBER("Ann") "member: " FSP(SID_TEXT) "\nmember: " FSP("S-1-5-11") "\n")},
	.target = {THERE_OU, THERE("user", "Native", SID_1105),
	    THERE("user", "Other", "sIDHistory:: AQUAAAAAAAUVAAAAAQAAAAIAAAADAAAAUQQAAA==\n")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1, [SHAPE_GROUP] = 1}, .waiting = 1},
	.expect = {{TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX},
	    {TARGET, "CN=Sales", "member", "!CN=Other" GLOBEX},
	    {TARGET, "CN=Sales", "member", "CN=Native" GLOBEX}}},
    {.name = "a member of the other forest comes",
	.source = {FSPS FSP_OBJECT(SID_TEXT), GROUP("Sales", "sales", "")},
	.target = {THERE_OU, THERE("user", "Native", SID_1105)},
	.between = foreign_joins,
	.expect = {{TARGET, "CN=Sales", "member", "CN=Native" GLOBEX}}},
    {.name = "a member of the other forest goes",
	.source = {FSPS FSP_OBJECT(SID_TEXT),
	    GROUP("Sales", "sales", "member: " FSP(SID_TEXT) "\n")},
	.target = {THERE_OU, THERE("user", "Native", SID_1105)},
	.between = foreign_leaves,
	.expect = {{TARGET, "CN=Sales", "member", "CN=Other" GLOBEX},
	    {TARGET, "CN=Sales", "member", "!CN=Native" GLOBEX}}},
    /* ---- by primaryGroupID ---- */
    {.name = "members by their primary group",
	.source = {MAILBOX("Ann", "ann", PRIMARY("1105")), MAILBOX("Bea", "bea", PRIMARY("513")),
	    MAILBOX("Cid", "cid", PRIMARY("1106")), SECURITY("Sales", "sales", SID_1105),
	    SECURITY("All", "all", SID_513), GROUP("List", "list", SID_1106)},
	.counts = {.created = {[SHAPE_MAILBOX] = 3, [SHAPE_GROUP] = 3}},
	.expect = {{TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX},
	    {TARGET, "CN=Sales", "member", "!CN=Bea" GLOBEX}, {TARGET, "CN=List", "member", NULL},
	    {TARGET, "CN=All", "member", NULL}}},
    {.name = "a member by its primary group goes",
	.source = {MAILBOX("Ann", "ann", PRIMARY("1105")), SECURITY("Sales", "sales", SID_1105)},
	.between = primary_member_goes,
	.expect = {{TARGET, "CN=Sales", "member", NULL}}},
    {.name = "a member becomes one by its primary group",
	.source = {MAILBOX("Bea", "bea", PRIMARY("513")),
	    SECURITY("Sales", "sales", SID_1105 MEMBER("Bea"))},
	.between = primary_member_comes,
	.expect = {{TARGET, "CN=Sales", "member", "CN=Bea" GLOBEX}}},
    {.name = "a member by its primary group is synchronized later",
	.source = {MAILBOX("Ann", "ann", PRIMARY("1105") "msExchHideFromAddressLists: TRUE\n"),
	    SECURITY("Sales", "sales", SID_1105)},
	.between = primary_member_is_synchronized,
	.counts = {.created = {[SHAPE_MAILBOX] = 1}},
	.expect = {{TARGET, "CN=Sales", "member", "CN=Ann" GLOBEX}}},
    {.name = "a member by its primary group is deleted",
	.scope = "create = \"mailbox\"; on_leave = \"keep\";",
	.source = {MAILBOX("Ann", "ann", PRIMARY("1105")), SECURITY("Sales", "sales", SID_1105)},
	.between = primary_member_is_deleted,
	.counts = {.left = {[LEAVE_KEEP] = 1}},
	.expect = {{TARGET, "CN=Sales", "member", NULL}}},
    {.name = "a member of the target by its primary group",
	.link = APPROVED,
	.source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""),
	    SECURITY("Sales", "sales", MEMBER("Ann"))},
	.target = {THERE_OU, THERE("user", "Ann", "mail: ann@acme.example\n" PRIMARY("1105")),
	    NATIVE("Vertrieb", "sales", "-2147483640", SID_1105)},
	.between = group_is_written,
	.expect = {{TARGET, "CN=Vertrieb", "member", "!CN=Ann" GLOBEX},
	    {TARGET, "CN=Vertrieb", "member", "CN=Bea" GLOBEX}}},
    /* ---- in each other ---- */
    {.name = "a circle closes",
	.source = {GROUP("One", "one", MEMBER("Two")), GROUP("Two", "two", MEMBER("Three")),
	    GROUP("Three", "three", "")},
	.between = circle_closes,
	.expect = {{TARGET, "CN=One", "member", "CN=Two" GLOBEX},
	    {TARGET, "CN=Two", "member", "CN=Three" GLOBEX},
	    {TARGET, "CN=Three", "member", "CN=One" GLOBEX}}},
    {.name = "a circle opens",
	.source = {GROUP("One", "one", MEMBER("Two")), GROUP("Two", "two", MEMBER("Three")),
	    GROUP("Three", "three", MEMBER("One"))},
	.between = circle_opens,
	.expect = {{TARGET, "CN=One", "member", "CN=Two" GLOBEX},
	    {TARGET, "CN=Three", "member", NULL}}},
    {.name = "circles of two and three, and groups in groups, at once",
	.source = {MAILBOX("Ann", "ann", "")},
	.between = circles_appear,
	.counts = {.created = {[SHAPE_GROUP] = 8}},
	.expect = {{TARGET, "CN=One", "member", "CN=Two" GLOBEX},
	    {TARGET, "CN=Two", "member", "CN=One" GLOBEX}, RING,
	    {TARGET, "CN=Outer", "member", "CN=Inner" GLOBEX},
	    {TARGET, "CN=Inner", "member", "CN=Innermost" GLOBEX},
	    {TARGET, "CN=Innermost", "member", "CN=Ann" GLOBEX}}},
    {.name = "a circle that is there",
	.link = APPROVED,
	.source = {GROUP("One", "one", MEMBER("Two")), GROUP("Two", "two", MEMBER("One"))},
	.target = {THERE_OU, NATIVE("Uno", "one", "8", ""), NATIVE("Due", "two", "8", "")},
	.counts = {.matched = 2},
	.expect = {{TARGET, "CN=Uno", "member", "CN=Due" GLOBEX},
	    {TARGET, "CN=Due", "member", "CN=Uno" GLOBEX}}},
    /* ---- types ---- */
    {.name = "types are those of the source",
	.source = {TYPED("Global", "global", "2", MEMBER("Nested")),
	    TYPED("Nested", "nested", "2", ""), TYPED("Local", "local", "4", MEMBER("Within")),
	    TYPED("Within", "within", "4", "")},
	.counts = {.created = {[SHAPE_GROUP] = 4}},
	.expect = {{TARGET, "CN=Global", "groupType", "2"}, {TARGET, "CN=Nested", "groupType", "2"},
	    {TARGET, "CN=Local", "groupType", "4"}, {TARGET, "CN=Within", "groupType", "4"},
	    {TARGET, "CN=Local", "member", "CN=Within" GLOBEX},
	    {TARGET, "CN=Global", "msExchRecipientTypeDetails", "512"}}},
    {.name = "a global group over a universal one becomes universal",
	.link = APPROVED,
	.source = {TYPED("Top", "top", "-2147483646", MEMBER("Outer")),
	    TYPED("Outer", "outer", "2", MEMBER("Inner")), TYPED("Inner", "inner", "2", "")},
	.target = {THERE_OU, NATIVE("Innen", "inner", "8", "")},
	.counts = {.created = {[SHAPE_GROUP] = 2}, .matched = 1},
	.expect = {{TARGET, "CN=Outer", "groupType", "8"},
	    {TARGET, "CN=Top", "groupType", "-2147483640"},
	    {TARGET, "CN=Outer", "member", "CN=Innen" GLOBEX},
	    {TARGET, "CN=Top", "member", "CN=Outer" GLOBEX},
	    {TARGET, "CN=Outer", "msExchRecipientTypeDetails", "256"}}},
    {.name = "a domain local group in a universal one becomes universal",
	.link = APPROVED,
	.source = {TYPED("Outer", "outer", "4", MEMBER("Inner")),
	    TYPED("Inner", "inner", "4", MEMBER("Core")), TYPED("Core", "core", "4", "")},
	.target = {THERE_OU, NATIVE("Aussen", "outer", "8", "")},
	.counts = {.created = {[SHAPE_GROUP] = 2}, .matched = 1},
	.expect = {{TARGET, "CN=Inner", "groupType", "8"}, {TARGET, "CN=Core", "groupType", "8"},
	    {TARGET, "CN=Aussen", "member", "CN=Inner" GLOBEX},
	    {TARGET, "CN=Inner", "member", "CN=Core" GLOBEX}}},
    {.name = "a domain local group joins a universal one",
	.link = APPROVED,
	.source = {TYPED("Outer", "outer", "4", ""), TYPED("Inner", "inner", "4", MEMBER("Core")),
	    TYPED("Core", "core", "4", "")},
	.target = {THERE_OU, NATIVE("Aussen", "outer", "8", "")},
	.between = inner_joins,
	.expect = {{TARGET, "CN=Inner", "groupType", "8"}, {TARGET, "CN=Core", "groupType", "8"},
	    {TARGET, "CN=Aussen", "member", "CN=Inner" GLOBEX}}},
    {.name = "a global group takes up a universal one",
	.link = APPROVED,
	.source = {TYPED("Outer", "outer", "2", ""), TYPED("Inner", "inner", "2", "")},
	.target = {THERE_OU, NATIVE("Innen", "inner", "8", "")},
	.between = inner_joins,
	.expect = {{TARGET, "CN=Outer", "groupType", "8"},
	    {TARGET, "CN=Outer", "member", "CN=Innen" GLOBEX}}},
    {.name = "what cannot be held is left out, and nothing else",
	.link = APPROVED,
	.source = {MAILBOX("Ann", "ann", ""),
	    GROUP("Outer", "outer", MEMBER("Ann") MEMBER("Inner")),
	    TYPED("Inner", "inner", "2", ""),
	    TYPED("Global", "global", "2", MEMBER("Nested") MEMBER("Ann")),
	    TYPED("Nested", "nested", "2", "")},
	.target = {THERE_OU, NATIVE("Innen", "inner", "4", ""), NATIVE("Nest", "nested", "4", "")},
	.counts = {.created = {[SHAPE_MAILBOX] = 1, [SHAPE_GROUP] = 2},
	    .matched = 2,
	    .problems = 2},
	.expect = {{TARGET, "CN=Outer", "member", "CN=Ann" GLOBEX},
	    {TARGET, "CN=Outer", "member", "!CN=Innen" GLOBEX},
	    {TARGET, "CN=Global", "member", "CN=Ann" GLOBEX},
	    {TARGET, "CN=Global", "groupType", "2"}}},
    {.name = "global groups in a circle",
	.source = {TYPED("One", "one", "2", MEMBER("Two")), TYPED("Two", "two", "2", MEMBER("One")),
	    TYPED("Red", "red", "4", MEMBER("Green")), TYPED("Green", "green", "4", MEMBER("Red"))},
	.counts = {.created = {[SHAPE_GROUP] = 4}},
	.expect = {{TARGET, "CN=One", "groupType", "2"}, {TARGET, "CN=Two", "groupType", "2"},
	    {TARGET, "CN=Red", "groupType", "4"}}},
};

static bool
notes_have(const struct lab *l, const char *word)
{
	return strstr(lab_notes(l), word) != NULL;
}

/* What nobody knows is left out and told of once, whatever cycles follow. */
static void
told_once(void **state)
{
	static const struct scenario sc = {.name = "told once",
	    .source = {FSPS FSP_OBJECT("S-1-5-11"), MAILBOX("Ann", "ann", ""),
		GROUP("Sales", "sales", MEMBER("Ann") "member: " FSP("S-1-5-11") "\n")}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_true(notes_have(&l, everyone));
	assert_int_equal(lab_count(&l, TARGET, "CN=Sales", "member"), 1);
	for (int i = 0; i < 3; i++) {
		l.delta = i == 1;
		lab_set(&l, SOURCE, "CN=Sales", "displayName", i % 2 ? "One" : "Two");
		assert_int_equal(lab_cycle(&l, NULL), 0);
		if (notes_have(&l, everyone))
			fail_msg("%s", lab_notes(&l));
	}
	lab_close(&l);
}

/* ---- a type that depends on another group's ---- */

/* More groups than one change their types because of one change; a directory may refuse one of them
 * until another has changed, and then it is made in the same cycle. */
static const struct scenario chains[] = {
    {.name = "a domain local group leaves a universal one",
	.link = APPROVED,
	.source = {TYPED("Outer", "outer", "4", MEMBER("Inner")),
	    TYPED("Inner", "inner", "4", MEMBER("Core")), TYPED("Core", "core", "-2147483644", "")},
	.target = {THERE_OU, NATIVE("Aussen", "outer", "8", "")},
	.between = inner_leaves,
	.expect = {{TARGET, "CN=Inner", "groupType", "4"},
	    {TARGET, "CN=Core", "groupType", "-2147483644"}, {TARGET, "CN=Aussen", "member", NULL},
	    {TARGET, "CN=Inner", "member", "CN=Core" GLOBEX}}},
    {.name = "a domain local group leaves what becomes universal",
	.link = APPROVED,
	.source = {TYPED("Top", "top", "4", MEMBER("Outer")),
	    TYPED("Outer", "outer", "4", MEMBER("Inner")), TYPED("Inner", "inner", "4", "")},
	.target = {THERE_OU, NATIVE("Oben", "top", "8", "")},
	.between = inner_leaves_for_good,
	.expect = {{TARGET, "CN=Inner", "groupType", "4"}, {TARGET, "CN=Outer", "groupType", "8"},
	    {TARGET, "CN=Outer", "member", NULL}}},
    {.name = "a domain local group whose universal one is deleted",
	.scope = "create = \"mailbox\"; on_leave = \"delete\";",
	.link = APPROVED,
	.source = {TYPED("Top", "top", "4", MEMBER("Outer")),
	    TYPED("Outer", "outer", "4", MEMBER("Inner")), TYPED("Inner", "inner", "4", "")},
	.target = {THERE_OU, NATIVE("Oben", "top", "8", "")},
	.between = outer_is_deleted,
	.expect = {{TARGET, "CN=Inner", "groupType", "4"}, {TARGET, "CN=Outer", NULL, NULL}}},
    {.name = "a universal group leaves a global one",
	.link = APPROVED,
	.source = {TYPED("Top", "top", "-2147483646", MEMBER("Outer")),
	    TYPED("Outer", "outer", "2", MEMBER("Inner")), TYPED("Inner", "inner", "2", "")},
	.target = {THERE_OU, NATIVE("Innen", "inner", "8", "")},
	.between = inner_leaves,
	.expect = {{TARGET, "CN=Outer", "groupType", "2"},
	    {TARGET, "CN=Top", "groupType", "-2147483646"},
	    {TARGET, "CN=Top", "member", "CN=Outer" GLOBEX}}},
    {.name = "global groups in each other take up a universal one",
	.link = APPROVED,
	.source = {TYPED("Top", "top", "2", MEMBER("Outer")), TYPED("Outer", "outer", "2", ""),
	    TYPED("Inner", "inner", "2", "")},
	.target = {THERE_OU, NATIVE("Innen", "inner", "8", "")},
	.between = inner_joins,
	.expect = {{TARGET, "CN=Outer", "groupType", "8"}, {TARGET, "CN=Top", "groupType", "8"},
	    {TARGET, "CN=Outer", "member", "CN=Innen" GLOBEX}}},
    {.name = "what is in a global group becomes global there",
	.link = APPROVED,
	.source = {TYPED("Top", "top", "2", MEMBER("Outer")),
	    TYPED("Outer", "outer", "2", MEMBER("Inner")), TYPED("Inner", "inner", "2", "")},
	.target = {THERE_OU, NATIVE("Innen", "inner", "8", "")},
	.between = there_becomes_global,
	.expect = {{TARGET, "CN=Outer", "groupType", "2"}, {TARGET, "CN=Top", "groupType", "2"},
	    {TARGET, "CN=Outer", "member", "CN=Innen" GLOBEX}}},
};

static void
each_in_a_chain(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		struct lab l;

		lab_open(&l, &chains[i]);
		assert_int_equal(lab_cycle(&l, NULL), 0);
		l.delta = true;
		/* Of its own writes it hears. */
		lab_run_silent(&l);
		l.sc->between(&l);
		assert_int_equal(lab_cycle(&l, NULL), 0);
		for (size_t j = 0; l.sc->expect[j].dn; j++)
			lab_expect(&l, &l.sc->expect[j]);
		assert_int_equal(l.res.failed, 0);
		l.delta = false;
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_int_equal(l.res.applied + l.res.failed, 0);
		lab_close(&l);
	}
}

/* ---- every pair of types ---- */

static const char *const types[] = {"2", "4", "8"};

/* A group that is in another one, and one of them was in the target before. */
struct pair {
	const char *outer, *inner; /* their types at home */
	const char *there;	   /* and that of the one that was there */
	bool outer_was_there;
};

/* What they are in the target, apart or together. */
static void
check_pair(struct lab *l, const struct pair *x, bool together)
{
	const char *outer = x->outer_was_there ? x->there : x->outer;
	const char *inner = x->outer_was_there ? x->inner : x->there;
	enum group_scope o = group_type_scope(outer), i = group_type_scope(inner);
	bool fits = group_scope_holds(o, i);

	/* The one that galsync created becomes universal if that helps. */
	if (together && !fits && x->outer_was_there && group_scope_holds(o, GROUP_UNIVERSAL))
		inner = "8", fits = true;
	if (together && !fits && !x->outer_was_there && group_scope_holds(GROUP_UNIVERSAL, i))
		outer = "8", fits = true;
	if (!lab_has(
		l, TARGET, x->outer_was_there ? "CN=Aussen" : "CN=Outer", "groupType", outer) ||
	    !lab_has(l, TARGET, x->outer_was_there ? "CN=Inner" : "CN=Innen", "groupType", inner) ||
	    lab_count(l, TARGET, x->outer_was_there ? "CN=Aussen" : "CN=Outer", "member") !=
		(together && fits))
		fail_msg("outer %s, inner %s, %s there %s, %s: %s", x->outer, x->inner,
		    x->outer_was_there ? "outer" : "inner", x->there,
		    together ? "together" : "apart", lab_notes(l));
}

static void
play_pair(const struct pair *x)
{
	static const struct scenario sc[] = {
	    {.name = "the inner one was there",
		.link = APPROVED,
		.source = {TYPED("Outer", "outer", "8", ""), TYPED("Inner", "inner", "8", "")},
		.target = {THERE_OU, NATIVE("Innen", "inner", "8", "")}},
	    {.name = "the outer one was there",
		.link = APPROVED,
		.source = {TYPED("Outer", "outer", "8", ""), TYPED("Inner", "inner", "8", "")},
		.target = {THERE_OU, NATIVE("Aussen", "outer", "8", "")}}};
	struct lab l;

	lab_open(&l, &sc[x->outer_was_there]);
	lab_set(&l, SOURCE, "CN=Outer", "groupType", x->outer);
	lab_set(&l, SOURCE, "CN=Inner", "groupType", x->inner);
	lab_set(&l, TARGET, x->outer_was_there ? "CN=Aussen" : "CN=Innen", "groupType", x->there);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	for (int i = 0; i < 3; i++) {
		bool together = i == 1;

		if (i)
			(together ? lab_add_value : lab_delete_value)(
			    &l, SOURCE, "CN=Outer", "member", "CN=Inner" ACME);
		l.delta = true;
		assert_int_equal(lab_cycle(&l, NULL), 0);
		check_pair(&l, x, together);
		l.delta = false;
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_int_equal(l.res.applied + l.res.failed, 0);
	}
	lab_close(&l);
}

/* A delta does what a full cycle would. */
static void
every_pair(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3 * 3 * 3 * 2; i++) {
		const struct pair x = {types[i % 3], types[i / 3 % 3], types[i / 9 % 3], i >= 27};

		if (group_scope_holds(group_type_scope(x.outer), group_type_scope(x.inner)))
			play_pair(&x);
	}
}

/* The plan says which groups become universal, and why. */
static void
said_in_the_plan(void **state)
{
	static const struct scenario sc = {.name = "said in the plan",
	    .link = APPROVED,
	    .source = {TYPED("Outer", "outer", "4", MEMBER("Inner")),
		TYPED("Inner", "inner", "4", "")},
	    .target = {THERE_OU, NATIVE("Aussen", "outer", "8", "")}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	free(lab_plan(&l));
	assert_true(notes_have(&l, "becomes universal"));
	assert_true(notes_have(&l, "CN=Aussen"));
	lab_run(&l);
	lab_run_idle(&l);
	assert_false(notes_have(&l, "becomes universal"));
	lab_close(&l);
}

int
main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(scenarios) + 4] = {cmocka_unit_test(told_once),
	    cmocka_unit_test(each_in_a_chain), cmocka_unit_test(every_pair),
	    cmocka_unit_test(said_in_the_plan)};

	scenario_tests(scenarios, ARRAY_SIZE(scenarios), tests + 4);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
