/* SPDX-License-Identifier: MIT */

/*
 * Limits: the rule, and cycles on two fake forests that would change more redirections, or let more
 * objects leave, than is allowed without an operator; what the operator approves and rejects.
 */

#include "mapping/proven_time.h"
#include "tests/support/limits_fixture.h"

#include "dsa/rules/limit.h"

/* ---- the rule ---- */

static void
allowed(void **state)
{
	static const struct conf_link link = {.max_deletes = 50,
	    .max_delete_percent = 5,
	    .max_redirections = 3,
	    .max_redirection_percent = 100,
	    .max_switches = 0};
	static const struct conf_link all = {.max_deletes = 1000000, .max_delete_percent = 100};
	static const struct {
		enum held_kind kind;
		struct limit_use use;
		const char *why; /* NULL: allowed */
	} rows[] = {
	    {HELD_DELETES, {0, 1000, 1000}, NULL},
	    {HELD_DELETES, {50, 0, 1000}, NULL},
	    {HELD_DELETES, {51, 0, 100000},
		"51 objects would leave at once, the limit is 50 (limits.deletes)"},
	    {HELD_DELETES, {1, 50, 100000},
		"1 objects would leave at once and 50 left in the last 24 hours, the limit is 50 "
		"(limits.deletes)"},
	    {HELD_DELETES, {5, 0, 100}, NULL},
	    {HELD_DELETES, {6, 0, 100},
		"6 of 100 objects would leave at once, the limit is 5 % (limits.delete_percent)"},
	    {HELD_DELETES, {3, 3, 100},
		"3 of 100 objects would leave at once and 3 left in the last 24 hours, the limit "
		"is "
		"5 % (limits.delete_percent)"},
	    {HELD_DELETES, {1, 0, 20}, NULL},
	    {HELD_DELETES, {2, 0, 20},
		"2 of 20 objects would leave at once, the limit is 5 % (limits.delete_percent)"},
	    {HELD_DELETES, {19, 0, 19}, NULL},
	    {HELD_REDIRECTIONS, {3, 0, 20}, NULL},
	    /* All of them within a day, and once more. */
	    {HELD_REDIRECTIONS, {1, 2, 2}, NULL},
	    {HELD_REDIRECTIONS, {2, 2, 20},
		"2 redirections would be changed at once and 2 were in the last 24 hours, the "
		"limit "
		"is 3 (limits.redirections)"},
	    {HELD_SWITCHES, {0, 0, 20}, NULL},
	    {HELD_SWITCHES, {1, 0, 20},
		"1 mailboxes are ready to be switched at once, the limit is 0 (limits.switches)"},
	};

	(void)state;
	/* A hundred percent are no limit, however often it was done. */
	assert_true(limit_allows(&all, HELD_DELETES, &(struct limit_use){30, 5000, 30}, NULL, 0));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char why[200] = "";
		bool ok = limit_allows(&link, rows[i].kind, &rows[i].use, why, sizeof why);

		assert_int_equal(ok, rows[i].why == NULL);
		assert_string_equal(why, rows[i].why ? rows[i].why : "");
	}
}

/* ---- redirections ---- */

static void
repair_within(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &three, delta);
		lab_set(&l, TARGET, "CN=Ann", "targetAddress", NULL);
		lab_run(&l);
		assert_false(l.res.held);
		assert_true(is(&l, TARGET, "CN=Ann", RS("ann")));
		assert_int_equal(l.told[RUN_BROKEN], 1);
		end(&l);
	}
}

static void
check_held(struct lab *l)
{
	assert_true(l->res.held);
	assert_string_equal(l->res.held_why,
	    "2 redirections would be changed at once, the limit is 1 (limits.redirections)");
	assert_true(is(l, TARGET, "CN=Ann", NULL) && is(l, SOURCE, "CN=Ann", NULL));
	assert_true(is(l, TARGET, "CN=Bea", THEIRS("bea")) && is(l, SOURCE, "CN=Bea", NULL));
	/* What is held is left alone as a whole, everybody else goes on. */
	assert_int_equal(lab_count(l, TARGET, "CN=Ann", "title"), 0);
	assert_true(lab_has(l, TARGET, "CN=Cleo", "title", "Boss"));
	assert_int_equal(held(l, HELD_WAITS), 2);
}

