/* SPDX-License-Identifier: MIT */

/*
 * Mailboxes are switched and undone a thousand times at random, and administrators of both sides go
 * on working meanwhile. What one of them changes causes at most one write, on one side, and then
 * none: nothing goes to and fro. What the side with the authority says is what both say.
 * GALSYNC_SEED=N plays one life again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "tests/support/chance.h"
#include "tests/support/scenario_turn.h"

#define TURNS 1000
#define PEOPLE 3

static const char *const names[PEOPLE] = {"CN=Ann", "CN=Bea", "CN=Cleo"};

static const struct scenario people = {.name = "people",
    .link = "limits = { redirections = 1000000; redirection_percent = 100; "
	    "primary_changes = 1000000; };",
    .source = {MAILBOX("Ann", "ann", "title: Boss\n"), MAILBOX("Bea", "bea", ""),
	MAILBOX("Cleo", "cleo", "")}};

struct life {
	struct lab l;
	uint64_t state, seed;
	enum side active[PEOPLE];
	unsigned wrote[SIDES]; /* cycles that wrote there */
	struct buf history;
};

static unsigned
roll(struct life *x, unsigned n)
{
	return chance_roll(&x->state, n);
}

/* The end of the history: all of it would be long. */
static void
fail_life(struct life *x, const char *what, const struct tap *tap)
{
	size_t from = x->history.len > 4000 ? x->history.len - 4000 : 0;

	(void)fprintf(stderr, "%.*s%.*s%s", (int)(x->history.len - from),
	    (const char *)x->history.data + from, tap ? (int)tap->text.len : 0,
	    tap ? (const char *)tap->text.data : "", lab_notes(&x->l));
	fail_msg("GALSYNC_SEED=%llu: %s", (unsigned long long)x->seed, what);
}

/* A delta that makes at most MOST writes, all of them on one side. */
static void
cycle(struct life *x, unsigned most, const char *what)
{
	uint64_t before[SIDES];
	unsigned sides = 0;
	struct tap tap = {.stop_at = 0};

	for (int side = SOURCE; side < SIDES; side++)
		before[side] = fakedir_usn(x->l.fd[side]);
	if (lab_cycle(&x->l, &tap) < 0)
		fail_life(x, x->l.err.text, &tap);
	for (int side = SOURCE; side < SIDES; side++) {
		sides += fakedir_usn(x->l.fd[side]) != before[side];
		x->wrote[side] += fakedir_usn(x->l.fd[side]) != before[side];
	}
	if (x->l.res.failed || tap.writes > most)
		fail_life(x, what, &tap);
	if (most == 1 && sides > 1)
		fail_life(x, "both sides are written for one change", &tap);
	tap_done(&tap);
}

/* ---- administrators ---- */

static void
edit_value(struct life *x, enum side side, const char *who)
{
	static const char *const attrs[] = {"title", "department", "telephoneNumber"};
	static const char *const values[] = {"one", "two", "Three", "three", NULL};
	const char *attr = attrs[roll(x, ARRAY_SIZE(attrs))],
		   *v = values[roll(x, ARRAY_SIZE(values))];

	lab_set(&x->l, side, who, attr, v);
	chance_note(&x->history, "%s: %s of %s: %s", side_name(side), attr, who, v ? v : "none");
}

static const struct attr *
addresses_of(struct life *x, enum side side, const char *who)
{
	return entry_find(fakedir_find(x->l.fd[side], lab_dn(side, who)), "proxyAddresses");
}

/* One that is not the primary address comes or goes. */
static void
edit_address(struct life *x, enum side side, const char *who)
{
	char v[64];

	(void)snprintf(v, sizeof v, "smtp:%s.%u@new.example", who + 3, roll(x, 3));
	if (lab_has(&x->l, side, who, "proxyAddresses", v))
		lab_delete_value(&x->l, side, who, "proxyAddresses", v);
	else if (!attr_has(addresses_of(x, side, who), bytes_of(v), true))
		lab_add_value(&x->l, side, who, "proxyAddresses", v);
	chance_note(&x->history, "%s: %s of %s", side_name(side), v, who);
}

