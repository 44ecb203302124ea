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

int
main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(heir_cases)];

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tests[i] = (struct CMUnitTest){.name = heir_cases[i].sc.name,
		    .test_func = every_step,
		    .initial_state = (void *)(uintptr_t)&heir_cases[i]};
	return _cmocka_run_group_tests("heir crash", tests, ARRAY_SIZE(tests), NULL, NULL);
}
