/* SPDX-License-Identifier: MIT */

/*
 * A contact that gives way, stopped at every step, with the map as it was then or thrown away: the
 * next synchronization goes on where it ended, no address ever has two holders, and in the end
 * everything is as if nothing had happened.
 *
 * Every step is tried in some forms; with GALSYNC_CRASH_ALL=1 in all of them.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dsa/cycle/heirs.h"
#include "tests/support/heir_fixture.h"

#define FORMS 24

struct stop {
	unsigned at;
	enum tap_stop how;
	bool dies, lost, delta;
	char what[128];
};

static unsigned
count_steps(const struct heir_case *h)
{
	struct tap tap = {.stop_at = 0};
	struct lab l;

	heir_prepare(&l, h);
	if (heir_cycle(&l, &tap) < 0)
		fail_msg("%s: %s", h->sc.name, l.err.text);
	lab_close(&l);
	tap_done(&tap);
	return atomic_load(&tap.steps);
}

/* A gap may be as long as nobody runs; what runs next closes it first. */
static void
go_on(struct lab *l, const struct stop *s)
{
	bool gap;

	heir_look(l);
	gap = heir_watch.missing > 0;
	heir_watch.missing = 0;
	if (s->lost)
		lab_lose_map(l);
	*l->why = '\0';
	l->delta = s->delta && !s->lost;
	if (heir_cycle(l, NULL) < 0)
		fail_msg("%s: %s", s->what, l->err.text);
	if (l->res.failed || *l->why)
		fail_msg("%s: %s%s\n%s", s->what, l->why, gap ? " (in a gap)" : "", lab_notes(l));
	heir_check(l, s->what);
}

static void
stop_and_go_on(const struct heir_case *h, const struct stop *s)
{
	struct tap tap = {.stop_at = s->at, .how = s->how};
	struct lab l;

	heir_prepare(&l, h);
	l.dies = s->dies;
	(void)heir_cycle(&l, &tap);
	assert_true(atomic_load(&tap.stopped));
	tap_done(&tap);
	l.dies = false;
	if (*l.why)
		fail_msg("%s: %s", s->what, l.why);
	go_on(&l, s);
	lab_close(&l);
}

static void
every_step(void **state)
{
	const struct heir_case *h = *state;
	unsigned steps = count_steps(h), n = 0;

	assert_true(steps > 5);
	for (unsigned at = 1; at <= steps; at++)
		for (unsigned form = 0; form < (lab_try_all() ? FORMS : 3); form++, n++) {
			unsigned f = lab_try_all() ? form : n * 7 % FORMS;
			struct stop s = {.at = at,
			    .how = (enum tap_stop)(f % 3),
			    .dies = f / 3 % 2,
			    .lost = f / 6 % 2,
			    .delta = f / 12};

			(void)snprintf(s.what, sizeof s.what, "%s, step %u (%d), %s, map %s%s",
			    h->sc.name, at, (int)s.how, s.dies ? "dead" : "cut off",
			    s.lost ? "lost" : "kept", s.delta ? ", delta" : "");
			stop_and_go_on(h, &s);
		}
}

static int
take_begun(const struct store_retry *r, void *arg, struct err *err)
{
	struct guid contact;

	(void)err;
	*(bool *)arg |= heirs_names_contact(r->why, &contact);
	return 0;
}

/* Does the map say that a contact is giving way? */
static bool
is_begun(struct lab *l)
{
	_cleanup_(store_abort) struct store_txn *t = NULL;
	bool begun = false;

	assert_int_equal(store_begin(l->store, STORE_READ, &t, &l->err), 0);
	assert_int_equal(store_each_retry(t, 1, 0, take_begun, &begun, &l->err), 0);
	return begun;
}

/* Its source object is out of scope when the next process comes, and then is there again: a delta
 * still knows that the contact is to give way. */
static void
while_it_is_away(void **state)
{
	const struct heir_case *h = &heir_cases[HEIR_FORWARD_CONTACT];
	unsigned steps = count_steps(h), begun = 0;

	(void)state;
	for (unsigned at = 1; at <= steps; at++) {
		struct tap tap = {.stop_at = at, .how = TAP_STOP_AFTER};
		char what[64];
		struct lab l;

		(void)snprintf(what, sizeof what, "away, step %u", at);
		heir_prepare(&l, h);
		l.dies = true;
		(void)heir_cycle(&l, &tap);
		tap_done(&tap);
		l.dies = false;
		l.delta = true;
		if (!is_begun(&l)) {
			lab_close(&l);
			continue;
		}
		begun++;
		heir_watch.missing = 0;
		*l.why = '\0';
		lab_set(&l, SOURCE, "CN=Ann", "msExchHideFromAddressLists", "TRUE");
		heir_must(&l, what);
		heir_must(&l, what);
		lab_set(&l, SOURCE, "CN=Ann", "msExchHideFromAddressLists", NULL);
		heir_must(&l, what);
		heir_must(&l, what);
		heir_check(&l, what);
		lab_close(&l);
	}
	assert_true(begun > 3);
}

int
main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(heir_cases) + 1];

	tests[ARRAY_SIZE(heir_cases)] = (struct CMUnitTest)cmocka_unit_test(while_it_is_away);
	for (size_t i = 0; i < ARRAY_SIZE(heir_cases); i++)
		tests[i] = (struct CMUnitTest){.name = heir_cases[i].sc.name,
		    .test_func = every_step,
		    .initial_state = (void *)(uintptr_t)&heir_cases[i]};
	return _cmocka_run_group_tests("heir crash", tests, ARRAY_SIZE(tests), NULL, NULL);
}
