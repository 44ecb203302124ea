/* SPDX-License-Identifier: MIT */

/* Several domain controllers: what one lacks may be on another. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/clock.h"
#include "tests/support/scenario.h"

#define DC1 "dc1.globex.example"
#define DC2 "dc2.globex.example"
#define TWO_DAYS_S ((int64_t)2 * 24 * 3600)

static const struct scenario people = {.name = "people",
    .source = {MAILBOX("Ann", "ann", ""), CONTACT("Carl", "carl", ""),
	GROUP("Sales", "sales", MEMBER("Ann") MEMBER("Carl"))}};
static const struct scenario ann = {.name = "ann", .source = {MAILBOX("Ann", "ann", "")}};

static void
use(struct lab *l, const char *server)
{
	assert_int_equal(fakedir_set_server(l->fd[TARGET], server), 0);
}

static void
hide(struct lab *l, const char *dn, bool yes)
{
	assert_int_equal(fakedir_hide(l->fd[TARGET], lab_dn(TARGET, dn), yes), 0);
}

/* A cycle that leaves one object alone. */
static void
run_waiting(struct lab *l)
{
	if (lab_cycle(l, NULL) < 0)
		fail_msg("%s", l->err.text);
	buf_add_char(&l->notes, '\0');
	if (l->res.failed != 1)
		fail_msg("%s", (const char *)l->notes.data);
	assert_int_equal(l->res.created[SHAPE_MAILBOX], 0);
	assert_non_null(strstr((const char *)l->notes.data, "may not have received it yet"));
}

/* The first cycle wrote to DC1; DC2 lacks Ann. */
static void
start(struct lab *l, const struct scenario *sc)
{
	lab_open(l, sc);
	use(l, DC1);
	lab_run(l);
	use(l, DC2);
	hide(l, "CN=Ann", true);
}

static void
counterpart_waits(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &people);
	run_waiting(&l);
	run_waiting(&l);
	hide(&l, "CN=Ann", false);
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Sales", "member", lab_dn(TARGET, "CN=Ann")));
	lab_run_idle(&l);
	lab_close(&l);
}

static void
delta_waits(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &ann);
	l.delta = true;
	lab_set(&l, SOURCE, "CN=Ann", "title", "Boss");
	run_waiting(&l);
	hide(&l, "CN=Ann", false);
	lab_set(&l, SOURCE, "CN=Ann", "title", "Chief");
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Chief"));
	lab_close(&l);
}

static void
same_server_knows(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &ann);
	use(&l, DC1);
	lab_run(&l);
	assert_int_equal(l.res.created[SHAPE_MAILBOX], 1);
	lab_close(&l);
}

static void
tombstone_proves(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &ann);
	hide(&l, "CN=Ann", false);
	lab_delete(&l, TARGET, "CN=Ann");
	lab_run(&l);
	assert_int_equal(l.res.created[SHAPE_MAILBOX], 1);
	lab_close(&l);
}

static void
after_a_day(void **state)
{
	struct store_txn *t = NULL;
	struct record *r;
	struct lab l;
	static const char why[] =
	    "its counterpart is not on '" DC2 "', which may not have received it yet";

	(void)state;
	start(&l, &ann);
	run_waiting(&l);
	r = lab_record(&l, "CN=Ann");
	assert_int_equal(store_begin(l.store, STORE_WRITE, &t, &l.err), 0);
	assert_int_equal(store_clear_retry(t, r->link, &r->side[SOURCE].guid, &l.err), 0);
	assert_int_equal(store_put_retry(t, r->link, &r->side[SOURCE].guid, "CN=Ann", why,
			     clock_realtime_s() - TWO_DAYS_S, &l.err),
	    0);
	assert_int_equal(store_commit(t, &l.err), 0);
	record_free(r);
	lab_run(&l);
	assert_int_equal(l.res.created[SHAPE_MAILBOX], 1);
	lab_close(&l);
}

/* Softer evidence must not find another object meanwhile. */
static void
no_other_match(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &ann);
	lab_add(&l, TARGET, THERE("contact", "Other", "mail: ann@acme.example\n"));
	run_waiting(&l);
	assert_int_equal(l.res.matched, 0);
	lab_close(&l);
}

/* The process dies while it creates, or right after, and the next one meets another server. */
static void
unknown_outcome(void **state)
{
	struct tap tap = {.stop_at = 1, .how = TAP_STOP_AFTER};
	unsigned deaths = 0;
	struct lab l;

	(void)state;
	lab_open(&l, &ann);
	use(&l, DC1);
	l.dies = true;
	while (!lab_exists(&l, TARGET, "CN=Ann")) {
		assert_int_equal(lab_cycle(&l, &tap), -1);
		tap_done(&tap);
		tap = (struct tap){.stop_at = 1, .how = TAP_STOP_AFTER};
		assert_true(++deaths < 20);
	}
	l.dies = false;
	use(&l, DC2);
	hide(&l, "CN=Ann", true);
	run_waiting(&l);
	hide(&l, "CN=Ann", false);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(l.res.created[SHAPE_MAILBOX], 0);
	assert_int_equal(l.res.failed, 0);
	lab_run_silent(&l);
	lab_close(&l);
}

static void
leaver_waits(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &ann);
	lab_delete(&l, SOURCE, "CN=Ann");
	run_waiting(&l);
	hide(&l, "CN=Ann", false);
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "msExchHideFromAddressLists", "TRUE"));
	lab_close(&l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counterpart_waits),
	    cmocka_unit_test(delta_waits),
	    cmocka_unit_test(same_server_knows),
	    cmocka_unit_test(tombstone_proves),
	    cmocka_unit_test(after_a_day),
	    cmocka_unit_test(no_other_match),
	    cmocka_unit_test(unknown_outcome),
	    cmocka_unit_test(leaver_waits),
	};

	return cmocka_run_group_tests_name("elsewhere", tests, NULL, NULL);
}
