/* SPDX-License-Identifier: MIT */

/*
 * The X500 names of return contacts go onto their natives where the rights allow it. Where the
 * account may write to none of them, a few are asked, and the others are not; one that is protected
 * keeps no other native from its names. The contacts are there either way.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/heir_fixture.h"

#define NATIVES 200
/* Those that must be asked before it is clear, and what is under way by then. */
#define ASKED_LEAST 9
#define ASKED_MOST (9 + 128)
#define INSUFFICIENT_ACCESS 50

static const struct scenario empty = {
    .name = "natives", .link = HEIR_RETURN, .source = {GAL_OU}, .target = {PEOPLE_OU}};

static struct cycle_result back;

static int
sync_both(struct lab *l, struct run *run, void *arg)
{
	const struct cycle_options opt = {.plan_only = false};
	struct cycle_result ret[SIDES];
	int rc = sync_link(run, true, &opt, ret, &l->err);

	(void)arg;
	back = ret[TARGET];
	return rc;
}

static void
start(struct lab *l)
{
	lab_open(l, &empty);
	for (unsigned i = 0; i < NATIVES; i++) {
		char text[600];

		(void)snprintf(text, sizeof text,
		    "dn: CN=N%u" PEOPLE "\nobjectClass: user\nsAMAccountName: n%u\nmailNickname: "
		    "n%u\nmail: n%u@globex.example\nproxyAddresses: SMTP:n%u@globex.example\n"
		    "legacyExchangeDN: /o=Globex/cn=n%u\nuserAccountControl: 512\n"
		    "msExchHomeServerName: /o=Globex/cn=EX1\n\n",
		    i, i, i, i, i, i);
		lab_add(l, TARGET, text);
	}
}

static void
count_native(void *arg, unsigned write, const struct change *c)
{
	size_t len = strlen(c->dn), tail = strlen(PEOPLE);

	(void)write;
	*(unsigned *)arg += len > tail && strcmp(c->dn + len - tail, PEOPLE) == 0;
}

/* Both flows once; how many writes natives got. */
static unsigned
sync_once(struct lab *l)
{
	unsigned asked = 0;
	struct tap tap = {.hook = count_native, .hook_arg = &asked};

	if (lab_act(l, &tap, sync_both, NULL) < 0)
		fail_msg("%s", l->err.text);
	assert_int_equal(back.failed, 0);
	tap_done(&tap);
	return asked;
}

static unsigned
contacts(struct lab *l)
{
	unsigned n = 0;

	for (unsigned i = 0; i < NATIVES; i++) {
		char dn[64];

		(void)snprintf(dn, sizeof dn, "CN=N%u" GAL, i);
		n += lab_exists(l, SOURCE, dn);
	}
	return n;
}

static void
none_may_be_written(void **state)
{
	struct lab l;

	(void)state;
	start(&l);
	assert_int_equal(fakedir_deny(l.fd[TARGET], "proxyAddresses"), 0);
	for (int again = 0; again < 2; again++) {
		unsigned asked = sync_once(&l);

		assert_in_range(asked, ASKED_LEAST, ASKED_MOST);
		assert_int_equal(back.unnamed, NATIVES);
		assert_int_equal(back.named, 0);
		assert_int_equal(contacts(&l), NATIVES);
	}
	/* The right was granted. */
	assert_int_equal(fakedir_deny(l.fd[TARGET], NULL), 0);
	assert_int_equal(sync_once(&l), NATIVES);
	assert_int_equal(back.named, NATIVES);
	assert_int_equal(back.unnamed, 0);
	assert_int_equal(sync_once(&l), 0);
	lab_close(&l);
}

static void
one_is_protected(void **state)
{
	struct lab l;

	(void)state;
	start(&l);
	assert_int_equal(
	    fakedir_refuse(l.fd[TARGET], lab_dn(TARGET, "CN=N0" PEOPLE), INSUFFICIENT_ACCESS), 0);
	assert_int_equal(sync_once(&l), NATIVES);
	assert_int_equal(back.unnamed, 1);
	assert_int_equal(back.named, NATIVES - 1);
	assert_int_equal(contacts(&l), NATIVES);
	assert_int_equal(sync_once(&l), 1);
	lab_close(&l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(none_may_be_written), cmocka_unit_test(one_is_protected)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
