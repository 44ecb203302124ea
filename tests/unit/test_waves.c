/* SPDX-License-Identifier: MIT */

/*
 * Waves on two fake forests, with a clock that is told: when they begin and what they say.
 */

#include "tests/support/scenario_turn.h"
#include "tests/support/wave_fixture.h"

/* ---- time ---- */

static void
when_its_time_has_come(void **state)
{
	struct wave_run r = {.now = DUE - 1};
	struct lab l;

	(void)state;
	start(&l, &three);
	assert_true(waves_due(l.store, "acme-globex") == WAVES_NEVER);
	assert_true(waves_due(l.store, "nowhere") == WAVES_NEVER);
	assert_int_equal(plan(&l, DUE, false), 1);
	assert_int_equal(waves_due(l.store, "acme-globex"), DUE);
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_int_equal(switched(&l), 0);
	assert_wave(&l, 1, "planned 0 0");
	r.now = DUE;
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_int_equal(switched(&l), N);
	assert_wave(&l, 1, "done 3 0");
	assert_true(waves_due(l.store, "acme-globex") == WAVES_NEVER);
	assert_string_equal(
	    said(&r), "1: begins: switch of 3 mailboxes; 1: done: 3 of 3 mailboxes, 0 failed; ");
	assert_string_equal(ended(&r), "CN=Cid ok; CN=Bea ok; CN=Ann ok; ");
	assert_int_equal(r.changes, 2 * N);
	forget(&r);
	/* And back, much too late. */
	r = (struct wave_run){.now = DUE + 3600};
	assert_int_equal(plan(&l, DUE, true), 2);
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_int_equal(switched(&l), 0);
	assert_string_equal(said(&r),
	    "2: begins, 3600 s late: undo of 3 mailboxes; 2: done: 3 of 3 mailboxes, 0 failed; ");
	forget(&r);
	lab_close(&l);
}

static void
in_turn(void **state)
{
	struct wave_run r = {.now = DUE};
	struct lab l;

	(void)state;
	start(&l, &three);
	(void)plan(&l, DUE, true);
	(void)plan(&l, DUE - 10, false);
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_wave(&l, 1, "done 3 0");
	assert_wave(&l, 2, "done 3 0");
	assert_int_equal(strncmp(said(&r), "2: begins", 9), 0);
	assert_int_equal(switched(&l), 0);
	forget(&r);
	lab_close(&l);
}

/* ---- outages ---- */

static void
waits_for_a_server(void **state)
{
	struct wave_run r = {.now = DUE};
	struct wave w;
	struct lab l;

	(void)state;
	for (int side = SOURCE; side < SIDES; side++) {
		start(&l, &three);
		(void)plan(&l, DUE, false);
		fakedir_set_down(l.fd[side], true);
		for (int i = 0; i < 3; i++)
			assert_int_equal(go(&l, &r, NULL), -1);
		assert_int_equal(l.err.scope, ERR_PEER);
		w = get(&l, 1);
		assert_int_equal(w.state, WAVE_PLANNED);
		assert_string_equal(w.why, l.err.text);
		wave_done(&w);
		fakedir_set_down(l.fd[side], false);
		assert_int_equal(switched(&l), 0);
		r.now = DUE + 100;
		assert_int_equal(go(&l, &r, NULL), 0);
		assert_wave(&l, 1, "done 3 0");
		assert_int_equal(switched(&l), N);
		/* It said so once. */
		assert_int_equal(strncmp(said(&r), "1: waits: ", 10), 0);
		assert_null(strstr(said(&r) + 10, "waits"));
		assert_non_null(strstr(said(&r), "begins, 100 s late"));
		forget(&r);
		r = (struct wave_run){.now = DUE};
		lab_close(&l);
	}
}

static void
one_fails(void **state)
{
	struct wave_run r = {.now = DUE};
	struct lab l;

	(void)state;
	start(&l, &three);
	(void)plan(&l, DUE, false);
	lab_set(&l, TARGET, "CN=Bea", "targetAddress", "SMTP:elsewhere@example.org");
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_wave(&l, 1, "done 2 1");
	assert_non_null(strstr(ended(&r), "CN=Bea failed: "));
	assert_non_null(strstr(said(&r), "2 of 3 mailboxes, 1 failed"));
	assert_int_equal(lab_count(&l, SOURCE, "CN=Bea", "targetAddress"), 0);
	forget(&r);
	lab_close(&l);
}

