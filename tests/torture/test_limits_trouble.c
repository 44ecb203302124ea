/* SPDX-License-Identifier: MIT */

/*
 * Limits while other things happen: what must never be done by halves, what changes or is lost
 * while something is held, and what is a change of a redirection and what is not.
 */

#include "tests/support/limits_fixture.h"

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
check_turned(struct lab *l, bool delta, const char *ann, const char *old_ann, bool stays)
{
	assert_false(l->res.held);
	assert_int_equal(l->told[RUN_BROKEN], 0);
	assert_true(is(l, SOURCE, "CN=Ann", ann));
	l->delta = delta;
	lab_run(l);
	/* In another domain it is an address like any other of an active target. */
	assert_int_equal(lab_has(l, TARGET, "CN=Ann", "proxyAddresses", old_ann), stays);
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
		check_turned(&l, delta, RT("anna"), "smtp:ann@redirect.globex.example", false);
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
	check_turned(&l, true, "SMTP:ann@new.example", "smtp:ann@redirect.globex.example", true);
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
		check_turned(&l, false, RT("anna"), "smtp:ann@redirect.globex.example", false);
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
		assert_int_equal(l.told[RUN_BROKEN], 1);
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
		"mail: ann@acme.example\nsAMAccountName: ann\ntargetAddress: " THEIRS("ann") "\n"));
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
	assert_int_equal(l.told[RUN_BROKEN], 0);
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
		assert_int_equal(l.told[RUN_HELD], 1);
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

/* ---- while something is held ---- */

/* Only what is new is heard, and what is held is known nevertheless. */
static void
goes_on(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &three, true);
	break_two(&l);
	lab_run(&l);
	assert_true(l.res.held);
	lab_set(&l, SOURCE, "CN=Cleo", "department", "Sales");
	lab_run(&l);
	assert_true(l.res.held);
	assert_true(lab_has(&l, TARGET, "CN=Cleo", "department", "Sales"));
	assert_int_equal(l.res.read[SOURCE], 1);
	lab_run_idle(&l);
	assert_true(l.res.held);
	/* An object that is looked at because another refers to it is not counted twice. */
	lab_rename(&l, SOURCE, "CN=Ann", "CN=Anna");
	lab_run(&l);
	lab_set(&l, SOURCE, "CN=Cleo", "manager", lab_dn(SOURCE, "CN=Anna"));
	lab_run(&l);
	assert_string_equal(l.res.held_why,
	    "2 redirections would be changed at once, the limit is 1 (limits.redirections)");
	assert_int_equal(decide(&l, HELD_NOTHING, NULL, HELD_APPROVED), 2);
	run_on(&l);
	assert_true(is(&l, TARGET, "CN=Bea", RS("bea")));
	l.delta = true;
	end(&l);
}

/* A full cycle that holds something ends the need for one. */
static void
history_lost(void **state)
{
	(void)state;
	for (int side = SOURCE; side < SIDES; side++) {
		struct lab l;

		start(&l, &three, true);
		break_two(&l);
		lab_run(&l);
		fakedir_set_usn(l.fd[side], 1);
		run_on(&l);
		assert_true(l.res.held);
		assert_int_equal(held(&l, HELD_WAITS), 2);
		l.delta = true;
		lab_run_idle(&l);
		assert_true(l.res.held);
		lab_close(&l);
	}
}

/* Not even the part of it that is too big for one request. */
static void
held_as_a_whole(void **state)
{
	struct lab l;
	char number[16];

	(void)state;
	start(&l, &three, false);
	break_two(&l);
	for (unsigned i = 0; i < 1001; i++) {
		(void)snprintf(number, sizeof number, "%u", i);
		lab_add_value(&l, SOURCE, "CN=Ann", "otherTelephone", number);
	}
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_true(l.res.held);
	assert_int_equal(lab_count(&l, TARGET, "CN=Ann", "otherTelephone"), 0);
	assert_int_equal(decide(&l, HELD_NOTHING, "CN=Bea", HELD_REJECTED), 1);
	run_on(&l);
	assert_int_equal(lab_count(&l, TARGET, "CN=Ann", "otherTelephone"), 1001);
	/* And it counts once. */
	lab_set(&l, TARGET, "CN=Cleo", "targetAddress", NULL);
	lab_run(&l);
	assert_string_equal(l.res.held_why,
	    "1 redirections would be changed at once and 1 were in the last 24 hours, the limit is "
	    "1 (limits.redirections)");
	lab_close(&l);
}

