/* SPDX-License-Identifier: MIT */

/* The end of coexistence on two forests: what blocks it, what goes, and that no later cycle, turn
 * or toggle does anything to what is finished. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "tests/support/finish_fixture.h"

#define RT(alias) "SMTP:" alias "@redirect.globex.example"

static const char *const ann[] = {"CN=Ann", NULL};

static const struct scenario staff = {.name = "staff",
    .link = LAB_GROUP_CONF "readiness_attribute = \"extensionAttribute13\";",
    .source = {MAILBOX("Ann", "ann", "title: Boss\n"), MAILBOX("Bea", "bea", ""),
	MAILBOX("Cid", "cid", ""), GROUP("Team", "team", MEMBER("Ann") MEMBER("Bea")),
	LAB_GROUP_LDIF}};

/* Ann and Bea are switched, and all is as it must be. */
static void
start(struct lab *l)
{
	static const char *const two[] = {"CN=Ann", "CN=Bea", NULL};

	lab_open(l, &staff);
	lab_run(l);
	assert_int_equal(lab_turn(l, NULL, LAB_SWITCH, two), 0);
	lab_run_silent(l);
	lab_run_idle(l);
}

static void
idle(struct lab *l)
{
	for (int delta = 0; delta < 2; delta++) {
		l->delta = delta;
		lab_run_silent(l);
		lab_run_idle(l);
	}
	l->delta = false;
}

static void
finishes(void **state)
{
	struct finish_counts n;
	struct lab l;

	(void)state;
	start(&l);
	n = finish(&l, ann, true);
	assert_int_equal(n.done, 1);
	assert_true(lab_told(&l, "done", "CN=Ann", "the marker, the source's guard, the stamp"));
	assert_true(lab_told(&l, "done", "CN=Ann", RT("ann") " stays"));
	assert_int_equal(lab_count(&l, SOURCE, "CN=Ann", MARKER), 1);
	lab_run_idle(&l);
	n = finish(&l, ann, false);
	assert_int_equal(n.done, 1);
	check_finished(&l, "CN=Ann", RT("ann"));
	assert_int_equal(lab_count(&l, SOURCE, "CN=Bea", MARKER), 1);
	lab_check_nothing_open(&l);
	idle(&l);
	check_finished(&l, "CN=Ann", RT("ann"));
	n = finish(&l, ann, false);
	assert_int_equal(n.done, 1);
	assert_true(lab_told(&l, "done", "CN=Ann", "finished already"));
	lab_close(&l);
}

/* A whole link: who is not switched is not asked for. */
static void
whole_link(void **state)
{
	struct finish_counts n;
	struct lab l;

	(void)state;
	start(&l);
	n = finish(&l, NULL, false);
	assert_int_equal(n.done, 2);
	assert_int_equal(n.blocked + n.failed, 0);
	check_finished(&l, "CN=Ann", RT("ann"));
	check_finished(&l, "CN=Bea", RT("bea"));
	idle(&l);
	n = finish(&l, NULL, false);
	assert_int_equal(n.done + n.blocked + n.failed, 0);
	n = finish(&l, all_names, true);
	assert_int_equal(n.done, 2);
	assert_int_equal(n.blocked, 1);
	assert_non_null(strstr(lab_notes(&l), "it is not switched"));
	lab_close(&l);
}

/* ---- what blocks ---- */