/* Another primary address, in one change as Exchange makes it. */
static void
edit_primary(struct life *x, enum side side, const char *who)
{
	const struct attr *a = addresses_of(x, side, who);
	char v[64], old[128] = "";

	(void)snprintf(v, sizeof v, "SMTP:%s.%u@new.example", who + 3, roll(x, 3));
	if (lab_has(&x->l, side, who, "proxyAddresses", v))
		return;
	for (size_t i = 0; i < a->n_values; i++)
		if (strncmp(a->values[i].data, "SMTP:", 5) == 0)
			(void)snprintf(old, sizeof old, "%s", (const char *)a->values[i].data);
	lab_delete_value(&x->l, side, who, "proxyAddresses", old);
	(void)memcpy(old, "smtp", 4);
	lab_add_value(&x->l, side, who, "proxyAddresses", old);
	(void)memcpy(v, "smtp", 4);
	if (lab_has(&x->l, side, who, "proxyAddresses", v))
		lab_delete_value(&x->l, side, who, "proxyAddresses", v);
	(void)memcpy(v, "SMTP", 4);
	lab_add_value(&x->l, side, who, "proxyAddresses", v);
	lab_set(&x->l, side, who, "mail", v + 5);
	chance_note(&x->history, "%s: %s is the primary address of %s", side_name(side), v, who);
}

static void
edit_reference(struct life *x, enum side side, const char *who)
{
	const char *to = names[roll(x, PEOPLE)];
	char dn[96];

	(void)snprintf(dn, sizeof dn, "%s", lab_dn(side, to));
	if (roll(x, 2))
		lab_set(&x->l, side, who, "manager", roll(x, 3) ? dn : NULL);
	else if (lab_has(&x->l, side, who, "publicDelegates", dn))
		lab_delete_value(&x->l, side, who, "publicDelegates", dn);
	else
		lab_add_value(&x->l, side, who, "publicDelegates", dn);
	chance_note(&x->history, "%s: %s is named by %s", side_name(side), to, who);
}

static void
edit(struct life *x)
{
	static void (*const ways[])(struct life * x, enum side side, const char *who) = {
	    edit_value, edit_value, edit_address, edit_primary, edit_reference};
	unsigned i = roll(x, PEOPLE);

	/* Mostly where its owner is. */
	ways[roll(x, ARRAY_SIZE(ways))](
	    x, roll(x, 4) ? x->active[i] : side_other(x->active[i]), names[i]);
	cycle(x, 1, "more than one write for one change");
	cycle(x, 0, "a second write");
}

/* ---- turns ---- */

static void
turn(struct life *x)
{
	unsigned i = roll(x, PEOPLE);
	const char *const who[] = {names[i], NULL};
	enum side to = side_other(x->active[i]);

	chance_note(&x->history, "%s is %s", names[i], to == TARGET ? "switched" : "undone");
	if (lab_turn(&x->l, NULL, to == TARGET ? LAB_SWITCH : LAB_UNDO, who) < 0 ||
	    !lab_told(&x->l, "done", names[i], ""))
		fail_life(x, "it was not turned", NULL);
	x->active[i] = to;
	/* What the passive side had for itself flows now. */
	cycle(x, 1, "more than one write for one turn");
	cycle(x, 0, "a second write for one turn");
}

/* ---- what must hold ---- */

static void
same_value(struct life *x, const char *who, enum side active, const char *attr)
{
	const struct entry *e = fakedir_find(x->l.fd[active], lab_dn(active, who));
	const char *v = entry_get_str(e, attr);

	if (v && !lab_has(&x->l, side_other(active), who, attr, v))
		fail_life(x, attr, NULL);
}

static void
check(struct life *x)
{
	static const char *const attrs[] = {"title", "department", "telephoneNumber", "mail"};

	for (unsigned i = 0; i < PEOPLE; i++) {
		enum side active = x->active[i];
		const struct attr *a = addresses_of(x, active, names[i]);

		for (size_t j = 0; j < ARRAY_SIZE(attrs); j++)
			same_value(x, names[i], active, attrs[j]);
		for (size_t j = 0; j < a->n_values; j++)
			if (strstr(a->values[j].data, "@new.example") &&
			    !lab_has(&x->l, side_other(active), names[i], "proxyAddresses",
				a->values[j].data))
				fail_life(x, a->values[j].data, NULL);
		if (lab_both_redirect(&x->l, names[i]))
			fail_life(x, "both redirect", NULL);
	}
}

static void
a_thousand_turns(void **state)
{
	const char *seed = getenv("GALSYNC_SEED");
	struct life x = {.seed = seed ? strtoull(seed, NULL, 10) : 1};

	(void)state;
	x.state = x.seed;
	lab_open(&x.l, &people);
	lab_run(&x.l);
	lab_run_idle(&x.l);
	x.l.delta = true;
	for (unsigned i = 0; i < TURNS; i++) {
		for (unsigned n = roll(&x, 3); n; n--)
			edit(&x);
		turn(&x);
		check(&x);
	}
	/* It was about something. */
	assert_true(x.wrote[SOURCE] > TURNS / 10 && x.wrote[TARGET] > TURNS / 10);
	x.l.delta = false;
	lab_run_silent(&x.l);
	lab_run_idle(&x.l);
	lab_close(&x.l);
	buf_done(&x.history);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_thousand_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
