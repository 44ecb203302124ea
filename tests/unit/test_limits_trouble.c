/* SPDX-License-Identifier: MIT */

/*
 * Limits while other things happen: what must never be done by halves, what changes or is lost
 * while something is held, and what is a change of a redirection and what is not.
 */

#include "limits_fixture.h"

static const char *const all[] = {"CN=Ann", "CN=Bea", "CN=Cleo", NULL};

/* The forest of SIDE has another redirect domain from now on. */
static void
set_domain(struct lab *l, enum side side, const char *domain)
{
	const struct conf_forest *f = side == SOURCE ? l->link->source : l->link->target;
	struct conf_forest *own = (struct conf_forest *)(uintptr_t)f;

	free(own->redirect_domain);
	own->redirect_domain = strdup(domain);
	assert_non_null(own->redirect_domain);
}

/* ---- a redirection leads to an address that is there ---- */

static bool
is_carried(struct lab *l, const char *dn)
{
	const struct entry *source = fakedir_find(l->fd[SOURCE], lab_dn(SOURCE, dn));
	const struct entry *target = fakedir_find(l->fd[TARGET], lab_dn(TARGET, dn));
	const char *to = source ? entry_get_str(source, "targetAddress") : NULL;
	const struct attr *a = target ? entry_find(target, "proxyAddresses") : NULL;

	return to && a && attr_has(a, bytes_of(to), true);
}

static void
check_carried(struct lab *l)
{
	assert_true(is_carried(l, "CN=Ann") && is_carried(l, "CN=Bea") && is_carried(l, "CN=Cleo"));
}

static void
start_switched(struct lab *l, bool delta)
{
	start(l, &three, delta);
	assert_int_equal(lab_turn(l, NULL, LAB_SWITCH, all), 0);
	lab_run_silent(l);
	l->on_written = check_carried;
}

/* What a switched mailbox was redirected to goes when it is redirected to its new address. */
static void
check_turned(struct lab *l, bool delta, const char *ann, const char *old_ann)
{
	assert_false(l->res.held);
	assert_int_equal(l->told[CYCLE_BROKEN], 0);
	assert_true(is(l, SOURCE, "CN=Ann", ann));
	l->delta = delta;
	lab_run(l);
	assert_false(lab_has(l, TARGET, "CN=Ann", "proxyAddresses", old_ann));
	check_carried(l);
	end(l);
}

static void
switched_and_renamed(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start_switched(&l, delta);
		lab_set(&l, SOURCE, "CN=Ann", "mailNickname", "anna");
		lab_set(&l, SOURCE, "CN=Bea", "mailNickname", "ada");
		lab_run(&l);
		assert_true(l.res.held);
		assert_true(is(&l, SOURCE, "CN=Ann", RT("ann")));
		check_carried(&l);
		assert_int_equal(decide(&l, HELD_NOTHING, NULL, HELD_APPROVED), 2);
		run_on(&l);
		assert_true(is(&l, SOURCE, "CN=Bea", RT("ada")));
		check_turned(&l, delta, RT("anna"), "smtp:ann@redirect.globex.example");
	}
}

static void
switched_to_new_domain(void **state)
{
	struct lab l;

	(void)state;
	start_switched(&l, false);
	set_domain(&l, TARGET, "new.example");
	lab_run(&l);
	assert_true(l.res.held);
	assert_true(is(&l, SOURCE, "CN=Ann", RT("ann")));
	check_carried(&l);
	assert_int_equal(decide(&l, HELD_NOTHING, NULL, HELD_APPROVED), 3);
	run_on(&l);
	check_turned(&l, true, "SMTP:ann@new.example", "smtp:ann@redirect.globex.example");
}

/* Killed before each write. */
static void
switched_and_killed(void **state)
{
	unsigned writes = 0;

	(void)state;
	for (unsigned at = 0; at <= writes; at++) {
		struct tap tap = {.stop_at = at};
		struct lab l;

		start_switched(&l, false);
		lab_set(&l, SOURCE, "CN=Ann", "mailNickname", "anna");
		l.dies = true;
		assert_int_equal(lab_cycle(&l, &tap), at ? -1 : 0);
		if (!at)
			writes = tap.writes;
		tap_done(&tap);
		check_carried(&l);
		l.dies = false;
		if (at)
			assert_int_equal(lab_cycle(&l, NULL), 0);
		check_turned(&l, false, RT("anna"), "smtp:ann@redirect.globex.example");
	}
	assert_true(writes > 1);
}

/* ---- what is a change of a redirection ---- */

static const struct scenario matched = {.name = "a matched mailbox",
    .link = "limits = { redirections = 0; };",
    .source = {MAILBOX("Ann", "ann", "")},
    .target = {THERE_OU, THERE("user", "Ann", "mail: ann@acme.example\nsAMAccountName: ann\n")}};

