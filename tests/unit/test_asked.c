/* SPDX-License-Identifier: MIT */

/* Who asks for one object is told when nothing can be done for it, by a delta and by a full cycle.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scenario.h"

#define HIDES "msExchHideFromAddressLists"

static const struct scenario people = {.name = "people",
    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""), CONTACT("Carl", "carl", ""),
	"dn: OU=Box,OU=Staff,DC=acme,DC=example\nobjectClass: organizationalUnit\n\n"}};

struct asking {
	struct guid who[2];
	size_t n;
	bool full, toggling;
};

static int
ask(struct lab *l, struct run *run, void *arg)
{
	const struct asking *a = arg;
	const struct cycle_options o = {
	    .objects = a->who, .n_objects = a->n, .toggling = a->toggling};

	return sync_run(run, a->full, &o, &l->res, &l->err);
}

static struct guid
guid_of(struct lab *l, const char *name)
{
	return fakedir_find(l->fd[SOURCE], lab_dn(SOURCE, name))->guid;
}

/* WHY is what is told of the N, "" for nothing; it may happen once only, so LAB is fresh. */
static void
told(struct lab *l, struct asking *a, uint64_t absent, const char *why)
{
	if (lab_act(l, NULL, ask, a) < 0)
		fail_msg("%s", l->err.text);
	assert_int_equal(l->res.absent, absent);
	if (!strstr(l->res.absent_why, why) || (!*why && *l->res.absent_why))
		fail_msg("'%s' and not '%s'", l->res.absent_why, why);
}

static void
for_each_way(void (*test)(struct lab *l, struct asking *a))
{
	for (int full = 0; full < 2; full++) {
		struct asking a = {.n = 1, .full = full};
		struct lab l;

		lab_open(&l, &people);
		lab_run(&l);
		test(&l, &a);
		lab_close(&l);
	}
}

static void
ask_for_some(struct lab *l, struct asking *a)
{
	a->who[0] = guid_of(l, "CN=Ann");
	told(l, a, 0, "");
	/* Never heard of, before and with others that are fine. */
	memset(&a->who[0], 0x5a, sizeof a->who[0]);
	told(l, a, 1, "forest 'acme' has no object with GUID 5a5a5a5a-");
	a->who[1] = guid_of(l, "CN=Ann");
	a->n = 2;
	told(l, a, 1, "forest 'acme' has no object with GUID 5a5a5a5a-");
}

static void
there_or_not(void **state)
{
	(void)state;
	for_each_way(ask_for_some);
}

static void
ask_for_hidden(struct lab *l, struct asking *a)
{
	a->who[0] = guid_of(l, "CN=Ann");
	lab_set(l, SOURCE, "CN=Ann", HIDES, "TRUE");
	told(l, a, 1, "'CN=Ann,OU=Staff,DC=acme,DC=example' is not synchronized: hidden");
	assert_int_equal(l->res.left[LEAVE_HIDE], 1);
	/* Nor the next time, when there is nothing left to do. */
	told(l, a, 1, "is not synchronized: hidden");
	a->toggling = true;
	told(l, a, 0, "");
}

static void
hidden(void **state)
{
	(void)state;
	for_each_way(ask_for_hidden);
}

static void
ask_for_deleted(struct lab *l, struct asking *a)
{
	a->who[0] = guid_of(l, "CN=Carl");
	lab_delete(l, SOURCE, "CN=Carl");
	told(l, a, 1,
	    "'CN=Carl,OU=Staff,DC=acme,DC=example' is not there any more: forest 'acme' has no "
	    "object with GUID ");
	assert_int_equal(l->res.left[LEAVE_HIDE], 1);
	told(l, a, 1, "is not there any more");
}

static void
deleted(void **state)
{
	(void)state;
	for_each_way(ask_for_deleted);
}

static void
ask_for_others(struct lab *l, struct asking *a)
{
	a->who[0] = guid_of(l, "OU=Box");
	told(l, a, 1,
	    "'OU=Box,OU=Staff,DC=acme,DC=example' is not synchronized: it is no recipient");
	a->who[0] = guid_of(l, "CN=Bea");
	if (fakedir_rename(l->fd[SOURCE], lab_dn(SOURCE, "CN=Bea"), "CN=Bea",
		"CN=Users,DC=acme,DC=example") < 0)
		fail_msg("%s", fakedir_error(l->fd[SOURCE]));
	told(
	    l, a, 1, "'CN=Bea,CN=Users,DC=acme,DC=example' is not synchronized: outside the bases");
}

static void
others(void **state)
{
	(void)state;
	for_each_way(ask_for_others);
}

static void
without_counterpart(void **state)
{
	static const struct scenario matched = {.name = "matched only",
	    .scope = "create = \"none\";",
	    .source = {MAILBOX("Ann", "ann", "")}};
	struct asking a = {.n = 1};
	struct lab l;

	(void)state;
	lab_open(&l, &matched);
	lab_run(&l);
	a.who[0] = guid_of(&l, "CN=Ann");
	told(&l, &a, 1,
	    "'CN=Ann,OU=Staff,DC=acme,DC=example' has no counterpart, and its scope creates none");
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(there_or_not), cmocka_unit_test(hidden),
	    cmocka_unit_test(deleted), cmocka_unit_test(others),
	    cmocka_unit_test(without_counterpart)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
