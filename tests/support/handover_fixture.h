/* SPDX-License-Identifier: MIT */
#ifndef GALSYNC_TESTS_HANDOVER_FIXTURE_H
#define GALSYNC_TESTS_HANDOVER_FIXTURE_H

/* What the tests of identifiers that change hands have in common: three mailboxes or contacts, and
 * one cycle that must be enough. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "tests/support/scenario_turn.h"

#define HIDES "msExchHideFromAddressLists"
#define SECONDARY(v) "proxyAddresses: smtp:" v "@acme.example\n"

static inline void
set_primary(struct lab *l, const char *dn, const char *old, const char *new)
{
	char value[96];

	(void)snprintf(value, sizeof value, "SMTP:%s@acme.example", old);
	lab_delete_value(l, SOURCE, dn, "proxyAddresses", value);
	(void)snprintf(value, sizeof value, "SMTP:%s@acme.example", new);
	lab_add_value(l, SOURCE, dn, "proxyAddresses", value);
	lab_set(l, SOURCE, dn, "mail", value + 5);
}

static inline void
check_primary(struct lab *l, const char *dn, const char *want)
{
	char value[96];

	(void)snprintf(value, sizeof value, "SMTP:%s@acme.example", want);
	if (!lab_has(l, TARGET, dn, "proxyAddresses", value) ||
	    !lab_has(l, TARGET, dn, "mail", value + 5))
		fail_msg("%s has not %s: %s", dn, value, lab_notes(l));
}

/* One cycle, and then nothing is left to do, in the directories and in the map. */
static inline void
settle_at_once(struct lab *l, bool delta)
{
	l->delta = delta;
	assert_int_equal(lab_cycle(l, NULL), 0);
	if (l->res.conflicts || l->res.failed)
		fail_msg("%s", lab_notes(l));
	lab_run_silent(l);
	l->delta = false;
	lab_run_silent(l);
	lab_run_idle(l);
}

static const struct scenario three = {.name = "three",
    .scope = "create = \"mailbox\"; on_leave = \"hide\";",
    .source = {MAILBOX("A", "a", SECONDARY("a2")), MAILBOX("B", "b", SECONDARY("b2")),
	MAILBOX("C", "c", "")}};
static const struct scenario cards = {.name = "contacts",
    .source = {CONTACT("A", "a", ""), CONTACT("B", "b", ""), CONTACT("C", "c", "")}};

static inline void
start(struct lab *l, const struct scenario *sc)
{
	lab_open(l, sc);
	lab_run(l);
	lab_run_silent(l);
	lab_run_idle(l);
}

#endif