static void
references(void **state)
{
	struct finish_counts n;
	struct lab l;

	(void)state;
	start(&l);
	lab_add(&l, TARGET,
	    "dn: CN=Old,DC=globex,DC=example\nobjectClass: contact\n"
	    "targetAddress: SMTP:Ann@redirect.acme.example\n\n"
	    "dn: CN=Club,DC=globex,DC=example\nobjectClass: group\nsAMAccountName: club\n"
	    "groupType: 8\nmember: CN=Old,DC=globex,DC=example\n\n"
	    "dn: CN=Desk,DC=globex,DC=example\nobjectClass: user\nsAMAccountName: desk\n"
	    "altRecipient: CN=Old,DC=globex,DC=example\n\n");
	lab_set(&l, SOURCE, "CN=Cid", "altRecipient", lab_dn(SOURCE, "CN=Ann"));
	lab_set(&l, SOURCE, "CN=Bea", "altRecipient", lab_dn(SOURCE, "CN=Ann"));
	n = finish(&l, ann, false);
	assert_int_equal(n.blocked, 1);
	assert_int_equal(n.done + n.failed, 0);
	assert_non_null(strstr(lab_notes(&l),
	    ": CN=Old,DC=globex,DC=example targetAddress smtp:ann@redirect.acme.example: it "
	    "redirects to an address that only the source has"));
	assert_non_null(strstr(
	    lab_notes(&l), ": CN=Club,DC=globex,DC=example member CN=Old,DC=globex,DC=example: "));
	assert_non_null(strstr(lab_notes(&l),
	    ": CN=Desk,DC=globex,DC=example altRecipient CN=Old,DC=globex,DC=example: "));
	assert_non_null(
	    strstr(lab_notes(&l), ": CN=Cid,OU=Staff,DC=acme,DC=example altRecipient "));
	/* Mail to Bea is redirected: the forward is not used. */
	assert_null(strstr(lab_notes(&l), ": CN=Bea,"));
	assert_int_equal(lab_count(&l, SOURCE, "CN=Ann", MARKER), 1);
	lab_check_nothing_open(&l);
	lab_delete(&l, TARGET, "CN=Old,DC=globex,DC=example");
	lab_set(&l, SOURCE, "CN=Cid", "altRecipient", NULL);
	assert_int_equal(finish(&l, ann, false).done, 1);
	lab_close(&l);
}

static void
names_and_addresses(void **state)
{
	struct lab l;

	(void)state;
	start(&l);
	lab_delete_value(&l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example");
	lab_add_value(&l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann@globex.example");
	lab_delete_value(&l, TARGET, "CN=Ann", "proxyAddresses", "X500:" ACME_LEGACY "ann");
	assert_int_equal(finish(&l, ann, true).blocked, 1);
	assert_non_null(
	    strstr(lab_notes(&l), "proxyAddresses X500:" ACME_LEGACY "ann: it lacks this name"));
	assert_non_null(
	    strstr(lab_notes(&l), "proxyAddresses SMTP:ann@acme.example: it lacks this address"));
	lab_close(&l);
}

static void
put_down(struct lab *l, enum operation_kind kind, bool there)
{
	struct store_operation o = {.kind = kind, .since = 1};
	struct store_txn *t;
	struct err err;

	assert_true(guid_parse(lab_source_guid(l, "CN=Ann"), &o.source));
	assert_int_equal(store_begin(l->store, STORE_WRITE, &t, &err), 0);
	assert_int_equal(there ? store_put_operation(t, 1, &o, &err)
			       : store_clear_operation(t, 1, &o.source, &err),
	    0);
	assert_int_equal(store_commit(t, &err), 0);
}

/* A plan writes nothing: what is under way blocks it. What is asked for ends it first. */
static void
under_way(void **state)
{
	struct lab l;

	(void)state;
	start(&l);
	put_down(&l, OPERATION_SWITCH, true);
	assert_int_equal(finish(&l, ann, true).blocked, 1);
	assert_non_null(strstr(lab_notes(&l), "is under way"));
	assert_int_equal(finish(&l, ann, false).done, 1);
	lab_check_nothing_open(&l);
	lab_close(&l);
}

/* What was interrupted, and is not allowed any more, is given up; the mailbox stays switched. */
static void
given_up(void **state)
{
	struct lab l;

	(void)state;
	start(&l);
	lab_set(&l, SOURCE, "CN=Cid", "altRecipient", lab_dn(SOURCE, "CN=Ann"));
	lab_set(&l, SOURCE, "CN=Ann", MARKER, NULL);
	put_down(&l, OPERATION_FINISH, true);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_non_null(strstr(lab_notes(&l), "the end of its coexistence, which was interrupted, "
					      "is given up: blocked by 1"));
	lab_check_nothing_open(&l);
	assert_int_equal(lab_count(&l, SOURCE, "CN=Ann", MARKER), 1);
	lab_close(&l);
}

static void
refused_by_the_server(void **state)
{
	struct finish_counts n;
	struct lab l;

	(void)state;
	start(&l);
	assert_int_equal(fakedir_refuse(l.fd[TARGET], lab_dn(TARGET, "CN=Ann"), 50), 0);
	n = finish(&l, ann, false);
	assert_int_equal(n.failed, 1);
	lab_check_nothing_open(&l);
	/* The next cycle puts the marker back: the mailbox is switched. */
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(lab_count(&l, SOURCE, "CN=Ann", MARKER), 1);
	assert_true(lab_has(&l, SOURCE, LAB_GROUP, "member", lab_dn(SOURCE, "CN=Ann")));
	lab_close(&l);
}

/* ---- afterwards ---- */

/* Whatever happens to either object: they belong to their forests. */
static void
belongs_to_others(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "title", "Clerk");
	lab_set(l, TARGET, "CN=Ann", "title", "Chief");
	lab_set(l, SOURCE, "CN=Ann", "targetAddress", NULL);
	lab_set(l, SOURCE, "CN=Ann", "extensionAttribute13", "ready");
	lab_set(l, TARGET, "CN=Ann", STAMP, "HR-4711");
	idle(l);
	assert_true(lab_has(l, TARGET, "CN=Ann", "title", "Chief"));
	assert_true(lab_has(l, TARGET, "CN=Ann", STAMP, "HR-4711"));
	assert_int_equal(lab_count(l, SOURCE, "CN=Ann", "targetAddress"), 0);
}

static void
left_alone(void **state)
{
	struct lab l;

	(void)state;
	start(&l);
	assert_int_equal(finish(&l, ann, false).done, 1);
	idle(&l);
	assert_int_equal(lab_turn(&l, NULL, LAB_UNDO, ann), 0);
	assert_true(lab_told(&l, "failed", "CN=Ann", "it is finished"));
	assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ann), 0);
	assert_true(lab_told(&l, "failed", "CN=Ann", "it is finished"));
	assert_int_equal(lab_turn(&l, NULL, LAB_TOGGLE, ann), 0);
	assert_true(lab_told(&l, "failed", "CN=Ann", "it is finished"));
	check_finished(&l, "CN=Ann", RT("ann"));
	belongs_to_others(&l);
	/* A reference to the source is still translated, and the group has its member. */
	assert_true(lab_has(&l, TARGET, "CN=Team", "member", lab_dn(TARGET, "CN=Ann")));
	lab_set(&l, SOURCE, "CN=Cid", "manager", lab_dn(SOURCE, "CN=Ann"));
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Cid", "manager", lab_dn(TARGET, "CN=Ann")));
	lab_close(&l);
}

