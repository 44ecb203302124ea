/* SPDX-License-Identifier: MIT */

/* What a proxy toggle leaves that dies at any step, or whose server goes away. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ldap.h>

#include "tests/support/toggle_fixture.h"

static unsigned
die_at(unsigned at, enum tap_stop how, bool reads)
{
	struct tap tap = {.stop_at = at, .how = how, .count_reads = reads};
	unsigned steps;
	struct lab l;

	lab_open(&l, &people);
	lab_run(&l);
	lose_mailbox(&l, "CN=Ann");
	l.dies = at != 0;
	job.who[0] = "CN=Ann";
	job.who[1] = "CN=Cid";
	job.who[2] = NULL;
	job.dry_run = job.sweep = false;
	assert_true(lab_act(&l, &tap, toggle_them, NULL) <= 0);
	l.dies = false;
	steps = tap.steps;
	tap_done(&tap);
	l.delta = at & 1;
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_string_equal(l.why, "");
	if (anywhere(&l))
		fail_msg("a dummy is left after a death at step %u (%d)", at, (int)how);
	assert_true(has_mailbox(&l, "CN=Ann"));
	l.delta = false;
	lab_run_silent(&l);
	lab_close(&l);
	return steps;
}

/* At every write in every way, and at every read too. */
static void
dies(void **state)
{
	unsigned writes = die_at(0, TAP_STOP_BEFORE, false), all = die_at(0, TAP_STOP_BEFORE, true);

	(void)state;
	assert_true(writes >= 5 && all > writes + 5);
	for (unsigned at = 1; at <= writes; at++)
		for (int how = TAP_STOP_BEFORE; how <= TAP_STOP_DROP; how++)
			(void)die_at(at, (enum tap_stop)how, false);
	for (unsigned at = 1; at <= all; at++)
		(void)die_at(at, TAP_STOP_AFTER, true);
}

/* A domain controller of either side goes away in the middle: an error, and the next toggle ends
 * well. */
static struct lab *falling;
static enum side falls;

/* It does not come back before the process is told to stop: nobody waits for it. */
static struct tap *falling_tap;

static void
go_down(void *arg, unsigned write, const struct change *c)
{
	(void)c;
	if (write == *(unsigned *)arg)
		fakedir_set_down(falling->fd[falls], true);
}

static void
give_up_waiting(struct lab *l, const char *text)
{
	(void)l;
	if (strstr(text, "tried again in"))
		atomic_store(&falling_tap->stopped, true);
}

static void
server_goes_away(void **state)
{
	(void)state;
	for (int side = SOURCE; side < SIDES; side++)
		for (unsigned at = 1; at <= 3; at++) {
			struct tap tap = {.hook = go_down, .hook_arg = &at};
			struct lab l;

			lab_open(&l, &people);
			lab_run(&l);
			lose_mailbox(&l, "CN=Ann");
			falling = &l;
			falls = (enum side)side;
			job.who[0] = "CN=Ann";
			job.who[1] = NULL;
			job.dry_run = job.sweep = false;
			falling_tap = &tap;
			l.on_note = give_up_waiting;
			assert_true(lab_act(&l, &tap, toggle_them, NULL) <= 0);
			tap_done(&tap);
			fakedir_set_down(l.fd[side], false);
			l.on_note = NULL;
			l.why[0] = '\0'; /* the observer saw nothing either */
			toggle(&l, "CN=Ann", NULL);
			assert_told("ok CN=Ann: \n");
			assert_true(has_mailbox(&l, "CN=Ann"));
			assert_false(anywhere(&l));
			lab_close(&l);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dies),
	    cmocka_unit_test(server_goes_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
