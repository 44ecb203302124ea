/* SPDX-License-Identifier: MIT */

/* What a cycle says, to who wants to know, of each object that it looks at: whether it is in scope,
 * which object is its counterpart and why, what did not count, and why nothing is done. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "tests/support/limits_fixture.h"
#include "tests/support/scenario_turn.h"

#define IN_SCOPE(kind) kind " in the scope of 'OU=Staff,DC=acme,DC=example'; "
#define NOTHING "nothing is written: both sides are as they should be"

/* Decisions are told as LINES, which end with "\n" each, and nothing else is told of NAME. */
static void
told(struct lab *l, const char *name, const char *lines)
{
	_cleanup_(free) char *head = str_printf("decided %s: ", lab_dn(SOURCE, name));
	_cleanup_(buf_done) struct buf got = {0};

	for (const char *p = lab_notes(l); (p = strstr(p, head));) {
		p += strlen(head);
		buf_add(&got, p, strcspn(p, "\n") + 1);
	}
	assert_string_equal(got.len ? (const char *)got.data : "", lines);
}

/* An observer that does not ask is told nothing. */
static void
unasked(void **state)
{
	const struct scenario sc = {.source = {MAILBOX("Ann", "ann", "")}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	assert_int_equal(l.told[RUN_DECIDED], 0);
	lab_close(&l);
}

static void
scope_and_creation(void **state)
{
	const struct scenario sc = {.source = {MAILBOX("Ann", "ann", ""),
					MAILBOX("Hid", "hid", "msExchHideFromAddressLists: TRUE\n"),
					GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Hid"))}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	l.decisions = true;
	lab_run(&l);
	told(&l, "CN=Ann",
	    IN_SCOPE("user") "no rule finds a counterpart: mailbox 'CN=Ann" GLOBEX "' is created\n"
			     "planned: changes 2, references 0, attributes by themselves 0, what "
			     "flows back 0; "
			     "references that wait for a counterpart 0\n");
	told(&l, "CN=Hid", "not in scope: hidden\n");
	told(&l, "CN=Sales",
	    IN_SCOPE("group") "no rule finds a counterpart: group 'CN=Sales" GLOBEX "' is created\n"
			      "planned: changes 2, references 0, attributes by themselves 0, what "
			      "flows back 0; "
			      "references that wait for a counterpart 1\n");
	lab_run(&l);
	told(&l, "CN=Ann",
	    IN_SCOPE("user") "its counterpart is 'CN=Ann" GLOBEX "', as the map says\n" NOTHING
			     "; references that wait for a counterpart 0\n");
	lab_close(&l);
}

static void
candidates(void **state)
{
	const struct scenario sc = {.link = "match = [ \"x500-on-target\", \"mail-on-target\" ];",
	    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""),
		MAILBOX("Cid", "cid", ""), MAILBOX("Dan", "dan", "")},
	    .target = {THERE_OU, THERE("user", "A", "mail: ann@acme.example\n"),
		/* It does not say it of itself. */
		THERE("user", "B", "proxyAddresses: smtp:bea@acme.example\n"),
		THERE("user", "C1", "mail: cid@acme.example\n"),
		THERE("user", "C2", "mail: cid@acme.example\n")}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	l.decisions = true;
	assert_int_equal(lab_cycle(&l, NULL), 0);
	told(&l, "CN=Ann",
	    IN_SCOPE("user") "its counterpart is 'CN=A" GLOBEX
			     "', found by mail-on-target=ann@acme.example\n"
			     "planned: changes 2, references 0, attributes by themselves 0, what "
			     "flows back 0; "
			     "references that wait for a counterpart 0\n");
	assert_non_null(
	    strstr(lab_notes(&l), "mail-on-target finds 'CN=B" GLOBEX
				  "' by 'bea@acme.example', which is no evidence by that rule\n"));
	told(&l, "CN=Cid",
	    IN_SCOPE(
		"user") "in conflict (ambiguous): mail-on-target=cid@acme.example: 'CN=C1" GLOBEX
			"' and 'CN=C2" GLOBEX "'\n");
	l.delta = true;
	assert_int_equal(lab_cycle(&l, NULL), 0); /* hears of its own writes */
	lab_set(&l, SOURCE, "CN=Ann", "title", "Boss");
	assert_int_equal(lab_cycle(&l, NULL), 0);
	told(&l, "CN=Ann",
	    IN_SCOPE("user") "its counterpart is 'CN=A" GLOBEX
			     "', as the map says, found by mail-on-target=ann@acme.example\n"
			     "planned: changes 1, references 0, attributes by themselves 0, what "
			     "flows back 0; "
			     "references that wait for a counterpart 0\n");
	told(&l, "CN=Dan", "");
	lab_close(&l);
}

static void
nothing_is_created(void **state)
{
	const struct scenario sc = {
	    .scope = "create = \"none\";", .source = {MAILBOX("Ann", "ann", "")}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	l.decisions = true;
	lab_run(&l);
	told(&l, "CN=Ann",
	    IN_SCOPE(
		"user") "it has no counterpart: no rule finds one, and the scope creates none\n");
	lab_close(&l);
}

static void
held_and_rejected(void **state)
{
	const struct scenario sc = {.link = "limits = { deletes = 0; redirections = 0; };",
	    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", "")}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	l.decisions = true;
	lab_delete(&l, SOURCE, "CN=Ann");
	lab_set(&l, TARGET, "CN=Bea", "targetAddress", NULL);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	told(&l, "CN=Ann",
	    "left: outside the bases; nothing is done to its counterpart: the limit of deletes "
	    "holds it\n");
	assert_non_null(
	    strstr(lab_notes(&l), "nothing is written: the limit of redirections holds it\n"));
	decide(&l, HELD_DELETES, NULL, HELD_REJECTED);
	decide(&l, HELD_REDIRECTIONS, NULL, HELD_REJECTED);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	told(&l, "CN=Ann",
	    "left: outside the bases; nothing is done to its counterpart: an operator rejected "
	    "it\n");
	told(&l, "CN=Bea",
	    IN_SCOPE("user") "its counterpart is 'CN=Bea" GLOBEX "', as the map says\n"
			     "nothing is written: an operator rejected it\n");
	lab_close(&l);
}

static void
readiness(void **state)
{
	const struct scenario sc = {
	    .link = "readiness_attribute = \"extensionAttribute13\"; limits = { switches = 0; };",
	    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", "")}};
	struct lab l;

	(void)state;
	lab_open(&l, &sc);
	lab_run(&l);
	l.decisions = true;
	lab_set(&l, SOURCE, "CN=Ann", "extensionAttribute13", "yes");
	assert_int_equal(lab_cycle(&l, NULL), 0);
	told(&l, "CN=Ann",
	    IN_SCOPE("user") "its counterpart is 'CN=Ann" GLOBEX "', as the map says\n" NOTHING
			     "; references that wait for a counterpart 0\n"
			     "ready: it is to be switched\n"
			     "ready, but not switched: the limit of switches holds it\n");
	decide(&l, HELD_SWITCHES, NULL, HELD_REJECTED);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_non_null(
	    strstr(lab_notes(&l), "ready, but not switched: an operator rejected it\n"));
	assert_null(strstr(lab_notes(&l), "Bea" ACME ": ready"));
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(unasked),
	    cmocka_unit_test(scope_and_creation),
	    cmocka_unit_test(candidates),
	    cmocka_unit_test(nothing_is_created),
	    cmocka_unit_test(held_and_rejected),
	    cmocka_unit_test(readiness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
