/* SPDX-License-Identifier: MIT */
/* The map is lost: what an operator rejected or approved is still rejected or approved. */
#include "mapping/keepsake.h"
#include "tests/support/limits_fixture.h"

#define EVIDENCE "proxyAddresses: X500:" ACME_LEGACY "eve\n"

static const struct scenario first_match = {.name = "first match",
    .source = {MAILBOX("Eve", "eve", "displayName: Eve\n")},
    .target = {THERE_OU, THERE("user", "Cees",
			     "displayName: Cees\nhomeMDB: "
			     "CN=DB1,CN=Configuration,DC=globex,DC=example\n" EVIDENCE)}};

static void
ignore_news(const struct keepsake_news *n, void *arg)
{
	(void)n, (void)arg;
}

static void
attach(struct lab *l)
{
	struct err err = {0};

	if (keepsake_attach(l->store, ignore_news, NULL, &err) < 0)
		fail_msg("%s", err.text);
}

static void
open_kept(struct lab *l, const struct scenario *sc)
{
	lab_open(l, sc);
	attach(l);
	lab_run(l);
}

static void
lose(struct lab *l)
{
	lab_lose_map(l);
	attach(l);
}

static bool
is_matched(struct lab *l)
{
	return lab_has(l, TARGET, "CN=Cees", "displayName", "Eve") &&
	       lab_count(l, TARGET, "CN=Cees", "extensionAttribute15") == 1;
}

static void
a_rejected_match(void **state)
{
	struct lab l;

	(void)state;
	open_kept(&l, &first_match);
	assert_int_equal(decide(&l, HELD_MATCHES, NULL, HELD_REJECTED), 1);
	for (int i = 0; i < 3; i++) {
		lose(&l);
		lab_run(&l);
		assert_true(lab_has(&l, TARGET, "CN=Cees", "displayName", "Cees"));
		assert_int_equal(lab_count(&l, TARGET, "CN=Cees", "extensionAttribute15"), 0);
		assert_int_equal(held(&l, HELD_REJECTED), 1);
		assert_int_equal(held(&l, HELD_WAITS), 0);
	}
	end(&l);
}

static void
an_approved_match(void **state)
{
	struct lab l;

	(void)state;
	open_kept(&l, &first_match);
	assert_int_equal(decide(&l, HELD_MATCHES, NULL, HELD_APPROVED), 1);
	lose(&l);
	lab_run(&l);
	assert_true(is_matched(&l));
	assert_int_equal(held(&l, HELD_APPROVED) + held(&l, HELD_WAITS), 0);
	end(&l);
}

/* What was decided of one object says nothing of another that takes its place meanwhile. */
static void
another_object(void **state)
{
	struct lab l;

	(void)state;
	open_kept(&l, &first_match);
	assert_int_equal(decide(&l, HELD_MATCHES, NULL, HELD_APPROVED), 1);
	lab_delete_value(&l, TARGET, "CN=Cees", "proxyAddresses", "X500:" ACME_LEGACY "eve");
	lab_add(&l, TARGET,
	    THERE("user", "Chair",
		"displayName: Chair\nhomeMDB: "
		"CN=DB1,CN=Configuration,DC=globex,DC=example\n" EVIDENCE));
	lose(&l);
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=Chair", "displayName", "Chair"));
	assert_int_equal(held(&l, HELD_WAITS), 1);
	lab_close(&l);
}

/* A map that is made anew does not know what was in place. */
static void
a_rejected_redirection(void **state)
{
	struct lab l;

	(void)state;
	open_kept(&l, &three);
	lab_set(&l, TARGET, "CN=Ann", "targetAddress", NULL);
	lab_set(&l, TARGET, "CN=Bea", "targetAddress", THEIRS("bea"));
	lab_run(&l);
	assert_true(l.res.held);
	assert_int_equal(decide(&l, HELD_NOTHING, NULL, HELD_REJECTED), 2);
	for (int i = 0; i < 3; i++) {
		lab_run(&l);
		assert_true(is(&l, TARGET, "CN=Ann", NULL));
		assert_true(is(&l, TARGET, "CN=Bea", THEIRS("bea")));
		assert_int_equal(held(&l, HELD_REJECTED), 2);
		assert_int_equal(held(&l, HELD_WAITS), 0);
		lose(&l);
	}
	lab_run(&l);
	/* Until the operator thinks better of it. */
	assert_int_equal(decide(&l, HELD_NOTHING, "CN=Ann", HELD_APPROVED), 1);
	assert_int_equal(decide(&l, HELD_NOTHING, "CN=Bea", HELD_APPROVED), 1);
	lab_run(&l);
	assert_true(is(&l, TARGET, "CN=Ann", RS("ann")));
	assert_true(is(&l, TARGET, "CN=Bea", RS("bea")));
	end(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_rejected_match),
	    cmocka_unit_test(an_approved_match), cmocka_unit_test(another_object),
	    cmocka_unit_test(a_rejected_redirection)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