static void
check_repaired(struct lab *l)
{
	assert_false(l->res.held);
	assert_true(is(l, TARGET, "CN=Ann", RS("ann")) && is(l, SOURCE, "CN=Ann", NULL));
	assert_true(is(l, TARGET, "CN=Bea", RS("bea")) && is(l, SOURCE, "CN=Bea", NULL));
	assert_true(lab_has(l, TARGET, "CN=Ann", "title", "Boss"));
	assert_int_equal(held(l, HELD_WAITS) + held(l, HELD_APPROVED), 0);
}

static void
repair_held(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &three, delta);
		break_two(&l);
		lab_run(&l);
		check_held(&l);
		assert_int_equal(l.told[RUN_HELD], 1);
		lab_run_silent(&l);
		check_held(&l);
		/* A delta that has nothing else to do knows it too. */
		l.delta = true;
		lab_run_silent(&l);
		check_held(&l);
		l.delta = delta;
		assert_int_equal(decide(&l, HELD_REDIRECTIONS, NULL, HELD_APPROVED), 2);
		run_on(&l);
		check_repaired(&l);
		/* What was approved is not what the limit counts. */
		l.delta = delta;
		lab_set(&l, TARGET, "CN=Cleo", "targetAddress", NULL);
		lab_run(&l);
		assert_false(l.res.held);
		assert_true(is(&l, TARGET, "CN=Cleo", RS("cleo")));
		end(&l);
	}
}

static void
repair_by_hand(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &three, delta);
		break_two(&l);
		lab_run(&l);
		check_held(&l);
		/* One of them is mended: what is left is allowed. */
		lab_set(&l, TARGET, "CN=Bea", "targetAddress", RS("bea"));
		run_on(&l);
		check_repaired(&l);
		end(&l);
	}
}

static void
repair_rejected(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &three, delta);
		break_two(&l);
		lab_run(&l);
		check_held(&l);
		/* One is wanted so; the other one is within the limit, without approval. */
		assert_int_equal(decide(&l, HELD_NOTHING, "CN=Ann", HELD_REJECTED), 1);
		run_on(&l);
		assert_false(l.res.held);
		assert_true(is(&l, TARGET, "CN=Ann", NULL));
		assert_int_equal(lab_count(&l, TARGET, "CN=Ann", "title"), 0);
		assert_true(is(&l, TARGET, "CN=Bea", RS("bea")));
		assert_int_equal(held(&l, HELD_REJECTED), 1);
		/* It stays so, whatever else happens. */
		l.delta = delta;
		lab_set(&l, SOURCE, "CN=Ann", "department", "Sales");
		lab_run_silent(&l);
		assert_true(is(&l, TARGET, "CN=Ann", NULL));
		/* Until the operator thinks better of it. */
		assert_int_equal(decide(&l, HELD_NOTHING, "CN=Ann", HELD_APPROVED), 1);
		run_on(&l);
		assert_true(is(&l, TARGET, "CN=Ann", RS("ann")));
		assert_true(lab_has(&l, TARGET, "CN=Ann", "department", "Sales"));
		check_repaired(&l);
		end(&l);
	}
}

