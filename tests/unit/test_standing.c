/* SPDX-License-Identifier: MIT */

/* What is said of who is not, or not any more, in a correspondence. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "dsa/jobs/standing.h"
#include "mapping/resolution.h"
#include "tests/support/scenario.h"

#define HIDES "msExchHideFromAddressLists"

static const struct scenario people = {.name = "people",
    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""), CONTACT("Carl", "carl", ""),
	MAILBOX("Hid", "hid", HIDES ": TRUE\n")},
    .target = {THERE_OU, THERE("user", "Nat", "sAMAccountName: nat\nmail: nat@globex.example\n")}};

struct asking {
	enum side side;
	struct guid guid;
	const char *address; /* or NULL */
	char *said;
};

static int
ask(struct lab *l, struct run *run, void *arg)
{
	struct asking *a = arg;

	if (run_open(run, &l->err) < 0)
		return -1;
	return a->address ? standing_of_address(run, a->address, &a->said, &l->err)
			  : standing_of_object(run, a->side, &a->guid, &a->said, &l->err);
}

/* WANT is NULL: nothing is said. */
static void
said(struct lab *l, struct asking *a, const char *want)
{
	if (lab_act(l, NULL, ask, a) < 0)
		fail_msg("%s", l->err.text);
	if (want)
		assert_string_equal(a->said ? a->said : "nothing", want);
	else
		assert_null(a->said);
	free(TAKE(a->said));
}

static struct asking
object(struct lab *l, enum side side, const char *name)
{
	return (struct asking){
	    .side = side, .guid = fakedir_find(l->fd[side], lab_dn(side, name))->guid};
}

static void
of_address(struct lab *l, const char *address, const char *want)
{
	struct asking a = {.address = address};

	said(l, &a, want);
}

static void
who_is_in(void **state)
{
	struct lab l;
	struct asking a;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	a = object(&l, SOURCE, "CN=Ann");
	said(&l, &a, NULL);
	a = object(&l, TARGET, "CN=Ann");
	said(&l, &a, NULL);
	a = object(&l, TARGET, "CN=Nat");
	said(&l, &a, NULL);
	a = object(&l, SOURCE, "CN=Hid");
	said(&l, &a, "it is not synchronized: hidden");
	of_address(&l, "nobody@acme.example", NULL);
	of_address(&l, "ann@acme.example",
	    "the map has it as an address of 'CN=Ann,OU=Staff,DC=acme,DC=example'");
	lab_close(&l);
}

static void
who_left(void **state)
{
	struct asking source, target, gone;
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	lab_run(&l);
	source = object(&l, SOURCE, "CN=Ann");
	target = object(&l, TARGET, "CN=Ann");
	gone = object(&l, TARGET, "CN=Carl");
	lab_set(&l, SOURCE, "CN=Ann", HIDES, "TRUE");
	lab_delete(&l, SOURCE, "CN=Carl");
	lab_run(&l);
	said(&l, &source, "it has left the synchronization: hidden");
	said(&l, &target,
	    "its source object 'CN=Ann,OU=Staff,DC=acme,DC=example' has left the synchronization: "
	    "hidden");
	said(&l, &gone, "its source object 'CN=Carl,OU=Staff,DC=acme,DC=example' is gone");
	of_address(&l, "carl@acme.example",
	    "it was an address of 'CN=Carl,OU=Staff,DC=acme,DC=example', which is gone");
	of_address(&l, "Ann@Acme.example",
	    "it was an address of 'CN=Ann,OU=Staff,DC=acme,DC=example', which has left the "
	    "synchronization: hidden");
	/* It is about to come back. */
	lab_set(&l, SOURCE, "CN=Ann", HIDES, NULL);
	said(&l, &source, "it has left the synchronization");
	lab_close(&l);
}

/* A second object with an address of the first: a conflict without a record. */
static void
ignore(struct lab *l, const struct guid *g)
{
	const struct resolution r = {.source = *g, .as = RESOLVED_IGNORE};
	struct store_txn *t;
	struct err err;

	assert_int_equal(store_begin(l->store, STORE_WRITE, &t, &err), 0);
	assert_int_equal(store_put_resolution(t, 1, &r, &err), 0);
	assert_int_equal(store_commit(t, &err), 0);
}

static void
who_is_in_conflict(void **state)
{
	static const struct scenario two = {.name = "two",
	    .source = {MAILBOX("Ann", "ann", "")},
	    .target = {THERE_OU,
		THERE("user", "Bea", "sAMAccountName: bea\nmail: ann@acme.example\n"),
		THERE("user", "Cid", "sAMAccountName: cid\nmail: ann@acme.example\n")}};
	struct asking a;
	struct lab l;

	(void)state;
	lab_open(&l, &two);
	lab_run(&l);
	assert_int_equal(l.res.conflicts, 1);
	a = object(&l, SOURCE, "CN=Ann");
	said(&l, &a, "it is in conflict: see galsyncctl conflicts");
	ignore(&l, &a.guid);
	lab_run(&l);
	assert_int_equal(l.res.conflicts, 0);
	said(&l, &a, "it is left alone, as an operator said: see galsyncctl conflicts --resolved");
	lab_close(&l);
}

/* Without a record it is in no list of the map. */
static void
who_could_not_be_made(void **state)
{
	struct asking a;
	struct lab l;

	(void)state;
	lab_open(&l, &people);
	assert_int_equal(fakedir_refuse(l.fd[TARGET], lab_dn(TARGET, "CN=Ann"), 53), 0);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(l.res.failed, 1);
	a = object(&l, SOURCE, "CN=Ann");
	assert_int_equal(lab_act(&l, NULL, ask, &a), 0);
	assert_non_null(a.said);
	if (!str_starts_nocase(a.said, "it could not be written, and is tried again: add '"))
		fail_msg("%s", a.said);
	free(TAKE(a.said));
	assert_int_equal(fakedir_refuse(l.fd[TARGET], NULL, 0), 0);
	lab_run(&l);
	said(&l, &a, NULL);
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(who_is_in), cmocka_unit_test(who_left),
	    cmocka_unit_test(who_is_in_conflict), cmocka_unit_test(who_could_not_be_made)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