static void
somebody_was_faster(void **state)
{
	struct wave_run r = {.now = DUE};
	struct lab l;

	(void)state;
	start(&l, &three);
	(void)plan(&l, DUE, false);
	assert_int_equal(go(&l, &r, NULL), 0);
	forget(&r);
	r = (struct wave_run){.now = DUE};
	(void)plan(&l, DUE, false);
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_wave(&l, 2, "done 3 0");
	assert_non_null(strstr(ended(&r), "CN=Ann okswitched already"));
	assert_int_equal(r.changes, 0);
	forget(&r);
	lab_close(&l);
}

static void
cancelled_meanwhile(void **state)
{
	struct wave_run r = {.now = DUE, .meanwhile = cancel};
	struct lab l;

	(void)state;
	start(&l, &three);
	(void)plan(&l, DUE, false);
	assert_int_equal(go(&l, &r, NULL), 0);
	/* This slice was under way; its results are kept, and it stays cancelled. */
	assert_wave(&l, 1, "cancelled 3 0");
	assert_int_equal(switched(&l), N);
	forget(&r);
	lab_close(&l);
}

/* A mailbox that Exchange has not finished waits, unless the wave is forced. */
static void
not_finished(void **state)
{
	struct wave_run r = {.now = DUE};
	struct wave w;
	struct store_txn *t;
	struct lab l;

	(void)state;
	start(&l, &three);
	lab_set(&l, TARGET, "CN=Bea", "showInAddressBook", NULL);
	(void)plan(&l, DUE, false);
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_wave(&l, 1, "done 2 1");
	assert_non_null(strstr(ended(&r), "CN=Bea failed: Exchange has not finished the mailbox"));
	assert_int_equal(switched(&l), 2);
	forget(&r);
	r = (struct wave_run){.now = DUE};
	(void)plan(&l, DUE, false);
	w = get(&l, 2);
	w.force = true;
	assert_int_equal(store_begin(l.store, STORE_WRITE, &t, &l.err), 0);
	assert_int_equal(wave_put(t, &w, &l.err), 0);
	assert_int_equal(store_commit(t, &l.err), 0);
	wave_done(&w);
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_wave(&l, 2, "done 3 0");
	assert_int_equal(switched(&l), N);
	forget(&r);
	lab_close(&l);
}

static int
must_tell(const struct wave_member *m, void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	assert_int_equal(m->result, WAVE_SUCCEEDED);
	assert_non_null(strstr(m->text, "' does not exist"));
	return 0;
}

/* It is switched, and says what is missing. */
static void
without_group(void **state)
{
	static const struct scenario sc = {.name = "with a group",
	    .link = LAB_GROUP_CONF,
	    .source = {MAILBOX("Ann", "ann", ""), MAILBOX("Bea", "bea", ""),
		MAILBOX("Cid", "cid", ""), LAB_GROUP_LDIF}};
	struct wave_run r = {.now = DUE};
	struct store_txn *t;
	struct lab l;

	(void)state;
	start(&l, &sc);
	lab_delete(&l, SOURCE, LAB_GROUP);
	(void)plan(&l, DUE, false);
	assert_int_equal(go(&l, &r, NULL), 0);
	assert_wave(&l, 1, "done 3 0");
	assert_int_equal(switched(&l), N);
	assert_int_equal(store_begin(l.store, STORE_READ, &t, &l.err), 0);
	assert_int_equal(wave_each_member(t, 1, must_tell, NULL, &l.err), 0);
	store_abort(t);
	forget(&r);
	lab_close(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(when_its_time_has_come),
	    cmocka_unit_test(in_turn),
	    cmocka_unit_test(waits_for_a_server),
	    cmocka_unit_test(one_fails),
	    cmocka_unit_test(somebody_was_faster),
	    cmocka_unit_test(cancelled_meanwhile),
	    cmocka_unit_test(not_finished),
	    cmocka_unit_test(without_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