/* After what was to stay broken is mended by hand, the next time is decided anew. */
static void
rejected_and_mended(void **state)
{
	struct lab l;

	(void)state;
	start(&l, &three, true);
	break_two(&l);
	lab_run(&l);
	assert_int_equal(decide(&l, HELD_NOTHING, NULL, HELD_REJECTED), 2);
	run_on(&l);
	assert_false(l.res.held);
	assert_int_equal(held(&l, HELD_REJECTED), 2);
	lab_set(&l, TARGET, "CN=Ann", "targetAddress", RS("ann"));
	l.delta = true;
	lab_run(&l);
	assert_int_equal(held(&l, HELD_REJECTED), 1);
	assert_true(lab_has(&l, TARGET, "CN=Ann", "title", "Boss"));
	lab_set(&l, TARGET, "CN=Ann", "targetAddress", NULL);
	lab_run(&l);
	assert_true(is(&l, TARGET, "CN=Ann", RS("ann")));
	assert_true(is(&l, TARGET, "CN=Bea", THEIRS("bea")));
	lab_close(&l);
}

/* No limit, and nobody's rejection, lets a loop be. */
static void
loops(void **state)
{
	static const struct scenario sc = {.name = "loops",
	    .link = "limits = { redirections = 0; };",
	    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", "")}};
	struct tap tap = {.stop_at = 0};
	struct lab l;

	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		start(&l, &sc, delta);
		lab_set(&l, TARGET, "CN=Ann", "targetAddress", NULL);
		lab_run(&l);
		assert_true(l.res.held);
		assert_int_equal(decide(&l, HELD_NOTHING, NULL, HELD_REJECTED), 1);
		run_on(&l);
		assert_true(is(&l, TARGET, "CN=Ann", NULL));
		l.delta = delta;
		/* Both sides are made to redirect: the lab's own eye must not see that. */
		tap.hook = do_nothing;
		lab_set(&l, TARGET, "CN=Ann", "targetAddress", RS("ann"));
		lab_set(&l, SOURCE, "CN=Ann", "targetAddress", RT("ann"));
		lab_set(&l, SOURCE, "CN=Bea", "targetAddress", RT("bea"));
		assert_int_equal(lab_cycle(&l, &tap), 0);
		assert_true(is(&l, SOURCE, "CN=Ann", NULL) && is(&l, SOURCE, "CN=Bea", NULL));
		assert_false(l.res.held);
		tap_done(&tap);
		end(&l);
	}
}

/* One now and one later are two in a day. */
static void
in_a_day(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &three, delta);
		lab_set(&l, TARGET, "CN=Ann", "targetAddress", NULL);
		lab_run(&l);
		assert_false(l.res.held);
		lab_set(&l, TARGET, "CN=Ann", "targetAddress", NULL);
		lab_run(&l);
		assert_true(l.res.held);
		assert_string_equal(l.res.held_why,
		    "1 redirections would be changed at once and 1 were in the last 24 hours, the "
		    "limit is 1 (limits.redirections)");
		assert_true(is(&l, TARGET, "CN=Ann", NULL));
		lab_close(&l);
	}
}

/* An hour that is past is forgotten; so is what was spent in it, and the link goes on by itself. */
static void
after_a_day(void **state)
{
	struct store_txn *t;
	uint32_t id;
	struct lab l;
	struct err err;

	(void)state;
	start(&l, &three, true);
	lab_set(&l, TARGET, "CN=Ann", "targetAddress", NULL);
	lab_run(&l);
	lab_set(&l, TARGET, "CN=Ann", "targetAddress", NULL);
	lab_run(&l);
	assert_true(l.res.held);
	assert_int_equal(store_begin(l.store, STORE_WRITE, &t, &err), 0);
	assert_int_equal(store_link_id(t, l.link->name, &id, &err), 0);
	/* In a later hour what is too old is removed. */
	assert_int_equal(store_pass_time(t, 100 * 3600, 0, &err), 0);
	assert_int_equal(
	    store_add_spent(t, id, HELD_REDIRECTIONS, clock_realtime_s() + 100 * 3600, 0, &err), 0);
	assert_int_equal(store_commit(t, &err), 0);
	run_on(&l);
	assert_false(l.res.held);
	assert_true(is(&l, TARGET, "CN=Ann", RS("ann")));
	end(&l);
}

static int
run_about(struct lab *l, struct run *run, void *arg)
{
	const struct cycle_options about = {.objects = arg, .n_objects = 2};

	return sync_delta(run, &about, &l->res, &l->needs_full, &l->err);
}