/* Either object is gone: none is made anew, and no other object gets the counterpart. */
static void
objects_go(void **state)
{
	struct lab l;

	(void)state;
	start(&l);
	assert_int_equal(finish(&l, NULL, false).done, 2);
	idle(&l);
	lab_delete(&l, SOURCE, "CN=Ann");
	lab_delete(&l, TARGET, "CN=Bea");
	/* The group loses its members as the source's does. */
	lab_run(&l);
	idle(&l);
	assert_true(lab_exists(&l, TARGET, "CN=Ann"));
	assert_false(lab_exists(&l, TARGET, "CN=Bea"));
	lab_add(&l, SOURCE, MAILBOX("Eve", "ann", ""));
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(l.res.conflicts, 1);
	assert_int_equal(lab_count(&l, TARGET, "CN=Ann", STAMP), 0);
	lab_close(&l);
}

/* A source that left after the switch leaves a stamp, which goes too. */
static void
source_left(void **state)
{
	struct lab l;

	(void)state;
	start(&l);
	lab_delete(&l, SOURCE, "CN=Bea");
	lab_run(&l);
	assert_int_equal(lab_count(&l, TARGET, "CN=Bea", STAMP), 1);
	assert_int_equal(finish(&l, NULL, false).done, 2);
	assert_int_equal(lab_count(&l, TARGET, "CN=Bea", STAMP), 0);
	idle(&l);
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(finishes),
	    cmocka_unit_test(whole_link),
	    cmocka_unit_test(references),
	    cmocka_unit_test(names_and_addresses),
	    cmocka_unit_test(under_way),
	    cmocka_unit_test(given_up),
	    cmocka_unit_test(refused_by_the_server),
	    cmocka_unit_test(left_alone),
	    cmocka_unit_test(objects_go),
	    cmocka_unit_test(source_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