/* What failed before stays to be tried again, though a limit holds it now. */
static void
refused_before(void **state)
{
	struct store_retry r;
	struct store_txn *t;
	struct lab l;
	struct err err;
	bool found;

	(void)state;
	start(&l, &three, true);
	assert_int_equal(fakedir_refuse(l.fd[TARGET], lab_dn(TARGET, "CN=Ann"), 65), 0);
	lab_set(&l, SOURCE, "CN=Ann", "title", "Chief");
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(l.res.failed, 1);
	assert_int_equal(fakedir_refuse(l.fd[TARGET], NULL, 0), 0);
	break_two(&l);
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_true(l.res.held);
	l.delta = false;
	assert_int_equal(lab_cycle(&l, NULL), 0);
	assert_int_equal(l.told[RUN_ACCEPTED], 0);
	assert_int_equal(store_begin(l.store, STORE_READ, &t, &err), 0);
	assert_int_equal(
	    store_find_retry(t, 1, &fakedir_find(l.fd[SOURCE], lab_dn(SOURCE, "CN=Ann"))->guid, &r,
		&found, &err),
	    0);
	assert_true(found);
	store_retry_done(&r);
	store_abort(t);
	lab_close(&l);
}

/* Killed before each write of a cycle that holds some and does something for another one. */
static void
held_and_killed(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		unsigned writes = 0;

		for (unsigned at = 0; at <= writes; at++) {
			struct tap tap = {.stop_at = at};
			struct lab l;

			start(&l, &three, delta);
			break_two(&l);
			lab_set(&l, SOURCE, "CN=Cleo", "mailNickname", "cleopatra");
			assert_int_equal(lab_cycle(&l, NULL), 0);
			assert_int_equal(decide(&l, HELD_NOTHING, "CN=Bea", HELD_REJECTED), 1);
			assert_int_equal(decide(&l, HELD_NOTHING, "CN=Cleo", HELD_APPROVED), 1);
			lab_set(&l, SOURCE, "CN=Bea", "mailNickname", "beata");
			l.delta = false;
			l.dies = true;
			assert_int_equal(lab_cycle(&l, &tap), at ? -1 : 0);
			if (!at)
				writes = tap.writes;
			tap_done(&tap);
			l.dies = false;
			if (at)
				assert_int_equal(lab_cycle(&l, NULL), 0);
			assert_true(is(&l, TARGET, "CN=Ann", RS("ann")));
			assert_true(is(&l, TARGET, "CN=Bea", THEIRS("bea")));
			assert_true(is(&l, TARGET, "CN=Cleo", RS("cleopatra")));
			assert_int_equal(held(&l, HELD_REJECTED), 1);
			assert_int_equal(held(&l, HELD_APPROVED) + held(&l, HELD_WAITS), 0);
			lab_run_silent(&l);
			lab_close(&l);
		}
		assert_true(writes > 1);
	}
}

/* ---- what was decided is not lost ---- */

/* Another domain controller lacks Ann's counterpart. */
static void
decided_elsewhere(void **state)
{
	(void)state;
	for (int v = HELD_APPROVED; v <= HELD_REJECTED; v++) {
		struct lab l;

		start(&l, &three, false);
		break_two(&l);
		lab_run(&l);
		assert_int_equal(decide(&l, HELD_NOTHING, "CN=Ann", (enum held_verdict)v), 1);
		assert_int_equal(fakedir_set_server(l.fd[TARGET], "dc2.globex.example"), 0);
		assert_int_equal(fakedir_hide(l.fd[TARGET], lab_dn(TARGET, "CN=Ann"), true), 0);
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_int_equal(held(&l, (enum held_verdict)v), 1);
		assert_int_equal(fakedir_hide(l.fd[TARGET], lab_dn(TARGET, "CN=Ann"), false), 0);
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_int_equal(held(&l, (enum held_verdict)v), v == HELD_REJECTED);
		assert_true(is(&l, TARGET, "CN=Ann", v == HELD_APPROVED ? RS("ann") : NULL));
		lab_close(&l);
	}
}