/* What is asked for by name is not limited. */
static void
asked_for(void **state)
{
	struct guid who[2];
	struct lab l;

	(void)state;
	start(&l, &three, true);
	break_two(&l);
	lab_run(&l);
	check_held(&l);
	who[0] = fakedir_find(l.fd[SOURCE], lab_dn(SOURCE, "CN=Ann"))->guid;
	who[1] = fakedir_find(l.fd[SOURCE], lab_dn(SOURCE, "CN=Bea"))->guid;
	assert_int_equal(lab_act(&l, NULL, run_about, who), 0);
	check_repaired(&l);
	end(&l);
}

static const char *const all[] = {"CN=Ann", "CN=Bea", "CN=Cleo", NULL};

/* Turns are no repairs, and neither is what a cycle does after them. */
static void
turns_are_free(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &three, delta);
		assert_int_equal(lab_turn(&l, NULL, LAB_SWITCH, all), 0);
		lab_run_silent(&l);
		assert_false(l.res.held);
		assert_true(is(&l, SOURCE, "CN=Ann", RT("ann")));
		/* A switched mailbox is mended within the limit too. */
		lab_set(&l, SOURCE, "CN=Ann", "targetAddress", NULL);
		lab_set(&l, SOURCE, "CN=Bea", "targetAddress", RT("other"));
		lab_run(&l);
		assert_true(l.res.held);
		assert_true(
		    is(&l, SOURCE, "CN=Ann", NULL) && is(&l, SOURCE, "CN=Bea", RT("other")));
		lab_set(&l, SOURCE, "CN=Ann", "targetAddress", RT("ann"));
		run_on(&l);
		assert_false(l.res.held);
		assert_true(is(&l, SOURCE, "CN=Bea", RT("bea")));
		l.delta = delta;
		assert_int_equal(lab_turn(&l, NULL, LAB_UNDO, all), 0);
		lab_run_silent(&l);
		assert_false(l.res.held);
		end(&l);
	}
}

static void
rename_alias(struct lab *l, const char *dn, const char *alias)
{
	lab_set(l, SOURCE, dn, "mailNickname", alias);
}

/* Another alias is another redirect address. */
static void
our_own_changes(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &three, delta);
		rename_alias(&l, "CN=Ann", "anna");
		rename_alias(&l, "CN=Bea", "beata");
		lab_run(&l);
		assert_true(l.res.held);
		assert_int_equal(l.told[RUN_BROKEN], 0);
		assert_true(is(&l, TARGET, "CN=Ann", RS("ann")));
		assert_true(lab_has(
		    &l, SOURCE, "CN=Ann", "proxyAddresses", "smtp:ann@redirect.acme.example"));
		assert_int_equal(decide(&l, HELD_NOTHING, NULL, HELD_APPROVED), 2);
		run_on(&l);
		assert_true(is(&l, TARGET, "CN=Ann", RS("anna")));
		assert_true(is(&l, TARGET, "CN=Bea", RS("beata")));
		end(&l);
	}
}

/* A first synchronization, a match, new mailboxes, and a lost map change no redirection. */
static void
first_ones(void **state)
{
	static const struct scenario sc = {.name = "first",
	    .link = "limits = { redirections = 0; };",
	    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", "")},
	    .target = {THERE_OU, THERE("user", "Ann",
				     "mail: ann@acme.example\nsAMAccountName: ann\n"
				     "targetAddress: " RS("old") "\n")}};
	struct lab l;

	(void)state;
	start(&l, &sc, false);
	assert_false(l.res.held);
	assert_true(is(&l, TARGET, "CN=Ann", RS("ann")) && is(&l, TARGET, "CN=Bea", RS("bea")));
	lab_set(&l, TARGET, "CN=Ann", "targetAddress", NULL);
	lab_lose_map(&l);
	lab_run(&l);
	assert_false(l.res.held);
	assert_true(is(&l, TARGET, "CN=Ann", RS("ann")));
	lab_set(&l, TARGET, "CN=Ann", "targetAddress", NULL);
	lab_run(&l);
	assert_true(l.res.held);
	lab_close(&l);
}

