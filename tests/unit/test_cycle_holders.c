/* SPDX-License-Identifier: MIT */

/*
 * However many objects of the target stand for an address, it is given to no second one: contacts
 * that mail for the address is sent on from, and behind them the user that has it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

#define HELP "smtp:help@acme.example"

static const unsigned crowds[] = {0, 15, 16, 64, 200};

static void
add_contacts(struct lab *l, unsigned n)
{
	_cleanup_(buf_done) struct buf b = {0};

	for (unsigned i = 0; i < n; i++)
		buf_printf(
		    &b, THERE("contact", "C%u", "targetAddress: SMTP:help@acme.example\n"), i);
	buf_add_str(&b, "");
	assert_false(b.failed);
	lab_add(l, TARGET, (const char *)b.data);
}

struct holding {
	const char *holder; /* who must be named */
	unsigned n;
};

static int
is_named(uint32_t link, const struct conflict *c, void *arg, struct err *err)
{
	struct holding *h = arg;

	(void)link;
	(void)err;
	assert_int_equal(c->reason, CONFLICT_ADDRESS);
	assert_string_equal(c->what, HELP);
	assert_int_equal(c->n_candidates, 1);
	assert_string_equal(c->candidates[0], h->holder);
	h->n++;
	return 0;
}

/* Ann has a counterpart without the address, and one conflict names who has it. */
static void
check_conflict(struct lab *l)
{
	struct holding h = {lab_dn(TARGET, "CN=Help"), 0};
	_cleanup_(store_abort) struct store_txn *t = NULL;

	assert_int_equal(l->res.conflicts, 1);
	assert_true(lab_has(l, TARGET, "CN=Ann", "proxyAddresses", "SMTP:ann@acme.example"));
	assert_false(lab_has(l, TARGET, "CN=Ann", "proxyAddresses", HELP));
	assert_true(lab_has(l, TARGET, "CN=Help", "proxyAddresses", HELP));
	assert_int_equal(store_begin(l->store, STORE_READ, &t, &l->err), 0);
	assert_int_equal(store_each_conflict(t, 0, is_named, &h, &l->err), 0);
	assert_int_equal(h.n, 1);
}

static const struct scenario crowd = {.name = "a crowd before the holder",
    .link = "match = [ \"stamp\" ];",
    .source = {MAILBOX("Ann", "ann", "proxyAddresses: " HELP "\n")},
    .target = {THERE_OU}};
static const struct scenario later = {.name = "a crowd before the holder, later",
    .link = "match = [ \"stamp\" ];",
    .source = {MAILBOX("Ann", "ann", "")},
    .target = {THERE_OU}};

static void
open_crowd(struct lab *l, const struct scenario *sc, unsigned n)
{
	lab_open(l, sc);
	add_contacts(l, n);
	lab_add(l, TARGET, THERE("user", "Help", "proxyAddresses: " HELP "\n"));
}

static void
of_a_new_object(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(crowds); i++) {
		struct lab l;

		open_crowd(&l, &crowd, crowds[i]);
		lab_run(&l);
		check_conflict(&l);
		lab_run_idle(&l);
		lab_close(&l);
	}
}

static void
of_an_old_object(bool delta)
{
	for (size_t i = 0; i < ARRAY_SIZE(crowds); i++) {
		struct lab l;

		open_crowd(&l, &later, crowds[i]);
		lab_run(&l);
		assert_int_equal(l.res.conflicts, 0);
		lab_add_value(&l, SOURCE, "CN=Ann", "proxyAddresses", HELP);
		l.delta = delta;
		lab_run(&l);
		check_conflict(&l);
		lab_close(&l);
	}
}

static void
of_an_old_object_in_full(void **state)
{
	(void)state;
	of_an_old_object(false);
}

static void
of_an_old_object_in_a_delta(void **state)
{
	(void)state;
	of_an_old_object(true);
}

/* A new object that a delta makes. */
static void
of_a_new_object_in_a_delta(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(crowds); i++) {
		static const struct scenario empty = {.name = "a crowd and nobody",
		    .link = "match = [ \"stamp\" ];",
		    .target = {THERE_OU}};
		struct lab l;

		open_crowd(&l, &empty, crowds[i]);
		lab_run(&l);
		lab_add(&l, SOURCE, MAILBOX("Ann", "ann", "proxyAddresses: " HELP "\n"));
		l.delta = true;
		lab_run(&l);
		check_conflict(&l);
		lab_close(&l);
	}
}

/* The contacts are evidence for an object whose address they stand for: two are a conflict, and so
 * are two hundred. */
static void
candidates(void **state)
{
	static const struct scenario sc = {.name = "many candidates",
	    .link = "match = [ \"mail\" ];",
	    .source = {CONTACT("Help", "help", "")},
	    .target = {THERE_OU}};

	(void)state;
	for (size_t i = 1; i < ARRAY_SIZE(crowds); i++) {
		struct lab l;

		lab_open(&l, &sc);
		add_contacts(&l, crowds[i]);
		lab_run(&l);
		assert_int_equal(l.res.conflicts, 1);
		assert_int_equal(l.res.matched, 0);
		assert_false(lab_exists(&l, TARGET, "CN=Help"));
		lab_close(&l);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(of_a_new_object),
	    cmocka_unit_test(of_an_old_object_in_full),
	    cmocka_unit_test(of_an_old_object_in_a_delta),
	    cmocka_unit_test(of_a_new_object_in_a_delta),
	    cmocka_unit_test(candidates),
	};

	return cmocka_run_group_tests_name("holders", tests, NULL, NULL);
}
