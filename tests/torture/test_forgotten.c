/* SPDX-License-Identifier: MIT */

/* A server that dies and forgets the last writes it acknowledged: what it forgot is made again in
 * the same cycle, and nobody who refers to it is told as failed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ldap.h>

#include "tests/support/scenario.h"

#define MANAGER(cn) "manager: CN=" cn ACME "\n"

/* A chain of references, and a group of all. */
static const struct scenario chain = {.name = "chain",
    .source = {CONTACT("c0", "c0", ""), CONTACT("c1", "c1", MANAGER("c0")),
	CONTACT("c2", "c2", MANAGER("c1")), CONTACT("c3", "c3", MANAGER("c2")),
	CONTACT("c4", "c4", MANAGER("c3"))
	    GROUP("All", "all", MEMBER("c0") MEMBER("c1") MEMBER("c2") MEMBER("c3") MEMBER("c4"))}};

struct forgetting {
	struct lab *l;
	unsigned at, then; /* the writes before which it dies; 0: once is enough */
	int objects;	   /* that it forgets, the youngest first */
	bool ou;	   /* and all that is in it */
};

static void
forget(struct lab *l, const char *dn)
{
	assert_int_equal(fakedir_hide(l->fd[TARGET], lab_dn(TARGET, dn), true), 0);
}

static void
die_and_forget(void *arg, unsigned number, const struct change *c)
{
	static const char *const young[] = {
	    "CN=All", "CN=c4", "CN=c3", "CN=c2", "CN=c1", "CN=c0", "OU=Acme,DC=globex,DC=example"};
	struct forgetting *f = arg;
	size_t n = ARRAY_SIZE(young) - !f->ou;
	int left = f->objects;

	(void)c;
	if (number != f->at && number != f->then)
		return;
	fakedir_set_down(f->l->fd[TARGET], true);
	for (size_t i = 0; i < n && left; i++)
		if (fakedir_find(f->l->fd[TARGET], lab_dn(TARGET, young[i]))) {
			forget(f->l, young[i]);
			left--;
		}
}

static void
come_up(struct lab *l, const char *text)
{
	(void)text;
	if (l->told[RUN_LOST] % 2 == 0)
		fakedir_set_down(l->fd[TARGET], false);
}

/* The number of writes it took. */
static unsigned
forgets(unsigned at, unsigned then, int objects, bool ou)
{
	struct lab l;
	struct forgetting f = {&l, at, then, objects, ou};
	struct tap tap = {.hook = die_and_forget, .hook_arg = &f};
	unsigned writes;

	lab_open(&l, &chain);
	l.on_note = come_up;
	if (lab_cycle(&l, &tap) < 0)
		fail_msg("at %u: %s", at, l.err.text);
	l.on_note = NULL;
	buf_add_char(&l.notes, '\0');
	if (l.res.failed)
		fail_msg("at %u: %s", at, (const char *)l.notes.data);
	writes = tap.writes;
	tap_done(&tap);
	/* What nobody referred to is made in the next cycle. */
	lab_run_silent(&l);
	for (int i = 1; i < 5; i++) {
		char dn[16], manager[64];

		(void)snprintf(dn, sizeof dn, "CN=c%d", i);
		(void)snprintf(manager, sizeof manager, "CN=c%d" GLOBEX, i - 1);
		assert_true(lab_has(&l, TARGET, dn, "manager", manager));
	}
	assert_int_equal(lab_count(&l, TARGET, "CN=All", "member"), 5);
	lab_run_idle(&l);
	lab_close(&l);
	return writes;
}

static void
forgotten(void **state)
{
	(void)state;
	for (int objects = 2; objects <= 7; objects += 5)
		for (unsigned at = 1, n = 1; at <= n; at += 2) {
			unsigned writes = forgets(at, 0, objects, objects == 7);

			if (at == 1)
				n = writes;
		}
}

/* It dies once more while what it forgot is made again. */
static void
forgotten_twice(void **state)
{
	(void)state;
	for (unsigned then = 8; then < 16; then += 3)
		(void)forgets(7, then, 2, false);
}

/* The server that lost its last writes refuses c4 for another reason. */
static void
forgotten_and_refused(void **state)
{
	struct lab l;
	struct forgetting f = {.l = &l, .at = 7, .objects = 2};
	struct tap tap = {.hook = die_and_forget, .hook_arg = &f};

	(void)state;
	lab_open(&l, &chain);
	l.on_note = come_up;
	assert_int_equal(
	    fakedir_refuse(l.fd[TARGET], lab_dn(TARGET, "CN=c4"), LDAP_CONSTRAINT_VIOLATION), 0);
	if (lab_cycle(&l, &tap) < 0)
		fail_msg("%s", l.err.text);
	tap_done(&tap);
	assert_int_equal(l.res.failed, 1);
	buf_add_char(&l.notes, '\0');
	assert_non_null(strstr((const char *)l.notes.data, "failed: "));
	assert_non_null(strstr((const char *)l.notes.data, "refused as the test wants it"));
	assert_true(lab_has(&l, TARGET, "CN=c3", "manager", "CN=c2" GLOBEX));
	assert_false(lab_exists(&l, TARGET, "CN=c4"));
	l.on_note = NULL;
	assert_int_equal(fakedir_refuse(l.fd[TARGET], NULL, 0), 0);
	lab_run(&l);
	assert_true(lab_has(&l, TARGET, "CN=c4", "manager", "CN=c3" GLOBEX));
	lab_run_silent(&l);
	lab_run_idle(&l);
	lab_close(&l);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(forgotten),
	    cmocka_unit_test(forgotten_twice), cmocka_unit_test(forgotten_and_refused)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