/* Contacts say themselves where their mail goes. */
static void
contacts(void **state)
{
	static const struct scenario sc = {.name = "contacts",
	    .link = "limits = { redirections = 0; };",
	    .source = {CONTACT("A", "a", ""), CONTACT("B", "b", "")}};
	struct lab l;

	(void)state;
	start(&l, &sc, true);
	lab_set(&l, SOURCE, "CN=A", "targetAddress", "SMTP:a@new.example");
	lab_set(&l, TARGET, "CN=B", "targetAddress", NULL);
	lab_run(&l);
	assert_false(l.res.held);
	assert_true(is(&l, TARGET, "CN=A", "SMTP:a@new.example"));
	end(&l);
}

/* Killed before each write of the cycle that mends what was approved. */
static void
killed(void **state)
{
	uint64_t writes = 0;

	(void)state;
	for (uint64_t at = 0; at <= writes; at++) {
		struct tap tap = {.stop_at = at};
		struct lab l;

		start(&l, &three, false);
		break_two(&l);
		lab_run(&l);
		assert_int_equal(decide(&l, HELD_NOTHING, NULL, HELD_APPROVED), 2);
		l.dies = true;
		assert_int_equal(lab_cycle(&l, &tap), at ? -1 : 0);
		if (!at)
			writes = tap.writes;
		tap_done(&tap);
		l.dies = false;
		if (at)
			assert_int_equal(lab_cycle(&l, NULL), 0);
		assert_false(l.res.held);
		assert_true(is(&l, TARGET, "CN=Ann", RS("ann")));
		assert_true(is(&l, TARGET, "CN=Bea", RS("bea")));
		lab_run_silent(&l);
		lab_close(&l);
	}
}

/* ---- leavers ---- */

static const struct scenario leavers = {.name = "leavers",
    .scope = KEPT,
    .link = "limits = { deletes = 1; };",
    .source = {CONTACT("A", "a", ""), CONTACT("B", "b", ""), CONTACT("C", "c", "")}};

static void
leavers_approved(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &leavers, delta);
		lab_delete(&l, SOURCE, "CN=A");
		lab_delete(&l, SOURCE, "CN=B");
		lab_run(&l);
		assert_true(l.res.held);
		assert_int_equal(decide(&l, HELD_DELETES, NULL, HELD_APPROVED), 2);
		run_on(&l);
		assert_false(l.res.held);
		assert_false(lab_exists(&l, TARGET, "CN=A") || lab_exists(&l, TARGET, "CN=B"));
		/* The limit is as it was. */
		l.delta = delta;
		lab_delete(&l, SOURCE, "CN=C");
		lab_run(&l);
		assert_false(l.res.held);
		assert_false(lab_exists(&l, TARGET, "CN=C"));
		end(&l);
	}
}

static void
leavers_rejected(void **state)
{
	(void)state;
	for (int delta = 0; delta < 2; delta++) {
		struct lab l;

		start(&l, &leavers, delta);
		lab_set(&l, SOURCE, "CN=A", "msExchHideFromAddressLists", "TRUE");
		lab_set(&l, SOURCE, "CN=B", "msExchHideFromAddressLists", "TRUE");
		lab_run(&l);
		assert_true(l.res.held);
		assert_int_equal(decide(&l, HELD_DELETES, NULL, HELD_REJECTED), 2);
		l.delta = false;
		lab_run_silent(&l);
		assert_false(l.res.held);
		assert_true(lab_exists(&l, TARGET, "CN=A") && lab_exists(&l, TARGET, "CN=B"));
		/* One that comes back and leaves again is asked about again. */
		lab_set(&l, SOURCE, "CN=A", "msExchHideFromAddressLists", NULL);
		lab_set(&l, SOURCE, "CN=A", "title", "Boss");
		l.delta = delta;
		lab_run(&l);
		assert_true(lab_has(&l, TARGET, "CN=A", "title", "Boss"));
		assert_int_equal(held(&l, HELD_REJECTED), 1);
		lab_set(&l, SOURCE, "CN=A", "msExchHideFromAddressLists", "TRUE");
		lab_run(&l);
		assert_false(l.res.held);
		assert_true(lab_has(&l, TARGET, "CN=A", "msExchHideFromAddressLists", "TRUE"));
		assert_int_equal(lab_count(&l, TARGET, "CN=B", "msExchHideFromAddressLists"), 0);
		end(&l);
	}
}

