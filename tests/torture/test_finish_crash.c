/* SPDX-License-Identifier: MIT */

/*
 * The crash test of the end of coexistence, as test_turn_crash.c is that of a turn: it is stopped
 * at every step, dead or cut off, and a cycle is run as the daemon's next start would. Afterwards
 * each mailbox is finished, or switched as before, and one more cycle writes nothing. With the map
 * lost at the stop it is switched: the directories do not say that it was finished.
 *
 * At no step does either object redirect elsewhere than before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dsa/base/str.h"
#include "tests/support/finish_fixture.h"

static const char *const who[] = {"CN=Ann", "CN=Bea", "CN=Cid", NULL};
static const char *const aliases[] = {"ann", "bea", "cid"};

static const struct scenario staff = {.name = "staff",
    .link = LAB_GROUP_CONF "limits = { matches = 9; };",
    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""), MAILBOX("Cid", "cid", ""),
	LAB_GROUP_LDIF}};

struct stop {
	unsigned at; /* a step */
	enum tap_stop how;
	bool dies, delta, map_is_lost;
	char what[128];
};

/* ---- looking ---- */

static void
look(struct lab *l)
{
	for (size_t i = 0; who[i]; i++) {
		_cleanup_(free) char *to =
		    str_printf("SMTP:%s@redirect.globex.example", aliases[i]);

		assert_non_null(to);
		if (!lab_has(l, SOURCE, who[i], "targetAddress", to) ||
		    lab_count(l, TARGET, who[i], "targetAddress"))
			(void)snprintf(l->why, sizeof l->why, "mail goes elsewhere: %s", who[i]);
	}
	(void)lab_check_mail(l);
}

static void
check_look(struct lab *l, const struct stop *s)
{
	look(l);
	if (*l->why)
		fail_msg("%s: %s", s->what, l->why);
}

/* ---- one run ---- */

static void
prepare(struct lab *l)
{
	lab_open(l, &staff);
	lab_run(l);
	assert_int_equal(lab_turn(l, NULL, LAB_SWITCH, who), 0);
	assert_int_equal(lab_cycle(l, NULL), 0);
	lab_run_idle(l);
	l->on_written = look;
}

/* All of them, stopped as S says. True if it was stopped. */
static bool
operate(struct lab *l, const struct stop *s)
{
	struct tap tap = {.count_reads = true, .stop_at = s->at, .how = s->how};
	struct finish_request q = {.who = who};
	bool stopped;
	int rc;

	l->dies = s->dies;
	rc = lab_act(l, &tap, act_finish, &q);
	stopped = atomic_load(&tap.stopped);
	assert_true(rc == 0 || stopped);
	tap_done(&tap);
	l->dies = false;
	check_look(l, s);
	return stopped;
}

/* True if the mailbox is finished, else it is switched. */
static bool
check_end(struct lab *l, size_t i, bool map_is_lost)
{
	_cleanup_(record_free) struct record *r = lab_record(l, who[i]);
	char to[64];

	(void)snprintf(to, sizeof to, "SMTP:%s@redirect.globex.example", aliases[i]);
	assert_non_null(r);
	if (r->ended) {
		check_finished(l, who[i], to);
		return true;
	}
	assert_int_equal(r->active, TARGET);
	assert_int_equal(lab_count(l, SOURCE, who[i], MARKER), 1);
	assert_int_equal(lab_count(l, TARGET, who[i], STAMP), 1);
	assert_true(lab_has(l, SOURCE, who[i], GUARD, "TRUE"));
	if (!map_is_lost)
		assert_true(lab_has(l, SOURCE, LAB_GROUP, "member", lab_dn(SOURCE, who[i])));
	return false;
}

/* The cycle of the next start, and what must hold after it; how many are finished. */
static size_t
restart(struct lab *l, const struct stop *s)
{
	size_t finished = 0;

	if (s->map_is_lost)
		lab_lose_map(l);
	l->delta = s->delta && !s->map_is_lost;
	if (lab_cycle(l, NULL) < 0)
		fail_msg("%s: %s", s->what, l->err.text);
	assert_int_equal(l->res.failed, 0);
	check_look(l, s);
	lab_check_nothing_open(l);
	for (size_t i = 0; who[i]; i++)
		finished += check_end(l, i, s->map_is_lost);
	lab_run_silent(l);
	l->delta = !l->delta;
	lab_run_silent(l);
	lab_run_idle(l);
	return finished;
}

static void
every_step(void **state)
{
	bool map_is_lost = *state != NULL, more = true;
	size_t n = 0, all = 0, none = 0;

	for (unsigned at = 1; more; at++) {
		struct stop s = {.at = at, .delta = at / 2 % 2, .map_is_lost = map_is_lost};
		struct lab l;

		for (unsigned form = 0; more && form < (lab_try_all() ? 6U : 2U); form++) {
			s.how = (enum tap_stop)((n + form) % 3);
			s.dies = (n + form) / 3 % 2;
			(void)snprintf(s.what, sizeof s.what, "stopped at step %u, %s", at,
			    s.dies ? "dead" : "cut off");
			prepare(&l);
			more = operate(&l, &s);
			n++;
			if (more) {
				size_t finished = restart(&l, &s);

				all += finished == ARRAY_SIZE(aliases);
				none += finished == 0;
			}
			lab_close(&l);
		}
	}
	assert_true(n > 20 && none > 0);
	assert_true(map_is_lost ? all == 0 : all > 0);
}

int
main(void)
{
	static int lost;
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_step),
	    cmocka_unit_test_prestate(every_step, &lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
