/* SPDX-License-Identifier: MIT */

/* How much is asked of either side, one thing after the other, before a delta writes what changed:
 * over a long distance that is how long it takes. A bind is one of them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

#define MANY 20

struct counting {
	struct lab *l;
	unsigned before[SIDES]; /* the first write */
};

static void
count(void *arg, unsigned write, const struct change *c)
{
	struct counting *n = arg;

	(void)c;
	for (int side = SOURCE; write == 1 && side < SIDES; side++)
		n->before[side] = fakedir_requests(n->l->fd[side]);
}

/* A delta about what CHANGE did. */
static struct counting
requests_of(void (*change)(struct lab *l))
{
	static const struct scenario sc = {.name = "requests",
	    .source = {MAILBOX("Ann", "ann", "title: Clerk\n"), MAILBOX("Bea", "bea", ""),
		GROUP("Sales", "sales", MEMBER("Ann"))},
	    .target = {THERE_OU}};
	static const struct fakedir_outage well = {.fault = FAKEDIR_WELL};
	struct lab l;
	struct counting n = {.l = &l};
	struct tap tap = {.hook = count, .hook_arg = &n, .hook_at = 0};

	lab_open(&l, &sc);
	lab_run(&l);
	l.delta = true;
	lab_run_silent(&l);
	change(&l);
	for (int side = SOURCE; side < SIDES; side++)
		fakedir_set_outage(l.fd[side], &well);
	assert_int_equal(lab_cycle(&l, &tap), 0);
	assert_true(tap.writes > 0);
	tap_done(&tap);
	lab_close(&l);
	return n;
}

static void
title_changes(struct lab *l)
{
	lab_set(l, SOURCE, "CN=Ann", "title", "Boss");
}

static void
add_people(struct lab *l, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char text[1024];

		(void)snprintf(text, sizeof text,
		    "dn: CN=New %u" ACME "\nobjectClass: user\nsAMAccountName: new%u\n"
		    "mailNickname: new%u\nmail: new%u@acme.example\n"
		    "proxyAddresses: SMTP:new%u@acme.example\nlegacyExchangeDN: " ACME_LEGACY
		    "new%u\nuserAccountControl: 512\nmsExchHomeServerName: /o=Acme/cn=EX1\n",
		    i, i, i, i, i, i);
		lab_add(l, SOURCE, text);
	}
}

static void
one_comes(struct lab *l)
{
	add_people(l, 1);
}

static void
many_come(struct lab *l)
{
	add_people(l, MANY);
}

static void
one_goes(struct lab *l)
{
	lab_delete(l, SOURCE, "CN=Bea");
}

static void
before_a_write(void **state)
{
	static const struct {
		void (*change)(struct lab *l);
		unsigned most[SIDES];
	} rows[] = {
	    /* The feed and the object. */
	    {title_changes, {3, 3}},
	    /* And whether it is a container, what refers to it, and who has its addresses; on the
	     * target candidates and holders of its names, names beside it, and holders of
	     * addresses. */
	    {one_comes, {6, 5}},
	    /* The same, but for names beside each. */
	    {many_come, {7, 5 + MANY}},
	    {one_goes, {4, 4}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct counting n = requests_of(rows[i].change);

		if (n.before[SOURCE] > rows[i].most[SOURCE] ||
		    n.before[TARGET] > rows[i].most[TARGET])
			fail_msg("%zu: %u and %u requests", i, n.before[SOURCE], n.before[TARGET]);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(before_a_write)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