/* The source object is missing from an answer. */
static void
decided_and_cut(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &three, delta);
		break_two(&l);
		lab_run(&l);
		if (!delta) {
			assert_int_equal(decide(&l, HELD_NOTHING, NULL, HELD_REJECTED), 2);
			lab_run(&l);
		}
		lab_set(&l, SOURCE, "CN=Ann", "department", "Sales");
		l.cut = "CN=Ann";
		assert_int_equal(lab_cycle(&l, NULL), 0);
		l.cut = NULL;
		assert_int_equal(held(&l, delta ? HELD_WAITS : HELD_REJECTED), 2);
		assert_true(is(&l, TARGET, "CN=Ann", NULL));
		lab_close(&l);
	}
}

/* A switch that was approved is not made while another limit holds something, but then. */
static void
approved_meanwhile(void **state)
{
	static const struct scenario sc = {.name = "approved switch",
	    .link = "readiness_attribute = \"extensionAttribute10\"; readiness_value = "
		    "\"Ready\"; limits = { redirections = 0; switches = 0; };",
	    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", "")}};

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		lab_open(&l, &sc);
		lab_run(&l);
		lab_set(&l, TARGET, "CN=Ann", "showInAddressBook", "CN=Users,DC=globex,DC=example");
		lab_run_silent(&l);
		l.delta = delta;
		lab_set(&l, SOURCE, "CN=Ann", "extensionAttribute10", "ready");
		lab_set(&l, TARGET, "CN=Bea", "targetAddress", NULL);
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_int_equal(decide(&l, HELD_SWITCHES, NULL, HELD_APPROVED), 1);
		run_on(&l);
		assert_true(l.res.held);
		assert_int_equal(l.res.switched, 0);
		assert_int_equal(held(&l, HELD_APPROVED), 1);
		l.delta = delta;
		assert_int_equal(decide(&l, HELD_REDIRECTIONS, NULL, HELD_APPROVED), 1);
		if (delta)
			assert_int_equal(lab_cycle(&l, NULL), 0);
		l.delta = false;
		assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_false(l.res.held);
		assert_int_equal(l.res.switched, 1);
		assert_true(is(&l, SOURCE, "CN=Ann", RT("ann")));
		assert_int_equal(held(&l, HELD_APPROVED), 0);
		lab_close(&l);
	}
}

/* An operator decides while the cycle runs. */
struct deciding {
	struct lab *l;
	enum held_verdict v;
};

static void
decide_now(void *arg, unsigned write, const struct change *c)
{
	const struct deciding *d = arg;

	(void)write, (void)c;
	assert_int_equal(decide(d->l, HELD_NOTHING, NULL, d->v), 2);
}

static void
decided_meanwhile(void **state)
{
	(void)state;
	for (int v = HELD_APPROVED; v <= HELD_REJECTED; v++)
		for (int delta = 0; delta < 2; delta++) {
			struct lab l;
			struct deciding d = {&l, (enum held_verdict)v};
			struct tap tap = {.hook = decide_now, .hook_at = 1, .hook_arg = &d};

			start(&l, &three, false);
			break_two(&l);
			lab_run(&l);
			l.delta = delta;
			lab_set(&l, SOURCE, "CN=Cleo", "department", "Sales");
			assert_int_equal(lab_cycle(&l, &tap), 0);
			tap_done(&tap);
			assert_int_equal(held(&l, (enum held_verdict)v), 2);
			assert_true(is(&l, TARGET, "CN=Bea", THEIRS("bea")));
			l.delta = true;
			run_on(&l);
			assert_false(l.res.held);
			assert_true(is(
			    &l, TARGET, "CN=Bea", v == HELD_APPROVED ? RS("bea") : THEIRS("bea")));
			l.delta = true;
			lab_run_silent(&l);
			lab_close(&l);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(switched_and_renamed),
	    cmocka_unit_test(switched_to_new_domain), cmocka_unit_test(switched_and_killed),
	    cmocka_unit_test(known_again), cmocka_unit_test(made_again),
	    cmocka_unit_test(source_domain), cmocka_unit_test(new_mailboxes),
	    cmocka_unit_test(found_late), cmocka_unit_test(goes_on), cmocka_unit_test(history_lost),
	    cmocka_unit_test(held_as_a_whole), cmocka_unit_test(refused_before),
	    cmocka_unit_test(held_and_killed), cmocka_unit_test(decided_elsewhere),
	    cmocka_unit_test(decided_and_cut), cmocka_unit_test(approved_meanwhile),
	    cmocka_unit_test(decided_meanwhile)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