/* The same holds of those who leave. */
static void
leavers_asked_for(void **state)
{
	struct guid who[2];
	struct lab l;

	(void)state;
	start(&l, &leavers, true);
	who[0] = fakedir_find(l.fd[SOURCE], lab_dn(SOURCE, "CN=A"))->guid;
	who[1] = fakedir_find(l.fd[SOURCE], lab_dn(SOURCE, "CN=B"))->guid;
	lab_delete(&l, SOURCE, "CN=A");
	lab_delete(&l, SOURCE, "CN=B");
	lab_run(&l);
	assert_true(l.res.held && lab_exists(&l, TARGET, "CN=A"));
	assert_int_equal(held(&l, HELD_WAITS), 2);
	assert_int_equal(lab_act(&l, NULL, run_about, who), 0);
	assert_false(l.res.held || l.needs_full);
	assert_false(lab_exists(&l, TARGET, "CN=A") || lab_exists(&l, TARGET, "CN=B"));
	assert_int_equal(held(&l, HELD_WAITS), 0);
	end(&l);
}

/* Two kinds at once; each is decided by itself. */
static void
two_kinds(void **state)
{
	static const struct scenario sc = {.name = "two kinds",
	    .scope = KEPT,
	    .link = "limits = { deletes = 0; redirections = 0; };",
	    .source = {MAILBOX("Ann", "ann", ""), CONTACT("B", "b", "")}};
	struct lab l;

	(void)state;
	start(&l, &sc, true);
	lab_set(&l, TARGET, "CN=Ann", "targetAddress", NULL);
	lab_delete(&l, SOURCE, "CN=B");
	lab_run(&l);
	assert_string_equal(l.res.held_why,
	    "1 objects would leave at once, the limit is 0 (limits.deletes); "
	    "1 redirections would be changed at once, the limit is 0 (limits.redirections)");
	assert_int_equal(decide(&l, HELD_DELETES, NULL, HELD_APPROVED), 1);
	run_on(&l);
	assert_true(l.res.held);
	assert_false(lab_exists(&l, TARGET, "CN=B"));
	assert_true(is(&l, TARGET, "CN=Ann", NULL));
	assert_int_equal(decide(&l, HELD_REDIRECTIONS, NULL, HELD_APPROVED), 1);
	l.delta = true;
	run_on(&l);
	assert_false(l.res.held);
	assert_true(is(&l, TARGET, "CN=Ann", RS("ann")));
	end(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(allowed),
	    cmocka_unit_test(repair_within), cmocka_unit_test(repair_held),
	    cmocka_unit_test(repair_by_hand), cmocka_unit_test(repair_rejected),
	    cmocka_unit_test(rejected_and_mended), cmocka_unit_test(loops),
	    cmocka_unit_test(in_a_day), cmocka_unit_test(after_a_day), cmocka_unit_test(asked_for),
	    cmocka_unit_test(turns_are_free), cmocka_unit_test(our_own_changes),
	    cmocka_unit_test(first_ones), cmocka_unit_test(contacts), cmocka_unit_test(killed),
	    cmocka_unit_test(leavers_approved), cmocka_unit_test(leavers_rejected),
	    cmocka_unit_test(leavers_asked_for), cmocka_unit_test(two_kinds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
