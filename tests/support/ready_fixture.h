/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_READY_FIXTURE_H
#define GALSYNC_TESTS_READY_FIXTURE_H

/* What the tests of the automatic switch have in common: two mailboxes on which Exchange is done,
 * and cycles over them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/scenario_priv.h"

#define READY "extensionAttribute10"
#define MARKER "extensionAttribute14"
#define LINK "readiness_attribute = \"" READY "\"; readiness_value = \"Ready\"; "

static const struct scenario two = {.name = "two mailboxes",
    .link = LINK,
    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", "")}};

/* What Exchange does with a mailbox that it finds. */
static inline void
is_finished(struct lab *l, const char *dn)
{
	lab_set(l, TARGET, dn, "showInAddressBook", "CN=Users,DC=globex,DC=example");
}

static inline void
start(struct lab *l, const struct scenario *sc, bool delta)
{
	lab_open(l, sc);
	lab_run(l);
	is_finished(l, "CN=Ann");
	is_finished(l, "CN=Bea");
	assert_int_equal(lab_cycle(l, NULL), 0);
	l->delta = delta;
}

static inline void
run(struct lab *l)
{
	if (lab_cycle(l, NULL) < 0)
		fail_msg("%s", l->err.text);
	assert_int_equal(l->res.failed, 0);
	assert_false(l->needs_full);
	if (!lab_check_mail(l))
		fail_msg("%s", l->why);
}

static inline bool
switched(struct lab *l, const char *dn)
{
	bool there = lab_count(l, SOURCE, dn, "targetAddress") == 1;
	_cleanup_(record_free) struct record *r = lab_record(l, dn);

	assert_non_null(r);
	assert_true(there != (lab_count(l, TARGET, dn, "targetAddress") == 1));
	assert_int_equal(r->active, there ? TARGET : SOURCE);
	return there;
}

#endif