/* The limit is asked again, whatever became of the map or of the mailbox since. */
static void
known_again(void **state)
{
	(void)state;
	for (int lost = 0; lost < 2; lost++) {
		static const char *const ann[] = {"CN=Ann", NULL};
		struct lab l;

		start(&l, &matched, false);
		if (lost) {
			lab_lose_map(&l);
			lab_run(&l);
		} else {
			assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, ann), 0);
			lab_run_silent(&l);
			assert_int_equal(lab_turn(&l, NULL, LAB_UNDO, ann), 0);
		}
		lab_run_silent(&l);
		lab_set(&l, TARGET, "CN=Ann", "targetAddress", NULL);
		lab_run(&l);
		assert_true(l.res.held);
		assert_int_equal(l.told[CYCLE_BROKEN], 1);
		assert_true(is(&l, TARGET, "CN=Ann", NULL));
		lab_close(&l);
	}
}

/* The counterpart is lost, and another one is made. */
static void
made_again(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &matched, true);
	lab_delete(&l, TARGET, "CN=Ann");
	lab_add(&l, TARGET,
	    THERE("user", "Ann",
		"mail: ann@acme.example\nsAMAccountName: ann\ntargetAddress: " THEIRS "\n"));
	lab_run(&l);
	assert_false(l.res.held);
	assert_true(is(&l, TARGET, "CN=Ann", RS("ann")));
	end(&l);
}

static void
source_domain(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &three, false);
	set_domain(&l, SOURCE, "new.example");
	lab_run(&l);
	assert_true(l.res.held);
	assert_int_equal(l.told[CYCLE_BROKEN], 0);
	assert_true(is(&l, TARGET, "CN=Ann", RS("ann")));
	assert_int_equal(decide(&l, HELD_NOTHING, NULL, HELD_APPROVED), 3);
	run_on(&l);
	assert_true(is(&l, TARGET, "CN=Ann", "SMTP:ann@new.example"));
	end(&l);
}

/* Where there was none before, redirections come without a limit. */
static void
new_mailboxes(void **state)
{
	static const struct scenario sc = {.name = "new mailboxes",
	    .link = "limits = { redirections = 0; };",
	    .source = {
		ACCOUNT("Ann", "ann") RECIPIENT("ann") "targetAddress: SMTP:ann@else.example\n\n"}};
	struct lab l;

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		start(&l, &sc, delta);
		assert_true(is(&l, TARGET, "CN=Ann", "SMTP:ann@else.example"));
		lab_set(&l, SOURCE, "CN=Ann", "targetAddress", NULL);
		lab_set(&l, SOURCE, "CN=Ann", "msExchHomeServerName", "/o=Acme/cn=EX1");
		lab_run(&l);
		assert_false(l.res.held);
		assert_true(is(&l, TARGET, "CN=Ann", RS("ann")));
		end(&l);
	}
}

/* ---- drift ---- */

static void
meddle(void *arg, unsigned write, const struct change *c)
{
	struct lab *l = arg;

	(void)write, (void)c;
	lab_set(l, TARGET, "CN=Ann", "title", "Chief");
	lab_set(l, TARGET, "CN=Ann", "targetAddress", NULL);
}

/* What is found to be changed only when it is planned again. */
static void
found_late(void **state)
{
	static const struct scenario sc = {.name = "found late",
	    .link = "limits = { redirections = 0; };",
	    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", "")}};

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;
		struct tap tap = {.hook = meddle, .hook_at = 1, .hook_arg = &l};

		start(&l, &sc, delta);
		lab_set(&l, SOURCE, "CN=Ann", "title", "Boss");
		assert_int_equal(lab_cycle(&l, &tap), 0);
		tap_done(&tap);
		assert_int_equal(l.res.drift, 1);
		assert_true(l.res.held);
		assert_int_equal(l.told[CYCLE_HELD], 1);
		assert_int_equal(held(&l, HELD_WAITS), 1);
		assert_true(is(&l, TARGET, "CN=Ann", NULL));
		lab_run_silent(&l);
		assert_true(is(&l, TARGET, "CN=Ann", NULL));
		assert_int_equal(decide(&l, HELD_NOTHING, NULL, HELD_APPROVED), 1);
		run_on(&l);
		assert_true(is(&l, TARGET, "CN=Ann", RS("ann")));
		assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Boss"));
		end(&l);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(switched_and_renamed),
	    cmocka_unit_test(switched_to_new_domain), cmocka_unit_test(switched_and_killed),
	    cmocka_unit_test(known_again), cmocka_unit_test(made_again),
	    cmocka_unit_test(source_domain), cmocka_unit_test(new_mailboxes),
	    cmocka_unit_test(found_late)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
